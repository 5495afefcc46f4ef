/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of inputs: what messages become, what is refused, and what the check says about broken sections. */
#include <glib.h>
#include <stdarg.h>
#include <string.h>

#include "ingest/mapping.h"
#include "ingest/template.h"
#include "ingest/timestamp.h"

static const char types[] =
    "{\"Air\": {\"title\": \"Air\", \"attributes\": {"
    "\"pm25\": {\"title\": \"x\", \"unit_code\": \"GQ\"}, \"wind\": {\"title\": \"x\"}, \"open\": "
    "{\"title\": \"x\"},"
    "\"count\": {\"title\": \"x\"}, \"serviced\": {\"title\": \"x\"}, \"more\": {\"title\": \"x\"},"
    "\"location\": {\"title\": \"x\", \"kind\": \"GeoProperty\"}, \"name\": {\"title\": \"x\"},"
    "\"gauge\": {\"title\": \"x\", \"kind\": \"Relationship\"}}}}";

/* A pack of one input, written as JSON. */
struct fixture {
    struct arena *arena;
    struct pack pack;
    const struct pack *packs[2];
};

static void fixture_init(struct fixture *f, const char *inputs)
{
    struct error e = {0};
    f->arena = arena_new();
    char *text = arena_printf(f->arena, "{\"types\": %s, \"inputs\": %s}", types, inputs);
    f->pack = (struct pack){"p", "packs/p", json_parse(f->arena, text, strlen(text), &e)};
    g_assert_cmpstr(e.en, ==, "");
    f->packs[0] = &f->pack;
    f->packs[1] = NULL;
}

#define INPUT(more)                                                                                          \
    "[{\"name\": \"in\", \"topic\": \"zs/{area}/{station}/reading\", \"id\": \"urn:ngsi-ld:Air:{station}\"," \
    "\"type\": \"Air\"," more "}]"
#define ISO "\"time\": {\"from\": \"ts\"}, \"zone\": \"+08:00\","

/* What a message on zs/a/s1/reading becomes: the fragment as JSON, or "refused", and the faults behind it. */
static void check_message(const char *inputs, const char *payload, const char *expected)
{
    struct fixture f;
    instant now;
    fixture_init(&f, inputs);
    g_assert_true(instant_parse("2026-03-02T00:00:00Z", 20, NULL, &now));
    struct mapping *m = mapping_compile(f.packs, NULL);
    struct mapped *got = mapping_message(m, f.arena, "zs/a/s1/reading", payload, strlen(payload), now);
    g_autoptr(GString) text = g_string_new(NULL);
    if (got->fragment != NULL) {
        json_remove(got->fragment, "id");
        json_remove(got->fragment, "type");
        json_write(text, got->fragment);
    } else {
        g_string_append(text, "refused");
    }
    for (const struct fault *fault = got->faults; fault != NULL; fault = fault->next) {
        g_string_append_printf(text, " | %s: %s", fault->attribute != NULL ? fault->attribute : "*",
                               fault->en);
        g_assert_cmpstr(fault->zh, !=, "");
    }
    g_assert_cmpstr(text->str, ==, expected);
    mapping_unref(m);
    arena_free(f.arena);
}

static void numbers_are_converted_rounded_and_bounded(void)
{
    static const char in[] = INPUT(
        "\"attributes\": {\"pm25\": {\"from\": \"PM2.5\", \"scale\": 0.001, \"offset\": 1, \"decimals\": 2,"
        "\"min\": 0, \"max\": 100, \"unit\": \"GQ\"}}");
    check_message(in, "{\"PM2.5\": 1236}",
                  "{\"pm25\":{\"type\":\"Property\",\"value\":2.24,\"unitCode\":\"GQ\"}}");
    check_message(in, "{\"PM2.5\": \" 1236 \"}",
                  "{\"pm25\":{\"type\":\"Property\",\"value\":2.24,\"unitCode\":\"GQ\"}}");
    check_message(in, "{\"PM2.5\": \"12,5\"}",
                  "refused | pm25: \"12,5\" is no number | *: it holds no value that can be used");
    check_message(in, "{\"PM2.5\": \"NaN\"}",
                  "refused | pm25: \"NaN\" is no number | *: it holds no value that can be used");
    check_message(in, "{\"PM2.5\": true}",
                  "refused | pm25: true is no number | *: it holds no value that can be used");
    check_message(in, "{\"PM2.5\": 1e6}",
                  "refused | pm25: 1000000 is outside 0 to 100 | *: it holds no value that can be used");
    check_message(in, "{\"PM2.5\": null}", "refused | *: it holds no value that can be used");
    check_message(in, "{\"PM2.5\": [1]}",
                  "refused | pm25: [1] is no number | *: it holds no value that can be used");
}

