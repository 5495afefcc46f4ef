/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiled q says about the values of single attributes, for indexes. */
#include <string.h>

#include "expr/q_tree.h"

/* A text in the query that is a moment matches texts that are the same moment written otherwise. */
static bool is_moment(const char *text)
{
    instant at;
    size_t n = strlen(text);
    return n >= 20 && n <= 40 && instant_parse(text, n, NULL, &at);
}

static bool bound_of(const struct q_value *v, struct q_bound *out)
{
    *out = (struct q_bound){.has_low = true, .has_high = true};
    switch (v->kind) {
    case Q_NUMBER: out->kind = Q_BOUND_NUMBER; break;
    case Q_BOOL: out->kind = Q_BOUND_BOOL; break;
    case Q_DATE_TIME: out->kind = Q_BOUND_TIME; break;
    case Q_TEXT:
    case Q_DATE: out->kind = Q_BOUND_TEXT; break;
    case Q_TIME: return false;
    }
    out->low = out->high = v->number;
    out->low_text = out->high_text = v->text;
    out->low_at = out->high_at = v->kind == Q_BOOL ? (int64_t)v->boolean : v->at;
    /* a VocabProperty may hold another text for the same IRI */
    bool renamed = v->name != NULL && strcmp(v->name, v->text) != 0;
    return v->kind != Q_TEXT || (!is_moment(v->text) && !renamed);
}

static bool range_of(const struct q_term *t, struct q_bound *out)
{
    struct q_bound high;
    if (!bound_of(&t->values[0], out) || !bound_of(&t->values[1], &high)) {
        return false;
    }
    out->high = high.high;
    out->high_text = high.high_text;
    out->high_at = high.high_at;
    return true;
}

/* The bounds of a term; their number, 0 when no index can help. */
static int bounds_of(const struct q_term *t, struct q_bound *out)
{
    bool less = t->op == Q_LESS || t->op == Q_LESS_EQUAL;
    switch (t->op) {
    case Q_EQUAL:
        for (int i = 0; !t->is_range && i < t->values_count; i++) {
            if (!bound_of(&t->values[i], &out[i])) {
                return 0;
            }
        }
        return !t->is_range ? t->values_count : range_of(t, out) ? 1 : 0;
    case Q_GREATER:
    case Q_GREATER_EQUAL:
    case Q_LESS:
    case Q_LESS_EQUAL:
        if (!bound_of(&t->values[0], out)) {
            return 0;
        }
        out->has_low = !less;
        out->has_high = less;
        return 1;
    default: return 0;
    }
}

/* Only a term on the value of an attribute itself: no sub-attribute, no path into the value, no link. */
static bool is_plain(const struct q_term *t)
{
    return t->hops == NULL && t->path_count == 1 && t->members_count == 0 && t->op != Q_EXISTS;
}

static bool term_condition(struct arena *a, const struct q_node *n, struct q_condition *out)
{
    const struct q_term *t = n->term;
    if (n->kind != Q_TERM || !is_plain(t)) {
        return false;
    }
    struct q_bound *bounds = arena_array(a, struct q_bound, t->values_count + 1);
    *out = (struct q_condition){t->path[0], bounds, bounds_of(t, bounds)};
    return out->count > 0;
}

/* Alternatives on one attribute: any of their bounds. */
static bool either_condition(struct arena *a, const struct q_node *n, struct q_condition *out)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct q_bound));
    const char *attribute = NULL;
    for (const struct q_node *c = n->first; c != NULL; c = c->next) {
        struct q_condition one;
        if (!term_condition(a, c, &one) || (attribute != NULL && strcmp(attribute, one.attribute) != 0)) {
            return false;
        }
        attribute = one.attribute;
        g_array_append_vals(all, one.any_of, (guint)one.count);
    }
    struct q_bound *bounds = arena_array(a, struct q_bound, all->len + 1);
    memcpy(bounds, all->data, all->len * sizeof *bounds);
    *out = (struct q_condition){attribute, bounds, (int)all->len};
    return attribute != NULL;
}

static bool node_condition(struct arena *a, const struct q_node *n, struct q_condition *out)
{
    return n->kind == Q_OR ? either_condition(a, n, out) : term_condition(a, n, out);
}

int q_conditions(const struct q *q, struct arena *a, struct q_condition *out, int most)
{
    int count = 0;
    if (q->root->kind != Q_AND) {
        return most > 0 && node_condition(a, q->root, out) ? 1 : 0;
    }
    for (const struct q_node *n = q->root->first; n != NULL && count < most; n = n->next) {
        count += node_condition(a, n, &out[count]);
    }
    return count;
}
