/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of formulas and of texts with values. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "expr/expr.h"

static struct value world(void *user, const char *const *path, int count)
{
    if (count == 2 && strcmp(path[0], "downstream") == 0 && strcmp(path[1], "level") == 0) {
        return value_number(1.5);
    }
    if (count != 1) {
        return value_string(NULL);
    }
    static const struct {
        const char *name;
        double number;
    } numbers[] = {{"level", 2.5}, {"rain", 20}, {"zero", 0},           {"x", 7},
                   {"水位", 3},    {"andy", 1},  {"infinite", INFINITY}};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (strcmp(path[0], numbers[i].name) == 0) {
            return value_number(numbers[i].number);
        }
    }
    return strcmp(path[0], "name") == 0 ? value_string("大坪")
           : strcmp(path[0], "on") == 0 ? value_bool(true)
                                        : value_string(NULL);
}

static const char *result(struct arena *a, const char *text)
{
    struct error e = {0};
    formula_auto f = formula_parse(text, &e);
    if (f == NULL) {
        return arena_printf(a, "refused: %s", e.en);
    }
    struct value v = formula_eval(f, world, NULL);
    switch (v.kind) {
    case VALUE_NUMBER: return arena_printf(a, "%.10g", v.number);
    case VALUE_STRING: return arena_strdup(a, v.string);
    case VALUE_BOOL: return v.boolean ? "true" : "false";
    case VALUE_MISSING: break;
    }
    return "missing";
}

