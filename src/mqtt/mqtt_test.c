/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the client against a real mosquitto, and against a broker of three lines where it must misbehave.
 */
#include <arpa/inet.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "mqtt/mqtt.h"
#include "mqtt/packet.h"

enum { PATIENCE_S = 30, PATIENCE_MS = PATIENCE_S * 1000, MANY = 50000 };

/* ---- a broker ---- */

struct broker {
    int port;
    char *dir;
    GPid pid;
};

static int listen_somewhere(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&at, sizeof at), ==, 0);
    g_assert_cmpint(listen(fd, 5), ==, 0);
    getsockname(fd, (struct sockaddr *)&at, &size);
    *port = ntohs(at.sin_port);
    return fd;
}

static void broker_start(struct broker *b)
{
    g_autofree char *config = g_build_filename(b->dir, "mosquitto.conf", NULL);
    g_autofree char *text =
        g_strdup_printf("listener %d 127.0.0.1\nallow_anonymous true\nuser root\nlog_type error\n"
                        "max_inflight_messages 5000\nmax_queued_messages 0\n",
                        b->port);
    char *argv[] = {(char *)"/usr/sbin/mosquitto", (char *)"-c", config, NULL};
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(config, text, -1, NULL));
    if (!g_spawn_async(b->dir, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &b->pid, &error)) {
        g_error("%s", error->message);
    }
}

static void broker_kill(struct broker *b)
{
    kill(b->pid, SIGKILL);
    waitpid(b->pid, NULL, 0);
}

static void set_up(struct broker *b, const void *unused)
{
    b->dir = g_dir_make_tmp("zhongshu-mqtt-XXXXXX", NULL);
    close(listen_somewhere(&b->port));
    broker_start(b);
}

static void tear_down(struct broker *b, const void *unused)
{
    broker_kill(b);
    g_autofree char *config = g_build_filename(b->dir, "mosquitto.conf", NULL);
    g_remove(config);
    g_rmdir(b->dir);
    g_free(b->dir);
}

/* ---- an inbox: a client that gathers ---- */

struct inbox {
    struct mqtt_client *client;
    GMutex lock;
    GCond changed;
    GPtrArray *payloads;
    GArray *tokens; /* of messages not yet acknowledged */
    bool acknowledge;
    bool connected;
    int states;
    int duplicates;
};

static void on_message(void *user, const struct mqtt_message *m)
{
    struct inbox *b = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    g_assert_true(g_utf8_validate(m->topic, -1, NULL));
    g_assert_true(m->topic[0] == 't' && (m->qos == 0) == (m->token == 0));
    g_ptr_array_add(b->payloads, g_strndup(m->payload, MIN(m->length, 64)));
    g_array_append_val(b->tokens, m->token);
    b->duplicates += m->duplicate;
    g_cond_broadcast(&b->changed);
}

static void on_idle(void *user)
{
    struct inbox *b = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    if (b->acknowledge && b->client != NULL) {
        mqtt_ack(b->client, (const uint64_t *)(void *)b->tokens->data, (int)b->tokens->len);
        g_array_set_size(b->tokens, 0);
    }
}

static void on_state(void *user, bool connected, const char *reason)
{
    struct inbox *b = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    g_assert_true(connected == (reason[0] == '\0'));
    b->connected = connected;
    b->states++;
    g_cond_broadcast(&b->changed);
}

static void inbox_open(struct inbox *b, int port, const char *client_id, bool acknowledge)
{
    static const char *const topics[] = {"t/#", NULL};
    *b = (struct inbox){.payloads = g_ptr_array_new_with_free_func(g_free),
                        .tokens = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
                        .acknowledge = acknowledge};
    g_mutex_init(&b->lock);
    g_cond_init(&b->changed);
    struct mqtt_options o = {.host = "127.0.0.1",
                             .port = port,
                             .client_id = client_id,
                             .topics = topics,
                             .on_message = on_message,
                             .on_idle = on_idle,
                             .on_state = on_state,
                             .user = b};
    g_mutex_lock(&b->lock);
    b->client = mqtt_client_new(&o);
    g_mutex_unlock(&b->lock);
}

static void inbox_wait(struct inbox *b, guint payloads, bool connected)
{
    gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    while (b->payloads->len < payloads || b->connected != connected) {
        g_assert_true(g_cond_wait_until(&b->changed, &b->lock, deadline));
    }
}

static bool inbox_has(struct inbox *b, const char *payload)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    return g_ptr_array_find_with_equal_func(b->payloads, payload, g_str_equal, NULL);
}

