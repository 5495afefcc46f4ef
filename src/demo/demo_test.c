/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the simulator: reading, placing, the signal model, incidents, and the mistakes that are told. */
#include <math.h>
#include <string.h>

#include "demo/demo.h"
#include "demo/picture.h"
#include "demo/play.h"
#include "demo/signal.h"

#define MINUTE (60 * INSTANT_SECOND)
#define HOUR (60 * MINUTE)
/* 2026-03-02T00:00:00+08:00, a Monday. */
#define MONDAY (INT64_C(1772380800) * INSTANT_SECOND)

static const char two_areas[] =
    "{\"demo\": {\"every_entity\": {\"synthetic\": true},"
    "\"entities\": [{\"id\": \"urn:x:1\", \"type\": \"Quarter\", \"name\": \"west\", \"scope\": \"/t/west\", "
    "\"location\":"
    "{\"type\": \"Polygon\", \"coordinates\": "
    "[[[106.50,29.50],[106.51,29.50],[106.51,29.51],[106.50,29.51],[106.50,29.50]]]}},"
    "{\"id\": \"urn:x:2\", \"type\": \"Quarter\", \"name\": \"east\", \"scope\": \"/t/east\", \"location\":"
    "{\"type\": \"Polygon\", \"coordinates\": "
    "[[[106.51,29.50],[106.52,29.50],[106.52,29.51],[106.51,29.51],[106.51,29.50]]]}}],"
    "\"drivers\": {\"rain\": {\"showers\": {\"every\": \"4h\", \"lasts\": [\"20m\", \"60m\"], \"strength\": "
    "[5, 40]}, \"min\": 0},"
    "\"traffic\": {\"daily\": [0,0,0,0,0,0,0,0,10,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0], \"weekly\": "
    "[1,1,1,1,1,1,0.5]}},"
    "\"groups\": {\"node\": {\"type\": \"Node\", \"count\": 30, \"code\": \"N##\", \"id\": "
    "\"urn:ngsi-ld:Node:{code}\","
    "\"topic\": \"t/{code}\", \"name\": \"{area} {n}\", \"every\": \"20s\", \"place\": {\"in\": \"Quarter\", "
    "\"weights\": {\"west\": 2}},"
    "\"attributes\": {\"height\": {\"between\": [10, 20], \"decimals\": 1}, \"kind\": {\"one_of\": [\"a\", "
    "\"b\"]}},"
    "\"links\": {\"next\": {\"to\": \"node\", \"pick\": \"lower\", \"by\": \"height\", \"same\": \"kind\"}},"
    "\"signals\": {\"level\": {\"base\": [0.2, 0.4], \"noise\": 0.05, \"responds\": {\"rain\": {\"by\": "
    "0.02, \"delay\": \"5m\","
    "\"decay\": \"20m\"}}, \"min\": 0, \"max\": 3, \"decimals\": 2}, \"open\": {\"boolean\": true},"
    "\"cars\": {\"responds\": {\"traffic\": {\"by\": 1}}, \"decimals\": 1},"
    "\"wind\": {\"base\": 2, \"words\": [\"N\", \"E\", \"S\", \"W\"]}}},"
    "\"pipe\": {\"type\": \"Pipe\", \"code\": \"P##\", \"id\": \"urn:ngsi-ld:Pipe:{code}\", \"name\": "
    "\"{from}-{to}\","
    "\"along\": {\"group\": \"node\", \"link\": \"next\", \"from_as\": \"a\", \"to_as\": \"b\", "
    "\"length_as\": \"length\"}}},"
    "\"incidents\": [{\"name\": \"wave\", \"group\": \"node\", \"every\": \"10m\", \"lasts\": [\"4m\", "
    "\"8m\"], \"effects\":"
    "[{\"signal\": \"level\", \"add\": 5, \"rise\": \"1m\", \"fall\": \"1m\"}, {\"on\": \"next\", "
    "\"signal\": \"open\", \"set\": 1}]},"
    "{\"name\": \"quiet\", \"group\": \"node\", \"every\": \"1h\", \"lasts\": [\"10m\", \"20m\"], "
    "\"effects\": [{\"silent\": true}]}]}}";

