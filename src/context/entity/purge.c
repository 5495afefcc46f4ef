/* SPDX-License-Identifier: Apache-2.0 */
/* DELETE /ngsi-ld/v1/entities: removing all entities that a query finds, or attributes of them (5.6.21).
 *
 * A thread finds the ids, then deletes in jobs of a few hundred, each of which looks again whether its
 * entities still match, so that other writes pass between them. Up to JOB entities go in one transaction. */
#include "context/entity/purge.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/entity_cache.h"
#include "context/query/query_api.h"
#include "context/routes.h"

enum { THREADS = 2, JOB = 500, PASS = 100000 };

static GThreadPool *pool;

/* One request. In its arena. */
struct purge {
    struct store_job job; /* first: the job leads back here */
    struct call call;     /* with references to its context and space */
    struct entity_query query;
    const char *const *names; /* of attributes: drop, or keep; NULL = whole entities go */
    bool others;              /* all attributes but the names go */
    struct write how;
    GPtrArray *ids; /* found in this pass */
    guint next;     /* of ids: the first that has not been dealt with */
    int64_t done;   /* entities purged */
};

static void purge_clear(struct purge *p)
{
    entity_query_clear(&p->query);
    ld_context_unref(p->call.ctx);
    space_unref(p->call.space);
}

/* ---- finding ---- */

/* Is there anything to remove from it? */
static bool has_work(const struct purge *p, const struct json *entity)
{
    for (const struct json *m = json_first(entity); m != NULL; m = m->next) {
        bool named = p->names != NULL && (entity_is_attribute(m) || strcmp(m->key, "scope") == 0) &&
                     g_strv_contains(p->names, m->key);
        if (p->names == NULL || (p->others ? entity_is_attribute(m) && !named : named)) {
            return true;
        }
    }
    return false;
}

static bool found(void *user, const struct json *entity)
{
    struct purge *p = user;
    if (has_work(p, entity)) {
        g_ptr_array_add(p->ids, g_strdup(json_get_string(entity, "id")));
    }
    return p->ids->len < PASS;
}

static bool find(struct purge *p, struct error *e)
{
    struct query_page all = {.limit = -1};
    view_auto v = view_begin(p->call.space->store);
    g_ptr_array_set_size(p->ids, 0);
    p->next = 0;
    return entity_query_run(&p->query, v, &all, found, p, e);
}

/* ---- deleting ---- */

static bool purge_one(struct purge *p, struct txn *t, const char *id, struct error *e)
{
    struct cached_entity *entry = entity_cache_find(entity_cache_of(t), t, id, e);
    if (entry == NULL) {
        return false;
    }
    if (entry->entity == NULL || !has_work(p, entry->entity) ||
        !entity_query_matches(&p->query, entry->entity, NULL)) {
        return true;
    }
    p->done++;
    return p->names == NULL ? entity_delete(t, id, &p->how, NULL, e)
                            : attributes_delete(t, id, p->names, p->others, &p->how, e);
}

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct purge *p = (struct purge *)job;
    guint end = MIN(p->next + JOB, p->ids->len);
    for (guint i = p->next; i < end; i++) {
        if (!purge_one(p, t, g_ptr_array_index(p->ids, i), e)) {
            return false;
        }
    }
    return true;
}

static bool run_pass(struct purge *p, struct error *e)
{
    while (p->next < p->ids->len) {
        int64_t before = p->done;
        if (!store_run(p->call.space->store, &p->job, e)) {
            p->done = before;
            return false;
        }
        p->next += JOB;
    }
    return true;
}

static bool purge(struct purge *p, struct error *e)
{
    do {
        if (!find(p, e) || !run_pass(p, e)) {
            return false;
        }
    } while (p->ids->len >= PASS);
    return true;
}

