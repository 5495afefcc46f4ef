/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a query over several sources: what is held here joins in, and the page goes out. */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/query/plan.h"
#include "context/sources/distributed_inside.h"

void federated_free(struct federated *q)
{
    answer_clear(&q->answer);
    entity_query_clear(&q->query);
    registry_matches_clear(&q->matches);
    g_clear_pointer(&q->found, g_hash_table_unref);
    g_clear_pointer(&q->slice, g_array_unref);
    entity_map_unref(q->map);
    gather_end(q->gather);
}

static void fail(struct federated *q, const struct error *e)
{
    reply_error(q->gather->call.request, e);
    federated_free(q);
}

/* ---- what is held here ---- */

/* The query without the filters that only whole entities can be held against. */
static struct entity_query selection_of(const struct entity_query *q)
{
    struct entity_query selection = {.selectors = q->selectors, .selectors_count = q->selectors_count};
    return selection;
}

static bool take_local(void *user, const struct json *entity)
{
    struct federated *q = user;
    const char *id = json_get_string(entity, "id");
    struct found *found = g_hash_table_lookup(q->found, id);
    if (found == NULL) {
        found = arena_new0(q->gather->call.arena, struct found);
        found->id = arena_strdup(q->gather->call.arena, id);
        g_hash_table_insert(q->found, (void *)found->id, found);
    }
    found->places |= ENTITY_MAP_LOCAL;
    return g_hash_table_size(q->found) <= LIMIT_ENTITY_MAP;
}

static bool find_local(struct federated *q, struct view *v, struct error *e)
{
    struct entity_query selection = selection_of(&q->query);
    struct query_page all = {.limit = -1, .deadline = plan_deadline()};
    if (!entity_query_run(q->split ? &selection : &q->query, v, &all, take_local, q, e)) {
        return false;
    }
    return g_hash_table_size(q->found) <= LIMIT_ENTITY_MAP ||
           error_set(
               e, ERROR_TOO_MANY_RESULTS,
               "More than %d entities match in all sources together; narrow the query, or use local=true",
               "各上下文源合计超过 %d 个实体符合条件，请缩小查询范围或使用 local=true", LIMIT_ENTITY_MAP);
}

/* The entities of the slice of the map. */
static void find_mapped(struct federated *q)
{
    for (guint i = 0; i < q->slice->len; i++) {
        int entry = g_array_index(q->slice, int, i);
        struct found *found = g_hash_table_lookup(q->found, q->map->entries[entry].id);
        if (found == NULL) {
            found = arena_new0(q->gather->call.arena, struct found);
            found->id = q->map->entries[entry].id;
            g_hash_table_insert(q->found, (void *)found->id, found);
        }
        found->entry = entry;
        found->places = entity_map_places_of(q->map, entry);
    }
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(const struct found *const *)a)->id, (*(const struct found *const *)b)->id);
}

static GPtrArray *sorted(const struct federated *q)
{
    GPtrArray *list = g_ptr_array_sized_new(g_hash_table_size(q->found));
    GHashTableIter i;
    void *found;
    g_hash_table_iter_init(&i, q->found);
    while (g_hash_table_iter_next(&i, NULL, &found)) {
        g_ptr_array_add(list, found);
    }
    g_ptr_array_sort(list, by_id);
    return list;
}

/* ---- whole entities ---- */

static struct json *whole(struct federated *q, struct view *v, struct arena *a, const struct found *found)
{
    struct fragment all[ENTITY_MAP_SOURCES + 1];
    int n = 0;
    struct json *local = (found->places & ENTITY_MAP_LOCAL) != 0 ? context_get(v, a, found->id) : NULL;
    if (local != NULL) {
        all[n++] = (struct fragment){local, FRAGMENT_EQUAL};
    }
    for (const struct fragment_node *f = found->fragments; f != NULL && n < (int)G_N_ELEMENTS(all);
         f = f->next) {
        all[n++] = f->fragment;
    }
    return n > 0 ? fragments_merge(a, all, n, instant_now()) : NULL;
}

static bool belongs(struct federated *q, struct view *v, const struct json *entity)
{
    struct entity_query selection = selection_of(&q->query);
    return entity != NULL && entity_query_matches(q->filter ? &q->query : &selection, entity, v);
}

