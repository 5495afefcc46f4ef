/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled q expression, between its parser and its evaluation. Private to expr. */
#pragma once

#include <glib.h>

#include "base/instant.h"
#include "expr/expr.h"

enum q_operator {
    Q_EXISTS,
    Q_EQUAL,
    Q_UNEQUAL,
    Q_GREATER,
    Q_GREATER_EQUAL,
    Q_LESS,
    Q_LESS_EQUAL,
    Q_LIKE,
    Q_UNLIKE
};

enum q_value_kind { Q_NUMBER, Q_TEXT, Q_BOOL, Q_DATE_TIME, Q_DATE, Q_TIME };
struct q_value {
    enum q_value_kind kind;
    bool boolean;
    double number;
    const char *text; /* of TEXT and DATE */
    const char *name; /* of a TEXT that is an IRI or a name to expand: as stored; else NULL */
    int64_t at;       /* DATE_TIME: instant; TIME: microseconds of the day */
};

/* rel{Type1,Type2: …}: go on at the entities that the Relationship points to. */
struct q_hop {
    const char *attribute;
    const char *const *types; /* NULL-terminated; NULL = any */
    struct q_hop *next;
};

struct q_term {
    struct q_hop *hops;
    const char **path; /* attribute, sub-attribute, … */
    int path_count;
    const char **members; /* [a.b] into the value; {"*"} = any language */
    int members_count;
    enum q_operator op;
    struct q_value *values; /* one, a list of alternatives, or the two ends of a range */
    int values_count;
    bool is_range;
    GRegex *pattern;
};

enum q_node_kind { Q_TERM, Q_AND, Q_OR };
struct q_node {
    enum q_node_kind kind;
    struct q_term *term;
    struct q_node *first; /* of AND and OR */
    struct q_node *next;
};

struct q {
    struct arena *a;
    struct q_node *root;
    GPtrArray *patterns; /* owned GRegex */
    const char *const *required;
    const char *const *attributes;
};
