/* SPDX-License-Identifier: Apache-2.0 */
/* Checks what clients say of snapshots (5.2.41). */
#include "context/space/snapshot_parse.h"

#include <string.h>

#include "base/limits.h"
#include "context/entity/ingest.h"
#include "context/space/snapshot.h"

#define DAY (INT64_C(86400) * INSTANT_SECOND)

static bool check_queries(struct call *c, const struct json *list, bool temporal, struct error *e)
{
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->length == 0 || list->length > LIMIT_SNAPSHOT_QUERIES) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "%s must be a list of 1 to %d queries",
                         "%s 须为 1 至 %d 个查询的列表", list->key, LIMIT_SNAPSHOT_QUERIES);
    }
    for (const struct json *q = list->first; q != NULL; q = q->next) {
        if (!snapshot_check_query(c->space, c->arena, c->context_value, q, temporal, e)) {
            error_prefix(e, "%s", list->key);
            return false;
        }
    }
    return true;
}

static bool read_lifetime(const struct json *v, int64_t *lifetime, struct error *e)
{
    int months = 0;
    int64_t rest = 0;
    if (v == NULL) {
        return true;
    }
    if (v->type != JSON_STRING || !duration_parse(v->string, v->length, &months, &rest) || months < 0 ||
        rest < 0 || (months == 0 && rest == 0) || months > 1200 ||
        rest > 1200 * (int64_t)SNAPSHOT_MONTHS_DAYS * DAY) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "snapshotLifetime must be a duration such as P1D or PT2H",
                         "snapshotLifetime 必须是 ISO 8601 时长，如 P1D、PT2H");
    }
    *lifetime = MIN(months * (int64_t)SNAPSHOT_MONTHS_DAYS * DAY + rest, LIMIT_SNAPSHOT_DAYS * DAY);
    return true;
}

static bool check_priority(const struct json *v, struct error *e)
{
    return v == NULL || (v->type == JSON_INT && v->integer >= 1 && v->integer <= 10) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "snapshotPriority must be an integer from 1 to 10",
                     "snapshotPriority 必须是 1 到 10 的整数");
}

static bool is_header_text(const char *text, bool name)
{
    for (const char *p = text; p != NULL && *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || (name && (*p == ':' || *p == ' '))) {
            return false;
        }
    }
    return text != NULL && (!name || *text != '\0');
}

static bool check_endpoint(const struct json *endpoint, const struct json *info, struct error *e)
{
    bool web =
        endpoint == NULL ||
        (endpoint->type == JSON_STRING && endpoint->length <= LIMIT_ID &&
         (g_str_has_prefix(endpoint->string, "http://") || g_str_has_prefix(endpoint->string, "https://")) &&
         g_uri_is_valid(endpoint->string, G_URI_FLAGS_NONE, NULL));
    if (!web) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "endpoint must be a URI that begins with http:// or https://",
                         "endpoint 必须是以 http:// 或 https:// 开头的 URI");
    }
    bool fine = info == NULL || (info->type == JSON_ARRAY && info->length <= LIMIT_SNAPSHOT_QUERIES);
    for (const struct json *i = fine ? json_first(info) : NULL; i != NULL && fine; i = i->next) {
        fine = is_header_text(json_get_string(i, "key"), true) &&
               is_header_text(json_get_string(i, "value"), false);
    }
    return fine || error_set(e, ERROR_BAD_REQUEST_DATA,
                             "receiverInfo must be a list of at most %d {\"key\": …, \"value\": …}",
                             "receiverInfo 必须是最多 %d 个 {\"key\": …, \"value\": …} 的列表",
                             LIMIT_SNAPSHOT_QUERIES);
}

static bool check_members(const struct json *body, enum snapshot_purpose purpose, struct error *e)
{
    static const char *const known[] = {
        "id", "type", "snapshotQueries", "snapshotTemporalQueries", "snapshotLifetime", "snapshotPriority",
        "endpoint", "receiverInfo", "@context",
        /* ours; what a client says of them does not matter */
        "snapshotStatus", "snapshotQueriesDetails", "snapshotTemporalQueriesDetails", "createdAt",
        "modifiedAt", "expiresAt", "lastUsedAt", NULL};
    const struct json *type = json_get(body, "type");
    if (body->type != JSON_OBJECT ||
        (type == NULL ? purpose != SNAPSHOT_UPDATING : !json_streq(type, "Snapshot"))) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an object with \"type\": \"Snapshot\"",
                         "正文必须是带 \"type\": \"Snapshot\" 的对象");
    }
    for (const struct json *m = body->first; m != NULL; m = m->next) {
        if (!g_strv_contains(known, m->key)) {
            return error_set(e, ERROR_BAD_REQUEST_DATA, "\"%.60s\" is not a member of a Snapshot",
                             "Snapshot 没有成员“%.60s”", m->key);
        }
    }
    bool queries =
        json_get(body, "snapshotQueries") != NULL || json_get(body, "snapshotTemporalQueries") != NULL;
    if (purpose == SNAPSHOT_CREATING && !queries) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "A snapshot needs snapshotQueries or snapshotTemporalQueries",
                         "快照需要 snapshotQueries 或 snapshotTemporalQueries");
    }
    return purpose == SNAPSHOT_CREATING || !queries ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "The queries of a snapshot are given when it is created, not later",
                     "快照的查询只能在创建时给出");
}

const struct json *snapshot_read(struct call *c, enum snapshot_purpose purpose, struct error *e)
{
    const struct json *body = call_body(c, e);
    int64_t lifetime;
    if (body == NULL || !check_members(body, purpose, e)) {
        return NULL;
    }
    const struct json *endpoint = json_get(body, "endpoint"), *info = json_get(body, "receiverInfo");
    bool drop_endpoint = purpose == SNAPSHOT_UPDATING &&
                         (json_is(endpoint, JSON_NULL) || json_streq(endpoint, "urn:ngsi-ld:null"));
    bool drop_info =
        purpose == SNAPSHOT_UPDATING && (json_is(info, JSON_NULL) || json_streq(info, "urn:ngsi-ld:null"));
    const struct json *id = json_get(body, "id");
    bool fine = (id == NULL || ingest_uri("id", json_is(id, JSON_STRING) ? id->string : "",
                                          json_is(id, JSON_STRING) ? id->length : 0, e)) &&
                check_queries(c, json_get(body, "snapshotQueries"), false, e) &&
                check_queries(c, json_get(body, "snapshotTemporalQueries"), true, e) &&
                read_lifetime(json_get(body, "snapshotLifetime"), &lifetime, e) &&
                check_priority(json_get(body, "snapshotPriority"), e) &&
                check_endpoint(drop_endpoint ? NULL : endpoint, drop_info ? NULL : info, e);
    return fine ? body : NULL;
}

int64_t snapshot_lifetime(const struct json *kept)
{
    int64_t lifetime = DAY;
    struct error ignored = {0};
    read_lifetime(json_get(kept, "snapshotLifetime"), &lifetime, &ignored);
    return lifetime;
}
