/* SPDX-License-Identifier: Apache-2.0 */
/* Formulas with values: three-valued logic, and arithmetic in which what is missing stays missing. */
#include <math.h>
#include <string.h>

#include "expr/formula_tree.h"

struct evaluation {
    const struct formula_path *paths;
    formula_resolver resolve;
    void *user;
};

static const struct value missing = {.kind = VALUE_MISSING};

static struct value eval(const struct evaluation *ev, const struct formula_node *n);

static struct value lookup(const struct evaluation *ev, const struct formula_node *n)
{
    const struct formula_path *p = &ev->paths[n->path];
    struct value v = ev->resolve(ev->user, p->segments, p->count);
    return v.kind == VALUE_NUMBER ? value_number(v.number) : v;
}

/* F_AND and F_OR: one side may decide alone. */
static struct value logic(const struct evaluation *ev, const struct formula_node *n)
{
    bool decides = n->op == F_OR;
    struct value a = eval(ev, n->first);
    if (a.kind == VALUE_BOOL && a.boolean == decides) {
        return a;
    }
    struct value b = eval(ev, n->first->next);
    if (b.kind == VALUE_BOOL && b.boolean == decides) {
        return b;
    }
    return a.kind == VALUE_BOOL && b.kind == VALUE_BOOL ? value_bool(!decides) : missing;
}

static int order_of(const struct value *a, const struct value *b)
{
    switch (a->kind) {
    case VALUE_NUMBER: return (a->number > b->number) - (a->number < b->number);
    case VALUE_STRING: return strcmp(a->string, b->string);
    case VALUE_BOOL: return (int)a->boolean - (int)b->boolean;
    case VALUE_MISSING: break;
    }
    return 0;
}

static struct value comparison(enum formula_operator op, const struct value *a, const struct value *b)
{
    if (a->kind == VALUE_MISSING || b->kind == VALUE_MISSING) {
        return missing;
    }
    bool same_kind = a->kind == b->kind;
    int order = same_kind ? order_of(a, b) : 1;
    if (op == F_EQUAL || op == F_UNEQUAL) {
        return value_bool((order == 0) == (op == F_EQUAL));
    }
    if (!same_kind || a->kind == VALUE_BOOL) {
        return missing;
    }
    switch (op) {
    case F_LESS: return value_bool(order < 0);
    case F_LESS_EQUAL: return value_bool(order <= 0);
    case F_GREATER: return value_bool(order > 0);
    default: return value_bool(order >= 0);
    }
}

static struct value arithmetic(enum formula_operator op, const struct value *a, const struct value *b)
{
    if (a->kind != VALUE_NUMBER || b->kind != VALUE_NUMBER) {
        return missing;
    }
    switch (op) {
    case F_ADD: return value_number(a->number + b->number);
    case F_SUBTRACT: return value_number(a->number - b->number);
    case F_MULTIPLY: return value_number(a->number * b->number);
    case F_DIVIDE: return b->number != 0 ? value_number(a->number / b->number) : missing;
    case F_REMAINDER: return b->number != 0 ? value_number(fmod(a->number, b->number)) : missing;
    case F_POW: return value_number(pow(a->number, b->number));
    default: return missing;
    }
}

/* Half away from zero at the given decimal, as people round: 2.675 gives 2.68. */
static double round_to(double x, double decimals)
{
    double scale = pow(10, CLAMP(trunc(decimals), -15, 15));
    double scaled = x * scale;
    if (!isfinite(scaled)) {
        return x;
    }
    return round(scaled + copysign(fabs(scaled) * 1e-15, scaled)) / scale;
}

static struct value of_one_number(enum formula_operator op, const struct value *v)
{
    if (v->kind != VALUE_NUMBER) {
        return missing;
    }
    switch (op) {
    case F_NEGATE: return value_number(-v->number);
    case F_ABS: return value_number(fabs(v->number));
    case F_CEIL: return value_number(ceil(v->number));
    case F_FLOOR: return value_number(floor(v->number));
    case F_SQRT: return v->number >= 0 ? value_number(sqrt(v->number)) : missing;
    default: return missing;
    }
}

static struct value rounded(const struct evaluation *ev, const struct formula_node *n)
{
    struct value x = eval(ev, n->first);
    struct value decimals = n->operands == 2 ? eval(ev, n->first->next) : value_number(0);
    if (x.kind != VALUE_NUMBER || decimals.kind != VALUE_NUMBER) {
        return missing;
    }
    return value_number(round_to(x.number, decimals.number));
}

static struct value extreme(const struct evaluation *ev, const struct formula_node *n)
{
    struct value best = missing;
    for (const struct formula_node *c = n->first; c != NULL; c = c->next) {
        struct value v = eval(ev, c);
        if (v.kind != VALUE_NUMBER) {
            return missing;
        }
        bool better = n->op == F_MIN ? v.number < best.number : v.number > best.number;
        best = best.kind == VALUE_MISSING || better ? v : best;
    }
    return best;
}

static struct value choice(const struct evaluation *ev, const struct formula_node *n)
{
    struct value condition = eval(ev, n->first);
    if (condition.kind != VALUE_BOOL) {
        return missing;
    }
    return eval(ev, condition.boolean ? n->first->next : n->first->next->next);
}

static struct value first_present(const struct evaluation *ev, const struct formula_node *n)
{
    for (const struct formula_node *c = n->first; c != NULL; c = c->next) {
        struct value v = eval(ev, c);
        if (v.kind != VALUE_MISSING) {
            return v;
        }
    }
    return missing;
}

static struct value negation(const struct evaluation *ev, const struct formula_node *n)
{
    struct value v = eval(ev, n->first);
    return v.kind == VALUE_BOOL ? value_bool(!v.boolean) : missing;
}

static struct value of_two(const struct evaluation *ev, const struct formula_node *n)
{
    struct value a = eval(ev, n->first);
    struct value b = eval(ev, n->first->next);
    bool compares = n->op >= F_EQUAL && n->op <= F_GREATER_EQUAL;
    return compares ? comparison(n->op, &a, &b) : arithmetic(n->op, &a, &b);
}

static struct value eval(const struct evaluation *ev, const struct formula_node *n)
{
    struct value v;
    switch (n->op) {
    case F_CONSTANT: return n->constant;
    case F_NAME: return lookup(ev, n);
    case F_HAS: return value_bool(lookup(ev, n).kind != VALUE_MISSING);
    case F_AND:
    case F_OR: return logic(ev, n);
    case F_NOT: return negation(ev, n);
    case F_NEGATE:
    case F_ABS:
    case F_CEIL:
    case F_FLOOR:
    case F_SQRT: v = eval(ev, n->first); return of_one_number(n->op, &v);
    case F_ROUND: return rounded(ev, n);
    case F_MIN:
    case F_MAX: return extreme(ev, n);
    case F_IF: return choice(ev, n);
    case F_COALESCE: return first_present(ev, n);
    default: return of_two(ev, n);
    }
}

struct value formula_eval_node(const struct formula_node *node, const struct formula_path *paths,
                               formula_resolver resolve, void *user)
{
    struct evaluation ev = {.paths = paths, .resolve = resolve, .user = user};
    return eval(&ev, node);
}

struct value formula_eval(const struct formula *f, formula_resolver resolve, void *user)
{
    return formula_eval_node(f->root, (const struct formula_path *)(void *)f->paths->data, resolve, user);
}
