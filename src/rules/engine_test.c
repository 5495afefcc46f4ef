/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on small logs: each kind of rule, cuts at every place, restarts at every place, and its speed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rules/engine.h"

/* ---- packs and logs as texts ---- */

static const char types[] =
    "\"types\":{"
    "\"Station\":{\"attributes\":{\"pm25\":{\"kind\":\"Property\"},\"pm10\":{\"kind\":\"Property\"},"
    "\"wind\":{\"kind\":\"Property\"},\"online\":{\"kind\":\"Property\"},"
    "\"street\":{\"kind\":\"Relationship\",\"to\":\"Street\"}}},"
    "\"Street\":{\"attributes\":{\"limit\":{\"kind\":\"Property\"},\"district\":{\"kind\":\"Relationship\"}}}"
    ","
    "\"District\":{\"attributes\":{\"factor\":{\"kind\":\"Property\"}}},"
    "\"Truck\":{\"attributes\":{\"home\":{\"kind\":\"Relationship\"},\"pm25\":{\"kind\":\"Property\"}}},"
    "\"Zone\":{\"attributes\":{\"location\":{\"kind\":\"GeoProperty\"}}}}";
#define TEXTS "\"title\":\"t\",\"message\":{\"zh\":\"{id} 为 {pm25}\",\"en\":\"{id} is {pm25}\"},"

struct mistakes {
    struct pack_report report;
    GString *text;
};

static void note(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    struct mistakes *m = (struct mistakes *)r;
    va_list args;
    va_start(args, zh);
    g_string_append_vprintf(m->text, en, args);
    g_string_append_c(m->text, '\n');
    va_end(args);
    r->mistakes++;
}

static struct rule_set *compile(const char *rules, GString *mistakes)
{
    arena_auto a = arena_new();
    struct error e = {0};
    g_autofree char *text = g_strdup_printf("{%s,\"workflows\":{\"w\":{}},\"rules\":[%s]}", types, rules);
    struct json *root = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    struct pack pack = {"air", "packs/air", root};
    const struct pack *packs[] = {&pack, NULL};
    struct mistakes m = {{note, 0}, mistakes};
    return rule_set_new(packs, &m.report);
}

static struct engine *engine_of(const char *rules)
{
    g_autoptr(GString) mistakes = g_string_new(NULL);
    struct rule_set *set = compile(rules, mistakes);
    g_assert_cmpstr(mistakes->str, ==, "");
    return engine_new(set);
}

/* What came out, a line each: "step rule entity severity at [started|reason]". */
static void tell(struct engine *e, GString *out)
{
    static const char *const steps[] = {"raised", "changed", "cleared"};
    const GPtrArray *changes = engine_changes(e);
    for (guint i = 0; i < changes->len; i++) {
        const struct alarm_change *c = g_ptr_array_index(changes, i);
        char at[INSTANT_TEXT], started[INSTANT_TEXT];
        g_string_append_printf(out, "%s %s %s %s %s %s %d%s%s\n", steps[c->step], c->rule, c->entity,
                               severity_name(c->severity), instant_format(c->at, at) + 11,
                               instant_format(c->started, started) + 11, (int)c->count,
                               c->reason != NULL ? " " : "", c->reason != NULL ? c->reason : "");
    }
    engine_flushed(e);
}

static void feed_json(struct engine *e, uint64_t seq, const char *text)
{
    arena_auto a = arena_new();
    struct error error = {0};
    struct json *record = json_parse(a, text, strlen(text), &error);
    g_assert_cmpstr(error.en, ==, "");
    engine_record(e, seq, record);
}

/* A log is lines "HH:MM id type name=value …": a number, 'text', @link, [lon,lat], or -name for one that goes
 * away; "delete" alone deletes. Committed when observed. */
static char *record_of(const char *line)
{
    g_auto(GStrv) w = g_strsplit(line, " ", -1);
    instant at;
    g_autofree char *time = g_strdup_printf("2026-03-01T%s:00Z", w[0]);
    g_assert_true(instant_parse(time, strlen(time), NULL, &at));
    GString *attrs = g_string_new(NULL), *gone = g_string_new(NULL);
    bool delete = w[3] != NULL && strcmp(w[3], "delete") == 0;
    for (char **x = w + 3; *x != NULL && !delete; x++) {
        char *value = strchr(*x, '=');
        if (value == NULL) {
            g_string_append_printf(gone, "%s\"%s\"", gone->len > 0 ? "," : "", *x + 1);
            continue;
        }
        *value++ = '\0';
        g_string_append_printf(attrs, "%s\"%s\":{\"type\":\"Property\",", attrs->len > 0 ? "," : "", *x);
        if (*value == '@') {
            g_string_append_printf(attrs, "\"object\":\"%s\"", value + 1);
        } else if (*value == '[') {
            g_string_append_printf(attrs, "\"value\":{\"type\":\"Point\",\"coordinates\":%s}", value);
        } else if (*value == '\'') {
            g_string_append_printf(attrs, "\"value\":\"%s\"", value + 1);
        } else {
            g_string_append_printf(attrs, "\"value\":%s", value);
        }
        g_string_append_printf(attrs, ",\"observedAt\":\"%s\"}", time);
    }
    char *text = g_strdup_printf("{\"op\":\"%s\",\"id\":\"%s\",\"type\":[\"%s\"],\"at\":%" PRId64
                                 ",\"attrs\":{%s},\"gone\":[%s]}",
                                 delete ? "delete" : "update", w[1], w[2], at, attrs->str, gone->str);
    g_string_free(attrs, TRUE);
    g_string_free(gone, TRUE);
    return text;
}

