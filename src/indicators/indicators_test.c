/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, days and the tracker, against values computed by hand from HJ 633. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "indicators/tracker.h"

/* Three columns of HJ 633-2026 and of HJ 633-2012, and two indexes over them. */
static const char pack_text[] =
    "{\"types\":{\"Air\":{\"attributes\":{\"pm25\":{},\"so2\":{},\"o3\":{},\"aqi\":{},\"lv\":{},\"cat\":{},"
    "\"pp\":{},"
    "\"aqid\":{}}}},"
    "\"tables\":{\"new\":{\"source\":\"HJ "
    "633-2026\",\"columns\":[\"iaqi\",\"pm25\",\"so2_1h\",\"o3_8h\",\"o3_1h\"],\"rows\":["
    "[0,0,0,0,0],[50,35,150,100,160],[100,60,500,160,200],[150,115,650,215,300],[200,150,800,265,400],"
    "[300,250,null,800,800],[400,350,null,null,1000],[500,500,null,null,1200]]},"
    "\"old\":{\"source\":\"HJ "
    "633-2012\",\"columns\":[\"iaqi\",\"o3_8h\",\"pm25\",\"so2_1h\",\"o3_1h\"],\"rows\":["
    "[0,0,0,0,0],[50,100,35,150,160],[100,160,75,500,200],[150,215,115,650,300],[200,265,150,800,400],"
    "[300,800,250,null,800],[400,null,350,null,1000],[500,null,500,null,1200]]}},"
    "\"indexes\":["
    "{\"name\":\"now\",\"title\":\"t\",\"type\":\"Air\",\"window\":\"instant\",\"periods\":[{\"until\":"
    "\"2026-03-01\","
    "\"table\":\"old\"},{\"table\":\"new\"}],\"parts\":[{\"attribute\":\"pm25\",\"name\":\"PM2.5\","
    "\"column\":\"pm25\"},"
    "{\"attribute\":\"so2\",\"name\":\"SO2\",\"column\":\"so2_1h\"},{\"attribute\":\"o3\",\"name\":\"O3\","
    "\"column\":"
    "\"o3_1h\"}],\"levels\":[{\"to\":50,\"title\":\"a\"},{\"to\":100,\"title\":\"b\"},{\"to\":500,\"title\":"
    "\"c\"}],"
    "\"primary_above\":50,\"output\":{\"value\":\"aqi\",\"level\":\"lv\",\"primary\":\"pp\"}},"
    "{\"name\":\"day\",\"title\":\"t\",\"type\":\"Air\",\"window\":\"day\",\"periods\":[{\"until\":\"2026-03-"
    "01\",\"table\":"
    "\"old\"},{\"table\":\"new\"}],\"parts\":[{\"attribute\":\"pm25\",\"name\":\"PM2.5\",\"column\":\"pm25\","
    "\"mean\":"
    "{\"at_least\":20}},{\"attribute\":\"o3\",\"name\":\"O3\",\"column\":\"o3_8h\",\"moving\":{\"hours\":8,"
    "\"at_least\":6,"
    "\"first\":7,\"last\":23,\"windows\":14,\"unless_above\":160}}],\"primary_above\":50,\"output\":{"
    "\"value\":\"aqid\"}}]}";

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

static struct index_set *set_of(const char *text, GString *out)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct json *root = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    struct pack pack = {"air", "packs/air", root};
    const struct pack *packs[] = {&pack, NULL};
    struct mistakes m = {{note, 0}, out};
    return index_set_new(packs, &m.report);
}

static struct index_set *the_set(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    struct index_set *set = set_of(pack_text, out);
    g_assert_cmpstr(out->str, ==, "");
    g_assert_cmpint(set->count, ==, 2);
    return set;
}

static instant at(const char *text)
{
    instant t;
    g_assert_true(instant_parse(text, strlen(text), NULL, &t));
    return t;
}

/* ---- tables ---- */

static void test_rounding(void)
{
    g_assert_cmpfloat(round_to(2.5, 0), ==, 2);
    g_assert_cmpfloat(round_to(3.5, 0), ==, 4);
    g_assert_cmpfloat(round_to(2.51, 0), ==, 3);
    g_assert_cmpfloat_with_epsilon(round_to(1.25, 1), 1.2, 1e-12);
    g_assert_cmpfloat_with_epsilon(round_to(1.35, 1), 1.4, 1e-12);
    g_assert_cmpfloat_with_epsilon(round_to(0.1 + 0.2, 1), 0.3, 1e-12);
}

