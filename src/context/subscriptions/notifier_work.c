/* SPDX-License-Identifier: Apache-2.0 */
/* A turn from the log to the endpoint, and what its answer means. */
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "context/subscriptions/notifier_inside.h"
#include "context/subscriptions/turn.h"

enum { FIRST_BACKOFF_MS = 1000, LONGEST_BACKOFF_MS = 120000, IDS_SHOWN = 5, IDS_BYTES = 300, MODEST = 10 };

/* ---- outcomes; under the lock ---- */

/* Goes on with what is pending, or rests. */
static void go_on(struct entry *x)
{
    if (x->pending->len > 0 || x->scanning) {
        entry_make_ready(x);
    } else {
        entry_set_phase(x, IDLE);
    }
}

static void has_sent(struct entry *x, const struct ticket *t, instant now)
{
    x->sent++;
    x->last = x->last_success = now;
    x->last_failed = false;
    x->attempts = 0;
    x->reason[0] = '\0';
    counter_add(&notifier_counters[COUNT_SENT], 1);
    if (x->def->interval > 0) {
        entry_wait_until(x, x->next);
        return;
    }
    entry_has_read(x, t->upto);
    if (x->def->throttling > 0) {
        entry_wait_until(x, now + x->def->throttling);
    } else {
        go_on(x);
    }
}

static void park(struct entry *x)
{
    entry_scan(x);
    entry_set_phase(x, PARKED);
    entry_settle_index(x);
    counter_add(&notifier_counters[COUNT_PARKED], 1);
    log_warning("notifier", "%s is paused after %d failures: %s", x->def->id, x->attempts, x->reason);
}

static void has_failed(struct entry *x, instant now, const char *reason)
{
    int64_t backoff = MIN((int64_t)FIRST_BACKOFF_MS << MIN(x->attempts, 20), LONGEST_BACKOFF_MS);
    x->sent++;
    x->failed++;
    x->last = x->last_failure = now;
    x->last_failed = true;
    x->attempts++;
    entry_set_reason(x, reason);
    counter_add(&notifier_counters[COUNT_FAILED], 1);
    if (x->attempts >= x->def->endpoint.attempts) {
        park(x);
    } else {
        entry_wait_until(x, now + MAX(backoff, x->def->endpoint.cooldown_ms) * 1000);
    }
}

static void has_lost(struct entry *x, uint64_t from, uint64_t to)
{
    struct delivery *d = delivery_new(instant_now());
    d->from = from;
    d->to = to;
    d->lost = true;
    delivery_add(x, d);
    x->lost_to = to;
    entry_changed(x);
}

/* ---- the answer ---- */

static void note_delivery(struct entry *x, struct ticket *t, const struct send_result *r)
{
    struct delivery *d = g_steal_pointer(&t->delivery);
    d->duration_ms = (int)MIN((g_get_monotonic_time() - t->begun) / 1000, G_MAXINT);
    d->status = r->status;
    d->ok = r->ok;
    d->reason = r->ok ? NULL : g_utf8_make_valid(r->reason != NULL ? r->reason : "", -1);
    delivery_add(x, d);
}

static void ticket_free(struct ticket *t)
{
    if (t->delivery != NULL) {
        g_free(t->delivery->ids);
        g_free(t->delivery);
    }
    entry_unref(t->entry);
    g_free(t);
}

static void on_sent(void *user, const struct send_result *r)
{
    struct ticket *t = user;
    struct entry *x = t->entry;
    struct notifier *n = x->owner;
    g_mutex_lock(&n->lock);
    if (!n->stopping && !x->removed && x->phase == SENDING) {
        instant now = instant_now();
        entry_changed(x);
        note_delivery(x, t, r);
        if (r->ok) {
            has_sent(x, t, now);
        } else {
            has_failed(x, now, r->reason);
        }
    }
    ticket_close(t, r->ok || r->status != 0);
    g_mutex_unlock(&n->lock);
    ticket_free(t);
}