static void formulas_give_values(void)
{
    static const char *const cases[][2] = {
        {"1+2*3", "7"},
        {"(1+2)*3", "9"},
        {"10-4-3", "3"},
        {"2*-3", "-6"},
        {"--3", "3"},
        {"7%4", "3"},
        {"1/4", "0.25"},
        {"1.5e3", "1500"},
        {"level", "2.5"},
        {"level - downstream.level > 0.8 and rain >= 20", "true"},
        {"level > 3 or rain == 20", "true"},
        {"not level > 3", "true"},
        {"not (level > 2)", "false"},
        {"水位+1", "4"},
        {"name == '大坪'", "true"},
        {"name != \"x\"", "true"},
        {"name == 5", "false"},
        {"name != 5", "true"},
        {"name < 'a'", "false"},
        {"name < 5", "missing"},
        {"on", "true"},
        {"on == true", "true"},
        {"on and x == 7", "true"},
        {"on > false", "missing"},
        {"andy", "1"},
        {"min(3,1,2)", "1"},
        {"max(3,1,2)", "3"},
        {"abs(-2)", "2"},
        {"round(2.5)", "3"},
        {"round(-2.5)", "-3"},
        {"round(2.675,2)", "2.68"},
        {"ceil(1.2)", "2"},
        {"floor(-1.2)", "-2"},
        {"sqrt(9)", "3"},
        {"sqrt(-1)", "missing"},
        {"pow(2,10)", "1024"},
        {"pow(10,400)", "missing"},
        {"if(x > 5, 'high', 'low')", "high"},
        {"if(gone, 1, 2)", "missing"},
        {"coalesce(gone, level)", "2.5"},
        {"coalesce(gone)", "missing"},
        {"has(level)", "true"},
        {"has(gone)", "false"},
        {"has(gone) or x==7", "true"},
        {"has(downstream.level)", "true"},
        {"has(infinite)", "false"},
        /* what is missing stays missing, unless the other side decides */
        {"gone", "missing"},
        {"gone + 1", "missing"},
        {"gone > 1", "missing"},
        {"gone == gone", "missing"},
        {"gone != 1", "missing"},
        {"not gone > 1", "missing"},
        {"gone > 1 and x > 100", "false"},
        {"gone > 1 and x > 1", "missing"},
        {"gone > 1 or x > 1", "true"},
        {"gone > 1 or x > 100", "missing"},
        {"x > 100 and gone", "false"},
        {"min(1, gone)", "missing"},
        {"1/zero", "missing"},
        {"5%zero", "missing"},
        {"name + 1", "missing"},
        {"1 and 2", "missing"},
        {"x and on", "missing"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        arena_auto a = arena_new();
        g_test_message("%s", cases[i][0]);
        g_assert_cmpstr(result(a, cases[i][0]), ==, cases[i][1]);
    }
}

static void wrong_formulas_are_refused(void)
{
    static const char *const wrong[] = {
        "",       "  ",     "1 +",       "* 2",     "(1",     "1)",     "1 2",   "a b",   "a..b",
        "a.",     ".a",     "1.2.3",     "12x",     "'x",     "and",    "not",   "a and", "a or or b",
        "foo(1)", "abs()",  "abs(1,2)",  "if(1,2)", "pow(1)", "has(1)", "has()", "has(a", "min()",
        "a = 1",  "a && b", "a < b < c", "a $ b",   "1e999",  "a; b",   "{a}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct error e = {0};
        g_test_message("%s", wrong[i]);
        g_assert_null(formula_parse(wrong[i], &e));
        g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
        g_assert_true(g_str_has_prefix(e.en, "formula, at character "));
        g_assert_true(g_str_has_prefix(e.zh, "公式第 "));
    }
}

static void errors_tell_the_place(void)
{
    struct error e = {0};
    g_assert_null(formula_parse("水位 > and 1", &e));
    g_assert_cmpstr(e.en, ==, "formula, at character 6: a value was expected");
    g_assert_cmpstr(e.zh, ==, "公式第 6 个字符：此处应为值");
}

static void deep_and_long_formulas_are_refused(void)
{
    for (const char *p = "(-"; *p != '\0'; p++) {
        g_autofree char *deep = g_strnfill(10000, *p);
        g_assert_null(formula_parse(deep, NULL));
    }
    g_autoptr(GString) s = g_string_new("not ");
    for (int i = 0; i < 1000; i++) {
        g_string_append(s, "not ");
    }
    g_assert_null(formula_parse(s->str, NULL));
    g_string_assign(s, "1");
    for (int i = 0; i < LIMIT_QUERY_NODES; i++) {
        g_string_append(s, "+1");
    }
    g_assert_null(formula_parse(s->str, NULL));
}

static void paths_are_listed(void)
{
    formula_auto f = formula_parse("a.b > 1 and has(c) or a.b < max(d, 2)", NULL);
    int count;
    const struct formula_path *p = formula_paths(f, &count);
    g_assert_cmpint(count, ==, 3);
    g_assert_cmpint(p[0].count, ==, 2);
    g_assert_cmpstr(p[0].segments[1], ==, "b");
    g_assert_cmpstr(p[1].segments[0], ==, "c");
    g_assert_cmpstr(p[2].segments[0], ==, "d");
    formula_auto none = formula_parse("1", NULL);
    formula_paths(none, &count);
    g_assert_cmpint(count, ==, 0);
}

/* Writes a random tree twice: as a fully bracketed text, and as its value by plain C. */
static double random_sum(GRand *r, GString *out, int depth)
{
    if (depth == 0 || g_rand_int_range(r, 0, 4) == 0) {
        int n = g_rand_int_range(r, 1, 100);
        g_string_append_printf(out, "%d", n);
        return n;
    }
    g_string_append_c(out, '(');
    double a = random_sum(r, out, depth - 1);
    char op = "+-*"[g_rand_int_range(r, 0, 3)];
    g_string_append_printf(out, " %c ", op);
    double b = random_sum(r, out, depth - 1);
    g_string_append_c(out, ')');
    return op == '+' ? a + b : op == '-' ? a - b : a * b;
}

static void random_sums_are_right(void)
{
    GRand *r = g_rand_new_with_seed(42);
    for (int i = 0; i < 500; i++) {
        g_autoptr(GString) text = g_string_new("");
        double expected = random_sum(r, text, 5);
        formula_auto f = formula_parse(text->str, NULL);
        g_assert_nonnull(f);
        g_assert_cmpfloat(formula_eval(f, world, NULL).number, ==, expected);
    }
    g_rand_free(r);
}

static const char *rendered(struct arena *a, const char *text)
{
    struct error e = {0};
    text_template_auto t = text_template_parse(text, &e);
    if (t == NULL) {
        return arena_strdup(a, e.en);
    }
    g_autoptr(GString) out = g_string_new("");
    text_template_render(t, out, world, NULL);
    return arena_strdup(a, out->str);
}

static void texts_are_filled(void)
{
    arena_auto a = arena_new();
    g_assert_cmpstr(rendered(a, "{name} PM2.5 为 {x} µg/m³"), ==, "大坪 PM2.5 为 7 µg/m³");
    g_assert_cmpstr(rendered(a, "{level:.2f} {level} {gone} {on}"), ==, "2.50 2.5 — true");
    g_assert_cmpstr(rendered(a, "{level - downstream.level:.1f} m"), ==, "1.0 m");
    g_assert_cmpstr(rendered(a, "{1/3} {-0.0001:.1f} {20}"), ==, "0.333333 0.0 20");
    g_assert_cmpstr(rendered(a, "{{x}} } {if(x>5,'}{','b')}"), ==, "{x} } }{");
    g_assert_cmpstr(rendered(a, ""), ==, "");
    g_assert_cmpstr(rendered(a, "值 {x"), ==, "text, at character 3: \"{\" has no \"}\"");
    g_assert_cmpstr(rendered(a, "值 {x +}"), ==,
                    "text, at character 7: a number, a text, a name or \"(\" was expected");
    g_assert_true(g_str_has_prefix(rendered(a, "{}"), "text, at character 2"));
}

static void values_are_read_from_entities(void)
{
    static const char text[] =
        "{\"id\":\"urn:x\",\"type\":[\"T\"],\"a\":{\"type\":\"Property\",\"value\":5},"
        "\"b\":[{\"type\":\"Property\",\"datasetId\":\"urn:d\",\"value\":1},{\"type\":\"Property\","
        "\"value\":2}],\"c\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"en\":\"e\",\"zh\":\"中\"}},"
        "\"d\":{\"type\":\"Property\",\"value\":{\"@type\":\"DateTime\",\"@value\":\"2026\"}},"
        "\"e\":{\"type\":\"Relationship\",\"object\":\"urn:y\"},\"f\":{\"type\":\"Property\","
        "\"value\":[1]}}";
    arena_auto a = arena_new();
    struct json *entity = json_parse(a, text, strlen(text), NULL);
    g_assert_cmpfloat(value_of_attribute(entity, "a").number, ==, 5);
    g_assert_cmpfloat(value_of_attribute(entity, "b").number, ==, 2);
    g_assert_cmpstr(value_of_attribute(entity, "c").string, ==, "中");
    g_assert_cmpstr(value_of_attribute(entity, "d").string, ==, "2026");
    g_assert_cmpstr(value_of_attribute(entity, "e").string, ==, "urn:y");
    g_assert_cmpint(value_of_attribute(entity, "f").kind, ==, VALUE_MISSING);
    g_assert_cmpint(value_of_attribute(entity, "g").kind, ==, VALUE_MISSING);
    g_assert_cmpstr(value_of_attribute(entity, "type").string, ==, "T");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/formula/values", formulas_give_values);
    g_test_add_func("/formula/wrong", wrong_formulas_are_refused);
    g_test_add_func("/formula/place", errors_tell_the_place);
    g_test_add_func("/formula/limits", deep_and_long_formulas_are_refused);
    g_test_add_func("/formula/paths", paths_are_listed);
    g_test_add_func("/formula/random", random_sums_are_right);
    g_test_add_func("/template/fill", texts_are_filled);
    g_test_add_func("/value/entity", values_are_read_from_entities);
    return g_test_run();
}
