/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed formula, between its parser and its evaluation. Private to expr. */
#pragma once

#include "expr/expr.h"

enum formula_operator {
    F_CONSTANT,
    F_NAME,
    F_OR,
    F_AND,
    F_NOT,
    F_EQUAL,
    F_UNEQUAL,
    F_LESS,
    F_LESS_EQUAL,
    F_GREATER,
    F_GREATER_EQUAL,
    F_ADD,
    F_SUBTRACT,
    F_MULTIPLY,
    F_DIVIDE,
    F_REMAINDER,
    F_NEGATE,
    /* functions */
    F_MIN,
    F_MAX,
    F_ABS,
    F_ROUND,
    F_CEIL,
    F_FLOOR,
    F_SQRT,
    F_POW,
    F_IF,
    F_COALESCE,
    F_HAS,
};

struct formula_node {
    enum formula_operator op;
    struct value constant;
    int path;                   /* F_NAME, F_HAS: index into paths */
    struct formula_node *first; /* operands */
    struct formula_node *next;
    int operands;
};

struct formula {
    struct arena *a;
    struct formula_node *root;
    GArray *paths; /* struct formula_path */
};

/* Parses into an arena and a list of paths that may be shared with other formulas (text templates). what
 * names the text in errors; offset is added to positions. NULL with e set on failure. */
struct formula_node *formula_parse_into(struct arena *a, GArray *paths, const char *text, long offset,
                                        const char *what_en, const char *what_zh, struct error *e);
struct value formula_eval_node(const struct formula_node *node, const struct formula_path *paths,
                               formula_resolver resolve, void *user);
