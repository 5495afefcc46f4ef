/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/snapshots: making, cloning, reading, changing and removing snapshots (5.16, 6.36 – 6.38). */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity/ingest.h"
#include "context/query/query_api.h"
#include "context/space/snapshot.h"
#include "context/space/snapshot_parse.h"

#define PATH NGSI_PATH "/snapshots"

enum { DEFAULT_PRIORITY = 5 };

/* ---- creating ---- */

struct snapshot_write {
    struct write_call w;
    struct json *kept;
    const struct json *fragment; /* of an update */
};

static void set_times(struct arena *a, struct json *kept, instant now)
{
    json_set(a, kept, "modifiedAt", json_int(a, now));
    json_set(a, kept, "expiresAt", json_int(a, now + snapshot_lifetime(kept)));
}

static bool apply_create(struct write_call *w, struct txn *t, struct error *e)
{
    struct snapshot_write *x = (struct snapshot_write *)w;
    if (snapshot_get(txn_view(t), w->arena, w->id) != NULL) {
        return error_set(e, ERROR_ALREADY_EXISTS, "There is a snapshot %.300s already",
                         "快照 %.300s 已经存在", w->id);
    }
    json_set(w->arena, x->kept, "createdAt", json_int(w->arena, txn_now(t)));
    set_times(w->arena, x->kept, txn_now(t));
    return snapshot_put(t, w->arena, x->kept, e);
}

static void reply_created(struct write_call *w)
{
    struct snapshot_write *x = (struct snapshot_write *)w;
    g_autofree char *escaped = g_uri_escape_string(w->id, ":", FALSE);
    space_snapshot_add(w->space, w->id, json_get_string(x->kept, "folder"), false,
                       json_get_int(x->kept, "expiresAt", 0));
    snapshot_fill(w->space, w->id);
    reply_header(w->request, "Location", arena_printf(w->arena, PATH "/%s", escaped));
    reply_empty(w->request, 201);
}

static struct json *describe(struct call *c, const struct json *body)
{
    static const char *const copied[] = {"snapshotQueries",  "snapshotTemporalQueries",
                                         "snapshotLifetime", "snapshotPriority",
                                         "endpoint",         "receiverInfo"};
    struct arena *a = c->arena;
    g_autofree char *uuid = g_uuid_string_random();
    const char *id = json_get_string(body, "id");
    struct json *kept = json_object(a);
    json_add(kept, "id", id != NULL ? json_string(a, id) : json_printf(a, "urn:ngsi-ld:Snapshot:%s", uuid));
    json_add(kept, "type", json_string(a, "Snapshot"));
    json_add(kept, "snapshotStatus", json_string(a, "preparing"));
    for (size_t i = 0; i < G_N_ELEMENTS(copied); i++) {
        const struct json *m = json_get(body, copied[i]);
        if (m != NULL) {
            json_set(a, kept, copied[i], json_copy(a, m));
        }
    }
    if (json_get(kept, "snapshotPriority") == NULL) {
        json_add(kept, "snapshotPriority", json_int(a, DEFAULT_PRIORITY));
    }
    if (c->context_value != NULL) {
        json_add(kept, "context", json_copy(a, c->context_value));
    }
    json_add(kept, "folder", json_string(a, arena_strdup(a, uuid)));
    return kept;
}

static bool submit_new(struct call *c, struct json *kept, struct error *e)
{
    if (space_snapshots_count() >= LIMIT_SNAPSHOTS) {
        return error_set(e, ERROR_FORBIDDEN, "There are %d snapshots already: delete one first",
                         "快照数已达上限 %d：请先删除一个", LIMIT_SNAPSHOTS);
    }
    struct snapshot_write *x = arena_new0(c->arena, struct snapshot_write);
    if (!write_call_init(&x->w, c, CONTEXT_CREATE, 0, e)) {
        return false;
    }
    x->kept = kept;
    x->w.id = json_get_string(kept, "id");
    x->w.apply = apply_create;
    x->w.reply = reply_created;
    write_call_submit(&x->w);
    return true;
}

static bool create(struct call *c, struct error *e)
{
    const struct json *body = snapshot_read(c, SNAPSHOT_CREATING, e);
    return body != NULL && submit_new(c, describe(c, body), e);
}

static bool no_snapshot(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no snapshot %.300s", "没有快照 %.300s", id);
}

