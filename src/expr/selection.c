/* SPDX-License-Identifier: Apache-2.0 */
/* Scope queries (ETSI GS CIM 009 V1.9.1, 4.19) and type selections (4.17): alternatives of things that must
 * all hold. */
#include <string.h>

#include "base/limits.h"
#include "expr/expr.h"

/* What both languages share: "a|(b;c)" or "a,(b;c)" is a list of groups, each a list of items. */
struct group {
    GPtrArray *items; /* const char * in the arena */
};
struct selection {
    struct arena *a;
    GPtrArray *groups; /* struct group * in the arena, items owned */
    int items;
    const char *parameter; /* "scopeQ" or "type", for sentences */
};

static void selection_init(struct selection *s, const char *parameter)
{
    s->a = arena_new();
    s->groups = g_ptr_array_new();
    s->parameter = parameter;
}

static void selection_clear(struct selection *s)
{
    for (guint i = 0; i < s->groups->len; i++) {
        g_ptr_array_unref(((struct group *)g_ptr_array_index(s->groups, i))->items);
    }
    g_ptr_array_unref(s->groups);
    arena_free(s->a);
}

static void skip_space(const char **p)
{
    while (**p == ' ') {
        (*p)++;
    }
}

static bool refuse(const struct selection *s, const char *text, struct error *e)
{
    return error_set(e, ERROR_BAD_REQUEST_DATA,
                     "%s \"%.200s\" is not complete: write A, A|B, A,B or (A;B) for both at once",
                     "%s“%.200s”不完整：请写成 A、A|B、A,B，或以 (A;B) 表示同时满足", s->parameter, text);
}

/* One name up to the next of ; | , ( ) */
static bool parse_item(struct selection *s, const char **p, struct group *g)
{
    skip_space(p);
    size_t n = strcspn(*p, ";|,()");
    const char *item = g_strchomp(arena_strndup(s->a, *p, n));
    *p += n;
    if (*item == '\0' || ++s->items > LIMIT_QUERY_NODES || strlen(item) > LIMIT_ID) {
        return false;
    }
    g_ptr_array_add(g->items, (gpointer)item);
    return true;
}

static bool parse_group(struct selection *s, const char **p)
{
    struct group *g = arena_new0(s->a, struct group);
    g->items = g_ptr_array_new();
    g_ptr_array_add(s->groups, g);
    skip_space(p);
    if (**p != '(') {
        return parse_item(s, p, g);
    }
    do {
        (*p)++;
        if (!parse_item(s, p, g)) {
            return false;
        }
    } while (**p == ';');
    if (**p != ')') {
        return false;
    }
    (*p)++;
    skip_space(p);
    return true;
}

static bool selection_parse(struct selection *s, const char *text, struct error *e)
{
    const char *p = text;
    if (!g_utf8_validate(text, -1, NULL)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "%s is not UTF-8", "%s 不是 UTF-8 文本", s->parameter);
    }
    while (true) {
        if (!parse_group(s, &p)) {
            return s->items > LIMIT_QUERY_NODES
                       ? error_set(e, ERROR_TOO_COMPLEX, "%s has more than %d parts; ask in parts",
                                   "%s 超过 %d 项；请拆分查询", s->parameter, LIMIT_QUERY_NODES)
                       : refuse(s, text, e);
        }
        if (*p != '|' && *p != ',') {
            break;
        }
        p++;
    }
    return *p == '\0' || refuse(s, text, e);
}

/* Calls holds for the items: true when all of some group hold. */
static bool selection_matches(const struct selection *s,
                              bool (*holds)(const char *item, const struct json *list),
                              const struct json *list)
{
    for (guint i = 0; i < s->groups->len; i++) {
        const struct group *g = g_ptr_array_index(s->groups, i);
        guint n = 0;
        while (n < g->items->len && holds(g_ptr_array_index(g->items, n), list)) {
            n++;
        }
        if (n == g->items->len) {
            return true;
        }
    }
    return false;
}

/* ---- scopes ---- */

struct scope_query {
    struct selection s;
    const char *prefix;
};

/* Does a pattern ("/a/+/c", "/a/#") match one scope? */
static bool scope_matches(const char *pattern, const char *scope)
{
    pattern += *pattern == '/';
    scope += *scope == '/';
    while (true) {
        if (strcmp(pattern, "#") == 0) {
            return true;
        }
        size_t n = strcspn(pattern, "/");
        size_t m = strcspn(scope, "/");
        bool any = n == 1 && *pattern == '+';
        if (m == 0 || (!any && (n != m || memcmp(pattern, scope, n) != 0))) {
            return false;
        }
        pattern += n;
        scope += m;
        if (*pattern == '\0' || *scope == '\0') {
            return *scope == '\0' && (*pattern == '\0' || strcmp(pattern, "/#") == 0);
        }
        pattern++;
        scope++;
    }
}

static bool any_scope_matches(const char *pattern, const struct json *scopes)
{
    if (json_is(scopes, JSON_STRING)) {
        return scope_matches(pattern, scopes->string);
    }
    for (const struct json *c = json_first(scopes); c != NULL; c = c->next) {
        if (json_is(c, JSON_STRING) && scope_matches(pattern, c->string)) {
            return true;
        }
    }
    return false;
}

