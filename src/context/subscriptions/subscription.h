/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions (ETSI GS CIM 009 V1.9.1, 5.2.12, 5.8): what they say, checked and compiled. */
#pragma once

#include "context/query/join.h"
#include "context/query/query.h"
#include "context/query/render.h"
#include "http/http.h"
#include "store/store.h"

/* Loads the subscriptions kept in a store and starts to notify (notifier.h). tenant and snapshot are
 * NULL in the default space.
 */
struct notifier *subscription_load(struct store *s, struct http_client *client, const char *tenant,
                                   const char *snapshot);
/* Where they are kept: id → {"body": …, "context": …}. */
#define SUBSCRIPTION_SPACE "subscriptions"

/* ---- one subscription ---- */

enum subscription_trigger {
    TRIGGER_ENTITY_CREATED = 1,
    TRIGGER_ENTITY_DELETED = 2,
    TRIGGER_ATTRIBUTE_CREATED = 4,
    TRIGGER_ATTRIBUTE_UPDATED = 8,
    TRIGGER_ATTRIBUTE_DELETED = 16,
};

enum subscription_accept { ACCEPT_JSON, ACCEPT_LD_JSON, ACCEPT_GEO_JSON };

/* Where notifications go. */
struct subscription_endpoint {
    bool mqtt;
    bool sse;     /* read as a stream: nothing is sent by itself */
    int attempts; /* that fail one after the other before the subscription is parked */
    const char *uri;
    enum subscription_accept accept;
    bool context_in_body;        /* the @context goes with the entities; else a Link header names it */
    const char *const *receiver; /* pairs of name and value, NULL-terminated */
    int timeout_ms;
    int cooldown_ms;
    /* of mqtt[s]://user:password@host:port/topic */
    const char *host, *user, *password, *topic;
    int port, qos;
    bool tls, mqtt_3_1_1;
};

/* What a client wrote, compiled; does not change. One thread at a time may use query. */
struct subscription {
    gint references;
    struct arena *a;
    const char *id;
    const struct json *body;          /* as written, with the id and without what only we may say */
    const struct json *context_value; /* the @context for names, or NULL */
    struct ld_context *ctx;
    struct entity_query query;
    const char *const *types; /* every match has one of these; NULL = any type */
    unsigned triggers;
    const char *const *watched; /* stored names; NULL = all */
    bool active;
    bool expires_known;
    instant expires;
    int64_t throttling;   /* µs; 0 = none */
    int64_t interval;     /* µs; 0 = on change */
    struct render render; /* with changes: values before the change are shown too */
    struct join_text join;
    int version;               /* of NGSI-LD that notifications are made for (4.3.6.8); 0 = ours */
    bool needs_before;         /* of a change: what records have as "was" */
    instant created, modified; /* 0 = not known */
    struct subscription_endpoint endpoint;
    /* Set by notifier_put: the space, as its notifications name it; NULL = the default one. */
    const char *tenant, *snapshot;
};
/* Checks and compiles. context_value is the request's @context (may be NULL; jsonldContext in the body stands
 * before it). body is copied. NULL with e set when something is wrong. An id is made up when the body has
 * none. */
struct subscription *subscription_parse(const struct json *body, const struct json *context_value,
                                        struct error *e);
struct subscription *subscription_ref(struct subscription *s);
void subscription_unref(struct subscription *s); /* NULL is fine */
typedef struct subscription subscription_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(subscription_autoptr_target, subscription_unref)
#define subscription_auto g_autoptr(subscription_autoptr_target)