static void test_lookup(void)
{
    struct index_set *set = the_set();
    const struct table *t = set->tables[0];
    g_assert_cmpstr(t->name, ==, "new");
    static const struct {
        int column;
        double value, index;
    } cases[] = {
        {1, 0, 0},     {1, 35, 50},   {1, 36, 52},   {1, 60, 100},   {1, 100, 137}, {1, 115, 150},
        {1, 150, 200}, {1, 499, 500}, {1, 500, 500}, {1, 900, 500},  {2, 3, 1},     {2, 800, 200},
        {2, 801, 200}, {3, 801, 300}, {4, 801, 301}, {4, 9999, 500},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpfloat(table_lookup(t, cases[i].column, cases[i].value), ==, cases[i].index);
    }
    g_assert_true(isnan(table_lookup(t, 1, NAN)));
    g_assert_true(isnan(table_lookup(t, 1, -1)));
    index_set_free(set);
}

static void test_index(void)
{
    struct index_set *set = the_set();
    const struct index *x = &set->indexes[0];
    double values[MAX_PARTS] = {100, 20, 60};
    struct index_result r = index_compute(x, at("2026-03-01T00:00:00+08:00"), values);
    g_assert_true(r.valid && r.value == 137 && r.level == 3 && r.primary[0] && !r.primary[1] &&
                  !r.primary[2]);
    r = index_compute(x, at("2026-02-28T23:59:59+08:00"), values);
    g_assert_cmpfloat(r.value, ==, 132); /* 100 + 50 × 25/40 = 131.25 */
    values[0] = 60;
    values[2] = 200; /* both 100 */
    r = index_compute(x, at("2026-03-02T00:00:00Z"), values);
    g_assert_true(r.value == 100 && r.level == 2 && r.primary[0] && r.primary[2] && !r.primary[1]);
    values[0] = 35;
    values[2] = NAN;
    r = index_compute(x, at("2026-03-02T00:00:00Z"), values);
    g_assert_true(r.value == 50 && r.level == 1 && !r.any_primary);
    values[0] = values[1] = NAN;
    g_assert_false(index_compute(x, at("2026-03-02T00:00:00Z"), values).valid);
    index_set_free(set);
}

/* ---- days ---- */

static void fill(struct day_values *day, int part, int from, int to, double value)
{
    for (int h = from; h <= to; h++) {
        day->hours[h][part] = value;
    }
}

static void test_day(void)
{
    struct index_set *set = the_set();
    const struct part *mean = &set->indexes[1].parts[0], *moving = &set->indexes[1].parts[1];
    struct day_values day;
    fill(&day, 0, 0, 23, NAN);
    fill(&day, 1, 0, 23, NAN);
    fill(&day, 0, 0, 18, 10);
    g_assert_true(isnan(day_statistic(mean, 0, &day))); /* 19 hours */
    day.hours[19][0] = 21;
    g_assert_cmpfloat(day_statistic(mean, 0, &day), ==, 11); /* 211/20 = 10.55 */
    fill(&day, 1, 0, 23, 100);
    fill(&day, 1, 12, 19, 150);
    g_assert_cmpfloat(day_statistic(moving, 1, &day), ==, 150);
    fill(&day, 1, 0, 6, NAN); /* labels 7..11 have fewer than 6 hours: 12..23 are 12 windows */
    g_assert_true(isnan(day_statistic(moving, 1, &day)));
    fill(&day, 1, 12, 19, 170);
    g_assert_cmpfloat(day_statistic(moving, 1, &day), ==, 170); /* above the limit all the same */
    index_set_free(set);
}

/* ---- the tracker ---- */

static void tell(struct tracker *t, GString *out)
{
    const GArray *outputs = tracker_outputs(t);
    for (guint i = 0; i < outputs->len; i++) {
        const struct index_output *o = &g_array_index(outputs, struct index_output, i);
        char time[INSTANT_TEXT];
        g_string_append_printf(out, "%s %s %s %g%s\n", o->index->name, o->entity, instant_format(o->at, time),
                               o->result.value, o->late ? " late" : "");
    }
    tracker_flushed(t);
}

static void feed(struct tracker *t, const char *id, const char *time, const char *attributes)
{
    arena_auto a = arena_new();
    g_auto(GStrv) words = g_strsplit(attributes, " ", -1);
    g_autoptr(GString) attrs = g_string_new(NULL);
    for (char **w = words; *w != NULL; w++) {
        char *equals = strchr(*w, '=');
        *equals = '\0';
        g_string_append_printf(attrs, "%s\"%s\":{\"type\":\"Property\",\"value\":%s,\"observedAt\":\"%s\"}",
                               attrs->len > 0 ? "," : "", *w, equals + 1, time);
    }
    g_autofree char *text = g_strdup_printf(
        "{\"op\":\"update\",\"id\":\"%s\",\"type\":[\"Air\"],\"at\":%" PRId64 ",\"attrs\":{%s}}", id,
        at("2026-12-31T00:00:00Z"), attrs->str);
    struct json *record = json_parse(a, text, strlen(text), NULL);
    tracker_record(t, record);
}

