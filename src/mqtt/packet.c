/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing and writing of MQTT packets: 3.1.1 (OASIS Standard, 29 October 2014, chapters 2 and 3) and 5.0
 * (OASIS Standard, 7 March 2019). */
#include "mqtt/packet.h"

#include <string.h>

#include "base/limits.h"

enum { SUBSCRIPTION_FAILED = 0x80, MORE = 0x80, LENGTH_BYTES = 4, ANY_NUMBER = 65535, HIGHEST_QOS = 2 };
enum { PROPERTY_SESSION_EXPIRY = 0x11, PROPERTY_RECEIVE_MAXIMUM = 0x21, PROPERTY_MAXIMUM_QOS = 0x24 };

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

/* ---- properties of 5.0, 2.2.2 ---- */

/* Bytes of a property's value at p; 0 = not one that a broker sends, or cut short. */
static size_t property_size(uint8_t property, const uint8_t *p, size_t left)
{
    static const uint8_t byte[] = {0x01, 0x24, 0x25, 0x28, 0x29, 0x2a};
    static const uint8_t two_bytes[] = {0x13, 0x21, 0x22, 0x23};
    static const uint8_t four_bytes[] = {0x02, 0x11, 0x27};
    static const uint8_t texts[] = {0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1a, 0x1c, 0x1f};
    size_t value, size = 0;
    if (memchr(byte, property, sizeof byte) != NULL) {
        size = 1;
    } else if (memchr(two_bytes, property, sizeof two_bytes) != NULL) {
        size = 2;
    } else if (memchr(four_bytes, property, sizeof four_bytes) != NULL) {
        size = 4;
    } else if (property == 0x0b) { /* a subscription's number */
        size = (size_t)MAX(0, read_length(p, left, &value));
    } else if (memchr(texts, property, sizeof texts) != NULL && left >= 2) {
        size = 2 + (size_t)read_u16(p);
    } else if (property == 0x26 && left >= 2) { /* a name and a value */
        size = 2 + (size_t)read_u16(p);
        size = left >= size + 2 ? size + 2 + read_u16(p + size) : 0;
    }
    return size <= left ? size : 0;
}

static void take_property(struct packet *p, uint8_t property, const uint8_t *value)
{
    if (property == PROPERTY_RECEIVE_MAXIMUM) {
        p->receive_maximum = read_u16(value);
    } else if (property == PROPERTY_MAXIMUM_QOS) {
        p->qos_maximum = *value;
    }
}

/* The bytes that the properties at body take, their length included; 0 = malformed. */
static size_t read_properties(struct packet *p, const uint8_t *body, size_t left)
{
    size_t length;
    int head = read_length(body, left, &length);
    if (head <= 0 || length > left - (size_t)head) {
        return 0;
    }
    size_t end = (size_t)head + length;
    for (size_t at = (size_t)head; at < end;) {
        size_t size = property_size(body[at], body + at + 1, end - at - 1);
        if (size == 0) {
            return 0;
        }
        take_property(p, body[at], body + at + 1);
        at += 1 + size;
    }
    return end;
}

/* ---- packets ---- */

/* Takes the properties off the start of the payload. */
static enum packet_result skip_properties(struct packet *p, size_t have)
{
    size_t length;
    int head = read_length(p->payload, MIN(have, p->payload_length), &length);
    if (head == 0 && have < p->payload_length) {
        return PACKET_INCOMPLETE;
    }
    if (head <= 0 || length > p->payload_length - (size_t)head) {
        return PACKET_MALFORMED;
    }
    p->payload += (size_t)head + length;
    p->payload_length -= (size_t)head + length;
    return PACKET_OK;
}

/* body holds at least have bytes of the rest bytes that the header announced. */
static enum packet_result parse_publish(enum mqtt_version version, struct packet *p, uint8_t flags,
                                        const uint8_t *body, size_t rest, size_t have)
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
    if (p->qos > 0 && p->id == 0) {
        return PACKET_MALFORMED;
    }
    return version == MQTT_5 ? skip_properties(p, have - head) : PACKET_OK;
}

