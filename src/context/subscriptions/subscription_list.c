/* SPDX-License-Identifier: Apache-2.0 */
/* The list of subscriptions with their states, and the last attempts of one. */
#include <string.h>

#include "base/table.h"
#include "context/call/api.h"
#include "context/subscriptions/subscription_state.h"
#include "identity/identity.h"

struct space *subscription_space(struct request *r, struct error *e)
{
    const char *tenant = request_header(r, "NGSILD-Tenant");
    if (tenant == NULL || *tenant == '\0') {
        return space_ref(space_default());
    }
    return tenant_name_valid(tenant, e) && identity_require(r, "tenants", e) ? space_tenant(tenant, false, e)
                                                                             : NULL;
}

bool subscription_unknown(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no subscription %.200s", "没有订阅 %.200s", id);
}

struct subscription *subscription_copy(struct notifier *n, const char *id, struct error *e)
{
    subscription_auto found = notifier_find(n, id);
    if (found == NULL) {
        subscription_unknown(id, e);
        return NULL;
    }
    struct subscription *copy = subscription_parse(found->body, found->context_value, e);
    if (copy != NULL) {
        copy->created = found->created;
        copy->modified = found->modified;
        copy->tenant = found->tenant;
    }
    return copy;
}

const char *subscription_shown_uri(struct arena *a, const struct subscription *s)
{
    const char *start = strstr(s->endpoint.uri, "://");
    const char *authority = start != NULL ? start + 3 : s->endpoint.uri;
    const char *at = memchr(authority, '@', strcspn(authority, "/?#"));
    return at == NULL ? s->endpoint.uri
                      : arena_printf(a, "%.*s***%s", (int)(authority - s->endpoint.uri), s->endpoint.uri, at);
}

/* ---- rows ---- */

/* One subscription as it was when the list was made. */
struct row {
    struct subscription *s; /* a reference */
    const char *standing;
    const char *name, *uri, *reason;
    int64_t sent, failed, behind;
    instant last, last_success, last_failure, due;
    int attempts;
    uint64_t lost_to;
};

static const char *name_of(const struct subscription *s)
{
    const char *name = json_get_string(s->body, "subscriptionName");
    name = name != NULL ? name : json_get_string(s->body, "description");
    return name != NULL ? name : s->id;
}

/* Under the lock. */
static struct row row_of(struct arena *a, const struct entry *x, uint64_t end, instant now)
{
    bool idle = x->phase == IDLE || x->def->interval > 0;
    return (struct row){.s = subscription_ref(x->def),
                        .standing = entry_standing(x, now),
                        .name = name_of(x->def),
                        .uri = subscription_shown_uri(a, x->def),
                        .reason = arena_strdup(a, x->reason),
                        .sent = x->sent,
                        .failed = x->failed,
                        .behind = idle || x->cursor >= end ? 0 : (int64_t)(end - x->cursor),
                        .last = x->last,
                        .last_success = x->last_success,
                        .last_failure = x->last_failure,
                        .due = x->phase == WAITING ? x->due : 0,
                        .attempts = x->attempts,
                        .lost_to = x->lost_to};
}

static void clear_row(void *row)
{
    subscription_unref(((struct row *)row)->s);
}

static GArray *all_rows(struct notifier *n, struct arena *a)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct row));
    instant now = instant_now();
    GHashTableIter i;
    void *x;
    g_array_set_clear_func(rows, clear_row);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    g_hash_table_iter_init(&i, n->entries);
    while (g_hash_table_iter_next(&i, NULL, &x)) {
        struct row row = row_of(a, x, n->position, now);
        g_array_append_val(rows, row);
    }
    return rows;
}

/* ---- which, and in what order ---- */

struct list_query {
    const char *states, *text, *sort;
    bool descending;
    struct list_page page;
};

static bool has_text(const struct row *row, const char *needle)
{
    const char *texts[] = {row->s->id, row->name, row->uri, row->reason,
                           json_get_string(row->s->body, "description")};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *folded = texts[i] != NULL ? g_utf8_casefold(texts[i], -1) : NULL;
        if (folded != NULL && strstr(folded, needle) != NULL) {
            return true;
        }
    }
    for (const char *const *t = row->s->types; t != NULL && *t != NULL; t++) {
        g_autofree char *folded = g_utf8_casefold(*t, -1);
        if (strstr(folded, needle) != NULL) {
            return true;
        }
    }
    return false;
}

static void keep_wanted(GArray *rows, const struct list_query *q)
{
    g_auto(GStrv) states = q->states != NULL ? g_strsplit(q->states, ",", 20) : NULL;
    g_autofree char *needle = q->text != NULL ? g_utf8_casefold(q->text, -1) : NULL;
    for (guint i = rows->len; i > 0; i--) {
        const struct row *row = &g_array_index(rows, struct row, i - 1);
        if ((states != NULL && !g_strv_contains((const char *const *)states, row->standing)) ||
            (needle != NULL && !has_text(row, needle))) {
            g_array_remove_index_fast(rows, i - 1);
        }
    }
}

