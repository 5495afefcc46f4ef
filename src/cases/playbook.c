/* SPDX-License-Identifier: Apache-2.0 */
/* The packs' say about cases, gathered. */
#include "cases/playbook.h"

#include <string.h>

#include "cases/pack_read.h"
#include "hub/section.h"

enum { CATEGORIES = 20000 };

/* ---- categories ---- */

struct category_fields {
    const struct json *source, *components, *matters;
    const char *version;
};
static const struct json_field categories_table[] = {
    {"source", FIELD_TEXT, offsetof(struct category_fields, source), false},
    {"version", FIELD_STRING, offsetof(struct category_fields, version), false},
    {"components", FIELD_OBJECT, offsetof(struct category_fields, components), false},
    {"matters", FIELD_OBJECT, offsetof(struct category_fields, matters), false},
    {NULL}};

struct class_fields {
    const struct json *title, *items;
    bool local;
};
static const struct json_field class_table[] = {
    {"title", FIELD_TEXT, offsetof(struct class_fields, title), true},
    {"items", FIELD_OBJECT, offsetof(struct class_fields, items), true},
    {"local", FIELD_BOOL, offsetof(struct class_fields, local), false},
    {NULL}};

static bool is_text(const struct json *value)
{
    return json_is(value, JSON_STRING) || json_get_string(value, "zh") != NULL ||
           json_get_string(value, "en") != NULL;
}

static void read_item(struct arena *a, const struct json *item, const struct json *class,
                      const struct class_fields *f, bool component, GPtrArray *out, struct pack_report *r)
{
    if (strlen(item->key) > 32 || !is_text(item)) {
        r->mistake(r, item, "A category is written \"06010\": title, with a code of at most 32 bytes",
                   "类别应写作 \"06010\": 名称,代码不超过32字节");
        return;
    }
    struct category *c = arena_new0(a, struct category);
    *c = (struct category){item->key, item, class->key, f->title, component, f->local};
    g_ptr_array_add(out, c);
}

static void read_classes(struct arena *a, const struct json *classes, bool component, GPtrArray *out,
                         struct pack_report *r)
{
    for (const struct json *class = json_first(classes); class != NULL; class = class->next) {
        struct class_fields f = {0};
        if (!pack_read(r, class, class_table, &f)) {
            continue;
        }
        for (const struct json *item = json_first(f.items); item != NULL && out->len < CATEGORIES;
             item = item->next) {
            read_item(a, item, class, &f, component, out, r);
        }
    }
}

static void read_categories(struct arena *a, const struct json *section, GPtrArray *out,
                            struct pack_report *r)
{
    struct category_fields f = {0};
    if (pack_read(r, section, categories_table, &f)) {
        read_classes(a, f.components, true, out, r);
        read_classes(a, f.matters, false, out, r);
    }
}

/* ---- names across packs ---- */

static const struct json *rules_of(const struct pack *p)
{
    return json_get(p->root, "rules");
}

static bool role_known(const struct workflow_names *n, const char *role)
{
    static const char *const built_in[] = {"admin", "operator", "viewer", NULL};
    for (int i = 0; n->packs[i] != NULL; i++) {
        if (json_get(json_get(n->packs[i]->root, "roles"), role) != NULL) {
            return true;
        }
    }
    return g_strv_contains(built_in, role);
}

static bool rule_known(const struct workflow_names *n, const char *name)
{
    for (int i = 0; n->packs[i] != NULL; i++) {
        for (const struct json *rule = json_first(rules_of(n->packs[i])); rule != NULL; rule = rule->next) {
            if (json_streq(json_get(rule, "name"), name)) {
                return true;
            }
        }
    }
    return false;
}

static bool in_classes(const struct json *classes, const char *code)
{
    for (const struct json *class = json_first(classes); class != NULL; class = class->next) {
        if (json_get(json_get(class, "items"), code) != NULL) {
            return true;
        }
    }
    return false;
}

