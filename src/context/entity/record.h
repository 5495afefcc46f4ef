/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the change log, as store/store.h describes them, written piece by piece. */
#pragma once

#include <glib.h>

#include "context/context.h"

/* Instances for the record, in the order in which they were written; those of one attribute come in a row. */
struct written {
    const struct json *named; /* the attribute */
    const struct json *instance;
    struct json *slot; /* the attribute in the new version, when this is its only instance; else NULL */
    size_t at, length; /* where record_attrs wrote it; length 0 when that is not all of the instance */
    struct written *next;
};
struct written_list {
    struct written *first, *last;
    int count;
};
/* {"op": …, "id": …, "type": …, "at": … */
void record_start(GString *out, const char *op, const char *id, const struct json *types, instant at);
void record_attrs(GString *out, struct written_list *list);
/* The member "ended": of instances that are gone, what the history needs to say so. */
void record_ended(GString *out, const struct written_list *list);
/* The same of all the instances of an entity. */
void record_all_ended(GString *out, const struct json *entity);
/* A further member; nothing when value is NULL. */
void record_member(GString *out, const char *name, const struct json *value);
/* … "by": …} and into the log. Returns its number. */
uint64_t record_end(struct txn *t, GString *out, const char *by);

/* createdAt or modifiedAt: in an instance as stored, but not in a record. */
bool is_time_member(const struct json *m);

/* Notifications may have to say what was before a change. While anyone needs it, records carry it as "was"
 * (see store/store.h). Counts who needs it: delta is 1 or -1. */
void record_need_before(int delta);
bool record_before_needed(void);
/* "was": the attributes of old that the lists name, as they were. */
void record_before(GString *out, const struct json *old, const struct written_list *written,
                   const struct json *gone);