/* A report that keeps what it was told. */
struct kept_report {
    struct pack_report report; /* first */
    GString *text;
};

static void keep(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    struct kept_report *kept = (struct kept_report *)r;
    va_list list;
    va_start(list, zh);
    g_string_append_printf(kept->text, "%u: ", where != NULL ? where->line : 0);
    g_string_append_vprintf(kept->text, en, list);
    g_string_append_c(kept->text, '\n');
    va_end(list);
    r->mistakes++;
}

static struct world *read_world(struct arena *a, const char *text, uint64_t seed, GString *mistakes)
{
    struct error e = {0};
    struct kept_report kept = {{keep, 0}, mistakes};
    struct pack *pack = arena_new0(a, struct pack);
    const struct pack **packs = arena_array(a, const struct pack *, 2);
    pack->name = "test";
    pack->root = json_parse(a, text, strlen(text), &e);
    packs[0] = pack;
    g_assert_cmpstr(e.en, ==, "");
    return world_read(a, packs, seed, NULL, &kept.report);
}

static struct world *good_world(struct arena *a, uint64_t seed)
{
    g_autoptr(GString) mistakes = g_string_new(NULL);
    struct world *w = read_world(a, two_areas, seed, mistakes);
    g_assert_cmpstr(mistakes->str, ==, "");
    g_assert_nonnull(w);
    return w;
}

static const char *scope_of(const struct device *d)
{
    return json_get_string(d->entity, "scope");
}

static void devices_stand_in_their_areas_by_weight(void)
{
    arena_auto a = arena_new();
    struct world *w = good_world(a, 1);
    const struct group *nodes = &w->groups[0];
    int west = 0;
    for (int i = 0; i < nodes->count; i++) {
        const struct device *d = &nodes->devices[i];
        bool in_west = d->lon < 106.51;
        west += in_west;
        g_assert_cmpstr(scope_of(d), ==, in_west ? "/t/west" : "/t/east");
        g_assert_true(json_get_bool(json_get(d->entity, "synthetic"), "value", false));
        g_assert_true(d->lon >= 106.50 && d->lon <= 106.52 && d->lat >= 29.50 && d->lat <= 29.51);
    }
    g_assert_cmpint(west, ==, 20);
    g_assert_cmpstr(nodes->devices[0].id, ==, "urn:ngsi-ld:Node:N01");
    g_assert_cmpstr(nodes->devices[29].topic, ==, "t/N30");
    g_assert_cmpstr(nodes->devices[20].name, ==, "east 1");
    g_assert_cmpint(w->entities->length, ==, 2);
}

static double height(const struct device *d)
{
    return json_get_double(json_get(d->entity, "height"), "value", NAN);
}

static void links_lead_down_and_pipes_lie_along_them(void)
{
    arena_auto a = arena_new();
    struct world *w = good_world(a, 1);
    const struct group *nodes = &w->groups[0];
    int linked = 0;
    for (int i = 0; i < nodes->count; i++) {
        const struct device *to = nodes->devices[i].links[0];
        if (to != NULL) {
            linked++;
            g_assert_cmpfloat(height(to), <, height(&nodes->devices[i]));
        }
    }
    g_assert_cmpint(linked, >, 20);
    g_assert_cmpint(w->groups[1].count, ==, linked);
    const struct json *line = json_get(json_get(w->groups[1].devices[0].entity, "location"), "value");
    g_assert_cmpstr(json_get_string(line, "type"), ==, "LineString");
    g_assert_nonnull(json_get_string(json_get(w->groups[1].devices[0].entity, "b"), "object"));
}

