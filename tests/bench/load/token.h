/* Makes the tokens of the seeded users. */
#ifndef BENCH_TOKEN_H
#define BENCH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#define TOKEN_SIZE 512

/* A JWT (HS256) of seeded user `user`, valid for a day. */
void token_make(const char *secret, uint32_t user, char ret_token[TOKEN_SIZE]);

/* The same of a service, which may publish. */
void token_make_service(const char *secret, char ret_token[TOKEN_SIZE]);

#endif
