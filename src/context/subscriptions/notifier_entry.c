/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription at work: its state as it is kept, and as its readers see it. */
#include <string.h>

#include "context/subscriptions/notifier_inside.h"

struct entry *entry_ref(struct entry *x)
{
    g_atomic_int_inc(&x->references);
    return x;
}

void notifier_unref(struct notifier *n)
{
    if (g_atomic_int_dec_and_test(&n->references)) {
        g_mutex_clear(&n->lock);
        subscription_index_free(n->index);
        g_tree_unref(n->waiting);
        g_hash_table_unref(n->behind);
        g_hash_table_unref(n->hosts);
        g_free((char *)n->o.tenant);
        g_free((char *)n->o.snapshot);
        g_free(n);
    }
}

void entry_unref(struct entry *x)
{
    if (g_atomic_int_dec_and_test(&x->references)) {
        subscription_unref(x->def);
        g_array_unref(x->pending);
        notifier_unref(x->owner);
        g_free(x);
    }
}

bool entry_is_expired(const struct entry *x, instant now)
{
    return x->def->expires_known && x->def->expires <= now;
}

bool entry_follows(const struct entry *x, instant now)
{
    return x->def->active && x->def->interval == 0 && !x->def->endpoint.sse && x->phase != PARKED &&
           !entry_is_expired(x, now);
}

void entry_changed(struct entry *x)
{
    if (!x->unsaved) {
        x->unsaved = true;
        g_ptr_array_add(x->owner->unsaved, entry_ref(x));
    }
}

void entry_set_reason(struct entry *x, const char *reason)
{
    const char *end;
    g_strlcpy(x->reason, reason != NULL ? reason : "", sizeof x->reason);
    if (!g_utf8_validate(x->reason, -1, &end)) {
        x->reason[end - x->reason] = '\0';
    }
}

const char *entry_standing(const struct entry *x, instant now)
{
    return entry_is_expired(x, now)                   ? "expired"
           : x->phase == PARKED                       ? "parked"
           : !x->def->active                          ? "paused"
           : x->attempts > 0                          ? "failing"
           : x->phase == IDLE || x->def->interval > 0 ? "active"
                                                      : "delivering";
}

/* ---- as it is kept ---- */

static void add_time(struct arena *a, struct json *object, const char *name, instant t)
{
    if (t != 0) {
        json_add(object, name, json_int(a, t));
    }
}

const char *entry_state(struct arena *a, const struct entry *x)
{
    struct json *state = json_object(a);
    json_add(state, "cursor", json_int(a, (int64_t)x->cursor));
    json_add(state, "sent", json_int(a, x->sent));
    json_add(state, "failed", json_int(a, x->failed));
    json_add(state, "lastFailed", json_bool(a, x->last_failed));
    json_add(state, "parked", json_bool(a, x->phase == PARKED));
    json_add(state, "reason", json_string(a, x->reason));
    if (x->lost_to != 0) {
        json_add(state, "lostTo", json_int(a, (int64_t)x->lost_to));
    }
    add_time(a, state, "last", x->last);
    add_time(a, state, "lastSuccess", x->last_success);
    add_time(a, state, "lastFailure", x->last_failure);
    return json_text(a, state);
}

const char *notifier_first_state(struct arena *a, uint64_t log_end)
{
    const struct entry x = {.cursor = log_end};
    return entry_state(a, &x);
}

void entry_read_state(struct entry *x, const struct json *state)
{
    x->cursor = (uint64_t)json_get_int(state, "cursor", 0);
    x->sent = json_get_int(state, "sent", 0);
    x->failed = json_get_int(state, "failed", 0);
    x->last_failed = json_get_bool(state, "lastFailed", false);
    x->lost_to = (uint64_t)json_get_int(state, "lostTo", 0);
    x->last = json_get_int(state, "last", 0);
    x->last_success = json_get_int(state, "lastSuccess", 0);
    x->last_failure = json_get_int(state, "lastFailure", 0);
    x->phase = json_get_bool(state, "parked", false) ? PARKED : IDLE;
    g_strlcpy(x->reason, json_get_string(state, "reason") != NULL ? json_get_string(state, "reason") : "",
              sizeof x->reason);
}

/* ---- as its readers see it ---- */

static void show_time(struct arena *a, struct json *object, const char *name, instant t)
{
    char text[INSTANT_TEXT];
    if (t != 0) {
        json_set(a, object, name, json_string(a, instant_format(t, text)));
    }
}

static void show_counters(struct arena *a, struct json *notification, const struct entry *x)
{
    if (x->sent == 0) {
        return;
    }
    json_set(a, notification, "status", json_string(a, x->last_failed ? "failed" : "ok"));
    json_set(a, notification, "timesSent", json_int(a, x->sent));
    if (x->failed > 0) {
        json_set(a, notification, "timesFailed", json_int(a, x->failed));
    }
    if (x->reason[0] != '\0') {
        json_set(a, notification, "failureReason", json_string(a, x->reason));
    }
    show_time(a, notification, "lastNotification", x->last);
    show_time(a, notification, "lastSuccess", x->last_success);
    show_time(a, notification, "lastFailure", x->last_failure);
}

struct json *entry_show(struct arena *a, const struct entry *x, instant now)
{
    struct json *out = json_copy(a, x->def->body);
    bool on = x->def->active && x->phase != PARKED;
    json_set(a, out, "isActive", json_bool(a, on));
    json_set(a, out, "status",
             json_string(a, entry_is_expired(x, now) ? "expired"
                            : on                     ? "active"
                                                     : "paused"));
    show_time(a, out, "createdAt", x->def->created);
    show_time(a, out, "modifiedAt", x->def->modified);
    show_counters(a, json_get(out, "notification"), x);
    return out;
}