static void the_same_seed_gives_the_same_messages(void)
{
    arena_auto a = arena_new();
    struct world *one = good_world(a, 7);
    struct world *same = good_world(a, 7);
    struct world *other = good_world(a, 8);
    g_autoptr(GString) x = g_string_new(NULL);
    g_autoptr(GString) y = g_string_new(NULL);
    int differences = 0;
    for (int i = 0; i < 100; i++) {
        instant t = MONDAY + i * 7 * MINUTE;
        device_message(one, &one->groups[0].devices[i % 30], t, x);
        device_message(same, &same->groups[0].devices[i % 30], t, y);
        g_assert_cmpstr(x->str, ==, y->str);
        device_message(other, &other->groups[0].devices[i % 30], t, y);
        differences += strcmp(x->str, y->str) != 0;
    }
    g_assert_cmpint(differences, >, 50);
}

static void a_message_is_json_of_the_declared_kinds(void)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct world *w = good_world(a, 1);
    g_autoptr(GString) out = g_string_new(NULL);
    device_message(w, &w->groups[0].devices[3], MONDAY + 90 * MINUTE, out);
    struct json *m = json_parse(a, out->str, out->len, &e);
    g_assert_cmpstr(json_get_string(m, "ts"), ==, "2026-03-01T17:30:00Z");
    g_assert_true(json_is_number(json_get(m, "level")));
    g_assert_true(json_is(json_get(m, "open"), JSON_BOOL));
    g_assert_cmpstr(json_get_string(m, "wind"), ==, "S");
}

static void values_keep_their_bounds_and_decimals(void)
{
    arena_auto a = arena_new();
    struct world *w = good_world(a, 3);
    for (int i = 0; i < 3000; i++) {
        const struct device *d = &w->groups[0].devices[i % 30];
        double v = signal_value(w, d, 0, MONDAY + i * MINUTE);
        g_assert_true(v >= 0 && v <= 3);
        g_assert_cmpfloat(fabs(v * 100 - round(v * 100)), <, 1e-9);
    }
}

static void the_day_has_its_curve_and_the_week_its_factor(void)
{
    arena_auto a = arena_new();
    struct world *w = good_world(a, 1);
    const struct device *d = &w->groups[0].devices[0];
    g_assert_cmpfloat(signal_value(w, d, 2, MONDAY + 8 * HOUR), ==, 10);
    g_assert_cmpfloat(signal_value(w, d, 2, MONDAY + 8 * HOUR + 30 * MINUTE), ==, 5);
    g_assert_cmpfloat(signal_value(w, d, 2, MONDAY + 20 * HOUR), ==, 0);
    g_assert_cmpfloat(signal_value(w, d, 2, MONDAY - 16 * HOUR), ==, 5); /* Sunday */
}

static void rain_falls_and_is_felt_later(void)
{
    arena_auto a = arena_new();
    struct world *w = good_world(a, 1);
    const struct device *d = &w->groups[0].devices[0];
    instant wettest = MONDAY;
    for (instant t = MONDAY; t < MONDAY + 48 * HOUR; t += MINUTE) {
        wettest = driver_value(w, 0, t) > driver_value(w, 0, wettest) ? t : wettest;
    }
    double rain = driver_value(w, 0, wettest);
    g_assert_true(rain > 5 && rain < 80);
    double before = signal_plain(w, d, &w->groups[0].signals[0], wettest - 60 * MINUTE);
    double after = signal_plain(w, d, &w->groups[0].signals[0], wettest + 15 * MINUTE);
    g_assert_cmpfloat(after, >, before);
}

