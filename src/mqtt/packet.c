/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing and writing of MQTT 3.1.1 packets (OASIS Standard, 29 October 2014, chapters 2 and 3). */
#include "mqtt/packet.h"

#include <string.h>

#include "base/limits.h"

enum { SUBSCRIPTION_FAILED = 0x80, MORE = 0x80, LENGTH_BYTES = 4 };

static uint16_t read_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The remaining length, 2.2.3. The number of bytes it takes; 0 = incomplete, -1 = malformed. */
static int read_length(const uint8_t *data, size_t length, size_t *value)
{
    *value = 0;
    for (int i = 0; i < LENGTH_BYTES; i++) {
        if ((size_t)i == length) {
            return 0;
        }
        *value |= (size_t)(data[i] & 0x7f) << (7 * i);
        if (!(data[i] & MORE)) {
            return i + 1;
        }
    }
    return -1;
}

/* body holds at least have bytes of the rest bytes that the header announced. */
static enum packet_result parse_publish(struct packet *p, uint8_t flags, const uint8_t *body, size_t rest,
                                        size_t have)
{
    p->qos = flags >> 1 & 3;
    p->retained = flags & 1;
    p->duplicate = flags & 8;
    if (rest < 2 || p->qos > 1) {
        return PACKET_MALFORMED;
    }
    if (have < 2) {
        return PACKET_INCOMPLETE;
    }
    p->topic_length = read_u16(body);
    p->topic = body + 2;
    size_t head = 2 + p->topic_length + (p->qos > 0 ? 2 : 0);
    if (rest < head || p->topic_length == 0) {
        return PACKET_MALFORMED;
    }
    if (have < head) {
        return PACKET_INCOMPLETE;
    }
    p->id = p->qos > 0 ? read_u16(body + head - 2) : 0;
    p->payload = body + head;
    p->payload_length = rest - head;
    return p->qos > 0 && p->id == 0 ? PACKET_MALFORMED : PACKET_OK;
}

static enum packet_result parse_suback(struct packet *p, const uint8_t *body, size_t rest)
{
    if (rest < 3) {
        return PACKET_MALFORMED;
    }
    p->id = read_u16(body);
    for (size_t i = 2; i < rest; i++) {
        p->code = MAX(p->code, body[i]);
    }
    return p->code <= 2 || p->code == SUBSCRIPTION_FAILED ? PACKET_OK : PACKET_MALFORMED;
}

/* The others have a fixed form and no flags. */
static enum packet_result parse_small(struct packet *p, uint8_t flags, const uint8_t *body, size_t rest)
{
    if (flags != 0) {
        return PACKET_MALFORMED;
    }
    switch (p->type) {
    case PACKET_CONNACK:
        p->session = rest == 2 && body[0] == 1;
        p->code = rest == 2 ? body[1] : 0;
        return rest == 2 && body[0] <= 1 ? PACKET_OK : PACKET_MALFORMED;
    case PACKET_PUBACK:
        p->id = rest == 2 ? read_u16(body) : 0;
        return p->id != 0 ? PACKET_OK : PACKET_MALFORMED;
    case PACKET_SUBACK: return parse_suback(p, body, rest);
    case PACKET_PINGRESP: return rest == 0 ? PACKET_OK : PACKET_MALFORMED;
    default: return PACKET_MALFORMED;
    }
}

enum packet_result packet_parse(const uint8_t *data, size_t length, struct packet *p)
{
    *p = (struct packet){0};
    if (length < 2) {
        return PACKET_INCOMPLETE;
    }
    size_t rest;
    int length_bytes = read_length(data + 1, length - 1, &rest);
    if (length_bytes <= 0) {
        return length_bytes == 0 ? PACKET_INCOMPLETE : PACKET_MALFORMED;
    }
    size_t header = 1 + (size_t)length_bytes;
    const uint8_t *body = data + header;
    size_t have = MIN(length - header, rest);
    uint8_t flags = data[0] & 15;
    p->type = data[0] >> 4;
    p->size = header + rest;
    if (p->type == PACKET_PUBLISH) {
        enum packet_result result = parse_publish(p, flags, body, rest, have);
        if (result != PACKET_OK) {
            return result;
        }
        return rest > LIMIT_MQTT_PACKET ? PACKET_TOO_LARGE : have < rest ? PACKET_INCOMPLETE : PACKET_OK;
    }
    if (rest > LIMIT_MQTT_PACKET) {
        return PACKET_MALFORMED;
    }
    return have < rest ? PACKET_INCOMPLETE : parse_small(p, flags, body, rest);
}