/* The description, unless the snapshot has expired. */
static struct json *find(struct call *c, const char *id, struct error *e)
{
    view_auto v = view_begin(c->space->store);
    struct json *kept = snapshot_get(v, c->arena, id);
    if (kept == NULL || json_get_int(kept, "expiresAt", 0) <= instant_now()) {
        no_snapshot(id, e);
        return NULL;
    }
    return kept;
}

static bool clone_snapshot(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    const struct json *body = id != NULL ? snapshot_read(c, SNAPSHOT_CLONING, e) : NULL;
    const struct json *source = body != NULL ? find(c, id, e) : NULL;
    if (source == NULL) {
        return false;
    }
    if (g_strcmp0(json_get_string(source, "snapshotStatus"), "preparing") == 0) {
        return error_set(e, ERROR_CONFLICT,
                         "The snapshot %.300s is still being filled: clone it when it is ready",
                         "快照 %.300s 仍在生成中：完成后再复制", id);
    }
    struct json *kept = describe(c, body);
    json_add(kept, "cloneOf", json_string(c->arena, id));
    return submit_new(c, kept, e);
}

/* ---- reading ---- */

static void reply_object(struct call *c, struct json *object)
{
    GString *text = g_string_new(NULL);
    const struct json *context = call_context_member(c);
    if (context != NULL) {
        json_set(c->arena, object, "@context", json_copy(c->arena, context));
    }
    json_write(text, object);
    call_reply(c, 200, text, NULL);
}

static bool retrieve(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    const struct json *kept = id != NULL ? find(c, id, e) : NULL;
    if (kept != NULL) {
        reply_object(c, snapshot_show(c->arena, kept, c->space));
    }
    return kept != NULL;
}

/* A description as q sees it: its members as Properties, its times beside them. */
static struct json *as_entity(struct arena *a, const struct json *shown)
{
    static const char *const plain[] = {"id",        "type",       "createdAt", "modifiedAt",
                                        "expiresAt", "lastUsedAt", NULL};
    struct json *out = json_object(a);
    for (const struct json *m = shown->first; m != NULL; m = m->next) {
        struct json *value = json_copy(a, m);
        if (!g_strv_contains(plain, m->key)) {
            struct json *property = json_object(a);
            json_add(property, "type", json_string(a, "Property"));
            json_add(property, "value", value);
            value = property;
        }
        json_set(a, out, m->key, value);
    }
    return out;
}

struct selecting {
    struct call *call;
    const struct q *q; /* or NULL */
    GPtrArray *shown;  /* struct json *: those that match, by id */
};

static bool select_one(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct selecting *s = user;
    struct arena *a = s->call->arena;
    const struct json *kept = json_parse(a, value, length, NULL);
    if (kept != NULL && json_get_int(kept, "expiresAt", 0) > instant_now()) {
        struct json *shown = snapshot_show(a, kept, s->call->space);
        if (s->q == NULL || q_matches(s->q, as_entity(a, shown), NULL)) {
            g_ptr_array_add(s->shown, shown);
        }
    }
    return true;
}

/* Names of members as such: no @context. */
static const char *member_name(void *user, struct arena *a, const char *name)
{
    static const char *const members[] = {"id",
                                          "type",
                                          "snapshotQueries",
                                          "snapshotTemporalQueries",
                                          "snapshotLifetime",
                                          "snapshotPriority",
                                          "endpoint",
                                          "receiverInfo",
                                          "snapshotStatus",
                                          "snapshotQueriesDetails",
                                          "snapshotTemporalQueriesDetails",
                                          "createdAt",
                                          "modifiedAt",
                                          "expiresAt",
                                          "lastUsedAt",
                                          NULL};
    bool *unknown = user;
    *unknown = *unknown || !g_strv_contains(members, name);
    return name;
}

static struct q *compile_q(const char *text, struct error *e)
{
    bool unknown = false;
    struct q_options options = {.names = {member_name, &unknown}};
    struct q *q = q_compile(text, &options, e);
    if (q != NULL && unknown) {
        q_free(q);
        error_set(e, ERROR_BAD_REQUEST_DATA,
                  "q may name the members of a Snapshot only, such as snapshotPriority",
                  "q 只能使用 Snapshot 的成员，如 snapshotPriority");
        return NULL;
    }
    if (q == NULL && e->code == ERROR_NOT_SUPPORTED) {
        e->code = ERROR_BAD_REQUEST_DATA;
    }
    return q;
}

