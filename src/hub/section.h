/* SPDX-License-Identifier: Apache-2.0 */
/* Checking the objects of a pack's section against a table of their members, with every mistake reported. */
#pragma once

#include <stdbool.h>

#include "hub/hub.h"

enum member_kind {
    MEMBER_STRING, /* a non-empty string */
    MEMBER_NAME,   /* letters, digits, '-', '_' and '.'; begins with a letter */
    MEMBER_TEXT,   /* a non-empty string, or {zh: …, en: …} with both */
    MEMBER_NUMBER,
    MEMBER_INT,
    MEMBER_BOOL,
    MEMBER_LIST,
    MEMBER_OBJECT,
    MEMBER_SPAN,   /* "30s", "10m", "PT1H" */
    MEMBER_COLOUR, /* "#rrggbb" */
    MEMBER_CHOICE, /* one of choices, "a|b|c" */
    MEMBER_ANY,
};

/* One line of a table that ends with a NULL name. */
struct member {
    const char *name;
    enum member_kind kind;
    bool required;
    const char *choices;
};

/* Holds object against members and reports each member that is unknown, missing or of another kind. what
 * names the object in sentences ("type Gauge"). False when anything was reported, also when object is no
 * object. */
bool section_object(struct pack_report *r, const struct json *object, const char *what,
                    const struct member *members);
/* The same for a single value. name is the member's name in the sentence. */
bool section_value(struct pack_report *r, const struct json *value, const char *what, const char *name,
                   enum member_kind kind, const char *choices);
/* A text of a pack in the language asked for, else in the other; "" when it has neither. */
const char *section_text(const struct json *text, bool chinese);
/* Is this a name as MEMBER_NAME has it? */
bool section_is_name(const char *name);
