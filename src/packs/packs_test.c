/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of packs: each kind of mistake has a broken pack in testdata, with the sentences it must give. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/limits.h"
#include "packs/mistake.h"
#include "packs/model.h"
#include "packs/sections.h"
#include "packs/set.h"
#include "packs/watch.h"
#include "packs/yaml.h"

/* Sections that other features own, unchecked here. */
static const struct pack_section other_sections[] = {{"inputs", NULL, "Inputs", "输入"},
                                                     {"rules", NULL, "Rules", "规则"},
                                                     {"workflows", NULL, "Workflows", "流程"},
                                                     {NULL}};
static const struct feature others = {.name = "others", .sections = other_sections};
static const struct feature own = {.name = "packs", .sections = packs_sections};
static const struct feature *const features[] = {&own, &others, NULL};

static char *test_path(const char *name)
{
    return g_build_filename(g_getenv("ZHONGSHU_SOURCE"), "src/packs/testdata", name, NULL);
}

/* ---- YAML ---- */

static struct json *read_text(struct arena *a, const char *text, GPtrArray *mistakes)
{
    return yaml_read(a, node_origin_new(a), "t.yaml", text, strlen(text), mistakes);
}

static void check_yaml(const char *yaml, const char *expected)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) mistakes = mistakes_new();
    struct json *root = read_text(a, yaml, mistakes);
    g_assert_cmpuint(mistakes->len, ==, 0);
    g_assert_cmpstr(root != NULL ? json_text(a, root) : "nothing", ==, expected);
}

static void check_yaml_mistake(const char *yaml, const char *expected)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) mistakes = mistakes_new();
    read_text(a, yaml, mistakes);
    g_assert_cmpuint(mistakes->len, >=, 1);
    g_autofree char *en = mistake_text(mistakes->pdata[0], FALSE);
    g_autofree char *zh = mistake_text(mistakes->pdata[0], TRUE);
    g_assert_cmpstr(en, ==, expected);
    g_assert_cmpstr(zh, !=, expected);
}

static void scalars_get_the_types_of_the_core_schema(void)
{
    check_yaml(
        "a: 1\nb: -2.5e3\nc: true\nd: ~\ne: yes\nf: \"1\"\ng: 0x1F\nh: 0o17\ni: 1.0.0\nj: !!str 12\nk:\n",
        "{\"a\":1,\"b\":-2500,\"c\":true,\"d\":null,\"e\":\"yes\",\"f\":\"1\",\"g\":31,\"h\":15,"
        "\"i\":\"1.0.0\",\"j\":\"12\",\"k\":null}");
    check_yaml("a: .5\nb: '.'\nc: +7\nd: 1.\ne: .e1\nf: 2012-01-01\n",
               "{\"a\":0.5,\"b\":\".\",\"c\":7,\"d\":1,\"e\":\".e1\",\"f\":\"2012-01-01\"}");
    check_yaml("", "nothing");
    check_yaml("# only a remark\n", "nothing");
}

static void aliases_and_merges_expand(void)
{
    check_yaml("base: &b {x: 1, y: [2]}\nc: *b\nd:\n  <<: *b\n  x: 9\ne: {<<: [*b, {z: 3}]}\n",
               "{\"base\":{\"x\":1,\"y\":[2]},\"c\":{\"x\":1,\"y\":[2]},\"d\":{\"x\":9,\"y\":[2]},"
               "\"e\":{\"x\":1,\"y\":[2],\"z\":3}}");
}

static void faults_are_named_with_their_line(void)
{
    check_yaml_mistake("a: 1\nb: 2\na: 3\n", "t.yaml:3: \"a\" is already given in line 1");
    check_yaml_mistake("a:\n\t- 1\n", "t.yaml:2: the line is indented with a tab; use spaces");
    check_yaml_mistake("a: 1\nb: \xff\n",
                       "t.yaml:2: there are bytes here that are not UTF-8; save the file as UTF-8");
    check_yaml_mistake("a: *nobody\n", "t.yaml:1: the alias *nobody names no anchor above it");
    check_yaml_mistake("a: 1\n---\nb: 2\n", "t.yaml:2: a second document begins here; one file holds one");
    check_yaml_mistake("- 1\n", "t.yaml:1: the file must be a mapping of sections, \"types: …\"");
    check_yaml_mistake("a: .nan\n",
                       "t.yaml:1: \".nan\" is no number that can be used; quote it if it is a text");
    check_yaml_mistake(
        "a: 99999999999999999999\n",
        "t.yaml:1: \"99999999999999999999\" is no number that can be used; quote it if it is a text");
    check_yaml_mistake("? [1]\n: 2\n", "t.yaml:1: a key must be a text");
    check_yaml_mistake("a: !danger 1\n", "t.yaml:1: the tag \"!danger\" is not understood; leave it out");
    check_yaml_mistake("a: b: c\n", "t.yaml:1: YAML syntax: mapping values are not allowed in this context");
    check_yaml_mistake("a: &x {b: *x}\n", "t.yaml:1: the alias *x names no anchor above it");
    check_yaml_mistake("a: \"\\0\"\n", "t.yaml:1: the text holds a NUL character");
}

