/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/csourceRegistrations: registering context sources and finding them (5.9, 5.10). */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/call/api.h"
#include "context/query/query_api.h"
#include "context/sources/registry_inside.h"
#include "context/sources/source_query.h"

#define PATH NGSI_PATH "/csourceRegistrations"

/* ---- writing ---- */

struct registration_write {
    struct write_call w;
    struct registry *registry; /* of the call's space, which lives as long as the request */
    struct registration *next; /* a reference; NULL when deleting */
    const struct json *fragment;
    bool creating, written, durable;
};

static bool refuse_unknown(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no registration %.200s", "没有注册 %.200s", id);
}

/* 5.5.8: a member of the fragment stands in the place of the old one, null removes it. Names in the old body
 * are stored names; those of the fragment are in the request's @context. */
static struct registration *patched(const struct registration *old, const struct json *fragment,
                                    const struct ld_context *ctx, struct arena *a, struct error *e)
{
    struct json *body = json_copy(a, old->body);
    for (const struct json *m = json_first(fragment); m != NULL; m = m->next) {
        json_remove(body, m->key);
        if (m->type != JSON_NULL && !json_streq(m, "urn:ngsi-ld:null")) {
            json_set(a, body, m->key, json_copy(a, m));
        }
    }
    const struct json *state = registration_state(a, (struct registration *)old);
    return registration_parse(body, json_get(fragment, "information") != NULL ? ctx : NULL, state, e);
}

static bool apply_create(struct registration_write *x, struct error *e)
{
    registration_auto old = registry_current(x->registry, x->next->id);
    return old == NULL || error_set(e, ERROR_ALREADY_EXISTS, "There is a registration %.200s already",
                                    "注册 %.200s 已经存在", x->next->id);
}

static bool apply_update(struct registration_write *x, struct error *e)
{
    registration_auto old = registry_current(x->registry, x->w.id);
    if (old == NULL) {
        return refuse_unknown(x->w.id, e);
    }
    if (x->fragment != NULL) {
        x->next = patched(old, x->fragment, x->w.ctx, x->w.arena, e);
    }
    return x->fragment == NULL || x->next != NULL;
}

static bool apply(struct write_call *w, struct txn *t, struct error *e)
{
    struct registration_write *x = (struct registration_write *)w;
    if (!(x->creating ? apply_create(x, e) : apply_update(x, e))) {
        return false;
    }
    const char *id = x->creating ? x->next->id : w->id;
    x->written = registry_write(x->registry, t, w->arena, id, x->next, e);
    return x->written;
}

/* Before the reply, so that the client's next request sees it. */
static void finish(struct registration_write *x, bool durable)
{
    if (x->written) {
        registry_written(x->registry, x->creating ? x->next->id : x->w.id, x->next, durable);
        x->written = false;
    }
}

static void reply(struct write_call *w)
{
    struct registration_write *x = (struct registration_write *)w;
    finish(x, true);
    if (x->creating) {
        g_autofree char *escaped = g_uri_escape_string(x->next->id, ":", FALSE);
        reply_header(w->request, "Location", arena_printf(w->arena, PATH "/%s", escaped));
        reply_empty(w->request, 201);
    } else {
        reply_empty(w->request, 204);
    }
}

static void clear(struct write_call *w)
{
    struct registration_write *x = (struct registration_write *)w;
    finish(x, false);
    registration_unref(x->next);
}

static bool submit(struct call *c, const struct registration_write *what, struct error *e)
{
    struct registration_write *x = arena_new0(c->arena, struct registration_write);
    *x = *what;
    if (!write_call_init(&x->w, c, CONTEXT_UPDATE, 0, e)) {
        registration_unref(x->next);
        return false;
    }
    x->w.id = what->w.id;
    x->registry = c->space->registry;
    x->w.apply = apply;
    x->w.reply = reply;
    x->w.clear = clear;
    write_call_submit(&x->w);
    return true;
}

static bool has_registry(struct call *c, struct error *e)
{
    return c->space->registry != NULL ||
           error_set(e, ERROR_NOT_SUPPORTED, "A snapshot has no context sources", "快照没有上下文源");
}

/* What is checked before the transaction: time, and entities in the way. */
static bool check(struct call *c, const struct registration *r, struct error *e)
{
    if (registration_is_expired(r, instant_now())) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"expiresAt\" lies in the past", "“expiresAt”已经过去");
    }
    view_auto v = view_begin(c->space->store);
    return registry_check_entities(r, v, e);
}

static bool create(struct call *c, struct error *e)
{
    const struct json *body = has_registry(c, e) ? call_body(c, e) : NULL;
    if (body == NULL) {
        return false;
    }
    if (registry_count(c->space->registry) >= LIMIT_REGISTRATIONS) {
        return error_set(e, ERROR_TOO_MANY_REQUESTS, "There are %d registrations already: remove some",
                         "注册数已达上限 %d：请先删除一些", LIMIT_REGISTRATIONS);
    }
    struct registration *r = registration_parse(body, c->ctx, NULL, e);
    if (r == NULL || !check(c, r, e)) {
        registration_unref(r);
        return false;
    }
    return submit(c, &(struct registration_write){.next = r, .creating = true}, e);
}

static bool check_fragment(const struct json *fragment, const char *id, struct error *e)
{
    const struct json *given = json_get(fragment, "id");
    if (fragment->type != JSON_OBJECT) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an object", "正文必须是对象");
    }
    return given == NULL || json_streq(given, id) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "The id of a registration cannot be changed",
                     "注册的 id 不能修改");
}

