/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a write that was spread: as if it were one when all went well, one error when all failed
 * alike, else who did what (207). */
#include "context/entity/batch.h"
#include "context/sources/distributed_write.h"

#include <string.h>

#include "context/entity/entity.h"

/* How one part ended. */
struct outcome {
    const struct forward *forward; /* NULL = the part here */
    bool ok;
    struct error failure;
    const struct json
        *result; /* of a part that was done in part: the source's 207, or names left alone here */
};

static struct outcome outcome_of(struct spread_write *s, struct forward *f)
{
    struct outcome o = {.forward = f, .ok = forward_ok(f)};
    struct arena *a = s->gather->call.arena;
    if (!o.ok) {
        forward_failure(f, &o.failure);
    } else if (f->status == 207) {
        o.result = json_parse(a, f->text, f->length, NULL);
        bool failed = json_first(json_get(o.result, "errors")) != NULL ||
                      json_first(json_get(o.result, "notUpdated")) != NULL;
        o.ok = o.result != NULL && !failed;
        error_set(&o.failure, ERROR_BAD_GATEWAY, "The source of %s did a part of it only",
                  "%s 的上下文源只完成了一部分", f->registration->id);
    }
    return o;
}

/* The entity's absence here is no failure when others have it. */
static bool counts(const struct spread_write *s)
{
    return s->here && !(s->failed_here && s->failure.code == ERROR_NOT_FOUND);
}

static GArray *outcomes_of(struct spread_write *s)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(struct outcome));
    for (guint i = 0; i < s->gather->forwards->len; i++) {
        struct outcome o = outcome_of(s, s->gather->forwards->pdata[i]);
        g_array_append_val(all, o);
    }
    if (counts(s)) {
        struct outcome here = {.ok = !s->failed_here, .failure = s->failure};
        if (here.ok && s->write->result.skipped != NULL) {
            here.ok = false;
            here.result = s->write->result.skipped;
        }
        g_array_append_val(all, here);
    }
    return all;
}

/* One error for all: the parts failed alike, or there was but one. */
static const struct error *common_failure(const GArray *all)
{
    const struct error *first = &g_array_index(all, struct outcome, 0).failure;
    for (guint i = 0; i < all->len; i++) {
        const struct outcome *o = &g_array_index(all, struct outcome, i);
        if (o->ok || o->result != NULL || o->failure.code != first->code) {
            return NULL;
        }
    }
    return first;
}

/* ---- 207 ---- */

static const char *sentence(const struct spread_write *s, const struct error *e)
{
    return s->gather->call.chinese ? e->zh : e->en;
}

/* BatchOperationResult (5.2.16). */
static struct json *entity_result(struct spread_write *s, const GArray *all)
{
    struct call *c = &s->gather->call;
    struct json *out = json_object(c->arena);
    struct json *success = json_add(out, "success", json_array(c->arena));
    struct json *errors = json_add(out, "errors", json_array(c->arena));
    for (guint i = 0; i < all->len; i++) {
        const struct outcome *o = &g_array_index(all, struct outcome, i);
        if (!o->ok) {
            json_append(errors, batch_error(c->arena, c->chinese, s->id, &o->failure,
                                            o->forward != NULL ? o->forward->registration->id : NULL));
        } else if (success->length == 0) {
            json_append(success, json_string(c->arena, s->id));
        }
    }
    return out;
}

static const char *left_alone(struct spread_write *s, const struct json *skipped, const char *attribute)
{
    for (const struct json *name = json_first(skipped); name != NULL; name = name->next) {
        if (strcmp(name->string, attribute) == 0) {
            return s->gather->call.chinese ? "属性已存在" : "The attribute exists already";
        }
    }
    return NULL;
}