static int order_numbers(int64_t x, int64_t y)
{
    return (x > y) - (x < y);
}

static gint compare(gconstpointer a, gconstpointer b, gpointer user)
{
    const struct row *x = a, *y = b;
    const struct list_query *q = user;
    int order = strcmp(q->sort, "state") == 0              ? strcmp(x->standing, y->standing)
                : strcmp(q->sort, "sent") == 0             ? order_numbers(x->sent, y->sent)
                : strcmp(q->sort, "failed") == 0           ? order_numbers(x->failed, y->failed)
                : strcmp(q->sort, "behind") == 0           ? order_numbers(x->behind, y->behind)
                : strcmp(q->sort, "lastNotification") == 0 ? order_numbers(x->last, y->last)
                : strcmp(q->sort, "createdAt") == 0        ? order_numbers(x->s->created, y->s->created)
                : strcmp(q->sort, "endpoint") == 0         ? strcmp(x->uri, y->uri)
                                                           : strcmp(x->name, y->name);
    order = order != 0 ? order : strcmp(x->s->id, y->s->id);
    return q->descending ? -order : order;
}

static bool read_query(struct request *r, struct list_query *q, struct error *e)
{
    static const char *const sorts[] = {
        "name", "state", "endpoint", "sent", "failed", "behind", "lastNotification", "createdAt", NULL};
    const char *sort = request_query_text(r, "sort");
    sort = sort != NULL ? sort : "name";
    q->states = request_query_text(r, "state");
    q->text = request_query_text(r, "q");
    q->descending = sort[0] == '-';
    q->sort = sort + (q->descending ? 1 : 0);
    if (!g_strv_contains(sorts, q->sort)) {
        return error_set(
            e, ERROR_INVALID_REQUEST,
            "sort must be name, state, endpoint, sent, failed, behind, lastNotification or createdAt, "
            "with - in front for descending",
            "sort 只能是 name、state、endpoint、sent、failed、behind、lastNotification、createdAt，"
            "前面加 - 表示降序");
    }
    return request_page(r, &q->page, e);
}

/* ---- as JSON and as a table ---- */

static void add_time(struct arena *a, struct json *out, const char *name, instant t)
{
    char text[INSTANT_TEXT];
    json_add(out, name, t != 0 ? json_string(a, instant_format(t, text)) : json_null(a));
}

static struct json *texts(struct arena *a, const char *const *names)
{
    struct json *list = json_array(a);
    for (; names != NULL && *names != NULL; names++) {
        json_append(list, json_string(a, *names));
    }
    return list;
}

static struct json *show_row(struct arena *a, const struct row *row)
{
    const struct subscription *s = row->s;
    struct json *out = json_object(a);
    json_add(out, "id", json_string(a, s->id));
    json_add(out, "name", json_string(a, row->name));
    json_add(out, "state", json_string(a, row->standing));
    json_add(out, "reason", *row->reason != '\0' ? json_string(a, row->reason) : json_null(a));
    json_add(out, "attempts", json_int(a, row->attempts));
    json_add(out, "endpoint", json_string(a, row->uri));
    json_add(out, "types", texts(a, s->types));
    json_add(out, "watchedAttributes", texts(a, s->watched));
    json_add(out, "q", json_get(s->body, "q") != NULL ? json_copy(a, json_get(s->body, "q")) : json_null(a));
    json_add(out, "sent", json_int(a, row->sent));
    json_add(out, "failed", json_int(a, row->failed));
    json_add(out, "behind", json_int(a, row->behind));
    json_add(out, "lostTo", row->lost_to != 0 ? json_int(a, (int64_t)row->lost_to) : json_null(a));
    add_time(a, out, "lastNotification", row->last);
    add_time(a, out, "lastSuccess", row->last_success);
    add_time(a, out, "lastFailure", row->last_failure);
    add_time(a, out, "nextAttempt", row->attempts > 0 ? row->due : 0);
    add_time(a, out, "createdAt", s->created);
    add_time(a, out, "expiresAt", s->expires_known ? s->expires : 0);
    return out;
}

static void cell_time(GString *out, instant t)
{
    char text[INSTANT_TEXT];
    table_cell(out, t != 0 ? instant_format(t, text) : NULL);
}

static void cell_number(GString *out, int64_t n)
{
    char text[32];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, n);
    table_cell(out, text);
}

