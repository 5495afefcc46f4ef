/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to one entity, split by what is registered (5.6.1 – 5.6.6, 5.6.17 – 5.6.19, 4.3.6): what an
 * exclusive or redirect registration claims goes there and is not kept here; inclusive ones get a copy;
 * auxiliary ones nothing. */
#include "context/sources/distributed_write.h"
#include "context/sources/distributed_split.h"

#include <string.h>

#include "context/entity/entity.h"

/* ---- the request to a source ---- */

static struct forward *start_forward(struct spread_write *s, const struct registry_match *m)
{
    struct gather *g = s->gather;
    const char *attribute = request_param(g->call.request, "attr");
    g_autofree char *id = g_uri_escape_string(s->id, ":", FALSE);
    g_autofree char *attr = g_uri_escape_string(attribute, NULL, FALSE);
    switch (s->operation) {
    case OP_CREATE_ENTITY: return gather_add(g, m, "POST", "/entities");
    case OP_MERGE_ENTITY: return gather_add(g, m, "PATCH", "/entities/%s", id);
    case OP_REPLACE_ENTITY: return gather_add(g, m, "PUT", "/entities/%s", id);
    case OP_DELETE_ENTITY: return gather_add(g, m, "DELETE", "/entities/%s", id);
    case OP_APPEND_ATTRS: return gather_add(g, m, "POST", "/entities/%s/attrs", id);
    case OP_UPDATE_ENTITY: return gather_add(g, m, "PATCH", "/entities/%s/attrs", id);
    case OP_UPDATE_ATTRS: return gather_add(g, m, "PATCH", "/entities/%s/attrs/%s", id, attr);
    case OP_REPLACE_ATTRS: return gather_add(g, m, "PUT", "/entities/%s/attrs/%s", id, attr);
    default: return gather_add(g, m, "DELETE", "/entities/%s/attrs/%s", id, attr);
    }
}

static bool is_about_one_attribute(enum registration_operation operation)
{
    return operation == OP_UPDATE_ATTRS || operation == OP_REPLACE_ATTRS || operation == OP_DELETE_ATTRS;
}

static void add_body(struct spread_write *s, struct forward *f, const char *const *attributes)
{
    struct arena *a = s->gather->call.arena;
    struct render render = forward_render(s->gather, f);
    GString *text = g_string_sized_new(512);
    if (is_about_one_attribute(s->operation)) {
        render_attribute(text, json_get(s->given, attributes[0]), &render);
    } else {
        render_entity(text, split_fragment(a, s->given, attributes), &render);
    }
    forward_body(f, text);
}

static void add_parameters(struct spread_write *s, struct forward *f)
{
    struct write_call *w = s->write;
    if (s->operation == OP_DELETE_ATTRS && w->all) {
        forward_parameter(f, "deleteAll", "true");
    }
    if (s->operation == OP_DELETE_ATTRS && w->dataset != NULL) {
        forward_parameter(f, "datasetId", w->dataset);
    }
    if (s->operation == OP_APPEND_ATTRS && w->how.mode == CONTEXT_APPEND) {
        forward_parameter(f, "options", "noOverwrite");
    }
    if (w->type != NULL && s->operation != OP_CREATE_ENTITY) {
        plan_types(f, s->gather, w->type);
    }
}

/* The name in the path is the client's; the source gets it as stored, or by its own context. */
static void rename_path(struct spread_write *s, struct forward *f, const char *attribute)
{
    char *slash = strrchr(f->path->str, '/');
    g_autofree char *name =
        g_uri_escape_string(ld_compact(f->ctx, s->gather->call.arena, attribute), NULL, FALSE);
    g_autofree char *query = g_strdup(strchr(f->path->str, '?'));
    if (slash != NULL) {
        g_string_truncate(f->path, (gsize)(slash + 1 - f->path->str));
        g_string_append_printf(f->path, "%s%s", name, query != NULL ? query : "");
    }
}

