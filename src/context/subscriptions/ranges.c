/* SPDX-License-Identifier: Apache-2.0 */
/* An interval tree in an array. */
#include "context/subscriptions/ranges.h"

#include <glib.h>
#include <stdlib.h>

enum { SHORT_TAIL = 32, TAIL_SHARE = 16 };

struct range {
    double low, high;
    double highest; /* of the subtree whose middle this is */
    void *item;     /* NULL = removed */
};

struct ranges {
    GArray *all;
    guint sorted;  /* so many at the start are in order */
    guint removed; /* among the sorted */
};

struct ranges *ranges_new(void)
{
    struct ranges *r = g_new0(struct ranges, 1);
    r->all = g_array_new(FALSE, FALSE, sizeof(struct range));
    return r;
}

void ranges_free(struct ranges *r)
{
    if (r != NULL) {
        g_array_unref(r->all);
        g_free(r);
    }
}

static struct range *at(const struct ranges *r, guint i)
{
    return &g_array_index(r->all, struct range, i);
}

static int by_low(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

/* Sets highest in [from, to); returns that of the middle. */
static double settle(struct ranges *r, guint from, guint to)
{
    if (from >= to) {
        return -G_MAXDOUBLE;
    }
    guint middle = from + (to - from) / 2;
    struct range *m = at(r, middle);
    double left = settle(r, from, middle), right = settle(r, middle + 1, to);
    m->highest = MAX(m->high, MAX(left, right));
    return m->highest;
}

/* Puts all in order, without those that were removed. */
static void sort(struct ranges *r)
{
    for (guint i = r->all->len; i > 0; i--) {
        if (at(r, i - 1)->item == NULL) {
            g_array_remove_index_fast(r->all, i - 1);
        }
    }
    if (r->all->len > 0) {
        qsort(r->all->data, r->all->len, sizeof(struct range), by_low);
    }
    settle(r, 0, r->all->len);
    r->sorted = r->all->len;
    r->removed = 0;
}

void ranges_add(struct ranges *r, double low, double high, void *item)
{
    struct range added = {low, high, high, item};
    g_array_append_val(r->all, added);
}

/* The first of the sorted ones whose lower end is not below low. */
static guint first_from(const struct ranges *r, double low)
{
    guint from = 0, to = r->sorted;
    while (from < to) {
        guint middle = from + (to - from) / 2;
        if (at(r, middle)->low < low) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

void ranges_remove(struct ranges *r, double low, double high, void *item)
{
    for (guint i = r->sorted; i < r->all->len; i++) {
        if (at(r, i)->item == item) {
            g_array_remove_index_fast(r->all, i);
            return;
        }
    }
    for (guint i = first_from(r, low); i < r->sorted && at(r, i)->low <= low; i++) {
        if (at(r, i)->item == item) {
            at(r, i)->item = NULL;
            r->removed++;
            return;
        }
    }
}

static void find(const struct ranges *r, guint from, guint to, double n, void (*each)(void *user, void *item),
                 void *user)
{
    while (from < to) {
        guint middle = from + (to - from) / 2;
        const struct range *m = at(r, middle);
        if (m->highest < n) {
            return;
        }
        find(r, from, middle, n, each, user);
        if (m->low > n) {
            return;
        }
        if (m->high >= n && m->item != NULL) {
            each(user, m->item);
        }
        from = middle + 1;
    }
}

void ranges_find(struct ranges *r, double n, void (*each)(void *user, void *item), void *user)
{
    guint tail = r->all->len - r->sorted;
    if (tail > SHORT_TAIL + r->sorted / TAIL_SHARE || r->removed > SHORT_TAIL + r->sorted / 2) {
        sort(r);
    }
    find(r, 0, r->sorted, n, each, user);
    for (guint i = r->sorted; i < r->all->len; i++) {
        if (at(r, i)->low <= n && n <= at(r, i)->high) {
            each(user, at(r, i)->item);
        }
    }
}
