/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/jsonldContexts: adding, listing, serving and deleting hosted @contexts (5.13). */
#include <string.h>

#include "context/api.h"
#include "context/hosted.h"
#include "context/ingest.h"
#include "context/routes.h"

/* ---- adding ---- */

static bool put_context(struct write_call *w, struct txn *t, struct error *e)
{
    struct view *v = txn_view(t);
    const char *value, *text;
    size_t length;
    if (view_kv_count(v, HOSTED_SPACE) >= LIMIT_CONTEXTS) {
        return error_set(e, ERROR_FORBIDDEN, "There are %d hosted @contexts already; delete one first",
                         "已有 %d 个托管的 @context，请先删除一个", LIMIT_CONTEXTS);
    }
    if (view_kv_get(v, w->arena, HOSTED_SPACE, w->id, strlen(w->id), &value, &length)) {
        return error_set(e, ERROR_ALREADY_EXISTS, "The @context %.300s is here already; delete it first",
                         "@context %.300s 已经存在，请先删除", w->id);
    }
    json_add(w->fragment, "createdAt", json_int(w->arena, txn_now(t)));
    text = json_text(w->arena, w->fragment);
    return txn_kv_put(t, HOSTED_SPACE, w->id, strlen(w->id), text, strlen(text), e);
}

static void reply_location(struct write_call *w)
{
    g_autofree char *escaped = g_uri_escape_string(w->id, NULL, FALSE);
    hosted_changed();
    reply_header(w->request, "Location", arena_printf(w->arena, HOSTED_PATH "%s", escaped));
    reply_empty(w->request, 201);
}

/* The uploaded object, held to what a @context may be. */
static struct json *check_upload(struct call *c, struct error *e)
{
    size_t length;
    request_body(c->request, &length);
    struct json *body = request_json(c->request, e);
    const struct json *value = json_get(body, "@context");
    ld_context_auto parsed = NULL;
    if (body != NULL && length > LIMIT_CONTEXT_LENGTH) {
        error_set(e, ERROR_TOO_LARGE, "A hosted @context has at most %d bytes",
                  "托管的 @context 最多 %d 字节", LIMIT_CONTEXT_LENGTH);
        return NULL;
    }
    if (body != NULL && value == NULL) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an object with \"@context\"",
                  "正文必须是带“@context”的对象");
        return NULL;
    }
    return body != NULL && ld_context_parse(value, hosted_loader(), &parsed, e) ? body : NULL;
}

static bool add_context(struct call *c, struct error *e)
{
    struct json *body = check_upload(c, e);
    const char *url = request_query(c->request, "url");
    if (body == NULL || (url != NULL && !ingest_uri("url", url, strlen(url), e))) {
        return false;
    }
    struct write_call *w = write_call_new(c, CONTEXT_CREATE, 0, e);
    if (w == NULL) {
        return false;
    }
    g_autofree char *uuid = g_uuid_string_random();
    w->id = url != NULL ? url : arena_strdup(c->arena, uuid);
    w->fragment = json_object(c->arena);
    json_add(w->fragment, "kind", json_string(c->arena, url != NULL ? "Cached" : "Hosted"));
    json_add(w->fragment, "body", body);
    w->apply = put_context;
    w->reply = reply_location;
    write_call_submit(w);
    return true;
}

/* ---- reading ---- */

struct listing {
    struct call *call;
    const char *kind; /* or NULL */
    bool details;
    struct json *out;
};

static const char *url_of(struct arena *a, const char *key)
{
    return strchr(key, ':') != NULL ? key : arena_printf(a, HOSTED_PATH "%s", key);
}

static struct json *describe(struct arena *a, const char *key, const struct json *stored)
{
    char text[INSTANT_TEXT];
    struct json *d = json_object(a);
    json_add(d, "URL", json_string(a, url_of(a, key)));
    json_add(d, "localId", json_string(a, key));
    json_add(d, "kind", json_string(a, json_get_string(stored, "kind")));
    json_add(d, "createdAt", json_string(a, instant_format(json_get_int(stored, "createdAt", 0), text)));
    return d;
}