static bool check_pattern(const char *pattern, struct error *e)
{
    for (const char *p = pattern + (*pattern == '/');; p++) {
        size_t n = strcspn(p, "/");
        bool wild = memchr(p, '+', n) != NULL || memchr(p, '#', n) != NULL;
        bool last = p[n] == '\0';
        if (n == 0 || (wild && n > 1) || (*p == '#' && !last)) {
            return error_set(
                e, ERROR_BAD_REQUEST_DATA,
                "scopeQ \"%.200s\": write /a/b; + stands for one whole level, # for all below, at the end",
                "scopeQ“%.200s”：请写成 /a/b；+ 代表一整级，# 代表其下所有级别且只能在末尾", pattern);
        }
        if (last) {
            return true;
        }
        p += n;
    }
}

/* The literal part before any wildcard, when there is only one pattern. */
static const char *literal_prefix(struct selection *s)
{
    const struct group *g = g_ptr_array_index(s->groups, 0);
    const char *pattern = g_ptr_array_index(g->items, 0);
    if (s->groups->len > 1) {
        return NULL;
    }
    pattern += *pattern == '/';
    size_t wild = strcspn(pattern, "+#");
    size_t n = pattern[wild] != '\0' && wild > 0 ? wild - 1 : wild;
    return n > 0 ? arena_printf(s->a, "/%.*s", (int)n, pattern) : NULL;
}

struct scope_query *scope_query_compile(const char *text, struct error *e)
{
    g_autoptr(scope_query_autoptr_target) q = g_new0(struct scope_query, 1);
    selection_init(&q->s, "scopeQ");
    if (!selection_parse(&q->s, text, e)) {
        return NULL;
    }
    for (guint i = 0; i < q->s.groups->len; i++) {
        const struct group *g = g_ptr_array_index(q->s.groups, i);
        for (guint n = 0; n < g->items->len; n++) {
            if (!check_pattern(g_ptr_array_index(g->items, n), e)) {
                return NULL;
            }
        }
    }
    q->prefix = literal_prefix(&q->s);
    return g_steal_pointer(&q);
}

void scope_query_free(struct scope_query *q)
{
    if (q != NULL) {
        selection_clear(&q->s);
        g_free(q);
    }
}

bool scope_query_matches(const struct scope_query *q, const struct json *scopes)
{
    return selection_matches(&q->s, any_scope_matches, scopes);
}

const char *scope_query_prefix(const struct scope_query *q)
{
    return q->prefix;
}

/* ---- types ---- */

struct type_query {
    struct selection s;
    const char **any_of; /* NULL = every type */
    int count;
};

static bool has_type(const char *name, const struct json *types)
{
    if (strcmp(name, "*") == 0) {
        return true;
    }
    if (json_is(types, JSON_STRING)) {
        return strcmp(types->string, name) == 0;
    }
    for (const struct json *c = json_first(types); c != NULL; c = c->next) {
        if (json_streq(c, name)) {
            return true;
        }
    }
    return false;
}

static void expand_types(struct selection *s, const struct expr_names *names)
{
    for (guint i = 0; i < s->groups->len; i++) {
        const struct group *g = g_ptr_array_index(s->groups, i);
        for (guint n = 0; n < g->items->len; n++) {
            const char *name = g_ptr_array_index(g->items, n);
            if (strcmp(name, "*") != 0) {
                g->items->pdata[n] = arena_strdup(s->a, names->expand(names->user, s->a, name));
            }
        }
    }
}

/* One type of each group, each once. */
static void collect_types(struct type_query *q)
{
    q->any_of = arena_array(q->s.a, const char *, q->s.groups->len + 1);
    for (guint i = 0; i < q->s.groups->len; i++) {
        const struct group *g = g_ptr_array_index(q->s.groups, i);
        const char *name = g_ptr_array_index(g->items, 0);
        if (strcmp(name, "*") == 0) {
            q->any_of = NULL;
            return;
        }
        int n = 0;
        while (n < q->count && strcmp(q->any_of[n], name) != 0) {
            n++;
        }
        if (n == q->count) {
            q->any_of[q->count++] = name;
        }
    }
}

struct type_query *type_query_compile(const char *text, const struct expr_names *names, struct error *e)
{
    g_autoptr(type_query_autoptr_target) q = g_new0(struct type_query, 1);
    selection_init(&q->s, "type");
    if (!selection_parse(&q->s, text, e)) {
        return NULL;
    }
    if (names != NULL && names->expand != NULL) {
        expand_types(&q->s, names);
    }
    collect_types(q);
    return g_steal_pointer(&q);
}

void type_query_free(struct type_query *q)
{
    if (q != NULL) {
        selection_clear(&q->s);
        g_free(q);
    }
}

bool type_query_matches(const struct type_query *q, const struct json *types)
{
    return selection_matches(&q->s, has_type, types);
}

const char *const *type_query_any_of(const struct type_query *q, int *count)
{
    if (count != NULL) {
        *count = q->any_of != NULL ? q->count : 0;
    }
    return q->any_of;
}
