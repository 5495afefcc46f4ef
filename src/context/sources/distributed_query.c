/* SPDX-License-Identifier: Apache-2.0 */
/* Queries over several sources (5.7.2, 4.3.6.7): ask all side by side, put the fragments of each entity
 * together, filter, cut the page. */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/sources/distributed_inside.h"
#include "context/sources/entity_map.h"

/* ---- what is asked of a source ---- */

static bool names_a_part(const struct registry_matches *m)
{
    for (int i = 0; i < m->count; i++) {
        if (m->items[i].registration->mode == REGISTRATION_EXCLUSIVE) {
            return true;
        }
        for (int k = 0; k < m->items[i].parts_count; k++) {
            if (m->items[i].parts[k].info->attributes != NULL) {
                return true;
            }
        }
    }
    return false;
}

/* splitEntities; without it, entities are split when a source is registered for some attributes only. */
static bool read_split(struct federated *q, struct error *e)
{
    struct call *c = &q->gather->call;
    if (!call_flag(c, "splitEntities", &q->split, e)) {
        return false;
    }
    if (request_query(c->request, "splitEntities") == NULL) {
        q->split = names_a_part(&q->matches);
    }
    return true;
}

/* Can the filters be passed on? The texts of q have the names of the client's @context. */
static bool can_filter(const struct federated *q, const struct forward *f)
{
    return !q->split && (q->text.q == NULL || (q->gather->call.ctx == NULL && f->ctx == NULL));
}

static void add_filters(struct federated *q, struct forward *f)
{
    const struct query_text *text = &q->text;
    const struct entity_query *query = &q->query;
    struct arena *a = q->gather->call.arena;
    if (text->q != NULL) {
        forward_parameter(f, "q", text->q);
    }
    if (text->scope != NULL) {
        forward_parameter(f, "scopeQ", text->scope);
    }
    if (text->georel != NULL) {
        forward_parameter(f, "georel", text->georel);
        forward_parameter(f, "geometry", text->geometry);
        forward_parameter(f, "coordinates", json_text(a, text->coordinates));
        if (query->geo_property != NULL) {
            forward_names(f, "geoproperty", &query->geo_property, 1);
        }
    }
}

static void add_attributes(struct federated *q, struct forward *f, bool filtered)
{
    const struct registry_match *m = f->match;
    if (m->attributes_count > 0) {
        forward_names(f, "attrs", m->attributes, m->attributes_count);
    } else if (filtered && q->query.attrs != NULL) {
        forward_names(f, "attrs", q->query.attrs, q->query.attrs_count);
    }
}

static bool offers(const struct forward *f, enum registration_operation operation)
{
    return (f->registration->operations & OPERATION_BIT(operation)) != 0;
}

/* The parameters that are the same for every page of a source. */
static void add_selection(struct federated *q, struct forward *f)
{
    bool filtered = can_filter(q, f);
    plan_select(f, q->gather, q->query.selectors_count == 1 ? &q->query.selectors[0] : NULL);
    if (filtered) {
        add_filters(q, f);
    } else {
        q->filter = true;
    }
    add_attributes(q, f, filtered);
}

static void ask_page(struct federated *q, int source, int64_t offset)
{
    struct gather *g = q->gather;
    const struct registry_match *m = &q->matches.items[source];
    bool map =
        q->map_only && (m->registration->operations & OPERATION_BIT(OP_CREATE_ENTITY_MAP_QUERY_ENTITY)) != 0;
    struct forward *f = gather_add(g, m, "GET", map ? "/entityMaps" : "/entities");
    struct asked *asked = arena_new0(g->call.arena, struct asked);
    *asked = (struct asked){.source = source, .offset = offset, .map = map};
    f->user = asked;
    add_selection(q, f);
    if (map) {
        return;
    }
    forward_parameter(f, "options", "sysAttrs");
    forward_parameter(f, "limit", G_STRINGIFY(FORWARD_PAGE));
    if (offset > 0) {
        forward_parameter(f, "offset", arena_printf(g->call.arena, "%" PRId64, offset));
    } else if (q->wants_map && offers(f, OP_CREATE_ENTITY_MAP_QUERY_ENTITY)) {
        forward_parameter(f, "entityMap", "true");
    }
}

/* ---- what they answered ---- */

