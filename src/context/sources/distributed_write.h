/* SPDX-License-Identifier: Apache-2.0 */
/* One write that is spread over sources, while it is under way; shared by the files of it. */
#pragma once

#include "context/sources/distributed_plan.h"

struct spread_write {
    struct write_call *write; /* its fragment is what is left for this hub */
    struct gather *gather;
    enum registration_operation operation;
    struct registry_matches matches; /* owned */
    const char *id;
    struct json *given; /* the whole fragment, or NULL for deletions */
    bool here;          /* something is left for this hub */
    bool failed_here;
    struct error failure; /* of the part here */
};
/* What a forward of a write was for. */
struct write_part {
    const char *const *attributes; /* NULL-terminated stored names; NULL = the entity as a whole */
};

/* Replies when all parts are done (5.2.16, 5.2.18, 6.3.17). */
void spread_write_reply(struct spread_write *s);
