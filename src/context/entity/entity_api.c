/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/entities: one entity and its attributes, and queries (6.4 – 6.7). */
#include <string.h>

#include "base/limits.h"
#include "context/call/api.h"
#include "context/entity/entity.h"
#include "context/entity/entity_api.h"
#include "context/entity/expiry.h"
#include "context/entity/ingest.h"
#include "context/query/answer.h"
#include "context/query/query_api.h"
#include "context/routes.h"
#include "context/sources/distributed.h"

/* ---- writing one entity ---- */

static bool apply_write(struct write_call *w, struct txn *t, struct error *e)
{
    return entity_write(t, w->arena, w->fragment, &w->how, &w->result, e);
}

static void reply_created(struct write_call *w)
{
    g_autofree char *escaped = g_uri_escape_string(w->id, ":", FALSE);
    reply_header(w->request, "Location", arena_printf(w->arena, NGSI_PATH "/entities/%s", escaped));
    reply_empty(w->request, 201);
}

static bool submit(struct call *c, struct write_call *w, enum registration_operation operation,
                   struct error *e)
{
    if (!distributed_is_local(c)) {
        return distributed_write(c, w, operation, e);
    }
    write_call_submit(w);
    return true;
}

static bool submit_fragment(struct call *c, enum registration_operation operation, const char *id,
                            struct json *fragment, enum context_mode mode, int flags,
                            void (*reply)(struct write_call *w), struct error *e)
{
    struct write_call *w = write_call_new(c, mode, flags | CONTEXT_LASTING, e);
    if (w == NULL) {
        return false;
    }
    w->id = id;
    w->fragment = fragment;
    w->apply = apply_write;
    w->reply = reply;
    return submit(c, w, operation, e);
}

static bool create_entity(struct call *c, struct error *e)
{
    const struct json *body = call_body(c, e);
    struct json *entity =
        body != NULL ? ingest_entity(c->arena, body, c->ctx, INGEST_ID | INGEST_TYPE, e) : NULL;
    return entity != NULL && submit_fragment(c, OP_CREATE_ENTITY, json_get_string(entity, "id"), entity,
                                             CONTEXT_CREATE, 0, reply_created, e);
}

/* The body as a fragment for the entity of the path; an id in the body must be the same one. */
static struct json *fragment_for_path(struct call *c, int flags, struct error *e)
{
    const char *id = call_id(c, e);
    const struct json *body = id != NULL ? call_body(c, e) : NULL;
    struct json *fragment = body != NULL ? ingest_entity(c->arena, body, c->ctx, flags, e) : NULL;
    if (fragment == NULL) {
        return NULL;
    }
    const char *given = json_get_string(fragment, "id");
    if (given != NULL && strcmp(given, id) != 0) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "The id in the body is not that of the path",
                  "正文中的 id 与路径不一致");
        return NULL;
    }
    if (given == NULL) {
        json_add(fragment, "id", json_string(c->arena, id));
    }
    return fragment;
}

static bool merge_entity(struct call *c, struct error *e)
{
    struct json *fragment = fragment_for_path(c, INGEST_NULLS | INGEST_PARTIAL, e);
    return fragment != NULL && submit_fragment(c, OP_MERGE_ENTITY, NULL, fragment, CONTEXT_MERGE,
                                               CONTEXT_MUST_EXIST, reply_no_content, e);
}

static bool replace_entity(struct call *c, struct error *e)
{
    struct json *fragment = fragment_for_path(c, 0, e);
    return fragment != NULL && submit_fragment(c, OP_REPLACE_ENTITY, NULL, fragment, CONTEXT_REPLACE,
                                               CONTEXT_MUST_EXIST, reply_no_content, e);
}

static bool apply_delete(struct write_call *w, struct txn *t, struct error *e)
{
    return entity_delete(t, w->id, &w->how, &w->result.seq, e);
}

static bool delete_entity(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    struct write_call *w = id != NULL ? write_call_new(c, CONTEXT_UPDATE, 0, e) : NULL;
    if (w == NULL) {
        return false;
    }
    w->id = id;
    w->apply = apply_delete;
    return submit(c, w, OP_DELETE_ENTITY, e);
}

