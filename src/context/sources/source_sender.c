/* SPDX-License-Identifier: Apache-2.0 */
/* Empties the outboxes of subscribers to registrations, with back-off for endpoints that fail. */
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "context/sources/source_subscription.h"
#include "context/subscriptions/notifier.h"

enum {
    ROWS_PER_MESSAGE = 100,
    MESSAGE_BYTES = 1 << 20,
    MAX_ATTEMPTS = 8, /* then the subscription is parked */
    FIRST_BACKOFF_MS = 1000,
    LONGEST_BACKOFF_MS = 120000,
};

/* One message, from its rows to the job that removes them. */
struct delivery {
    struct store_job job;
    struct registry *registry;     /* a reference */
    struct source_subscriber *who; /* a reference */
    struct arena *a;
    const char *id, *state;
    GPtrArray *rows; /* struct row, in a */
    char reason[32];
    GString *data;
};
struct row {
    const void *key;
    size_t key_length;
    const char *value;
};

static void delivery_free(struct delivery *d)
{
    source_subscriber_unref(d->who);
    registry_unref(d->registry);
    g_ptr_array_unref(d->rows);
    g_string_free(d->data, TRUE);
    arena_free(d->a);
    g_free(d);
}

/* ---- after the answer ---- */

static const char *state_text(struct arena *a, const struct source_subscriber *x)
{
    struct json *state = json_object(a);
    json_add(state, "sent", json_int(a, x->sent));
    json_add(state, "failed", json_int(a, x->failed));
    json_add(state, "last", json_int(a, x->last));
    json_add(state, "lastSuccess", json_int(a, x->last_success));
    json_add(state, "lastFailure", json_int(a, x->last_failure));
    json_add(state, "lastFailed", json_bool(a, x->last_failed));
    json_add(state, "parked", json_bool(a, x->parked));
    json_add(state, "due", json_int(a, x->due));
    json_add(state, "reason", json_string(a, x->reason));
    return json_text(a, state);
}

static void has_sent(struct source_subscriber *x, instant now)
{
    int64_t pause = x->s->def->interval > 0 ? x->s->def->interval : x->s->def->throttling;
    x->sent++;
    x->last = x->last_success = now;
    x->last_failed = false;
    x->attempts = 0;
    x->reason[0] = '\0';
    x->due = now + pause;
}

static void has_failed(struct source_subscriber *x, instant now, const char *reason)
{
    int64_t backoff = MIN((int64_t)FIRST_BACKOFF_MS << MIN(x->attempts, 20), LONGEST_BACKOFF_MS);
    g_autofree char *clean = g_utf8_make_valid(reason != NULL ? reason : "", -1);
    x->sent++;
    x->failed++;
    x->last = x->last_failure = now;
    x->last_failed = true;
    x->attempts++;
    x->parked = x->attempts >= MAX_ATTEMPTS;
    x->due = now + MAX(backoff, x->s->def->endpoint.cooldown_ms) * 1000;
    g_utf8_strncpy(x->reason, clean, SUBSCRIBER_REASON / 4 - 1);
    if (x->parked) {
        log_warning("registry", "%s is paused after %d failures: %s", x->s->def->id, x->attempts, x->reason);
    }
}

/* A row that was written anew meanwhile stays; what it calls new is known by now. */
static bool remove_row(struct delivery *d, struct txn *t, const struct row *row, struct error *e)
{
    const char *value;
    size_t length;
    if (!view_kv_get(txn_view(t), d->a, SOURCE_SUBSCRIPTION_OUTBOX, row->key, row->key_length, &value,
                     &length)) {
        return true;
    }
    if (strcmp(value, row->value) == 0) {
        return txn_kv_delete(t, SOURCE_SUBSCRIPTION_OUTBOX, row->key, row->key_length, e);
    }
    struct json *newer = json_parse(d->a, value, length, NULL);
    if (json_streq(json_get(newer, "reason"), "newlyMatching")) {
        json_set(d->a, newer, "reason", json_string(d->a, "updated"));
        const char *text = json_text(d->a, newer);
        return txn_kv_put(t, SOURCE_SUBSCRIPTION_OUTBOX, row->key, row->key_length, text, strlen(text), e);
    }
    return true;
}

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct delivery *d = (struct delivery *)job;
    const char *value;
    size_t length;
    if (!view_kv_get(txn_view(t), d->a, SOURCE_SUBSCRIPTION_SPACE, d->id, strlen(d->id), &value, &length)) {
        return true; /* gone meanwhile, with its outbox */
    }
    for (guint i = 0; i < d->rows->len; i++) {
        if (!remove_row(d, t, d->rows->pdata[i], e)) {
            return false;
        }
    }
    return txn_kv_put(t, SOURCE_SUBSCRIPTION_STATE, d->id, strlen(d->id), d->state, strlen(d->state), e);
}

static void settled(struct delivery *d)
{
    g_mutex_lock(&d->registry->lock);
    d->who->sending = false;
    d->who->look = true;
    g_mutex_unlock(&d->registry->lock);
    delivery_free(d);
}

static void done(struct store_job *job, const struct error *e)
{
    if (e != NULL) {
        log_failure("registry", "keep what was notified", e);
    }
    settled((struct delivery *)job);
}

