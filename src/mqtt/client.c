/* SPDX-License-Identifier: Apache-2.0 */
/* The client's thread: connects, reads and writes, keeps the connection alive, connects again. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "mqtt/client.h"

enum {
    READ_SIZE = 256 << 10,
    LARGEST_BUFFER = LIMIT_MQTT_PACKET * 2,
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 10000,
    HANDSHAKE_S = 10,
    DEFAULT_KEEP_ALIVE_S = 30,
    FAREWELL_MS = 1000,
    SUBSCRIBE_ID = 65535, /* above those of publish.c */
};

struct counter mqtt_counters[MQTT_COUNTERS] = {
    [MQTT_RECEIVED] = {"zhongshu_mqtt_received_total", COUNTER_COUNTER, "MQTT messages received",
                       "收到的 MQTT 消息数"},
    [MQTT_ACKNOWLEDGED] = {"zhongshu_mqtt_acknowledged_total", COUNTER_COUNTER,
                           "MQTT messages acknowledged after their commit", "提交后已确认的 MQTT 消息数"},
    [MQTT_PUBLISHED] = {"zhongshu_mqtt_published_total", COUNTER_COUNTER, "MQTT messages published",
                        "发布的 MQTT 消息数"},
    [MQTT_SENT_AGAIN] = {"zhongshu_mqtt_sent_again_total", COUNTER_COUNTER,
                         "MQTT messages sent again after a reconnect", "重连后重发的 MQTT 消息数"},
    [MQTT_DROPPED] = {"zhongshu_mqtt_dropped_total", COUNTER_COUNTER,
                      "MQTT messages dropped because they were too large or their topic was not UTF-8",
                      "因过大或主题非 UTF-8 而丢弃的 MQTT 消息数"},
    [MQTT_CONNECTIONS] = {"zhongshu_mqtt_connections_total", COUNTER_COUNTER,
                          "Connections made to the MQTT broker", "与 MQTT 代理建立的连接次数"},
};

/* ---- called from any thread ---- */

void client_wake(struct mqtt_client *c)
{
    if (!c->woken) {
        c->woken = true;
        eventfd_write(c->wake_fd, 1);
    }
}

void mqtt_ack(struct mqtt_client *c, const uint64_t *tokens, int count)
{
    int64_t acknowledged = 0;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    for (int i = 0; i < count; i++) {
        if (tokens[i] != 0 && tokens[i] >> 16 == c->generation) {
            packet_put_puback(c->out, (uint16_t)tokens[i]);
            acknowledged++;
        }
    }
    if (acknowledged > 0) {
        counter_add(&mqtt_counters[MQTT_ACKNOWLEDGED], acknowledged);
        client_wake(c);
    }
}

void mqtt_pause(struct mqtt_client *c, bool pause)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    c->paused = pause;
    client_wake(c);
}

bool mqtt_connected(struct mqtt_client *c)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    return c->connected;
}

static bool is_stopping(struct mqtt_client *c)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    return c->stopping;
}

/* ---- the connection ends ---- */

/* Says why; always false. */
static bool fail(struct mqtt_client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct mqtt_client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->reason, sizeof c->reason, format, args);
    va_end(args);
    return false;
}

static void tell(struct mqtt_client *c, bool connected, const char *reason)
{
    if (!c->told_any || strcmp(c->told, reason) != 0) {
        c->told_any = true;
        g_strlcpy(c->told, reason, sizeof c->told);
        if (c->options.on_state != NULL) {
            c->options.on_state(c->options.user, connected, reason);
        }
    }
}

static void close_connection(struct mqtt_client *c)
{
    transport_close(&c->transport);
    g_mutex_lock(&c->lock);
    c->connected = false;
    g_strlcpy(c->trouble, c->reason, sizeof c->trouble);
    c->generation++; /* acknowledgements that come from now on are dropped */
    g_byte_array_set_size(c->out, 0);
    g_cond_broadcast(&c->changed);
    g_mutex_unlock(&c->lock);
    g_byte_array_set_size(c->sending, 0);
    c->sent = c->used = c->skip = 0;
    c->session_open = false;
}

/* ---- the connection begins ---- */

static bool stop_opening(void *user)
{
    return is_stopping(user);
}

static bool open_connection(struct mqtt_client *c)
{
    const struct mqtt_options *o = &c->options;
    if (!transport_open(&c->transport, o->host, o->port, o->tls, stop_opening, c)) {
        return fail(c, "%s:%d: %s", o->host, o->port, c->transport.reason);
    }
    c->begun = c->last_sent = c->last_received = g_get_monotonic_time();
    c->pinged = 0;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    packet_put_connect(o->version, c->out, o->client_id, o->user_name, o->password, o->clean_session,
                       o->session_s, o->keep_alive_s);
    return true;
}