static void run(void *data, void *unused)
{
    struct purge *p = data;
    struct request *r = p->call.request;
    struct error e = {0};
    p->ids = g_ptr_array_new_with_free_func(g_free);
    if (purge(p, &e)) {
        reply_empty(r, 204);
    } else {
        if (p->done > 0) {
            error_prefix(&e, "%" PRId64 " entities purged / 已清除", p->done);
        }
        reply_error(r, &e);
    }
    g_ptr_array_unref(p->ids);
    purge_clear(p);
    request_resume(r);
}

/* ---- the request ---- */

static bool read_names(struct purge *p, struct query_text *text, struct error *e)
{
    struct call *c = &p->call;
    const char *keep = request_query(c->request, "keep"), *drop = request_query(c->request, "drop");
    const char *given = keep != NULL ? keep : drop;
    if (keep != NULL && drop != NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "Give keep or drop, not both",
                         "keep 与 drop 只能给出一个");
    }
    if (given == NULL) {
        return true;
    }
    if (strpbrk(given, "{}") != NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "keep and drop name attributes of the entity itself, not of linked ones",
                         "keep 和 drop 只能是实体自身的属性，不能是关联实体的属性");
    }
    p->others = keep != NULL;
    p->names = query_names(c->arena, c->ctx, given, NULL, e);
    text->attrs = drop;
    return p->names != NULL && (*p->names != NULL || error_set(e, ERROR_BAD_REQUEST_DATA,
                                                               "keep and drop need the name of an attribute",
                                                               "keep 和 drop 需要给出属性名"));
}

static const char *expand_name(void *user, struct arena *a, const char *name)
{
    return ld_expand(user, a, name);
}

/* q without linked entities. */
static bool compile_q(struct purge *p, const char *text, struct error *e)
{
    struct q_options options = {0};
    if (p->call.ctx != NULL) {
        options.names = (struct expr_names){expand_name, p->call.ctx};
    }
    if (text == NULL || (p->query.q = q_compile(text, &options, e)) != NULL) {
        return true;
    }
    e->code = e->code == ERROR_NOT_SUPPORTED ? ERROR_BAD_REQUEST_DATA : e->code;
    return false;
}

static bool too_wide(struct error *e)
{
    return error_set(e, ERROR_BAD_REQUEST_DATA,
                     "Say what to purge: at least one of type, drop, q, georel, or local=true for everything",
                     "请说明要清除的内容：至少给出 type、drop、q、georel 之一，或用 local=true 清除全部");
}

static bool read_request(struct purge *p, struct error *e)
{
    struct call *c = &p->call;
    struct query_text text;
    bool local;
    if (!query_read_text(c, &text, &local, e) || !read_names(p, &text, e) || !compile_q(p, text.q, e)) {
        return false;
    }
    bool any = text.type != NULL || text.q != NULL || text.georel != NULL || text.attrs != NULL || local;
    text.q = NULL;
    return (any || too_wide(e)) && entity_query_compile(&p->query, c->arena, c->ctx, &text, e);
}

static bool purge_entities(struct call *c, struct error *e)
{
    struct purge *p = arena_new0(c->arena, struct purge);
    p->job.apply = apply;
    p->call = *c;
    p->call.ctx = ld_context_ref(c->ctx);
    p->call.space = space_ref(c->space);
    p->how = (struct write){.by = call_user(c)};
    if (!read_request(p, e)) {
        purge_clear(p);
        return false;
    }
    request_suspend(c->request);
    g_thread_pool_push(pool, p, NULL);
    return true;
}

void serve_purge_entities(struct request *r)
{
    static const char *const parameters[] = {
        "id",     "idPattern", "type", "q",     "georel", "geometry",         "coordinates", "geoproperty",
        "scopeQ", "keep",      "drop", "local", "csf",    "geometryProperty", NULL};
    static const struct operation o = {.run = purge_entities, .parameters = parameters};
    call_serve(r, &o);
}

void purge_start(void)
{
    pool = g_thread_pool_new(run, NULL, THREADS, FALSE, NULL);
}

void purge_stop(void)
{
    if (pool != NULL) {
        g_thread_pool_free(g_steal_pointer(&pool), FALSE, TRUE);
    }
}
