/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes as packs define them: tables of breakpoints and what is made of them. docs/packs/indexes.md is the
 * manual. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "base/instant.h"
#include "hub/hub.h"

enum { MAX_PARTS = 16, MAX_COLUMNS = 40, MAX_ROWS = 100 };

/* Breakpoints: the first column is the index, the others are values; a column may end early (NAN). All
 * ascend. */
struct table {
    const char *name;
    int columns_count, rows_count;
    const char *columns[MAX_COLUMNS];
    double *cells; /* rows_count × columns_count */
};

enum statistic { STATISTIC_MEAN, STATISTIC_MOVING };

/* One pollutant of an index. */
struct part {
    const char *attribute; /* of the entity */
    const char *name;      /* as the output names it: "PM2.5" */
    const char *column;    /* of the tables */
    int decimals;          /* the value is rounded so, half to even (GB/T 8170), before the table is asked */
    /* Days only: what is made of the 24 hours. */
    enum statistic statistic;
    int at_least;        /* mean: hours with a value needed; moving: the same within one window */
    int span;            /* moving: hours of one window, which ends with the hour that labels it */
    int first, last;     /* moving: labels of the windows, 0..23 */
    int windows;         /* moving: windows needed … */
    double unless_above; /* … unless the largest is above this; NAN = no exception */
};

/* Which table is in force, by the local date of the reading. */
struct period {
    instant until; /* readings before this; INSTANT_MAX = no end */
    const struct table *table;
    int columns[MAX_PARTS]; /* of each part */
};

struct level {
    double to; /* highest index of the level */
    const char *zh, *en, *colour;
};

struct index {
    const char *pack, *name, *type;
    bool daily;       /* window: day; else instant: the values of one reading */
    int zone_minutes; /* east of UTC: where days begin */
    int parts_count;
    struct part parts[MAX_PARTS];
    int at_least; /* parts with a value needed */
    int periods_count;
    struct period *periods; /* ascending; the last without end */
    int levels_count;
    struct level *levels;
    double primary_above; /* the primary parts are named only when the index is above this */
    const char *none;     /* written instead of them else */
    /* Attributes written; NULL = not. */
    const char *value, *level, *category, *primary;
};

struct index_set {
    struct arena *arena;
    struct table **tables;
    int tables_count;
    struct index *indexes;
    int count;
};

/* Compiles the sections `tables` and `indexes` of all packs (NULL-terminated). Mistakes go to report; the
 * indexes without mistake are in the answer. Keeps nothing of packs. */
struct index_set *index_set_new(const struct pack *const *packs, struct pack_report *report);
void index_set_free(struct index_set *set); /* NULL is fine */

/* For `packs check`. */
void tables_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                  struct pack_report *report);
void indexes_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                   struct pack_report *report);