static void inbox_close(struct inbox *b)
{
    mqtt_client_free(b->client);
    g_ptr_array_unref(b->payloads);
    g_array_unref(b->tokens);
    g_mutex_clear(&b->lock);
    g_cond_clear(&b->changed);
}

static struct mqtt_client *sender(int port)
{
    struct mqtt_options o = {.host = "127.0.0.1", .port = port, .client_id = "sender"};
    return mqtt_client_new(&o);
}

static void publish(struct mqtt_client *c, const char *topic, const char *payload, int qos)
{
    struct error e = {0};
    if (!mqtt_publish(c, topic, payload, strlen(payload), qos, false, PATIENCE_MS, &e)) {
        g_error("%s", e.en);
    }
}

static void flush(struct mqtt_client *c)
{
    struct error e = {0};
    g_assert_true(mqtt_flush(c, PATIENCE_MS, &e));
}

/* ---- tests with mosquitto ---- */

static void messages_arrive(struct broker *b, const void *unused)
{
    struct inbox in;
    inbox_open(&in, b->port, "in", true);
    inbox_wait(&in, 0, true);
    struct mqtt_client *out = sender(b->port);
    publish(out, "t/one", "first", 1);
    publish(out, "t/渝中", "second", 0);
    publish(out, "other", "not for us", 1);
    flush(out);
    inbox_wait(&in, 2, true);
    g_assert_true(inbox_has(&in, "first") && inbox_has(&in, "second"));
    mqtt_client_free(out);
    inbox_close(&in);
}

static void what_was_not_acknowledged_comes_again(struct broker *b, const void *unused)
{
    struct inbox in;
    inbox_open(&in, b->port, "keeper", false);
    inbox_wait(&in, 0, true);
    struct mqtt_client *out = sender(b->port);
    publish(out, "t/1", "done", 1);
    publish(out, "t/2", "not done", 1);
    flush(out);
    inbox_wait(&in, 2, true);
    mqtt_ack(in.client, &g_array_index(in.tokens, uint64_t, 0), 1);
    inbox_close(&in);
    inbox_open(&in, b->port, "keeper", true);
    inbox_wait(&in, 1, true);
    g_assert_true(inbox_has(&in, "not done"));
    g_assert_false(inbox_has(&in, "done"));
    g_assert_cmpint(in.duplicates, ==, 1);
    mqtt_client_free(out);
    inbox_close(&in);
}

static void publishing_survives_a_killed_broker(struct broker *b, const void *unused)
{
    struct inbox in;
    inbox_open(&in, b->port, "in", true);
    inbox_wait(&in, 0, true);
    struct mqtt_client *out = sender(b->port);
    publish(out, "t/before", "before", 1);
    flush(out);
    inbox_wait(&in, 1, true);
    kill(b->pid, SIGSTOP); /* takes packets, acknowledges none */
    publish(out, "t/during", "during", 1);
    broker_kill(b);
    inbox_wait(&in, 1, false);
    broker_start(b);
    inbox_wait(&in, 1, true);
    publish(out, "t/after", "after", 1);
    flush(out);
    for (guint n = 2; !inbox_has(&in, "after"); n++) { /* "during" may come too, before it */
        inbox_wait(&in, n, true);
    }
    mqtt_client_free(out);
    inbox_close(&in);
}

static void a_paused_client_reads_nothing(struct broker *b, const void *unused)
{
    struct inbox in;
    inbox_open(&in, b->port, "in", true);
    inbox_wait(&in, 0, true);
    mqtt_pause(in.client, true);
    struct mqtt_client *out = sender(b->port);
    publish(out, "t/1", "kept back", 1);
    flush(out);
    g_assert_cmpuint(in.payloads->len, <=, 1); /* it may have been inside a read */
    mqtt_pause(in.client, false);
    inbox_wait(&in, 1, true);
    mqtt_client_free(out);
    inbox_close(&in);
}

