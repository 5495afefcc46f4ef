/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of MQTT packets and of topic filters. */
#include <glib.h>
#include <string.h>

#include "base/limits.h"
#include "mqtt/mqtt.h"
#include "mqtt/packet.h"

static enum packet_result parse(const char *bytes, size_t n, struct packet *p)
{
    return packet_parse(MQTT_3_1_1, (const uint8_t *)bytes, n, p);
}

static void publish_round_trip(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    packet_put_publish(MQTT_3_1_1, out, "zs/渝/1", "hello", 5, 1, true, 513);
    packet_mark_duplicate(out->data);
    struct packet p;
    for (guint n = 0; n < out->len; n++) {
        g_assert_cmpint(packet_parse(MQTT_3_1_1, out->data, n, &p), ==, PACKET_INCOMPLETE);
    }
    g_assert_cmpint(packet_parse(MQTT_3_1_1, out->data, out->len, &p), ==, PACKET_OK);
    g_assert_cmpuint(p.size, ==, out->len);
    g_assert_cmpuint(p.id, ==, 513);
    g_assert_true(p.retained && p.duplicate && p.qos == 1);
    g_assert_cmpmem(p.topic, p.topic_length, "zs/渝/1", strlen("zs/渝/1"));
    g_assert_cmpmem(p.payload, p.payload_length, "hello", 5);
}

static void answers_are_read(void)
{
    struct packet p;
    g_assert_cmpint(parse("\x20\2\1\0", 4, &p), ==, PACKET_OK);
    g_assert_true(p.type == PACKET_CONNACK && p.session && p.code == 0);
    g_assert_cmpint(parse("\x90\4\0\7\1\x80", 6, &p), ==, PACKET_OK);
    g_assert_true(p.type == PACKET_SUBACK && p.id == 7 && p.code == 0x80);
    g_assert_cmpint(parse("\x40\2\1\1", 4, &p), ==, PACKET_OK);
    g_assert_true(p.type == PACKET_PUBACK && p.id == 257);
    g_assert_cmpint(parse("\xd0\0", 2, &p), ==, PACKET_OK);
}

static void broken_packets_are_malformed(void)
{
    static const struct {
        const char *bytes;
        size_t n;
    } broken[] = {
        {"\x20\3\0\0\0", 5},           /* CONNACK too long */
        {"\x40\2\0\0", 4},             /* PUBACK of identifier 0 */
        {"\x42\2\0\1", 4},             /* flags */
        {"\x30\xff\xff\xff\xff\1", 6}, /* length of five bytes */
        {"\x30\3\0\7x", 5},            /* topic beyond the end */
        {"\x30\2\0\0", 4},             /* no topic */
        {"\x34\5\0\1x\0\1", 7},        /* QoS 2 */
        {"\x32\5\0\1x\0\0", 7},        /* identifier 0 */
        {"\x10\0", 2},                 /* CONNECT from a broker */
        {"\x00\0", 2},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        struct packet p;
        g_assert_cmpint(parse(broken[i].bytes, broken[i].n, &p), ==, PACKET_MALFORMED);
    }
}

static void too_large_is_known_from_the_head(void)
{
    struct packet p;
    g_assert_cmpint(parse("\x32\xff\xff\xff\x7f\0\1x\0\5", 10, &p), ==, PACKET_TOO_LARGE);
    g_assert_cmpuint(p.size, ==, 268435455 + 5);
    g_assert_cmpuint(p.id, ==, 5);
    g_assert_cmpint(parse("\x32\xff\xff\xff\x7f\0\1x\0", 9, &p), ==, PACKET_INCOMPLETE);
}

static void connect_is_written_as_the_standard_shows(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    packet_put_connect(MQTT_3_1_1, out, "hub", "u", "p", false, 0, 30);
    static const char expected[] = "\x10\x15\0\4MQTT\4\xc0\0\x1e\0\3hub\0\1u\0\1p";
    g_assert_cmpmem(out->data, out->len, expected, sizeof expected - 1);
    g_byte_array_set_size(out, 0);
    const char *const topics[] = {"a/b", "c/#", NULL};
    packet_put_subscribe(MQTT_3_1_1, out, 10, topics);
    static const char subscribe[] = "\x82\x0e\0\x0a\0\3a/b\1\0\3c/#\1";
    g_assert_cmpmem(out->data, out->len, subscribe, sizeof subscribe - 1);
}

static enum packet_result parse5(const char *bytes, size_t n, struct packet *p)
{
    return packet_parse(MQTT_5, (const uint8_t *)bytes, n, p);
}

