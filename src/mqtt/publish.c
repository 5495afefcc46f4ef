/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing messages: a window of QoS 1 messages, kept until the broker acknowledges them. */
#include <string.h>

#include "base/limits.h"
#include "mqtt/client.h"

void publish_init(struct mqtt_client *c)
{
    g_queue_init(&c->in_flight);
    for (int i = 0; i < MAX_IN_FLIGHT; i++) {
        c->free_ids[i] = (uint16_t)(MAX_IN_FLIGHT - i);
    }
    c->free_count = MAX_IN_FLIGHT;
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

void publish_acknowledged(struct mqtt_client *c, uint16_t id)
{
    GList *link = id <= MAX_IN_FLIGHT ? c->by_id[id] : NULL;
    if (link != NULL) {
        c->by_id[id] = NULL;
        c->free_ids[c->free_count++] = id;
        outgoing_free(link->data);
        g_queue_delete_link(&c->in_flight, link);
    }
}

void publish_again(struct mqtt_client *c)
{
    for (GList *l = c->in_flight.head; l != NULL; l = l->next) {
        const struct outgoing *o = l->data;
        gsize size;
        const uint8_t *bytes = g_bytes_get_data(o->packet, &size);
        guint at = c->out->len;
        g_byte_array_append(c->out, bytes, (guint)size);
        packet_mark_duplicate(c->out->data + at);
        counter_add(&mqtt_counters[MQTT_SENT_AGAIN], 1);
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
static void send_kept(struct mqtt_client *c, const char *topic, const char *payload, size_t length,
                      bool retain)
{
    struct outgoing *o = g_new0(struct outgoing, 1);
    o->id = c->free_ids[--c->free_count];
    o->number = ++c->published;
    guint at = c->out->len;
    packet_put_publish(c->out, topic, payload, length, 1, retain, o->id);
    o->packet = g_bytes_new(c->out->data + at, c->out->len - at);
    g_queue_push_tail(&c->in_flight, o);
    c->by_id[o->id] = c->in_flight.tail;
}

static bool has_room(const struct mqtt_client *c, int qos)
{
    return c->connected && c->out->len < MAX_OUT && (qos == 0 || c->free_count > 0);
}

static bool refuse(const struct mqtt_client *c, struct error *e)
{
    if (!c->connected) {
        return error_set(e, ERROR_UNAVAILABLE, "No connection to the MQTT broker at %s:%d",
                         "未连接到 MQTT 代理 %s:%d", c->options.host, c->options.port);
    }
    return error_set(e, ERROR_UNAVAILABLE, "The MQTT broker at %s:%d does not acknowledge messages in time",
                     "MQTT 代理 %s:%d 未及时确认消息", c->options.host, c->options.port);
}

bool mqtt_publish(struct mqtt_client *c, const char *topic, const char *payload, size_t length, int qos,
                  bool retain, int timeout_ms, struct error *e)
{
    if (!check(topic, length, e)) {
        return false;
    }
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    while (!has_room(c, qos)) {
        if (!g_cond_wait_until(&c->changed, &c->lock, deadline)) {
            return refuse(c, e);
        }
    }
    if (qos > 0) {
        send_kept(c, topic, payload, length, retain);
    } else {
        packet_put_publish(c->out, topic, payload, length, 0, retain, 0);
    }
    counter_add(&mqtt_counters[MQTT_PUBLISHED], 1);
    client_wake(c);
    return true;
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