static void size_and_depth_are_bounded(void)
{
    g_autoptr(GString) deep = g_string_new("a: ");
    for (int i = 0; i < LIMIT_JSON_DEPTH + 5; i++) {
        g_string_append_c(deep, '[');
    }
    check_yaml_mistake(deep->str, "t.yaml:1: nested deeper than 64 levels");
    /* each line holds ten of the line before: a billion values in ten lines */
    g_autoptr(GString) laughs = g_string_new("x0: &x0 [1,1,1,1,1,1,1,1,1,1]\n");
    for (int i = 1; i < 10; i++) {
        g_string_append_printf(laughs, "x%d: &x%d [*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d]\n", i,
                               i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    check_yaml_mistake(laughs->str,
                       "t.yaml:1: the file has more than 100000 values, aliases expanded; split it");
    g_autofree char *large = g_strnfill(LIMIT_PACK_FILE + 1, '#');
    check_yaml_mistake(large, "t.yaml: the file has more than 1048576 bytes; split it");
}

static void nodes_know_their_file(void)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) mistakes = mistakes_new();
    struct node_origin *o = node_origin_new(a);
    const struct json *one = yaml_read(a, o, "one.yaml", "a: [1, 2]\n", 10, mistakes);
    const struct json *two = yaml_read(a, o, "two.yaml", "a: 3\n", 5, mistakes);
    g_assert_cmpstr(node_origin_file(o, json_first(json_get(one, "a"))), ==, "one.yaml");
    g_assert_cmpstr(node_origin_file(o, json_get(two, "a")), ==, "two.yaml");
    g_assert_null(node_origin_file(o, json_int(a, 1)));
}

/* ---- broken packs ---- */

/* The mistakes of a set, one a line, without the path of testdata. */
static char *mistakes_text(const struct pack_set *s, const char *prefix)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < s->mistakes->len; i++) {
        const struct mistake *m = s->mistakes->pdata[i];
        g_autofree char *line = mistake_text(m, FALSE);
        g_string_append_printf(text, "%s\n", line);
        g_assert_true(g_utf8_validate(m->zh, -1, NULL));
        g_assert_cmpstr(m->zh, !=, m->en);
    }
    g_string_replace(text, prefix, "", 0);
    g_autofree char *root = test_path("");
    g_string_replace(text, root, "", 0);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void check_case(const void *name)
{
    g_autofree char *dir = test_path(name);
    g_autofree char *prefix = g_strconcat(dir, "/", NULL);
    g_autofree char *expected_file = g_build_filename(dir, "expected", NULL);
    g_autofree char *expected = NULL;
    g_assert_true(g_file_get_contents(expected_file, &expected, NULL, NULL));
    struct pack_set *s = pack_set_read((const char *const[]){dir, NULL}, features);
    g_autofree char *found = mistakes_text(s, prefix);
    g_assert_cmpstr(found, ==, expected);
    pack_set_free(s);
}

static void add_cases(void)
{
    g_autofree char *all = test_path("");
    g_autoptr(GDir) dir = g_dir_open(all, 0, NULL);
    g_assert_nonnull(dir);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_strdup_printf("/packs/%s", name);
        g_test_add_data_func_full(path, g_strdup(name), check_case, g_free);
    }
}

static void a_folder_must_exist_but_may_be_empty(void)
{
    g_autofree char *dir = g_dir_make_tmp("packs-XXXXXX", NULL);
    g_autofree char *absent = g_build_filename(dir, "absent", NULL);
    struct pack_set *s = pack_set_read((const char *const[]){dir, NULL}, features);
    g_assert_cmpuint(s->mistakes->len, ==, 0);
    g_assert_null(pack_set_packs(s)[0]);
    pack_set_free(s);
    s = pack_set_read((const char *const[]){dir, absent, NULL}, features);
    g_assert_cmpuint(s->mistakes->len, ==, 1);
    pack_set_free(s);
    g_rmdir(dir);
}

/* ---- whole sets ---- */

