/* SPDX-License-Identifier: Apache-2.0 */
/* Types and attributes that there are, here and at sources (5.7.5 – 5.7.11): lists joined, counts added up.
 */
#include <string.h>

#include "context/sources/distributed_plan.h"

struct discovery {
    struct gather *gather;
    struct registry_matches matches;
    struct json *body; /* what is known here; NULL = nothing */
    void (*reply)(struct call *c, struct json *body);
    const char *name;
};

/* ---- names of a source to those of the client ---- */

static bool holds_names(const char *key)
{
    static const char *const keys[] = {
        "typeList", "attributeList", "attributeNames", "typeNames", "typeName", "attributeName", NULL};
    return key != NULL && g_strv_contains(keys, key);
}

static void rename(struct call *c, const struct forward *f, struct json *value, bool names)
{
    if (value->type == JSON_STRING && names) {
        value->string = ld_compact(c->ctx, c->arena, ld_expand(f->ctx, c->arena, value->string));
        value->length = (uint32_t)strlen(value->string);
    }
    for (struct json *m = json_is(value, JSON_ARRAY) || json_is(value, JSON_OBJECT) ? value->first : NULL;
         m != NULL; m = m->next) {
        rename(c, f, m, value->type == JSON_ARRAY ? names : holds_names(m->key));
    }
}

/* ---- only what the source is registered for ---- */

static bool has_type(const struct registry_match *m, const char *type)
{
    for (int i = 0; i < m->parts_count; i++) {
        const struct registration_info *info = m->parts[i].info;
        bool found = info->entities_count == 0;
        for (int k = 0; k < info->entities_count; k++) {
            const struct json *t = json_first(info->entities[k].types);
            for (; t != NULL; t = t->next) {
                found = found || strcmp(t->string, type) == 0;
            }
        }
        if (found) {
            return true;
        }
    }
    return false;
}

static bool has_attribute(const struct registry_match *m, const char *attribute)
{
    for (int i = 0; i < m->parts_count; i++) {
        const char *const *names = m->parts[i].info->attributes;
        if (names == NULL || g_strv_contains(names, attribute)) {
            return true;
        }
    }
    return false;
}

/* An element of a list: a name, or an object that has one. */
static bool is_offered(struct call *c, const struct forward *f, const struct json *one, bool types)
{
    const char *name =
        json_is(one, JSON_STRING) ? one->string : json_get_string(one, types ? "typeName" : "attributeName");
    const char *stored = name != NULL ? ld_expand(f->ctx, c->arena, name) : NULL;
    return stored != NULL && (types ? has_type(f->match, stored) : has_attribute(f->match, stored));
}

static void keep_offered(struct call *c, const struct forward *f, struct json *value)
{
    struct json *list = value;
    bool types = g_str_has_prefix(f->path->str, "/types");
    if (json_is(value, JSON_OBJECT)) {
        list = json_get(value, types ? "typeList" : "attributeList");
    }
    if (!json_is(list, JSON_ARRAY)) {
        return;
    }
    struct json *next = list->first;
    list->first = list->last = NULL;
    list->length = 0;
    for (struct json *one = next; one != NULL; one = next) {
        next = one->next;
        one->next = NULL;
        if (is_offered(c, f, one, types)) {
            json_append(list, one);
        }
    }
}

/* ---- joining ---- */

static void join(struct arena *a, struct json *into, const struct json *more);

static struct json *with_id(const struct json *list, const char *id)
{
    for (struct json *one = list->first; one != NULL; one = one->next) {
        if (json_streq(json_get(one, "id"), id)) {
            return one;
        }
    }
    return NULL;
}

static bool has_text(const struct json *list, const char *text)
{
    for (const struct json *one = list->first; one != NULL; one = one->next) {
        if (json_streq(one, text)) {
            return true;
        }
    }
    return false;
}

