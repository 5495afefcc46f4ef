/* SPDX-License-Identifier: Apache-2.0 */
/* One entity from several sources (5.7.1, 4.3.6.7). */
#include <string.h>

#include "context/entity/entity_api.h"
#include "context/sources/distributed_plan.h"
#include "context/sources/entity_map.h"

struct retrieval {
    struct gather *gather;
    const char *id;
    struct render render;
    struct answer answer;
    struct error e; /* of the answer */
    struct registry_matches matches;
    struct json *local;
    struct entity_map *map; /* the one to use, or NULL */
    bool wants_map;
};

static void end(struct retrieval *r)
{
    answer_clear(&r->answer);
    registry_matches_clear(&r->matches);
    entity_map_unref(r->map);
    gather_end(r->gather);
}

/* ---- which sources ---- */

/* An entity that is known here is looked for at the sources of its types. */
static bool plan(struct call *c, struct retrieval *r, struct error *e)
{
    struct registry_query q;
    struct q *csf;
    if (distributed_is_local(c)) {
        return true;
    }
    if (!plan_begin(c, &q, &csf, OPERATION_BIT(OP_RETRIEVE_ENTITY), e)) {
        return false;
    }
    q.ids = &r->id;
    q.ids_count = 1;
    q.types = json_get(r->local, "type");
    q.datasets = r->render.datasets;
    const char *attrs = request_query(c->request, "attrs");
    if (attrs != NULL &&
        (q.attributes = query_names(c->arena, c->ctx, attrs, &q.attributes_count, e)) == NULL) {
        q_free(csf);
        return false;
    }
    r->matches = registry_match(c->space->registry, c->arena, &q);
    q_free(csf);
    return true;
}

/* The place of the entity in the map; -1 when it is not in it. */
static int entry_of(const struct retrieval *r)
{
    for (int i = 0; i < r->map->count; i++) {
        if (strcmp(r->map->entries[i].id, r->id) == 0) {
            return i;
        }
    }
    return -1;
}

static bool is_mapped(const struct retrieval *r, const char *registration, char **link)
{
    int entry = entry_of(r);
    entity_map_places places = entry >= 0 ? entity_map_places_of(r->map, entry) : 0;
    for (int i = 0; i < r->map->sources_count; i++) {
        if (strcmp(r->map->sources[i], registration) == 0) {
            *link = entity_map_link_of(r->map, i);
            return (places & ENTITY_MAP_SOURCE(i)) != 0;
        }
    }
    return false;
}

static void ask(struct retrieval *r, const struct registry_match *m)
{
    struct gather *g = r->gather;
    g_autofree char *link = NULL;
    if (r->map != NULL && !is_mapped(r, m->registration->id, &link)) {
        return;
    }
    g_autofree char *escaped = g_uri_escape_string(r->id, ":", FALSE);
    struct forward *f = gather_add(g, m, "GET", "/entities/%s", escaped);
    f->entity_map = link != NULL ? arena_strdup(g->call.arena, link) : NULL;
    plan_types(f, g, NULL);
    if (m->attributes_count > 0) {
        forward_names(f, "attrs", m->attributes, m->attributes_count);
    }
    forward_parameter(f, "options", "sysAttrs");
    if (r->wants_map &&
        (m->registration->operations & OPERATION_BIT(OP_CREATE_ENTITY_MAP_QUERY_ENTITY)) != 0) {
        forward_parameter(f, "entityMap", "true");
    }
}

/* ---- what they answered ---- */

static struct json *taken(struct retrieval *r, struct forward *f)
{
    gather_warn_read(r->gather, f);
    const struct json *payload = forward_ok(f) ? forward_json(r->gather, f, JSON_OBJECT) : NULL;
    struct json *entity = payload != NULL ? forward_entity(r->gather, f, payload) : NULL;
    return entity != NULL && json_streq(json_get(entity, "id"), r->id) ? entity : NULL;
}

