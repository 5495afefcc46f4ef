/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/entityMaps: making, reading, prolonging and deleting entity maps (5.14, 6.32, 6.34). */
#include <string.h>

#include "context/call/api.h"
#include "context/query/query_api.h"
#include "context/routes.h"
#include "context/sources/distributed.h"
#include "context/sources/entity_map.h"

/* ---- one of them ---- */

static bool unknown(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND,
                     "There is no entity map %s, or it has expired; query again for a new one",
                     "没有实体映射 %s 或其已过期，请重新查询", id);
}

static struct entity_map *map_of_path(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    struct entity_map *map = id != NULL ? entity_map_find(c->space->name, id) : NULL;
    if (id != NULL && map == NULL) {
        unknown(id, e);
    }
    return map;
}

static bool retrieve_map(struct call *c, struct error *e)
{
    struct entity_map *map = map_of_path(c, e);
    if (map == NULL) {
        return false;
    }
    struct json *shown = entity_map_show(c->arena, map);
    const struct json *context = call_context_member(c);
    if (context != NULL) {
        json_add(shown, "@context", json_copy(c->arena, context));
    }
    GString *out = g_string_sized_new(1024);
    json_write(out, shown);
    call_reply(c, 200, out, NULL);
    entity_map_unref(map);
    return true;
}

/* expiresAt is all that may change; what the hub says itself is ignored (5.14.2.4). */
static bool update_map(struct call *c, struct error *e)
{
    static const char *const ignored[] = {"id",       "type",      "entityMap", "linkedMaps",
                                          "@context", "expiresAt", NULL};
    struct entity_map *map = map_of_path(c, e);
    const struct json *body = map != NULL ? call_body(c, e) : NULL;
    const struct json *expires = json_get(body, "expiresAt");
    instant at = 0;
    bool ok = body != NULL;
    for (const struct json *m = json_is(body, JSON_OBJECT) ? body->first : NULL; ok && m != NULL;
         m = m->next) {
        ok = g_strv_contains(ignored, m->key) ||
             error_set(e, ERROR_BAD_REQUEST_DATA,
                       "\"%.60s\" is not a member of an entity map; only expiresAt can change",
                       "实体映射没有成员“%.60s”；只能修改 expiresAt", m->key);
    }
    if (ok &&
        (!json_is(expires, JSON_STRING) || !instant_parse(expires->string, expires->length, NULL, &at))) {
        ok = error_set(e, ERROR_BAD_REQUEST_DATA,
                       "\"expiresAt\" must be there, a time such as 2026-03-01T08:00:00Z",
                       "必须给出“expiresAt”，如 2026-03-01T08:00:00Z");
    }
    if (ok) {
        entity_map_expire_at(map, at);
        reply_empty(c->request, 204);
    }
    entity_map_unref(map);
    return ok;
}

static bool delete_map(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    if (id == NULL) {
        return false;
    }
    if (!entity_map_delete(c->space->name, id)) {
        return unknown(id, e);
    }
    reply_empty(c->request, 204);
    return true;
}

/* ---- operations ---- */

static const char *const none[] = {NULL};
static const char *const options[] = {"normalized", "concise", "simplified", "keyValues",
                                      "sysAttrs",   "count",   NULL};

void serve_entity_map(struct request *r)
{
    static const struct operation o = {.run = retrieve_map, .parameters = none, .options = none};
    call_serve(r, &o);
}

void serve_update_entity_map(struct request *r)
{
    static const struct operation o = {.run = update_map, .parameters = none, .options = none};
    call_serve(r, &o);
}

void serve_delete_entity_map(struct request *r)
{
    static const struct operation o = {.run = delete_map, .parameters = none, .options = none};
    call_serve(r, &o);
}

void serve_make_entity_map(struct request *r)
{
    static const struct operation o = {
        .run = query_entity_map, .parameters = entity_query_parameters, .options = options};
    call_serve(r, &o);
}

void serve_make_entity_map_by_body(struct request *r)
{
    static const char *const parameters[] = {
        "limit", "offset",        "count",     "options",           "format", "local",
        "csf",   "splitEntities", "entityMap", "entityMapLifetime", "lang",   NULL};
    static const struct operation o = {
        .run = query_entity_map_by_body, .parameters = parameters, .options = options};
    call_serve(r, &o);
}
