/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the q language, scope queries and type selections. */
#include <glib.h>
#include <string.h>

#include "base/limits.h"
#include "expr/expr.h"

static const char entity_text[] =
    "{\"id\":\"urn:ngsi-ld:Car:1\",\"type\":[\"Car\",\"Vehicle\"],\"scope\":[\"/渝中区/大坪街道\"],"
    "\"createdAt\":1772323200000000,\"modifiedAt\":1772323200000000,"
    "\"speed\":{\"type\":\"Property\",\"value\":55.5,\"observedAt\":\"2026-03-01T00:00:00Z\","
    "\"modifiedAt\":1772323200000000,\"unitCode\":\"KMH\","
    "\"accuracy\":{\"type\":\"Property\",\"value\":0.5}},"
    "\"brandName\":{\"type\":\"Property\",\"value\":\"Mercedes\"},"
    "\"quoted\":{\"type\":\"Property\",\"value\":\"a\\\"b\\\\c;d|e\"},"
    "\"isOn\":{\"type\":\"Property\",\"value\":true},"
    "\"none\":{\"type\":\"Property\",\"value\":{\"a\":null}},"
    "\"colours\":{\"type\":\"Property\",\"value\":[\"blue\",\"red\"]},"
    "\"numbers\":{\"type\":\"Property\",\"value\":[1,2,30]},"
    "\"address\":{\"type\":\"Property\",\"value\":{\"city\":\"Berlin\",\"geo\":{\"floor\":3}}},"
    "\"when\":{\"type\":\"Property\",\"value\":{\"@type\":\"DateTime\",\"@value\":\"2026-03-01T08:30:00Z\"}},"
    "\"plainWhen\":{\"type\":\"Property\",\"value\":\"2026-03-01T08:30:00+08:00\"},"
    "\"day\":{\"type\":\"Property\",\"value\":\"2026-03-01\"},"
    "\"clock\":{\"type\":\"Property\",\"value\":\"12:30:00Z\"},"
    "\"isParked\":{\"type\":\"Relationship\",\"object\":\"urn:ngsi-ld:Place:1\"},"
    "\"drivers\":{\"type\":\"Relationship\",\"object\":[\"urn:p:1\",\"urn:p:2\"]},"
    "\"stops\":{\"type\":\"ListRelationship\",\"objectList\":[{\"object\":\"urn:s:1\"},{\"object\":\"urn:s:"
    "2\"}]},"
    "\"gender\":{\"type\":\"VocabProperty\",\"vocab\":\"x:Male\"},"
    "\"words\":{\"type\":\"VocabProperty\",\"vocab\":[\"urn:w:1\",\"urn:w:2\"]},"
    "\"name\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"红岩村\",\"en\":[\"Red\",\"Rock\"]}},"
    "\"ticket\":{\"type\":\"JsonProperty\",\"json\":{\"value\":\"Overstay\"}},"
    "\"temp\":[{\"type\":\"Property\",\"value\":10},{\"type\":\"Property\",\"value\":20,\"datasetId\":\"urn:"
    "d:2\"}],"
    "\"温度\":{\"type\":\"Property\",\"value\":36.6}}";

static const char place_text[] = "{\"id\":\"urn:ngsi-ld:Place:1\",\"type\":[\"Place\"],"
                                 "\"free\":{\"type\":\"Property\",\"value\":7},"
                                 "\"owner\":{\"type\":\"Relationship\",\"object\":\"urn:ngsi-ld:Car:1\"}}";

struct world {
    struct arena *a;
    const struct json *car, *place;
};

static const struct json *read_entity(void *user, const char *id)
{
    struct world *w = user;
    return strcmp(id, "urn:ngsi-ld:Place:1") == 0 ? w->place
           : strcmp(id, "urn:ngsi-ld:Car:1") == 0 ? w->car
                                                  : NULL;
}

static const char *upper(void *user, struct arena *a, const char *name)
{
    return strcmp(name, "Male") == 0 ? "x:Male" : strcmp(name, "velocity") == 0 ? "speed" : name;
}

static bool matches(const char *text)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct world w = {a, json_parse(a, entity_text, strlen(entity_text), &e),
                      json_parse(a, place_text, strlen(place_text), &e)};
    static const char *const names[] = {"gender", NULL};
    struct q_options options = {.names = {.expand = upper}, .expand_values = names, .linked = true};
    struct q_reader reader = {read_entity, &w};
    q_auto q = q_compile(text, &options, &e);
    g_assert_cmpstr(e.en, ==, "");
    return q_matches(q, w.car, &reader);
}

