/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves: made from change records, and read again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "ledger/tree.h"
#include "json/json.h"

enum { LEAF_MAX = 65535 }; /* bytes of an entry, by the length prefix of entry bundles */

/* "case.action" or "rule.change" when the record gets a leaf, else NULL: late values change no entity. */
const char *leaf_kind(const struct json *record);

struct leaf {
    const char *text;
    size_t length;
    const char *subject;
};
/* Makes the leaf of a record for which leaf_kind is not NULL. actor_key has HASH_SIZE bytes. */
bool leaf_make(struct arena *a, const struct json *record, uint64_t seq, const uint8_t *actor_key,
               struct leaf *out, struct error *e);

/* What verifying needs of a leaf. */
struct leaf_facts {
    const char *subject, *op;
    const char *sha256, *sm3; /* hex; NULL in a deletion */
    uint64_t seq;
};
/* False for anything that leaf_make does not write. */
bool leaf_read(struct arena *a, const char *text, size_t length, struct leaf_facts *out);