static void one_bad_attribute_does_not_spoil_the_rest(void)
{
    check_message(
        INPUT(ISO "\"attributes\": {\"pm25\": {\"max\": 10}, \"wind\": {\"value\": \"text\"}}"),
        "{\"ts\": \"2026-03-01T08:00:00\", \"pm25\": 11, \"wind\": \"NE\"}",
        "{\"wind\":{\"type\":\"Property\",\"value\":\"NE\",\"observedAt\":\"2026-03-01T00:00:00Z\"}}"
        " | pm25: 11 is outside -inf to 10");
}

static void other_kinds_of_values(void)
{
    check_message(
        INPUT("\"attributes\": {\"open\": {\"value\": \"boolean\"}, \"count\": {\"value\": \"integer\"}}"),
        "{\"open\": \"Yes\", \"count\": 7}",
        "{\"open\":{\"type\":\"Property\",\"value\":true},\"count\":{\"type\":\"Property\",\"value\":7}}");
    check_message(
        INPUT("\"attributes\": {\"open\": {\"value\": \"boolean\"}, \"count\": {\"value\": \"integer\"}}"),
        "{\"open\": 0, \"count\": 7.5}",
        "{\"open\":{\"type\":\"Property\",\"value\":false}} | count: 7.5 is no whole number");
    check_message(
        INPUT("\"attributes\": {\"wind\": {\"value\": \"text\", \"values\": {\"1\": \"N\", \"2\": \"S\"}}}"),
        "{\"wind\": 2}", "{\"wind\":{\"type\":\"Property\",\"value\":\"S\"}}");
    check_message(INPUT("\"attributes\": {\"wind\": {\"value\": \"text\", \"values\": {\"1\": \"N\"}}}"),
                  "{\"wind\": 3}",
                  "refused | wind: 3 is none of the known values | *: it holds no value that can be used");
    check_message(INPUT("\"zone\": \"+08:00\", \"attributes\": {\"serviced\": {\"value\": \"time\", "
                        "\"format\": \"%Y%m%d\"}}"),
                  "{\"serviced\": 20260301}",
                  "{\"serviced\":{\"type\":\"Property\",\"value\":{\"@type\":\"DateTime\",\"@value\":"
                  "\"2026-02-28T16:00:00Z\"}}}");
    check_message(INPUT("\"attributes\": {\"more\": {\"value\": \"data\", \"from\": \"a.b\"}}"),
                  "{\"a\": {\"b\": [1, 2]}}", "{\"more\":{\"type\":\"Property\",\"value\":[1,2]}}");
    check_message(
        INPUT("\"attributes\": {\"name\": {\"value\": \"text\", \"from\": \"station\", \"fixed\": true}}"),
        "{}", "{\"name\":{\"type\":\"Property\",\"value\":\"s1\"}}");
    /* Beside a reading that is missing, what does not change is no news. */
    check_message(
        INPUT("\"attributes\": {\"name\": {\"value\": \"text\", \"from\": \"station\", \"fixed\": true},"
              "\"pm25\": {\"from\": \"pm25\"}}"),
        "{\"pm25\": null}", "refused | *: it holds no value that can be used");
    check_message(INPUT("\"attributes\": {\"gauge\": {\"from\": \"g\", \"relationship\": "
                        "\"urn:ngsi-ld:G:{area}-{value}\"}}"),
                  "{\"g\": \"7 号\"}",
                  "{\"gauge\":{\"type\":\"Relationship\",\"object\":\"urn:ngsi-ld:G:a-7%20%E5%8F%B7\"}}");
}