static GString *table_of(const GArray *rows, const struct list_page *page, bool chinese)
{
    static const char *const zh[] = {"标识",     "名称",     "状态",     "端点",     "已发送",
                                     "失败",     "积压记录", "最近通知", "最近成功", "最近失败",
                                     "失败原因", "创建时间", NULL};
    static const char *const en[] = {
        "id",          "name",        "state",  "endpoint",  "sent", "failed", "behind", "lastNotification",
        "lastSuccess", "lastFailure", "reason", "createdAt", NULL};
    GString *out = table_new();
    table_row(out, chinese ? zh : en);
    for (int64_t i = page->offset; i < rows->len && i < page->offset + page->limit; i++) {
        const struct row *row = &g_array_index(rows, struct row, i);
        const char *const heads[] = {row->s->id, row->name, row->standing, row->uri};
        for (size_t k = 0; k < G_N_ELEMENTS(heads); k++) {
            table_cell(out, heads[k]);
        }
        cell_number(out, row->sent);
        cell_number(out, row->failed);
        cell_number(out, row->behind);
        cell_time(out, row->last);
        cell_time(out, row->last_success);
        cell_time(out, row->last_failure);
        table_cell(out, row->reason);
        cell_time(out, row->s->created);
        table_end(out);
    }
    return out;
}

/* How many there are of each state, of all. */
static struct json *count_states(struct arena *a, const GArray *rows)
{
    struct json *out = json_object(a);
    for (guint i = 0; i < rows->len; i++) {
        const char *state = g_array_index(rows, struct row, i).standing;
        json_set(a, out, state, json_int(a, json_get_int(out, state, 0) + 1));
    }
    return out;
}

static void reply_list(struct request *r, struct notifier *n, const struct list_query *q)
{
    struct arena *a = request_arena(r);
    g_autoptr(GArray) rows = all_rows(n, a);
    struct json *states = count_states(a, rows);
    keep_wanted(rows, q);
    g_array_sort_with_data(rows, compare, (void *)q);
    if (q->page.csv) {
        reply_table(r, "subscriptions", table_of(rows, &q->page, request_chinese(r)));
        return;
    }
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, rows->len));
    json_add(body, "states", states);
    struct json *items = json_add(body, "items", json_array(a));
    for (int64_t i = q->page.offset; i < rows->len && i < q->page.offset + q->page.limit; i++) {
        json_append(items, show_row(a, &g_array_index(rows, struct row, i)));
    }
    reply_json(r, 200, body);
}

static void get_list(struct request *r)
{
    struct error e = {0};
    struct list_query q = {0};
    struct space *space = read_query(r, &q, &e) ? subscription_space(r, &e) : NULL;
    if (space == NULL) {
        reply_error(r, &e);
        return;
    }
    reply_list(r, space->notifier, &q);
    space_unref(space);
}

static struct json *deliveries_of(struct notifier *n, struct arena *a, const char *id)
{
    char text[INSTANT_TEXT];
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    const struct entry *x = g_hash_table_lookup(n->entries, id);
    if (x == NULL) {
        return NULL;
    }
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, x->deliveries.length));
    json_add(body, "since", json_string(a, instant_format(n->started, text)));
    json_add(body, "items", deliveries_show(a, x));
    return body;
}

static void get_deliveries(struct request *r)
{
    struct error e = {0};
    const char *id = request_param(r, "id");
    struct space *space = subscription_space(r, &e);
    struct json *body = space != NULL ? deliveries_of(space->notifier, request_arena(r), id) : NULL;
    if (body != NULL) {
        reply_json(r, 200, body);
    } else {
        if (space != NULL) {
            subscription_unknown(id, &e);
        }
        reply_error(r, &e);
    }
    space_unref(space);
}

#define READ "subscriptions.write"
#define PATH "/api/v1/subscriptions"
const struct route subscription_state_routes[] = {
    {"GET", PATH, READ, get_list,
     "Subscriptions and how they fare, filtered by state and q; sort, limit, offset, format=csv",
     "订阅及其运行状态，可按 state、q 过滤；支持 sort、limit、offset、format=csv", 0},
    {"GET", PATH "/{id}/deliveries", READ, get_deliveries,
     "The last attempts to notify: when, which entities and changes, how it went",
     "最近的通知尝试：时间、实体与变更、结果", 0},
    {"GET", PATH "/{id}/why", READ, subscription_why,
     "Why a change of an entity was (not) notified, condition by condition: entity, seq (else its last "
     "change)",
     "某实体的一次变更为何（未）通知，逐项说明：entity、seq（缺省为最近一次变更）", 0},
    {"GET", PATH "/{id}/stream", READ, subscription_stream,
     "The notifications of a subscription with the endpoint sse: as server-sent events; resumes by "
     "Last-Event-ID or ?after=",
     "端点为 sse: 的订阅的通知（服务器推送事件）；用 Last-Event-ID 或 ?after= 续传", 0},
    {NULL},
};