static bool category_known(const struct workflow_names *n, const char *code)
{
    for (int i = 0; n->packs[i] != NULL; i++) {
        if (in_classes(json_get(json_get(n->packs[i]->root, "categories"), "matters"), code)) {
            return true;
        }
    }
    return false;
}

static struct workflow_names names_in(const struct pack *const *packs)
{
    return (struct workflow_names){role_known, rule_known, category_known, packs};
}

/* ---- the sections' checks ---- */

static bool declared_before(const struct pack *p, const struct pack *const *all, const char *section,
                            const char *name)
{
    for (int i = 0; all[i] != NULL && all[i] != p; i++) {
        if (json_get(json_get(all[i]->root, section), name) != NULL) {
            return true;
        }
    }
    return false;
}

/* What rules ask for: their pack cannot know which workflows and categories there are. */
static void check_rule(const struct workflow_names *n, const char *pack, const struct json *rule,
                       const struct json *section, struct pack_report *r)
{
    const char *name = json_get_string(rule, "name"), *workflow = json_get_string(rule, "case");
    const char *category = json_get_string(rule, "category");
    bool known = workflow == NULL || strcmp(workflow, "none") == 0;
    for (int i = 0; !known && n->packs[i] != NULL; i++) {
        known = json_get(json_get(n->packs[i]->root, "workflows"), workflow) != NULL;
    }
    if (!known) {
        r->mistake(r, section, "The rule %s of the pack %s asks for the workflow \"%s\", which there is not",
                   "规则 %s(应用包 %s)要求流程“%s”,但没有该流程", name != NULL ? name : "?", pack, workflow);
    }
    if (category != NULL && !category_known(n, category)) {
        r->mistake(r, section, "The rule %s of the pack %s names the category \"%s\", which there is not",
                   "规则 %s(应用包 %s)的类别“%s”不存在", name != NULL ? name : "?", pack, category);
    }
}

/* Once: with the first pack that has workflows. */
static void check_rules(const struct pack *p, const struct json *section, const struct workflow_names *n,
                        struct pack_report *r)
{
    for (int i = 0; n->packs[i] != p; i++) {
        if (json_get(n->packs[i]->root, "workflows") != NULL) {
            return;
        }
    }
    for (int i = 0; n->packs[i] != NULL; i++) {
        for (const struct json *rule = json_first(rules_of(n->packs[i])); rule != NULL; rule = rule->next) {
            check_rule(n, n->packs[i]->name, rule, section, r);
        }
    }
}

static bool is_mapping(const struct json *section, struct pack_report *r)
{
    if (json_is(section, JSON_OBJECT)) {
        return true;
    }
    r->mistake(r, section, "This section is a mapping", "本节必须是映射");
    return false;
}

void check_workflows(const struct pack *p, const struct json *section, const struct pack *const *all,
                     struct pack_report *r)
{
    if (!is_mapping(section, r)) {
        return;
    }
    arena_auto a = arena_new();
    struct workflow_names names = names_in(all);
    for (const struct json *c = json_first(section); c != NULL; c = c->next) {
        if (declared_before(p, all, "workflows", c->key)) {
            r->mistake(r, c, "Another pack has a workflow \"%s\" already", "另一应用包已有流程“%s”", c->key);
        }
        const struct workflow *w = workflow_parse(a, p->name, c, r);
        if (w != NULL) {
            workflow_check(w, c, &names, r);
        }
    }
    check_rules(p, section, &names, r);
}

void check_calendar(const struct pack *p, const struct json *section, const struct pack *const *all,
                    struct pack_report *r)
{
    arena_auto a = arena_new();
    calendar_parse(a, section, r);
    for (int i = 0; all[i] != NULL && all[i] != p; i++) {
        if (json_get(all[i]->root, "calendar") != NULL) {
            r->mistake(r, section, "The pack %s has a calendar already; there can be one only",
                       "应用包 %s 已有日历,只能有一个", all[i]->name);
            return;
        }
    }
}

