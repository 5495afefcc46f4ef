/* SPDX-License-Identifier: Apache-2.0 */
/* Who is next: the phases of subscriptions (picture in notifier.h), their places at the hosts, the time. */
#include "context/subscriptions/notifier_inside.h"

#include <string.h>

enum {
    PROVEN_PLACES = 8,   /* messages under way to a host that answers */
    NEW_PLACES = 2,      /* to one that has not answered yet, or did not last time */
    UNPROVEN_PLACES = 64 /* to all hosts of that kind together */
};

/* ---- phases ---- */

int waiting_order(const void *a, const void *b, void *unused)
{
    const struct entry *x = a, *y = b;
    return x->due != y->due ? (x->due > y->due) - (x->due < y->due)
                            : ((uintptr_t)x > (uintptr_t)y) - ((uintptr_t)x < (uintptr_t)y);
}

/* Needs the log from its cursor on. */
static bool is_behind(const struct entry *x)
{
    return x->def->interval == 0 && (x->phase == READY || x->phase == SENDING || x->phase == WAITING);
}

void entry_set_phase(struct entry *x, enum phase phase)
{
    struct notifier *n = x->owner;
    if (x->phase == WAITING) {
        g_tree_remove(n->waiting, x);
    }
    x->phase = phase;
    if (is_behind(x)) {
        g_hash_table_add(n->behind, x);
    } else {
        g_hash_table_remove(n->behind, x);
    }
}

void entry_wait_until(struct entry *x, instant due)
{
    entry_set_phase(x, IDLE); /* out of the tree before due changes */
    x->due = due;
    entry_set_phase(x, WAITING);
    g_tree_insert(x->owner->waiting, x, x);
}

void wake_waiting(struct notifier *n, instant now)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    for (GTreeNode *first; (first = g_tree_node_first(n->waiting)) != NULL;) {
        struct entry *x = g_tree_node_key(first);
        if (x->due > now) {
            return;
        }
        if (x->def->interval > 0) {
            x->next = MAX(x->next + x->def->interval, now);
        }
        entry_make_ready(x);
    }
}

/* ---- what is pending ---- */

void entry_scan(struct entry *x)
{
    if (x->pending->len > 0 && !x->scanning) { /* nothing before the first one applies */
        x->cursor = MAX(x->cursor, g_array_index(x->pending, uint64_t, 0) - 1);
    }
    x->scanning = true;
    g_array_set_size(x->pending, 0);
}

void entry_offer(struct entry *x, uint64_t seq)
{
    guint count = x->pending->len;
    if (x->scanning || seq <= x->cursor ||
        (count > 0 && g_array_index(x->pending, uint64_t, count - 1) >= seq)) {
        return;
    }
    if (count == MAX_PENDING) {
        entry_scan(x);
        return;
    }
    g_array_append_val(x->pending, seq);
    if (x->phase == IDLE) {
        x->cursor = seq - 1;
        entry_make_ready(x);
    }
}

void entry_has_read(struct entry *x, uint64_t upto)
{
    guint dealt = 0;
    if (upto != x->cursor) {
        entry_changed(x);
    }
    x->cursor = MAX(x->cursor, upto);
    while (dealt < x->pending->len && g_array_index(x->pending, uint64_t, dealt) <= x->cursor) {
        dealt++;
    }
    if (dealt > 0) {
        g_array_remove_range(x->pending, 0, dealt);
    }
    x->scanning = x->scanning && x->cursor < x->owner->position;
}

void entry_settle_index(struct entry *x)
{
    bool follows = !x->removed && entry_follows(x, instant_now());
    if (follows && !x->indexed) {
        subscription_index_add(x->owner->index, x->def, x);
    } else if (!follows && x->indexed) {
        subscription_index_remove(x->owner->index, x->def, x);
    }
    x->indexed = follows;
}

/* ---- hosts ---- */