static void join_list(struct arena *a, struct json *into, const struct json *more)
{
    for (const struct json *one = json_first(more); one != NULL; one = one->next) {
        const char *id = json_get_string(one, "id");
        struct json *there = id != NULL ? with_id(into, id) : NULL;
        if (there != NULL) {
            join(a, there, one);
        } else if (one->type == JSON_OBJECT || (one->type == JSON_STRING && !has_text(into, one->string))) {
            json_append(into, json_copy(a, one));
        }
    }
}

static void join(struct arena *a, struct json *into, const struct json *more)
{
    for (const struct json *m = json_first(more); m != NULL; m = m->next) {
        struct json *there = json_get(into, m->key);
        if (there == NULL) {
            json_set(a, into, arena_strdup(a, m->key), json_copy(a, m));
        } else if (json_is(there, JSON_ARRAY)) {
            join_list(a, there, m);
        } else if (json_is(there, JSON_INT) && json_is(m, JSON_INT)) {
            there->integer += m->integer;
        }
    }
}

/* ---- the whole ---- */

static void take(struct discovery *d, struct forward *f)
{
    struct call *c = &d->gather->call;
    gather_warn_read(d->gather, f);
    struct json *value = forward_ok(f) ? json_parse(c->arena, f->text, f->length, NULL) : NULL;
    bool fits =
        value != NULL && (d->body != NULL ? value->type == d->body->type : value->type == JSON_OBJECT);
    if (!fits) {
        if (forward_ok(f)) {
            gather_warn(d->gather, 111, f, "its answer is not what NGSI-LD says");
        }
        return;
    }
    keep_offered(c, f, value);
    rename(c, f, value, false);
    if (d->body == NULL) {
        d->body = value;
    } else if (value->type == JSON_ARRAY) {
        join_list(c->arena, d->body, value);
    } else {
        join(c->arena, d->body, value);
    }
}

static void answered(struct gather *g)
{
    struct discovery *d = g->user;
    for (guint i = 0; i < g->forwards->len; i++) {
        take(d, g->forwards->pdata[i]);
    }
    gather_reply_warnings(g);
    if (d->body != NULL) {
        d->reply(&g->call, d->body);
    } else {
        struct error e;
        error_set(&e, ERROR_NOT_FOUND, "No entity has %s, here or at a context source",
                  "本中枢和上下文源均没有 %s", d->name);
        reply_error(g->call.request, &e);
    }
    registry_matches_clear(&d->matches);
    gather_end(g);
}

static void ask(struct discovery *d, const struct registry_match *m, const struct distributed_discovery *what)
{
    struct gather *g = d->gather;
    struct forward *f = gather_add(g, m, "GET", "/%s", what->collection);
    if (what->name != NULL) {
        g_autofree char *name =
            g_uri_escape_string(ld_compact(f->ctx, g->call.arena, what->name), NULL, FALSE);
        g_autofree char *parameters = g_strdup(f->has_parameters ? strchr(f->path->str, '?') : "");
        g_string_printf(f->path, "/%s/%s%s", what->collection, name, parameters);
    }
    if (what->details) {
        forward_parameter(f, "details", "true");
    }
}

bool distributed_discover(struct call *c, const struct distributed_discovery *what, struct json *body,
                          void (*reply)(struct call *c, struct json *body), struct error *e)
{
    struct registry_query q;
    struct q *csf;
    if (!plan_begin(c, &q, &csf, OPERATION_BIT(what->operation), e)) {
        return false;
    }
    struct discovery *d = arena_new0(c->arena, struct discovery);
    *d = (struct discovery){.gather = gather_new(c), .body = body, .reply = reply, .name = what->name};
    d->gather->user = d;
    if (what->operation == OP_RETRIEVE_ENTITY_TYPE_INFO) {
        struct json *types = json_array(c->arena);
        json_append(types, json_string(c->arena, what->name));
        q.types = types;
    } else if (what->name != NULL) {
        q.attributes = &what->name;
        q.attributes_count = 1;
    }
    d->matches = registry_match(c->space->registry, c->arena, &q);
    for (int i = 0; i < d->matches.count; i++) {
        ask(d, &d->matches.items[i], what);
    }
    gather_run(d->gather, answered);
    return true;
}
