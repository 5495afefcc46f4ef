/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a compiled input: slots that are filled in one after the other. */
#pragma once

#include "geo/geo.h"
#include "ingest/mapping.h"
#include "ingest/template.h"
#include "ingest/timestamp.h"

/* Where a value comes from: a member of the payload by its whole name ("PM2.5"), else by its path
 * ("data.pm25"), else a name bound by the topic. */
struct field {
    const char *name;
    size_t length;
    const char *const *path; /* NULL-terminated steps; NULL when the name has no dot */
};

enum slot_kind {
    SLOT_NUMBER,
    SLOT_TEXT,
    SLOT_BOOLEAN,
    SLOT_TIME,
    SLOT_DATA,
    SLOT_POINT,
    SLOT_GEOMETRY,
    SLOT_RELATION
};

/* One unit that a message may name, and how to come from it to the stored one. */
struct slot_unit {
    const char *name;
    double scale, offset;
};

/* One attribute of the entity. */
struct slot {
    const char *name;
    enum slot_kind kind;
    struct field from;
    struct field lat; /* SLOT_POINT: from holds the longitude */
    enum geo_datum datum;
    double scale, offset, min, max;
    bool converts; /* scale or offset is not trivial */
    int decimals;  /* -1 = as sent */
    bool whole;    /* integer */
    const char *unit;
    size_t unit_length;
    struct field unit_from;
    struct slot_unit *units;
    int units_count;
    const struct json *values; /* sent text → stored text, or NULL */
    const struct template *target;
    struct timestamp_format format; /* SLOT_TIME */
    bool fixed;                     /* no observedAt */
};

struct topic_level {
    const char *text; /* the literal, or the name it binds */
    size_t length;
    bool binds;
};

enum time_source { TIME_NONE, TIME_ARRIVAL, TIME_FIELDS };

struct compiled_input {
    bool has_readings; /* some attribute is not fixed */
    struct topic_level *levels;
    int levels_count; /* 0 = no topic */
    const struct template *id;
    const struct template *scope; /* or NULL */
    enum time_source time;
    struct field *time_fields;
    int time_fields_count;
    struct timestamp_format format;
    int64_t future; /* µs that a time may lie ahead of the clock */
    const struct json *missing;
    struct slot *slots;
    int slots_count;
    GHashTable *known; /* names of fields, when others are refused; else NULL */
};

enum { MOST_LEVELS = 16, MOST_TIME_FIELDS = 8 };

/* Splits "zs/air/{station}/reading"; the number of levels, 0 when it is no topic of ours. */
int topic_compile(struct arena *a, const char *topic, struct topic_level *levels);
