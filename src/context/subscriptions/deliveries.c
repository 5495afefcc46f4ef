/* SPDX-License-Identifier: Apache-2.0 */
/* The last attempts to notify, in memory: so many a subscription, and so many in all. */
#include <string.h>

#include "base/limits.h"
#include "context/subscriptions/notifier_inside.h"

struct delivery *delivery_new(instant at)
{
    struct delivery *d = g_new0(struct delivery, 1);
    d->of_entry.data = d->of_all.data = d;
    d->at = at;
    return d;
}

static void delivery_drop(struct delivery *d)
{
    g_queue_unlink(&d->entry->deliveries, &d->of_entry);
    g_queue_unlink(&d->entry->owner->deliveries, &d->of_all);
    g_free(d->ids);
    g_free(d->reason);
    g_free(d);
}

void delivery_add(struct entry *x, struct delivery *d)
{
    struct notifier *n = x->owner;
    d->entry = x;
    g_queue_push_head_link(&x->deliveries, &d->of_entry);
    g_queue_push_head_link(&n->deliveries, &d->of_all);
    if (x->deliveries.length > LIMIT_DELIVERIES) {
        delivery_drop(g_queue_peek_tail(&x->deliveries));
    }
    if (n->deliveries.length > LIMIT_DELIVERIES_ALL) {
        delivery_drop(g_queue_peek_tail(&n->deliveries));
    }
}

void deliveries_clear(struct entry *x)
{
    while (x->deliveries.length > 0) {
        delivery_drop(g_queue_peek_head(&x->deliveries));
    }
}

static struct json *entities_of(struct arena *a, const struct delivery *d)
{
    struct json *list = json_array(a);
    g_auto(GStrv) ids = g_strsplit(d->ids != NULL ? d->ids : "", " ", -1);
    for (char **id = ids; *id != NULL; id++) {
        if (**id != '\0') {
            json_append(list, json_string(a, *id));
        }
    }
    return list;
}

static struct json *delivery_show(struct arena *a, const struct delivery *d)
{
    char at[INSTANT_TEXT];
    struct json *out = json_object(a);
    json_add(out, "at", json_string(a, instant_format(d->at, at)));
    json_add(out, "outcome", json_string(a, d->lost ? "lost" : d->ok ? "ok" : "failed"));
    if (d->to != 0) {
        json_add(out, "from", json_int(a, (int64_t)d->from));
        json_add(out, "to", json_int(a, (int64_t)d->to));
    }
    if (d->lost) {
        return out;
    }
    json_add(out, "count", json_int(a, d->entities));
    json_add(out, "entities", entities_of(a, d));
    json_add(out, "durationMs", json_int(a, d->duration_ms));
    if (d->status != 0) {
        json_add(out, "status", json_int(a, d->status));
    }
    if (d->reason != NULL) {
        json_add(out, "reason", json_string(a, d->reason));
    }
    return out;
}

struct json *deliveries_show(struct arena *a, const struct entry *x)
{
    struct json *list = json_array(a);
    for (const GList *l = x->deliveries.head; l != NULL; l = l->next) {
        json_append(list, delivery_show(a, l->data));
    }
    return list;
}
