/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of packs, compiled: from topic and payload, or from a row, to fragments of entities in stored form.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/instant.h"
#include "hub/hub.h"

/* ---- compiled inputs: read-only, shared by threads ---- */

/* All inputs of a set of packs. */
struct mapping;
/* From packs that passed their checks. */
struct mapping *mapping_compile(const struct pack *const *packs, struct error *e);
struct mapping *mapping_ref(struct mapping *m);
void mapping_unref(struct mapping *m); /* NULL is fine */

/* One input, as others need to see it. */
struct input {
    const char *name;  /* "air-grid" */
    const char *pack;  /* "air" */
    const char *by;    /* "input:air-grid": who writes, in the log */
    const char *type;  /* of its entities */
    const char *topic; /* as in the pack, or NULL */
    const char *title_zh, *title_en;
    /* since the start of the program, for GET /api/v1/inputs; changed with counter_add's atomics */
    struct input_counts {
        int64_t received, accepted, rejected, partial;
        instant last_at;
    } * counts;
    struct compiled_input *compiled;
};
int mapping_inputs(const struct mapping *m, const struct input *const **inputs);
const struct input *mapping_find(const struct mapping *m, const char *name); /* or NULL */
/* The filters to subscribe to, NULL-terminated: for each topic what stands before its first {name}, and all
 * below it, so that messages which no input understands are seen too. Lives as long as the mapping. */
const char *const *mapping_filters(const struct mapping *m);

/* ---- mapping ---- */

/* One thing that was refused: an attribute, or all of it. */
struct fault {
    struct fault *next;
    const char *attribute; /* NULL = the whole message or row */
    const char *en, *zh;
};

/* What one input made of a message or row; lives in the arena. */
struct mapped {
    struct mapped *next;
    const struct input *input; /* NULL when no input was found for a message */
    struct json *fragment;     /* for context_write; NULL = refused as a whole */
    struct fault *faults;
};

/* Maps a message by every input whose topic matches; never NULL. A message that no input is for, or that
 * cannot be parsed, gives a single refused one. now is the arrival. */
struct mapped *mapping_message(const struct mapping *m, struct arena *a, const char *topic,
                               const char *payload, size_t length, instant now);
/* A message that was too large to be read (length bytes): refused. */
struct mapped *mapping_oversize(struct arena *a, const char *topic, size_t length);
/* Maps one row: an object whose members are texts, by column. */
struct mapped *mapping_row(const struct input *input, struct arena *a, const struct json *row, instant now);
/* Adds a fault to what is mapped and refuses the fragment (attribute NULL) or not. */
void mapped_add_fault(struct mapped *m, struct arena *a, const char *attribute, const char *en,
                      const char *zh, ...) __attribute__((format(printf, 4, 6), format(printf, 5, 6)));

/* ---- the section `inputs` ---- */

/* For pack_section.check. */
void inputs_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                  struct pack_report *r);