/* The tracker with its memory written and read back. */
static struct tracker *reborn(struct tracker *t, GHashTable *disk)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct tracker_row));
    tracker_save(t, false, rows);
    for (guint i = 0; i < rows->len; i++) {
        const struct tracker_row *row = &g_array_index(rows, struct tracker_row, i);
        if (row->value != NULL) {
            g_hash_table_replace(disk, g_bytes_ref(row->key), g_bytes_ref(row->value));
        } else {
            g_hash_table_remove(disk, row->key);
        }
    }
    tracker_rows_clear(rows);
    tracker_free(t);
    t = tracker_new(the_set());
    GHashTableIter i;
    void *key, *value;
    g_hash_table_iter_init(&i, disk);
    while (g_hash_table_iter_next(&i, &key, &value)) {
        gsize key_length, length;
        const void *k = g_bytes_get_data(key, &key_length), *v = g_bytes_get_data(value, &length);
        g_assert_true(tracker_restore(t, k, key_length, v, length));
    }
    return t;
}

static void test_instants(void)
{
    struct tracker *t = tracker_new(the_set());
    g_autoptr(GString) out = g_string_new(NULL);
    feed(t, "a", "2026-03-05T08:00:00Z", "pm25=35 so2=1");
    feed(t, "a", "2026-03-05T08:00:00Z", "o3=200"); /* the same moment in another message */
    feed(t, "a", "2026-03-05T09:00:00Z", "o3=160");
    feed(t, "a", "2026-03-05T07:00:00Z", "pm25=60");
    feed(t, "a", "2027-03-05T07:00:00Z", "pm25=60"); /* from the future */
    tell(t, out);
    g_assert_cmpstr(
        out->str, ==,
        "now a 2026-03-05T08:00:00Z 50\nnow a 2026-03-05T08:00:00Z 100\nnow a 2026-03-05T09:00:00Z 50\n"
        "now a 2026-03-05T07:00:00Z 100 late\n");
    tracker_free(t);
}

/* Two days and a late hour; the program may stop after any record. */
static void run_days(int restart, GString *out)
{
    struct tracker *t = tracker_new(the_set());
    g_autoptr(GHashTable) disk = g_hash_table_new_full(
        g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, (GDestroyNotify)g_bytes_unref);
    for (int i = 0; i < 51; i++) {
        char time[INSTANT_TEXT];
        int hour = i == 49 ? 3 : i == 50 ? 48 : i; /* the fourth hour comes late, on the second day */
        if (i != 3) {
            g_autofree char *value = g_strdup_printf("pm25=%d", hour < 24 ? 20 : hour < 26 ? 1100 : 60);
            feed(t, "a", instant_format(at("2026-03-04T16:00:00Z") + hour * INT64_C(3600000000), time),
                 i == 49 ? "pm25=500" : value);
        }
        const GArray *outputs = tracker_outputs(t);
        for (guint k = 0; k < outputs->len; k++) {
            const struct index_output *o = &g_array_index(outputs, struct index_output, k);
            if (o->index->daily) {
                g_string_append_printf(out, "%d %s %g%s\n", i, instant_format(o->at, time), o->result.value,
                                       o->late ? " late" : "");
            }
        }
        tracker_flushed(t);
        t = i == restart ? reborn(t, disk) : t;
    }
    tracker_free(t);
}

static void test_days(void)
{
    g_autoptr(GString) whole = g_string_new(NULL);
    run_days(-1, whole);
    /* Day one: 20 of 23 hours → 29; with the late hour (23 × 20 + 500) / 24 = 40 → 60. Day two: (2 × 1100 +
     * 22 × 60) / 24 = 146.7 → 147 → 100·(147-115)/35… = 196. */
    g_assert_cmpstr(whole->str, ==, "23 2026-03-04T16:00:00Z 29\n47 2026-03-05T16:00:00Z 196\n");
    for (int i = 0; i < 51; i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        run_days(i, out);
        if (strstr(out->str, "23 2026-03-04T16:00:00Z 29\n") == NULL ||
            strstr(out->str, "2026-03-05T16:00:00Z 196\n") == NULL) {
            g_assert_cmpstr(out->str, ==, whole->str);
        }
    }
}

