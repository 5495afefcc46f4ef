/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of an MQTT measurement: `bench_flood publish PORT TOPICS MESSAGES` sends readings as fast as the
 * broker takes them; `bench_flood receive PORT FILTER MESSAGES` acknowledges and throws away, prints the
 * seconds from the first to the last. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt/mqtt.h"

struct receiver {
    struct mqtt_client *client;
    gint64 first, last;
    int seen, wanted;
    uint64_t tokens[4096];
    int waiting;
    GMutex lock;
    GCond done;
};

static void flush_tokens(void *user)
{
    struct receiver *r = user;
    if (r->waiting > 0) {
        mqtt_ack(r->client, r->tokens, r->waiting);
        r->waiting = 0;
    }
}

static void take(void *user, const struct mqtt_message *m)
{
    struct receiver *r = user;
    if (r->seen++ == 0) {
        r->first = g_get_monotonic_time();
    }
    if (m->token != 0) {
        r->tokens[r->waiting++] = m->token;
        if (r->waiting == (int)G_N_ELEMENTS(r->tokens)) {
            flush_tokens(r);
        }
    }
    if (r->seen >= r->wanted) {
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
        r->last = g_get_monotonic_time();
        g_cond_signal(&r->done);
    }
}

static void state(void *user, bool connected, const char *reason)
{
    if (connected) {
        puts("connected");
        fflush(stdout);
    }
}

static int receive(int port, const char *filter, int messages)
{
    struct receiver *r = g_new0(struct receiver, 1);
    const char *topics[] = {filter, NULL};
    r->wanted = messages;
    struct mqtt_options o = {.host = "127.0.0.1",
                             .port = port,
                             .client_id = "bench-receiver",
                             .clean_session = true,
                             .topics = topics,
                             .on_message = take,
                             .on_idle = flush_tokens,
                             .on_state = state,
                             .user = r};
    g_mutex_lock(&r->lock);
    r->client = mqtt_client_new(&o);
    while (r->last == 0) {
        g_cond_wait(&r->done, &r->lock);
    }
    g_mutex_unlock(&r->lock);
    printf("%.3f\n", (double)(r->last - r->first) / 1e6);
    mqtt_client_free(r->client);
    return 0;
}

static int publish(int port, int topics, int messages)
{
    struct error e = {0};
    struct mqtt_options o = {
        .host = "127.0.0.1", .port = port, .client_id = "bench-publisher", .clean_session = true};
    struct mqtt_client *c = mqtt_client_new(&o);
    for (int i = 0; i < messages; i++) {
        char topic[64];
        char payload[256];
        int station = i % topics;
        int second = i / topics;
        snprintf(topic, sizeof topic, "zs/air/bench-%04d/reading", station);
        int n = snprintf(
            payload, sizeof payload,
            "{\"ts\":\"2026-10-%02dT%02d:%02d:%02dZ\",\"pm25\":%d.%d,\"pm10\":%d,\"so2\":%d,\"no2\":%d,"
            "\"co\":0.%d,\"o3\":%d}",
            1 + second / 86400 % 28, second / 3600 % 24, second / 60 % 60, second % 60, 10 + i % 40, i % 10,
            20 + i % 50, 3 + i % 9, 20 + i % 30, 1 + i % 9, 40 + i % 60);
        if (!mqtt_publish(c, topic, payload, (size_t)n, 1, false, 60000, &e)) {
            fprintf(stderr, "%s\n", e.en);
            return 1;
        }
    }
    bool ok = mqtt_flush(c, 60000, &e);
    mqtt_client_free(c);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "receive") == 0) {
        return receive(atoi(argv[2]), argv[3], atoi(argv[4]));
    }
    if (argc == 5 && strcmp(argv[1], "publish") == 0) {
        return publish(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    }
    fputs("usage: bench_flood publish PORT TOPICS MESSAGES | receive PORT FILTER MESSAGES\n", stderr);
    return 2;
}
