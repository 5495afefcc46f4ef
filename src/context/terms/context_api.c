/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/jsonldContexts: adding, listing, serving, deleting and reloading @contexts (5.13). */
#include <string.h>

#include "context/call/api.h"
#include "context/entity/ingest.h"
#include "context/routes.h"
#include "context/terms/context_fetch.h"
#include "context/terms/hosted.h"

/* ---- adding ---- */

struct context_write {
    struct write_call w;
    struct hosted_put put;
};

static bool put_context(struct write_call *w, struct txn *t, struct error *e)
{
    return hosted_put(&((struct context_write *)w)->put, t, w->arena, e);
}

static void reply_location(struct write_call *w)
{
    const struct context_write *x = (struct context_write *)w;
    hosted_put_done(&x->put);
    reply_header(w->request, "Location", arena_printf(w->arena, HOSTED_PATH "%s", x->put.key));
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
    const struct json *body = check_upload(c, e);
    const char *url = request_query(c->request, "url");
    if (body == NULL || (url != NULL && !ingest_uri("url", url, strlen(url), e))) {
        return false;
    }
    struct context_write *x = arena_new0(c->arena, struct context_write);
    if (!write_call_init(&x->w, c, CONTEXT_CREATE, 0, e)) {
        return false;
    }
    struct json *kept = json_object(c->arena);
    json_add(kept, "@context", json_copy(c->arena, json_get(body, "@context")));
    g_autofree char *key = url != NULL ? hosted_key(url) : g_uuid_string_random();
    x->put = (struct hosted_put){.key = arena_strdup(c->arena, key),
                                 .kind = url != NULL ? HOSTED_CACHED : HOSTED,
                                 .url = url,
                                 .body = kept,
                                 .expires = INSTANT_MAX};
    x->w.apply = put_context;
    x->w.reply = reply_location;
    write_call_submit(&x->w);
    return true;
}

/* ---- reading ---- */

/* What a client names by the path: the local id, or for a copy its URL. */
static const char *key_of(struct call *c)
{
    g_autofree char *key = hosted_key(request_param(c->request, "id"));
    return arena_strdup(c->arena, key);
}

static const char *url_of(struct arena *a, const struct hosted_info *x)
{
    return x->url != NULL ? x->url : arena_printf(a, HOSTED_PATH "%s", x->key);
}

static void add_time(struct arena *a, struct json *d, const char *name, instant at)
{
    char text[INSTANT_TEXT];
    if (at != 0 && at < INSTANT_MAX) {
        json_add(d, name, json_string(a, instant_format(at, text)));
    }
}

static struct json *describe(struct arena *a, const struct hosted_info *x)
{
    struct json *d = json_object(a);
    json_add(d, "URL", json_string(a, url_of(a, x)));
    json_add(d, "localId", json_string(a, x->key));
    json_add(d, "kind", json_string(a, hosted_kind_name(x->kind)));
    add_time(a, d, "createdAt", x->created);
    add_time(a, d, "expiresAt", x->expires);
    add_time(a, d, "lastUsage", x->last);
    json_add(d, "numberOfHits", json_int(a, x->hits));
    if (x->file != NULL) {
        json_add(json_add(d, "extraInfo", json_object(a)), "file", json_string(a, x->file));
    }
    return d;
}

static bool check_kind(const char *kind, struct error *e)
{
    for (int k = HOSTED; kind != NULL && k <= HOSTED_IMPLICIT; k++) {
        if (strcmp(kind, hosted_kind_name((enum hosted_kind)k)) == 0) {
            return true;
        }
    }
    return kind == NULL || error_set(e, ERROR_BAD_REQUEST_DATA, "kind is Hosted, Cached or ImplicitlyCreated",
                                     "kind 应为 Hosted、Cached 或 ImplicitlyCreated");
}

static bool list_contexts(struct call *c, struct error *e)
{
    const char *kind = request_query(c->request, "kind");
    struct json *out = json_array(c->arena);
    bool details;
    int count;
    if (!call_flag(c, "details", &details, e) || !check_kind(kind, e)) {
        return false;
    }
    const struct hosted_info *all = hosted_list(c->arena, &count);
    for (int i = 0; i < count; i++) {
        if (kind == NULL || strcmp(kind, hosted_kind_name(all[i].kind)) == 0) {
            json_append(out, details ? describe(c->arena, &all[i])
                                     : json_string(c->arena, url_of(c->arena, &all[i])));
        }
    }
    reply_json(c->request, 200, out);
    return true;
}

static bool no_context(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no @context %.300s", "没有 @context %.300s", id);
}

static bool serve_context(struct call *c, struct error *e)
{
    struct hosted_info x;
    bool details;
    if (!call_flag(c, "details", &details, e)) {
        return false;
    }
    if (!hosted_describe(c->arena, key_of(c), &x)) {
        return no_context(request_param(c->request, "id"), e);
    }
    if (details) {
        reply_json(c->request, 200, describe(c->arena, &x));
        return true;
    }
    if (x.kind == HOSTED_CACHED) {
        return error_set(
            e, ERROR_NOT_SUPPORTED,
            "This is a copy of %.300s for use here; read it there, or with details=true about it",
            "这是 %.300s 的本地副本，不对外提供；请到原址读取，或用 details=true 查看其信息", x.url);
    }
    const struct json *body = hosted_body(c->arena, x.key);
    if (body == NULL) {
        return no_context(x.key, e);
    }
    reply_header(c->request, "Content-Type", "application/ld+json");
    reply_json(c->request, 200, body);
    return true;
}

/* ---- deleting and reloading ---- */

static bool drop_context(struct write_call *w, struct txn *t, struct error *e)
{
    return hosted_drop(w->id, t, w->arena, e);
}

static void reply_dropped(struct write_call *w)
{
    hosted_drop_done(w->id);
    reply_no_content(w);
}

static void reloaded(void *user, const struct error *e)
{
    struct request *r = user;
    if (e != NULL) {
        reply_error(r, e);
    } else {
        reply_empty(r, 204);
    }
    request_resume(r);
}

static bool reload_context(struct call *c, const struct hosted_info *x, struct error *e)
{
    struct error busy = {0};
    if (x->kind != HOSTED_CACHED || x->file != NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "Only a copy of another server's @context can be reloaded",
                         "只有其他服务器 @context 的副本才能重新加载");
    }
    if (!context_fetch_possible(x->url)) {
        return error_set(
            e, ERROR_CONTEXT_UNAVAILABLE,
            "Nothing is fetched here, so a @context cannot be reloaded; upload it anew, or start "
            "the hub with --contexts fetch",
            "此处不从网络获取 @context，无法重新加载；请重新上传，或以 --contexts fetch 启动");
    }
    request_suspend(c->request);
    if (!context_fetch(x->url, reloaded, c->request, &busy)) {
        reloaded(c->request, &busy);
    }
    return true;
}

static bool delete_context(struct call *c, struct error *e)
{
    const char *key = key_of(c);
    struct hosted_info x;
    bool reload;
    if (!call_flag(c, "reload", &reload, e)) {
        return false;
    }
    if (!hosted_describe(c->arena, key, &x)) {
        return no_context(request_param(c->request, "id"), e);
    }
    if (reload) {
        return reload_context(c, &x, e);
    }
    struct write_call *w = write_call_new(c, CONTEXT_CREATE, 0, e);
    if (w == NULL) {
        return false;
    }
    w->id = key;
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
