/* SPDX-License-Identifier: Apache-2.0 */
/* The thread behind the log: offers records to whom they concern, keeps the time, saves the states. */
#include <string.h>

#include "base/log.h"
#include "context/subscriptions/notifier_inside.h"

enum { TICK_MS = 50, SAVE_MS = 1000, STATES_PER_SAVE = 2000 };

/* ---- offering ---- */

/* A record on offer. */
struct offer {
    struct notifier *n;
    const struct json *record;
    uint64_t seq;
    struct view *view; /* begun when the first entity is read */
    struct arena *arena;
};

static const struct json *read_entity(void *user, const char *id)
{
    struct offer *o = user;
    if (o->view == NULL) {
        o->view = view_begin(o->n->o.store);
    }
    arena_clear(o->arena);
    return context_get(o->view, o->arena, id);
}

static bool has_type(const struct subscription *s, const struct json *record)
{
    for (const char *const *t = s->types; t != NULL && *t != NULL; t++) {
        if (context_has_type(record, *t)) {
            return true;
        }
    }
    return s->types == NULL;
}

static void offer_to(void *user, void *item)
{
    struct offer *o = user;
    struct entry *x = item;
    if (has_type(x->def, o->record) && notification_triggers(x->def, o->record) != 0) {
        entry_offer(x, o->seq);
    }
}

static void offer_batch(struct notifier *n, const struct log_batch *b)
{
    arena_auto a = arena_new();
    struct offer o = {.n = n, .arena = a};
    g_mutex_lock(&n->lock);
    for (int i = 0; i < b->count; i++) {
        o.seq = b->first + (uint64_t)i;
        o.record = b->records[i];
        if (o.seq > n->position) {
            subscription_index_find(n->index, o.record, read_entity, &o, offer_to, &o);
        }
    }
    n->position = MAX(n->position, b->first + (uint64_t)b->count - 1);
    g_mutex_unlock(&n->lock);
    view_end(o.view);
}

static void follow_log(struct notifier *n)
{
    while (true) {
        struct error e = {0};
        struct log_batch *b = store_log_read(n->o.store, n->position, &e);
        if (b == NULL && e.code == ERROR_NOT_FOUND) {
            g_mutex_lock(&n->lock);
            n->position = store_log_start(n->o.store) - 1;
            g_mutex_unlock(&n->lock);
        } else if (b == NULL) {
            return;
        } else {
            offer_batch(n, b);
            log_batch_unref(b);
        }
    }
}

/* ---- keeping the states ---- */

/* One transaction with states that have changed. */
struct save {
    struct store_job job;
    struct arena *a;
    GPtrArray *pairs; /* id, text, id, text, … in the arena */
    uint64_t cursor;
};

static bool apply_save(struct store_job *job, struct txn *t, struct error *e)
{
    struct save *s = (struct save *)job;
    for (guint i = 0; i < s->pairs->len; i += 2) {
        const char *id = s->pairs->pdata[i];
        const char *text = s->pairs->pdata[i + 1];
        if (!txn_kv_put(t, NOTIFIER_SPACE, id, strlen(id), text, strlen(text), e)) {
            return false;
        }
    }
    return txn_cursor(t, NOTIFIER_CURSOR, s->cursor, e);
}

/* How far all have come together: nobody but the parked needs what is before. Under the lock. */
static uint64_t common_cursor(struct notifier *n)
{
    uint64_t cursor = n->position;
    GHashTableIter i;
    void *x;
    g_hash_table_iter_init(&i, n->behind);
    while (g_hash_table_iter_next(&i, &x, NULL)) {
        cursor = MIN(cursor, ((struct entry *)x)->cursor);
    }
    return cursor;
}

/* Takes some of the states that have changed; true when there are more. Under the lock. */
static bool gather(struct notifier *n, struct save *s)
{
    s->cursor = common_cursor(n);
    for (int k = 0; k < STATES_PER_SAVE && n->unsaved->len > 0; k++) {
        struct entry *x = g_ptr_array_steal_index_fast(n->unsaved, n->unsaved->len - 1);
        x->unsaved = false;
        if (!x->removed) {
            g_ptr_array_add(s->pairs, arena_strdup(s->a, x->def->id));
            g_ptr_array_add(s->pairs, (gpointer)entry_state(s->a, x));
        }
        entry_unref(x);
    }
    return n->unsaved->len > 0;
}

static bool save_some(struct notifier *n, uint64_t *saved)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    struct save s = {.job = {.apply = apply_save}, .a = a, .pairs = pairs};
    struct error e = {0};
    g_mutex_lock(&n->lock);
    bool more = gather(n, &s);
    g_mutex_unlock(&n->lock);
    if ((pairs->len > 0 || s.cursor != *saved) && !store_run(n->o.store, &s.job, &e)) {
        log_failure("notifier", "save the states", &e);
    }
    *saved = s.cursor;
    return more;
}

static void save_states(struct notifier *n, uint64_t *saved)
{
    while (save_some(n, saved)) {
    }
}

/* ---- the thread ---- */

static bool is_stopping(struct notifier *n)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    return n->stopping;
}

void *notifier_follow(void *user)
{
    struct notifier *n = user;
    uint64_t saved = UINT64_MAX;
    gint64 next_save = 0;
    while (!is_stopping(n)) {
        follow_log(n);
        wake_waiting(n, instant_now());
        if (g_get_monotonic_time() >= next_save) {
            save_states(n, &saved);
            next_save = g_get_monotonic_time() + SAVE_MS * 1000;
        }
        store_log_wait(n->o.store, n->position, TICK_MS);
    }
    save_states(n, &saved);
    return NULL;
}
