/* SPDX-License-Identifier: Apache-2.0 */
/* Import of CSV files: in batches, with the progress in the same transaction as the rows, so that a
 * broken-off import goes on exactly where it stood. */
#pragma once

#include "ingest/mapping.h"
#include "store/store.h"

/* running ──▶ done | failed; a running one whose program ended is `interrupted` until it is taken up again.
 */
struct import {
    char id[48];
    char *input, *file, *file_name, *digest;
    const char *state; /* "running", "done", "failed" */
    char *encoding;
    bool by_command; /* of `zhongshu import --data`, else of the hub */
    char *error_en, *error_zh;
    instant started_at, finished_at; /* 0 = not yet */
    int64_t bytes, total_bytes;      /* dealt with; of the file, unpacked */
    int64_t line;                    /* of what stands at bytes */
    int64_t rows, accepted, rejected, partial;
};
void import_clear(struct import *i);

/* What is known of an import, {id, input, fileName, state, bytes, totalBytes, rows, accepted, rejected,
 * partial, …}; NULL when there is none. */
struct json *import_describe(struct view *v, struct arena *a, const char *id);
/* {total, items}, the newest first. */
struct json *import_list(struct view *v, struct arena *a, int64_t offset, int64_t limit);
/* The import of this input and digest that is still to be finished. False when there is none. */
bool import_unfinished(struct view *v, const char *input, const char *digest, struct import *i);

/* Fills a new import from its file: digest, size, encoding (found out unless given). */
bool import_prepare(struct import *i, const char *input, const char *file, const char *file_name,
                    const char *encoding, struct error *e);
/* Writes the import as it stands, by itself or inside a job. */
bool import_save(struct store *s, struct import *i, struct error *e);
bool import_put(struct txn *t, const struct import *i, struct error *e);
/* Appends the running imports of the hub (struct import *, to be cleared and freed), the oldest first. */
void import_each_running(struct view *v, GQueue *queue);
/* Removes what is known of old imports, but for the newest 500. */
bool import_forget_old(struct store *s, struct error *e);

struct import_run {
    struct store *store;
    struct mapping *mapping;
    /* Asked between batches (wait_ms 0), and to wait before the store is tried again; false = stop. NULL = go
     * on. */
    bool (*go_on)(void *user, int wait_ms);
    void (*progress)(void *user, const struct import *i); /* after each commit; may be NULL */
    void *user;
};
/* Goes on from i->bytes to the end. Leaves i in state done or failed, or running when stop said so. False
 * with e set when it failed or the store failed for good. */
bool import_run(struct import *i, const struct import_run *how, struct error *e);

/* ---- inside the hub ---- */

/* One thread works off accepted files in order; unfinished ones of before are taken up. */
bool importer_start(struct hub *h, struct error *e);
void importer_stop(void);

struct import_request {
    const char *input, *file, *file_name, *encoding; /* file_name and encoding may be NULL */
};
/* Takes an uploaded file over. Returns the id, in a. */
const char *import_accept(struct arena *a, const struct import_request *wanted, struct error *e);
