/* SPDX-License-Identifier: Apache-2.0 */
/* The last value of one attribute of one entity, as the rules remember it. */
#pragma once

#include "base/instant.h"
#include "expr/expr.h"

enum held_kind { HELD_MISSING, HELD_NUMBER, HELD_STRING, HELD_BOOL, HELD_POINT, HELD_GEOMETRY };

/* The last value of one attribute. */
struct held {
    uint16_t slot;
    uint8_t kind; /* enum held_kind */
    bool boolean;
    instant observed; /* observedAt, else the time of the change */
    union {
        double number;
        char *text; /* STRING; GEOMETRY as GeoJSON */
        double point[2];
    };
};

/* Fills in the kind and the value of an attribute in stored form; the kind stays HELD_MISSING for what no
 * formula can use. Texts are copied: held_clear frees them. */
void held_read(struct held *out, const struct json *attribute);
/* Same kind and value; times do not count. */
bool held_equal(const struct held *a, const struct held *b);
void held_clear(struct held *h);
/* For formulas; NULL is missing. A text lives as long as h. */
struct value held_value(const struct held *h);
struct json *held_json(struct arena *a, const struct held *h);
