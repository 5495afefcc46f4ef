/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes in workflows are found, each of them; what is right passes. */
#include "cases/playbook.h"

#include <stdio.h>
#include <string.h>

struct collected {
    struct pack_report report; /* first */
    GString *text;
};

static void collect(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    struct collected *c = (struct collected *)r;
    va_list args;
    va_start(args, zh);
    g_string_append_vprintf(c->text, en, args);
    va_end(args);
    g_string_append_c(c->text, '\n');
    r->mistakes++;
}

static const char roles[] = "\"roles\":{\"clerk\":{\"title\":\"Clerk\",\"permissions\":[]}}";
static const char good[] = "{\"title\":\"T\",\"start\":\"a\",\"states\":{\"a\":{\"title\":\"A\"},\"b\":{"
                           "\"title\":\"B\",\"kind\":\"closed\","
                           "\"reason\":\"fixed\"}},\"actions\":{\"go\":{\"title\":\"Go\",\"from\":\"a\","
                           "\"to\":\"b\",\"roles\":[\"clerk\"]}}}";

/* The mistakes of a pack whose only workflow is this. */
static char *mistakes_of(const char *workflow, int *count)
{
    arena_auto a = arena_new();
    struct error e = {0};
    g_autofree char *text = g_strdup_printf("{%s,\"workflows\":{\"w\":%s}}", roles, workflow);
    struct pack pack = {"p", "p", json_parse(a, text, strlen(text), &e)};
    g_assert_cmpstr(e.en, ==, "");
    const struct pack *const all[] = {&pack, NULL};
    struct collected c = {{.mistake = collect}, g_string_new(NULL)};
    check_workflows(&pack, json_get(pack.root, "workflows"), all, &c.report);
    *count = c.report.mistakes;
    return g_string_free(c.text, FALSE);
}

static void test_good(void)
{
    int count;
    g_autofree char *text = mistakes_of(good, &count);
    g_assert_cmpstr(text, ==, "");
}

/* Replaces the first `from` of the good workflow. */
static char *with(const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(good, from, 2);
    g_assert_nonnull(parts[1]);
    return g_strconcat(parts[0], to, parts[1], NULL);
}

