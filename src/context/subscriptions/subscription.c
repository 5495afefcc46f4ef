/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/subscriptions: making, changing, reading and removing subscriptions (5.8.1 – 5.8.5). */
#include "context/subscriptions/subscription.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "context/call/api.h"
#include "context/entity/record.h"
#include "context/query/query_api.h"
#include "context/subscriptions/notifier.h"

#define SPACE SUBSCRIPTION_SPACE
#define PATH NGSI_PATH "/subscriptions"

/* ---- keeping ---- */

struct subscription_write {
    struct write_call w;
    struct subscription *s; /* a reference; NULL when deleting */
    const char *state;      /* of a new one: where it begins */
    bool creating;
    bool counted; /* among those who need what was before */
};

static const char *stored_text(struct arena *a, const struct subscription *s)
{
    struct json *kept = json_object(a);
    json_add(kept, "body", json_copy(a, s->body));
    json_add(kept, "createdAt", json_int(a, s->created));
    json_add(kept, "modifiedAt", json_int(a, s->modified));
    if (s->context_value != NULL) {
        json_add(kept, "context", json_copy(a, s->context_value));
    }
    return json_text(a, kept);
}

static bool apply_put(struct write_call *w, struct txn *t, struct error *e)
{
    struct subscription_write *x = (struct subscription_write *)w;
    const char *value;
    size_t length;
    bool exists = view_kv_get(txn_view(t), w->arena, SPACE, x->s->id, strlen(x->s->id), &value, &length);
    if (x->creating && exists) {
        return error_set(e, ERROR_ALREADY_EXISTS, "There is a subscription %.200s already",
                         "订阅 %.200s 已经存在", x->s->id);
    }
    if (!x->creating && !exists) {
        return error_set(e, ERROR_NOT_FOUND, "There is no subscription %.200s", "没有订阅 %.200s", x->s->id);
    }
    if (x->creating) {
        x->state = notifier_first_state(w->arena, store_log_end(w->space->store));
        if (!txn_kv_put(t, NOTIFIER_SPACE, x->s->id, strlen(x->s->id), x->state, strlen(x->state), e)) {
            return false;
        }
    }
    if (x->s->needs_before) { /* the records of this commit are to have it already; dropped with the call */
        record_need_before(1);
        x->counted = true;
    }
    x->s->modified = txn_now(t);
    x->s->created = x->creating ? txn_now(t) : x->s->created;
    const char *text = stored_text(w->arena, x->s);
    return txn_kv_put(t, SPACE, x->s->id, strlen(x->s->id), text, strlen(text), e);
}

static void reply_put(struct write_call *w)
{
    struct subscription_write *x = (struct subscription_write *)w;
    const struct json *state =
        x->state != NULL ? json_parse(w->arena, x->state, strlen(x->state), NULL) : NULL;
    notifier_put(w->space->notifier, x->s, state);
    if (x->creating) {
        g_autofree char *escaped = g_uri_escape_string(x->s->id, ":", FALSE);
        reply_header(w->request, "Location", arena_printf(w->arena, PATH "/%s", escaped));
        reply_empty(w->request, 201);
    } else {
        reply_empty(w->request, 204);
    }
}

static bool apply_delete(struct write_call *w, struct txn *t, struct error *e)
{
    return txn_kv_delete(t, SPACE, w->id, strlen(w->id), e) &&
           txn_kv_delete(t, NOTIFIER_SPACE, w->id, strlen(w->id), e);
}

static void reply_delete(struct write_call *w)
{
    notifier_remove(w->space->notifier, w->id);
    reply_empty(w->request, 204);
}

static struct subscription_write *write_new(struct call *c, struct error *e)
{
    struct subscription_write *x = arena_new0(c->arena, struct subscription_write);
    return write_call_init(&x->w, c, CONTEXT_UPDATE, 0, e) ? x : NULL;
}