void check_categories(const struct pack *p, const struct json *section, const struct pack *const *all,
                      struct pack_report *r)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    read_categories(a, section, list, r);
    for (guint i = 0; i < list->len; i++) {
        const struct category *c = list->pdata[i];
        bool elsewhere = false;
        for (int k = 0; all[k] != NULL && all[k] != p; k++) {
            const struct json *other = json_get(all[k]->root, "categories");
            elsewhere =
                elsewhere || in_classes(json_get(other, c->component ? "components" : "matters"), c->code);
        }
        g_autofree char *key = g_strdup_printf("%s %s", c->component ? "component" : "matter", c->code);
        if (elsewhere || g_hash_table_contains(seen, key)) {
            r->mistake(r, c->title, "The category %s stands twice", "类别 %s 重复", c->code);
        }
        g_hash_table_add(seen, arena_strdup(a, key));
    }
}

/* ---- in force ---- */

struct first_mistake {
    struct pack_report report; /* first: cast back */
    struct error *e;
};

static void keep_first(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    struct first_mistake *m = (struct first_mistake *)r;
    if (r->mistakes++ > 0) {
        return;
    }
    va_list args, again;
    va_start(args, zh);
    va_copy(again, args);
    g_autofree char *first_en = g_strdup_vprintf(en, args);
    g_autofree char *first_zh = g_strdup_vprintf(zh, again);
    va_end(again);
    va_end(args);
    error_set(m->e, ERROR_BAD_REQUEST_DATA, "A pack has mistakes (run: zhongshu packs check), first: %s%.0s",
              "应用包有错误(请运行 zhongshu packs check),第一处:%.0s%s", first_en, first_zh);
}

static void take_rule(struct playbook *p, const struct json *rule)
{
    const char *name = json_get_string(rule, "name");
    if (name == NULL) {
        return;
    }
    struct rule_case *c = arena_new0(p->arena, struct rule_case);
    c->type = json_get_string(rule, "type");
    c->workflow = json_get_string(rule, "case");
    c->category = json_get_string(rule, "category");
    g_hash_table_insert(p->rules, (void *)name, c);
}

static void take_pack(struct playbook *p, const struct pack *pack, struct pack_report *r)
{
    const char *name = arena_strdup(p->arena, pack->name);
    const struct json *root = json_copy(p->arena, pack->root);
    const struct json *calendar = json_get(root, "calendar");
    if (calendar != NULL) {
        p->calendar = calendar_parse(p->arena, calendar, r);
    }
    for (const struct json *c = json_first(json_get(root, "workflows")); c != NULL; c = c->next) {
        const struct workflow *w = workflow_parse(p->arena, name, c, r);
        if (w != NULL) {
            g_ptr_array_add(p->workflows, (void *)w);
        }
    }
    if (json_get(root, "categories") != NULL) {
        read_categories(p->arena, json_get(root, "categories"), p->categories, r);
    }
    for (const struct json *role = json_first(json_get(root, "roles")); role != NULL; role = role->next) {
        g_hash_table_insert(p->roles, (void *)role->key, (void *)json_get(role, "title"));
    }
    for (const struct json *rule = json_first(json_get(root, "rules")); rule != NULL; rule = rule->next) {
        take_rule(p, rule);
    }
}