struct page_list {
    GArray *pages;
    guint at;
};

static bool next_page(void *user, struct engine_page *page)
{
    struct page_list *list = user;
    if (list->at >= list->pages->len) {
        return false;
    }
    *page = g_array_index(list->pages, struct engine_page, list->at++);
    return true;
}

/* The snapshot of e (everything, by pages that were saved in two goes) in a new engine with these rules. */
static struct engine *reborn(struct engine *e, const char *rules)
{
    g_autoptr(GString) head = g_string_new(NULL);
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    engine_save(e, true, head, pages);
    struct engine *other = engine_of(rules);
    struct page_list list = {pages, 0};
    struct error error = {0};
    g_assert_true(engine_restore(other, head->str, head->len, next_page, &list, NULL, &error));
    g_assert_cmpuint(engine_seq(other), ==, engine_seq(e));
    g_assert_cmpint(engine_active_count(other), ==, engine_active_count(e));
    engine_pages_clear(pages);
    return other;
}

/* Runs a log through an engine that is saved and restored after record `restart` (0 = never). */
static char *run_with_restart(const char *rules, const char *log, guint restart)
{
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    GString *out = g_string_new(NULL);
    struct engine *e = engine_of(rules);
    for (guint i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++) {
        g_autofree char *record = record_of(lines[i]);
        feed_json(e, i + 1, record);
        tell(e, out);
        if (i + 1 == restart) {
            struct engine *next = reborn(e, rules);
            engine_free(e);
            e = next;
        }
    }
    engine_free(e);
    return g_string_free(out, FALSE);
}

/* The log gives what is expected, also with a restart at any place. */
static void expect(const char *rules, const char *log, const char *expected)
{
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    for (guint restart = 0; restart < g_strv_length(lines); restart++) {
        g_autofree char *out = run_with_restart(rules, log, restart);
        if (strcmp(out, expected) != 0) {
            g_test_message("restart after record %u", restart);
        }
        g_assert_cmpstr(out, ==, expected);
    }
}

/* ---- the kinds ---- */

static void test_threshold(void)
{
    expect("{\"name\":\"hi\",\"type\":\"Station\"," TEXTS "\"severity\":\"red\",\"when\":\"pm25 > 150\"}",
           "00:00 a Station pm25=150\n00:01 a Station pm25=151\n00:02 a Station pm25=160\n00:03 b Station "
           "pm25=9\n"
           "00:04 a Station pm10=1\n00:05 a Station pm25=150\n00:06 a Station pm25=200\n",
           "raised hi a red 00:01:00Z 00:01:00Z 1\ncleared hi a red 00:05:00Z 00:01:00Z 2 condition\n"
           "raised hi a red 00:06:00Z 00:06:00Z 1\n");
}

static void test_duration_and_hysteresis(void)
{
    expect("{\"name\":\"hi\",\"type\":\"Station\"," TEXTS
           "\"severity\":\"red\",\"when\":\"pm25 > 150\",\"clear\":\"pm25 < 130\",\"for\":\"30m\"}",
           "00:00 a Station pm25=160\n00:29 a Station pm25=160\n00:30 a Station pm25=140\n00:31 a Station "
           "pm25=160\n"
           "01:00 a Station pm25=170\n01:01 a Station pm25=170\n01:02 a Station pm25=140\n01:03 a Station "
           "-pm25\n"
           "01:04 a Station pm25=129\n",
           "raised hi a red 01:01:00Z 01:01:00Z 1\ncleared hi a red 01:04:00Z 01:01:00Z 1 condition\n");
}

static void test_severity(void)
{
    expect(
        "{\"name\":\"hi\",\"type\":\"Station\"," TEXTS
        "\"severity\":[{\"when\":\"pm25 > 250\",\"severity\":\"red\"},"
        "{\"when\":\"pm25 > 150\",\"severity\":\"orange\"},{\"severity\":\"blue\"}],\"when\":\"pm25 > 75\"}",
        "00:00 a Station pm25=80\n00:01 a Station pm25=90\n00:02 a Station pm25=300\n00:03 a Station "
        "pm25=200\n"
        "00:04 a Station pm25=10\n",
        "raised hi a blue 00:00:00Z 00:00:00Z 1\nchanged hi a red 00:02:00Z 00:00:00Z 3\n"
        "changed hi a orange 00:03:00Z 00:00:00Z 4\ncleared hi a orange 00:04:00Z 00:00:00Z 4 condition\n");
}

