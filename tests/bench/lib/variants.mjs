// What a promise costs: the statement of SEND_MESSAGE runs as it is, and without one of the
// promises. Nothing is written twice for that: a schema in front of the others hides a table
// or a function from the real SQL, so that what is measured is what is there today.

/** Schemas by what they take away; each is made in the bench's own database. */
const SCHEMAS = {
  // Answers are looked for in a table that is empty and stays so, and no key is locked.
  answers: () => `
    CREATE TABLE answers (LIKE public.answers INCLUDING ALL);
    CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER forget BEFORE INSERT ON answers FOR EACH ROW EXECUTE FUNCTION forget();
    CREATE TYPE no_lock AS ENUM ('none');
    CREATE FUNCTION key_lock(uuid, uuid) RETURNS no_lock LANGUAGE sql IMMUTABLE AS $$ SELECT 'none'::no_lock $$;
    ${noLocks('no_lock')}`,
  // No lock waits or is refused; the calls themselves go away when the plan is made.
  locks: () => noLocks('bigint'),
  // The access stream's number is not read.
  fence: async system => {
    const READ = /SELECT\s+(\w+)\.last_seq(\s+INTO\s+[\w.]+)?\s+FROM\s+streams\s+\1\s+WHERE\s+\1\.kind\s*=\s*5\s+AND\s+\1\.id\s*=\s*[\w.]+/g
    const all = JSON.parse(await system.sql(`
      SELECT json_agg(pg_get_functiondef(p.oid)) FROM pg_proc p
      WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f' AND p.prosrc ~ 'kind = 5'`))
    const changed = all.filter(text => text.search(READ) >= 0)
    if (!changed.length) throw new Error('the fence is not read where this row looks for it: tests/bench/lib/variants.mjs')
    return changed.map(text => text.replace(READ, (_, alias, into = '') => `SELECT 0::bigint${into}`)
      .replace('FUNCTION public.', 'FUNCTION ')).join(';\n')
  },
}

const noLocks = type => ['', '_shared'].map(kind => `
    CREATE FUNCTION pg_try_advisory_xact_lock${kind}(${type}) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE FUNCTION pg_advisory_xact_lock${kind}(${type}) RETURNS void LANGUAGE sql IMMUTABLE AS 'SELECT';`).join('')

const schema = name => `without_${name}`

/** Makes the schemas; gives, by name, the environment in which libpq sees them. */
export async function makeVariants(system) {
  const environments = {}
  for (const [name, make] of Object.entries(SCHEMAS)) {
    const path = `${schema(name)}, pg_catalog, public`
    await system.sql(`DROP SCHEMA IF EXISTS ${schema(name)} CASCADE; CREATE SCHEMA ${schema(name)};
      SET search_path = ${path}; SET check_function_bodies = off; ${await make(system)}`)
    environments[name] = { PGOPTIONS: `-c search_path=${path.replaceAll(' ', '')}` }
  }
  return environments
}

/**
 * What shows that something was taken away: answers stored, advisory locks held, and looks
 * at the table of streams for each message, of which the fence is one.
 */
export async function traces(system, run) {
  const count = async () => JSON.parse(await system.sql(`
    SELECT json_object_agg(relname, CASE relname WHEN 'streams' THEN idx_scan ELSE n_tup_ins END)
    FROM pg_stat_user_tables WHERE schemaname = 'public' AND relname IN ('answers', 'messages', 'streams')`))
  const before = await count()
  let locks = 0
  const watch = setInterval(async () => {
    const seen = await system.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").catch(() => 0)
    locks = Math.max(locks, Number(seen))
  }, 200)
  try {
    await run()
  } finally {
    clearInterval(watch)
  }
  await new Promise(resolve => setTimeout(resolve, 1500)) // PostgreSQL's statistics come late
  const after = await count()
  const grown = name => after[name] - before[name]
  return { answers: grown('answers'), locks, looks: grown('streams') / grown('messages') }
}