static void an_incident_happens_once_in_each_slot_and_passes(void)
{
    arena_auto a = arena_new();
    struct world *w = good_world(a, 1);
    const struct incident *wave = &w->incidents[0];
    for (int64_t slot = MONDAY / wave->every; slot < MONDAY / wave->every + 50; slot++) {
        struct occurrence o = incident_occurrence(wave, slot);
        g_assert_true(o.start >= slot * wave->every && o.start < (slot + 1) * wave->every);
        g_assert_true(o.end - o.start >= 4 * MINUTE && o.end - o.start <= 8 * MINUTE);
        g_assert_cmpfloat(signal_value(w, o.target, 0, o.start + 2 * MINUTE), ==, 3);
        if (o.target->links[0] != NULL) {
            g_assert_cmpfloat(signal_value(w, o.target->links[0], 1, o.start + MINUTE), ==, 1);
        }
    }
    struct occurrence silence = incident_occurrence(&w->incidents[1], MONDAY / HOUR);
    g_assert_true(device_silent(w, silence.target, silence.start));
    g_assert_true(device_silent(w, silence.target, silence.end - 1));
}

/* ---- the crew ---- */

static const char crew_pack[] =
    "{\"workflows\": {\"flow\": {\"states\": {\"new\": {}, \"work\": {}, \"done\": {}}, \"actions\": {"
    "\"start\": {\"from\": \"new\", \"form\": [{\"name\": \"who\", \"required\": true}, {\"name\": "
    "\"days\"}]},"
    "\"drop\": {\"from\": [\"new\", \"work\"], \"comment\": \"required\"},"
    "\"end\": {\"from\": \"work\"}}}},"
    "\"demo\": {\"crew\": {\"accounts\": [\"desk\", \"hand\"], \"hands_off\": \"10m\", \"workflows\": "
    "{\"flow\": {"
    "\"new\": [{\"do\": \"start\", \"by\": \"desk\", \"after\": [\"5m\", \"20m\"], \"weight\": 3, \"form\": "
    "{\"who\": \"hand\", \"days\": {\"between\": [2, 4]}}},"
    "{\"do\": \"drop\", \"by\": \"desk\", \"after\": [\"1h\", \"2h\"], \"only\": {\"severity\": [\"blue\"]}, "
    "\"comment\": {\"one_of\": [\"a\", \"b\"]}}],"
    "\"work\": [{\"do\": \"end\", \"by\": \"{assignee}\", \"after\": [\"1m\", \"2m\"]}]}}}}}";

static struct world *crew_world(struct arena *a)
{
    g_autoptr(GString) told = g_string_new(NULL);
    struct world *w = read_world(a, crew_pack, 1, told);
    g_assert_cmpstr(told->str, ==, "");
    g_assert_cmpint(w->crew.desks_count, ==, 2);
    return w;
}

/* A case number n of the tiny workflow, opened by the hub at MONDAY; entries go on in its timeline. */
static const struct json *a_case(struct arena *a, int n, const char *state, const char *severity,
                                 const char *entries)
{
    struct error e = {0};
    g_autofree char *text =
        g_strdup_printf("{\"id\": \"urn:x:%d\", \"workflow\": \"flow\", \"state\": \"%s\", \"severity\": "
                        "\"%s\", \"assignee\": "
                        "\"hand\", \"timeline\": [{\"action\": \"open\", \"by\": \"system\", \"at\": "
                        "\"2026-03-01T16:00:00Z\", \"to\": \"new\"}%s]}",
                        n, state, severity, entries);
    const struct json *one = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return one;
}

static void the_crew_chooses_by_weight_seed_and_case(void)
{
    arena_auto a = arena_new();
    const struct crew *c = &crew_world(a)->crew;
    int dropped = 0, others = 0;
    for (int n = 0; n < 400; n++) {
        struct crew_plan plan, same, other;
        const struct json *one = a_case(a, n, "new", "blue", "");
        g_assert_true(crew_plan_case(c, 1, one, MONDAY, 0, &plan));
        g_assert_true(crew_plan_case(c, 1, one, MONDAY, 0, &same));
        g_assert_true(crew_plan_case(c, 2, one, MONDAY, 0, &other));
        g_assert_true(plan.step == same.step && plan.due == same.due && plan.key == same.key);
        g_assert_cmpstr(plan.account, ==, "desk");
        g_assert_true(plan.due >= MONDAY + plan.step->soonest && plan.due <= MONDAY + plan.step->latest);
        dropped += strcmp(plan.step->action, "drop") == 0;
        others += plan.due != other.due;
    }
    g_assert_true(dropped > 70 && dropped < 130);
    g_assert_cmpint(others, >, 390);
}

