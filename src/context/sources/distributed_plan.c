/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the sources that it concerns, and to the part of it that each of them is registered for.
 */
#include "context/sources/distributed_plan.h"

#include <string.h>

#include "context/sources/entity_map.h"

void distributed_start(void)
{
    forward_start();
}

void distributed_stop(void)
{
    forward_stop();
    entity_map_clear();
}

bool distributed_is_local(struct call *c)
{
    return c->space->kind == SPACE_SNAPSHOT || registry_is_empty(c->space->registry) ||
           g_strcmp0(request_query(c->request, "local"), "true") == 0;
}

bool distributed_read_is_local(struct call *c)
{
    return distributed_is_local(c) && request_query(c->request, "entityMap") == NULL &&
           request_header(c->request, "NGSILD-EntityMap") == NULL;
}

enum fragment_rank plan_rank(const struct registration *r)
{
    static const enum fragment_rank ranks[] = {[REGISTRATION_EXCLUSIVE] = FRAGMENT_EXCLUSIVE,
                                               [REGISTRATION_REDIRECT] = FRAGMENT_REDIRECT,
                                               [REGISTRATION_INCLUSIVE] = FRAGMENT_EQUAL,
                                               [REGISTRATION_AUXILIARY] = FRAGMENT_AUXILIARY};
    return ranks[r->mode];
}

/* ---- which sources ---- */

static const char *expand(void *user, struct arena *a, const char *name)
{
    return ld_expand(user, a, name);
}

bool plan_begin(struct call *c, struct registry_query *q, struct q **csf, uint64_t operations,
                struct error *e)
{
    const char *text = request_query(c->request, "csf");
    const struct q_options options = {.names = {expand, c->ctx}};
    *csf = NULL;
    if (forward_is_loop(c)) {
        return error_set(
            e, ERROR_LOOP,
            "This request has been here before: registrations lead in a circle; take one out, or give "
            "it a contextSourceAlias or management.localOnly",
            "此请求已经过本中枢：注册形成循环；请删除其中一个注册，或为其设置 contextSourceAlias 或 "
            "management.localOnly");
    }
    if (text != NULL && (*csf = q_compile(text, &options, e)) == NULL) {
        error_prefix(e, "csf");
        return false;
    }
    *q = (struct registry_query){
        .operations = operations, .csf = *csf, .via = request_header(c->request, "Via")};
    return true;
}

static void take_selector(struct registry_query *q, const struct entity_selector *s)
{
    q->ids = s->ids;
    q->ids_count = s->ids_count;
    q->id_pattern = s->id_pattern != NULL ? g_regex_get_pattern(s->id_pattern) : NULL;
    q->type = s->type;
}

/* Attributes matter where they are all that the request looks at. */
static void take_attributes(struct registry_query *q, const struct distributed_query *d)
{
    if (d->query->q == NULL && d->query->geo == NULL && d->query->attrs != NULL) {
        q->attributes = d->query->attrs;
        q->attributes_count = d->query->attrs_count;
    }
}

static bool any_selector_matches(struct call *c, struct registration *r, struct registry_query q,
                                 const struct entity_query *query)
{
    for (int i = 0; i < query->selectors_count; i++) {
        struct registry_match m;
        take_selector(&q, &query->selectors[i]);
        if (registration_match(r, c->arena, &q, &m)) {
            return true;
        }
    }
    return query->selectors_count == 0;
}

/* With several selectors the sources are those of any of them. */
static struct registry_matches match_any(struct call *c, const struct registry_query *q,
                                         const struct entity_query *query)
{
    struct registry_matches all = registry_match(c->space->registry, c->arena, q);
    struct registry_match *kept = arena_array(c->arena, struct registry_match, all.count + 1);
    int n = 0;
    for (int i = 0; i < all.count; i++) {
        if (any_selector_matches(c, all.items[i].registration, *q, query)) {
            kept[n++] = all.items[i];
        } else {
            registration_unref(all.items[i].registration);
        }
    }
    return (struct registry_matches){kept, n};
}

bool plan_query(struct call *c, const struct distributed_query *d, uint64_t operations,
                struct registry_matches *matches, struct error *e)
{
    struct registry_query q;
    struct q *csf;
    *matches = (struct registry_matches){0};
    if (distributed_is_local(c)) {
        return true;
    }
    if (!plan_begin(c, &q, &csf, operations, e)) {
        return false;
    }
    q.scope = d->query->scope;
    q.datasets = d->render->datasets;
    q.geo = d->query->geo;
    q.geo_property = d->query->geo_property;
    take_attributes(&q, d);
    if (d->query->selectors_count == 1) {
        take_selector(&q, &d->query->selectors[0]);
        *matches = registry_match(c->space->registry, c->arena, &q);
    } else {
        *matches = match_any(c, &q, d->query);
    }
    q_free(csf);
    return true;
}

