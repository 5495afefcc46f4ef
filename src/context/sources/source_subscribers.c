/* SPDX-License-Identifier: Apache-2.0 */
/* The subscribers to registrations of one space, and what is written for them. */
#include <string.h>

#include "base/log.h"
#include "context/sources/source_subscription.h"

#define NEWLY "newlyMatching"
#define UPDATED "updated"
#define NO_LONGER "noLongerMatching"

void source_subscriber_unref(struct source_subscriber *x)
{
    if (g_atomic_int_dec_and_test(&x->references)) {
        source_subscription_unref(x->s);
        g_free(x);
    }
}

/* ---- the outbox, in a transaction ---- */

static const char *row_key(struct arena *a, const char *subscription, const char *registration,
                           size_t *length)
{
    size_t n = strlen(subscription), m = strlen(registration);
    char *key = arena_alloc(a, n + m + 1);
    memcpy(key, subscription, n + 1);
    memcpy(key + n + 1, registration, m);
    *length = n + m + 1;
    return key;
}

/* One who has not yet heard of a registration hears of it as new. */
static bool was_untold(struct txn *t, struct arena *a, const char *key, size_t length)
{
    const char *value;
    size_t value_length;
    const struct json *row =
        view_kv_get(txn_view(t), a, SOURCE_SUBSCRIPTION_OUTBOX, key, length, &value, &value_length)
            ? json_parse(a, value, value_length, NULL)
            : NULL;
    return json_streq(json_get(row, "reason"), NEWLY);
}

static bool put_row(struct txn *t, struct arena *a, const struct source_subscription *s, const char *id,
                    const char *reason, struct json *shown, struct error *e)
{
    size_t length;
    const char *key = row_key(a, s->def->id, id, &length);
    bool untold = strcmp(reason, UPDATED) == 0 && was_untold(t, a, key, length);
    struct json *row = json_object(a);
    json_add(row, "reason", json_string(a, untold ? NEWLY : reason));
    json_add(row, "at", json_int(a, txn_now(t)));
    json_add(row, "registration", shown);
    const char *text = json_text(a, row);
    return txn_kv_put(t, SOURCE_SUBSCRIPTION_OUTBOX, key, length, text, strlen(text), e);
}

static bool tell(struct source_subscription *s, struct txn *t, struct arena *a, struct registration *old,
                 struct registration *next, struct error *e)
{
    struct json *before = old != NULL ? source_subscription_view(s, a, old) : NULL;
    struct json *after = next != NULL ? source_subscription_view(s, a, next) : NULL;
    if (after != NULL) {
        return put_row(t, a, s, next->id, before != NULL ? UPDATED : NEWLY, after, e);
    }
    if (before == NULL) {
        return true;
    }
    struct json *last =
        next != NULL ? registration_show(a, next, s->def->ctx, s->def->render.sys_attrs) : before;
    return put_row(t, a, s, old->id, NO_LONGER, last, e);
}

static bool listens(const struct source_subscription *s, instant now)
{
    return s->def->active && s->def->interval == 0 && (!s->def->expires_known || s->def->expires > now);
}

/* Those that are to be told of changes, what is pending included, as references. */
static GPtrArray *listeners(struct registry *r, instant now)
{
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)source_subscription_unref);
    GHashTableIter i;
    gpointer value;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    g_hash_table_iter_init(&i, r->subscribers);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct source_subscriber *x = value;
        if (listens(x->s, now)) {
            g_ptr_array_add(found, source_subscription_ref(x->s));
        }
    }
    return found;
}

bool source_subscribers_tell(struct registry *r, struct txn *t, struct arena *a, struct registration *old,
                             struct registration *next, struct error *e)
{
    g_autoptr(GPtrArray) all = listeners(r, txn_now(t));
    for (guint i = 0; i < all->len; i++) {
        if (!tell(all->pdata[i], t, a, old, next, e)) {
            return false;
        }
    }
    return true;
}

/* ---- putting, in a transaction ---- */

