/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the chunk codec; its layout stands in chunk.c. */
#pragma once

#include "store/private.h"

enum chunk_kind { KIND_DECIMAL, KIND_DOUBLE, KIND_TEXT };
enum { MAX_DECIMALS = 9 };
extern const double chunk_power[MAX_DECIMALS + 1];

/* A chunk opened: what its head says, and a reader on what follows it. */
struct chunk_head {
    bool old; /* of the first version */
    uint64_t n;
    enum chunk_kind kind;
    int64_t unit; /* of the times, in microseconds */
    bool regular;
    struct byte_reader rest;
    unsigned char *plain; /* what the frame held, to be freed; NULL = it was plain */
};
bool chunk_open(const unsigned char *bytes, size_t length, struct chunk_head *head);

uint64_t get_long_varint(struct byte_reader *r);
static inline uint64_t get_quick(struct byte_reader *r)
{
    return r->at < r->end && *r->at < 0x80 ? *r->at++ : get_long_varint(r);
}
static inline int64_t get_quick_signed(struct byte_reader *r)
{
    uint64_t n = get_quick(r);
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}