static void only_some_steps_fit_a_case(void)
{
    arena_auto a = arena_new();
    const struct crew *c = &crew_world(a)->crew;
    for (int n = 0; n < 50; n++) {
        struct crew_plan plan;
        g_assert_true(crew_plan_case(c, 1, a_case(a, n, "new", "red", ""), MONDAY, 0, &plan));
        g_assert_cmpstr(plan.step->action, ==, "start");
    }
}

/* The second span begins where the first was due to end, however late the crew came. */
static void a_late_crew_catches_up(void)
{
    arena_auto a = arena_new();
    const struct crew *c = &crew_world(a)->crew;
    struct crew_plan first, second;
    g_assert_true(crew_plan_case(c, 1, a_case(a, 1, "new", "red", ""), MONDAY, 0, &first));
    const struct json *one = a_case(a, 1, "work", "red",
                                    ", {\"action\": \"start\", \"from\": \"new\", \"by\": \"desk\", \"at\": "
                                    "\"2026-03-02T10:00:00Z\"}");
    g_assert_true(crew_plan_case(c, 1, one, MONDAY, 0, &second));
    g_assert_cmpstr(second.account, ==, "hand");
    g_assert_true(second.due >= first.due + MINUTE && second.due <= first.due + 2 * MINUTE);
}

static void the_crew_leaves_alone_what_a_person_touched(void)
{
    arena_auto a = arena_new();
    const struct crew *c = &crew_world(a)->crew;
    struct crew_plan plan;
    const struct json *one = a_case(a, 1, "work", "red",
                                    ", {\"action\": \"start\", \"from\": \"new\", \"by\": \"li\", \"at\": "
                                    "\"2026-03-01T18:00:00Z\"}, {\"action\": \"remind\", \"by\": \"system\", "
                                    "\"at\": \"2026-03-01T19:00:00Z\"}");
    g_assert_true(crew_plan_case(c, 1, one, MONDAY, 0, &plan));
    g_assert_true(plan.due == MONDAY + 2 * HOUR + 10 * MINUTE);
    g_assert_true(crew_plan_case(c, 1, one, MONDAY, MONDAY + 9 * HOUR, &plan));
    g_assert_true(plan.due == MONDAY + 9 * HOUR + 10 * MINUTE);
    g_assert_false(crew_plan_case(c, 1, a_case(a, 1, "done", "red", ""), MONDAY, 0, &plan));
}

static const struct json *no_answer(void *user, const char *name)
{
    return NULL;
}

static const struct json *one_picture(void *user, const char *name, uint64_t key)
{
    return json_string(user, name);
}

static void the_crew_fills_in_forms(void)
{
    static const char rule[] = "{\"a\": {\"between\": [2, 4]}, \"b\": {\"one_of\": [\"x\", {\"picture\": "
                               "\"p.png\"}]}, \"c\": {\"days_ahead\": [1, 1]}, \"d\": 5}";
    arena_auto a = arena_new();
    struct error e = {0};
    struct crew_source from = {one_picture, no_answer, a};
    const struct json *tree = json_parse(a, rule, strlen(rule), &e);
    for (uint64_t key = 0; key < 50; key++) {
        const struct json *v = crew_value(a, tree, key, MONDAY, &from);
        int64_t n = json_get_int(v, "a", 0);
        g_assert_true(n >= 2 && n <= 4);
        g_assert_true(json_streq(json_get(v, "b"), "x") || json_streq(json_get(v, "b"), "p.png"));
        g_assert_cmpstr(json_get_string(v, "c"), ==, "2026-03-03");
        g_assert_cmpint(json_get_int(v, "d", 0), ==, 5);
        g_assert_true(json_equal(v, crew_value(a, tree, key, MONDAY, &from)));
    }
    tree = json_parse(a, "{\"original\": {\"other\": \"number\"}}", 33, &e);
    g_assert_null(crew_value(a, tree, 1, MONDAY, &from));
}

