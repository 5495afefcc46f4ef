/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of ingest. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/table.h"
#include "ingest/import.h"
#include "ingest/inside.h"
#include "ingest/rejected.h"

/* ---- inputs ---- */

static struct json *describe_time(struct arena *a, instant at)
{
    char text[INSTANT_TEXT];
    return at != 0 ? json_string(a, instant_format(at, text)) : json_null(a);
}

static struct json *describe_broker(struct arena *a)
{
    struct subscriber_state s;
    struct json *broker = json_object(a);
    bool configured = ingest_subscriber_state(&s);
    json_add(broker, "configured", json_bool(a, configured));
    if (configured) {
        json_add(broker, "address",
                 json_printf(a, "%s:%d", ingest_hub()->mqtt_host, ingest_hub()->mqtt_port));
        json_add(broker, "clientId", json_string(a, s.client_id));
        json_add(broker, "connected", json_bool(a, s.connected));
        json_add(broker, "since", describe_time(a, s.since));
        json_add(broker, "reason", s.reason[0] != '\0' ? json_string(a, s.reason) : json_null(a));
        json_add(broker, "waiting", json_int(a, s.waiting));
        json_add(broker, "holding", json_bool(a, s.holding));
        json_add(broker, "holdReason", s.holding ? json_string(a, s.hold_reason) : json_null(a));
    }
    return broker;
}

static struct json *describe_input(struct arena *a, const struct input *input)
{
    const struct input_counts *c = input->counts;
    struct json *item = json_object(a);
    json_add(item, "name", json_string(a, input->name));
    json_add(item, "pack", json_string(a, input->pack));
    if (input->title_zh != NULL) {
        struct json *title = json_add(item, "title", json_object(a));
        json_add(title, "zh", json_string(a, input->title_zh));
        json_add(title, "en", json_string(a, input->title_en != NULL ? input->title_en : input->title_zh));
    }
    json_add(item, "type", json_string(a, input->type));
    json_add(item, "topic", input->topic != NULL ? json_string(a, input->topic) : json_null(a));
    json_add(item, "received", json_int(a, __atomic_load_n(&c->received, __ATOMIC_RELAXED)));
    json_add(item, "accepted", json_int(a, __atomic_load_n(&c->accepted, __ATOMIC_RELAXED)));
    json_add(item, "partial", json_int(a, __atomic_load_n(&c->partial, __ATOMIC_RELAXED)));
    json_add(item, "rejected", json_int(a, __atomic_load_n(&c->rejected, __ATOMIC_RELAXED)));
    json_add(item, "lastAt", describe_time(a, __atomic_load_n(&c->last_at, __ATOMIC_RELAXED)));
    return item;
}

static void get_inputs(struct request *r)
{
    struct arena *a = request_arena(r);
    struct mapping *m = ingest_mapping();
    const struct input *const *inputs;
    int count = mapping_inputs(m, &inputs);
    struct json *body = json_object(a);
    json_add(body, "broker", describe_broker(a));
    json_add(body, "total", json_int(a, count));
    struct json *items = json_add(body, "items", json_array(a));
    for (int i = 0; i < count; i++) {
        json_append(items, describe_input(a, inputs[i]));
    }
    mapping_unref(m);
    reply_json(r, 200, body);
}

/* ---- lists as tables ---- */

static void reply_items(struct request *r, const char *name, const char *const *columns,
                        const struct json *items)
{
    struct arena *a = request_arena(r);
    GString *out = table_new();
    table_row(out, columns);
    for (const struct json *item = json_first(items); item != NULL; item = item->next) {
        for (const char *const *c = columns; *c != NULL; c++) {
            bool reason = g_str_has_prefix(*c, "reason_");
            const struct json *v = reason ? json_get(json_get(item, "reason"), *c + 7) : json_get(item, *c);
            bool empty = v == NULL || v->type == JSON_NULL;
            table_cell(out, empty ? NULL : v->type == JSON_STRING ? v->string : json_text(a, v));
        }
        table_end(out);
    }
    reply_table(r, name, out);
}

static void get_rejections(struct request *r)
{
    struct error e = {0};
    struct rejected_query q = {.input = request_query_text(r, "input"), .text = request_query_text(r, "q")};
    if (!request_page(r, &q.page, &e) || !request_query_time(r, "from", INSTANT_MIN, &q.from, &e) ||
        !request_query_time(r, "to", INSTANT_MAX, &q.to, &e)) {
        reply_error(r, &e);
        return;
    }
    view_auto v = view_begin(ingest_hub()->store);
    struct json *body = rejected_list(v, request_arena(r), &q);
    if (q.page.csv) {
        reply_items(r, "rejections",
                    (const char *const[]){"at", "input", "topic", "partial", "reason_zh", "reason_en",
                                          "payload", NULL},
                    json_get(body, "items"));
    } else {
        reply_json(r, 200, body);
    }
}