static void units_of_the_message(void)
{
    static const char in[] =
        INPUT("\"attributes\": {\"pm25\": {\"unit_from\": \"u\", \"units\": {\"mg/m³\": 1000, \"F\": "
              "{\"scale\": 0.5, \"offset\": -16}}, \"decimals\": 3}}");
    check_message(in, "{\"pm25\": 0.012, \"u\": \"mg/m³\"}",
                  "{\"pm25\":{\"type\":\"Property\",\"value\":12}}");
    check_message(in, "{\"pm25\": 50, \"u\": \"F\"}", "{\"pm25\":{\"type\":\"Property\",\"value\":9}}");
    check_message(in, "{\"pm25\": 50, \"u\": \"ppb\"}",
                  "refused | pm25: unknown unit \"ppb\" | *: it holds no value that can be used");
    check_message(in, "{\"pm25\": 50}",
                  "refused | pm25: the unit is not given in \"u\" | *: it holds no value that can be used");
}

static void places_are_checked_and_converted(void)
{
    static const char in[] = INPUT("\"attributes\": {\"location\": {\"lon\": \"x\", \"lat\": \"y\"}}");
    check_message(in, "{\"x\": \"106.55\", \"y\": 29.56}",
                  "{\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":["
                  "106.55,29.56]}}}");
    check_message(in, "{\"x\": 190, \"y\": 29}",
                  "refused | location: longitude 190 with latitude 29 is no place on earth"
                  " | *: it holds no value that can be used");
    check_message(in, "{\"x\": 0, \"y\": 0}",
                  "refused | location: longitude 0 with latitude 0 is no place on earth"
                  " | *: it holds no value that can be used");
    check_message(in, "{\"x\": 106}",
                  "refused | location: longitude 106 with latitude - is no place on earth"
                  " | *: it holds no value that can be used");
    static const char gcj[] =
        INPUT("\"attributes\": {\"location\": {\"lon\": \"x\", \"lat\": \"y\", \"datum\": \"gcj02\"}}");
    static const char gcj_payload[] = "{\"x\":106.55,\"y\":29.56}";
    struct fixture f;
    fixture_init(&f, gcj);
    struct mapping *m = mapping_compile(f.packs, NULL);
    struct mapped *got = mapping_message(m, f.arena, "zs/a/s1/reading", gcj_payload, strlen(gcj_payload), 0);
    const struct json *at = json_get(json_get(json_get(got->fragment, "location"), "value"), "coordinates");
    g_assert_cmpfloat_with_epsilon(json_number(at->first), 106.5462, 1e-3);
    g_assert_cmpfloat_with_epsilon(json_number(at->last), 29.5628, 1e-3);
    mapping_unref(m);
    arena_free(f.arena);
    check_message(INPUT("\"attributes\": {\"location\": {\"geometry\": \"g\"}}"),
                  "{\"g\": {\"type\": \"Point\"}}",
                  "refused | location: a position must be [longitude, latitude] | *: it holds no value that "
                  "can be used");
}

static void times_are_needed_and_plausible(void)
{
    static const char in[] = INPUT(ISO "\"attributes\": {\"pm25\": {}}");
    check_message(in, "{\"pm25\": 1}", "refused | *: the time is missing: no usable \"ts\"");
    check_message(in, "{\"pm25\": 1, \"ts\": \"2026-02-29T00:00:00Z\"}",
                  "refused | *: \"2026-02-29T00:00:00Z\" is no time of the expected form");
    check_message(
        in, "{\"pm25\": 1, \"ts\": \"2031-01-01T00:00:00Z\"}",
        "refused | *: the time 2031-01-01T00:00:00Z lies in the future; is the clock of the sender right?");
    static const char epoch[] =
        INPUT("\"time\": {\"from\": \"ts\", \"format\": \"epoch\"}, \"attributes\": {\"pm25\": {}}");
    check_message(epoch, "{\"pm25\": 1, \"ts\": 1772323200}",
                  "{\"pm25\":{\"type\":\"Property\",\"value\":1,\"observedAt\":\"2026-03-01T00:00:00Z\"}}");
    static const char parts[] =
        INPUT("\"time\": {\"from\": [\"y\", \"m\", \"d\", \"h\"], \"format\": \"%Y %m %d %H\"},"
              "\"zone\": \"+08:00\", \"attributes\": {\"pm25\": {}}");
    check_message(parts, "{\"pm25\": 1, \"y\": 2026, \"m\": 3, \"d\": 1, \"h\": 8}",
                  "{\"pm25\":{\"type\":\"Property\",\"value\":1,\"observedAt\":\"2026-03-01T00:00:00Z\"}}");
}

static void missing_values_are_left_out(void)
{
    check_message(INPUT("\"missing\": [\"NA\", -999], \"attributes\": {\"pm25\": {}, \"count\": {}, "
                        "\"wind\": {\"value\": \"text\"}}"),
                  "{\"pm25\": \"NA\", \"count\": -999.0, \"wind\": \"\"}",
                  "{\"wind\":{\"type\":\"Property\",\"value\":\"\"}}");
}

static void whole_messages_are_refused(void)
{
    static const char in[] = INPUT("\"on_unknown_field\": \"reject\", \"attributes\": {\"pm25\": {}}");
    check_message(in, "{\"pm25\": 1, \"x\": 2}", "refused | *: unknown field \"x\"");
    check_message(in, "[1]", "refused | *: the message is no JSON object");
    check_message(in, "{\"station\": \"s2\", \"pm25\": 1}", "{\"pm25\":{\"type\":\"Property\",\"value\":1}}");
    struct fixture f;
    fixture_init(&f, in);
    struct mapping *m = mapping_compile(f.packs, NULL);
    g_autofree char *deep = g_strnfill(100000, '[');
    struct mapped *got = mapping_message(m, f.arena, "zs/a/s1/reading", deep, 100000, 0);
    g_assert_null(got->fragment);
    g_assert_nonnull(got->faults);
    got = mapping_message(m, f.arena, "zs/a/reading", "{}", 2, 0);
    g_assert_null(got->input);
    g_assert_cmpstr(got->faults->en, ==, "no input of any pack takes the topic zs/a/reading");
    mapping_unref(m);
    arena_free(f.arena);
}

static void texts_of_strangers_stay_texts(void)
{
    check_message(INPUT("\"attributes\": {\"wind\": {\"value\": \"text\"}}"),
                  "{\"wind\": \"'; DROP TABLE x; -- <script>\"}",
                  "{\"wind\":{\"type\":\"Property\",\"value\":\"'; DROP TABLE x; -- <script>\"}}");
}

static void one_message_may_feed_several_inputs(void)
{
    struct fixture f;
    fixture_init(&f, "[{\"name\": \"a\", \"topic\": \"t/{s}\", \"id\": \"urn:a:{s}\", \"type\": \"Air\","
                     "\"attributes\": {\"pm25\": {}}},"
                     "{\"name\": \"b\", \"topic\": \"t/{x}\", \"id\": \"urn:b:{x}\", \"type\": \"Air\","
                     "\"attributes\": {\"count\": {}}},"
                     "{\"name\": \"c\", \"topic\": \"{x}/y\", \"id\": \"urn:c:{x}\", \"type\": \"Air\","
                     "\"attributes\": {\"count\": {}}}]");
    static const char payload[] = "{\"pm25\": 1, \"count\": 2}";
    struct mapping *m = mapping_compile(f.packs, NULL);
    struct mapped *got = mapping_message(m, f.arena, "t/1", payload, strlen(payload), 0);
    g_assert_cmpstr(json_get_string(got->fragment, "id"), ==, "urn:a:1");
    g_assert_cmpstr(json_get_string(got->next->fragment, "id"), ==, "urn:b:1");
    g_assert_null(got->next->next);
    const char *const *filters = mapping_filters(m);
    g_assert_cmpstr(filters[0], ==, "t/#");
    g_assert_cmpstr(filters[1], ==, "+/y");
    g_assert_null(filters[2]);
    mapping_unref(m);
    arena_free(f.arena);
}

/* ---- the check ---- */

struct report {
    struct pack_report base;
    GString *text;
};

static void note(struct pack_report *base, const struct json *where, const char *en, const char *zh, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));

