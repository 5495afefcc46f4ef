/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions to registrations (ETSI GS CIM 009 V1.9.1, 5.11): who subscribes, and what each is told.
 *
 * What a change of a registration means for a subscriber is written, in the transaction of the change, as a
 * row of his outbox; a later change of the same registration takes the row's place. The keeper sends the rows
 * and removes them when the endpoint has taken them: at least once, also after a crash. */
#pragma once

#include "context/sources/registry_inside.h"
#include "context/subscriptions/subscription.h"

/* id → {"body": …, "context": …}; id → how its notifications fared; id NUL registration's id → {"reason": …,
 * "at": µs, "registration": …} */
#define SOURCE_SUBSCRIPTION_SPACE "csourceSubscriptions"
#define SOURCE_SUBSCRIPTION_STATE "csourceSubscriptions.state"
#define SOURCE_SUBSCRIPTION_OUTBOX "csourceSubscriptions.outbox"

/* What a client wrote, compiled; does not change. */
struct source_subscription {
    gint references;
    struct arena *a;
    struct subscription *def; /* all but csf and temporalQ */
    const struct json *body;  /* as written */
    struct q *csf;
    struct registry_query query; /* for all selectors: everything but which entities */
    GMutex lock;                 /* one match at a time */
};
struct source_subscription *source_subscription_parse(const struct json *body,
                                                      const struct json *context_value, struct error *e);
struct source_subscription *source_subscription_ref(struct source_subscription *s);
void source_subscription_unref(struct source_subscription *s); /* NULL is fine */
typedef struct source_subscription source_subscription_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(source_subscription_autoptr_target, source_subscription_unref)
#define source_subscription_auto g_autoptr(source_subscription_autoptr_target)

/* The registration as this subscriber sees it, with the matching elements of "information" only; NULL when it
 * does not concern him. */
struct json *source_subscription_view(struct source_subscription *s, struct arena *a, struct registration *r);
/* Text of the message for the endpoint; registrations are comma-separated objects. */
GString *source_subscription_message(const struct source_subscription *s, const char *reason,
                                     const char *registrations);

/* ---- subscribers at work ---- */

enum { SUBSCRIBER_REASON = 200 };

/* All under the registry's lock. */
struct source_subscriber {
    gint references; /* the table's, and that of a message on its way */
    struct source_subscription *s;
    bool durable; /* else still in its first transaction: nobody sees it yet */
    bool removed;
    bool look;    /* there may be something in the outbox */
    bool sending; /* a message, or the job that removes what it told, is on its way */
    bool parked;  /* too many failures */
    int attempts;
    instant due; /* not before */
    int64_t sent, failed;
    instant last, last_success, last_failure;
    bool last_failed;
    char reason[SUBSCRIBER_REASON];
};
void source_subscriber_unref(struct source_subscriber *x);

/* In a transaction: tells all subscribers what became of a registration (old or next may be NULL). */
bool source_subscribers_tell(struct registry *r, struct txn *t, struct arena *a, struct registration *old,
                             struct registration *next, struct error *e);
/* In a transaction: installs a new subscriber, or a new version of one, writes it and what he is told first.
 * Undone by source_subscriber_settle without success. */
bool source_subscriber_put(struct registry *r, struct txn *t, struct arena *a, struct source_subscription *s,
                           struct error *e);
/* In the job's done; old is the definition before, or NULL. */
void source_subscriber_settle(struct registry *r, const char *id, struct source_subscription *old,
                              bool durable);
bool source_subscriber_drop(struct txn *t, struct arena *a, const char *id, struct error *e);
void source_subscriber_forget(struct registry *r, const char *id);

/* The definition in force: a new reference, or NULL. pending ones too, on the writer's thread. */
struct source_subscription *source_subscriber_find(struct registry *r, const char *id, bool pending);
int source_subscriber_count(struct registry *r);
char **source_subscriber_ids(struct registry *r, int64_t offset, int64_t limit);
struct json *source_subscriber_describe(struct registry *r, struct arena *a, const char *id);

/* Each row of a subscriber's outbox. */
void source_outbox_scan(struct view *v, const char *id,
                        bool (*each)(void *user, const void *key, size_t key_length, const char *value,
                                     size_t value_length),
                        void *user);
void source_subscribers_load(struct registry *r, struct view *v);
/* Something durable has changed: everybody looks into his outbox. */
void source_subscribers_wake(struct registry *r);
/* The keeper's look: sends what is due. */
void source_subscribers_send(struct registry *r, struct http_client *client);
