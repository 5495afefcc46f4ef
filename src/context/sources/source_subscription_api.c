/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/csourceSubscriptions: subscribing to registrations (5.11.2 – 5.11.6). */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/call/api.h"
#include "context/query/query_api.h"
#include "context/sources/source_subscription.h"

#define PATH NGSI_PATH "/csourceSubscriptions"

struct subscriber_write {
    struct write_call w;
    struct registry *registry;
    struct source_subscription *next, *old; /* references; NULL when deleting, creating */
    bool creating, installed;
};

static bool refuse_unknown(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no subscription to registrations %.200s",
                     "没有注册订阅 %.200s", id);
}

/* ---- in the transaction ---- */

static bool apply_put(struct write_call *w, struct txn *t, struct error *e)
{
    struct subscriber_write *x = (struct subscriber_write *)w;
    x->old = source_subscriber_find(x->registry, x->next->def->id, true);
    if (x->creating && x->old != NULL) {
        return error_set(e, ERROR_ALREADY_EXISTS, "There is a subscription %.200s already",
                         "订阅 %.200s 已经存在", x->next->def->id);
    }
    if (!x->creating && x->old == NULL) {
        return refuse_unknown(x->next->def->id, e);
    }
    x->installed = source_subscriber_put(x->registry, t, w->arena, x->next, e);
    return x->installed;
}

static void settle(struct subscriber_write *x, bool durable)
{
    if (x->installed) {
        source_subscriber_settle(x->registry, x->next->def->id, x->old, durable);
        x->installed = false;
    }
}

static void reply_put(struct write_call *w)
{
    struct subscriber_write *x = (struct subscriber_write *)w;
    settle(x, true);
    if (x->creating) {
        g_autofree char *escaped = g_uri_escape_string(x->next->def->id, ":", FALSE);
        reply_header(w->request, "Location", arena_printf(w->arena, PATH "/%s", escaped));
        reply_empty(w->request, 201);
    } else {
        reply_empty(w->request, 204);
    }
}

static bool apply_delete(struct write_call *w, struct txn *t, struct error *e)
{
    return source_subscriber_drop(t, w->arena, w->id, e);
}

static void reply_delete(struct write_call *w)
{
    source_subscriber_forget(((struct subscriber_write *)w)->registry, w->id);
    reply_empty(w->request, 204);
}

static void clear(struct write_call *w)
{
    struct subscriber_write *x = (struct subscriber_write *)w;
    settle(x, false);
    source_subscription_unref(x->old);
    source_subscription_unref(x->next);
}

static struct subscriber_write *write_new(struct call *c, struct error *e)
{
    struct subscriber_write *x = arena_new0(c->arena, struct subscriber_write);
    x->w.clear = clear;
    x->registry = c->space->registry;
    return write_call_init(&x->w, c, CONTEXT_UPDATE, 0, e) ? x : NULL;
}

/* Takes s. */
static bool put_subscription(struct call *c, struct source_subscription *s, bool creating, struct error *e)
{
    source_subscription_auto owned = s;
    if (s->def->expires_known && s->def->expires <= instant_now()) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"expiresAt\" lies in the past", "“expiresAt”已经过去");
    }
    struct subscriber_write *x = write_new(c, e);
    if (x == NULL) {
        return false;
    }
    s->def->tenant = registry_tenant(c->space->registry);
    x->next = g_steal_pointer(&owned);
    x->creating = creating;
    x->w.apply = apply_put;
    x->w.reply = reply_put;
    write_call_submit(&x->w);
    return true;
}

/* ---- handlers ---- */

static bool has_registry(struct call *c, struct error *e)
{
    return c->space->registry != NULL ||
           error_set(e, ERROR_NOT_SUPPORTED, "A snapshot has no context sources", "快照没有上下文源");
}

static bool create(struct call *c, struct error *e)
{
    const struct json *body = has_registry(c, e) ? call_body(c, e) : NULL;
    if (body == NULL) {
        return false;
    }
    if (source_subscriber_count(c->space->registry) >= LIMIT_SOURCE_SUBSCRIPTIONS) {
        return error_set(e, ERROR_TOO_MANY_REQUESTS, "There are %d subscriptions already: remove some",
                         "订阅数已达上限 %d：请先删除一些", LIMIT_SOURCE_SUBSCRIPTIONS);
    }
    const struct json *context;
    struct source_subscription *s =
        call_notified_context(c, body, &context, e) ? source_subscription_parse(body, context, e) : NULL;
    return s != NULL && put_subscription(c, s, true, e);
}

static void reply_object(struct call *c, const struct json *object, const char *links)
{
    GString *text = g_string_new(NULL);
    json_write(text, object);
    call_reply(c, 200, text, links);
}

static struct json *described(struct call *c, const char *id)
{
    struct json *s = source_subscriber_describe(c->space->registry, c->arena, id);
    const struct json *context = call_context_member(c);
    if (s != NULL && context != NULL) {
        json_set(c->arena, s, "@context", json_copy(c->arena, context));
    }
    return s;
}