static enum packet_result parse_suback(enum mqtt_version version, struct packet *p, const uint8_t *body,
                                       size_t rest)
{
    if (rest < 3) {
        return PACKET_MALFORMED;
    }
    p->id = read_u16(body);
    size_t at = 2;
    if (version == MQTT_5) {
        size_t properties = read_properties(p, body + at, rest - at);
        at += properties;
        if (properties == 0 || at == rest) {
            return PACKET_MALFORMED;
        }
    }
    for (; at < rest; at++) {
        p->code = MAX(p->code, body[at]);
    }
    return p->code <= 2 || p->code == SUBSCRIPTION_FAILED ||
                   (version == MQTT_5 && p->code > SUBSCRIPTION_FAILED)
               ? PACKET_OK
               : PACKET_MALFORMED;
}

static enum packet_result parse_connack(enum mqtt_version version, struct packet *p, const uint8_t *body,
                                        size_t rest)
{
    p->receive_maximum = ANY_NUMBER;
    p->qos_maximum = HIGHEST_QOS;
    if (rest < 2 || body[0] > 1) {
        return PACKET_MALFORMED;
    }
    p->session = body[0] == 1;
    p->code = body[1];
    bool whole = version == MQTT_5 && rest > 2 ? read_properties(p, body + 2, rest - 2) == rest - 2
                                               : rest == 2; /* a broker of 3.1.1 refuses 5.0 so */
    return whole && p->receive_maximum > 0 ? PACKET_OK : PACKET_MALFORMED;
}

/* PUBACK, PUBREC, PUBCOMP: an identifier; in 5.0 perhaps a reason and properties. */
static enum packet_result parse_receipt(enum mqtt_version version, struct packet *p, const uint8_t *body,
                                        size_t rest)
{
    if (rest < 2 || (version != MQTT_5 && rest != 2)) {
        return PACKET_MALFORMED;
    }
    p->id = read_u16(body);
    p->code = rest > 2 ? body[2] : 0;
    bool whole = rest <= 3 || read_properties(p, body + 3, rest - 3) == rest - 3;
    return p->id != 0 && whole ? PACKET_OK : PACKET_MALFORMED;
}

/* The others have no flags. */
static enum packet_result parse_small(enum mqtt_version version, struct packet *p, uint8_t flags,
                                      const uint8_t *body, size_t rest)
{
    if (flags != 0) {
        return PACKET_MALFORMED;
    }
    switch (p->type) {
    case PACKET_CONNACK: return parse_connack(version, p, body, rest);
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBCOMP: return parse_receipt(version, p, body, rest);
    case PACKET_SUBACK: return parse_suback(version, p, body, rest);
    case PACKET_PINGRESP: return rest == 0 ? PACKET_OK : PACKET_MALFORMED;
    case PACKET_DISCONNECT:
        p->code = rest > 0 ? body[0] : 0;
        return version == MQTT_5 ? PACKET_OK : PACKET_MALFORMED;
    default: return PACKET_MALFORMED;
    }
}

enum packet_result packet_parse(enum mqtt_version version, const uint8_t *data, size_t length,
                                struct packet *p)
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
        enum packet_result result = parse_publish(version, p, flags, body, rest, have);
        if (result != PACKET_OK) {
            return result;
        }
        return rest > LIMIT_MQTT_PACKET ? PACKET_TOO_LARGE : have < rest ? PACKET_INCOMPLETE : PACKET_OK;
    }
    if (rest > LIMIT_MQTT_PACKET) {
        return PACKET_MALFORMED;
    }
    return have < rest ? PACKET_INCOMPLETE : parse_small(version, p, flags, body, rest);
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

/* The properties of CONNECT: how long to keep the session. */
static void put_session_expiry(GByteArray *out, uint32_t session_s)
{
    put_u8(out, session_s > 0 ? 5 : 0);
    if (session_s > 0) {
        put_u8(out, PROPERTY_SESSION_EXPIRY);
        put_u16(out, session_s >> 16);
        put_u16(out, session_s & 0xffff);
    }
}

