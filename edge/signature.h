/* Checks a JWS signature (RFC 7515, RFC 7518) with OpenSSL: for tokens that libjwt 1.10
 * does not take because their type is at+jwt (RFC 9068). */
#ifndef EDGE_SIGNATURE_H
#define EDGE_SIGNATURE_H

#include "base/bytes.h"
#include "edge/jwks.h"

/* True if `signature` (decoded) is the key's over `text`, by the key's own algorithm. */
bool signature_valid(const struct token_key *key, struct bytes text,
                     struct bytes signature);

#endif