/* ---- imports ---- */

static void get_imports(struct request *r)
{
    struct error e = {0};
    struct list_page page;
    if (!request_page(r, &page, &e)) {
        reply_error(r, &e);
        return;
    }
    view_auto v = view_begin(ingest_hub()->store);
    reply_json(r, 200, import_list(v, request_arena(r), page.offset, page.limit));
}

static void reply_no_import(struct request *r)
{
    struct error e = {0};
    error_set(&e, ERROR_NOT_FOUND, "there is no import %.100s", "没有导入任务 %.100s",
              request_param(r, "id"));
    reply_error(r, &e);
}

static void get_import(struct request *r)
{
    view_auto v = view_begin(ingest_hub()->store);
    struct json *import = import_describe(v, request_arena(r), request_param(r, "id"));
    if (import == NULL) {
        reply_no_import(r);
    } else {
        reply_json(r, 200, import);
    }
}

static void get_import_rejected(struct request *r)
{
    struct error e = {0};
    struct arena *a = request_arena(r);
    const char *id = request_param(r, "id");
    struct list_page page;
    if (!request_page(r, &page, &e)) {
        reply_error(r, &e);
        return;
    }
    view_auto v = view_begin(ingest_hub()->store);
    if (import_describe(v, a, id) == NULL) {
        reply_no_import(r);
        return;
    }
    struct json *body = rejected_rows(v, a, id, page.offset, page.limit);
    if (page.csv) {
        reply_items(r, "rejected",
                    (const char *const[]){"line", "partial", "reason_zh", "reason_en", "row", NULL},
                    json_get(body, "items"));
    } else {
        reply_json(r, 200, body);
    }
}

/* Reading the whole file for its digest and waiting for the commit is no work for a server thread. */
static void *accept_upload(void *user)
{
    struct request *r = user;
    struct arena *a = request_arena(r);
    struct error e = {0};
    int64_t length;
    struct import_request wanted = {
        .input = request_query(r, "input"),
        .file = request_upload(r, &length),
        .file_name = request_query(r, "name"),
        .encoding = request_query(r, "encoding"),
    };
    const char *id = import_accept(a, &wanted, &e);
    if (id == NULL) {
        reply_error(r, &e);
    } else {
        struct json *body = json_object(a);
        json_add(body, "id", json_string(a, id));
        reply_header(r, "Location", arena_printf(a, "/api/v1/imports/%s", id));
        reply_json(r, 202, body);
    }
    request_resume(r);
    return NULL;
}

static void post_import(struct request *r)
{
    struct error e = {0};
    if (request_query(r, "input") == NULL) {
        error_set(&e, ERROR_INVALID_REQUEST, "name the input: /api/v1/imports?input=NAME",
                  "请指明输入：/api/v1/imports?input=名称");
        reply_error(r, &e);
        return;
    }
    request_suspend(r);
    g_thread_unref(g_thread_new("import-accept", accept_upload, r));
}

const struct route ingest_routes[] = {
    {"GET", "/api/v1/inputs", "", get_inputs,
     "Inputs of the packs with their counts, and the connection to the broker",
     "应用包的各个输入及计数，以及与消息代理的连接状态"},
    {"GET", "/api/v1/rejections", "", get_rejections,
     "Rejected messages with reasons; input, q, from, to, limit, offset, format=csv",
     "拒收的消息及原因；可用 input、q、from、to、limit、offset、format=csv"},
    {"GET", "/api/v1/imports", "", get_imports, "Imports of files, the newest first",
     "文件导入任务，最新在前"},
    {"POST", "/api/v1/imports", "imports.write", post_import,
     "Import a CSV file (the body) by an input; input, name, encoding",
     "按某个输入导入 CSV 文件（请求体）；参数 input、name、encoding", ROUTE_UPLOAD},
    {"GET", "/api/v1/imports/{id}", "", get_import, "State and progress of one import",
     "单个导入任务的状态与进度"},
    {"GET", "/api/v1/imports/{id}/rejected", "", get_import_rejected,
     "Rejected rows of an import with line and reason; limit, offset, format=csv",
     "导入中拒收的行，含行号与原因；limit、offset、format=csv"},
    {NULL},
};