static void these_match(void)
{
    static const char *const yes[] = {
        "speed",
        "speed==55.5",
        "speed>50",
        "speed>=55.5",
        "speed<=55.5",
        "speed<1e2",
        "speed!=56",
        "velocity==55.5",
        "speed==50..60",
        "speed!=60..70",
        "speed==1,2,55.5",
        "speed == 55.5",
        "brandName==\"Mercedes\"",
        "brandName!=\"Audi\"",
        "brandName!=\"Audi\", \"BMW\"",
        "brandName==\"Audi\", \"Mercedes\"",
        "brandName>\"M\"",
        "brandName<\"N\"",
        "brandName~=Merc",
        "brandName~=\"^Mer.*des$\"",
        "brandName!~=Audi",
        "brandName~=(A|M)er",
        "(brandName~=(A|M)er)",
        "brandName~=\"a;b|\\(?\"|speed",
        "quoted==\"a\\\"b\\\\c;d|e\"",
        "isOn==true",
        "isOn!=false",
        "isOn!=1",
        "colours==\"red\"",
        "colours==\"x\",\"blue\"",
        "colours!=\"green\"",
        "numbers==30",
        "numbers==10..40",
        "address[city]==\"Berlin\"",
        "address[geo.floor]==3",
        "address[city]",
        "when>=2026-03-01T08:00:00Z",
        "when==2026-03-01T08:30:00Z",
        "when==2026-03-01T00:00:00Z..2026-03-02T00:00:00Z",
        "plainWhen==2026-03-01T00:30:00Z",
        "plainWhen==\"2026-03-01T00:30:00Z\"",
        "day>=2026-03-01",
        "day<2026-03-02",
        "clock>=12:00:00Z",
        "clock==12:30:00Z",
        "isParked",
        "isParked==\"urn:ngsi-ld:Place:1\"",
        "isParked==urn:ngsi-ld:Place:1",
        "isParked!=urn:ngsi-ld:Place:2",
        "drivers==\"urn:p:2\"",
        "stops==urn:s:2",
        "stops!=\"urn:s:3\"",
        "gender==Male",
        "gender==\"Male\"",
        "gender!=Female",
        "gender==x:Male",
        "gender==\"x:Male\",\"x:Female\"",
        "words==urn:w:2",
        "words!=urn:w:3",
        "words!=\"urn\"",
        "name==\"红岩村\"",
        "name[zh]==\"红岩村\"",
        "name[ZH]==\"红岩村\"",
        "name[en]==\"Rock\"",
        "name[*]==\"Red\"",
        "name[en]!=\"红岩村\"",
        "name[*]!=\"x\"",
        "name~=岩",
        "ticket[value]==\"Overstay\"",
        "temp==20",
        "temp==10",
        "temp!=10",
        "温度>36",
        "speed.observedAt>=2026-02-28T12:00:00Z",
        "speed.unitCode==\"KMH\"",
        "speed.accuracy<1",
        "speed.accuracy",
        "createdAt==2026-03-01T00:00:00Z",
        "speed.modifiedAt<=2026-03-01T00:00:00Z",
        "scope==\"/渝中区/大坪街道\"",
        "((speed>50|rpm>3000);brandName==\"Mercedes\")",
        "(speed>=100;speed<=120)|isOn==true",
        "nothing|speed>1;isOn==true",
        "speed>1;isOn==true|nothing",
        "isParked{free}==7",
        "isParked{Place:free}>5",
        "isParked{Road,Place:free}>5",
        "isParked{owner{speed}}>50",
        "isParked{owner{Car:brandName}}==\"Mercedes\"",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(yes); i++) {
        g_test_message("%s", yes[i]);
        g_assert_true(matches(yes[i]));
    }
}