/* Why a source that did its part in part left this attribute out; NULL when it did not. */
static const char *left_out(struct spread_write *s, const struct outcome *o, const char *attribute)
{
    if (o->forward == NULL) {
        return left_alone(s, o->result, attribute);
    }
    struct arena *a = s->gather->call.arena;
    for (const struct json *n = json_first(json_get(o->result, "notUpdated")); n != NULL; n = n->next) {
        const char *name = json_get_string(n, "attributeName");
        const char *reason = json_get_string(n, "reason");
        if (name != NULL && strcmp(ld_expand(o->forward->ctx, a, name), attribute) == 0) {
            return reason != NULL ? reason : sentence(s, &o->failure);
        }
    }
    return NULL;
}

static const char *why_not(struct spread_write *s, const struct outcome *o, const char *attribute)
{
    return o->ok ? NULL : o->result != NULL ? left_out(s, o, attribute) : sentence(s, &o->failure);
}

static bool concerns(struct spread_write *s, const struct outcome *o, const char *attribute)
{
    if (o->forward == NULL) {
        return s->write->attribute != NULL || json_get(s->write->fragment, attribute) != NULL;
    }
    const struct write_part *part = o->forward->user;
    return part->attributes != NULL && g_strv_contains(part->attributes, attribute);
}

static void attribute_result(struct spread_write *s, const GArray *all, const char *attribute,
                             struct json *updated, struct json *not_updated)
{
    struct arena *a = s->gather->call.arena;
    const char *name = ld_compact(s->gather->call.ctx, a, attribute);
    bool failed = false, done = false;
    for (guint i = 0; i < all->len; i++) {
        const struct outcome *o = &g_array_index(all, struct outcome, i);
        if (!concerns(s, o, attribute)) {
            continue;
        }
        const char *reason = why_not(s, o, attribute);
        failed = failed || reason != NULL;
        done = done || reason == NULL;
        if (reason != NULL) {
            struct json *item = json_append(not_updated, json_object(a));
            json_add(item, "attributeName", json_string(a, name));
            json_add(item, "reason", json_string(a, reason));
            if (o->forward != NULL) {
                json_add(item, "registrationId", json_string(a, o->forward->registration->id));
            }
        }
    }
    if (done && !failed) {
        json_append(updated, json_string(a, name));
    }
}

/* UpdateResult (5.2.18). */
static struct json *update_result(struct spread_write *s, const GArray *all)
{
    struct arena *a = s->gather->call.arena;
    struct json *out = json_object(a);
    struct json *updated = json_add(out, "updated", json_array(a));
    struct json *not_updated = json_add(out, "notUpdated", json_array(a));
    if (s->write->attribute != NULL) {
        attribute_result(s, all, s->write->attribute, updated, not_updated);
    }
    for (const struct json *m = json_first(s->given); m != NULL; m = m->next) {
        if (entity_is_attribute(m)) {
            attribute_result(s, all, m->key, updated, not_updated);
        }
    }
    return out;
}

static bool is_about_attributes(enum registration_operation operation)
{
    return operation == OP_APPEND_ATTRS || operation == OP_UPDATE_ENTITY || operation == OP_UPDATE_ATTRS ||
           operation == OP_REPLACE_ATTRS || operation == OP_DELETE_ATTRS;
}

static void reply_parts(struct spread_write *s, const GArray *all)
{
    struct call *c = &s->gather->call;
    if (s->operation == OP_CREATE_ENTITY) {
        g_autofree char *escaped = g_uri_escape_string(s->id, ":", FALSE);
        reply_header(c->request, "Location", arena_printf(c->arena, NGSI_PATH "/entities/%s", escaped));
    }
    reply_json(c->request, 207,
               is_about_attributes(s->operation) ? update_result(s, all) : entity_result(s, all));
}

void spread_write_reply(struct spread_write *s)
{
    g_autoptr(GArray) all = outcomes_of(s);
    const struct error *failure = common_failure(all);
    bool ok = true;
    for (guint i = 0; i < all->len; i++) {
        ok = ok && g_array_index(all, struct outcome, i).ok;
    }
    if (ok) {
        s->write->reply(s->write);
    } else if (failure != NULL) {
        reply_error(s->gather->call.request, failure);
    } else {
        reply_parts(s, all);
    }
}
