/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the parser of MQTT packets as a stream, and the matching of topics. */
#include <glib.h>
#include <string.h>

#include "base/limits.h"
#include "mqtt/mqtt.h"
#include "mqtt/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_publish(const struct packet *p, const uint8_t *data, size_t size)
{
    g_assert(p->topic >= data && p->topic + p->topic_length <= data + size);
    g_assert(p->payload_length <= size && p->payload + p->payload_length <= data + size);
    g_autofree char *topic = g_strndup((const char *)p->topic, p->topic_length);
    g_autofree char *filter = g_strndup((const char *)p->payload, p->payload_length);
    mqtt_topic_matches(filter, topic);
}

static void parse_all(enum mqtt_version version, const uint8_t *data, size_t size)
{
    struct packet p;
    while (packet_parse(version, data, size, &p) == PACKET_OK) {
        g_assert(p.size >= 2 && p.size <= size);
        if (p.type == PACKET_PUBLISH) {
            check_publish(&p, data, size);
        }
        data += p.size;
        size -= p.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse_all(MQTT_3_1_1, data, size);
    parse_all(MQTT_5, data, size);
    return 0;
}
