/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of counters and its text form. */
#include "base/counters.h"

static GMutex lock;
static GPtrArray *known; /* of struct counter * */

void counter_add(struct counter *c, int64_t n)
{
    __atomic_fetch_add(&c->value, n, __ATOMIC_RELAXED);
}

void counter_set(struct counter *c, int64_t n)
{
    __atomic_store_n(&c->value, n, __ATOMIC_RELAXED);
}

static int64_t counter_read(const struct counter *c)
{
    return __atomic_load_n(&c->value, __ATOMIC_RELAXED);
}

void counters_register(struct counter *counters, int n)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    if (known == NULL) {
        known = g_ptr_array_new();
    }
    for (int i = 0; i < n; i++) {
        if (!g_ptr_array_find(known, &counters[i], NULL)) {
            g_ptr_array_add(known, &counters[i]);
        }
    }
}

void counters_write(GString *out)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    for (guint i = 0; known != NULL && i < known->len; i++) {
        const struct counter *c = known->pdata[i];
        g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" G_GINT64_FORMAT "\n", c->name, c->en,
                               c->name, c->kind == COUNTER_GAUGE ? "gauge" : "counter", c->name,
                               counter_read(c));
    }
}