static void pictures_are_png_and_of_their_key(void)
{
    g_autoptr(GByteArray) one = picture_png(1);
    g_autoptr(GByteArray) same = picture_png(1);
    g_autoptr(GByteArray) other = picture_png(2);
    g_assert_cmpmem(one->data, 8, "\x89PNG\r\n\x1a\n", 8);
    g_assert_cmpmem(one->data, one->len, same->data, same->len);
    g_assert_true(one->len < 8192 &&
                  (one->len != other->len || memcmp(one->data, other->data, one->len) != 0));
}

/* ---- mistakes ---- */

struct mistake_row {
    const char *from, *to, *told;
};
static const struct mistake_row mistakes_table[] = {
    {"\"count\": 30", "\"count\": 0", "count must lie between 1 and 50000"},
    {"\"count\": 30", "\"conut\": 30", "Unknown member \"conut\""},
    {"\"in\": \"Quarter\"", "\"in\": \"Moon\"", "No entity of type Moon with a polygon"},
    {"\"traffic\": {\"by\": 1}", "\"trafic\": {\"by\": 1}", "There is no driver \"trafic\""},
    {"\"pick\": \"lower\"", "\"pick\": \"upper\"", "pick must be nearest or lower"},
    {"\"to\": \"node\"", "\"to\": \"nodes\"", "There is no group \"nodes\""},
    {"\"lasts\": [\"4m\", \"8m\"]", "\"lasts\": [\"8m\", \"4m\"]", "lasts must be [shortest, longest]"},
    {"\"every\": \"10m\"", "\"every\": \"10m\", \"jitter\": 2", "jitter must lie between 0 and 1"},
    {"\"add\": 5", "\"add\": 5, \"set\": 1", "An effect does one of"},
    {"\"signal\": \"open\"", "\"signal\": \"shut\"", "Group node has no signal \"shut\""},
    {"\"every\": \"20s\"", "\"every\": \"20\"", "every must be a span"},
    {"\"weights\": {\"west\": 2}", "\"weights\": {\"west\": -2}", "A weight must be a number, 0 or more"},
    {"\"weekly\": [1,1,1,1,1,1,0.5]", "\"weekly\": [1,1]", "weekly must be a list of 7 numbers"},
    {"\"link\": \"next\"", "\"link\": \"prev\"", "Group node has no link \"prev\""},
    {"106.51,29.51],[106.50,29.51],[106.50,29.50]", "106.51,29.51],[106.50,29.51]", ""},
};

static const struct mistake_row crew_mistakes[] = {
    {"\"accounts\"", "\"acounts\"", "Unknown member \"acounts\""},
    {"\"workflows\": {\"flow\": {\"new\"", "\"workflows\": {\"flaw\": {\"new\"",
     "There is no workflow \"flaw\""},
    {"{\"new\": [{\"do\"", "{\"old\": [{\"do\"", "Workflow flow has no state \"old\""},
    {"\"do\": \"end\"", "\"do\": \"start\"", "has no action \"start\" from the state work"},
    {"\"by\": \"desk\"", "\"by\": \"chair\"", "by must name accounts of the crew"},
    {"[\"5m\", \"20m\"]", "[\"20m\", \"5m\"]", "after must be [shortest, longest]"},
    {"\"who\": \"hand\"", "\"whom\": \"hand\"", "The form of start has no field \"whom\""},
    {"\"who\": \"hand\", ", "", "The form of start needs a value for \"who\""},
    {", \"comment\": {\"one_of\": [\"a\", \"b\"]}", "", "The action drop needs a comment"},
    {"{\"one_of\": [\"a\", \"b\"]}", "{\"one_of\": []}", "one_of must be a list of values"},
    {"{\"between\": [2, 4]}", "{\"between\": [4, 2]}", "between must be [lowest, highest]"},
    {"\"weight\": 3", "\"weight\": -3", "A weight must be a number, 0 or more"},
    {"[\"blue\"]", "\"blue\"", "severity must be a list of values"},
};

