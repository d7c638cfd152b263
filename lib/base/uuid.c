/* Makes ids that no two processes share, and reads and writes their text. */
#include "base/uuid.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

#define POOL_SIZE 512

/* Random bytes kept by each thread: a system call for each id would cost more than the
 * rest of making it. */
static _Thread_local struct {
    uint8_t bytes[POOL_SIZE];
    size_t left; /* at the end of `bytes` */
} pool;

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* Parent and child must not draw the same numbers. The child has one thread, the one
 * that runs this. */
static void forget_pool(void)
{
    pool.left = 0;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_pool);
}

static void read_kernel(uint8_t *at, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno != EINTR) {
            abort(); /* guessable ids and keys are worse than no server */
        }
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

void random_bytes(void *ret, size_t size)
{
    if (size > POOL_SIZE / 4) {
        read_kernel(ret, size);
        return;
    }
    if (size > pool.left) {
        pthread_once(&fork_once, watch_forks);
        read_kernel(pool.bytes, POOL_SIZE);
        pool.left = POOL_SIZE;
    }
    uint8_t *from = pool.bytes + POOL_SIZE - pool.left;
    memcpy(ret, from, size);
    memset(from, 0, size); /* what was given out may become a key */
    pool.left -= size;
}

static void set_version(struct uuid *uuid, uint8_t version)
{
    uuid->b[6] = (uint8_t)((uuid->b[6] & 0x0f) | version << 4);
    uuid->b[8] = (uint8_t)((uuid->b[8] & 0x3f) | 0x80);
}

/* RFC 9562 section 6.2, method 1: the 12 bits of rand_a are a counter that starts each
 * millisecond at a random value with its top bit clear. Time and counter are one number
 * here, so that a full counter carries into the time, and a clock that went back does
 * not matter. */
struct uuid uuid_v7(void)
{
    static _Atomic uint64_t last;
    struct uuid uuid;
    random_bytes(&uuid, sizeof(uuid));

    uint64_t start = (uint64_t)(uuid.b[6] & 0x07) << 8 | uuid.b[7];
    uint64_t fresh = (uint64_t)clock_unix_ms() << 12 | start;
    uint64_t seen = atomic_load_explicit(&last, memory_order_relaxed);
    uint64_t mine;
    do {
        /* Compare the milliseconds only: within one, the counter goes on. */
        mine = fresh >> 12 > seen >> 12 ? fresh : seen + 1;
    } while (!atomic_compare_exchange_weak_explicit(
        &last, &seen, mine, memory_order_relaxed, memory_order_relaxed));

    for (int i = 0; i < 6; i++) {
        uuid.b[i] = (uint8_t)(mine >> (52 - 8 * i));
    }
    uuid.b[6] = (uint8_t)(mine >> 8 & 0x0f);
    uuid.b[7] = (uint8_t)mine;
    set_version(&uuid, 7);
    return uuid;
}

struct uuid uuid_v5(struct uuid space, struct bytes name)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha1(), NULL) != 1 ||
        EVP_DigestUpdate(context, space.b, sizeof(space.b)) != 1 ||
        (name.size > 0 && EVP_DigestUpdate(context, name.data, name.size) != 1) ||
        EVP_DigestFinal_ex(context, digest, NULL) != 1) {
        abort(); /* out of memory, or a libcrypto without SHA-1: no id is right */
    }
    EVP_MD_CTX_free(context);

    struct uuid uuid;
    memcpy(uuid.b, digest, sizeof(uuid.b));
    set_version(&uuid, 5);
    return uuid;
}

/* Where the two digits of each byte stand in the text. */
static const uint8_t places[16] = {0,  2,  4,  6,  9,  11, 14, 16,
                                   19, 21, 24, 26, 28, 30, 32, 34};

#define IS_DIGIT 0x10

/* What a digit counts, with IS_DIGIT; 0: it is none. */
static const uint8_t hex_values[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
    ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
    ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f, ['A'] = 0x1a, ['B'] = 0x1b,
    ['C'] = 0x1c, ['D'] = 0x1d, ['E'] = 0x1e, ['F'] = 0x1f,
};

bool uuid_parse(struct bytes text, struct uuid *ret_uuid)
{
    const uint8_t *at = text.data;
    if (text.size != UUID_TEXT_SIZE - 1 || at[8] != '-' || at[13] != '-' ||
        at[18] != '-' || at[23] != '-') {
        return false;
    }
    struct uuid uuid;
    uint8_t all = IS_DIGIT;
    for (size_t i = 0; i < sizeof(uuid.b); i++) {
        uint8_t high = hex_values[at[places[i]]];
        uint8_t low = hex_values[at[places[i] + 1]];
        all &= high & low;
        uuid.b[i] = (uint8_t)(high << 4 | (low & 15));
    }
    if (all == 0) {
        return false;
    }
    *ret_uuid = uuid;
    return true;
}

void uuid_format(struct uuid uuid, char ret_text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    ret_text[8] = ret_text[13] = ret_text[18] = ret_text[23] = '-';
    for (size_t i = 0; i < sizeof(uuid.b); i++) {
        ret_text[places[i]] = digits[uuid.b[i] >> 4];
        ret_text[places[i] + 1] = digits[uuid.b[i] & 15];
    }
    ret_text[UUID_TEXT_SIZE - 1] = 0;
}
