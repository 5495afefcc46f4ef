/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/entityOperations: many entities in one request and one durable transaction (6.14 – 6.19, 5.6.7
 * – 5.6.10). */
#include <string.h>

#include "base/limits.h"
#include "context/entity/batch.h"
#include "context/entity/entity.h"
#include "context/entity/ingest.h"
#include "context/query/query_api.h"
#include "context/routes.h"
#include "context/sources/distributed.h"

static void fail(struct batch *b, struct batch_item *item, const struct error *e)
{
    struct error *copy = arena_alloc(b->write.arena, sizeof *copy);
    *copy = *e;
    item->failure = copy;
    item->fragment = NULL;
}

/* ---- in the transaction ---- */

/* Failures that are not the entity's own end the whole batch. */
static bool is_fatal(const struct error *e)
{
    return e->code == ERROR_STORAGE_FULL || e->code == ERROR_INTERNAL || e->code == ERROR_UNAVAILABLE;
}

static bool apply_batch(struct write_call *w, struct txn *t, struct error *e)
{
    struct batch *b = (struct batch *)w;
    for (int i = 0; i < b->count; i++) {
        struct batch_item *item = &b->items[i];
        struct error one = {0};
        if (item->failure != NULL || item->elsewhere || b->one(b, t, item, &one)) {
            continue;
        }
        if (is_fatal(&one)) {
            *e = one;
            return false;
        }
        fail(b, item, &one);
    }
    return true;
}

static bool write_one(struct batch *b, struct txn *t, struct batch_item *item, struct error *e)
{
    struct write_result result;
    bool ok = entity_write(t, b->write.arena, item->fragment, &b->write.how, &result, e);
    item->created = ok && result.created;
    return ok;
}

static bool delete_one(struct batch *b, struct txn *t, struct batch_item *item, struct error *e)
{
    return entity_delete(t, item->id, &b->write.how, NULL, e);
}

/* ---- the reply ---- */

struct json *batch_error(struct arena *a, bool chinese, const char *entity, const struct error *e,
                         const char *registration)
{
    struct json *one = json_object(a);
    json_add(one, "entityId", json_string(a, entity));
    struct json *p = json_add(one, "error", json_object(a));
    json_add(p, "type", json_string(a, error_type(e->code)));
    json_add(p, "title", json_string(a, error_title(e->code, chinese)));
    json_add(p, "status", json_int(a, error_status(e->code)));
    json_add(p, "detail", json_string(a, chinese ? e->zh : e->en));
    if (registration != NULL) {
        json_add(one, "registrationId", json_string(a, registration));
    }
    return one;
}

/* Its absence here is no failure when a source has taken part. */
static bool failed_here(const struct batch_item *item)
{
    return item->failure != NULL && !(item->spread && item->failure->code == ERROR_NOT_FOUND);
}

static bool succeeded(const struct batch_item *item)
{
    return item->done || (item->failure == NULL && !item->elsewhere);
}

/* BatchOperationResult (5.2.16). */
static struct json *batch_result(struct batch *b)
{
    struct arena *a = b->write.arena;
    struct json *out = json_object(a);
    struct json *success = json_add(out, "success", json_array(a));
    struct json *errors = json_add(out, "errors", json_array(a));
    for (int i = 0; i < b->count; i++) {
        struct batch_item *item = &b->items[i];
        if (succeeded(item)) {
            json_append(success, json_string(a, item->id));
        }
        if (failed_here(item)) {
            json_append(errors, batch_error(a, b->write.chinese, item->id, item->failure, NULL));
        }
        for (const struct json *one = json_first(item->errors); one != NULL; one = one->next) {
            json_append(errors, json_alias(a, one));
        }
    }
    return out;
}

static struct json *created_ids(struct batch *b)
{
    struct json *ids = json_array(b->write.arena);
    for (int i = 0; i < b->count; i++) {
        if (b->items[i].created) {
            json_append(ids, json_string(b->write.arena, b->items[i].id));
        }
    }
    return ids;
}

void batch_reply(struct batch *b)
{
    struct request *r = b->write.request;
    bool failed = false, created = false;
    for (int i = 0; i < b->count; i++) {
        failed = failed || failed_here(&b->items[i]) || b->items[i].errors != NULL;
        created = created || b->items[i].created;
    }
    if (failed) {
        reply_json(r, 207, batch_result(b));
    } else if (created && b->lists_created) {
        reply_json(r, 201, created_ids(b));
    } else {
        reply_empty(r, 204);
    }
}

static void reply_batch(struct write_call *w)
{
    batch_reply((struct batch *)w);
}

static bool submit(struct call *c, struct batch *b, struct error *e)
{
    if (!distributed_is_local(c)) {
        return distributed_batch(c, b, e);
    }
    write_call_submit(&b->write);
    return true;
}

/* ---- the body ---- */

static struct batch *batch_new(struct call *c, enum context_mode mode, int flags, struct error *e)
{
    const struct json *body = call_body(c, e);
    if (body == NULL) {
        return NULL;
    }
    if (body->type != JSON_ARRAY || body->length == 0) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an array that is not empty",
                  "正文必须是非空数组");
        return NULL;
    }
    for (const struct json *item = body->first; item != NULL; item = item->next) {
        if (item->type == JSON_NULL) {
            error_set(e, ERROR_BAD_REQUEST_DATA, "The array must not hold null", "数组中不能有 null");
            return NULL;
        }
    }
    if (body->length > LIMIT_BATCH) {
        error_set(e, ERROR_TOO_LARGE, "At most %d entities in one request; split the batch",
                  "一次请求最多 %d 个实体，请分批发送", LIMIT_BATCH);
        return NULL;
    }
    struct batch *b = arena_new0(c->arena, struct batch);
    if (!write_call_init(&b->write, c, mode, flags | CONTEXT_LASTING, e)) {
        return NULL;
    }
    b->write.apply = apply_batch;
    b->write.reply = reply_batch;
    b->items = arena_array(c->arena, struct batch_item, body->length);
    return b;
}