/* ---- what a source is asked for ---- */

/* The entities it is registered for, as far as they match; *all false when some part names none. */
static GPtrArray *registered(const struct registry_match *m, bool *all)
{
    GPtrArray *list = g_ptr_array_new();
    *all = true;
    for (int i = 0; i < m->parts_count; i++) {
        *all = *all && m->parts[i].entities_count > 0;
        for (int k = 0; k < m->parts[i].entities_count; k++) {
            g_ptr_array_add(list, (void *)m->parts[i].entities[k]);
        }
    }
    return list;
}

static void add_once(GPtrArray *names, const char *name)
{
    for (guint i = 0; i < names->len; i++) {
        if (strcmp(names->pdata[i], name) == 0) {
            return;
        }
    }
    g_ptr_array_add(names, (void *)name);
}

static GPtrArray *registered_types(const struct registry_match *m)
{
    bool all;
    g_autoptr(GPtrArray) entities = registered(m, &all);
    GPtrArray *types = g_ptr_array_new();
    for (guint i = 0; all && i < entities->len; i++) {
        const struct registration_entity *entity = entities->pdata[i];
        for (const struct json *t = json_first(entity->types); t != NULL; t = t->next) {
            add_once(types, t->string);
        }
    }
    return types;
}

void plan_types(struct forward *f, struct gather *g, const struct type_query *type)
{
    int count = 0;
    const char *const *asked = type != NULL ? type_query_any_of(type, &count) : NULL;
    g_autoptr(GPtrArray) types = registered_types(f->match);
    g_autoptr(GPtrArray) both = g_ptr_array_new();
    for (int i = 0; asked != NULL && i < count; i++) {
        if (types->len == 0 || g_ptr_array_find_with_equal_func(types, asked[i], g_str_equal, NULL)) {
            g_ptr_array_add(both, (void *)asked[i]);
        }
    }
    const GPtrArray *said = both->len > 0 ? both : types;
    forward_names(f, "type", (const char *const *)said->pdata, (int)said->len);
}

static bool is_registered(const GPtrArray *entities, bool all, const char *id)
{
    for (guint i = 0; i < entities->len; i++) {
        const struct registration_entity *entity = entities->pdata[i];
        if (entity->id != NULL           ? strcmp(entity->id, id) == 0
            : entity->id_pattern != NULL ? g_regex_match(entity->id_pattern, id, 0, NULL)
                                         : true) {
            return true;
        }
    }
    return !all;
}

static void select_ids(struct forward *f, const GPtrArray *entities, bool all,
                       const struct entity_selector *s)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (int i = 0; i < s->ids_count; i++) {
        if (is_registered(entities, all, s->ids[i])) {
            g_string_append_printf(list, "%s%s", list->len > 0 ? "," : "", s->ids[i]);
        }
    }
    if (list->len > 0) {
        forward_parameter(f, "id", list->str);
    }
}

/* The registered ids and patterns, as ids or as one pattern; nothing where any id is registered. */
static void select_registered(struct forward *f, const GPtrArray *entities)
{
    g_autoptr(GString) ids = g_string_new(NULL);
    g_autoptr(GString) pattern = g_string_new(NULL);
    bool patterns = false;
    for (guint i = 0; i < entities->len; i++) {
        const struct registration_entity *entity = entities->pdata[i];
        const char *between = i > 0 ? "|" : "";
        if (entity->id == NULL && entity->id_pattern == NULL) {
            return;
        }
        patterns = patterns || entity->id == NULL;
        if (entity->id != NULL) {
            g_autofree char *escaped = g_regex_escape_string(entity->id, -1);
            g_string_append_printf(ids, "%s%s", i > 0 ? "," : "", entity->id);
            g_string_append_printf(pattern, "%s^%s$", between, escaped);
        } else {
            g_string_append_printf(pattern, "%s%s", between, g_regex_get_pattern(entity->id_pattern));
        }
    }
    if (entities->len > 0) {
        forward_parameter(f, patterns ? "idPattern" : "id", patterns ? pattern->str : ids->str);
    }
}

void plan_select(struct forward *f, struct gather *g, const struct entity_selector *selector)
{
    bool all;
    g_autoptr(GPtrArray) entities = registered(f->match, &all);
    plan_types(f, g, selector != NULL ? selector->type : NULL);
    if (selector != NULL && selector->ids_count > 0) {
        select_ids(f, entities, all, selector);
    } else if (selector != NULL && selector->id_pattern != NULL) {
        forward_parameter(f, "idPattern", g_regex_get_pattern(selector->id_pattern));
    } else if (all) {
        select_registered(f, entities);
    }
}