static void test_links(void)
{
    expect(
        "{\"name\":\"l\",\"type\":\"Station\"," TEXTS
        "\"severity\":\"red\",\"when\":\"pm25 > street.limit * street.district.factor\"}",
        "00:00 a Station pm25=80 street=@s\n00:01 s Street limit=50 district=@d\n00:02 d District factor=1\n"
        "00:03 d District factor=2\n00:04 s Street limit=30\n00:05 a Station street=@t\n00:06 t Street "
        "limit=99 "
        "district=@d\n00:07 s Street limit=1\n00:08 t Street limit=1\n00:09 t Street delete\n00:10 a Station "
        "pm25=1\n",
        "raised l a red 00:02:00Z 00:02:00Z 1\ncleared l a red 00:03:00Z 00:02:00Z 1 condition\n"
        "raised l a red 00:04:00Z 00:04:00Z 1\ncleared l a red 00:06:00Z 00:04:00Z 1 condition\n"
        "raised l a red 00:08:00Z 00:08:00Z 1\n");
}

static void test_rate(void)
{
    expect("{\"name\":\"r\",\"kind\":\"rate\",\"type\":\"Station\"," TEXTS
           "\"severity\":\"red\",\"attribute\":\"pm25\",\"per\":\"10m\",\"above\":5,\"clear\":2}",
           "00:00 a Station pm25=1\n00:05 a Station pm25=5\n00:10 a Station pm25=7\n00:15 a Station pm25=9\n"
           "00:21 a Station pm25=10\n00:30 a Station pm25=20\n01:00 a Station pm25=90\n",
           "raised r a red 00:10:00Z 00:10:00Z 1\ncleared r a red 00:21:00Z 00:10:00Z 1 condition\n"
           "raised r a red 00:30:00Z 00:30:00Z 1\ncleared r a red 01:00:00Z 00:30:00Z 1 condition\n");
    expect("{\"name\":\"f\",\"kind\":\"rate\",\"type\":\"Station\"," TEXTS
           "\"severity\":\"red\",\"attribute\":\"pm25\",\"per\":\"10m\",\"below\":-5}",
           "00:00 a Station pm25=10\n00:05 a Station pm25=90\n00:06 a Station pm25=85\n00:07 a Station "
           "pm25=84\n",
           "raised f a red 00:07:00Z 00:07:00Z 1\n");
}

static void test_stuck(void)
{
    expect(
        "{\"name\":\"s\",\"kind\":\"stuck\",\"type\":\"Station\"," TEXTS
        "\"severity\":\"red\",\"attribute\":\"pm25\",\"for\":\"1h\",\"tolerance\":1}",
        "00:00 a Station pm25=10\n00:30 a Station pm25=11\n00:40 a Station pm10=11\n01:00 a Station pm25=9\n"
        "01:30 a Station pm25=10\n01:31 a Station pm25=20\n02:30 a Station pm25=20\n02:31 a Station "
        "pm25=20\n",
        "raised s a red 01:00:00Z 01:00:00Z 1\ncleared s a red 01:31:00Z 01:00:00Z 2 condition\n"
        "raised s a red 02:31:00Z 02:31:00Z 1\n");
    expect(
        "{\"name\":\"s\",\"kind\":\"stuck\",\"type\":\"Station\"," TEXTS
        "\"severity\":\"red\",\"attribute\":\"wind\",\"for\":\"1h\",\"when\":\"pm25 > 5\"}",
        "00:00 a Station pm25=10 wind='N\n00:30 a Station wind='N pm25=1\n01:00 a Station pm25=10 wind='N\n"
        "02:00 a Station wind='N\n",
        "raised s a red 02:00:00Z 02:00:00Z 1\n");
}

static void test_absence_by_event_clock(void)
{
    expect("{\"name\":\"q\",\"kind\":\"absence\",\"type\":\"Station\"," TEXTS
           "\"severity\":\"yellow\",\"for\":\"15m\",\"clock\":\"event\"}",
           "00:00 a Station pm25=1\n00:00 b Station pm25=1\n00:10 b Station pm25=1\n00:14 b Station pm10=1\n"
           "00:20 b Station pm25=1\n00:40 c Street limit=1\n00:50 a Station pm25=1\n01:10 a Station pm25=1\n",
           "raised q a yellow 00:15:00Z 00:15:00Z 1\ncleared q a yellow 00:50:00Z 00:15:00Z 1 condition\n"
           "raised q b yellow 00:35:00Z 00:35:00Z 1\n");
}

static void test_absence_with_guard(void)
{
    expect("{\"name\":\"q\",\"kind\":\"absence\",\"type\":\"Station\"," TEXTS
           "\"severity\":\"yellow\",\"for\":\"15m\",\"clock\":\"event\",\"when\":\"pm25 > 5\"}",
           "00:00 a Station pm25=1\n00:00 b Station pm25=6\n00:40 c Station pm25=1\n00:50 a Station pm25=9\n"
           "01:10 c Station pm25=1\n",
           "raised q b yellow 00:15:00Z 00:15:00Z 1\nraised q a yellow 01:05:00Z 01:05:00Z 1\n");
}