static bool list(struct call *c, struct error *e)
{
    struct query_page page = {0};
    const char *text = request_query(c->request, "q");
    q_auto q = text != NULL ? compile_q(text, e) : NULL;
    if ((text != NULL && q == NULL) || !query_read_page(c, &page, e)) {
        return false;
    }
    g_autoptr(GPtrArray) shown = g_ptr_array_new();
    struct selecting s = {c, q, shown};
    view_auto v = view_begin(c->space->store);
    view_kv_scan(v, SNAPSHOT_SPACE, NULL, 0, false, select_one, &s);
    struct json *out = json_array(c->arena);
    for (int64_t i = page.offset; i < (int64_t)shown->len && i < page.offset + page.limit; i++) {
        json_append(out, shown->pdata[i]);
    }
    page.total = shown->len;
    page.more = page.offset + page.limit < page.total;
    if (page.count) {
        reply_header(c->request, "NGSILD-Results-Count", arena_printf(c->arena, "%" PRId64, page.total));
    }
    GString *body = g_string_new(NULL);
    json_write(body, out);
    call_reply(c, 200, body, query_page_links(c, &page));
    return true;
}

/* ---- changing ---- */

static bool apply_update(struct write_call *w, struct txn *t, struct error *e)
{
    static const char *const members[] = {"snapshotLifetime", "snapshotPriority", "endpoint", "receiverInfo"};
    struct snapshot_write *x = (struct snapshot_write *)w;
    x->kept = snapshot_get(txn_view(t), w->arena, w->id);
    if (x->kept == NULL) {
        return no_snapshot(w->id, e);
    }
    int64_t expires = json_get_int(x->kept, "expiresAt", 0);
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const struct json *m = json_get(x->fragment, members[i]);
        if (json_is(m, JSON_NULL) || json_streq(m, "urn:ngsi-ld:null")) {
            json_remove(x->kept, members[i]);
        } else if (m != NULL) {
            json_set(w->arena, x->kept, members[i], json_copy(w->arena, m));
        }
    }
    set_times(w->arena, x->kept, txn_now(t));
    if (json_get(x->fragment, "snapshotLifetime") == NULL) {
        json_set(w->arena, x->kept, "expiresAt", json_int(w->arena, expires));
    }
    return snapshot_put(t, w->arena, x->kept, e);
}

static void reply_updated(struct write_call *w)
{
    struct snapshot_write *x = (struct snapshot_write *)w;
    bool ready = g_strcmp0(json_get_string(x->kept, "snapshotStatus"), "preparing") != 0;
    space_snapshot_set(w->space, w->id, ready, json_get_int(x->kept, "expiresAt", 0));
    snapshot_notify(x->kept);
    reply_json(w->request, 200, snapshot_show(w->arena, x->kept, w->space));
}

static bool update(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    const struct json *fragment = id != NULL ? snapshot_read(c, SNAPSHOT_UPDATING, e) : NULL;
    if (fragment == NULL) {
        return false;
    }
    const char *given = json_get_string(fragment, "id");
    if (given != NULL && strcmp(given, id) != 0) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The id of a snapshot cannot be changed",
                         "快照的 id 不能修改");
    }
    struct snapshot_write *x = arena_new0(c->arena, struct snapshot_write);
    if (find(c, id, e) == NULL || !write_call_init(&x->w, c, CONTEXT_UPDATE, 0, e)) {
        return false;
    }
    x->w.id = id;
    x->fragment = fragment;
    x->w.apply = apply_update;
    x->w.reply = reply_updated;
    write_call_submit(&x->w);
    return true;
}

/* ---- removing: on a thread of its own, which waits for those that still use a snapshot ---- */

struct removing {
    struct request *request;
    struct arena *arena;
    struct space *of; /* a reference */
    bool chinese, purge;
    GPtrArray *ids; /* in the arena */
};

static void note_error(struct arena *a, struct json *errors, const char *id, const struct error *e,
                       bool chinese)
{
    struct json *one = json_append(errors, json_object(a));
    json_add(one, "entityId", json_string(a, id));
    struct json *problem = json_add(one, "error", json_object(a));
    json_add(problem, "type", json_string(a, error_type(e->code)));
    json_add(problem, "title", json_string(a, error_title(e->code, chinese)));
    json_add(problem, "status", json_int(a, error_status(e->code)));
    json_add(problem, "detail", json_string(a, chinese ? e->zh : e->en));
}

