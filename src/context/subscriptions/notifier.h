/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: every subscription follows the change log with a cursor of its own.
 *
 * A subscription to which nothing new applies is idle and costs nothing. A change of a type that it watches
 * makes it ready; a worker then reads the log from its cursor, renders one notification and sends it; the
 * cursor moves when the endpoint has taken it. So a dead endpoint holds up only itself, and after a restart
 * each goes on from its cursor: at least once. After too many failures it is parked: paused, with the reason,
 * until someone sets isActive again.
 *
 *          change                picked                 taken, more to read
 *   IDLE ----------> READY ----------------> SENDING ----------------------> READY
 *     ^                ^  \_ nothing applies ___/ | \ failed: back-off;
 *     |________________|__________________________|  \ throttling, interval      too often
 *              time is up \______ WAITING <___________\____________________> PARKED          */
#pragma once

#include "context/subscriptions/subscription.h"

/* The subscriptions of one space at work. */
struct notifier;
struct notifier_options {
    struct store *store;
    struct http_client *client;
    const char *tenant, *snapshot; /* NULL = the default space */
};
struct notifier *notifier_start(const struct notifier_options *o);
/* Waits until nobody works for it any more; answers still on their way find it stopped. NULL is fine. */
void notifier_stop(struct notifier *n);

/* Installs a subscription, or a new version of one. state is what is kept at NOTIFIER_SPACE, NULL for a new
 * one, which then begins at the end of the log. */
void notifier_put(struct notifier *n, struct subscription *s, const struct json *state);
/* False when there is none. */
bool notifier_remove(struct notifier *n, const char *id);
/* The definition in force: a new reference, or NULL. */
struct subscription *notifier_find(struct notifier *n, const char *id);
int notifier_count(struct notifier *n);
/* Ids in order, skipping the first offset, at most limit. */
char **notifier_ids(struct notifier *n, int64_t offset, int64_t limit);
/* The subscription as its readers see it: body, status, counters. NULL when there is none. */
struct json *notifier_describe(struct notifier *n, struct arena *a, const char *id);

/* A notification has gone to a reader of a stream. */
void notifier_count_streamed(struct notifier *n, const char *id);

/* The state of a subscription that has just been made, where the log ends at the given record. */
const char *notifier_first_state(struct arena *a, uint64_t log_end);
/* Where the states are kept: id → JSON. */
#define NOTIFIER_SPACE "subscriptions.state"
#define NOTIFIER_CURSOR "subscriptions"

/* ---- parts ---- */

/* What a record means for a subscription: the triggers that it pulls (0 = none). */
unsigned notification_triggers(const struct subscription *s, const struct json *record);
/* The entity as the record left it: the current one, with what later changes may have overwritten put back.
 * Of a deleted one what is known of its last state. */
struct json *notification_entity(struct arena *a, struct view *v, const struct json *record);
/* Does that entity pass the subscription's query? */
bool notification_selects(const struct subscription *s, const struct json *record, const struct json *entity,
                          struct view *v);
/* Appends the entity of a record, as it was after it, if it passes the subscription's query; false otherwise.
 * linked gets the entities of join=flat, id → text. */
bool notification_add(GString *data, const struct subscription *s, struct view *v, const struct json *record,
                      GHashTable *linked);
/* Appends an entity as it is now, as the subscription shows it. */
void notification_add_current(GString *data, const struct subscription *s, struct view *v,
                              const struct json *entity, GHashTable *linked);
/* Puts data (entities, comma-separated) into the message for the endpoint: HTTP body or MQTT payload. */
GString *notification_message(const struct subscription *s, const char *data);
/* Ends a body that is still open ("{…") with the @context where the media type asks for it, and puts what
 * MQTT needs around it. Takes body. */
GString *notification_wrap(const struct subscription *s, GString *body);
/* What became of a message. */
struct send_result {
    bool ok;
    int status;         /* of HTTP; 0 = no answer */
    const char *reason; /* when not ok; English */
};
/* Sends a message (taken over); done is called once on some thread, never before this returns. */
void notification_send(struct http_client *client, const struct subscription *s, GString *message,
                       void (*done)(void *user, const struct send_result *r), void *user);
/* What sends for the notifiers of all spaces. */
void notification_senders_start(void);
void notification_senders_stop(void);