/* ---- attributes ---- */

static bool was_skipped(const struct write_call *w, const char *name)
{
    for (const struct json *s = json_first(w->result.skipped); s != NULL; s = s->next) {
        if (strcmp(s->string, name) == 0) {
            return true;
        }
    }
    return false;
}

/* 204, or 207 with an UpdateResult (5.2.18) when attributes were left as they are. */
static void reply_appended(struct write_call *w)
{
    struct arena *a = w->arena;
    struct json *body = json_object(a);
    struct json *updated = json_add(body, "updated", json_array(a));
    struct json *not_updated = json_add(body, "notUpdated", json_array(a));
    if (w->result.skipped == NULL) {
        reply_no_content(w);
        return;
    }
    for (const struct json *m = w->fragment->first; m != NULL; m = m->next) {
        const char *name = entity_is_attribute(m) ? ld_compact(w->ctx, a, m->key) : NULL;
        if (name != NULL && was_skipped(w, m->key)) {
            struct json *item = json_append(not_updated, json_object(a));
            json_add(item, "attributeName", json_string(a, name));
            json_add(item, "reason",
                     json_string(a, w->chinese ? "属性已存在" : "The attribute exists already"));
        } else if (name != NULL) {
            json_append(updated, json_string(a, name));
        }
    }
    reply_json(w->request, 207, body);
}

static bool append_attributes(struct call *c, struct error *e)
{
    bool keep = (c->options & CALL_NO_OVERWRITE) != 0;
    struct json *fragment = fragment_for_path(c, 0, e);
    return fragment != NULL &&
           submit_fragment(c, OP_APPEND_ATTRS, NULL, fragment, keep ? CONTEXT_APPEND : CONTEXT_UPDATE,
                           CONTEXT_MUST_EXIST, reply_appended, e);
}

static bool update_attributes(struct call *c, struct error *e)
{
    struct json *fragment = fragment_for_path(c, INGEST_NULLS, e);
    return fragment != NULL && submit_fragment(c, OP_UPDATE_ENTITY, NULL, fragment, CONTEXT_UPDATE,
                                               CONTEXT_MUST_EXIST | WRITE_KEEP_NO_SCOPE, reply_no_content, e);
}

/* The body as the attribute of the path, within a fragment of its entity. */
static struct json *attribute_for_path(struct call *c, int flags, struct error *e)
{
    const char *id = call_id(c, e);
    const char *name = request_param(c->request, "attr");
    const struct json *body = id != NULL ? call_body(c, e) : NULL;
    if (body == NULL) {
        return NULL;
    }
    struct json *attribute = ingest_attribute(c->arena, name, body, c->ctx, flags, e);
    if (attribute == NULL) {
        return NULL;
    }
    if ((flags & INGEST_PARTIAL) != 0 && attribute->type == JSON_OBJECT && instance_is_null(attribute)) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "%s: to delete the attribute, use DELETE",
                  "%s：删除属性请使用 DELETE", name);
        return NULL;
    }
    struct json *fragment = json_object(c->arena);
    json_add(fragment, "id", json_string(c->arena, id));
    json_append(fragment, attribute);
    return fragment;
}

static bool patch_attribute(struct call *c, struct error *e)
{
    struct json *fragment = attribute_for_path(c, INGEST_NULLS | INGEST_PARTIAL, e);
    return fragment != NULL &&
           submit_fragment(c, OP_UPDATE_ATTRS, NULL, fragment, CONTEXT_MERGE,
                           CONTEXT_MUST_EXIST | WRITE_PARTIAL | WRITE_INSTANCE_EXISTS, reply_no_content, e);
}

static bool replace_attribute(struct call *c, struct error *e)
{
    struct json *fragment = attribute_for_path(c, 0, e);
    return fragment != NULL &&
           submit_fragment(c, OP_REPLACE_ATTRS, NULL, fragment, CONTEXT_UPDATE,
                           CONTEXT_MUST_EXIST | WRITE_INSTANCE_EXISTS, reply_no_content, e);
}

