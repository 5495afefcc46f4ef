/* SPDX-License-Identifier: Apache-2.0 */
/* Sending notifications by HTTP and MQTT. */
#include <string.h>

#include "context/subscriptions/notifier.h"
#include "mqtt/mqtt.h"

#define CONTEXT_RELATION "http://www.w3.org/ns/json-ld#context"

enum {
    MQTT_THREADS = 96,
    /* made when they are needed; hosts that hang hold 64 at most */ MAX_BROKERS = 64,
    SESSION_S = 300
};

/* A message on its way. */
struct sending {
    struct subscription *s; /* a reference */
    GString *message;
    void (*done)(void *user, const struct send_result *r);
    void *user;
};

static struct {
    GThreadPool *pool;
    GMutex lock;         /* of brokers */
    GHashTable *brokers; /* "host port tls version user password" → struct mqtt_client */
} mqtt;

static void finish(struct sending *x, bool ok, int status, const char *reason)
{
    struct send_result result = {ok, status, reason};
    x->done(x->user, &result);
    subscription_unref(x->s);
    if (x->message != NULL) {
        g_string_free(x->message, TRUE);
    }
    g_free(x);
}

/* ---- HTTP ---- */

static void http_done(void *user, int status, const char *reason, const char *body, size_t length)
{
    if (status >= 200 && status < 300) {
        finish(user, true, status, NULL);
        return;
    }
    g_autofree char *text = status == 0 ? g_strdup(reason) : g_strdup_printf("HTTP %d", status);
    finish(user, false, status, text);
}

static GPtrArray *http_headers(const struct subscription *s)
{
    static const char *const types[] = {"application/json", "application/ld+json", "application/geo+json"};
    GPtrArray *headers = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(headers, g_strdup_printf("Content-Type: %s", types[s->endpoint.accept]));
    if (!s->endpoint.context_in_body) {
        const char *url = json_is(s->context_value, JSON_STRING) ? s->context_value->string : LD_CORE_CONTEXT;
        g_ptr_array_add(
            headers,
            g_strdup_printf("Link: <%s>; rel=\"" CONTEXT_RELATION "\"; type=\"application/ld+json\"", url));
    }
    if (s->snapshot != NULL) {
        g_ptr_array_add(headers, g_strdup_printf("NGSILD-Snapshot: %s", s->snapshot));
    }
    if (s->tenant != NULL) {
        g_ptr_array_add(headers, g_strdup_printf("NGSILD-Tenant: %s", s->tenant));
    }
    for (const char *const *p = s->endpoint.receiver; p != NULL && *p != NULL; p += 2) {
        g_ptr_array_add(headers, g_strdup_printf("%s: %s", p[0], p[1]));
    }
    g_ptr_array_add(headers, NULL);
    return headers;
}

/* ---- MQTT ---- */

/* The client of a broker, connected or connecting; NULL when there are too many brokers. */
static struct mqtt_client *broker(const struct subscription_endpoint *p)
{
    g_autofree char *key =
        g_strdup_printf("%s %d %d %d %s %s", p->host, p->port, p->tls, p->mqtt_3_1_1,
                        p->user != NULL ? p->user : "", p->password != NULL ? p->password : "");
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&mqtt.lock);
    struct mqtt_client *client = g_hash_table_lookup(mqtt.brokers, key);
    if (client == NULL && g_hash_table_size(mqtt.brokers) < MAX_BROKERS) {
        g_autofree char *uuid = g_uuid_string_random();
        g_autofree char *id = g_strdup_printf("zhongshu-%.8s", uuid);
        struct mqtt_options o = {.version = p->mqtt_3_1_1 ? MQTT_3_1_1 : MQTT_5,
                                 .tls = p->tls,
                                 .host = p->host,
                                 .port = p->port,
                                 .client_id = id,
                                 .user_name = p->user,
                                 .password = p->password,
                                 .clean_session = p->mqtt_3_1_1,
                                 .session_s = SESSION_S};
        client = mqtt_client_new(&o);
        g_hash_table_insert(mqtt.brokers, g_steal_pointer(&key), client);
    }
    return client;
}

static void mqtt_send(void *data, void *unused)
{
    struct sending *x = data;
    const struct subscription_endpoint *p = &x->s->endpoint;
    struct mqtt_client *client = broker(p);
    struct error e = {0};
    if (client == NULL) {
        finish(x, false, 0, "too many different MQTT brokers");
        return;
    }
    bool ok =
        mqtt_deliver(client, p->topic, x->message->str, x->message->len, p->qos, false, p->timeout_ms, &e);
    finish(x, ok, 0, ok ? NULL : e.en);
}

void notification_send(struct http_client *client, const struct subscription *s, GString *message,
                       void (*done)(void *user, const struct send_result *r), void *user)
{
    struct sending *x = g_new0(struct sending, 1);
    *x = (struct sending){.s = subscription_ref((struct subscription *)s), .done = done, .user = user};
    if (s->endpoint.mqtt) {
        x->message = message;
        g_thread_pool_push(mqtt.pool, x, NULL);
        return;
    }
    g_autoptr(GPtrArray) headers = http_headers(s);
    http_client_send(client, "POST", s->endpoint.uri, (const char *const *)headers->pdata, message->str,
                     message->len, s->endpoint.timeout_ms, http_done, x);
    g_string_free(message, TRUE);
}

static void free_client(void *client)
{
    mqtt_client_free(client);
}

void notification_senders_start(void)
{
    mqtt.pool = g_thread_pool_new(mqtt_send, NULL, MQTT_THREADS, FALSE, NULL);
    mqtt.brokers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_client);
}

void notification_senders_stop(void)
{
    g_thread_pool_free(g_steal_pointer(&mqtt.pool), FALSE, TRUE);
    g_clear_pointer(&mqtt.brokers, g_hash_table_unref);
}