static struct entity_map *make_map(const struct retrieval *r, const bool *has, bool found)
{
    struct call *c = &r->gather->call;
    int sources = MIN((int)r->gather->forwards->len, ENTITY_MAP_SOURCES);
    struct entity_map *m = entity_map_new(c->space->name, 1, sources);
    struct entity_map_entry entry = {arena_strdup(m->a, r->id), r->local != NULL ? ENTITY_MAP_LOCAL : 0};
    for (int i = 0; i < sources; i++) {
        const struct forward *f = r->gather->forwards->pdata[i];
        m->sources[i] = arena_strdup(m->a, f->registration->id);
        entry.places |= has[i] ? ENTITY_MAP_SOURCE(i) : 0;
        if (f->answer_map != NULL) {
            entity_map_link(m, i, f->answer_map);
        }
    }
    if (found) {
        m->entries[m->count++] = entry;
    }
    return m;
}

static void reply_map(struct retrieval *r, const bool *has, bool found)
{
    struct call *c = &r->gather->call;
    int64_t lifetime = 0;
    int months;
    const char *text = request_query(c->request, "entityMapLifetime");
    if (text != NULL) {
        duration_parse(text, strlen(text), &months, &lifetime);
    }
    if (r->map == NULL && r->wants_map) {
        r->map = make_map(r, has, found);
        entity_map_keep(r->map, lifetime);
    }
    if (r->map != NULL) {
        reply_header(c->request, "NGSILD-EntityMap",
                     arena_printf(c->arena, NGSI_PATH "/entityMaps/%s", r->map->id));
    }
}

static void answered(struct gather *g)
{
    struct retrieval *r = g->user;
    struct call *c = &g->call;
    struct fragment *all = arena_array(c->arena, struct fragment, g->forwards->len + 1);
    bool *has = arena_array(c->arena, bool, g->forwards->len + 1);
    int n = 0;
    if (r->local != NULL) {
        all[n++] = (struct fragment){r->local, FRAGMENT_EQUAL};
    }
    for (guint i = 0; i < g->forwards->len; i++) {
        struct forward *f = g->forwards->pdata[i];
        struct json *entity = taken(r, f);
        has[i] = entity != NULL;
        if (entity != NULL) {
            all[n++] = (struct fragment){entity, plan_rank(f->registration)};
        }
    }
    gather_reply_warnings(g);
    reply_map(r, has, n > 0);
    struct json *entity = n > 0 ? fragments_merge(c->arena, all, n, instant_now()) : NULL;
    view_auto v = view_begin(c->space->store);
    if (!entity_answer(&r->answer, v, r->id, entity, &r->e)) {
        reply_error(c->request, &r->e);
    }
    view_end(g_steal_pointer(&v));
    end(r);
}

static bool read_map(struct call *c, struct retrieval *r, struct error *e)
{
    const char *uri = request_header(c->request, "NGSILD-EntityMap");
    if (!call_flag(c, "entityMap", &r->wants_map, e)) {
        return false;
    }
    r->map = uri != NULL ? entity_map_find(c->space->name, uri) : NULL;
    r->wants_map = r->wants_map || uri != NULL;
    return true;
}

bool distributed_retrieve(struct call *c, const char *id, const struct render *render,
                          const struct join_text *join, struct error *e)
{
    struct retrieval *r = arena_new0(c->arena, struct retrieval);
    struct gather *g = gather_new(c);
    view_auto v = view_begin(c->space->store);
    *r = (struct retrieval){.gather = g, .id = id, .render = *render, .local = context_get(v, c->arena, id)};
    g->user = r;
    if (!answer_init(&r->answer, &g->call, join, &r->render, e) || !read_map(c, r, e) || !plan(c, r, e)) {
        end(r);
        return false;
    }
    r->answer.e = &r->e;
    for (int i = 0; i < r->matches.count; i++) {
        ask(r, &r->matches.items[i]);
    }
    gather_run(g, answered);
    return true;
}