static struct found *found_of(struct federated *q, const char *id)
{
    struct found *found = g_hash_table_lookup(q->found, id);
    if (found == NULL) {
        found = arena_new0(q->gather->call.arena, struct found);
        found->id = id;
        g_hash_table_insert(q->found, (void *)id, found);
    }
    return found;
}

static entity_map_places place_of(int source)
{
    return source < ENTITY_MAP_SOURCES ? ENTITY_MAP_SOURCE(source) : 0;
}

static void take_entity(struct federated *q, struct forward *f, const struct json *payload)
{
    const struct asked *asked = f->user;
    struct json *entity = forward_entity(q->gather, f, payload);
    if (entity == NULL) {
        return;
    }
    struct found *found = found_of(q, json_get_string(entity, "id"));
    struct fragment_node *node = arena_new0(q->gather->call.arena, struct fragment_node);
    node->fragment = (struct fragment){entity, plan_rank(f->registration)};
    node->next = found->fragments;
    found->fragments = node;
    found->places |= place_of(asked->source);
}

static int take_entities(struct federated *q, struct forward *f)
{
    int n = 0;
    const struct json *list = forward_json(q->gather, f, JSON_ARRAY);
    for (const struct json *one = json_first(list); one != NULL; one = one->next) {
        take_entity(q, f, one);
        n++;
    }
    return n;
}

static void take_map(struct federated *q, struct forward *f)
{
    const struct asked *asked = f->user;
    const struct json *map = forward_json(q->gather, f, JSON_OBJECT);
    for (const struct json *one = json_first(json_get(map, "entityMap")); one != NULL; one = one->next) {
        found_of(q, one->key)->places |= place_of(asked->source);
    }
    q->links[asked->source] = arena_strdup(q->gather->call.arena, json_get_string(map, "id"));
}

/* True when the source has more. */
static bool take_answer(struct federated *q, struct forward *f)
{
    struct asked *asked = f->user;
    asked->taken = true;
    gather_warn_read(q->gather, f);
    if (!forward_ok(f)) {
        return false;
    }
    if (f->answer_map != NULL) {
        q->links[asked->source] = arena_strdup(q->gather->call.arena, f->answer_map);
    }
    if (asked->map) {
        take_map(q, f);
        return false;
    }
    bool full = take_entities(q, f) >= FORWARD_PAGE && q->map == NULL;
    g_clear_pointer(&f->text, g_free);
    if (full && asked->offset + FORWARD_PAGE >= LIMIT_GATHERED_ENTITIES) {
        gather_warn(q->gather, 199, f, "it has more entities than are read for one query: narrow the query");
        return false;
    }
    return full;
}

static void answered(struct gather *g)
{
    struct federated *q = g->user;
    bool more = false;
    guint n = g->forwards->len;
    for (guint i = 0; i < n; i++) {
        struct forward *f = g->forwards->pdata[i];
        struct asked *asked = f->user;
        if (!asked->taken && take_answer(q, f)) {
            ask_page(q, asked->source, asked->offset + FORWARD_PAGE);
            more = true;
        }
    }
    if (more) {
        gather_run(g, answered);
    } else {
        federated_finish(q);
    }
}

/* ---- by an entity map ---- */

