/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing messages: a window of those above QoS 0, kept until the broker acknowledges them. */
#include <string.h>

#include "base/limits.h"
#include "mqtt/client.h"

void publish_init(struct mqtt_client *c)
{
    g_queue_init(&c->in_flight);
    for (int i = 0; i < MAX_IN_FLIGHT; i++) {
        c->free_ids[i] = (uint16_t)(MAX_IN_FLIGHT - i);
    }
    c->free_count = c->window = MAX_IN_FLIGHT;
    c->qos_maximum = 2;
}

static void outgoing_free(struct outgoing *o)
{
    g_bytes_unref(o->packet);
    g_free(o);
}

void publish_clear(struct mqtt_client *c)
{
    g_queue_clear_full(&c->in_flight, (GDestroyNotify)outgoing_free);
}

static void answer(struct outgoing *o, uint8_t code)
{
    if (o->receipt != NULL) {
        o->receipt->done = true;
        o->receipt->code = code;
        o->receipt = NULL;
    }
}

static void forget(struct mqtt_client *c, GList *link)
{
    struct outgoing *o = link->data;
    c->by_id[o->id] = NULL;
    c->free_ids[c->free_count++] = o->id;
    outgoing_free(o);
    g_queue_delete_link(&c->in_flight, link);
}

void publish_receipt(struct mqtt_client *c, const struct packet *p)
{
    enum { REFUSED = 0x80, UNKNOWN_ID = 0x92 };
    GList *link = p->id <= MAX_IN_FLIGHT ? c->by_id[p->id] : NULL;
    if (link == NULL) {
        return;
    }
    struct outgoing *o = link->data;
    if (p->type == PACKET_PUBREC && p->code < REFUSED) {
        o->released = true;
        packet_put_pubrel(c->out, o->id);
        client_wake(c);
        return;
    }
    answer(o, p->code == UNKNOWN_ID ? 0 : p->code); /* it has forgotten it: it had it */
    forget(c, link);
}

static void send_again(struct mqtt_client *c, struct outgoing *o, bool session)
{
    gsize size;
    const uint8_t *bytes = g_bytes_get_data(o->packet, &size);
    o->released = o->released && session;
    if (o->released) {
        packet_put_pubrel(c->out, o->id);
        return;
    }
    guint at = c->out->len;
    g_byte_array_append(c->out, bytes, (guint)size);
    packet_mark_duplicate(c->out->data + at);
    counter_add(&mqtt_counters[MQTT_SENT_AGAIN], 1);
}

void publish_again(struct mqtt_client *c, bool session)
{
    for (GList *l = c->in_flight.head; l != NULL; l = l->next) {
        send_again(c, l->data, session);
    }
}

static bool check(const char *topic, size_t length, struct error *e)
{
    size_t n = strlen(topic);
    if (n == 0 || n > UINT16_MAX || strpbrk(topic, "+#") != NULL ||
        !g_utf8_validate(topic, (gssize)n, NULL)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"%.200s\" is no MQTT topic to publish to",
                         "“%.200s”不是可发布的 MQTT 主题", topic);
    }
    if (length + n + 4 > LIMIT_MQTT_PACKET) {
        return error_set(e, ERROR_TOO_LARGE, "An MQTT message has at most %d bytes, this one %zu",
                         "MQTT 消息最多 %d 字节，当前为 %zu 字节", LIMIT_MQTT_PACKET, length);
    }
    return true;
}

/* Under the lock. */
static struct outgoing *send_kept(struct mqtt_client *c, const char *topic, const char *payload,
                                  size_t length, int qos, bool retain)
{
    struct outgoing *o = g_new0(struct outgoing, 1);
    o->id = c->free_ids[--c->free_count];
    o->number = ++c->published;
    guint at = c->out->len;
    packet_put_publish(c->options.version, c->out, topic, payload, length, qos, retain, o->id);
    o->packet = g_bytes_new(c->out->data + at, c->out->len - at);
    g_queue_push_tail(&c->in_flight, o);
    c->by_id[o->id] = c->in_flight.tail;
    return o;
}

static bool has_room(const struct mqtt_client *c, int qos)
{
    return c->connected && c->out->len < MAX_OUT && (qos == 0 || MAX_IN_FLIGHT - c->free_count < c->window);
}

