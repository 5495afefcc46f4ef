/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of YAML become packs: files merged by section, sections checked by their features, packs in the
 * order of their needs. */
#include "packs/set.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "packs/mistake.h"
#include "packs/yaml.h"

/* ---- folders and files ---- */

static bool is_yaml(const char *name)
{
    return name[0] != '.' && g_str_has_suffix(name, ".yaml");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Entries of dir that wanted accepts, as full paths, sorted. NULL when dir cannot be read. */
static GPtrArray *list_dir(const char *dir, bool (*wanted)(const char *name))
{
    g_autoptr(GDir) open = g_dir_open(dir, 0, NULL);
    if (open == NULL) {
        return NULL;
    }
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while ((name = g_dir_read_name(open)) != NULL) {
        if (wanted(name)) {
            g_ptr_array_add(found, g_build_filename(dir, name, NULL));
        }
    }
    g_ptr_array_sort(found, by_text);
    return found;
}

static bool is_visible(const char *name)
{
    return name[0] != '.';
}

static bool holds_yaml(const char *dir)
{
    g_autoptr(GPtrArray) files = list_dir(dir, is_yaml);
    return files != NULL && files->len > 0;
}

static void add_folder(GPtrArray *folders, const char *path)
{
    g_autofree char *real = g_canonicalize_filename(path, NULL);
    for (guint i = 0; i < folders->len; i++) {
        g_autofree char *known = g_canonicalize_filename(folders->pdata[i], NULL);
        if (strcmp(known, real) == 0) {
            return;
        }
    }
    g_ptr_array_add(folders, g_strdup(path));
}

static void add_folders_of(GPtrArray *folders, const char *dir, GPtrArray *mistakes)
{
    if (holds_yaml(dir)) {
        add_folder(folders, dir);
        return;
    }
    g_autoptr(GPtrArray) entries = list_dir(dir, is_visible);
    for (guint i = 0; entries != NULL && i < entries->len; i++) {
        if (holds_yaml(entries->pdata[i])) {
            add_folder(folders, entries->pdata[i]);
        }
    }
    if (entries == NULL && mistakes != NULL) {
        mistakes_add(mistakes, dir, 0, "there is no such folder, or it cannot be read",
                     "没有这个文件夹，或无法读取");
    }
}

char **pack_folders(const char *const *dirs, GPtrArray *mistakes)
{
    GPtrArray *folders = g_ptr_array_new();
    for (const char *const *dir = dirs; dir != NULL && *dir != NULL; dir++) {
        add_folders_of(folders, *dir, mistakes);
    }
    if (folders->len > LIMIT_PACKS) {
        if (mistakes != NULL) {
            mistakes_add(mistakes, dirs[0], 0, "more than %d packs", "应用包超过 %d 个", LIMIT_PACKS);
        }
        g_ptr_array_set_free_func(folders, g_free);
        g_ptr_array_set_size(folders, LIMIT_PACKS);
    }
    g_ptr_array_add(folders, NULL);
    return (char **)g_ptr_array_free(folders, FALSE);
}

/* ---- one pack: its files merged ---- */

static const char *kind_name(const struct json *node, bool chinese)
{
    if (node->type == JSON_OBJECT) {
        return chinese ? "映射" : "a mapping";
    }
    if (node->type == JSON_ARRAY) {
        return chinese ? "列表" : "a list";
    }
    return chinese ? "单个值" : "a single value";
}

static void unlink_into(struct json *to, struct json *c)
{
    c->next = NULL;
    if (to->last != NULL) {
        to->last->next = c;
    } else {
        to->first = c;
    }
    to->last = c;
    to->length++;
}

static void merge_list(struct json *into, struct json *section)
{
    for (struct json *c = section->first, *next; c != NULL; c = next) {
        next = c->next;
        unlink_into(into, c);
    }
}

static void merge_mapping(struct pack_set *s, struct json *into, struct json *section, const char *file)
{
    for (struct json *c = section->first, *next; c != NULL; c = next) {
        next = c->next;
        const struct json *before = json_getn(into, c->key, c->key_length);
        if (before != NULL) {
            mistakes_add(s->mistakes, file, c->line, "%s.%s is already given at %s:%u",
                         "%s.%s 已在 %s:%u 给出", section->key, c->key, node_origin_file(s->origin, before),
                         before->line);
        } else {
            unlink_into(into, c);
        }
    }
}

static void merge_section(struct pack_set *s, struct json *root, struct json *section, const char *file)
{
    struct json *into = json_getn(root, section->key, section->key_length);
    if (into == NULL) {
        unlink_into(root, section);
    } else if (into->type == JSON_OBJECT && section->type == JSON_OBJECT) {
        merge_mapping(s, into, section, file);
    } else if (into->type == JSON_ARRAY && section->type == JSON_ARRAY) {
        merge_list(into, section);
    } else {
        const char *first = node_origin_file(s->origin, into);
        g_autofree char *en =
            g_strdup_printf("the section \"%s\" is %s here but %s at %s:%u", section->key,
                            kind_name(section, false), kind_name(into, false), first, into->line);
        g_autofree char *zh =
            g_strdup_printf("“%s”一节在此处是%s，在 %s:%u 却是%s", section->key, kind_name(section, true),
                            first, into->line, kind_name(into, true));
        mistakes_add(s->mistakes, file, section->line, "%s%.0s", "%.0s%s", en, zh);
    }
}

static void merge_file(struct pack_set *s, struct json *root, const char *path, GChecksum *sum)
{
    struct stat st;
    g_autofree char *text = NULL;
    size_t length = 0;
    g_autoptr(GError) failure = NULL;
    if (stat(path, &st) == 0 && st.st_size > LIMIT_PACK_FILE) {
        mistakes_add(s->mistakes, path, 0, "the file has more than %d bytes; split it",
                     "文件超过 %d 字节，请拆分", LIMIT_PACK_FILE);
        return;
    }
    if (!g_file_get_contents(path, &text, &length, &failure)) {
        mistakes_add(s->mistakes, path, 0, "the file cannot be read: %s", "无法读取文件：%s",
                     failure->message);
        return;
    }
    g_checksum_update(sum, (const guchar *)path, (gssize)strlen(path) + 1);
    g_checksum_update(sum, (const guchar *)text, (gssize)length);
    const char *file = arena_strdup(s->arena, path);
    struct json *tree = yaml_read(s->arena, s->origin, file, text, length, s->mistakes);
    for (struct json *c = json_first(tree), *next; c != NULL; c = next) {
        next = c->next;
        merge_section(s, root, c, file);
    }
}

static bool is_yml(const char *name)
{
    return name[0] != '.' && g_str_has_suffix(name, ".yml");
}

static void report_yml(struct pack_set *s, const char *dir)
{
    g_autoptr(GPtrArray) strays = list_dir(dir, is_yml);
    for (guint i = 0; strays != NULL && i < strays->len; i++) {
        mistakes_add(s->mistakes, strays->pdata[i], 0, "files of a pack end in .yaml; rename it",
                     "应用包的文件名应以 .yaml 结尾，请改名");
    }
}

static struct pack *read_pack(struct pack_set *s, const char *dir, GChecksum *sum)
{
    struct pack *p = arena_new0(s->arena, struct pack);
    g_autofree char *absolute = g_canonicalize_filename(dir, NULL);
    g_autofree char *name = g_path_get_basename(absolute);
    p->name = arena_strdup(s->arena, name);
    p->dir = arena_strdup(s->arena, dir);
    struct json *root = node_origin_make(s->origin, p->dir);
    root->type = JSON_OBJECT;
    p->root = root;
    g_autoptr(GPtrArray) files = list_dir(dir, is_yaml);
    for (guint i = 0; files != NULL && i < files->len && i < LIMIT_PACK_FILES; i++) {
        merge_file(s, root, files->pdata[i], sum);
    }
    if (files != NULL && files->len > LIMIT_PACK_FILES) {
        mistakes_add(s->mistakes, dir, 0, "more than %d files", "文件超过 %d 个", LIMIT_PACK_FILES);
    }
    report_yml(s, dir);
    return p;
}

/* ---- the order of needs ---- */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct sorter {
    struct pack_set *set;
    GPtrArray *from, *to;
    enum mark *marks; /* as from */
};

static int find_pack(const GPtrArray *packs, const char *name)
{
    for (guint i = 0; i < packs->len; i++) {
        if (strcmp(((const struct pack *)packs->pdata[i])->name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void visit(struct sorter *t, int index);

static void visit_need(struct sorter *t, const struct pack *p, const struct json *need)
{
    struct pack_set *s = t->set;
    int other = need->type == JSON_STRING ? find_pack(t->from, need->string) : -1;
    if (need->type != JSON_STRING) {
        return; /* the check of the section pack says so */
    }
    const char *file = node_origin_file(s->origin, need);
    if (other < 0) {
        mistakes_add(s->mistakes, file, need->line, "the pack \"%s\" needs \"%s\", which is not loaded",
                     "应用包“%s”需要“%s”，但后者没有加载", p->name, need->string);
    } else if (t->marks[other] == MARK_OPEN) {
        mistakes_add(s->mistakes, file, need->line, "the packs \"%s\" and \"%s\" need each other in a circle",
                     "应用包“%s”与“%s”互相依赖成环", p->name, need->string);
    } else {
        visit(t, other);
    }
}

static void visit(struct sorter *t, int index)
{
    if (t->marks[index] != MARK_NEW) {
        return;
    }
    const struct pack *p = t->from->pdata[index];
    t->marks[index] = MARK_OPEN;
    const struct json *needs = json_get(json_get(p->root, "pack"), "needs");
    for (const struct json *c = json_is(needs, JSON_ARRAY) ? needs->first : NULL; c != NULL; c = c->next) {
        visit_need(t, p, c);
    }
    t->marks[index] = MARK_DONE;
    g_ptr_array_add(t->to, (void *)p);
}

static void sort_by_needs(struct pack_set *s)
{
    g_autofree enum mark *marks = g_new0(enum mark, s->packs->len + 1);
    struct sorter t = {s, s->packs, g_ptr_array_new(), marks};
    for (guint i = 0; i < s->packs->len; i++) {
        visit(&t, (int)i);
    }
    g_ptr_array_unref(s->packs);
    s->packs = t.to;
}

/* ---- checking ---- */

struct report {
    struct pack_report base;
    struct pack_set *set;
    const struct pack *pack;
};

static void report_mistake(struct pack_report *base, const struct json *where, const char *en, const char *zh,
                           ...) __attribute__((format(printf, 3, 5), format(printf, 4, 5)));

static void report_mistake(struct pack_report *base, const struct json *where, const char *en, const char *zh,
                           ...)
{
    struct report *r = (struct report *)base;
    const char *file = where != NULL ? node_origin_file(r->set->origin, where) : NULL;
    va_list args;
    va_start(args, zh);
    mistakes_addv(r->set->mistakes, file != NULL ? file : r->pack->dir, where != NULL ? where->line : 0, en,
                  zh, args);
    va_end(args);
    base->mistakes++;
}

static const struct pack_section *find_section(const struct feature *const *features, const char *name)
{
    for (const struct feature *const *f = features; *f != NULL; f++) {
        for (const struct pack_section *c = (*f)->sections; c != NULL && c->name != NULL; c++) {
            if (strcmp(c->name, name) == 0) {
                return c;
            }
        }
    }
    return NULL;
}

static char *known_sections(const struct feature *const *features)
{
    GString *list = g_string_new(NULL);
    for (const struct feature *const *f = features; *f != NULL; f++) {
        for (const struct pack_section *c = (*f)->sections; c != NULL && c->name != NULL; c++) {
            g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", c->name);
        }
    }
    return g_string_free(list, FALSE);
}

static void check_pack(struct pack_set *s, const struct pack *p, const struct feature *const *features)
{
    struct report r = {{report_mistake, 0}, s, p};
    if (json_get(p->root, "pack") == NULL) {
        report_mistake(&r.base, NULL,
                       "the section \"pack\" is missing: pack: {name: %s, version: \"1.0.0\", title: …}",
                       "缺少“pack”一节：pack: {name: %s, version: \"1.0.0\", title: …}", p->name);
    }
    for (const struct json *c = json_first(p->root); c != NULL; c = c->next) {
        const struct pack_section *section = find_section(features, c->key);
        if (section == NULL) {
            g_autofree char *known = known_sections(features);
            report_mistake(&r.base, c, "unknown section \"%s\"; known are %s", "不认识的节“%s”，可用的有 %s",
                           c->key, known);
        } else if (section->check != NULL) {
            section->check(p, c, pack_set_packs(s), &r.base);
        }
    }
}

static void check_names(struct pack_set *s)
{
    for (guint i = 0; i < s->packs->len; i++) {
        const struct pack *p = s->packs->pdata[i];
        guint first = (guint)find_pack(s->packs, p->name);
        if (first < i) {
            mistakes_add(s->mistakes, p->dir, 0, "the pack \"%s\" is already loaded from %s",
                         "应用包“%s”已从 %s 加载", p->name,
                         ((const struct pack *)s->packs->pdata[first])->dir);
        }
    }
}

struct pack_set *pack_set_read(const char *const *dirs, const struct feature *const *features)
{
    struct pack_set *s = g_new0(struct pack_set, 1);
    s->arena = arena_new();
    s->origin = node_origin_new(s->arena);
    s->packs = g_ptr_array_new();
    s->mistakes = mistakes_new();
    g_auto(GStrv) folders = pack_folders(dirs, s->mistakes);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (char **dir = folders; *dir != NULL; dir++) {
        g_ptr_array_add(s->packs, read_pack(s, *dir, sum));
    }
    s->digest = g_strdup(g_checksum_get_string(sum));
    bool readable = s->mistakes->len == 0;
    check_names(s);
    sort_by_needs(s);
    g_ptr_array_add(s->packs, NULL);
    /* Sections of files that cannot be read would be missed by the others: first things first. */
    for (const struct pack *const *p = pack_set_packs(s); readable && *p != NULL; p++) {
        check_pack(s, *p, features);
    }
    mistakes_sort(s->mistakes);
    return s;
}

void pack_set_free(struct pack_set *s)
{
    if (s != NULL) {
        g_ptr_array_unref(s->packs);
        g_ptr_array_unref(s->mistakes);
        arena_free(s->arena);
        g_free(s->digest);
        g_free(s);
    }
}

const struct pack *const *pack_set_packs(const struct pack_set *s)
{
    return (const struct pack *const *)s->packs->pdata;
}