/* ---- writing ---- */

static void put_u8(GByteArray *out, uint8_t byte)
{
    g_byte_array_append(out, &byte, 1);
}

static void put_u16(GByteArray *out, size_t n)
{
    uint8_t bytes[] = {(uint8_t)(n >> 8), (uint8_t)n};
    g_byte_array_append(out, bytes, 2);
}

static void put_text(GByteArray *out, const char *text)
{
    size_t n = strlen(text);
    put_u16(out, n);
    g_byte_array_append(out, (const uint8_t *)text, (guint)n);
}

static void put_header(GByteArray *out, enum packet_type type, uint8_t flags, size_t rest)
{
    put_u8(out, (uint8_t)(type << 4 | flags));
    do {
        put_u8(out, (uint8_t)((rest & 0x7f) | (rest > 0x7f ? MORE : 0)));
        rest >>= 7;
    } while (rest > 0);
}

static size_t text_size(const char *text)
{
    return text != NULL ? 2 + strlen(text) : 0;
}

void packet_put_connect(GByteArray *out, const char *client_id, const char *user, const char *password,
                        bool clean_session, int keep_alive_s)
{
    static const uint8_t protocol[] = {0, 4, 'M', 'Q', 'T', 'T', 4};
    password = user != NULL ? password : NULL; /* [MQTT-3.1.2-22] */
    size_t rest = sizeof protocol + 3 + text_size(client_id) + text_size(user) + text_size(password);
    put_header(out, PACKET_CONNECT, 0, rest);
    g_byte_array_append(out, protocol, sizeof protocol);
    put_u8(out,
           (uint8_t)((user != NULL ? 0x80 : 0) | (password != NULL ? 0x40 : 0) | (clean_session ? 2 : 0)));
    put_u16(out, (size_t)keep_alive_s);
    put_text(out, client_id);
    if (user != NULL) {
        put_text(out, user);
    }
    if (password != NULL) {
        put_text(out, password);
    }
}

void packet_put_subscribe(GByteArray *out, uint16_t id, const char *const *topics)
{
    size_t rest = 2;
    for (const char *const *t = topics; *t != NULL; t++) {
        rest += text_size(*t) + 1;
    }
    put_header(out, PACKET_SUBSCRIBE, 2, rest);
    put_u16(out, id);
    for (const char *const *t = topics; *t != NULL; t++) {
        put_text(out, *t);
        put_u8(out, 1);
    }
}

void packet_put_publish(GByteArray *out, const char *topic, const char *payload, size_t length, int qos,
                        bool retain, uint16_t id)
{
    put_header(out, PACKET_PUBLISH, (uint8_t)(qos << 1 | retain),
               text_size(topic) + (qos > 0 ? 2 : 0) + length);
    put_text(out, topic);
    if (qos > 0) {
        put_u16(out, id);
    }
    g_byte_array_append(out, (const uint8_t *)payload, (guint)length);
}

void packet_put_puback(GByteArray *out, uint16_t id)
{
    uint8_t bytes[] = {PACKET_PUBACK << 4, 2, (uint8_t)(id >> 8), (uint8_t)id};
    g_byte_array_append(out, bytes, sizeof bytes);
}

void packet_put_empty(GByteArray *out, enum packet_type type)
{
    put_header(out, type, 0, 0);
}

void packet_mark_duplicate(uint8_t *publish)
{
    publish[0] |= 8;
}