static bool list_one(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct listing *l = user;
    struct arena *a = l->call->arena;
    struct error ignored = {0};
    const struct json *stored = json_parse(a, value, value_length, &ignored);
    const char *name = arena_strndup(a, key, key_length);
    if (stored != NULL && (l->kind == NULL || g_strcmp0(json_get_string(stored, "kind"), l->kind) == 0)) {
        json_append(l->out, l->details ? describe(a, name, stored) : json_string(a, url_of(a, name)));
    }
    return true;
}

static bool list_contexts(struct call *c, struct error *e)
{
    struct listing l = {.call = c, .kind = request_query(c->request, "kind"), .out = json_array(c->arena)};
    if (!call_flag(c, "details", &l.details, e)) {
        return false;
    }
    view_auto v = view_begin(space_default()->store);
    view_kv_scan(v, HOSTED_SPACE, NULL, 0, false, list_one, &l);
    reply_json(c->request, 200, l.out);
    return true;
}

static bool no_context(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no hosted @context %.300s", "没有托管的 @context %.300s",
                     id);
}

static bool serve_context(struct call *c, struct error *e)
{
    const char *key = hosted_key(request_param(c->request, "id"));
    bool details;
    if (!call_flag(c, "details", &details, e)) {
        return false;
    }
    view_auto v = view_begin(space_default()->store);
    const struct json *stored = hosted_get(v, c->arena, key);
    if (stored == NULL) {
        return no_context(key, e);
    }
    if (!details) {
        reply_header(c->request, "Content-Type", "application/ld+json");
    }
    reply_json(c->request, 200, details ? describe(c->arena, key, stored) : json_get(stored, "body"));
    return true;
}

/* ---- deleting ---- */

static bool drop_context(struct write_call *w, struct txn *t, struct error *e)
{
    const char *value;
    size_t length;
    if (!view_kv_get(txn_view(t), w->arena, HOSTED_SPACE, w->id, strlen(w->id), &value, &length)) {
        return no_context(w->id, e);
    }
    return txn_kv_delete(t, HOSTED_SPACE, w->id, strlen(w->id), e);
}

static void reply_dropped(struct write_call *w)
{
    hosted_changed();
    reply_no_content(w);
}

static bool delete_context(struct call *c, struct error *e)
{
    bool reload;
    if (!call_flag(c, "reload", &reload, e)) {
        return false;
    }
    if (reload) {
        return error_set(e, ERROR_NOT_SUPPORTED,
                         "Nothing is fetched here, so a @context cannot be reloaded; upload it anew",
                         "此处不从网络获取 @context，无法重新加载；请重新上传");
    }
    struct write_call *w = write_call_new(c, CONTEXT_CREATE, 0, e);
    if (w == NULL) {
        return false;
    }
    w->id = hosted_key(request_param(c->request, "id"));
    w->apply = drop_context;
    w->reply = reply_dropped;
    write_call_submit(w);
    return true;
}

/* ---- operations ---- */

static const char *const no_parameters[] = {NULL};
static const char *const add_parameters[] = {"url", NULL};
static const char *const list_parameters[] = {"details", "kind", NULL};
static const char *const serve_parameters[] = {"details", NULL};
static const char *const delete_parameters[] = {"reload", NULL};

void serve_add_context(struct request *r)
{
    static const struct operation o = {
        .run = add_context, .parameters = add_parameters, .options = no_parameters, .shared = true};
    call_serve(r, &o);
}

void serve_list_contexts(struct request *r)
{
    static const struct operation o = {
        .run = list_contexts, .parameters = list_parameters, .options = no_parameters, .shared = true};
    call_serve(r, &o);
}

void serve_context_body(struct request *r)
{
    static const struct operation o = {
        .run = serve_context, .parameters = serve_parameters, .options = no_parameters, .shared = true};
    call_serve(r, &o);
}

void serve_delete_context(struct request *r)
{
    static const struct operation o = {
        .run = delete_context, .parameters = delete_parameters, .options = no_parameters, .shared = true};
    call_serve(r, &o);
}
