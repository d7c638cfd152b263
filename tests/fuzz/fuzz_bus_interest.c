/* Target function: interest_set_learn. The first byte says how many bytes the first
 * message has, the rest is the second one. No input crashes it; what is refused is what
 * is not whole words, or a word that is no bucket; and what was told last holds. */
#include <stdlib.h>

#include "bus/bus_interest.h"

#define BUCKETS (1u << 20)
#define WANTED  0x80000000u
#define TOLD    0xffffffffu

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static uint32_t word_at(struct bytes message, size_t at)
{
    uint32_t word = 0;
    for (size_t i = 0; i < 4; i++) {
        word = word << 8 | message.data[at + i];
    }
    return word;
}

static bool is_telling(struct bytes message)
{
    bool good = message.size > 0 && message.size % 4 == 0;
    for (size_t at = 0; good && at < message.size; at += 4) {
        uint32_t word = word_at(message, at);
        good = word == TOLD || (word & ~WANTED) < BUCKETS;
    }
    return good;
}

/* Each bucket is as the last word about it says. */
static void check_words(const struct interest_set *set, struct bytes message)
{
    for (size_t at = 0; at < message.size; at += 4) {
        uint32_t word = word_at(message, at);
        bool last = word != TOLD;
        for (size_t k = at + 4; last && k < message.size; k += 4) {
            uint32_t later = word_at(message, k);
            last = later == TOLD || (later & ~WANTED) != (word & ~WANTED);
        }
        bool wanted = !set->told || (word & WANTED) != 0;
        require(!last || interest_set_has(set, word & ~WANTED) == wanted);
    }
}

static bool check_message(struct interest_set *set, struct bytes message)
{
    bool told = set->told;
    enum err err = interest_set_learn(set, message);
    require(err == (is_telling(message) ? ERR_OK : ERR_VALIDATION_ERROR));
    require(!told || set->told);
    if (err == ERR_OK) {
        check_words(set, message);
    }
    return err == ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t first = data[0] < size ? data[0] : size - 1;
    struct interest_set set = {0};
    if (check_message(&set, bytes_make(data + 1, first))) {
        check_message(&set, bytes_make(data + 1 + first, size - 1 - first));
    }
    interest_set_finish(&set);
    return 0;
}
