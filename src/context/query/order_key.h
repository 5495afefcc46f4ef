/* SPDX-License-Identifier: Apache-2.0 */
/* The place of an entity in an ordering, as bytes that memcmp compares. Private to order.c. */
#pragma once

#include "context/context.h"
#include "geo/geo.h"

struct UCollator;

/* One key of orderBy. */
struct order_term {
    const char *const *path;    /* stored names: attribute, sub-attribute, …; NULL-terminated */
    const char *const *members; /* [a.b] into the value, or a language; NULL-terminated, may be empty */
    bool descending;
    bool by_distance;
};
/* How all of them are compared. */
struct order_scale {
    struct UCollator *collator;
    const struct geometry *from; /* of distances; or NULL */
    const char *lang;            /* or NULL */
};
/* Appends the bytes for one term. */
void order_key(GByteArray *out, const struct order_term *term, const struct order_scale *scale,
               const struct json *entity);
