/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of rules and alarms. */
#include "rules/rules_api.h"

#include <string.h>

#include "base/limits.h"
#include "context/context.h"
#include "rules/definition.h"

static struct hub *hub;
static struct alarm_index *alarms;

void rules_api_bind(struct hub *h, struct alarm_index *index)
{
    hub = h;
    alarms = index;
}

/* ---- rules ---- */

/* A LanguageProperty as {zh, en}, any other value as it is. */
static struct json *plain(struct arena *a, const struct json *entity, const char *name)
{
    const struct json *value = context_value(entity, name);
    return value != NULL ? json_copy(a, value) : json_null(a);
}

static struct json *rule_item(struct arena *a, const struct json *entity)
{
    static const char *const same[] = {"pack", "name", "title", "kind", "enabled", "inForce", "definition"};
    struct json *item = json_object(a);
    json_add(item, "id", json_string(a, json_get_string(entity, "id")));
    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        json_add(item, same[i], plain(a, entity, same[i]));
    }
    json_add(item, "type", plain(a, entity, "appliesTo"));
    const struct json *definition = json_get(item, "definition");
    const struct json *severity = json_get(definition, "severity"), *workflow = json_get(definition, "case");
    json_add(item, "severity", severity != NULL ? json_copy(a, severity) : json_null(a));
    json_add(item, "case", workflow != NULL ? json_copy(a, workflow) : json_null(a));
    return item;
}

struct rule_list {
    struct arena *a;
    struct json *items;
};

static bool add_rule(void *user, const struct json *entity)
{
    struct rule_list *list = user;
    if (json_get_bool(json_get(entity, "inForce"), "value", true)) {
        json_append(list->items, rule_item(list->a, entity));
    }
    return true;
}

static void get_rules(struct request *r)
{
    static const char *const types[] = {"Rule"};
    struct context_query q = {.types = types, .types_count = 1};
    struct arena *a = request_arena(r);
    struct error e = {0};
    struct rule_list list = {a, json_array(a)};
    view_auto v = view_begin(hub->store);
    if (!context_find(v, &q, add_rule, &list, &e)) {
        reply_error(r, &e);
        return;
    }
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, list.items->length));
    json_add(body, "items", list.items);
    reply_json(r, 200, body);
}

/* PATCH of one rule, answered when it is on disk. */
struct rule_patch {
    struct store_job job;
    struct request *request;
    const char *id, *by;
    bool enabled;
    struct json *entity; /* afterwards, in the request's arena */
};

static bool patch_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct rule_patch *p = (struct rule_patch *)job;
    struct arena *a = request_arena(p->request);
    if (context_get_txn(t, a, p->id) == NULL) {
        return error_set(e, ERROR_NOT_FOUND, "there is no rule %s; GET /api/v1/rules lists them",
                         "没有规则 %s，可用 GET /api/v1/rules 查看", p->id);
    }
    struct json *fragment = context_entity(a, p->id, "Rule");
    context_set_property(a, fragment, "enabled", json_bool(a, p->enabled));
    if (!context_write(t, a, fragment, CONTEXT_UPDATE, CONTEXT_SKIP_EQUAL, p->by, NULL, e)) {
        return false;
    }
    p->entity = context_get_txn(t, a, p->id);
    return true;
}

static void patch_done(struct store_job *job, const struct error *e)
{
    struct rule_patch *p = (struct rule_patch *)job;
    struct request *r = p->request;
    if (e != NULL) {
        reply_error(r, e);
    } else {
        reply_json(r, 200, rule_item(request_arena(r), p->entity));
    }
    request_resume(r);
}

static bool read_patch(struct request *r, struct rule_patch *p, struct error *e)
{
    const struct json *body = request_json(r, e);
    static const struct json_field fields[] = {
        {"enabled", FIELD_BOOL, offsetof(struct rule_patch, enabled), true},
        {NULL, FIELD_ANY, 0, false},
    };
    if (body == NULL) {
        return false;
    }
    if (!json_is(body, JSON_OBJECT)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "send an object like {\"enabled\": false}",
                         "请发送对象，例如 {\"enabled\": false}");
    }
    return json_read(body, fields, p, false, e);
}