static void packets_of_5_have_properties_and_reasons(void)
{
    struct packet p;
    /* CONNACK: receive maximum 20, maximum QoS 1, a user property, a text */
    g_assert_cmpint(parse5("\x20\x13\0\0\x10\x21\0\x14\x24\1\x26\0\1a\0\1b\x1f\0\1x", 21, &p), ==, PACKET_OK);
    g_assert_true(p.receive_maximum == 20 && p.qos_maximum == 1 && p.code == 0);
    g_assert_cmpint(parse5("\x20\3\0\x84\0", 5, &p), ==, PACKET_OK);
    g_assert_true(p.code == 0x84 && p.receive_maximum == 65535 && p.qos_maximum == 2);
    g_assert_cmpint(parse5("\x40\3\0\7\x97", 5, &p), ==, PACKET_OK);
    g_assert_true(p.type == PACKET_PUBACK && p.id == 7 && p.code == 0x97);
    g_assert_cmpint(parse5("\x50\2\0\7", 4, &p), ==, PACKET_OK);
    g_assert_true(p.type == PACKET_PUBREC && p.id == 7 && p.code == 0);
    g_assert_cmpint(parse5("\x70\4\0\7\0\0", 6, &p), ==, PACKET_OK);
    g_assert_cmpint(parse5("\xe0\1\x8b", 3, &p), ==, PACKET_OK);
    g_assert_true(p.type == PACKET_DISCONNECT && p.code == 0x8b);
    g_assert_cmpint(parse5("\x90\4\0\7\0\x87", 6, &p), ==, PACKET_OK);
    g_assert_cmpint(p.code, ==, 0x87);
    g_assert_cmpint(parse5("\x30\7\0\1x\2\1\1v", 9, &p), ==, PACKET_OK);
    g_assert_cmpmem(p.payload, p.payload_length, "v", 1);
}

static void broken_packets_of_5_are_malformed(void)
{
    static const struct {
        const char *bytes;
        size_t n;
    } broken[] = {
        {"\x20\5\0\0\2\x21\0", 7},    /* half a receive maximum */
        {"\x20\6\0\0\3\x21\0\0", 8},  /* a receive maximum of 0 */
        {"\x20\4\0\0\1\x7f", 6},      /* no such property */
        {"\x20\4\0\0\5\0", 6},        /* properties beyond the end */
        {"\x40\5\0\7\0\1\x1f", 7},    /* a text cut short */
        {"\x90\3\0\7\0", 5},          /* SUBACK without a code */
        {"\x30\5\0\1x\4\0", 7},       /* properties beyond the end */
        {"\x20\7\0\0\4\x26\0\1a", 9}, /* a name without a value */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        struct packet p;
        g_assert_cmpint(parse5(broken[i].bytes, broken[i].n, &p), ==, PACKET_MALFORMED);
    }
}

static void packets_of_5_are_written_as_the_standard_shows(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    packet_put_connect(MQTT_5, out, "hub", "u", "p", false, 300, 30);
    static const char expected[] = "\x10\x1b\0\4MQTT\5\xc0\0\x1e\5\x11\0\0\1\x2c\0\3hub\0\1u\0\1p";
    g_assert_cmpmem(out->data, out->len, expected, sizeof expected - 1);
    g_byte_array_set_size(out, 0);
    packet_put_publish(MQTT_5, out, "a", "v", 1, 2, false, 7);
    g_assert_cmpmem(out->data, out->len, "\x34\7\0\1a\0\7\0v", 9);
    g_byte_array_set_size(out, 0);
    packet_put_pubrel(out, 7);
    g_assert_cmpmem(out->data, out->len, "\x62\2\0\7", 4);
    g_byte_array_set_size(out, 0);
    const char *const topics[] = {"a", NULL};
    packet_put_subscribe(MQTT_5, out, 10, topics);
    g_assert_cmpmem(out->data, out->len, "\x82\7\0\x0a\0\0\1a\1", 9);
}

static void filters_match_by_levels(void)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"#", "a/b/c", true},
        {"#", "$SYS/x", false},
        {"+/monitor", "$SYS/monitor", false},
        {"$SYS/#", "$SYS/x", true},
        {"zs/air/+/reading", "zs/air/a1/reading", true},
        {"zs/air/+/reading", "zs/air/a1/status", false},
        {"a/b", "a/bc", false},
        {"a/bc", "a/b", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(mqtt_topic_matches(cases[i].filter, cases[i].topic), ==, cases[i].matches);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mqtt/publish_round_trip", publish_round_trip);
    g_test_add_func("/mqtt/answers_are_read", answers_are_read);
    g_test_add_func("/mqtt/broken_packets_are_malformed", broken_packets_are_malformed);
    g_test_add_func("/mqtt/too_large_is_known_from_the_head", too_large_is_known_from_the_head);
    g_test_add_func("/mqtt/connect_is_written_as_the_standard_shows",
                    connect_is_written_as_the_standard_shows);
    g_test_add_func("/mqtt/packets_of_5_have_properties_and_reasons",
                    packets_of_5_have_properties_and_reasons);
    g_test_add_func("/mqtt/broken_packets_of_5_are_malformed", broken_packets_of_5_are_malformed);
    g_test_add_func("/mqtt/packets_of_5_are_written_as_the_standard_shows",
                    packets_of_5_are_written_as_the_standard_shows);
    g_test_add_func("/mqtt/filters_match_by_levels", filters_match_by_levels);
    return g_test_run();
}