static void test_absence_by_wall_clock(void)
{
    struct engine *e = engine_of("{\"name\":\"q\",\"kind\":\"absence\",\"type\":\"Station\"," TEXTS
                                 "\"severity\":\"yellow\",\"for\":\"15m\",\"attribute\":\"pm25\"}");
    g_autoptr(GString) out = g_string_new(NULL);
    instant now;
    g_autofree char *first = record_of("00:00 a Station pm25=1"),
                    *other = record_of("00:10 a Station pm10=1"), *back = record_of("00:20 a Station pm25=1");
    feed_json(e, 1, first);
    feed_json(e, 2, other);
    g_assert_true(instant_parse("2026-03-01T00:14:59Z", 20, NULL, &now));
    g_assert_false(engine_tick(e, now));
    g_assert_true(engine_tick(e, now + INSTANT_SECOND));
    g_assert_false(engine_tick(e, now + 9 * INSTANT_SECOND));
    tell(e, out);
    feed_json(e, 3, back);
    tell(e, out);
    g_assert_cmpstr(
        out->str, ==,
        "raised q a yellow 00:15:00Z 00:15:00Z 1\ncleared q a yellow 00:20:00Z 00:15:00Z 1 condition\n");
    engine_free(e);
}

static const char zone_record[] =
    "{\"op\":\"create\",\"id\":\"urn:z\",\"type\":[\"Zone\"],\"at\":1,\"attrs\":{\"location\":{"
    "\"type\":\"GeoProperty\",\"value\":{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,"
    "0],[10,10],[0,10],[0,0]]]}}}}";

static void expect_fence(const char *how, const char *expected)
{
    static const char *const log[] = {"00:00 t Truck location=[20,5] home=@urn:z",
                                      "00:01 t Truck location=[5,5]",
                                      "00:02 t Truck location=[6,5]",
                                      "00:03 t Truck location=[11,5]",
                                      "00:04 t Truck location=[12,5]",
                                      "00:05 t Truck location=[1,5]"};
    g_autofree char *rules = g_strdup_printf(
        "{\"name\":\"g\",\"kind\":\"geofence\",\"type\":\"Truck\"," TEXTS "\"severity\":\"blue\",%s}", how);
    for (guint restart = 0; restart <= G_N_ELEMENTS(log); restart++) {
        struct engine *e = engine_of(rules);
        g_autoptr(GString) out = g_string_new(NULL);
        feed_json(e, 1, zone_record);
        for (guint i = 0; i < G_N_ELEMENTS(log); i++) {
            g_autofree char *record = record_of(log[i]);
            feed_json(e, i + 2, record);
            tell(e, out);
            if (i == restart) {
                struct engine *next = reborn(e, rules);
                engine_free(e);
                e = next;
            }
        }
        engine_free(e);
        g_assert_cmpstr(out->str, ==, expected);
    }
}

static void test_geofence(void)
{
    const char *entered =
        "raised g t blue 00:01:00Z 00:01:00Z 1\ncleared g t blue 00:03:00Z 00:01:00Z 2 condition\n"
        "raised g t blue 00:05:00Z 00:05:00Z 1\n";
    expect_fence("\"zone\":\"Zone\",\"event\":\"enter\"", entered);
    expect_fence("\"zone\":\"urn:z\",\"event\":\"enter\"", entered);
    expect_fence("\"zone_from\":\"home\",\"event\":\"enter\"", entered);
    expect_fence("\"zone\":\"Zone\",\"event\":\"leave\"",
                 "raised g t blue 00:03:00Z 00:03:00Z 1\ncleared g t blue 00:05:00Z 00:03:00Z 2 condition\n");
    expect_fence("\"zone\":\"Zone\",\"event\":\"leave\",\"for\":\"2m\"", "");
}

static void test_count(void)
{
    expect("{\"name\":\"c\",\"kind\":\"count\",\"type\":\"Station\"," TEXTS
           "\"severity\":\"red\",\"of\":\"pm25 > 100\",\"within\":\"1h\",\"at_least\":3}",
           "00:00 a Station pm25=101\n00:20 a Station pm25=101\n00:30 a Station pm25=1\n00:40 a Station "
           "pm25=101\n"
           "00:50 a Station pm10=999\n00:59 a Station pm25=1\n01:00 a Station pm25=1\n01:10 a Station "
           "pm25=101\n",
           "raised c a red 00:40:00Z 00:40:00Z 1\ncleared c a red 01:00:00Z 00:40:00Z 1 condition\n"
           "raised c a red 01:10:00Z 01:10:00Z 1\n");
}

static void test_delete_and_type(void)
{
    expect(
        "{\"name\":\"hi\",\"type\":\"Station\"," TEXTS "\"severity\":\"red\",\"when\":\"pm25 > 150\"}",
        "00:00 a Station pm25=151\n00:01 a Station delete\n00:02 a Station pm10=1\n00:03 b Station pm25=200\n"
        "00:04 b Street limit=1\n00:05 b Station pm10=1\n00:06 b Station pm25=200\n",
        "raised hi a red 00:00:00Z 00:00:00Z 1\ncleared hi a red 00:01:00Z 00:00:00Z 1 entity-deleted\n"
        "raised hi b red 00:03:00Z 00:03:00Z 1\ncleared hi b red 00:04:00Z 00:03:00Z 1 type-changed\n"
        "raised hi b red 00:06:00Z 00:06:00Z 1\n");
}