static void forward_part(struct spread_write *s, const struct registry_match *m,
                         const char *const *attributes)
{
    struct arena *a = s->gather->call.arena;
    bool offered = (m->registration->operations & OPERATION_BIT(s->operation)) != 0;
    bool proxied = m->registration->mode <= REGISTRATION_REDIRECT;
    if (!offered && !proxied) {
        return;
    }
    struct forward *f = offered ? start_forward(s, m) : gather_add_unsent(s->gather, m, FORWARD_UNSUPPORTED);
    struct write_part *part = arena_new0(a, struct write_part);
    part->attributes = attributes;
    f->user = part;
    if (!offered) {
        return;
    }
    if (is_about_one_attribute(s->operation) && attributes[0] != NULL) { /* NULL: the scope */
        rename_path(s, f, attributes[0]);
    }
    add_parameters(s, f);
    if (s->given != NULL) {
        add_body(s, f, attributes);
    }
}

/* ---- who gets what ---- */

static void spread(struct spread_write *s, const char *const *attributes, int count)
{
    struct arena *a = s->gather->call.arena;
    bool deletes = s->operation == OP_DELETE_ENTITY;
    struct split split = split_entity(a, &s->matches, attributes, count, deletes);
    for (int i = 0; i < split.count; i++) {
        forward_part(s, split.parts[i].match, split.parts[i].attributes);
    }
    s->here = split.here;
    if (s->given != NULL && split.rest_count < count) {
        s->write->fragment = split_fragment(a, s->given, split.rest);
    }
}

/* ---- the part here ---- */

static void end(struct spread_write *s)
{
    write_call_clear(s->write);
    registry_matches_clear(&s->matches);
    gather_end(s->gather);
}

static void finish(struct spread_write *s)
{
    spread_write_reply(s);
    end(s);
}

static void done_here(struct store_job *job, const struct error *e)
{
    struct spread_write *s = ((struct write_call *)job)->spread;
    if (e != NULL) {
        s->failed_here = true;
        s->failure = *e;
    }
    finish(s);
}

static void answered(struct gather *g)
{
    struct spread_write *s = g->user;
    if (!s->here) {
        finish(s);
        return;
    }
    gather_suspend(g);
    s->write->spread = s;
    s->write->job.done = done_here;
    if (!store_submit(g->call.space->store, &s->write->job, &s->failure)) {
        s->failed_here = true;
        finish(s);
    }
}

/* ---- all of it ---- */

/* Types by which the sources are found: those of the entity as it is here, else as it is given. */
static const struct json *known_types(struct call *c, const struct spread_write *s)
{
    view_auto v = view_begin(c->space->store);
    const struct json *types = json_get(context_get(v, c->arena, s->id), "type");
    return types != NULL && s->operation != OP_CREATE_ENTITY ? types : json_get(s->given, "type");
}

static const char *const *one_name(struct arena *a, const char *name, int *count)
{
    const char **names = arena_array(a, const char *, 2);
    names[0] = name;
    *count = 1;
    return names;
}

static bool plan(struct call *c, struct spread_write *s, struct error *e)
{
    struct registry_query q;
    struct q *csf;
    int count = 0;
    if (!plan_begin(c, &q, &csf, 0, e)) {
        return false;
    }
    const char *const *attributes = s->write->attribute != NULL
                                        ? one_name(c->arena, s->write->attribute, &count)
                                        : split_attributes(c->arena, s->write->fragment, &count);
    q.ids = &s->id;
    q.ids_count = 1;
    q.types = known_types(c, s);
    q.type = q.types == NULL ? s->write->type : NULL;
    q.attributes = attributes;
    q.attributes_count = count;
    q.via = NULL; /* what leads back must not be kept here instead */
    s->matches = registry_match(c->space->registry, c->arena, &q);
    spread(s, attributes, count);
    return true;
}

bool distributed_write(struct call *c, struct write_call *w, enum registration_operation operation,
                       struct error *e)
{
    struct spread_write *s = arena_new0(c->arena, struct spread_write);
    s->write = w;
    s->gather = gather_new(c);
    s->operation = operation;
    s->given = operation != OP_DELETE_ATTRS ? w->fragment : NULL;
    s->id = w->id != NULL ? w->id : json_get_string(w->fragment, "id");
    s->gather->user = s;
    if (!plan(c, s, e)) {
        end(s);
        return false;
    }
    if (s->gather->forwards->len == 0) {
        registry_matches_clear(&s->matches);
        gather_end(s->gather);
        write_call_submit(w);
        return true;
    }
    gather_run(s->gather, answered);
    return true;
}