static void note(struct pack_report *base, const struct json *where, const char *en, const char *zh, ...)
{
    struct report *r = (struct report *)base;
    va_list args;
    va_start(args, zh);
    g_string_append(r->text, r->text->len > 0 ? "\n" : "");
    g_string_append_vprintf(r->text, en, args);
    va_end(args);
    base->mistakes++;
}

static void check_section(const char *inputs, const char *expected)
{
    struct fixture f;
    struct report r = {{note, 0}, g_string_new(NULL)};
    fixture_init(&f, inputs);
    inputs_check(&f.pack, json_get(f.pack.root, "inputs"), f.packs, &r.base);
    g_assert_cmpstr(r.text->str, ==, expected);
    g_string_free(r.text, TRUE);
    arena_free(f.arena);
}

static void every_mistake_of_an_input_is_named(void)
{
    check_section(INPUT(ISO "\"attributes\": {\"pm25\": {\"unit\": \"GQ\"}}"), "");
    check_section("{}", "inputs: \"inputs\" must be a list");
    check_section("[{\"name\": \"x\"}]",
                  "x: \"id\" is missing\nx: \"type\" is missing\nx: \"attributes\" is missing");
    check_section(INPUT("\"tpoic\": 1, \"attributes\": {}"),
                  "in: unknown member \"tpoic\"; known are name, title, description, topic, payload, id, "
                  "type, time, zone, "
                  "missing, scope, attributes, on_unknown_field");
    check_section(INPUT("\"attributes\": {\"pm10\": {}}"), "in.pm10: the type Air has no attribute \"pm10\"");
    check_section(INPUT("\"attributes\": {\"pm25\": {\"unit\": \"GP\"}}"),
                  "in.pm25: the unit GP differs from GQ of the type");
    check_section(INPUT("\"attributes\": {\"pm25\": {\"unit\": \"µg\"}}"),
                  "in.pm25: \"µg\" is no UN/CEFACT unit code such as GQ, CEL, P1\n"
                  "in.pm25: the unit µg differs from GQ of the type");
    check_section(INPUT("\"attributes\": {\"count\": {\"min\": 5, \"max\": 1, \"decimals\": 11}}"),
                  "in.count: min is above max\nin.count: decimals must be 0 to 9");
    check_section(INPUT("\"attributes\": {\"wind\": {\"value\": \"text\", \"scale\": 2}}"),
                  "in.wind: \"scale\" belongs to numbers, the value is text");
    check_section(
        INPUT(
            "\"attributes\": {\"location\": {\"lon\": \"x\"}, \"count\": {\"lon\": \"x\", \"lat\": \"y\"}}"),
        "in.location: \"lat\" is missing");
    check_section(INPUT("\"attributes\": {\"location\": {\"relationship\": \"urn:{value\"}}"),
                  "in.location: the braces in \"urn:{value\" do not close or hold no name\n"
                  "in.location: the type Air declares it as GeoProperty, not as Relationship");
    check_section(INPUT("\"attributes\": {\"pm25\": {\"unit_from\": \"u\"}}"),
                  "in.pm25: unit_from and units belong together");
    check_section(INPUT("\"time\": {\"from\": \"ts\", \"format\": \"%Y %q\"}, \"attributes\": {}"),
                  "in.time: the format \"%Y %q\" is not iso, epoch, epoch_ms or a pattern of %Y %m %d %H %M "
                  "%S %f %z %T %F");
    check_section(INPUT("\"time\": {\"from\": \"ts\", \"format\": \"%F\"}, \"attributes\": {}"),
                  "in.time: the format has no zone; give the input one, zone: \"+08:00\"");
    check_section(INPUT("\"time\": \"now\", \"attributes\": {}"),
                  "in.time must be arrival or {from: …, format: …}");
    check_section(INPUT("\"zone\": \"Asia\", \"attributes\": {}"),
                  "in: the zone \"Asia\" must look like \"+08:00\"");
    check_section(INPUT("\"scope\": \"a/{b}\", \"attributes\": {}"), "in: the scope must begin with \"/\"");
    check_section(
        "[{\"name\": \"x\", \"topic\": \"a/+/b\", \"id\": \"u{}\", \"type\": \"No\", \"attributes\": {}}]",
        "x: in the topic \"a/+/b\" each level must be a text or one {name}, at most 16 levels, no + or #\n"
        "x: the braces in \"u{}\" do not close or hold no name\nx: the type No is declared by no pack");
    check_section("[{\"name\": \"x\", \"id\": \"u\", \"type\": \"Air\", \"attributes\": {}},"
                  "{\"name\": \"x\", \"id\": \"u\", \"type\": \"Air\", \"attributes\": {}}]",
                  "the input \"x\" is already declared in line 0 of the pack \"p\"");
}