static void check_mistake(const char *pack, const struct mistake_row *row)
{
    arena_auto a = arena_new();
    g_autoptr(GString) text = g_string_new(pack);
    g_autoptr(GString) told = g_string_new(NULL);
    g_assert_cmpuint(g_string_replace(text, row->from, row->to, 1), ==, 1);
    g_assert_null(read_world(a, text->str, 1, told));
    if (strstr(told->str, row->told) == NULL || told->len == 0) {
        g_test_message("told: %s", told->str);
        g_test_fail_printf("not told: %s", row->told);
    }
}

static void each_mistake_is_told(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(mistakes_table); i++) {
        check_mistake(two_areas, &mistakes_table[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(crew_mistakes); i++) {
        check_mistake(crew_pack, &crew_mistakes[i]);
    }
}

static void a_section_waits_for_the_packs_it_plays_with(void)
{
    arena_auto a = arena_new();
    g_autoptr(GString) text = g_string_new(two_areas);
    g_autoptr(GString) told = g_string_new(NULL);
    g_string_replace(text, "{\"every_entity\"", "{\"with\": [\"elsewhere\"], \"every_entity\"", 1);
    struct world *w = read_world(a, text->str, 1, told);
    g_assert_cmpint(w->groups_count, ==, 0);
    g_string_replace(text, "elsewhere", "test", 1);
    g_assert_cmpint(read_world(a, text->str, 1, told)->groups_count, ==, 2);
    g_assert_cmpstr(told->str, ==, "");
}

static void messages_are_due_at_an_even_pace(void)
{
    arena_auto a = arena_new();
    struct world *w = good_world(a, 1);
    int in_second[20] = {0};
    for (int64_t second = 0; second < 20; second++) {
        for (int i = 0; i < w->groups[0].count; i++) {
            in_second[second] += play_due(&w->groups[0].devices[i], 20 * INSTANT_SECOND, second);
        }
    }
    int sum = 0;
    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(in_second[i], <, 10);
        sum += in_second[i];
    }
    g_assert_cmpint(sum, ==, w->groups[0].count);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/place/areas", devices_stand_in_their_areas_by_weight);
    g_test_add_func("/place/links", links_lead_down_and_pipes_lie_along_them);
    g_test_add_func("/signal/same-seed", the_same_seed_gives_the_same_messages);
    g_test_add_func("/signal/message", a_message_is_json_of_the_declared_kinds);
    g_test_add_func("/signal/bounds", values_keep_their_bounds_and_decimals);
    g_test_add_func("/signal/day", the_day_has_its_curve_and_the_week_its_factor);
    g_test_add_func("/signal/rain", rain_falls_and_is_felt_later);
    g_test_add_func("/incidents/slots", an_incident_happens_once_in_each_slot_and_passes);
    g_test_add_func("/play/due", messages_are_due_at_an_even_pace);
    g_test_add_func("/crew/choice", the_crew_chooses_by_weight_seed_and_case);
    g_test_add_func("/crew/only", only_some_steps_fit_a_case);
    g_test_add_func("/crew/late", a_late_crew_catches_up);
    g_test_add_func("/crew/touched", the_crew_leaves_alone_what_a_person_touched);
    g_test_add_func("/crew/forms", the_crew_fills_in_forms);
    g_test_add_func("/crew/pictures", pictures_are_png_and_of_their_key);
    g_test_add_func("/read/with", a_section_waits_for_the_packs_it_plays_with);
    g_test_add_func("/read/mistakes", each_mistake_is_told);
    return g_test_run();
}