static bool apply_delete_attribute(struct write_call *w, struct txn *t, struct error *e)
{
    return attribute_delete(t, w->id, w->attribute, w->dataset, w->all, &w->how, &w->result.seq, e);
}

/* DELETE …/attrs/scope: the scope goes, as an attribute would (5.6.5). */
static bool apply_delete_scope(struct write_call *w, struct txn *t, struct error *e)
{
    const struct json *entity = context_get_txn(t, w->arena, json_get_string(w->fragment, "id"));
    if (entity != NULL && json_get(entity, "scope") == NULL) {
        return error_set(e, ERROR_NOT_FOUND, "The entity has no scope", "该实体没有 scope");
    }
    return apply_write(w, t, e);
}

static bool delete_scope(struct call *c, const char *id, struct error *e)
{
    struct json *fragment = json_object(c->arena);
    json_add(fragment, "id", json_string(c->arena, id));
    json_add(fragment, "scope", json_array(c->arena));
    struct write_call *w = write_call_new(c, CONTEXT_UPDATE, CONTEXT_MUST_EXIST | CONTEXT_LASTING, e);
    if (w == NULL) {
        return false;
    }
    w->fragment = fragment;
    w->apply = apply_delete_scope;
    return submit(c, w, OP_DELETE_ATTRS, e);
}

static bool delete_attribute(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    if (id != NULL && strcmp(request_param(c->request, "attr"), "scope") == 0) {
        return delete_scope(c, id, e);
    }
    const char *name = id != NULL ? call_attribute(c, e) : NULL;
    const char *dataset = request_query(c->request, "datasetId");
    bool all;
    if (name == NULL || !call_flag(c, "deleteAll", &all, e) ||
        (dataset != NULL && strcmp(dataset, "@none") != 0 &&
         !ingest_uri("datasetId", dataset, strlen(dataset), e))) {
        return false;
    }
    struct write_call *w = write_call_new(c, CONTEXT_UPDATE, 0, e);
    if (w == NULL) {
        return false;
    }
    w->id = id;
    w->attribute = name;
    w->dataset = dataset != NULL && strcmp(dataset, "@none") != 0 ? dataset : NULL;
    w->all = all;
    w->apply = apply_delete_attribute;
    return submit(c, w, OP_DELETE_ATTRS, e);
}

/* ---- reading ---- */

