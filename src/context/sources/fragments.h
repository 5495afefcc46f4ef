/* SPDX-License-Identifier: Apache-2.0 */
/* One entity put together from what several sources know of it (ETSI GS CIM 009 V1.9.1, 4.3.6, 4.5.5). */
#pragma once

#include "base/arena.h"
#include "base/instant.h"
#include "json/json.h"

/* Whose word counts more about an attribute. */
enum fragment_rank {
    FRAGMENT_AUXILIARY, /* fills gaps only: attributes that nobody else has */
    FRAGMENT_EQUAL,     /* local, or of an inclusive registration */
    FRAGMENT_REDIRECT,
    FRAGMENT_EXCLUSIVE, /* the only place where the attribute is held */
};
/* An entity in stored form, as one source has it, with its createdAt and modifiedAt where they are known. */
struct fragment {
    struct json *entity; /* in the arena; its nodes are used for the result */
    enum fragment_rank rank;
};
/* Puts the fragments of one entity together: of two instances with the same datasetId that of the higher rank
 * stands, then the one observed last, then the one modified last, then the one that comes first. Instances
 * that have expired are left out. count is at least 1. */
struct json *fragments_merge(struct arena *a, const struct fragment *fragments, int count, instant now);