struct playbook *playbook_new(const struct pack *const *packs, struct error *e)
{
    struct playbook *p = g_new0(struct playbook, 1);
    p->references = 1;
    p->arena = arena_new();
    p->workflows = g_ptr_array_new();
    p->categories = g_ptr_array_new();
    p->matters = g_hash_table_new(g_str_hash, g_str_equal);
    p->roles = g_hash_table_new(g_str_hash, g_str_equal);
    p->rules = g_hash_table_new(g_str_hash, g_str_equal);
    struct first_mistake m = {{.mistake = keep_first}, e};
    for (int i = 0; packs[i] != NULL; i++) {
        take_pack(p, packs[i], &m.report);
    }
    if (m.report.mistakes > 0) {
        playbook_unref(p);
        return NULL;
    }
    if (p->calendar == NULL) {
        p->calendar = calendar_default(p->arena);
    }
    for (guint i = 0; i < p->categories->len; i++) {
        struct category *c = p->categories->pdata[i];
        if (!c->component) {
            g_hash_table_insert(p->matters, (void *)c->code, c);
        }
    }
    return p;
}

struct playbook *playbook_ref(struct playbook *p)
{
    g_atomic_int_inc(&p->references);
    return p;
}

void playbook_unref(struct playbook *p)
{
    if (p == NULL || !g_atomic_int_dec_and_test(&p->references)) {
        return;
    }
    g_ptr_array_unref(p->workflows);
    g_ptr_array_unref(p->categories);
    g_hash_table_unref(p->matters);
    g_hash_table_unref(p->roles);
    g_hash_table_unref(p->rules);
    arena_free(p->arena);
    g_free(p);
}

const struct workflow *playbook_workflow(const struct playbook *p, const char *name)
{
    for (guint i = 0; name != NULL && i < p->workflows->len; i++) {
        const struct workflow *w = p->workflows->pdata[i];
        if (strcmp(w->name, name) == 0) {
            return w;
        }
    }
    return NULL;
}

const struct category *playbook_category(const struct playbook *p, const char *code)
{
    return code != NULL ? g_hash_table_lookup(p->matters, code) : NULL;
}

char *playbook_roles_text(const struct playbook *p, struct arena *a, const char *const *roles, bool chinese)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (int i = 0; roles[i] != NULL; i++) {
        const struct json *title = g_hash_table_lookup(p->roles, roles[i]);
        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", roles[i]);
        if (title != NULL) {
            g_string_append_printf(out, " (%s)", section_text(title, chinese));
        }
    }
    return arena_strdup(a, out->str);
}

/* ---- alarms ---- */

static const struct alarm_match *match(const struct alarm_match *list, int count, const char *rule,
                                       const char *type)
{
    for (int i = 0; i < count; i++) {
        if ((list[i].rule == NULL || g_strcmp0(list[i].rule, rule) == 0) &&
            (list[i].type == NULL || g_strcmp0(list[i].type, type) == 0)) {
            return &list[i];
        }
    }
    return NULL;
}

static const struct workflow *asked_for(const struct playbook *p, const char *rule, const char *type,
                                        const struct rule_case *said, const struct alarm_match **by)
{
    if (said != NULL && said->workflow != NULL) {
        const struct workflow *w = playbook_workflow(p, said->workflow);
        *by = w != NULL ? match(w->from, w->from_count, rule, type) : NULL;
        return w;
    }
    for (guint i = 0; i < p->workflows->len; i++) {
        const struct workflow *w = p->workflows->pdata[i];
        *by = match(w->from, w->from_count, rule, type);
        if (*by != NULL) {
            return w;
        }
    }
    return NULL;
}

const struct workflow *playbook_for_alarm(const struct playbook *p, const char *rule, const char *type,
                                          const char **category)
{
    const struct rule_case *said = rule != NULL ? g_hash_table_lookup(p->rules, rule) : NULL;
    if (type == NULL && said != NULL) {
        type = said->type;
    }
    const struct alarm_match *by = NULL;
    const struct workflow *w = asked_for(p, rule, type, said, &by);
    if (w == NULL) {
        return NULL;
    }
    if (by == NULL || by->category == NULL) {
        by = match(w->categorise, w->categorise_count, rule, type);
    }
    *category = said != NULL && said->category != NULL ? said->category : by != NULL ? by->category : NULL;
    return w;
}
