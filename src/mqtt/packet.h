/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT 3.1.1 and 5.0 packets: those that a client reads, and those that it writes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "mqtt/mqtt.h"

enum packet_type {
    PACKET_CONNECT = 1,
    PACKET_CONNACK = 2,
    PACKET_PUBLISH = 3,
    PACKET_PUBACK = 4,
    PACKET_PUBREC = 5,
    PACKET_PUBREL = 6,
    PACKET_PUBCOMP = 7,
    PACKET_SUBSCRIBE = 8,
    PACKET_SUBACK = 9,
    PACKET_PINGREQ = 12,
    PACKET_PINGRESP = 13,
    PACKET_DISCONNECT = 14,
};

/* The fixed header, a topic and an identifier are never longer than this. */
enum { PACKET_HEAD_MAX = 5 + 2 + 65535 + 2 };

/* One packet; pointers go into the bytes parsed. */
struct packet {
    enum packet_type type;
    size_t size;  /* all bytes of the packet, its header included */
    uint16_t id;  /* PUBLISH at QoS 1, PUBACK, PUBREC, PUBCOMP, SUBACK */
    uint8_t code; /* CONNACK, PUBACK, PUBREC, PUBCOMP, DISCONNECT: return or reason code; SUBACK: the worst */
    bool session; /* CONNACK: the broker kept our session */
    int receive_maximum; /* CONNACK of 5.0: unacknowledged messages that the broker takes; else 65,535 */
    int qos_maximum;     /* CONNACK of 5.0: the highest QoS that the broker takes; else 2 */
    int qos;             /* PUBLISH, from here on */
    bool retained, duplicate;
    const uint8_t *topic;
    size_t topic_length;
    const uint8_t *payload;
    size_t payload_length;
};

enum packet_result {
    PACKET_OK,
    PACKET_INCOMPLETE, /* read more */
    PACKET_MALFORMED,  /* nothing that a broker may send; close the connection */
    PACKET_TOO_LARGE,  /* over LIMIT_MQTT_PACKET: size, type and, for PUBLISH, qos, topic and id are set */
};
/* Parses the packet at the start of data. Packets that only a client sends, and PUBLISH at QoS 2 (we never
 * subscribe so), are malformed here. */
enum packet_result packet_parse(enum mqtt_version version, const uint8_t *data, size_t length,
                                struct packet *p);

/* Each appends one packet. Texts are at most 65,535 bytes. user and password may be NULL. session_s: how
 * long a broker of 5.0 is to keep the session after the connection; 3.1.1 has only clean or for ever. */
void packet_put_connect(enum mqtt_version version, GByteArray *out, const char *client_id, const char *user,
                        const char *password, bool clean_session, uint32_t session_s, int keep_alive_s);
/* At QoS 1 each; topics end with NULL. */
void packet_put_subscribe(enum mqtt_version version, GByteArray *out, uint16_t id, const char *const *topics);
/* id is used above QoS 0 only. */
void packet_put_publish(enum mqtt_version version, GByteArray *out, const char *topic, const char *payload,
                        size_t length, int qos, bool retain, uint16_t id);
void packet_put_puback(GByteArray *out, uint16_t id);
void packet_put_pubrel(GByteArray *out, uint16_t id);
/* PINGREQ, DISCONNECT */
void packet_put_empty(GByteArray *out, enum packet_type type);
/* Marks a PUBLISH as sent again. */
void packet_mark_duplicate(uint8_t *publish);
/* What a reason code of 5.0 says, in English; never NULL. */
const char *packet_reason(uint8_t code);