void host_free(void *data)
{
    struct host *h = data;
    g_queue_clear_full(&h->waiting, (GDestroyNotify)entry_unref);
    g_free(h->key);
    g_free(h);
}

static void host_forget(struct notifier *n, struct host *h)
{
    if (h->entries == 0 && h->active == 0 && h->waiting.length == 0 && !h->listed) {
        g_hash_table_remove(n->hosts, h->key);
    }
}

/* "scheme://host:port" of a URI, without who. */
static char *host_key(const struct subscription_endpoint *p)
{
    if (p->mqtt) {
        return g_strdup_printf("%s:%d %d", p->host, p->port, p->tls);
    }
    const char *start = strstr(p->uri, "://");
    start = start != NULL ? start + 3 : p->uri;
    size_t length = strcspn(start, "/?#");
    const char *at = memchr(start, '@', length);
    if (at != NULL) {
        length -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    g_autofree char *lower = g_ascii_strdown(start, (gssize)length);
    return g_strdup_printf("%.5s %s", p->uri, lower);
}

void entry_bind_host(struct entry *x)
{
    struct notifier *n = x->owner;
    if (x->def->endpoint.sse) {
        x->host = NULL;
        return;
    }
    g_autofree char *key = host_key(&x->def->endpoint);
    struct host *h = g_hash_table_lookup(n->hosts, key);
    if (h == NULL) {
        h = g_new0(struct host, 1);
        g_queue_init(&h->waiting);
        h->key = g_steal_pointer(&key);
        g_hash_table_insert(n->hosts, h->key, h);
    }
    h->entries++;
    x->host = h;
}

void entry_release_host(struct entry *x)
{
    struct host *h = g_steal_pointer(&x->host);
    if (h != NULL) {
        h->entries--;
        host_forget(x->owner, h);
    }
}

static bool has_place(const struct host *h)
{
    return h->active < (h->proven ? PROVEN_PLACES : NEW_PLACES);
}

static void give_place(struct notifier *n, struct host *h, struct entry *x)
{
    struct ticket *t = g_new0(struct ticket, 1);
    *t = (struct ticket){.entry = x, .host = h, .unproven = !h->proven};
    h->active++;
    n->unproven += t->unproven;
    g_thread_pool_push(n->workers, t, NULL);
}

/* Gives the places at a host to those that wait for one. */
static void serve_host(struct notifier *n, struct host *h)
{
    while (h->waiting.length > 0 && has_place(h)) {
        if (!h->proven && n->unproven >= UNPROVEN_PLACES) {
            if (!h->listed) {
                h->listed = true;
                g_queue_push_tail(&n->held, h);
            }
            return;
        }
        struct entry *x = g_queue_pop_head(&h->waiting);
        if (x->removed || x->phase != READY || x->host != h) {
            entry_unref(x);
        } else {
            give_place(n, h, x);
        }
    }
}

void entry_make_ready(struct entry *x)
{
    if (x->host == NULL) { /* it has become a stream */
        g_array_set_size(x->pending, 0);
        x->scanning = false;
        entry_set_phase(x, IDLE);
        return;
    }
    entry_set_phase(x, READY);
    g_queue_push_tail(&x->host->waiting, entry_ref(x));
    serve_host(x->owner, x->host);
}

void ticket_close(struct ticket *t, int answered)
{
    struct notifier *n = t->entry->owner;
    struct host *h = t->host;
    h->active--;
    h->proven = answered < 0 ? h->proven : answered > 0;
    n->unproven -= t->unproven;
    if (n->stopping) {
        return;
    }
    serve_host(n, h);
    for (guint held = n->held.length; held > 0 && n->unproven < UNPROVEN_PLACES; held--) {
        struct host *next = g_queue_pop_head(&n->held);
        next->listed = false;
        serve_host(n, next);
        if (next != h) {
            host_forget(n, next);
        }
    }
    host_forget(n, h);
}