/* ---- times ---- */

static void check_time(const char *pattern, const char *text, const char *expected)
{
    struct timestamp_format f = {.has_zone = true, .zone_minutes = 480};
    char out[INSTANT_TEXT];
    instant t;
    g_assert_true(timestamp_format_parse(pattern, &f));
    bool ok = timestamp_parse(&f, text, strlen(text), &t);
    g_assert_cmpstr(ok ? instant_format(t, out) : "refused", ==, expected);
}

static void times_by_pattern(void)
{
    check_time("%Y-%m-%d %H:%M", "2013-3-1 0:05", "2013-02-28T16:05:00Z");
    check_time("%Y/%m/%d %T", "2024/02/29 23:59:59", "2024-02-29T15:59:59Z");
    check_time("%F %T%z", "2024-02-29 23:59:59+0000", "2024-02-29T23:59:59Z");
    check_time("%Y年%m月%d日%H时", "2026年3月1日8时", "2026-03-01T00:00:00Z");
    check_time("%d.%m.%Y %H:%M:%S.%f", "01.03.2026 08:00:00.25", "2026-03-01T00:00:00.250Z");
    check_time("%Y-%m-%d", "2023-02-29", "refused");
    check_time("%Y-%m-%d %H", "2023-02-28 24", "refused");
    check_time("%Y-%m-%d", "2023-02-28x", "refused");
    check_time("%Y-%m-%d", "", "refused");
    check_time("epoch", "1772323200.5", "2026-03-01T00:00:00.500Z");
    check_time("epoch_ms", "1772323200500", "2026-03-01T00:00:00.500Z");
    check_time("epoch", "1e300", "refused");
    check_time("epoch", "0x10", "refused");
    struct timestamp_format f;
    g_assert_false(timestamp_format_parse("%H:%M", &f));
    g_assert_false(timestamp_format_parse("%Y%", &f));
}