static void write_file(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *new_folder(void)
{
    char *dir = g_dir_make_tmp("packs-XXXXXX", NULL);
    write_file(dir, "b/pack.yaml", "pack: {name: b, version: 1.0.0, title: B, needs: [a]}\n");
    write_file(dir, "b/rules.yaml", "rules:\n  - {name: r1, type: T, severity: red}\n");
    write_file(dir, "b/more.yaml", "rules:\n  - {name: r2, type: T, severity: blue}\n");
    write_file(dir, "c/pack.yaml", "pack: {name: c, version: 1.0.0, title: C, needs: [b]}\n");
    write_file(dir, "a/pack.yaml",
               "pack: {name: a, version: 1.0.0, title: {zh: 甲, en: A}}\n"
               "district: {name: {zh: 区, en: D}, centre: [106.5, 29.5], zoom: 12, synthetic: true}\n"
               "types:\n  T: {title: T, attributes: {x: {title: X, value: number}}}\n");
    write_file(dir, "notes/readme.txt", "no pack\n");
    return dir;
}

static void remove_folder(const char *dir)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", dir);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

static void packs_come_after_those_they_need(void)
{
    g_autofree char *dir = new_folder();
    struct pack_set *s = pack_set_read((const char *const[]){dir, NULL}, features);
    g_assert_cmpuint(s->mistakes->len, ==, 0);
    const struct pack *const *p = pack_set_packs(s);
    g_assert_cmpstr(p[0]->name, ==, "a");
    g_assert_cmpstr(p[1]->name, ==, "b");
    g_assert_cmpstr(p[2]->name, ==, "c");
    g_assert_null(p[3]);
    g_assert_cmpuint(json_get(p[1]->root, "rules")->length, ==, 2);
    pack_set_free(s);
    remove_folder(dir);
}

static void the_model_gathers_all_packs(void)
{
    g_autofree char *dir = new_folder();
    struct pack_set *s = pack_set_read((const char *const[]){dir, NULL}, features);
    arena_auto a = arena_new();
    const struct json *model = model_build(a, pack_set_packs(s));
    g_assert_cmpstr(json_get_string(json_get(json_get(model, "types"), "T"), "pack"), ==, "a");
    g_assert_true(json_get_bool(model, "synthetic", false));
    g_assert_cmpuint(json_get(model, "rules")->length, ==, 2);
    g_assert_cmpuint(json_get(model, "packs")->length, ==, 3);
    g_assert_cmpstr(json_text(a, json_get(model, "centre")), ==, "[106.5,29.5]");
    pack_set_free(s);
    remove_folder(dir);
}

/* ---- watching ---- */

struct seen {
    GMutex lock;
    GCond cond;
    int changes;
};

static void count_change(void *user)
{
    struct seen *s = user;
    g_mutex_lock(&s->lock);
    s->changes++;
    g_cond_signal(&s->cond);
    g_mutex_unlock(&s->lock);
}

static void wait_for(struct seen *s, int changes)
{
    gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    g_mutex_lock(&s->lock);
    while (s->changes < changes) {
        g_assert_true(g_cond_wait_until(&s->cond, &s->lock, end));
    }
    g_mutex_unlock(&s->lock);
}

static void changes_of_folders_are_seen(void)
{
    g_autofree char *dir = new_folder();
    struct seen seen = {0};
    struct pack_watch *w = pack_watch_new((const char *const[]){dir, NULL}, count_change, &seen, NULL);
    g_assert_nonnull(w);
    write_file(dir, "a/rules.yaml", "rules: []\n");
    wait_for(&seen, 1);
    write_file(dir, "new/pack.yaml", "pack: {name: new, version: 1.0.0, title: N}\n");
    wait_for(&seen, 2);
    write_file(dir, "new/pack.yaml", "pack: {name: new, version: 1.0.1, title: N}\n");
    wait_for(&seen, 3);
    pack_watch_free(w);
    remove_folder(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/yaml/scalars", scalars_get_the_types_of_the_core_schema);
    g_test_add_func("/yaml/aliases", aliases_and_merges_expand);
    g_test_add_func("/yaml/faults", faults_are_named_with_their_line);
    g_test_add_func("/yaml/bounds", size_and_depth_are_bounded);
    g_test_add_func("/yaml/files", nodes_know_their_file);
    add_cases();
    g_test_add_func("/set/folders", a_folder_must_exist_but_may_be_empty);
    g_test_add_func("/set/order", packs_come_after_those_they_need);
    g_test_add_func("/model", the_model_gathers_all_packs);
    g_test_add_func("/watch", changes_of_folders_are_seen);
    return g_test_run();
}