/* With attrs or pick, an entity that has none of the attributes is not found (5.7.1). */
static bool has_projected(const struct call *c, const struct json *entity, const struct render *render)
{
    if (request_query(c->request, "attrs") == NULL) {
        return true;
    }
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        for (const char *const *name = render->pick; entity_is_attribute(m) && *name != NULL; name++) {
            if (strcmp(m->key, *name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool type_fits(struct call *c, const struct json *entity, bool *fits, struct error *e)
{
    const char *type = request_query(c->request, "type");
    entity_query_auto query = {0};
    struct query_text text = {.type = type};
    *fits = true;
    if (type != NULL) {
        if (!entity_query_compile(&query, c->arena, c->ctx, &text, e)) {
            return false;
        }
        *fits = entity_query_matches(&query, entity, NULL);
    }
    return true;
}

bool entity_answer(struct answer *answer, struct view *v, const char *id, const struct json *entity,
                   struct error *e)
{
    bool fits;
    if (entity != NULL && !type_fits(answer->call, entity, &fits, e)) {
        return false;
    }
    if (entity == NULL || !fits || !has_projected(answer->call, entity, answer->render)) {
        return error_set(e, ERROR_NOT_FOUND, "There is no entity %s%s", "没有实体 %s%s", id,
                         entity != NULL ? " (type, attrs)" : "");
    }
    answer_begin(answer, v, false);
    return answer_entity(answer, entity) && answer_reply(answer, NULL);
}

/* Answers from the stored text alone, where that can be done. */
static bool answer_stored(struct answer *answer, struct view *v, const struct store_entity *row)
{
    if (request_query(answer->call->request, "type") != NULL) {
        return false;
    }
    answer_begin(answer, v, false);
    if (answer_text(answer, row)) {
        return true;
    }
    g_string_free(g_steal_pointer(&answer->out), TRUE);
    return false;
}

static bool retrieve_entity(struct call *c, struct error *e)
{
    struct render render;
    struct join_text join = {0};
    answer_auto answer = {0};
    const char *id = call_id(c, e);
    if (id == NULL || !call_render(c, &render, e) || !answer_join_parameters(c, &join, e)) {
        return false;
    }
    if (!distributed_read_is_local(c)) {
        return distributed_retrieve(c, id, &render, &join, e);
    }
    if (!answer_init(&answer, c, &join, &render, e)) {
        return false;
    }
    struct store_entity row;
    view_auto v = view_begin(c->space->store);
    bool found = view_entity(v, c->arena, id, &row);
    if (found && answer_stored(&answer, v, &row)) {
        return answer_reply(&answer, NULL);
    }
    struct json *entity = NULL;
    return (!found || expiry_parse(c->arena, row.body, row.body_length, &entity, e)) &&
           entity_answer(&answer, v, id, entity, e);
}

/* ---- operations ---- */

static const char *const no_options[] = {NULL};

void serve_create_entity(struct request *r)
{
    static const char *const parameters[] = {"local", NULL};
    static const struct operation o = {
        .run = create_entity, .parameters = parameters, .options = no_options, .creates = true};
    call_serve(r, &o);
}

static const char *const read_options[] = {"normalized", "concise", "simplified", "keyValues",
                                           "sysAttrs",   "count",   NULL};

void serve_query_entities(struct request *r)
{
    static const struct operation o = {query_entities, entity_query_parameters, read_options, true};
    call_serve(r, &o);
}

void serve_retrieve_entity(struct request *r)
{
    static const char *const parameters[] = {
        "datasetId", "attrs",     "pick",        "omit",      "options",
        "format",    "lang",      "type",        "local",     "geometryProperty",
        "join",      "joinLevel", "containedBy", "entityMap", "entityMapLifetime",
        NULL};
    static const struct operation o = {retrieve_entity, parameters, read_options, true};
    call_serve(r, &o);
}

static const char *const merge_options[] = {"simplified", "keyValues", "concise", "normalized", NULL};
static const char *const write_parameters[] = {"type", "local", "options", "format", NULL};

void serve_merge_entity(struct request *r)
{
    static const char *const parameters[] = {"type",       "local", "options", "format",
                                             "observedAt", "lang",  NULL};
    static const struct operation o = {merge_entity, parameters, merge_options, false};
    call_serve(r, &o);
}

void serve_replace_entity(struct request *r)
{
    static const struct operation o = {replace_entity, write_parameters, merge_options, false};
    call_serve(r, &o);
}

void serve_delete_entity(struct request *r)
{
    static const char *const parameters[] = {"type", "local", NULL};
    static const struct operation o = {delete_entity, parameters, no_options, false};
    call_serve(r, &o);
}

void serve_append_attributes(struct request *r)
{
    static const char *const options[] = {"noOverwrite", NULL};
    static const struct operation o = {append_attributes, write_parameters, options, false};
    call_serve(r, &o);
}

void serve_update_attributes(struct request *r)
{
    static const struct operation o = {update_attributes, write_parameters, merge_options, false};
    call_serve(r, &o);
}

void serve_patch_attribute(struct request *r)
{
    static const struct operation o = {patch_attribute, write_parameters, merge_options, false};
    call_serve(r, &o);
}

void serve_replace_attribute(struct request *r)
{
    static const struct operation o = {replace_attribute, write_parameters, merge_options, false};
    call_serve(r, &o);
}

void serve_delete_attribute(struct request *r)
{
    static const char *const parameters[] = {"type", "local", "datasetId", "deleteAll", NULL};
    static const struct operation o = {delete_attribute, parameters, no_options, false};
    call_serve(r, &o);
}