static void *run_removing(void *data)
{
    struct removing *r = data;
    struct arena *a = r->arena;
    struct json *result = json_object(a);
    struct json *success = json_add(result, "success", json_array(a));
    struct json *errors = json_add(result, "errors", json_array(a));
    struct error e = {0};
    for (guint i = 0; i < r->ids->len; i++) {
        const char *id = r->ids->pdata[i];
        e = (struct error){0};
        if (snapshot_remove(r->of, id, &e)) {
            json_append(success, json_string(a, id));
        } else {
            note_error(a, errors, id, &e, r->chinese);
        }
    }
    if (errors->length == 0) {
        reply_empty(r->request, 204);
    } else if (r->purge) {
        reply_json(r->request, 207, result);
    } else {
        reply_error(r->request, &e);
    }
    g_ptr_array_unref(r->ids);
    space_unref(r->of);
    request_resume(r->request);
    return NULL;
}

static void remove_all(struct call *c, GPtrArray *ids, bool purge)
{
    struct removing *r = arena_new0(c->arena, struct removing);
    *r = (struct removing){.request = c->request,
                           .arena = c->arena,
                           .of = space_ref(c->space),
                           .chinese = c->chinese,
                           .purge = purge,
                           .ids = ids};
    request_suspend(c->request);
    g_thread_unref(g_thread_new("snapshots", run_removing, r));
}

static bool delete_one(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    if (id == NULL || find(c, id, e) == NULL) {
        return false;
    }
    GPtrArray *ids = g_ptr_array_new();
    g_ptr_array_add(ids, (gpointer)id);
    remove_all(c, ids, false);
    return true;
}

static bool purge_snapshots(struct call *c, struct error *e)
{
    const char *text = request_query(c->request, "q");
    if (text == NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "Say which snapshots to purge: q=snapshotPriority<5, for example",
                         "请说明要清除哪些快照，例如 q=snapshotPriority<5");
    }
    q_auto q = compile_q(text, e);
    if (q == NULL) {
        return false;
    }
    g_autoptr(GPtrArray) shown = g_ptr_array_new();
    struct selecting s = {c, q, shown};
    view_auto v = view_begin(c->space->store);
    view_kv_scan(v, SNAPSHOT_SPACE, NULL, 0, false, select_one, &s);
    if (shown->len == 0) {
        return error_set(e, ERROR_NOT_FOUND, "No snapshot matches", "没有符合条件的快照");
    }
    GPtrArray *ids = g_ptr_array_new();
    for (guint i = 0; i < shown->len; i++) {
        g_ptr_array_add(ids, (gpointer)json_get_string(shown->pdata[i], "id"));
    }
    remove_all(c, ids, true);
    return true;
}

/* ---- routes ---- */

static const char *const no_parameters[] = {NULL};
static const char *const purge_parameters[] = {"q", NULL};
static const char *const list_parameters[] = {"q", "limit", "offset", "count", "options", NULL};
static const char *const options[] = {"count", "sysAttrs", NULL};

#define SERVE(name, ...)                                                                   \
    static void serve_##name(struct request *r)                                            \
    {                                                                                      \
        static const struct operation o = {.run = name, .no_snapshot = true, __VA_ARGS__}; \
        call_serve(r, &o);                                                                 \
    }
SERVE(create, .parameters = no_parameters)
SERVE(list, .parameters = list_parameters, .options = options)
SERVE(purge_snapshots, .parameters = purge_parameters)
SERVE(retrieve, .parameters = no_parameters)
SERVE(update, .parameters = no_parameters)
SERVE(delete_one, .parameters = no_parameters)
SERVE(clone_snapshot, .parameters = no_parameters)

#define WRITE "entities.write"
const struct route snapshot_routes[] = {
    {"POST", PATH, WRITE, serve_create, "Make a snapshot of what queries find", "按查询创建快照", 0},
    {"GET", PATH, "", serve_list, "Snapshots, filtered by q; limit, offset",
     "快照列表：按 q 筛选，支持 limit、offset", 0},
    {"DELETE", PATH, WRITE, serve_purge_snapshots, "Delete all snapshots that q finds",
     "删除 q 查到的全部快照", 0},
    {"GET", PATH "/{id}", "", serve_retrieve, "A snapshot and how it stands", "读取快照及其状态", 0},
    {"PATCH", PATH "/{id}", WRITE, serve_update, "Change lifetime, priority or endpoint of a snapshot",
     "修改快照的有效期、优先级或通知地址", 0},
    {"DELETE", PATH "/{id}", WRITE, serve_delete_one, "Delete a snapshot", "删除快照", 0},
    {"POST", PATH "/{id}/clone", WRITE, serve_clone_snapshot, "Copy a snapshot", "复制快照", 0},
    {NULL},
};