static void test_each_mistake(void)
{
    static const struct {
        const char *from, *to, *expected;
    } wrong[] = {
        {"\"start\":\"a\"", "\"start\":\"x\"", "no state \"x\""},
        {"\"start\":\"a\"", "\"start\":\"a\",\"colour\":1", "Unknown member \"colour\""},
        {"\"to\":\"b\"", "\"to\":\"nowhere\"", "no state \"nowhere\""},
        {"\"from\":\"a\"", "\"from\":[\"a\",\"q\"]", "no state \"q\""},
        {"[\"clerk\"]", "[\"clark\"]", "no role \"clark\""},
        {"[\"clerk\"]", "[]", "at least one role"},
        {"[\"clerk\"]", "[\"clerk\"],\"not\":\"boss\"", "no role \"boss\""},
        {"\"a\":{\"title\":\"A\"}", "\"a\":{\"title\":\"A\"},\"c\":{\"title\":\"C\"}",
         "No action leads to the state \"c\""},
        {"\"a\":{\"title\":\"A\"}", "\"a\":{\"title\":\"A\"},\"c\":{\"title\":\"C\"}",
         "No action leaves the state \"c\""},
        {"\"a\":{\"title\":\"A\"}", "\"a\":{\"title\":\"A\",\"kind\":\"half\"}",
         "\"half\" is not known here"},
        {"\"a\":{\"title\":\"A\"}", "\"a\":{\"title\":\"A\",\"reason\":\"x\"}",
         "Only a closed state has a reason"},
        {"\"kind\":\"closed\",\"reason\":\"fixed\"", "\"kind\":\"open\"", "no closed state"},
        {"[\"clerk\"]", "[\"clerk\"],\"form\":[{\"name\":\"f\",\"title\":\"F\",\"kind\":\"colour\"}]",
         "\"colour\" is not known"},
        {"[\"clerk\"]", "[\"clerk\"],\"form\":[{\"name\":\"f\",\"title\":\"F\",\"kind\":\"choice\"}]",
         "1 to 200 options"},
        {"[\"clerk\"]",
         "[\"clerk\"],\"form\":[{\"name\":\"f\",\"title\":\"F\",\"kind\":\"text\"},{\"name\":\"f\",\"title\":"
         "\"F\",\"kind\":\"text\"}]",
         "stands twice"},
        {"[\"clerk\"]",
         "[\"clerk\"],\"form\":[{\"name\":\"f\",\"title\":\"F\",\"kind\":\"number\",\"min\":2,\"max\":1}]",
         "min is greater"},
        {"[\"clerk\"]",
         "[\"clerk\"],\"form\":[{\"name\":\"f\",\"title\":\"F\",\"kind\":\"user\",\"role\":\"chef\"}]",
         "no role \"chef\""},
        {"[\"clerk\"]", "[\"clerk\"],\"sets\":{\"state\":\"x\"}", "kept by the engine"},
        {"[\"clerk\"]", "[\"clerk\"],\"sets\":{\"x\":{\"form\":\"f\"}}", "name of a field of this form"},
        {"[\"clerk\"]", "[\"clerk\"],\"comment\":\"never\"", "\"never\" is not known"},
        {"[\"clerk\"]", "[\"clerk\"],\"extend\":{\"deadline\":\"d\",\"by\":\"f\"}", "required number field"},
        {"\"title\":\"T\"",
         "\"title\":\"T\",\"deadlines\":{\"d\":{\"title\":\"D\",\"states\":\"a\",\"within\":\"soon\"}}",
         "\"soon\" is no length"},
        {"\"title\":\"T\"",
         "\"title\":\"T\",\"deadlines\":{\"d\":{\"title\":\"D\",\"states\":\"a\",\"within\":\"1d\","
         "\"remind\":[\"1h\",\"2h\"]}}",
         "longest first"},
        {"\"title\":\"T\"",
         "\"title\":\"T\",\"deadlines\":{\"d\":{\"title\":\"D\",\"states\":\"a\",\"within\":\"1d\","
         "\"escalate\":[{\"after\":\"0m\",\"notify\":\"king\"}]}}",
         "no role \"king\""},
        {"\"title\":\"T\"",
         "\"title\":\"T\",\"deadlines\":{\"d\":{\"title\":\"D\",\"states\":\"a\",\"within\":\"1d\",\"when\":["
         "{\"category\":\"1\",\"within\":\"1h\"}]}}",
         "no category \"1\""},
        {"\"title\":\"T\"", "\"title\":\"T\",\"from\":[{\"rule\":\"r\"}]", "no rule \"r\""},
        {"\"title\":\"T\"", "\"title\":\"T\",\"from\":[{\"category\":\"r\"}]", "rule or type is needed"},
        {"\"go\":", "\"open\":", "engine uses itself"},
        {"\"states\":{", "\"states\":{\"9x\":{\"title\":\"N\"},", "must begin with a letter"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        int count;
        g_autofree char *workflow = with(wrong[i].from, wrong[i].to);
        g_autofree char *text = mistakes_of(workflow, &count);
        g_test_message("%s → %s", wrong[i].to, text);
        g_assert_nonnull(strstr(text, wrong[i].expected));
    }
}

static void test_not_even_a_mapping(void)
{
    int count;
    static const char *const odd[] = {"[]", "1", "{}", "null",
                                      "{\"title\":\"T\",\"start\":\"a\",\"states\":[],\"actions\":{}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++) {
        g_autofree char *text = mistakes_of(odd[i], &count);
        g_assert_cmpint(count, >, 0);
    }
}

static void test_rules_that_ask_in_vain(void)
{
    arena_auto a = arena_new();
    static const char text[] =
        "{\"workflows\":{},\"rules\":[{\"name\":\"r\",\"case\":\"city\",\"category\":\"9\"},"
        "{\"name\":\"s\",\"case\":\"none\"}]}";
    struct pack pack = {"p", "p", json_parse(a, text, strlen(text), NULL)};
    const struct pack *const all[] = {&pack, NULL};
    struct collected c = {{.mistake = collect}, g_string_new(NULL)};
    check_workflows(&pack, json_get(pack.root, "workflows"), all, &c.report);
    g_assert_cmpint(c.report.mistakes, ==, 2);
    g_string_free(c.text, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cases/workflow/good", test_good);
    g_test_add_func("/cases/workflow/mistakes", test_each_mistake);
    g_test_add_func("/cases/workflow/odd", test_not_even_a_mapping);
    g_test_add_func("/cases/workflow/rules", test_rules_that_ask_in_vain);
    return g_test_run();
}
