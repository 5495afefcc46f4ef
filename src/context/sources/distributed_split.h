/* SPDX-License-Identifier: Apache-2.0 */
/* One entity that is written, split by what is registered (4.3.6.2, 4.3.6.3). */
#pragma once

#include "context/sources/registry.h"

struct split_part {
    const struct registry_match *match;
    const char *const *attributes; /* NULL-terminated stored names; may be empty */
};
struct split {
    const struct split_part *parts; /* one a source; never an auxiliary one */
    int count;
    const char *const *rest; /* the attributes that nobody claims: they stay here; NULL-terminated */
    int rest_count;
    bool here; /* something is left for this hub, if only the entity itself */
};
/* attributes are those that the request names. With deletes the whole entity goes, everywhere. */
struct split split_entity(struct arena *a, const struct registry_matches *matches,
                          const char *const *attributes, int count, bool deletes);
/* The names of the attributes of a fragment. */
const char *const *split_attributes(struct arena *a, const struct json *fragment, int *count);
/* id, type, scope, … of a fragment, and of its attributes these (NULL-terminated). */
struct json *split_fragment(struct arena *a, const struct json *fragment, const char *const *attributes);
