/* SPDX-License-Identifier: Apache-2.0 */
/* What every match of a q expression must fulfil: for indexes. */
#include <float.h>
#include <string.h>

#include "base/limits.h"
#include "expr/q_tree.h"

enum { MAX_TEXTS = 100 };

/* Texts that stand for times are compared as times: "…00Z" and "…00.0Z" are equal. */
static bool is_plain_text(const struct q_value *v)
{
    instant at;
    size_t n = v->kind == Q_TEXT ? strlen(v->text) : 0;
    return v->kind == Q_TEXT && !(n >= 20 && n <= 40 && instant_parse(v->text, n, NULL, &at));
}

static bool need_texts(const struct q_term *t, struct arena *a, struct q_need *out)
{
    if (t->op != Q_EQUAL || t->is_range || t->values_count > MAX_TEXTS) {
        return false;
    }
    const char **texts = arena_array(a, const char *, t->values_count + 1);
    for (int i = 0; i < t->values_count; i++) {
        if (!is_plain_text(&t->values[i])) {
            return false;
        }
        texts[i] = t->values[i].text;
    }
    *out = (struct q_need){.attribute = t->path[0], .texts = texts};
    return true;
}

static bool all_numbers(const struct q_term *t)
{
    for (int i = 0; i < t->values_count; i++) {
        if (t->values[i].kind != Q_NUMBER) {
            return false;
        }
    }
    return t->values_count > 0;
}

static bool need_numbers(const struct q_term *t, struct q_need *out)
{
    double low = -DBL_MAX, high = DBL_MAX;
    if (!all_numbers(t)) {
        return false;
    }
    switch (t->op) {
    case Q_EQUAL:
        low = high = t->values[0].number;
        for (int i = 1; i < t->values_count; i++) {
            low = MIN(low, t->values[i].number);
            high = MAX(high, t->values[i].number);
        }
        break;
    case Q_GREATER:
    case Q_GREATER_EQUAL: low = t->values[0].number; break;
    case Q_LESS:
    case Q_LESS_EQUAL: high = t->values[0].number; break;
    default: return false;
    }
    *out = (struct q_need){.attribute = t->path[0], .low = low, .high = high};
    return true;
}

/* The better of what is known already and what a term says of one attribute's own value. */
static void add_term(const struct q_term *t, struct arena *a, struct q_need *best)
{
    struct q_need need;
    if (t->hops != NULL || t->path_count != 1 || t->members_count > 0 || best->texts != NULL) {
        return;
    }
    if (need_texts(t, a, &need)) {
        *best = need;
    } else if (need_numbers(t, &need)) {
        bool same = best->attribute != NULL && strcmp(best->attribute, need.attribute) == 0;
        if (same) {
            best->low = MAX(best->low, need.low);
            best->high = MIN(best->high, need.high);
        } else if (best->attribute == NULL || need.high - need.low < best->high - best->low) {
            *best = need;
        }
    }
}

bool q_need(const struct q *q, struct arena *a, struct q_need *out)
{
    const struct q_node *root = q->root;
    struct q_need best = {0};
    if (root->kind == Q_TERM) {
        add_term(root->term, a, &best);
    }
    for (const struct q_node *n = root->kind == Q_AND ? root->first : NULL; n != NULL; n = n->next) {
        if (n->kind == Q_TERM) {
            add_term(n->term, a, &best);
        }
    }
    *out = best;
    return best.attribute != NULL;
}