static bool retrieve(struct call *c, struct error *e)
{
    const char *id = has_registry(c, e) ? call_id(c, e) : NULL;
    const struct json *s = id != NULL ? described(c, id) : NULL;
    if (s == NULL) {
        return id != NULL ? refuse_unknown(id, e) : false;
    }
    reply_object(c, s, NULL);
    return true;
}

static bool list(struct call *c, struct error *e)
{
    struct query_page page = {0};
    if (!has_registry(c, e) || !query_read_page(c, &page, e)) {
        return false;
    }
    g_auto(GStrv) ids = source_subscriber_ids(c->space->registry, page.offset, page.limit);
    struct json *out = json_array(c->arena);
    for (char **id = ids; *id != NULL; id++) {
        struct json *s = described(c, *id);
        if (s != NULL) {
            json_append(out, s);
        }
    }
    page.total = source_subscriber_count(c->space->registry);
    page.more = page.offset + page.limit < page.total;
    if (page.count) {
        reply_header(c->request, "NGSILD-Results-Count", arena_printf(c->arena, "%" PRId64, page.total));
    }
    reply_object(c, out, query_page_links(c, &page));
    return true;
}

static bool check_fragment(const struct json *fragment, const char *id, struct error *e)
{
    const struct json *given = json_get(fragment, "id");
    if (fragment->type != JSON_OBJECT) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an object", "正文必须是对象");
    }
    return given == NULL || json_streq(given, id) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "The id of a subscription cannot be changed",
                     "订阅的 id 不能修改");
}

/* 5.5.8: members are replaced, null removes. */
static const struct json *patched(struct arena *a, const struct json *body, const struct json *fragment)
{
    struct json *out = json_copy(a, body);
    for (const struct json *m = fragment->first; m != NULL; m = m->next) {
        json_remove(out, m->key);
        if (m->type != JSON_NULL && !json_streq(m, "urn:ngsi-ld:null")) {
            json_set(a, out, m->key, json_copy(a, m));
        }
    }
    return out;
}

static bool update(struct call *c, struct error *e)
{
    const char *id = has_registry(c, e) ? call_id(c, e) : NULL;
    const struct json *fragment = id != NULL ? call_body(c, e) : NULL;
    if (fragment == NULL || !check_fragment(fragment, id, e)) {
        return false;
    }
    source_subscription_auto old = source_subscriber_find(c->space->registry, id, false);
    if (old == NULL) {
        return refuse_unknown(id, e);
    }
    const struct json *body = patched(c->arena, old->body, fragment);
    const struct json *context;
    if (!call_notified_context(c, body, &context, e)) {
        return false;
    }
    struct source_subscription *s =
        source_subscription_parse(body, context != NULL ? context : old->def->context_value, e);
    return s != NULL && put_subscription(c, s, false, e);
}

static bool delete_subscription(struct call *c, struct error *e)
{
    const char *id = has_registry(c, e) ? call_id(c, e) : NULL;
    source_subscription_auto there =
        id != NULL ? source_subscriber_find(c->space->registry, id, false) : NULL;
    if (there == NULL) {
        return id != NULL ? refuse_unknown(id, e) : false;
    }
    struct subscriber_write *x = write_new(c, e);
    if (x == NULL) {
        return false;
    }
    x->w.id = id;
    x->w.apply = apply_delete;
    x->w.reply = reply_delete;
    write_call_submit(&x->w);
    return true;
}

/* ---- routes ---- */

static const char *const no_parameters[] = {NULL};
static const char *const one_parameters[] = {"options", NULL};
static const char *const list_parameters[] = {"limit", "offset", "count", "options", NULL};
static const char *const options[] = {"sysAttrs", "count", NULL};

static void serve_create(struct request *r)
{
    static const struct operation o = {.run = create, .parameters = no_parameters, .creates = true};
    call_serve(r, &o);
}

static void serve_list(struct request *r)
{
    static const struct operation o = {.run = list, .parameters = list_parameters, .options = options};
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
    static const struct operation o = {.run = delete_subscription, .parameters = no_parameters};
    call_serve(r, &o);
}

#define WRITE "subscriptions.write"
const struct route source_subscription_routes[] = {
    {"POST", PATH, WRITE, serve_create, "Subscribe to registrations of context sources", "订阅上下文源注册",
     0},
    {"GET", PATH, WRITE, serve_list, "List subscriptions to registrations", "列出注册订阅", 0},
    {"GET", PATH "/{id}", WRITE, serve_retrieve,
     "A subscription to registrations and how its notifications fare", "读取注册订阅及其通知状态", 0},
    {"PATCH", PATH "/{id}", WRITE, serve_update, "Change a subscription to registrations", "修改注册订阅", 0},
    {"DELETE", PATH "/{id}", WRITE, serve_delete, "Remove a subscription to registrations", "删除注册订阅",
     0},
    {NULL},
};
