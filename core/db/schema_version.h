/* The range of schema versions (migrations/) that this core can work with. A migration
 * raises MAX; MIN follows once no older schema needs to be served any more. */
#ifndef CORE_DB_SCHEMA_VERSION_H
#define CORE_DB_SCHEMA_VERSION_H

#define SCHEMA_VERSION_MIN 10
#define SCHEMA_VERSION_MAX 10

/* What the database has; NULL: nothing was applied. */
#define SCHEMA_VERSION_SQL "SELECT max(version::bigint) FROM schema_migrations"

#endif
