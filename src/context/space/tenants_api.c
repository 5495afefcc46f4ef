/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/tenants: which tenants there are, and removing one (4.14); they come into being by being written
 * to. */
#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/table.h"
#include "context/space/space.h"
#include "identity/identity.h"

bool tenant_name_valid(const char *name, struct error *e)
{
    size_t n = strlen(name);
    bool fine = n > 0 && n <= LIMIT_TENANT_NAME && isalnum((unsigned char)name[0]);
    for (size_t i = 0; fine && i < n; i++) {
        fine = isalnum((unsigned char)name[i]) || strchr("_-.:", name[i]) != NULL;
    }
    return fine ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "The name of a tenant is 1 to %d letters, digits, '_', '-', '.' or ':', and begins with "
                     "a letter or a digit",
                     "租户名须为 1 至 %d 个字母、数字、“_”、“-”、“.”或“:”，并以字母或数字开头",
                     LIMIT_TENANT_NAME);
}

/* ---- the list ---- */

struct list {
    const char *part; /* of the name; NULL = all */
    const char *key;
    bool down;
    struct list_page page;
    struct tenant_info *items;
    int count;
};

static bool read_list(struct request *r, struct list *l, struct error *e)
{
    static const char *const keys[] = {"name", "bytes", "subscriptions", NULL};
    const char *sort = request_query_text(r, "sort");
    sort = sort != NULL ? sort : "name";
    l->part = request_query_text(r, "q");
    l->down = sort[0] == '-';
    l->key = sort + l->down;
    return request_page(r, &l->page, e) &&
           (g_strv_contains(keys, l->key) ||
            error_set(e, ERROR_INVALID_REQUEST,
                      "sort is name, bytes or subscriptions, with - in front for descending",
                      "sort 只能是 name、bytes、subscriptions，前面加 - 表示降序"));
}

static int compare(const void *a, const void *b, void *user)
{
    const struct tenant_info *x = a, *y = b;
    const struct list *l = user;
    int64_t d = strcmp(l->key, "bytes") == 0           ? x->bytes - y->bytes
                : strcmp(l->key, "subscriptions") == 0 ? x->subscriptions - y->subscriptions
                                                       : strcmp(x->name, y->name);
    return l->down ? (d < 0) - (d > 0) : (d > 0) - (d < 0);
}

static void choose(struct list *l)
{
    int n = 0;
    for (int i = 0; i < l->count; i++) {
        if (l->part == NULL || strstr(l->items[i].name, l->part) != NULL) {
            l->items[n++] = l->items[i];
        }
    }
    l->count = n;
    g_qsort_with_data(l->items, n, sizeof *l->items, compare, l);
}

static void reply_list(struct request *r, const struct list *l)
{
    struct arena *a = request_arena(r);
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, l->count));
    struct json *items = json_add(body, "items", json_array(a));
    for (int64_t i = l->page.offset; i < l->count && i < l->page.offset + l->page.limit; i++) {
        const struct tenant_info *t = &l->items[i];
        struct json *one = json_append(items, json_object(a));
        json_add(one, "name", json_string(a, t->name));
        json_add(one, "bytes", json_int(a, t->bytes));
        json_add(one, "subscriptions", json_int(a, t->subscriptions));
        json_add(one, "open", json_bool(a, t->open));
    }
    reply_json(r, 200, body);
}

static void reply_as_table(struct request *r, const struct list *l)
{
    bool zh = request_chinese(r);
    GString *out = table_new();
    table_row(out, zh ? (const char *const[]){"租户", "字节", "订阅", NULL}
                      : (const char *const[]){"name", "bytes", "subscriptions", NULL});
    for (int64_t i = l->page.offset; i < l->count && i < l->page.offset + l->page.limit; i++) {
        const struct tenant_info *t = &l->items[i];
        g_autofree char *bytes = g_strdup_printf("%" G_GINT64_FORMAT, t->bytes);
        g_autofree char *subscriptions = g_strdup_printf("%d", t->subscriptions);
        table_row(out, (const char *const[]){t->name, bytes, subscriptions, NULL});
    }
    reply_table(r, "tenants", out);
}

static void get_tenants(struct request *r)
{
    struct error e = {0};
    struct list l = {0};
    if (!read_list(r, &l, &e)) {
        reply_error(r, &e);
        return;
    }
    l.items = space_tenants(request_arena(r), &l.count);
    choose(&l);
    if (l.page.csv) {
        reply_as_table(r, &l);
    } else {
        reply_list(r, &l);
    }
}

/* ---- removing ---- */

/* On a thread of its own: it waits for those that still use the tenant. */
static void *remove_tenant(void *data)
{
    struct request *r = data;
    struct error e = {0};
    const char *name = request_param(r, "name");
    if (space_tenant_remove(name, &e)) {
        const struct user *by = identity_user(r);
        log_info("space", "tenant %s was removed by %s", name, by != NULL ? by->name : "nobody");
        reply_empty(r, 204);
    } else {
        reply_error(r, &e);
    }
    request_resume(r);
    return NULL;
}

static void delete_tenant(struct request *r)
{
    struct error e = {0};
    if (!tenant_name_valid(request_param(r, "name"), &e)) {
        reply_error(r, &e);
        return;
    }
    request_suspend(r);
    g_thread_unref(g_thread_new("tenant", remove_tenant, r));
}

#define TENANTS "tenants"
const struct route tenant_routes[] = {
    {"GET", "/api/v1/tenants", TENANTS, get_tenants,
     "Tenants, filtered by q (part of the name); sort, limit, offset, format=csv",
     "租户列表：按 q（名称的一部分）筛选；支持 sort、limit、offset、format=csv", 0},
    {"DELETE", "/api/v1/tenants/{name}", TENANTS, delete_tenant, "Remove a tenant with all that is in it",
     "删除租户及其全部内容", 0},
    {NULL},
};