static const char high[] =
    "{\"name\":\"hi\",\"type\":\"Station\"," TEXTS "\"severity\":\"red\",\"when\":\"pm25 > 150\"}";

static void test_switch(void)
{
    struct engine *e = engine_of(high);
    g_autoptr(GString) out = g_string_new(NULL);
    const char *off =
        "{\"op\":\"update\",\"id\":\"urn:ngsi-ld:Rule:air:hi\",\"type\":[\"Rule\"],\"at\":1772323260000000,"
        "\"attrs\":{\"enabled\":{\"type\":\"Property\",\"value\":false}}}";
    g_autofree char *first = record_of("00:00 a Station pm25=151"),
                    *second = record_of("00:03 a Station pm25=152");
    feed_json(e, 1, first);
    feed_json(e, 2, off);
    feed_json(e, 3, second);
    tell(e, out);
    g_assert_false(engine_rule_enabled(e, "hi"));
    g_assert_cmpstr(
        out->str, ==,
        "raised hi a red 00:00:00Z 00:00:00Z 1\ncleared hi a red 00:01:00Z 00:00:00Z 1 rule-disabled\n");
    engine_free(e);
}

static void test_late_and_internal(void)
{
    struct engine *e = engine_of(high);
    feed_json(
        e, 1,
        "{\"op\":\"update\",\"id\":\"a\",\"type\":[\"Station\"],\"at\":1,\"late\":true,\"attrs\":{\"pm25\":{"
        "\"value\":200}}}");
    feed_json(
        e, 2,
        "{\"op\":\"update\",\"id\":\"b\",\"type\":[\"Alarm\",\"Station\"],\"at\":1,\"attrs\":{\"pm25\":{"
        "\"value\":200}}}");
    feed_json(e, 2,
              "{\"op\":\"update\",\"id\":\"c\",\"type\":[\"Station\"],\"at\":1,\"attrs\":{\"pm25\":{"
              "\"value\":200}}}");
    feed_json(
        e, 3,
        "{\"op\":\"update\",\"id\":\"d\",\"type\":[\"Station\"],\"at\":1,\"attrs\":{\"pm25\":[{\"value\":200,"
        "\"datasetId\":\"urn:x\"},{\"value\":3}]}}");
    g_assert_cmpint(engine_changes(e)->len, ==, 0);
    engine_free(e);
}

/* A changed rule keeps its active alarms, which its next reading judges; a rule that is gone takes its own
 * along. */
static void test_changed_rules(void)
{
    struct engine *e = engine_of(high);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *first = record_of("00:00 a Station pm25=151 pm10=3"),
                    *second = record_of("00:01 a Station pm25=160");
    feed_json(e, 1, first);
    struct engine *changed = reborn(
        e, "{\"name\":\"new\",\"type\":\"Station\"," TEXTS "\"severity\":\"red\",\"when\":\"pm10 > 2\"},"
           "{\"name\":\"hi\",\"type\":\"Station\"," TEXTS "\"severity\":\"red\",\"when\":\"pm25 > 170\"}");
    engine_free(e);
    g_assert_cmpint(engine_active_count(changed), ==, 1);
    feed_json(changed, 2, second);
    tell(changed, out);
    g_assert_cmpstr(out->str, ==, "cleared hi a red 00:01:00Z 00:00:00Z 1 condition\n");
    engine_free(changed);
}

static void test_reading_and_message(void)
{
    struct engine *e = engine_of(high);
    g_autofree char *record = record_of("00:00 urn:a Station pm25=151.5 location=[106.5,29.5]");
    feed_json(e, 1, record);
    const struct alarm_change *c = g_ptr_array_index(engine_changes(e), 0);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, c->reading);
    g_assert_cmpstr(text->str, ==, "{\"pm25\":{\"value\":151.5,\"observedAt\":\"2026-03-01T00:00:00Z\"}}");
    g_assert_cmpstr(c->message[RULE_EN], ==, "urn:a is 151.5");
    g_assert_cmpstr(c->message[RULE_ZH], ==, "urn:a 为 151.5");
    engine_free(e);
}

static void test_damaged_snapshots(void)
{
    struct engine *e = engine_of(high);
    g_autofree char *record = record_of("00:00 urn:a Station pm25=151.5 location=[106.5,29.5]");
    feed_json(e, 1, record);
    g_autoptr(GString) head = g_string_new(NULL);
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    engine_save(e, true, head, pages);
    GString *whole = g_array_index(pages, struct engine_page, 0).data;
    for (gsize cut = 1; cut < whole->len; cut++) {
        g_autoptr(GString) part = g_string_new_len(whole->str, (gssize)cut);
        struct engine_page page = {0, part};
        g_autoptr(GArray) one = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
        g_array_append_val(one, page);
        struct page_list list = {one, 0};
        struct engine *other = engine_of(high);
        struct error error = {0};
        g_assert_false(engine_restore(other, head->str, head->len, next_page, &list, NULL, &error));
        engine_free(other);
    }
    engine_pages_clear(pages);
    engine_free(e);
}