static bool write_subscription(struct txn *t, struct arena *a, const struct source_subscription *s,
                               struct error *e)
{
    struct json *kept = json_object(a);
    json_add(kept, "body", json_copy(a, s->body));
    if (s->def->context_value != NULL) {
        json_add(kept, "context", json_copy(a, s->def->context_value));
    }
    const char *text = json_text(a, kept);
    return txn_kv_put(t, SOURCE_SUBSCRIPTION_SPACE, s->def->id, strlen(s->def->id), text, strlen(text), e);
}

/* 5.11.2.4, 5.11.3.4: all that match are told; of an update also those that no longer do. */
static bool tell_all(struct registry *r, struct txn *t, struct arena *a, struct source_subscription *old,
                     struct source_subscription *s, struct error *e)
{
    g_autoptr(GPtrArray) all = registry_current_all(r, NULL, NULL);
    bool ok = true;
    for (guint i = 0; ok && i < all->len; i++) {
        struct registration *x = all->pdata[i];
        struct json *before = old != NULL ? source_subscription_view(old, a, x) : NULL;
        struct json *after = source_subscription_view(s, a, x);
        if (registration_is_expired(x, txn_now(t)) || (before == NULL && after == NULL)) {
            continue;
        }
        ok = put_row(t, a, s, x->id,
                     after == NULL    ? NO_LONGER
                     : before != NULL ? UPDATED
                                      : NEWLY,
                     after != NULL ? after : before, e);
    }
    return ok;
}

static void install(struct registry *r, struct source_subscription *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    struct source_subscriber *x = g_hash_table_lookup(r->subscribers, s->def->id);
    if (x == NULL) {
        x = g_new0(struct source_subscriber, 1);
        x->references = 1;
        g_hash_table_insert(r->subscribers, g_strdup(s->def->id), x);
    } else {
        source_subscription_unref(x->s);
    }
    x->s = source_subscription_ref(s);
}

bool source_subscriber_put(struct registry *r, struct txn *t, struct arena *a, struct source_subscription *s,
                           struct error *e)
{
    source_subscription_auto old = source_subscriber_find(r, s->def->id, true);
    if (!write_subscription(t, a, s, e) || (listens(s, txn_now(t)) && !tell_all(r, t, a, old, s, e))) {
        return false;
    }
    install(r, s);
    return true;
}

void source_subscriber_settle(struct registry *r, const char *id, struct source_subscription *old,
                              bool durable)
{
    if (!durable && old != NULL) {
        install(r, old);
    }
    if (!durable && old == NULL) {
        source_subscriber_forget(r, id);
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    struct source_subscriber *x = g_hash_table_lookup(r->subscribers, id);
    if (x != NULL && durable) {
        x->durable = x->look = true;
        x->parked = false;
        x->attempts = 0;
        x->due = 0;
    }
}

static bool take_key(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    g_ptr_array_add(user, g_bytes_new(key, key_length));
    return true;
}

bool source_subscriber_drop(struct txn *t, struct arena *a, const char *id, struct error *e)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    size_t n = strlen(id) + 1;
    bool ok = txn_kv_delete(t, SOURCE_SUBSCRIPTION_SPACE, id, n - 1, e) &&
              txn_kv_delete(t, SOURCE_SUBSCRIPTION_STATE, id, n - 1, e);
    source_outbox_scan(txn_view(t), id, take_key, keys);
    for (guint i = 0; ok && i < keys->len; i++) {
        gsize length;
        const void *key = g_bytes_get_data(keys->pdata[i], &length);
        ok = txn_kv_delete(t, SOURCE_SUBSCRIPTION_OUTBOX, key, length, e);
    }
    return ok;
}

void source_subscriber_forget(struct registry *r, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    struct source_subscriber *x = g_hash_table_lookup(r->subscribers, id);
    if (x != NULL) {
        x->removed = true;
        g_hash_table_remove(r->subscribers, id);
    }
}

/* ---- the table ---- */

struct source_subscription *source_subscriber_find(struct registry *r, const char *id, bool pending)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    struct source_subscriber *x = g_hash_table_lookup(r->subscribers, id);
    return x != NULL && (x->durable || pending) ? source_subscription_ref(x->s) : NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int source_subscriber_count(struct registry *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    return (int)g_hash_table_size(r->subscribers);
}