static void these_do_not_match(void)
{
    static const char *const no[] = {
        "rpm",
        "rpm!=3",
        "speed>55.5",
        "speed<55.5",
        "speed==\"55.5\"",
        "speed>\"5\"",
        "speed==true",
        "speed~=5",
        "speed!~=5",
        "speed!=50..60",
        "speed!=1,55.5",
        "brandName==\"mercedes\"",
        "brandName!=\"Audi\",\"Mercedes\"",
        "brandName~=^des",
        "brandName!~=Mer",
        "isOn==false",
        "colours!=\"red\"",
        "colours>\"a\"",
        "numbers>1",
        "numbers!=30",
        "address[street]",
        "address[city.x]",
        "address==\"Berlin\"",
        "when<2026-03-01T08:00:00Z",
        "brandName>=2026-03-01T08:00:00Z",
        "isParked>\"urn\"",
        "isParked~=urn",
        "isParked==\"urn:ngsi-ld:Place:2\"",
        "drivers!=\"urn:p:2\"",
        "words==\"urn\"",
        "words!=urn:w:1",
        "words==urn:w:0..urn:w:3",
        "gender==x:Female",
        "name[en]==\"红岩村\"",
        "name[fr]",
        "name!=\"Red\"",
        "name[*]!=\"Red\"",
        "name!~=岩",
        "speed.accuracy>1",
        "speed.missing",
        "speed.unitCode[x]",
        "temp==15",
        "nothing;speed>1|rpm",
        "isParked{free}==8",
        "isParked{Road:free}==7",
        "isParked{missing}",
        "drivers{free}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(no); i++) {
        g_test_message("%s", no[i]);
        g_assert_false(matches(no[i]));
    }
}

static void wrong_queries_are_refused(void)
{
    static const char *const wrong[] = {
        "",
        " ",
        "==5",
        "speed==",
        "speed=5",
        "speed>",
        "speed>true",
        "speed>Mercedes",
        "brandName==Mercedes",
        "speed==\"x",
        "speed==5;",
        "speed==5|",
        "(speed==5",
        "speed==5)",
        "speed[",
        "speed[]",
        "speed[a",
        "speed.",
        "speed.5",
        "5speed",
        "speed==1..",
        "speed==1..\"a\"",
        "speed==true..false",
        "speed>1..2",
        "speed>1,2",
        "speed~=",
        "speed~=[",
        "speed~=\\C",
        "a b",
        "rel{free}==7",
        "speed==01",
        "speed==\"\\x\"",
        "speed==\"a\"b",
        "name==NaN",
        "speed==1e999",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct error e = {0};
        g_test_message("%s", wrong[i]);
        g_assert_null(q_compile(wrong[i], NULL, &e));
        g_assert_cmpint(e.code, !=, ERROR_NONE);
        g_assert_cmpstr(e.zh, !=, "");
    }
}

static void errors_tell_the_place(void)
{
    struct error e = {0};
    g_assert_null(q_compile("温度>=abc", NULL, &e));
    g_assert_nonnull(strstr(e.en, "character 5"));
    g_assert_nonnull(strstr(e.zh, "第 5 个字符"));
}

static void long_queries_are_refused(void)
{
    g_autoptr(GString) s = g_string_new("a");
    for (int i = 0; i < LIMIT_QUERY_NODES; i++) {
        g_string_append(s, ";a");
    }
    struct error e = {0};
    g_assert_null(q_compile(s->str, NULL, &e));
    g_assert_cmpint(e.code, ==, ERROR_TOO_COMPLEX);
    g_autofree char *deep = g_strnfill(5000, '(');
    g_assert_null(q_compile(deep, NULL, NULL));
}

static void greedy_patterns_stop(void)
{
    arena_auto a = arena_new();
    g_autofree char *many = g_strnfill(60, 'a');
    struct json *entity = json_object(a);
    struct json *attribute = json_add(entity, "x", json_object(a));
    json_add(attribute, "type", json_string(a, "Property"));
    json_add(attribute, "value", json_string(a, many));
    q_auto q = q_compile("x~=\"^(a+)+(a+)+(a+)+[^a]\"", NULL, NULL);
    gint64 begin = g_get_monotonic_time();
    g_assert_false(q_matches(q, entity, NULL));
    g_assert_cmpint(g_get_monotonic_time() - begin, <, G_USEC_PER_SEC);
}

static void required_attributes_are_known(void)
{
    q_auto q = q_compile("a>1;b==2;(c|a;c)|a;b;d", NULL, NULL);
    const char *const *r = q_required(q);
    g_assert_cmpstr(r[0], ==, "a");
    g_assert_cmpstr(r[1], ==, "b");
    g_assert_null(r[2]);
    q_auto other = q_compile("a|b", NULL, NULL);
    g_assert_null(q_required(other)[0]);
    g_assert_cmpstr(q_attributes(other)[0], ==, "a");
    g_assert_cmpstr(q_attributes(other)[1], ==, "b");
    g_assert_null(q_attributes(other)[2]);
}

