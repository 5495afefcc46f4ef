/* SPDX-License-Identifier: Apache-2.0 */
/* Histories as files of any length: rows, each one moment of one entity, written as CSV, JSON lines or
 * GeoJSON. What the files of the export share. */
#pragma once

#include <stdio.h>

#include "context/temporal/temporal_job.h"

enum export_format { EXPORT_CSV, EXPORT_LINES, EXPORT_GEOJSON };
/* The words for them in format=; NULL-terminated. */
extern const char *const export_formats[];

/* What is exported, and how. All of it is its own, since it outlives the request. */
struct export_plan {
    struct arena *arena;
    struct space *space;
    struct ld_context *ctx;
    struct temporal_query q; /* range, property, what to show */
    enum export_format format;
    bool many; /* rows begin with the entity */
    bool chinese, gb18030;
    bool local; /* times for people: in the zone, without a letter between date and time */
    int zone_minutes;
    const char *geo_property; /* of the Features */
    GPtrArray *columns;       /* struct export_column, CSV only */
    GHashTable *column_of;    /* "attribute\ndataset" → number of the column + 1 */
    FILE *ids;                /* the entities, a line each; read from its start */
    int64_t count;
};
struct export_column {
    const char *attribute, *dataset;
};
/* Takes over what j holds, finds the entities, and for CSV their columns. Reads histories where filters ask
 * for it. NULL with e set. */
struct export_plan *export_plan_new(struct temporal_job *j, enum export_format format, struct error *e);
void export_plan_free(struct export_plan *p); /* NULL is fine */
/* The number of the column of a series, or -1. */
int export_column_of(const struct export_plan *p, const struct history_series *s);
/* The series that says where the entity is; Features need it, whatever is to be shown. */
bool export_is_place(const struct export_plan *p, const struct history_series *s);
/* The next entity as it is or was (in a); NULL at the end. */
const struct json *export_next_entity(struct export_plan *p, struct arena *a);

/* ---- temporal_export_rows.c: the moments of one entity ---- */

/* One value of a row. */
struct export_value {
    const struct history_series *series;
    struct temporal_point *point;
};
struct export_row {
    instant at;
    const struct export_value *values;
    int count;
};
struct export_rows;
struct export_rows *export_rows_new(const struct export_plan *p, const char *id, struct error *e);
void export_rows_free(struct export_rows *r); /* NULL is fine */
/* The next moment; it lives until the next call. False at the end, or with e set. */
bool export_rows_next(struct export_rows *r, struct export_row *row, struct error *e);

/* ---- temporal_export_text.c: rows as text ---- */

struct export_text {
    const struct export_plan *plan;
    GString *out; /* what has been written so far, UTF-8 */
    bool some;    /* a Feature has been written */
    const struct json *entity;
    char *geometry; /* where the entity is at this moment, as JSON text, or NULL */
};
const char *export_content_type(const struct export_plan *p);
void export_begin(struct export_text *t);
/* The rows of an entity follow. */
void export_entity(struct export_text *t, const struct json *entity);
void export_row(struct export_text *t, const struct export_row *row);
void export_end(struct export_text *t);

/* ---- temporal_export.c ---- */

/* GET /api/v1/history and /api/v1/history/{id}; format=csv|ndjson|geojson. */
bool temporal_export_many(struct call *c, struct error *e);
bool temporal_export_one(struct call *c, struct error *e);
/* The history of one entity as CSV, as an answer of /ngsi-ld/v1/temporal. */
bool temporal_export_csv(struct call *c, const struct temporal_query *q, const char *id, struct error *e);