/* One after the other; those before the page are looked at only where the filters decide. */
static void write_page(struct federated *q, struct view *v, const GPtrArray *all)
{
    int64_t at = 0, end = q->page.offset + q->page.limit;
    bool look = q->filter;
    arena_auto a = arena_new();
    for (guint i = 0; i < all->len; i++) {
        const struct found *found = all->pdata[i];
        bool on_page = at >= q->page.offset && at < end;
        if (at > end && !q->page.count) {
            break;
        }
        if (!look && !on_page) {
            at++;
            continue;
        }
        arena_clear(a);
        struct json *entity = whole(q, v, a, found);
        if (belongs(q, v, entity)) {
            if (on_page) {
                answer_entity(&q->answer, entity);
            }
            at++;
        }
    }
    q->page.total = at;
    q->page.more = at > end;
}

/* Everything of the slice; what no longer matches leaves the map. */
static void write_mapped(struct federated *q, struct view *v, const GPtrArray *all)
{
    arena_auto a = arena_new();
    for (guint i = 0; i < all->len; i++) {
        const struct found *found = all->pdata[i];
        arena_clear(a);
        struct json *entity = found->places != 0 ? whole(q, v, a, found) : NULL;
        if (entity != NULL && entity_query_matches(&q->query, entity, v)) {
            answer_entity(&q->answer, entity);
        } else if (found->places != 0 && q->gather->warnings->len == 0) {
            entity_map_forget(q->map, found->entry);
        }
    }
}

/* ---- entity maps ---- */

static struct entity_map *make_map(struct federated *q, const GPtrArray *all)
{
    struct entity_map *m =
        entity_map_new(q->gather->call.space->name, (int)all->len, MIN(q->matches.count, ENTITY_MAP_SOURCES));
    for (guint i = 0; i < all->len; i++) {
        const struct found *found = all->pdata[i];
        m->entries[m->count++] = (struct entity_map_entry){arena_strdup(m->a, found->id), found->places};
    }
    for (int i = 0; i < m->sources_count; i++) {
        m->sources[i] = arena_strdup(m->a, q->matches.items[i].registration->id);
        if (q->links[i] != NULL) {
            entity_map_link(m, i, q->links[i]);
        }
    }
    entity_map_keep(m, q->lifetime);
    return m;
}

static void reply_map_header(struct federated *q, const struct entity_map *m)
{
    struct call *c = &q->gather->call;
    reply_header(c->request, "NGSILD-EntityMap", arena_printf(c->arena, NGSI_PATH "/entityMaps/%s", m->id));
}

static void reply_map(struct federated *q, struct entity_map *m)
{
    struct call *c = &q->gather->call;
    GString *out = g_string_sized_new(1024);
    reply_map_header(q, m);
    json_write(out, entity_map_show(c->arena, m));
    call_reply(c, 201, out, NULL);
}

/* ---- the reply ---- */

static void reply_entities(struct federated *q, struct view *v, const GPtrArray *all, bool made)
{
    struct call *c = &q->gather->call;
    q->answer.created = made;
    answer_begin(&q->answer, v, true);
    if (q->slice != NULL) {
        write_mapped(q, v, all);
    } else {
        write_page(q, v, all);
    }
    if (q->page.count) {
        reply_header(c->request, "NGSILD-Results-Count", arena_printf(c->arena, "%" PRId64, q->page.total));
    }
    if (!answer_reply(&q->answer, query_page_links(c, &q->page))) {
        reply_error(c->request, &q->e);
    }
}

void federated_finish(struct federated *q)
{
    struct call *c = &q->gather->call;
    struct error e = {0};
    view_auto v = view_begin(c->space->store);
    if (q->slice != NULL) {
        find_mapped(q);
    } else if (!find_local(q, v, &e)) {
        fail(q, &e);
        return;
    }
    g_autoptr(GPtrArray) all = sorted(q);
    bool made = q->wants_map && q->map == NULL;
    if (made) {
        q->map = make_map(q, all);
    }
    gather_reply_warnings(q->gather);
    if (q->map_only) {
        reply_map(q, q->map);
    } else {
        if (q->map != NULL) {
            reply_map_header(q, q->map);
        }
        reply_entities(q, v, all, made);
    }
    view_end(g_steal_pointer(&v));
    federated_free(q);
}