/* Not a bound that can fail on a busy machine: prints the rate, for the curious (run with -m perf). */
static void mapping_is_fast(void)
{
    struct fixture f;
    fixture_init(
        &f,
        INPUT(ISO "\"attributes\": {\"pm25\": {\"decimals\": 1, \"min\": 0, \"max\": 2000}, \"count\": {},"
                  "\"wind\": {\"value\": \"text\"}, \"open\": {\"value\": \"boolean\"}, \"more\": "
                  "{\"decimals\": 2},"
                  "\"name\": {\"value\": \"text\"}}"));
    static const char payload[] =
        "{\"ts\":\"2026-03-01T08:00:00+08:00\",\"pm25\":35.27,\"count\":12,\"wind\":\"NNE\",\"open\":"
        "false,\"more\":1.256,\"name\":\"大坪站\"}";
    struct mapping *m = mapping_compile(f.packs, NULL);
    struct arena *a = arena_new();
    int n = g_test_perf() ? 500000 : 1000;
    instant now = instant_now();
    g_test_timer_start();
    for (int i = 0; i < n; i++) {
        g_assert_null(mapping_message(m, a, "zs/a/s1/reading", payload, sizeof payload - 1, now)->faults);
        if (i % 1000 == 999) {
            arena_clear(a);
        }
    }
    double rate = n / g_test_timer_elapsed();
    g_test_maximized_result(rate, "%.0f messages of six attributes mapped a second", rate);
    arena_free(a);
    mapping_unref(m);
    arena_free(f.arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mapping/numbers", numbers_are_converted_rounded_and_bounded);
    g_test_add_func("/mapping/partly", one_bad_attribute_does_not_spoil_the_rest);
    g_test_add_func("/mapping/kinds", other_kinds_of_values);
    g_test_add_func("/mapping/units", units_of_the_message);
    g_test_add_func("/mapping/places", places_are_checked_and_converted);
    g_test_add_func("/mapping/times", times_are_needed_and_plausible);
    g_test_add_func("/mapping/missing", missing_values_are_left_out);
    g_test_add_func("/mapping/refused", whole_messages_are_refused);
    g_test_add_func("/mapping/strangers", texts_of_strangers_stay_texts);
    g_test_add_func("/mapping/several", one_message_may_feed_several_inputs);
    g_test_add_func("/mapping/check", every_mistake_of_an_input_is_named);
    g_test_add_func("/timestamp", times_by_pattern);
    g_test_add_func("/mapping/speed", mapping_is_fast);
    return g_test_run();
}