static void drop_subscription(struct write_call *w)
{
    struct subscription_write *x = (struct subscription_write *)w;
    if (x->counted) {
        record_need_before(-1); /* the table counts it now */
    }
    subscription_unref(x->s);
}

static bool put_subscription(struct call *c, struct subscription *s, bool creating, struct error *e)
{
    if (s->expires_known && s->expires <= instant_now()) {
        subscription_unref(s);
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"expiresAt\" lies in the past", "“expiresAt”已经过去");
    }
    struct subscription_write *x = write_new(c, e);
    if (x == NULL) {
        subscription_unref(s);
        return false;
    }
    x->s = s;
    x->w.clear = drop_subscription;
    x->creating = creating;
    x->w.apply = apply_put;
    x->w.reply = reply_put;
    write_call_submit(&x->w);
    return true;
}

/* ---- handlers ---- */

static bool create(struct call *c, struct error *e)
{
    const struct json *body = call_body(c, e);
    if (body == NULL) {
        return false;
    }
    if (notifier_count(c->space->notifier) >= LIMIT_SUBSCRIPTIONS) {
        return error_set(e, ERROR_TOO_MANY_REQUESTS, "There are %d subscriptions already: remove some",
                         "订阅数已达上限 %d：请先删除一些", LIMIT_SUBSCRIPTIONS);
    }
    const struct json *context;
    struct subscription *s =
        call_notified_context(c, body, &context, e) ? subscription_parse(body, context, e) : NULL;
    return s != NULL && put_subscription(c, s, true, e);
}

static bool refuse_unknown(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no subscription %.200s", "没有订阅 %.200s", id);
}

static void reply_object(struct call *c, const struct json *object)
{
    GString *text = g_string_new(NULL);
    json_write(text, object);
    call_reply(c, 200, text, NULL);
}

static struct json *described(struct call *c, const char *id)
{
    struct json *s = notifier_describe(c->space->notifier, c->arena, id);
    const struct json *context = call_context_member(c);
    if (s != NULL && (c->options & CALL_SYS_ATTRS) == 0) {
        json_remove(s, "createdAt");
        json_remove(s, "modifiedAt");
    }
    if (s != NULL && context != NULL) {
        json_set(c->arena, s, "@context", json_copy(c->arena, context));
    }
    return s;
}

static bool retrieve(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    const struct json *s = id != NULL ? described(c, id) : NULL;
    if (s == NULL) {
        return id != NULL ? refuse_unknown(id, e) : false;
    }
    reply_object(c, s);
    return true;
}

static bool list(struct call *c, struct error *e)
{
    struct query_page page = {0};
    if (!query_read_page(c, &page, e)) {
        return false;
    }
    g_auto(GStrv) ids = notifier_ids(c->space->notifier, page.offset, page.limit);
    struct json *out = json_array(c->arena);
    for (char **id = ids; *id != NULL; id++) {
        struct json *s = described(c, *id);
        if (s != NULL) {
            json_append(out, s);
        }
    }
    page.total = notifier_count(c->space->notifier);
    page.more = page.offset + page.limit < page.total;
    if (page.count) {
        reply_header(c->request, "NGSILD-Results-Count", arena_printf(c->arena, "%" PRId64, page.total));
    }
    GString *text = g_string_new(NULL);
    json_write(text, out);
    call_reply(c, 200, text, query_page_links(c, &page));
    return true;
}

/* What the fragment says stands in the place of what was; null removes; notification is merged member by
 * member. */
static struct json *merged(struct arena *a, const struct json *body, const struct json *fragment)
{
    struct json *target = json_copy(a, body);
    struct json *patch = json_copy(a, fragment);
    for (struct json *m = json_first(patch); m != NULL; m = m->next) {
        if (json_streq(m, "urn:ngsi-ld:null")) {
            *m =
                (struct json){.type = JSON_NULL, .key = m->key, .key_length = m->key_length, .next = m->next};
        }
    }
    return json_merge_patch(a, target, patch);
}