static bool is_asked(const struct federated *q, const char *id)
{
    if (q->query.selectors_count == 0 || q->query.selectors[0].ids_count == 0) {
        return true;
    }
    for (int i = 0; i < q->query.selectors[0].ids_count; i++) {
        if (strcmp(q->query.selectors[0].ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static int source_in_map(const struct federated *q, const struct registration *r)
{
    for (int i = 0; i < q->map->sources_count; i++) {
        if (strcmp(q->map->sources[i], r->id) == 0) {
            return i;
        }
    }
    return -1;
}

static struct forward *ask_ids(struct federated *q, int source, int in_map, const char *ids)
{
    struct gather *g = q->gather;
    struct forward *f = gather_add(g, &q->matches.items[source], "GET", "/entities");
    struct asked *asked = arena_new0(g->call.arena, struct asked);
    g_autofree char *link = in_map >= 0 ? entity_map_link_of(q->map, in_map) : NULL;
    asked->source = source;
    f->user = asked;
    f->entity_map = link != NULL ? arena_strdup(g->call.arena, link) : NULL;
    forward_parameter(f, "id", ids);
    plan_types(f, g, q->query.selectors_count == 1 ? q->query.selectors[0].type : NULL);
    if (can_filter(q, f)) {
        add_filters(q, f);
    } else {
        q->filter = true;
    }
    add_attributes(q, f, can_filter(q, f));
    forward_parameter(f, "options", "sysAttrs");
    forward_parameter(f, "limit", G_STRINGIFY(FORWARD_PAGE));
    return f;
}

/* Asks a source for those entities of the page that the map says it has. */
static void ask_mapped(struct federated *q, int source)
{
    int in_map = source_in_map(q, q->matches.items[source].registration);
    g_autoptr(GString) ids = g_string_new(NULL);
    for (guint i = 0; i < q->slice->len; i++) {
        int entry = g_array_index(q->slice, int, i);
        entity_map_places places = entity_map_places_of(q->map, entry);
        if (in_map >= 0 && (places & place_of(in_map)) == 0) {
            continue;
        }
        g_string_append_printf(ids, "%s%s", ids->len > 0 ? "," : "", q->map->entries[entry].id);
        if (ids->len > FORWARD_IDS_LENGTH) {
            ask_ids(q, source, in_map, ids->str);
            g_string_truncate(ids, 0);
        }
    }
    if (ids->len > 0) {
        ask_ids(q, source, in_map, ids->str);
    }
}

/* Which entries of the map are on the page. */
static void slice_map(struct federated *q)
{
    int64_t at = 0;
    q->slice = g_array_new(FALSE, FALSE, sizeof(int));
    for (int i = 0; i < q->map->count; i++) {
        if (!is_asked(q, q->map->entries[i].id)) {
            continue;
        }
        if (at >= q->page.offset && at < q->page.offset + q->page.limit) {
            g_array_append_val(q->slice, i);
        }
        at++;
    }
    q->page.total = at;
    q->page.more = at > q->page.offset + q->page.limit;
}

/* ---- all of it ---- */

static bool read_lifetime(struct federated *q, struct error *e)
{
    struct call *c = &q->gather->call;
    const char *text = request_query(c->request, "entityMapLifetime");
    int months;
    return text == NULL || (duration_parse(text, strlen(text), &months, &q->lifetime) && months == 0) ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "entityMapLifetime must be an ISO 8601 duration such as PT10M",
                     "entityMapLifetime 必须是 ISO 8601 时长，如 PT10M");
}

static bool read_map(struct federated *q, struct error *e)
{
    struct call *c = &q->gather->call;
    const char *uri = request_header(c->request, "NGSILD-EntityMap");
    if (!call_flag(c, "entityMap", &q->wants_map, e) || !read_lifetime(q, e)) {
        return false;
    }
    q->wants_map = q->wants_map || uri != NULL || q->map_only;
    q->map = uri != NULL && !q->map_only ? entity_map_find(c->space->name, uri) : NULL;
    return true;
}

static bool begin(struct federated *q, const struct distributed_query *d, struct error *e)
{
    struct call *c = &q->gather->call;
    uint64_t operations = OPERATION_BIT(OP_QUERY_ENTITY);
    operations |= d->map_only ? OPERATION_BIT(OP_CREATE_ENTITY_MAP_QUERY_ENTITY) : 0;
    if (!answer_init(&q->answer, c, d->join, &q->render, e) || !query_read_page(c, &q->page, e) ||
        !join_reaches(&q->answer.join, d->query->q != NULL ? q_depth(d->query->q) : 0, "q", e) ||
        !plan_query(c, d, operations, &q->matches, e) || !read_split(q, e) || !read_map(q, e)) {
        return false;
    }
    q->answer.e = &q->e;
    q->links = arena_array(c->arena, const char *, q->matches.count + 1);
    q->found = g_hash_table_new(g_str_hash, g_str_equal);
    return true;
}

bool distributed_query(struct call *c, const struct distributed_query *d, struct error *e)
{
    struct gather *g = gather_new(c);
    struct federated *q = arena_new0(c->arena, struct federated);
    q->gather = g;
    g->user = q;
    q->text = *d->text;
    q->render = *d->render;
    q->map_only = d->map_only;
    bool ok = begin(q, d, e);
    q->query = *d->query;
    *d->query = (struct entity_query){0};
    if (!ok) {
        federated_free(q);
        return false;
    }
    if (q->map != NULL) {
        slice_map(q);
    }
    for (int i = 0; i < q->matches.count; i++) {
        if (q->map != NULL) {
            ask_mapped(q, i);
        } else {
            ask_page(q, i, 0);
        }
    }
    gather_run(g, answered);
    return true;
}
