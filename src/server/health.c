/* SPDX-License-Identifier: Apache-2.0 */
/* What tells how the hub is: /healthz, /metrics, and the OpenAPI description made from the route tables. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/counters.h"
#include "context/context.h"
#include "server/commands.h"

static struct hub *hub;
static instant started;

enum { RESIDENT, STORE_BYTES, LOG_END, UPTIME, GAUGES };
static struct counter gauges[] = {
    [RESIDENT] = {"zhongshu_resident_bytes", COUNTER_GAUGE, "Memory resident", "常驻内存"},
    [STORE_BYTES] = {"zhongshu_store_bytes", COUNTER_GAUGE, "Bytes of the databases on disk",
                     "数据库占用的磁盘字节数"},
    [LOG_END] = {"zhongshu_log_end", COUNTER_GAUGE, "Number of the last change record",
                 "最后一条变更记录的序号"},
    [UPTIME] = {"zhongshu_uptime_seconds", COUNTER_GAUGE, "Seconds since the start", "启动以来的秒数"},
};

void health_bind(struct hub *h)
{
    hub = h;
    started = instant_now();
    counters_register(gauges, GAUGES);
}

static int64_t resident_bytes(void)
{
    g_autofree char *text = NULL;
    long pages = 0;
    if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL)) {
        sscanf(text, "%*d %ld", &pages);
    }
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

struct readers {
    struct arena *a;
    struct json *object;
};

static void add_reader(void *user, const char *name, uint64_t seq)
{
    struct readers *r = user;
    json_set(r->a, r->object, name, json_int(r->a, (int64_t)seq));
}

static void get_health(struct request *r)
{
    struct arena *a = request_arena(r);
    struct json *o = json_object(a);
    struct error trouble = {0};
    bool writes = store_takes_writes(hub->store, &trouble);
    json_add(o, "status", json_string(a, writes ? "ok" : "readOnly"));
    if (!writes) {
        json_add(o, "detail", json_string(a, request_chinese(r) ? trouble.zh : trouble.en));
    }
    json_add(o, "version", json_string(a, ZHONGSHU_VERSION));
    json_add(o, "logEnd", json_int(a, (int64_t)store_log_end(hub->store)));
    struct readers readers = {.a = a, .object = json_add(o, "readers", json_object(a))};
    log_readers_each(add_reader, &readers);
    reply_header(r, "Cache-Control", "no-store");
    reply_json(r, 200, o);
}

static void get_metrics(struct request *r)
{
    counter_set(&gauges[RESIDENT], resident_bytes());
    counter_set(&gauges[STORE_BYTES], context_bytes());
    counter_set(&gauges[LOG_END], (int64_t)store_log_end(hub->store));
    counter_set(&gauges[UPTIME], (instant_now() - started) / INSTANT_SECOND);
    GString *out = g_string_new(NULL);
    counters_write(out);
    reply_string(r, 200, "text/plain; version=0.0.4; charset=utf-8", out);
}

/* ---- OpenAPI ---- */

struct description {
    struct arena *a;
    struct json *paths;
    bool chinese;
};

static void add_parameters(struct arena *a, struct json *operation, const char *path)
{
    struct json *list = json_array(a);
    for (const char *p = strchr(path, '{'); p != NULL; p = strchr(p + 1, '{')) {
        const char *end = strpbrk(p, "*}");
        struct json *one = json_append(list, json_object(a));
        json_add(one, "name", json_stringn(a, p + 1, (size_t)(end - p - 1)));
        json_add(one, "in", json_string(a, "path"));
        json_add(one, "required", json_bool(a, true));
        json_add(json_add(one, "schema", json_object(a)), "type", json_string(a, "string"));
    }
    if (list->length > 0) {
        json_add(operation, "parameters", list);
    }
}

static void add_operation(void *user, const struct route *route)
{
    struct description *d = user;
    struct arena *a = d->a;
    g_autoptr(GString) path = g_string_new(route->path);
    g_string_replace(path, "*}", "}", 0);
    struct json *item = json_get(d->paths, path->str);
    if (item == NULL) {
        item = json_set(a, d->paths, path->str, json_object(a));
    }
    g_autofree char *method = g_ascii_strdown(route->method, -1);
    struct json *operation = json_set(a, item, method, json_object(a));
    json_add(operation, "summary", json_string(a, d->chinese ? route->zh : route->en));
    add_parameters(a, operation, route->path);
    if (route->permission == NULL) {
        json_add(operation, "security", json_array(a));
    } else if (route->permission[0] != '\0') {
        json_add(operation, "x-permission", json_string(a, route->permission));
    }
    struct json *responses = json_add(operation, "responses", json_object(a));
    struct json *fine = json_add(responses, "2XX", json_object(a));
    json_add(fine, "description", json_string(a, d->chinese ? "成功" : "Success"));
    struct json *refused = json_add(responses, "default", json_object(a));
    json_add(refused, "description",
             json_string(a, d->chinese ? "问题说明（RFC 7807）" : "A problem document (RFC 7807)"));
    struct json *content = json_add(refused, "content", json_object(a));
    struct json *schema =
        json_add(json_add(content, "application/problem+json", json_object(a)), "schema", json_object(a));
    json_add(schema, "$ref", json_string(a, "#/components/schemas/Problem"));
}

static void add_components(struct arena *a, struct json *root)
{
    static const char text[] =
        "{\"securitySchemes\":{\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"zhongshu\"},"
        "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
        "\"schemas\":{\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\"],"
        "\"properties\":{"
        "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
        "\"detail\":{\"type\":\"string\"}}}}}";
    struct error e = {0};
    json_add(root, "components", json_parse(a, text, sizeof text - 1, &e));
    struct json *security = json_add(root, "security", json_array(a));
    json_add(json_append(security, json_object(a)), "session", json_array(a));
    json_add(json_append(security, json_object(a)), "token", json_array(a));
}

static void get_openapi(struct request *r)
{
    struct arena *a = request_arena(r);
    struct json *root = json_object(a);
    json_add(root, "openapi", json_string(a, "3.0.3"));
    struct json *info = json_add(root, "info", json_object(a));
    json_add(info, "title",
             json_string(a, request_chinese(r) ? "中枢 HTTP 接口" : "Zhongshu HTTP interface"));
    json_add(info, "version", json_string(a, ZHONGSHU_VERSION));
    struct description d = {
        .a = a, .paths = json_add(root, "paths", json_object(a)), .chinese = request_chinese(r)};
    http_server_each_route(hub->http, add_operation, &d);
    add_components(a, root);
    reply_json(r, 200, root);
}

const struct route health_routes[] = {
    {"GET", "/healthz", NULL, get_health, "Whether the hub answers", "系统是否正常应答", 0},
    {"GET", "/metrics", "operations.read", get_metrics, "Counters in the Prometheus format",
     "Prometheus 格式的计数器", 0},
    {"GET", "/api/v1/openapi.json", NULL, get_openapi, "This interface as OpenAPI 3",
     "OpenAPI 3 格式的接口说明", 0},
    {0},
};