static void session_opened(struct mqtt_client *c)
{
    c->session_open = true;
    counter_add(&mqtt_counters[MQTT_CONNECTIONS], 1);
    g_mutex_lock(&c->lock);
    c->connected = true;
    c->trouble[0] = '\0';
    publish_again(c, c->session_kept);
    g_cond_broadcast(&c->changed);
    g_mutex_unlock(&c->lock);
    tell(c, true, "");
}

/* ---- packets that have come ---- */

static bool on_connack(struct mqtt_client *c, const struct packet *p)
{
    static const char *const reasons[] = {"",
                                          "it does not speak this version of MQTT",
                                          "it refuses the client id",
                                          "it is not available",
                                          "wrong user name or password",
                                          "this client is not authorised"};
    if (p->code >= G_N_ELEMENTS(reasons)) {
        return fail(c, "the broker refuses: %s", packet_reason(p->code));
    }
    if (p->code != 0) {
        return fail(c, "the broker refuses: %s", reasons[p->code]);
    }
    g_mutex_lock(&c->lock);
    c->window = MIN(p->receive_maximum, MAX_IN_FLIGHT);
    c->qos_maximum = p->qos_maximum;
    g_mutex_unlock(&c->lock);
    c->session_kept = p->session;
    if (c->options.topics == NULL || c->options.topics[0] == NULL) {
        session_opened(c);
        return true;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    packet_put_subscribe(c->options.version, c->out, SUBSCRIBE_ID, c->options.topics);
    return true;
}

static bool on_suback(struct mqtt_client *c, const struct packet *p)
{
    if (p->code > 2) {
        return fail(c, "the broker refuses a subscription");
    }
    session_opened(c);
    return true;
}

static uint64_t token_of(const struct mqtt_client *c, const struct packet *p)
{
    return p->qos > 0 ? c->generation << 16 | p->id : 0; /* generation changes on this thread only */
}

/* A message that nobody can take: acknowledged, or the broker would send it again for ever. */
static void drop(struct mqtt_client *c, const struct packet *p, const char *why)
{
    uint64_t token = token_of(c, p);
    counter_add(&mqtt_counters[MQTT_DROPPED], 1);
    log_warning("mqtt", "a message of %zu bytes was dropped: %s", p->size, why);
    mqtt_ack(c, &token, 1);
}

/* Moved over its length field, the topic has room for a NUL. */
static const char *terminate_topic(const struct packet *p)
{
    char *topic = memmove((uint8_t *)p->topic - 1, p->topic, p->topic_length);
    topic[p->topic_length] = '\0';
    return topic;
}

/* The head of a packet that is too large to be read; the rest is skipped. */
static void on_oversize(struct mqtt_client *c, const struct packet *p)
{
    if (c->options.on_oversize == NULL ||
        !g_utf8_validate((const char *)p->topic, (gssize)p->topic_length, NULL)) {
        drop(c, p, "too large");
        return;
    }
    counter_add(&mqtt_counters[MQTT_DROPPED], 1);
    struct mqtt_message m = {.topic = terminate_topic(p),
                             .payload = "",
                             .length = p->size,
                             .qos = p->qos,
                             .duplicate = p->duplicate,
                             .token = token_of(c, p)};
    c->options.on_oversize(c->options.user, &m);
}

static void on_publish(struct mqtt_client *c, const struct packet *p)
{
    if (!g_utf8_validate((const char *)p->topic, (gssize)p->topic_length, NULL)) {
        drop(c, p, "its topic is not UTF-8");
        return;
    }
    struct mqtt_message m = {.topic = terminate_topic(p),
                             .payload = (const char *)p->payload,
                             .length = p->payload_length,
                             .qos = p->qos,
                             .retained = p->retained,
                             .duplicate = p->duplicate,
                             .token = token_of(c, p)};
    if (c->options.on_message != NULL) {
        c->options.on_message(c->options.user, &m);
    } else {
        mqtt_ack(c, &m.token, 1);
    }
}

static bool on_packet(struct mqtt_client *c, const struct packet *p)
{
    switch (p->type) {
    case PACKET_PUBLISH: on_publish(c, p); return true;
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBCOMP:
        g_mutex_lock(&c->lock);
        publish_receipt(c, p);
        g_mutex_unlock(&c->lock);
        return true;
    case PACKET_DISCONNECT: return fail(c, "the broker ends the connection: %s", packet_reason(p->code));
    case PACKET_CONNACK: return c->session_open ? fail(c, "a second CONNACK") : on_connack(c, p);
    case PACKET_SUBACK: return c->session_open ? fail(c, "a second SUBACK") : on_suback(c, p);
    case PACKET_PINGRESP: c->pinged = 0; return true;
    default: return fail(c, "a packet that no broker sends");
    }
}

static void make_room(struct mqtt_client *c, size_t at)
{
    memmove(c->in, c->in + at, c->used - at);
    c->used -= at;
    if (c->used == c->capacity && c->capacity < LARGEST_BUFFER) {
        c->capacity *= 2;
        c->in = g_realloc(c->in, c->capacity);
    }
}

/* Deals with all whole packets in the buffer. */
static bool take_packets(struct mqtt_client *c)
{
    size_t at = 0;
    int64_t messages = 0;
    for (;;) {
        struct packet p;
        size_t skipped = MIN(c->skip, c->used - at);
        c->skip -= skipped;
        at += skipped;
        enum packet_result result = packet_parse(c->options.version, c->in + at, c->used - at, &p);
        if (result == PACKET_INCOMPLETE) {
            break;
        }
        if (result == PACKET_MALFORMED) {
            return fail(c, "the broker sent a malformed packet");
        }
        if (result == PACKET_TOO_LARGE) {
            on_oversize(c, &p);
            c->skip = p.size;
            continue;
        }
        at += p.size;
        messages += p.type == PACKET_PUBLISH;
        if (!on_packet(c, &p)) {
            return false;
        }
    }
    make_room(c, at);
    counter_add(&mqtt_counters[MQTT_RECEIVED], messages);
    return true;
}

/* ---- reading and writing ---- */

/* The transport has said why. */
static bool broken(struct mqtt_client *c)
{
    return fail(c, "%s:%d: %s", c->options.host, c->options.port, c->transport.reason);
}

static bool read_some(struct mqtt_client *c)
{
    ssize_t n = transport_read(&c->transport, c->in + c->used, c->capacity - c->used);
    if (n <= 0) {
        return n == 0 || broken(c);
    }
    c->used += (size_t)n;
    c->last_received = g_get_monotonic_time();
    bool ok = take_packets(c);
    if (c->options.on_idle != NULL) {
        c->options.on_idle(c->options.user);
    }
    g_mutex_lock(&c->lock);
    g_cond_broadcast(&c->changed);
    g_mutex_unlock(&c->lock);
    return ok;
}

/* Takes over what others have put into out. */
static void take_out(struct mqtt_client *c)
{
    if (c->sent < c->sending->len) {
        return;
    }
    g_byte_array_set_size(c->sending, 0);
    c->sent = 0;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    GByteArray *full = c->out;
    c->out = c->sending;
    c->sending = full;
    g_cond_broadcast(&c->changed);
}

static bool write_some(struct mqtt_client *c)
{
    take_out(c);
    while (c->sent < c->sending->len) {
        ssize_t n = transport_write(&c->transport, c->sending->data + c->sent, c->sending->len - c->sent);
        if (n <= 0) {
            return n == 0 || broken(c);
        }
        c->sent += (size_t)n;
        c->last_sent = g_get_monotonic_time();
        take_out(c);
    }
    return true;
}

/* PINGREQ after three quarters of the keep-alive time without traffic in one of the directions; the
 * connection is dead when half of it again goes by without an answer. */
static bool keep_alive(struct mqtt_client *c, bool paused)
{
    gint64 now = g_get_monotonic_time();
    gint64 span = c->options.keep_alive_s * G_TIME_SPAN_SECOND;
    if (!c->session_open) {
        return now - c->begun < HANDSHAKE_S * G_TIME_SPAN_SECOND || fail(c, "the broker does not answer");
    }
    if (c->pinged != 0 && paused) {
        c->pinged = now; /* its answer may wait in the socket */
    }
    if (c->pinged != 0 && c->last_received < c->pinged && now - c->pinged > span / 2) {
        return fail(c, "the broker does not answer");
    }
    if (now - MIN(c->last_sent, c->last_received) > span * 3 / 4 &&
        (c->pinged == 0 || now - c->last_sent > span * 3 / 4)) {
        c->pinged = c->pinged == 0 ? now : c->pinged;
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
        packet_put_empty(c->out, PACKET_PINGREQ);
        client_wake(c);
    }
    return true;
}

/* Sleeps until something can be done. */
static bool wait_and_read(struct mqtt_client *c)
{
    g_mutex_lock(&c->lock);
    bool paused = c->paused;
    g_mutex_unlock(&c->lock);
    bool writing = c->sent < c->sending->len;
    short events = (short)((paused ? 0 : POLLIN) | (writing ? POLLOUT : 0));
    struct pollfd fds[] = {{.fd = c->transport.fd, .events = events}, {.fd = c->wake_fd, .events = POLLIN}};
    bool pending = !paused && transport_pending(&c->transport);
    poll(fds, 2, pending ? 0 : 500);
    if (fds[1].revents != 0) {
        eventfd_t n;
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
        eventfd_read(c->wake_fd, &n);
        c->woken = false;
    }
    bool readable = pending || fds[0].revents & POLLIN || (fds[0].revents & (POLLHUP | POLLERR));
    return (!readable || read_some(c)) && keep_alive(c, paused);
}

static void say_farewell(struct mqtt_client *c)
{
    gint64 deadline = g_get_monotonic_time() + FAREWELL_MS * G_TIME_SPAN_MILLISECOND;
    g_mutex_lock(&c->lock);
    packet_put_empty(c->out, PACKET_DISCONNECT);
    g_mutex_unlock(&c->lock);
    while (write_some(c) && c->sent < c->sending->len && g_get_monotonic_time() < deadline) {
        struct pollfd fd = {.fd = c->transport.fd, .events = POLLOUT};
        poll(&fd, 1, 50);
    }
}

static void serve(struct mqtt_client *c)
{
    while (write_some(c) && wait_and_read(c)) {
        if (is_stopping(c)) {
            say_farewell(c);
            return;
        }
    }
}

static void rest(struct mqtt_client *c, int ms)
{
    gint64 deadline = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
    for (gint64 left; !is_stopping(c) && (left = deadline - g_get_monotonic_time()) > 0;) {
        struct pollfd fd = {.fd = c->wake_fd, .events = POLLIN};
        if (poll(&fd, 1, (int)(left / 1000) + 1) > 0) {
            eventfd_t n;
            g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
            eventfd_read(c->wake_fd, &n);
            c->woken = false;
        }
    }
}

static void *run(void *user)
{
    struct mqtt_client *c = user;
    int pause = FIRST_PAUSE_MS;
    while (!is_stopping(c)) {
        bool was_open = false;
        if (open_connection(c)) {
            serve(c);
            was_open = c->session_open;
        }
        close_connection(c);
        if (!is_stopping(c)) {
            tell(c, false, c->reason);
            pause = was_open ? FIRST_PAUSE_MS : pause;
            rest(c, pause);
            pause = MIN(pause * 2, LONGEST_PAUSE_MS);
        }
    }
    return NULL;
}

/* ---- made and freed ---- */

static void copy_options(struct mqtt_client *c, const struct mqtt_options *o)
{
    c->options = *o;
    c->options.host = g_strdup(o->host);
    c->options.client_id = g_strdup(o->client_id != NULL ? o->client_id : "");
    c->options.user_name = g_strdup(o->user_name);
    c->options.password = g_strdup(o->password);
    c->options.topics = (const char *const *)g_strdupv((char **)o->topics);
    c->options.keep_alive_s = o->keep_alive_s > 0 ? o->keep_alive_s : DEFAULT_KEEP_ALIVE_S;
}

struct mqtt_client *mqtt_client_new(const struct mqtt_options *options)
{
    struct mqtt_client *c = g_new0(struct mqtt_client, 1);
    counters_register(mqtt_counters, MQTT_COUNTERS);
    copy_options(c, options);
    g_mutex_init(&c->lock);
    g_cond_init(&c->changed);
    publish_init(c);
    c->generation = 1;
    c->transport.fd = -1;
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->out = g_byte_array_new();
    c->sending = g_byte_array_new();
    c->capacity = READ_SIZE;
    c->in = g_malloc(c->capacity);
    c->thread = g_thread_new("mqtt", run, c);
    return c;
}

void mqtt_client_free(struct mqtt_client *c)
{
    if (c == NULL) {
        return;
    }
    g_mutex_lock(&c->lock);
    c->stopping = true;
    client_wake(c);
    g_mutex_unlock(&c->lock);
    g_thread_join(c->thread);
    publish_clear(c);
    g_byte_array_unref(c->out);
    g_byte_array_unref(c->sending);
    g_free(c->in);
    close(c->wake_fd);
    g_free((char *)c->options.host);
    g_free((char *)c->options.client_id);
    g_free((char *)c->options.user_name);
    g_free((char *)c->options.password);
    g_strfreev((char **)c->options.topics);
    g_mutex_clear(&c->lock);
    g_cond_clear(&c->changed);
    g_free(c);
}