static void test_late_hour(void)
{
    struct tracker *t = tracker_new(the_set());
    g_autoptr(GString) out = g_string_new(NULL);
    for (int hour = 0; hour < 26; hour++) {
        char time[INSTANT_TEXT];
        if (hour != 3) {
            feed(t, "a", instant_format(at("2026-03-04T16:00:00Z") + hour * INT64_C(3600000000), time),
                 "pm25=20");
        }
    }
    tracker_flushed(t);
    feed(t, "a", "2026-03-04T19:00:00Z", "pm25=500");
    feed(t, "a", "2026-03-04T19:00:00Z", "pm25=500");
    tell(t, out);
    /* (23 × 20 + 500) / 24 = 40: 50 + 50 × 5/25 = 60 */
    g_assert_cmpstr(out->str, ==,
                    "now a 2026-03-04T19:00:00Z 500 late\nday a 2026-03-04T16:00:00Z 60 late\n"
                    "now a 2026-03-04T19:00:00Z 500 late\n");
    tracker_free(t);
}

static void test_ignored(void)
{
    struct tracker *t = tracker_new(the_set());
    arena_auto a = arena_new();
    static const char *const records[] = {
        "{\"id\":\"a\",\"type\":[\"Air\"],\"at\":1,\"by\":\"index:now\",\"attrs\":{\"pm25\":{\"value\":3}}}",
        "{\"id\":\"a\",\"type\":[\"Water\"],\"at\":1,\"attrs\":{\"pm25\":{\"value\":3}}}",
        "{\"id\":\"a\",\"type\":[\"Air\"],\"at\":1,\"attrs\":{\"pm25\":{\"value\":\"3\"}}}",
        "{\"id\":\"a\",\"type\":[\"Air\"],\"at\":1}",
        "{\"op\":\"delete\",\"id\":\"a\",\"type\":[\"Air\"],\"at\":1}",
        "{}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(records); i++) {
        tracker_record(t, json_parse(a, records[i], strlen(records[i]), NULL));
    }
    g_assert_cmpint(tracker_outputs(t)->len, ==, 0);
    g_assert_cmpint(tracker_entities(t), ==, 0);
    tracker_free(t);
}

/* ---- mistakes in packs ---- */

static void expect_mistake(const char *from, const char *to, const char *part)
{
    const char *place = strstr(pack_text, from);
    g_assert_nonnull(place);
    g_autofree char *text =
        g_strdup_printf("%.*s%s%s", (int)(place - pack_text), pack_text, to, place + strlen(from));
    g_autoptr(GString) out = g_string_new(NULL);
    struct index_set *set = set_of(text, out);
    if (strstr(out->str, part) == NULL) {
        g_assert_cmpstr(out->str, ==, part);
    }
    index_set_free(set);
}

static void test_mistakes(void)
{
    expect_mistake("\"source\":\"HJ 633-2026\",", "", "\"source\" is missing");
    expect_mistake("[50,35,150,100,160]", "[50,35,150,100]", "does not have 5 cells");
    expect_mistake("[50,35,150,100,160]", "[50,0,150,100,160]", "column pm25 must ascend");
    expect_mistake("[50,35,150,100,160]", "[50,null,150,100,160]", "column pm25 must ascend");
    expect_mistake("[50,35,150,100,160]", "[50,\"x\",150,100,160]", "write a number or null");
    expect_mistake("\"type\":\"Air\",\"window\"", "\"type\":\"Sea\",\"window\"",
                   "no pack declares the type Sea");
    expect_mistake("\"instant\"", "\"week\"", "instant, day");
    expect_mistake("\"table\":\"old\"", "\"table\":\"older\"", "no pack has a table older");
    expect_mistake("2026-03-01", "March", "until must be a day");
    expect_mistake("\"column\":\"pm25\"", "\"column\":\"pm99\"", "has no column pm99");
    expect_mistake("\"attribute\":\"pm25\"", "\"attribute\":\"pm99\"", "has no attribute pm99");
    expect_mistake("\"attribute\":\"pm25\"", "\"attribute\":\"pm25\",\"mean\":{\"at_least\":3}",
                   "either mean or moving");
    expect_mistake("\"at_least\":20", "\"at_least\":25", "at_least must be from 1 to 24");
    expect_mistake("{\"to\":100", "{\"to\":10", "levels must ascend");
    expect_mistake("\"name\":\"day\"", "\"name\":\"now\"", "that name is taken");
    expect_mistake("\"primary_above\":50", "\"wish\":1,\"primary_above\":50", "unknown member \"wish\"");
    expect_mistake("\"output\":{\"value\":\"aqi\"", "\"output\":{\"value\":\"index\"",
                   "has no attribute index");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/indicators/rounding", test_rounding);
    g_test_add_func("/indicators/lookup", test_lookup);
    g_test_add_func("/indicators/index", test_index);
    g_test_add_func("/indicators/day", test_day);
    g_test_add_func("/indicators/instants", test_instants);
    g_test_add_func("/indicators/days", test_days);
    g_test_add_func("/indicators/late-hour", test_late_hour);
    g_test_add_func("/indicators/ignored", test_ignored);
    g_test_add_func("/indicators/mistakes", test_mistakes);
    return g_test_run();
}