char **source_subscriber_ids(struct registry *r, int64_t offset, int64_t limit)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    guint count = 0;
    g_autofree gpointer *all = g_hash_table_get_keys_as_array(r->subscribers, &count);
    qsort(all, count, sizeof *all, by_text);
    g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
    for (int64_t i = offset; i < (int64_t)count && i < offset + limit; i++) {
        g_strv_builder_add(ids, all[i]);
    }
    return g_strv_builder_end(ids);
}

static void show_time(struct arena *a, struct json *object, const char *name, instant t)
{
    char text[INSTANT_TEXT];
    if (t != 0) {
        json_set(a, object, name, json_string(a, instant_format(t, text)));
    }
}

static void show_counters(struct arena *a, struct json *notification, const struct source_subscriber *x)
{
    if (x->sent == 0) {
        return;
    }
    json_set(a, notification, "status", json_string(a, x->last_failed ? "failed" : "ok"));
    json_set(a, notification, "timesSent", json_int(a, x->sent));
    json_set(a, notification, "timesFailed", json_int(a, x->failed));
    if (x->reason[0] != '\0') {
        json_set(a, notification, "failureReason", json_string(a, x->reason));
    }
    show_time(a, notification, "lastNotification", x->last);
    show_time(a, notification, "lastSuccess", x->last_success);
    show_time(a, notification, "lastFailure", x->last_failure);
}

struct json *source_subscriber_describe(struct registry *r, struct arena *a, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    const struct source_subscriber *x = g_hash_table_lookup(r->subscribers, id);
    if (x == NULL || !x->durable) {
        return NULL;
    }
    struct json *out = json_copy(a, x->s->body);
    bool on = x->s->def->active && !x->parked;
    bool expired = x->s->def->expires_known && x->s->def->expires <= instant_now();
    json_set(a, out, "isActive", json_bool(a, on));
    json_set(a, out, "status", json_string(a, expired ? "expired" : on ? "active" : "paused"));
    show_counters(a, json_get(out, "notification"), x);
    return out;
}

void source_subscribers_wake(struct registry *r)
{
    GHashTableIter i;
    gpointer value;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    g_hash_table_iter_init(&i, r->subscribers);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        ((struct source_subscriber *)value)->look = true;
    }
}

/* ---- loading ---- */

struct loading {
    struct registry *registry;
    struct view *view;
};

static void read_state(struct source_subscriber *x, const struct json *state)
{
    const char *reason = json_get_string(state, "reason");
    x->sent = json_get_int(state, "sent", 0);
    x->failed = json_get_int(state, "failed", 0);
    x->last = json_get_int(state, "last", 0);
    x->last_success = json_get_int(state, "lastSuccess", 0);
    x->last_failure = json_get_int(state, "lastFailure", 0);
    x->last_failed = json_get_bool(state, "lastFailed", false);
    x->parked = json_get_bool(state, "parked", false);
    x->due = json_get_int(state, "due", 0);
    g_strlcpy(x->reason, reason != NULL ? reason : "", sizeof x->reason);
}

static bool load_one(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct loading *l = user;
    arena_auto a = arena_new();
    struct error e = {0};
    const char *text;
    size_t text_length;
    const struct json *kept = json_parse(a, value, length, &e);
    source_subscription_auto s =
        kept != NULL ? source_subscription_parse(json_get(kept, "body"), json_get(kept, "context"), &e)
                     : NULL;
    if (s == NULL) {
        log_failure("registry", "load a subscription to registrations", &e);
        return true;
    }
    install(l->registry, s);
    struct source_subscriber *x = g_hash_table_lookup(l->registry->subscribers, s->def->id);
    x->durable = x->look = true;
    s->def->tenant = l->registry->tenant;
    if (view_kv_get(l->view, a, SOURCE_SUBSCRIPTION_STATE, key, key_length, &text, &text_length)) {
        read_state(x, json_parse(a, text, text_length, NULL));
    }
    return true;
}

void source_subscribers_load(struct registry *r, struct view *v)
{
    struct loading l = {r, v};
    view_kv_scan(v, SOURCE_SUBSCRIPTION_SPACE, NULL, 0, false, load_one, &l);
}