static void on_sent(void *user, const struct send_result *result)
{
    struct delivery *d = user;
    bool submitted = false;
    g_mutex_lock(&d->registry->lock);
    if (result->ok) {
        has_sent(d->who, instant_now());
    } else {
        has_failed(d->who, instant_now(), result->reason);
        g_ptr_array_set_size(d->rows, 0);
    }
    if (!d->registry->closed && !d->who->removed) {
        d->state = state_text(d->a, d->who);
        d->job.apply = apply;
        d->job.done = done;
        submitted = store_submit(d->registry->store, &d->job, NULL);
    }
    g_mutex_unlock(&d->registry->lock);
    if (!submitted) {
        settled(d);
    }
}

/* ---- gathering ---- */

struct scan {
    const char *id;
    size_t length; /* with its NUL */
    bool (*each)(void *user, const void *key, size_t key_length, const char *value, size_t value_length);
    void *user;
};

static bool scan_one(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    const struct scan *s = user;
    return key_length > s->length && memcmp(key, s->id, s->length) == 0 &&
           s->each(s->user, key, key_length, value, value_length);
}

void source_outbox_scan(struct view *v, const char *id,
                        bool (*each)(void *user, const void *key, size_t key_length, const char *value,
                                     size_t value_length),
                        void *user)
{
    struct scan s = {id, strlen(id) + 1, each, user};
    view_kv_scan(v, SOURCE_SUBSCRIPTION_OUTBOX, id, s.length, false, scan_one, &s);
}

static void add_data(struct delivery *d, const struct json *registration)
{
    if (d->data->len > 0) {
        g_string_append_c(d->data, ',');
    }
    json_write(d->data, registration);
}

/* The rows of one reason go together. */
static bool take_row(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct delivery *d = user;
    const struct json *row = json_parse(d->a, value, value_length, NULL);
    const char *reason = json_get_string(row, "reason");
    if (reason == NULL || (d->rows->len > 0 && strcmp(reason, d->reason) != 0)) {
        return true;
    }
    struct row *kept = arena_new0(d->a, struct row);
    kept->key = arena_strndup(d->a, key, key_length);
    kept->key_length = key_length;
    kept->value = arena_strndup(d->a, value, value_length);
    g_ptr_array_add(d->rows, kept);
    g_strlcpy(d->reason, reason, sizeof d->reason);
    add_data(d, json_get(row, "registration"));
    return d->rows->len < ROWS_PER_MESSAGE && d->data->len < MESSAGE_BYTES;
}

/* timeInterval: all that match now. */
static void take_current(struct delivery *d, struct source_subscription *s)
{
    g_autoptr(GPtrArray) all = registry_candidates(d->registry, NULL);
    instant now = instant_now();
    for (guint i = 0; i < all->len && d->data->len < MESSAGE_BYTES; i++) {
        struct registration *r = all->pdata[i];
        struct json *shown = registration_is_expired(r, now) ? NULL : source_subscription_view(s, d->a, r);
        if (shown != NULL) {
            add_data(d, shown);
        }
    }
    g_strlcpy(d->reason, d->who->sent == 0 ? "newlyMatching" : "updated", sizeof d->reason);
}

static void send(struct registry *r, struct source_subscriber *x, struct http_client *client)
{
    struct delivery *d = g_new0(struct delivery, 1);
    g_autoptr(source_subscription_autoptr_target) s = NULL;
    d->registry = registry_ref(r);
    d->who = x;
    d->a = arena_new();
    d->rows = g_ptr_array_new();
    d->data = g_string_new(NULL);
    g_mutex_lock(&r->lock);
    s = source_subscription_ref(x->s);
    g_mutex_unlock(&r->lock);
    d->id = arena_strdup(d->a, s->def->id);
    if (s->def->interval > 0) {
        take_current(d, s);
    } else {
        view_auto v = view_begin(r->store);
        source_outbox_scan(v, d->id, take_row, d);
    }
    if (d->data->len > 0) {
        notification_send(client, s->def, source_subscription_message(s, d->reason, d->data->str), on_sent,
                          d);
        return;
    }
    g_mutex_lock(&r->lock);
    x->sending = false;
    x->due = s->def->interval > 0 ? instant_now() + s->def->interval : x->due;
    g_mutex_unlock(&r->lock);
    delivery_free(d);
}

static bool is_due(const struct source_subscriber *x, instant now)
{
    const struct subscription *def = x->s->def;
    return x->durable && !x->sending && !x->parked && x->due <= now && def->active &&
           (!def->expires_known || def->expires > now) && (x->look || def->interval > 0);
}

void source_subscribers_send(struct registry *r, struct http_client *client)
{
    g_autoptr(GPtrArray) due = g_ptr_array_new();
    instant now = instant_now();
    GHashTableIter i;
    gpointer value;
    g_mutex_lock(&r->lock);
    g_hash_table_iter_init(&i, r->subscribers);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct source_subscriber *x = value;
        if (is_due(x, now)) {
            x->sending = true;
            x->look = false;
            g_atomic_int_inc(&x->references);
            g_ptr_array_add(due, x);
        }
    }
    g_mutex_unlock(&r->lock);
    for (guint k = 0; k < due->len; k++) {
        send(r, due->pdata[k], client);
    }
}