/* ---- a long log, with snapshots of what changed ---- */

static const char many_rules[] =
    "{\"name\":\"t\",\"type\":\"Station\"," TEXTS
    "\"severity\":[{\"when\":\"pm25 > 90\",\"severity\":\"red\"},{\"severity\":\"blue\"}],\"when\":\"pm25 > "
    "street.limit\",\"clear\":\"pm25 < 30\",\"for\":\"2m\"},"
    "{\"name\":\"r\",\"kind\":\"rate\",\"type\":\"Station\"," TEXTS
    "\"severity\":\"red\",\"attribute\":\"pm25\",\"per\":\"5m\",\"above\":60,\"below\":-90},"
    "{\"name\":\"s\",\"kind\":\"stuck\",\"type\":\"Station\"," TEXTS
    "\"severity\":\"red\",\"attribute\":\"wind\",\"for\":\"3m\"},"
    "{\"name\":\"a\",\"kind\":\"absence\",\"type\":\"Station\"," TEXTS
    "\"severity\":\"red\",\"for\":\"5m\",\"clock\":\"event\"},"
    "{\"name\":\"c\",\"kind\":\"count\",\"type\":\"Station\"," TEXTS
    "\"severity\":\"red\",\"of\":\"pm10 > 80\",\"within\":\"10m\",\"at_least\":3}";

static char *random_line(GRand *chance, int minute)
{
    static const char *const words[] = {"'N", "'S"};
    int station = g_rand_int_range(chance, 0, 150), what = g_rand_int_range(chance, 0, 20);
    g_autofree char *time = g_strdup_printf("%02d:%02d", minute / 60, minute % 60);
    if (what == 0) {
        return g_strdup_printf("%s s%d Station delete", time, station);
    }
    if (what == 1) {
        return g_strdup_printf("%s street%d Street limit=%d", time, station % 4,
                               g_rand_int_range(chance, 40, 99));
    }
    if (what == 2) {
        return g_strdup_printf("%s s%d Station street=@street%d", time, station,
                               g_rand_int_range(chance, 0, 6));
    }
    return g_strdup_printf("%s s%d Station pm25=%d pm10=%d wind=%s%s", time, station,
                           g_rand_int_range(chance, 0, 120), g_rand_int_range(chance, 0, 120),
                           words[g_rand_int_range(chance, 0, 2)], what < 12 ? " street=@street1" : "");
}

/* Keeps the pages of a save as a disk would. */
static void save_to(struct engine *e, GString *head, GHashTable *disk)
{
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    g_string_truncate(head, 0);
    engine_save(e, false, head, pages);
    for (guint i = 0; i < pages->len; i++) {
        struct engine_page *page = &g_array_index(pages, struct engine_page, i);
        g_hash_table_replace(disk, GUINT_TO_POINTER(page->number),
                             g_bytes_new(page->data->str, page->data->len));
    }
    engine_pages_clear(pages);
}

static struct engine *load_from(const GString *head, GHashTable *disk)
{
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    GHashTableIter i;
    void *number, *bytes;
    g_hash_table_iter_init(&i, disk);
    while (g_hash_table_iter_next(&i, &number, &bytes)) {
        gsize length;
        const char *data = g_bytes_get_data(bytes, &length);
        struct engine_page page = {GPOINTER_TO_UINT(number), g_string_new_len(data, (gssize)length)};
        g_array_append_val(pages, page);
    }
    struct engine *e = engine_of(many_rules);
    struct page_list list = {pages, 0};
    struct error error = {0};
    g_assert_true(engine_restore(e, head->str, head->len, next_page, &list, NULL, &error));
    engine_pages_clear(pages);
    return e;
}

/* Runs the log; with crashes, it is saved now and then, crashes now and then, and goes on from the last save.
 * What comes out again after a crash is written once, as the alarms' sourceSeq makes sure of. */
static char *run_long(GPtrArray *records, bool crashes)
{
    g_autoptr(GRand) chance = g_rand_new_with_seed(5);
    g_autoptr(GHashTable) disk = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);
    g_autoptr(GString) head = g_string_new(NULL);
    GString *all = g_string_new(NULL);
    struct engine *e = engine_of(many_rules);
    guint written = 0;
    save_to(e, head, disk);
    for (guint i = 0; i < records->len;) {
        g_autoptr(GString) out = g_string_new(NULL);
        feed_json(e, i + 1, g_ptr_array_index(records, i));
        tell(e, out);
        if (i >= written) {
            g_string_append(all, out->str);
            written = i + 1;
        }
        i++;
        if (crashes && g_rand_int_range(chance, 0, 40) == 0) {
            save_to(e, head, disk);
        }
        if (crashes && g_rand_int_range(chance, 0, 90) == 0) {
            engine_free(e);
            e = load_from(head, disk);
            i = (guint)engine_seq(e);
        }
    }
    engine_free(e);
    return g_string_free(all, FALSE);
}