static void many_messages_are_fast(struct broker *b, const void *unused)
{
    struct inbox in;
    inbox_open(&in, b->port, "in", true);
    inbox_wait(&in, 0, true);
    struct mqtt_client *out = sender(b->port);
    gint64 begin = g_get_monotonic_time();
    for (int i = 0; i < MANY; i++) {
        publish(out, "t/many/sensor", "{\"pm25\": 12.5, \"ts\": \"2026-03-01T08:00:00+08:00\"}", 1);
    }
    flush(out);
    inbox_wait(&in, MANY, true);
    double seconds = (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_SECOND;
    g_test_message("%d messages at QoS 1 through the broker in %.2f s: %.0f/s", MANY, seconds,
                   MANY / seconds);
    mqtt_client_free(out);
    inbox_close(&in);
}

/* ---- tests with a broker that misbehaves ---- */

struct peer {
    int listener, fd, port;
    uint8_t in[1 << 16];
    size_t used;
};

/* The next packet from the client: its bytes are removed from in and copied to packet. */
static size_t peer_read(struct peer *p, uint8_t *packet)
{
    for (;;) {
        if (p->used >= 2 && p->used >= 2u + p->in[1]) { /* all of these tests' packets are short */
            size_t n = 2u + p->in[1];
            memcpy(packet, p->in, n);
            memmove(p->in, p->in + n, p->used - n);
            p->used -= n;
            return n;
        }
        ssize_t n = recv(p->fd, p->in + p->used, sizeof p->in - p->used, 0);
        g_assert_cmpint(n, >, 0);
        p->used += (size_t)n;
    }
}

static void peer_send(struct peer *p, const void *bytes, size_t n)
{
    for (const char *at = bytes; n > 0;) {
        ssize_t sent = send(p->fd, at, n, MSG_NOSIGNAL);
        g_assert_cmpint(sent, >, 0);
        at += sent;
        n -= (size_t)sent;
    }
}

static void peer_accept(struct peer *p, bool subscribes)
{
    uint8_t packet[300];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    p->used = 0;
    p->fd = accept(p->listener, NULL, NULL);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    peer_read(p, packet);
    g_assert_cmpint(packet[0], ==, PACKET_CONNECT << 4);
    peer_send(p, "\x20\2\0\0", 4);
    if (subscribes) {
        peer_read(p, packet);
        g_assert_cmpint(packet[0], ==, PACKET_SUBSCRIBE << 4 | 2);
        peer_send(p, "\x90\3\xff\xff\1", 5);
    }
}

static void unacknowledged_publishes_are_sent_again_in_order(void)
{
    struct peer p = {0};
    uint8_t packet[300];
    struct error e = {0};
    p.listener = listen_somewhere(&p.port);
    struct mqtt_client *c = sender(p.port);
    peer_accept(&p, false);
    publish(c, "a", "1", 1);
    publish(c, "b", "2", 1);
    for (int i = 0; i < 2; i++) {
        peer_read(&p, packet);
        g_assert_cmpint(packet[0], ==, PACKET_PUBLISH << 4 | 2);
    }
    g_assert_false(mqtt_flush(c, 10, &e));
    close(p.fd);
    peer_accept(&p, false);
    for (int i = 0; i < 2; i++) {
        size_t n = peer_read(&p, packet);
        g_assert_cmpint(packet[0], ==, PACKET_PUBLISH << 4 | 8 | 2);
        g_assert_cmpint(packet[4], ==, "ab"[i]);
        uint8_t puback[] = {PACKET_PUBACK << 4, 2, packet[n - 3], packet[n - 2]};
        peer_send(&p, puback, sizeof puback);
    }
    flush(c);
    mqtt_client_free(c);
    close(p.fd);
    close(p.listener);
}

static void large_packets_are_skipped(void)
{
    struct peer p = {0};
    struct inbox in;
    uint8_t packet[300];
    p.listener = listen_somewhere(&p.port);
    inbox_open(&in, p.port, "in", true);
    peer_accept(&p, true);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree char *huge = g_malloc0(LIMIT_MQTT_PACKET * 3);
    packet_put_publish(MQTT_3_1_1, bytes, "t/huge", huge, LIMIT_MQTT_PACKET * 3, 1, false, 6);
    packet_put_publish(MQTT_3_1_1, bytes, "t/largest", huge, LIMIT_MQTT_PACKET - 13, 1, false, 7);
    packet_put_publish(MQTT_3_1_1, bytes, "t/\xff\xfe", "not UTF-8", 9, 1, false, 8);
    packet_put_publish(MQTT_3_1_1, bytes, "t/after", "after", 5, 1, false, 9);
    peer_send(&p, bytes->data, bytes->len);
    inbox_wait(&in, 2, true);
    g_assert_true(inbox_has(&in, "after"));
    int acknowledged = 0;
    for (int i = 0; i < 4; i++) { /* what nobody can take is acknowledged too, and sooner */
        peer_read(&p, packet);
        g_assert_cmpint(packet[0], ==, PACKET_PUBACK << 4);
        acknowledged |= 1 << packet[3];
    }
    g_assert_cmphex(acknowledged, ==, 0xf << 6);
    inbox_close(&in);
    close(p.fd);
    close(p.listener);
}

static void *send_many(void *user)
{
    struct peer *p = user;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    const char *payload = "{\"pm25\": 12.5, \"ts\": \"2026-03-01T08:00:00+08:00\"}";
    for (int i = 0; i < 10000; i++) {
        packet_put_publish(MQTT_3_1_1, bytes, "t/many/sensor", payload, strlen(payload), 1, false,
                           (uint16_t)(i + 1));
    }
    for (int i = 0; i < MANY; i += 10000) {
        peer_send(p, bytes->data, bytes->len);
    }
    return NULL;
}

static void the_client_alone_is_faster_than_a_broker(void)
{
    struct peer p = {0};
    struct inbox in;
    p.listener = listen_somewhere(&p.port);
    inbox_open(&in, p.port, "in", true);
    peer_accept(&p, true);
    gint64 begin = g_get_monotonic_time();
    GThread *thread = g_thread_new("send", send_many, &p);
    for (size_t acknowledged = 0; acknowledged < MANY * 4;) {
        ssize_t n = recv(p.fd, p.in, sizeof p.in, 0);
        g_assert_cmpint(n, >, 0);
        acknowledged += (size_t)n;
    }
    double seconds = (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_SECOND;
    g_test_message("%d messages at QoS 1 taken and acknowledged in %.2f s: %.0f/s", MANY, seconds,
                   MANY / seconds);
    g_assert_cmpuint(in.payloads->len, ==, MANY);
    g_thread_join(thread);
    inbox_close(&in);
    close(p.fd);
    close(p.listener);
}

static void old_tokens_are_dropped(void)
{
    struct peer p = {0};
    struct inbox in;
    uint8_t packet[300];
    p.listener = listen_somewhere(&p.port);
    inbox_open(&in, p.port, "in", false);
    for (int round = 1; round <= 2; round++) {
        peer_accept(&p, true);
        peer_send(&p, "\x32\6\0\2t/\0\1", 8);
        inbox_wait(&in, (guint)round, true);
        if (round == 1) {
            close(p.fd);
            inbox_wait(&in, 1, false);
        }
    }
    mqtt_ack(in.client, (const uint64_t *)(void *)in.tokens->data, 2);
    peer_read(&p, packet);
    g_assert_cmpint(packet[0], ==, PACKET_PUBACK << 4);
    mqtt_client_free(g_steal_pointer(&in.client));
    peer_read(&p, packet);
    g_assert_cmpint(packet[0], ==, PACKET_DISCONNECT << 4); /* there was one PUBACK only */
    inbox_close(&in);
    close(p.fd);
    close(p.listener);
}

static void malformed_packets_end_the_connection(void)
{
    struct peer p = {0};
    struct inbox in;
    p.listener = listen_somewhere(&p.port);
    inbox_open(&in, p.port, "in", true);
    peer_accept(&p, true);
    inbox_wait(&in, 0, true);
    peer_send(&p, "\x10\0", 2);
    inbox_wait(&in, 0, false);
    close(p.fd);
    peer_accept(&p, true);
    inbox_wait(&in, 0, true);
    inbox_close(&in);
    close(p.fd);
    close(p.listener);
}

static void wrong_messages_are_refused(void)
{
    struct mqtt_client *c = sender(1);
    struct error e = {0};
    g_assert_false(mqtt_publish(c, "a/+", "", 0, 1, false, 10, &e));
    g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
    g_assert_false(mqtt_publish(c, "a", "", LIMIT_MQTT_PACKET, 1, false, 10, &e));
    g_assert_cmpint(e.code, ==, ERROR_TOO_LARGE);
    g_assert_false(mqtt_publish(c, "a", "", 0, 1, false, 10, &e));
    g_assert_cmpint(e.code, ==, ERROR_UNAVAILABLE);
    g_assert_false(mqtt_connected(c));
    mqtt_client_free(c);
}

#define WITH_BROKER(name) g_test_add("/mqtt/" #name, struct broker, NULL, set_up, name, tear_down)
#define ALONE(name) g_test_add_func("/mqtt/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    WITH_BROKER(messages_arrive);
    WITH_BROKER(what_was_not_acknowledged_comes_again);
    WITH_BROKER(publishing_survives_a_killed_broker);
    WITH_BROKER(a_paused_client_reads_nothing);
    WITH_BROKER(many_messages_are_fast);
    ALONE(unacknowledged_publishes_are_sent_again_in_order);
    ALONE(large_packets_are_skipped);
    ALONE(the_client_alone_is_faster_than_a_broker);
    ALONE(old_tokens_are_dropped);
    ALONE(malformed_packets_end_the_connection);
    ALONE(wrong_messages_are_refused);
    return g_test_run();
}
