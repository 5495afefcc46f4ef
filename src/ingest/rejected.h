/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of what was refused: MQTT messages, and rows of imported files. */
#pragma once

#include "http/http.h"
#include "ingest/mapping.h"
#include "store/store.h"

/* ---- messages: kept newest LIMIT_REJECTIONS, the oldest go first ---- */

struct rejected_message {
    const struct mapped *mapped; /* what was made of it, with at least one fault */
    const char *topic;
    const char *payload;
    size_t length;
    bool duplicate; /* the broker sends it again: it may be listed already */
    int index;      /* of the message in its job, so that keys differ */
};
/* Adds one to the list, inside a job. *added tells whether it was new. */
bool rejected_put(struct txn *t, const struct rejected_message *m, bool *added, struct error *e);
/* Removes the oldest beyond the limit; kept is the number there. Returns how many were removed, -1 on
 * failure. */
int64_t rejected_prune(struct txn *t, int64_t kept, struct error *e);
int64_t rejected_count(struct view *v);

/* What to list. */
struct rejected_query {
    const char *input,
        *text;        /* NULL = any; text is looked for in topic, payload and reason, letters in any case */
    instant from, to; /* from <= at < to */
    struct list_page page;
};
/* {total, items: [{at, input, topic, payload, partial, reason: {zh, en}, attributes: […]}]}, the newest
 * first. */
struct json *rejected_list(struct view *v, struct arena *a, const struct rejected_query *q);

/* ---- rows of one import ---- */

/* Adds a row's faults under the import's id and its line. */
bool rejected_row_put(struct txn *t, const char *import, int64_t line, const struct fault *faults,
                      bool partial, const char *row, size_t length, struct error *e);
/* {total, items: [{line, partial, reason, row}]}, by line. */
struct json *rejected_rows(struct view *v, struct arena *a, const char *import, int64_t offset,
                           int64_t limit);
bool rejected_rows_delete(struct txn *t, const char *import, struct error *e);