static bool check_fragment(const struct json *fragment, const char *id, struct error *e)
{
    const char *given = json_get_string(fragment, "id");
    if (fragment->type != JSON_OBJECT) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an object", "正文必须是对象");
    }
    return given == NULL || strcmp(given, id) == 0 ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "The id of a subscription cannot be changed",
                     "订阅的 id 不能修改");
}

static bool update(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    const struct json *fragment = id != NULL ? call_body(c, e) : NULL;
    if (fragment == NULL || !check_fragment(fragment, id, e)) {
        return false;
    }
    subscription_auto old = notifier_find(c->space->notifier, id);
    if (old == NULL) {
        return refuse_unknown(id, e);
    }
    struct json *body = merged(c->arena, old->body, fragment);
    if (json_get(fragment, "isActive") != NULL && json_get(fragment, "expiresAt") == NULL &&
        old->expires_known && old->expires <= instant_now()) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The subscription has expired: give a new expiresAt too",
                         "订阅已过期：请同时给出新的 expiresAt");
    }
    const struct json *context;
    if (!call_notified_context(c, body, &context, e)) {
        return false;
    }
    struct subscription *s = subscription_parse(body, context != NULL ? context : old->context_value, e);
    if (s != NULL) {
        s->created = old->created;
    }
    return s != NULL && put_subscription(c, s, false, e);
}

static bool delete_subscription(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    subscription_auto there = id != NULL ? notifier_find(c->space->notifier, id) : NULL;
    if (there == NULL) {
        return id != NULL ? refuse_unknown(id, e) : false;
    }
    struct subscription_write *x = write_new(c, e);
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
const struct route subscription_routes[] = {
    {"POST", PATH, WRITE, serve_create, "Subscribe to changes of entities", "订阅实体变更", 0},
    {"GET", PATH, WRITE, serve_list, "List subscriptions", "列出订阅", 0},
    {"GET", PATH "/{id}", WRITE, serve_retrieve, "A subscription and how its notifications fare",
     "读取订阅及其通知状态", 0},
    {"PATCH", PATH "/{id}", WRITE, serve_update, "Change, pause or resume a subscription",
     "修改、暂停或恢复订阅", 0},
    {"DELETE", PATH "/{id}", WRITE, serve_delete, "Remove a subscription", "删除订阅", 0},
    {NULL},
};

/* ---- start and stop ---- */

static bool load_one(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    GPtrArray *texts = user;
    g_ptr_array_add(texts, g_strndup(value, length));
    return true;
}

static void put_stored(struct notifier *n, struct view *v, const char *text)
{
    arena_auto a = arena_new();
    struct error e = {0};
    const char *state_text;
    size_t length;
    const struct json *kept = json_parse(a, text, strlen(text), &e);
    subscription_auto s =
        kept != NULL ? subscription_parse(json_get(kept, "body"), json_get(kept, "context"), &e) : NULL;
    if (s == NULL) {
        log_failure("notifier", "load a subscription", &e);
        return;
    }
    s->created = json_get_int(kept, "createdAt", 0);
    s->modified = json_get_int(kept, "modifiedAt", 0);
    const struct json *state = NULL;
    if (view_kv_get(v, a, NOTIFIER_SPACE, s->id, strlen(s->id), &state_text, &length)) {
        state = json_parse(a, state_text, length, NULL);
    }
    notifier_put(n, s, state);
}

struct notifier *subscription_load(struct store *s, struct http_client *client, const char *tenant,
                                   const char *snapshot)
{
    struct notifier_options o = {.store = s, .client = client, .tenant = tenant, .snapshot = snapshot};
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    view_auto v = view_begin(s);
    struct notifier *n = notifier_start(&o);
    view_kv_scan(v, SPACE, NULL, 0, false, load_one, texts);
    for (guint i = 0; i < texts->len; i++) {
        put_stored(n, v, texts->pdata[i]);
    }
    return n;
}