void packet_put_connect(enum mqtt_version version, GByteArray *out, const char *client_id, const char *user,
                        const char *password, bool clean_session, uint32_t session_s, int keep_alive_s)
{
    static const uint8_t protocol[] = {0, 4, 'M', 'Q', 'T', 'T'};
    password = user != NULL ? password : NULL; /* [MQTT-3.1.2-22] */
    size_t properties = version == MQTT_5 ? (session_s > 0 ? 6 : 1) : 0;
    size_t rest =
        sizeof protocol + 4 + properties + text_size(client_id) + text_size(user) + text_size(password);
    put_header(out, PACKET_CONNECT, 0, rest);
    g_byte_array_append(out, protocol, sizeof protocol);
    put_u8(out, version == MQTT_5 ? 5 : 4);
    put_u8(out,
           (uint8_t)((user != NULL ? 0x80 : 0) | (password != NULL ? 0x40 : 0) | (clean_session ? 2 : 0)));
    put_u16(out, (size_t)keep_alive_s);
    if (version == MQTT_5) {
        put_session_expiry(out, session_s);
    }
    put_text(out, client_id);
    if (user != NULL) {
        put_text(out, user);
    }
    if (password != NULL) {
        put_text(out, password);
    }
}

void packet_put_subscribe(enum mqtt_version version, GByteArray *out, uint16_t id, const char *const *topics)
{
    size_t rest = version == MQTT_5 ? 3 : 2;
    for (const char *const *t = topics; *t != NULL; t++) {
        rest += text_size(*t) + 1;
    }
    put_header(out, PACKET_SUBSCRIBE, 2, rest);
    put_u16(out, id);
    if (version == MQTT_5) {
        put_u8(out, 0); /* no properties */
    }
    for (const char *const *t = topics; *t != NULL; t++) {
        put_text(out, *t);
        put_u8(out, 1);
    }
}

void packet_put_publish(enum mqtt_version version, GByteArray *out, const char *topic, const char *payload,
                        size_t length, int qos, bool retain, uint16_t id)
{
    put_header(out, PACKET_PUBLISH, (uint8_t)(qos << 1 | retain),
               text_size(topic) + (qos > 0 ? 2 : 0) + (version == MQTT_5 ? 1 : 0) + length);
    put_text(out, topic);
    if (qos > 0) {
        put_u16(out, id);
    }
    if (version == MQTT_5) {
        put_u8(out, 0);
    }
    g_byte_array_append(out, (const uint8_t *)payload, (guint)length);
}

static void put_receipt(GByteArray *out, enum packet_type type, uint8_t flags, uint16_t id)
{
    uint8_t bytes[] = {(uint8_t)(type << 4 | flags), 2, (uint8_t)(id >> 8), (uint8_t)id};
    g_byte_array_append(out, bytes, sizeof bytes);
}

void packet_put_puback(GByteArray *out, uint16_t id)
{
    put_receipt(out, PACKET_PUBACK, 0, id);
}

void packet_put_pubrel(GByteArray *out, uint16_t id)
{
    put_receipt(out, PACKET_PUBREL, 2, id);
}

void packet_put_empty(GByteArray *out, enum packet_type type)
{
    put_header(out, type, 0, 0);
}

void packet_mark_duplicate(uint8_t *publish)
{
    publish[0] |= 8;
}

const char *packet_reason(uint8_t code)
{
    static const struct {
        uint8_t code;
        const char *text;
    } reasons[] = {
        {0x81, "malformed packet"},
        {0x82, "protocol error"},
        {0x84, "it does not speak this version of MQTT"},
        {0x85, "it refuses the client id"},
        {0x86, "wrong user name or password"},
        {0x87, "not authorised"},
        {0x88, "it is not available"},
        {0x89, "it is busy"},
        {0x8b, "it is shutting down"},
        {0x8d, "keep-alive timeout"},
        {0x8e, "another client took over the session"},
        {0x90, "topic name invalid"},
        {0x93, "too many messages before its acknowledgements"},
        {0x95, "packet too large"},
        {0x97, "quota exceeded"},
        {0x99, "payload format invalid"},
        {0x9b, "it does not support this QoS"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (reasons[i].code == code) {
            return reasons[i].text;
        }
    }
    return "unknown reason";
}
