/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes as a function of the change log: records go in, values to be written come out. Keeps the last
 * reading of each entity and the hours of its last two days. */
#pragma once

#include "indicators/compute.h"

struct tracker;

/* A value to be written. */
struct index_output {
    char *entity;
    const struct index *index;
    instant at; /* of the reading; for days the local start of the day */
    bool late;  /* newer ones have been put out before: for the history */
    struct index_result result;
};

/* Takes the set over. */
struct tracker *tracker_new(struct index_set *set);
void tracker_free(struct tracker *t); /* NULL is fine */
/* Deals with one log record (store/store.h). Records that an index itself has caused are ignored. */
void tracker_record(struct tracker *t, const struct json *record);
/* What came out since the last tracker_flushed, in order. */
const GArray *tracker_outputs(const struct tracker *t);
void tracker_flushed(struct tracker *t);
int tracker_entities(const struct tracker *t);

/* ---- its memory as rows of keys and values, small enough to be written often ---- */

struct tracker_row {
    GBytes *key, *value; /* value NULL: the row is to be deleted */
};
/* Entities with changes since the last save. */
int tracker_dirty(const struct tracker *t);
/* Appends the rows that changed (all: every row) to rows. */
void tracker_save(struct tracker *t, bool all, GArray *rows);
void tracker_rows_clear(GArray *rows);
/* The rows were not kept: everything counts as changed again. */
void tracker_save_failed(struct tracker *t);
/* Takes a row back. Rows of indexes that are gone or have other parts now are dropped: false. */
bool tracker_restore(struct tracker *t, const void *key, size_t key_length, const void *value,
                     size_t value_length);
