/* What a grant looks like. */
#include "link/grant.h"

void grant_write(const struct stream_id *stream, uint64_t access_seq,
                 struct bytes username, uint8_t *ret_grant)
{
    memcpy(ret_grant, stream, sizeof(*stream));
    bytes_put_number(ret_grant + sizeof(*stream), access_seq, 8);
    if (username.size > 0) {
        memcpy(ret_grant + GRANT_HEAD_SIZE, username.data, username.size);
    }
}

bool grant_read(struct bytes grant, struct stream_id *ret_stream,
                struct bytes *ret_username)
{
    if (grant.size < GRANT_HEAD_SIZE ||
        !stream_from_bytes(bytes_make(grant.data, sizeof(*ret_stream)), ret_stream)) {
        return false;
    }
    *ret_username =
        bytes_make(grant.data + GRANT_HEAD_SIZE, grant.size - GRANT_HEAD_SIZE);
    return true;
}