static void read_entity(struct call *c, struct batch *b, const struct json *element, int flags)
{
    struct batch_item *item = &b->items[b->count++];
    struct error e = {0};
    ld_context_auto own = NULL;
    const char *id = json_get_string(element, "id");
    item->id = id != NULL ? id : "";
    const struct ld_context *ctx = c->ctx;
    if (call_is_ld(c) || json_get(element, "@context") != NULL) {
        if (!call_element_context(c, element, &own, &e)) {
            fail(b, item, &e);
            return;
        }
        ctx = own;
    }
    item->fragment = ingest_entity(c->arena, element, ctx, flags, &e);
    if (item->fragment == NULL) {
        fail(b, item, &e);
    }
}

static bool write_entities(struct call *c, enum registration_operation operation, enum context_mode mode,
                           int flags, int ingest, bool lists_created, struct error *e)
{
    struct batch *b = batch_new(c, mode, flags, e);
    if (b == NULL) {
        return false;
    }
    b->one = write_one;
    b->lists_created = lists_created;
    b->operation = operation;
    for (const struct json *element = json_first(request_json(c->request, e)); element != NULL;
         element = element->next) {
        read_entity(c, b, element, ingest | INGEST_ID);
    }
    return submit(c, b, e);
}

static bool batch_create(struct call *c, struct error *e)
{
    return write_entities(c, OP_CREATE_BATCH, CONTEXT_CREATE, 0, INGEST_TYPE, true, e);
}

static bool batch_upsert(struct call *c, struct error *e)
{
    bool update = (c->options & CALL_UPDATE) != 0;
    return update ? write_entities(c, OP_UPSERT_BATCH, CONTEXT_UPDATE, WRITE_KEEP_NO_SCOPE,
                                   INGEST_TYPE | INGEST_NULLS, true, e)
                  : write_entities(c, OP_UPSERT_BATCH, CONTEXT_REPLACE, 0, INGEST_TYPE, true, e);
}

static bool batch_update(struct call *c, struct error *e)
{
    bool keep = (c->options & CALL_NO_OVERWRITE) != 0;
    return write_entities(c, OP_UPDATE_BATCH, keep ? CONTEXT_APPEND : CONTEXT_UPDATE, CONTEXT_MUST_EXIST,
                          INGEST_NULLS, false, e);
}

static bool batch_merge(struct call *c, struct error *e)
{
    return write_entities(c, OP_MERGE_BATCH, CONTEXT_MERGE, CONTEXT_MUST_EXIST, INGEST_NULLS | INGEST_PARTIAL,
                          false, e);
}

static bool batch_delete(struct call *c, struct error *e)
{
    struct batch *b = batch_new(c, CONTEXT_UPDATE, 0, e);
    if (b == NULL) {
        return false;
    }
    b->one = delete_one;
    for (const struct json *id = json_first(request_json(c->request, e)); id != NULL; id = id->next) {
        struct batch_item *item = &b->items[b->count++];
        struct error one = {0};
        item->id = id->type == JSON_STRING ? id->string : "";
        if (!ingest_uri("id", item->id, strlen(item->id), &one)) {
            fail(b, item, &one);
        }
    }
    b->operation = OP_DELETE_BATCH;
    return submit(c, b, e);
}

/* ---- operations ---- */

static const char *const parameters[] = {"options", "local", NULL};
static const char *const no_options[] = {NULL};

void serve_batch_create(struct request *r)
{
    static const struct operation o = {
        .run = batch_create, .parameters = parameters, .options = no_options, .creates = true};
    call_serve(r, &o);
}

void serve_batch_upsert(struct request *r)
{
    static const char *const options[] = {"update", "replace", NULL};
    static const struct operation o = {
        .run = batch_upsert, .parameters = parameters, .options = options, .creates = true};
    call_serve(r, &o);
}

void serve_batch_update(struct request *r)
{
    static const char *const options[] = {"noOverwrite", NULL};
    static const struct operation o = {batch_update, parameters, options, false};
    call_serve(r, &o);
}

void serve_batch_merge(struct request *r)
{
    static const struct operation o = {batch_merge, parameters, no_options, false};
    call_serve(r, &o);
}

void serve_batch_delete(struct request *r)
{
    static const struct operation o = {batch_delete, parameters, no_options, false};
    call_serve(r, &o);
}

void serve_batch_query(struct request *r)
{
    static const char *const body_parameters[] = {"limit",  "offset",        "count",     "options",
                                                  "format", "local",         "lang",      "geometryProperty",
                                                  "csf",    "splitEntities", "entityMap", "entityMapLifetime",
                                                  NULL};
    static const char *const options[] = {"normalized", "concise", "simplified", "keyValues",
                                          "sysAttrs",   "count",   NULL};
    static const struct operation o = {query_by_body, body_parameters, options, true};
    call_serve(r, &o);
}