static bool scope_holds(const char *query, const char *scopes)
{
    arena_auto a = arena_new();
    struct error e = {0};
    scope_query_auto q = scope_query_compile(query, &e);
    g_assert_cmpstr(e.en, ==, "");
    return scope_query_matches(q, json_parse(a, scopes, strlen(scopes), &e));
}

static void scopes_match(void)
{
    g_assert_true(scope_holds("/Madrid", "[\"/Madrid\"]"));
    g_assert_false(scope_holds("/Madrid", "[\"/Madrid/Gardens\"]"));
    g_assert_true(scope_holds("/Madrid/#", "[\"/Madrid/Gardens\"]"));
    g_assert_true(scope_holds("/Madrid/Gardens/#", "[\"/Madrid/Gardens\"]"));
    g_assert_false(scope_holds("/Madrid/#", "[\"/Madrid2\"]"));
    g_assert_true(scope_holds("/Madrid/+/ParqueNorte", "[\"/Madrid/Sights/ParqueNorte\"]"));
    g_assert_false(scope_holds("/Madrid/+/ParqueNorte", "[\"/Madrid/ParqueNorte\"]"));
    g_assert_false(scope_holds("/Madrid/+", "[\"/Madrid\"]"));
    g_assert_true(scope_holds("/#", "[\"/x\"]"));
    g_assert_false(scope_holds("/#", "[]"));
    g_assert_false(scope_holds("/#", "null"));
    g_assert_true(scope_holds("(/a/b;/c)", "[\"/c\",\"/a/b\"]"));
    g_assert_false(scope_holds("(/a/b;/c)", "[\"/c\"]"));
    g_assert_true(scope_holds("(/a/b;/c)|/d", "[\"/d\"]"));
    g_assert_true(scope_holds("(/a/b;/c),d", "[\"/d\"]"));
    g_assert_true(scope_holds("/渝中区/+/#", "[\"/渝中区/大坪街道/虎头岩\"]"));
}

static void wrong_scopes_are_refused(void)
{
    static const char *const wrong[] = {"",       "/",   "/a/",   "//",    "/a|", "(/a",  "/a)",
                                        "/a/#/b", "/a+", "/a/b#", "(/a;)", ",",   "/a//b"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct error e = {0};
        g_test_message("%s", wrong[i]);
        g_assert_null(scope_query_compile(wrong[i], &e));
        g_assert_cmpstr(e.zh, !=, "");
    }
}

static void scope_prefixes_are_found(void)
{
    static const char *const cases[][2] = {{"/a/b", "/a/b"},     {"/a/#", "/a"}, {"/a/+/b", "/a"},
                                           {"/+/a", NULL},       {"/#", NULL},   {"/a|/b", NULL},
                                           {"(/a/b;/c)", "/a/b"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        scope_query_auto q = scope_query_compile(cases[i][0], NULL);
        g_assert_cmpstr(scope_query_prefix(q), ==, cases[i][1]);
    }
}

static bool type_holds(const char *query, const char *types)
{
    arena_auto a = arena_new();
    struct error e = {0};
    type_query_auto q = type_query_compile(query, NULL, &e);
    g_assert_cmpstr(e.en, ==, "");
    return type_query_matches(q, json_parse(a, types, strlen(types), &e));
}

static void types_match(void)
{
    g_assert_true(type_holds("House", "[\"House\"]"));
    g_assert_true(type_holds("Building|House", "[\"House\"]"));
    g_assert_true(type_holds("Building,House", "\"House\""));
    g_assert_false(type_holds("Building", "[\"House\"]"));
    g_assert_true(type_holds("(Home;Vehicle)|Motorhome", "[\"Vehicle\",\"Home\"]"));
    g_assert_false(type_holds("(Home;Vehicle)|Motorhome", "[\"Home\"]"));
    g_assert_true(type_holds("(Home;Vehicle),Motorhome", "[\"Motorhome\"]"));
    g_assert_true(type_holds("*", "[\"X\"]"));
    type_query_auto q = type_query_compile("A,(B;C)|A", NULL, NULL);
    int count;
    const char *const *any = type_query_any_of(q, &count);
    g_assert_cmpint(count, ==, 2);
    g_assert_cmpstr(any[0], ==, "A");
    g_assert_cmpstr(any[1], ==, "B");
    for (const char *const *w = (const char *const[]){"", "A,", "A;B", "(A", "()", "A|(B;)", NULL};
         *w != NULL; w++) {
        g_assert_null(type_query_compile(*w, NULL, NULL));
    }
}

static void needs_are_found(void)
{
    static const struct {
        const char *q, *attribute, *text;
        double low, high;
    } cases[] = {
        {"street==\"x\"", "street", "x", 0, 0},
        {"level>5;street==\"x\",\"y\"", "street", "x", 0, 0},
        {"level>5;level<=7", "level", NULL, 5, 7},
        {"level==1..3", "level", NULL, 1, 3},
        {"level==4,2", "level", NULL, 2, 4},
        {"a>1;b==2", "b", NULL, 2, 2},
        {"(a==1|b==2);c==3", "c", NULL, 3, 3},
        {"a==1|b==2", NULL, NULL, 0, 0},
        {"a.b==1", NULL, NULL, 0, 0},
        {"a[b]==1", NULL, NULL, 0, 0},
        {"rel{T:a}==1", NULL, NULL, 0, 0},
        {"a!=1;b~=\"x\"", NULL, NULL, 0, 0},
        {"a==true", NULL, NULL, 0, 0},
        {"a==\"2026-03-01T08:30:00+08:00\"", NULL, NULL, 0, 0},
    };
    const struct q_options options = {.linked = true};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        arena_auto a = arena_new();
        struct q_need need;
        q_auto q = q_compile(cases[i].q, &options, NULL);
        g_assert_nonnull(q);
        g_assert_cmpint(q_need(q, a, &need), ==, cases[i].attribute != NULL);
        g_assert_cmpstr(need.attribute, ==, cases[i].attribute);
        g_assert_cmpstr(need.texts != NULL ? need.texts[0] : NULL, ==, cases[i].text);
        if (cases[i].attribute != NULL && cases[i].text == NULL) {
            g_assert_cmpfloat(need.low, ==, cases[i].low);
            g_assert_cmpfloat(need.high, ==, cases[i].high);
        }
    }
}