static void test_long_log(void)
{
    g_autoptr(GRand) chance = g_rand_new_with_seed(4);
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < 6000; i++) {
        g_autofree char *line = random_line(chance, i / 150 * 2);
        g_ptr_array_add(records, record_of(line));
    }
    g_autofree char *plain = run_long(records, false), *crashed = run_long(records, true);
    g_assert_cmpuint(strlen(plain), >, 100000);
    g_assert_cmpstr(plain, ==, crashed);
}

/* ---- mistakes in packs ---- */

static void expect_mistake(const char *rule, const char *part)
{
    g_autoptr(GString) mistakes = g_string_new(NULL);
    struct rule_set *set = compile(rule, mistakes);
    if (strstr(mistakes->str, part) == NULL) {
        g_test_message("of %s", rule);
        g_assert_cmpstr(mistakes->str, ==, part);
    }
    g_assert_cmpint(set->count, <=, 1);
    rule_set_free(set);
}

#define GOOD "\"name\":\"n\",\"type\":\"Station\"," TEXTS "\"severity\":\"red\""

static void test_mistakes(void)
{
    expect_mistake("3", "a rule is a mapping");
    expect_mistake("{" GOOD "}", "when is missing");
    expect_mistake("{" GOOD ",\"when\":\"pm25 >\"}", "rule n: when:");
    expect_mistake("{" GOOD ",\"when\":3}", "must be a formula");
    expect_mistake("{" GOOD ",\"when\":\"pm26 > 1\"}", "type Station has no attribute pm26; it has pm25");
    expect_mistake("{" GOOD ",\"when\":\"pm25.level > 1\"}", "pm25 of Station is no Relationship");
    expect_mistake("{" GOOD ",\"when\":\"street.level > 1\"}", "type Street has no attribute level");
    expect_mistake("{" GOOD ",\"when\":\"pm25 > 1\",\"until\":3}", "has no member until");
    expect_mistake("{" GOOD ",\"when\":\"pm25 > 1\",\"for\":\"soon\"}", "for is no span");
    expect_mistake("{" GOOD ",\"when\":\"pm25 > 1\",\"for\":3}", "for is no span");
    expect_mistake("{" GOOD ",\"kind\":\"wish\",\"when\":\"pm25 > 1\"}", "unknown kind");
    expect_mistake("{" GOOD ",\"when\":\"pm25 > 1\",\"case\":\"x\"}", "no pack has a workflow x");
    expect_mistake("{" GOOD ",\"when\":\"pm25 > 1\",\"enabled\":1}", "enabled must be");
    expect_mistake("{" GOOD ",\"when\":\"pm25 > 1\"},{" GOOD ",\"when\":\"pm25 > 1\"}",
                   "has a rule of that name");
    expect_mistake("{\"name\":\"a b\",\"type\":\"Station\"}", "at most 100 letters");
    expect_mistake("{\"name\":\"n\",\"type\":\"Nothing\",\"when\":\"x > 1\"}",
                   "no pack declares the type Nothing");
    expect_mistake("{\"name\":\"n\",\"type\":\"Station\",\"when\":\"pm25 > 1\"}", "severity is missing");
    expect_mistake("{\"name\":\"n\",\"type\":\"Station\",\"severity\":\"pink\",\"when\":\"pm25 > 1\"}",
                   "must be red");
    expect_mistake(
        "{\"name\":\"n\",\"type\":\"Station\",\"severity\":[{\"severity\":\"red\"},{\"severity\":\"blue\"}],"
        "\"when\":\"pm25 > 1\"}",
        "only the last severity");
    expect_mistake(
        "{\"name\":\"n\",\"type\":\"Station\",\"title\":1,\"severity\":\"red\",\"when\":\"pm25 > 1\"}",
        "title must be a text");
    expect_mistake(
        "{\"name\":\"n\",\"type\":\"Station\",\"title\":\"t\",\"message\":\"{pm26}\",\"severity\":\"red\"}",
        "no attribute pm26");
    expect_mistake(
        "{\"name\":\"n\",\"type\":\"Station\",\"title\":\"t\",\"message\":\"{pm25\",\"severity\":\"red\"}",
        "rule n: message:");
    expect_mistake("{" GOOD ",\"kind\":\"rate\",\"attribute\":\"pm25\",\"per\":\"1h\"}", "needs above");
    expect_mistake("{" GOOD ",\"kind\":\"rate\",\"attribute\":\"pm25\",\"above\":1}", "per is missing");
    expect_mistake("{" GOOD ",\"kind\":\"stuck\",\"attribute\":\"pm25\"}", "for is missing");
    expect_mistake("{" GOOD ",\"kind\":\"absence\",\"for\":\"1h\",\"clock\":\"sun\"}",
                   "clock is wall or event");
    expect_mistake("{" GOOD ",\"kind\":\"geofence\",\"event\":\"enter\"}", "needs zone");
    expect_mistake("{" GOOD ",\"kind\":\"geofence\",\"event\":\"pass\",\"zone\":\"Zone\"}",
                   "event is enter or leave");
    expect_mistake("{" GOOD ",\"kind\":\"geofence\",\"event\":\"enter\",\"zone\":\"Moon\"}",
                   "zone type Moon");
    expect_mistake("{" GOOD ",\"kind\":\"geofence\",\"event\":\"enter\",\"zone_from\":\"pm25\"}",
                   "must name a Relation");
    expect_mistake("{" GOOD ",\"kind\":\"count\",\"of\":\"pm25 > 1\",\"within\":\"1h\",\"at_least\":0}",
                   "at_least must");
}