static void patch_rule(struct request *r)
{
    struct arena *a = request_arena(r);
    struct error e = {0};
    struct rule_patch *p = arena_new0(a, struct rule_patch);
    const struct user *user = identity_user(r);
    if (!read_patch(r, p, &e)) {
        reply_error(r, &e);
        return;
    }
    p->job = (struct store_job){.apply = patch_apply, .done = patch_done};
    p->request = r;
    p->by = arena_strdup(a, user != NULL ? user->name : "");
    p->id = arena_printf(a, "urn:ngsi-ld:Rule:%s:%s", request_param(r, "pack"), request_param(r, "name"));
    request_suspend(r);
    if (!store_submit(hub->store, &p->job, &e)) {
        reply_error(r, &e);
        request_resume(r);
    }
}

/* ---- alarms ---- */

static bool read_query(struct request *r, struct alarm_query *q, struct error *e)
{
    static const char *const sorts[] = {"startedAt", "clearedAt", "severity", "status", "rule", NULL};
    const char *sort = request_query_text(r, "sort");
    sort = sort != NULL ? sort : "-startedAt";
    q->status = request_query_text(r, "status");
    q->severity = request_query_text(r, "severity");
    q->rule = request_query_text(r, "rule");
    q->type = request_query_text(r, "type");
    q->scope = request_query_text(r, "scope");
    q->text = request_query_text(r, "q");
    q->descending = sort[0] == '-';
    q->sort = sort + (q->descending ? 1 : 0);
    if (!g_strv_contains(sorts, q->sort)) {
        return error_set(
            e, ERROR_INVALID_REQUEST,
            "sort must be startedAt, clearedAt, severity, status or rule, with - in front for descending",
            "sort 只能是 startedAt、clearedAt、severity、status、rule，前面加 - 表示降序");
    }
    return request_query_time(r, "from", INSTANT_MIN, &q->from, e) &&
           request_query_time(r, "to", INSTANT_MAX, &q->to, e) && request_page(r, &q->page, e);
}

static void get_alarms(struct request *r)
{
    struct arena *a = request_arena(r);
    struct error e = {0};
    struct alarm_query q = {0};
    if (!read_query(r, &q, &e)) {
        reply_error(r, &e);
        return;
    }
    view_auto v = view_begin(hub->store);
    struct json *body = alarm_list(alarms, v, a, &q);
    if (q.page.csv) {
        reply_table(r, "alarms", alarm_table(json_get(body, "items"), request_chinese(r)));
    } else {
        reply_json(r, 200, body);
    }
}

static void get_alarm(struct request *r)
{
    struct arena *a = request_arena(r);
    view_auto v = view_begin(hub->store);
    const struct json *alarm = context_get(v, a, request_param(r, "id"));
    if (alarm == NULL || !context_has_type(alarm, "Alarm")) {
        struct error e = {0};
        error_set(&e, ERROR_NOT_FOUND, "there is no alarm %s", "没有告警 %s", request_param(r, "id"));
        reply_error(r, &e);
        return;
    }
    reply_json(r, 200, alarm_item(v, a, alarm));
}

const struct route rules_routes[] = {
    {"GET", "/api/v1/rules", "", get_rules, "The rules in force", "当前生效的规则", 0},
    {"PATCH", "/api/v1/rules/{pack}/{name}", "rules.write", patch_rule,
     "Switch a rule on or off: {\"enabled\": false}", "启用或停用规则：{\"enabled\": false}", 0},
    {"GET", "/api/v1/alarms", "", get_alarms,
     "Alarms, filtered by status, severity, rule, type, scope, q, from and to; sort, limit, offset, "
     "format=csv",
     "告警列表，可按状态、级别、规则、类型、区域、文字、时间筛选，支持排序、分页与 CSV 导出", 0},
    {"GET", "/api/v1/alarms/{id}", "", get_alarm, "One alarm", "一条告警", 0},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0},
};