static bool refuse(const struct mqtt_client *c, struct error *e)
{
    if (!c->connected) {
        return error_set(e, ERROR_UNAVAILABLE, "No connection to the MQTT broker at %s:%d: %s",
                         "未连接到 MQTT 代理 %s:%d：%s", c->options.host, c->options.port, c->trouble);
    }
    return error_set(e, ERROR_UNAVAILABLE, "The MQTT broker at %s:%d does not acknowledge messages in time",
                     "MQTT 代理 %s:%d 未及时确认消息", c->options.host, c->options.port);
}

/* Waits for room and sends. *kept is the message above QoS 0. Under the lock. */
static bool publish(struct mqtt_client *c, const char *topic, const char *payload, size_t length, int qos,
                    bool retain, gint64 deadline, struct outgoing **kept, struct error *e)
{
    while (!has_room(c, qos)) {
        if (!g_cond_wait_until(&c->changed, &c->lock, deadline)) {
            return refuse(c, e);
        }
    }
    if (qos > c->qos_maximum) {
        return error_set(e, ERROR_NOT_SUPPORTED, "The MQTT broker at %s:%d takes no QoS above %d",
                         "MQTT 代理 %s:%d 不支持高于 %d 的 QoS", c->options.host, c->options.port,
                         c->qos_maximum);
    }
    if (qos > 0) {
        *kept = send_kept(c, topic, payload, length, qos, retain);
    } else {
        packet_put_publish(c->options.version, c->out, topic, payload, length, 0, retain, 0);
    }
    counter_add(&mqtt_counters[MQTT_PUBLISHED], 1);
    client_wake(c);
    return true;
}

static gint64 deadline_of(int timeout_ms)
{
    return g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
}

bool mqtt_publish(struct mqtt_client *c, const char *topic, const char *payload, size_t length, int qos,
                  bool retain, int timeout_ms, struct error *e)
{
    struct outgoing *kept;
    if (!check(topic, length, e)) {
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    return publish(c, topic, payload, length, qos, retain, deadline_of(timeout_ms), &kept, e);
}

/* The answer to a message that has not come in time: it is not waited for any more, and not sent again when
 * there is no connection. Under the lock. */
static void give_up(struct mqtt_client *c, uint16_t id)
{
    struct outgoing *o = c->by_id[id]->data;
    o->receipt = NULL;
    if (!c->connected) {
        forget(c, c->by_id[id]);
    }
}

bool mqtt_deliver(struct mqtt_client *c, const char *topic, const char *payload, size_t length, int qos,
                  bool retain, int timeout_ms, struct error *e)
{
    gint64 deadline = deadline_of(timeout_ms);
    struct outgoing *kept = NULL;
    struct receipt receipt = {0};
    if (!check(topic, length, e)) {
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    if (!c->connected && c->trouble[0] != '\0') {
        return refuse(c, e); /* it is known to be away: the caller has a time of its own to try again */
    }
    if (!publish(c, topic, payload, length, qos, retain, deadline, &kept, e) || kept == NULL) {
        return kept == NULL && e->code == ERROR_NONE;
    }
    uint16_t id = kept->id;
    kept->receipt = &receipt;
    while (!receipt.done) {
        if (!g_cond_wait_until(&c->changed, &c->lock, deadline)) {
            give_up(c, id);
            return refuse(c, e);
        }
    }
    return receipt.code < 0x80 ||
           error_set(e, ERROR_UNAVAILABLE, "The MQTT broker at %s:%d refuses the message: %s",
                     "MQTT 代理 %s:%d 拒绝该消息：%s", c->options.host, c->options.port,
                     packet_reason(receipt.code));
}

/* Is a message up to number still out? They leave out of order, so the oldest one tells. */
static bool is_out(const struct mqtt_client *c, uint64_t number)
{
    const struct outgoing *oldest = g_queue_peek_head((GQueue *)&c->in_flight);
    return oldest != NULL && oldest->number <= number;
}

bool mqtt_flush(struct mqtt_client *c, int timeout_ms, struct error *e)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    uint64_t number = c->published;
    while (is_out(c, number)) {
        if (!g_cond_wait_until(&c->changed, &c->lock, deadline)) {
            return refuse(c, e);
        }
    }
    return true;
}