/* Every query that matches has conditions that the entity fulfils; here only which there are. */
static void conditions_for_indexes_are_found(void)
{
    static const struct {
        const char *q;
        int count;
        const char *attribute; /* of the last one */
        int any_of;
    } cases[] = {
        {"speed==5", 1, "speed", 1},
        {"speed==5,6,7", 1, "speed", 3},
        {"speed==5..7", 1, "speed", 1},
        {"speed>5;brandName==\"x\"", 2, "brandName", 1},
        {"speed==5|speed>9", 1, "speed", 2},
        {"(speed==5|speed>9);isOn==true", 2, "isOn", 1},
        {"when>2026-01-01T00:00:00Z", 1, "when", 1},
        {"speed==5|brandName==\"x\"", 0, NULL, 0},
        {"speed==5|speed", 0, NULL, 0},
        {"speed!=5", 0, NULL, 0},
        {"brandName~=\"x.*\"", 0, NULL, 0},
        {"speed.accuracy==5", 0, NULL, 0},
        {"address[city]==\"x\"", 0, NULL, 0},
        {"isParked{free}==5", 0, NULL, 0},
        {"clock==12:30:00Z", 0, NULL, 0},
        {"plainWhen==\"2026-03-01T08:30:00+08:00\"", 0, NULL,
         0}, /* the same moment may be written otherwise */
        {"speed", 0, NULL, 0},
    };
    struct q_options options = {.linked = true};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        arena_auto a = arena_new();
        struct q_condition all[4];
        q_auto q = q_compile(cases[i].q, &options, NULL);
        g_assert_nonnull(q);
        int count = q_conditions(q, a, all, G_N_ELEMENTS(all));
        g_assert_cmpint(count, ==, cases[i].count);
        if (count > 0) {
            g_assert_cmpstr(all[count - 1].attribute, ==, cases[i].attribute);
            g_assert_cmpint(all[count - 1].count, ==, cases[i].any_of);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/q/yes", these_match);
    g_test_add_func("/q/no", these_do_not_match);
    g_test_add_func("/q/wrong", wrong_queries_are_refused);
    g_test_add_func("/q/place", errors_tell_the_place);
    g_test_add_func("/q/long", long_queries_are_refused);
    g_test_add_func("/q/greedy", greedy_patterns_stop);
    g_test_add_func("/q/required", required_attributes_are_known);
    g_test_add_func("/q/conditions", conditions_for_indexes_are_found);
    g_test_add_func("/q/need", needs_are_found);
    g_test_add_func("/scope/match", scopes_match);
    g_test_add_func("/scope/wrong", wrong_scopes_are_refused);
    g_test_add_func("/scope/prefix", scope_prefixes_are_found);
    g_test_add_func("/type/match", types_match);
    return g_test_run();
}