static struct registration *find(struct call *c, const char *id, struct error *e)
{
    struct registration *r = registry_find(c->space->registry, id);
    if (r != NULL && registration_is_expired(r, instant_now())) {
        registration_unref(g_steal_pointer(&r));
    }
    if (r == NULL) {
        refuse_unknown(id, e);
    }
    return r;
}

static bool update(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    const struct json *fragment = id != NULL ? call_body(c, e) : NULL;
    if (fragment == NULL || !check_fragment(fragment, id, e)) {
        return false;
    }
    registration_auto old = find(c, id, e);
    registration_auto next = old != NULL ? patched(old, fragment, c->ctx, c->arena, e) : NULL;
    return next != NULL && check(c, next, e) &&
           submit(c, &(struct registration_write){.fragment = fragment, .w.id = id}, e);
}

static bool delete_registration(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    registration_auto old = id != NULL ? find(c, id, e) : NULL;
    return old != NULL && submit(c, &(struct registration_write){.w.id = id}, e);
}

/* ---- reading ---- */

static struct json *described(struct call *c, struct registration *r)
{
    struct json *out = registration_show(c->arena, r, c->ctx, (c->options & CALL_SYS_ATTRS) != 0);
    const struct json *context = call_context_member(c);
    if (context != NULL) {
        json_set(c->arena, out, "@context", json_copy(c->arena, context));
    }
    return out;
}

static bool retrieve(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    registration_auto r = id != NULL ? find(c, id, e) : NULL;
    if (r == NULL) {
        return false;
    }
    GString *text = g_string_new(NULL);
    json_write(text, described(c, r));
    call_reply(c, 200, text, NULL);
    return true;
}

/* Only the elements of "information" that match. */
static struct json *described_part(struct call *c, const struct registry_match *m)
{
    bool *marks = arena_array(c->arena, bool, m->registration->info_count);
    struct json *out = described(c, m->registration);
    for (int i = 0; i < m->parts_count; i++) {
        marks[m->parts[i].info - m->registration->info] = true;
    }
    registration_keep_parts(out, marks);
    return out;
}

/* 5.10.2: those that possibly have what a query of entities asks for. */
static bool discover(struct call *c, struct error *e)
{
    struct query_page page = {0};
    source_query_auto q = {0};
    if (!query_read_page(c, &page, e) || !source_query_read(&q, c, e)) {
        return false;
    }
    registry_matches_auto found = registry_match(c->space->registry, c->arena, &q.query);
    struct json *out = json_array(c->arena);
    for (int64_t i = page.offset; i < found.count && i < page.offset + page.limit; i++) {
        json_append(out, described_part(c, &found.items[i]));
    }
    page.total = found.count;
    page.more = page.offset + page.limit < page.total;
    if (page.count) {
        reply_header(c->request, "NGSILD-Results-Count", arena_printf(c->arena, "%" PRId64, page.total));
    }
    GString *text = g_string_new(NULL);
    json_write(text, out);
    call_reply(c, 200, text, query_page_links(c, &page));
    return true;
}

/* ---- routes ---- */

static const char *const no_parameters[] = {NULL};
static const char *const one_parameters[] = {"options", NULL};
static const char *const discover_parameters[] = {
    "id",      "idPattern", "type",      "attrs",        "q",
    "csf",     "georel",    "geometry",  "coordinates",  "geoproperty",
    "timerel", "timeAt",    "endTimeAt", "timeproperty", "scopeQ",
    "pick",    "omit",      "lang",      "datasetId",    "geometryProperty",
    "limit",   "offset",    "count",     "options",      NULL};
static const char *const options[] = {"sysAttrs", "count", NULL};

static void serve_create(struct request *r)
{
    static const struct operation o = {.run = create, .parameters = no_parameters, .creates = true};
    call_serve(r, &o);
}

static void serve_discover(struct request *r)
{
    static const struct operation o = {
        .run = discover, .parameters = discover_parameters, .options = options};
    call_serve(r, &o);
}

static void serve_retrieve(struct request *r)
{
    static const struct operation o = {.run = retrieve, .parameters = one_parameters, .options = options};
    call_serve(r, &o);
}

static void serve_update(struct request *r)
{
    static const struct operation o = {.run = update, .parameters = no_parameters};
    call_serve(r, &o);
}

static void serve_delete(struct request *r)
{
    static const struct operation o = {.run = delete_registration, .parameters = no_parameters};
    call_serve(r, &o);
}

/* Reading needs the permission too: registrations hold what their sources are reached with. */
#define WRITE "subscriptions.write"
const struct route registration_routes[] = {
    {"POST", PATH, WRITE, serve_create, "Register a context source", "注册上下文源", 0},
    {"GET", PATH, WRITE, serve_discover, "Find context sources that may have what a query asks for",
     "查找可能拥有所查询内容的上下文源", 0},
    {"GET", PATH "/{id}", WRITE, serve_retrieve, "A registration and how its operations fare",
     "读取注册及其操作状态", 0},
    {"PATCH", PATH "/{id}", WRITE, serve_update, "Change a registration", "修改注册", 0},
    {"DELETE", PATH "/{id}", WRITE, serve_delete, "Remove a registration", "删除注册", 0},
    {NULL},
};