/* ---- the turn ---- */

/* Begins a turn; false when the entry is no longer to be served. pending gets a copy of what applies; NULL
 * when the log is to be read. */
static bool begin_turn(struct entry *x, struct turn *t, GArray **pending, uint64_t *position)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&x->owner->lock);
    if (x->owner->stopping || x->removed || x->phase != READY) {
        return false;
    }
    if (!x->def->active || entry_is_expired(x, instant_now())) {
        g_array_set_size(x->pending, 0);
        x->scanning = false;
        x->cursor = x->owner->position;
        entry_set_phase(x, IDLE);
        entry_settle_index(x);
        return false;
    }
    entry_set_phase(x, SENDING);
    *pending = x->scanning || x->def->interval > 0 ? NULL : g_array_copy(x->pending);
    *position = x->owner->position;
    turn_init(t, x->owner->o.store, x->def, x->cursor);
    return true;
}

static void read_turn(struct turn *t, GArray *pending, uint64_t position)
{
    if (t->s->interval > 0) {
        turn_read_current(t);
    } else if (pending == NULL) {
        turn_read_log(t);
    } else {
        turn_read_records(t, (const uint64_t *)(void *)pending->data, pending->len, position);
    }
}

static void end_without_message(struct entry *x, const struct turn *t)
{
    if (x->owner->stopping || x->removed || x->phase != SENDING) {
        return;
    }
    if (t->s->interval > 0) {
        entry_wait_until(x, x->next);
        return;
    }
    entry_has_read(x, t->cursor);
    go_on(x);
}

/* Some of the ids, for people. */
static char *ids_of(const struct turn *t)
{
    GString *out = g_string_new("");
    GHashTableIter i;
    void *id;
    int shown = 0;
    g_hash_table_iter_init(&i, t->ids);
    while (g_hash_table_iter_next(&i, &id, NULL) && shown < IDS_SHOWN && out->len + strlen(id) < IDS_BYTES) {
        g_string_append_printf(out, "%s%s", shown++ > 0 ? " " : "", (const char *)id);
    }
    return g_string_free(out, FALSE);
}

static void send_turn(struct ticket *ticket, struct turn *t)
{
    struct delivery *d = ticket->delivery = delivery_new(instant_now());
    d->from = t->first;
    d->to = t->last;
    d->entities = (int)t->texts->len;
    d->ids = ids_of(t);
    ticket->upto = t->cursor;
    ticket->begun = g_get_monotonic_time();
    g_autofree char *data = turn_data(t);
    notification_send(ticket->entry->owner->o.client, t->s, notification_message(t->s, data), on_sent,
                      ticket);
}

/* Reading and writing go first where all cores are busy: notifications wait in the log meanwhile. Threads of
 * Linux have priorities of their own. */
static void be_modest(void)
{
    static _Thread_local bool done;
    if (!done) {
        done = true;
        setpriority(PRIO_PROCESS, 0, MODEST);
    }
}

void run_turn(void *data, void *unused)
{
    be_modest();
    struct ticket *ticket = data;
    struct entry *x = ticket->entry;
    struct notifier *n = x->owner;
    struct turn t;
    g_autoptr(GArray) pending = NULL;
    uint64_t position;
    bool begun = begin_turn(x, &t, &pending, &position);
    if (begun) {
        uint64_t from = t.cursor + 1;
        read_turn(&t, pending, position);
        if (t.lost_to >= from) {
            g_mutex_lock(&n->lock);
            has_lost(x, from, t.lost_to);
            g_mutex_unlock(&n->lock);
        }
        if (t.texts->len > 0) {
            send_turn(ticket, &t);
            turn_clear(&t);
            return;
        }
    }
    g_mutex_lock(&n->lock);
    if (begun) {
        end_without_message(x, &t);
    }
    ticket_close(ticket, -1);
    g_mutex_unlock(&n->lock);
    if (begun) {
        turn_clear(&t);
    }
    ticket_free(ticket);
}