/* ---- speed ---- */

static void test_speed(void)
{
    enum { DEVICES = 2000, ROUNDS = 20 };
    struct engine *e =
        engine_of("{\"name\":\"a1\",\"type\":\"Station\"," TEXTS
                  "\"severity\":\"red\",\"when\":\"pm25 > 150\",\"for\":\"30m\"},"
                  "{\"name\":\"a2\",\"type\":\"Station\"," TEXTS
                  "\"severity\":\"red\",\"when\":\"pm10 > 900 and wind < 2\"},"
                  "{\"name\":\"a3\",\"kind\":\"absence\",\"type\":\"Station\"," TEXTS
                  "\"severity\":\"red\",\"for\":\"15m\"},"
                  "{\"name\":\"a4\",\"kind\":\"rate\",\"type\":\"Station\"," TEXTS
                  "\"severity\":\"red\",\"attribute\":\"pm25\",\"per\":\"10m\",\"above\":500}");
    struct arena *a = arena_new();
    struct json **records = g_new(struct json *, DEVICES * ROUNDS);
    for (int i = 0; i < DEVICES * ROUNDS; i++) {
        char at[INSTANT_TEXT];
        instant t = INT64_C(1772323200000000) + i / DEVICES * 60 * INSTANT_SECOND;
        instant_format(t, at);
        g_autofree char *text = g_strdup_printf(
            "{\"op\":\"update\",\"id\":\"urn:ngsi-ld:AirQualityObserved:station-%05d\",\"type\":[\"Station\"]"
            ",\"at\":%" PRId64 ",\"attrs\":{\"pm25\":{\"type\":\"Property\",\"value\":%d,\"observedAt\":\"%"
            "s\"},\"pm10\":{\"type\":\"Property\","
            "\"value\":%d,\"observedAt\":\"%s\"},\"so2\":{\"type\":\"Property\",\"value\":4,\"observedAt\":"
            "\"%s\"},"
            "\"no2\":{\"type\":\"Property\",\"value\":4,\"observedAt\":\"%s\"},\"co\":{\"type\":\"Property\","
            "\"value\":4,"
            "\"observedAt\":\"%s\"},\"wind\":{\"type\":\"Property\",\"value\":3.5,\"observedAt\":\"%s\"}}}",
            i % DEVICES, t, i % 97, at, i % 89, at, at, at, at, at);
        records[i] = json_parse(a, text, strlen(text), NULL);
    }
    gint64 began = g_get_monotonic_time();
    for (int i = 0; i < DEVICES * ROUNDS; i++) {
        engine_record(e, (uint64_t)i + 1, records[i]);
    }
    double seconds = (double)(g_get_monotonic_time() - began) / 1e6;
    g_assert_cmpint(engine_changes(e)->len, ==, 0);
    g_assert_cmpint(engine_subject_count(e), ==, DEVICES);
    g_autoptr(GString) head = g_string_new(NULL);
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    began = g_get_monotonic_time();
    engine_save(e, true, head, pages);
    double saving = (double)(g_get_monotonic_time() - began) / 1e6;
    g_test_message("%.0f records/s with 4 rules and 6 attributes; %.0f subjects/s saved",
                   DEVICES * ROUNDS / seconds, DEVICES / saving);
    engine_pages_clear(pages);
    g_free(records);
    arena_free(a);
    engine_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/threshold", test_threshold);
    g_test_add_func("/rules/duration-and-hysteresis", test_duration_and_hysteresis);
    g_test_add_func("/rules/severity", test_severity);
    g_test_add_func("/rules/links", test_links);
    g_test_add_func("/rules/rate", test_rate);
    g_test_add_func("/rules/stuck", test_stuck);
    g_test_add_func("/rules/absence-event", test_absence_by_event_clock);
    g_test_add_func("/rules/absence-guard", test_absence_with_guard);
    g_test_add_func("/rules/absence-wall", test_absence_by_wall_clock);
    g_test_add_func("/rules/geofence", test_geofence);
    g_test_add_func("/rules/count", test_count);
    g_test_add_func("/rules/delete-and-type", test_delete_and_type);
    g_test_add_func("/rules/switch", test_switch);
    g_test_add_func("/rules/late-and-internal", test_late_and_internal);
    g_test_add_func("/rules/changed-rules", test_changed_rules);
    g_test_add_func("/rules/reading-and-message", test_reading_and_message);
    g_test_add_func("/rules/damaged-snapshots", test_damaged_snapshots);
    g_test_add_func("/rules/long-log", test_long_log);
    g_test_add_func("/rules/mistakes", test_mistakes);
    g_test_add_func("/rules/speed", test_speed);
    return g_test_run();
}
