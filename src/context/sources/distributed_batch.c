/* SPDX-License-Identifier: Apache-2.0 */
/* Batch operations split over sources (5.6.7 – 5.6.10, 5.6.20): each source gets its part of the array, or
 * one request an entity when it does not take batches. */
#include <string.h>

#include "base/limits.h"
#include "context/entity/batch.h"
#include "context/entity/entity.h"
#include "context/sources/distributed_plan.h"
#include "context/sources/distributed_split.h"

/* The part of one item for one source. */
struct batch_part {
    struct batch_item *item;
    struct json *fragment; /* NULL for deletions */
};
struct batch_source {
    struct registry_match match; /* with a reference */
    GArray *parts;               /* struct batch_part */
};
struct spread_batch {
    struct batch *batch;
    struct gather *gather;
    GHashTable *sources; /* struct registration → struct batch_source */
};
/* What a forward was for. */
struct batch_request {
    struct batch_source *source;
    struct batch_part *part; /* NULL = all of the source's */
    bool again;              /* it exists there: replace or update instead */
    bool taken;
};

static bool offers(const struct batch_source *s, enum registration_operation operation)
{
    return (s->match.registration->operations & OPERATION_BIT(operation)) != 0;
}

/* ---- what each source gets ---- */

static void free_source(void *data)
{
    struct batch_source *s = data;
    registration_unref(s->match.registration);
    g_array_free(s->parts, TRUE);
}

static struct batch_source *source_of(struct spread_batch *s, const struct registry_match *m)
{
    struct batch_source *source = g_hash_table_lookup(s->sources, m->registration);
    if (source == NULL) {
        source = arena_new0(s->gather->call.arena, struct batch_source);
        source->match = *m;
        registration_ref(m->registration);
        source->parts = g_array_new(FALSE, FALSE, sizeof(struct batch_part));
        g_hash_table_insert(s->sources, m->registration, source);
    }
    return source;
}

static void split_item(struct spread_batch *s, struct registry_query q, struct view *v,
                       struct batch_item *item)
{
    struct arena *a = s->gather->call.arena;
    bool deletes = s->batch->operation == OP_DELETE_BATCH;
    bool creates = s->batch->operation == OP_CREATE_BATCH;
    int count = 0;
    const char *const *attributes = split_attributes(a, item->fragment, &count);
    const struct json *known = json_get(context_get(v, a, item->id), "type");
    q.ids = &item->id;
    q.ids_count = 1;
    q.types = known != NULL && !creates ? known : json_get(item->fragment, "type");
    q.attributes = attributes;
    q.attributes_count = count;
    registry_matches_auto matches = registry_match(s->gather->call.space->registry, a, &q);
    struct split split = split_entity(a, &matches, attributes, count, deletes);
    for (int i = 0; i < split.count; i++) {
        struct batch_source *source = source_of(s, split.parts[i].match);
        struct batch_part part = {item, item->fragment != NULL
                                            ? split_fragment(a, item->fragment, split.parts[i].attributes)
                                            : NULL};
        g_array_append_val(source->parts, part);
    }
    item->elsewhere = !split.here;
    if (item->fragment != NULL && split.rest_count < count) {
        item->fragment = split_fragment(a, item->fragment, split.rest);
    }
}

/* ---- the requests ---- */

static const char *batch_path(enum registration_operation operation)
{
    switch (operation) {
    case OP_CREATE_BATCH: return "create";
    case OP_UPSERT_BATCH: return "upsert";
    case OP_UPDATE_BATCH: return "update";
    case OP_MERGE_BATCH: return "merge";
    default: return "delete";
    }
}

static struct batch_request *request_new(struct spread_batch *s, struct forward *f,
                                         struct batch_source *source, struct batch_part *part)
{
    struct batch_request *r = arena_new0(s->gather->call.arena, struct batch_request);
    r->source = source;
    r->part = part;
    f->user = r;
    return r;
}

static void write_part(struct spread_batch *s, struct forward *f, const struct batch_part *part, GString *out)
{
    struct render render = forward_render(s->gather, f);
    if (part->fragment != NULL) {
        render_entity(out, part->fragment, &render);
    } else {
        json_write_string(out, part->item->id, strlen(part->item->id));
    }
}

static void send_together(struct spread_batch *s, struct batch_source *source)
{
    enum registration_operation operation = s->batch->operation;
    struct forward *f =
        gather_add(s->gather, &source->match, "POST", "/entityOperations/%s", batch_path(operation));
    GString *body = g_string_new("[");
    request_new(s, f, source, NULL);
    for (guint i = 0; i < source->parts->len; i++) {
        g_string_append(body, i > 0 ? "," : "");
        write_part(s, f, &g_array_index(source->parts, struct batch_part, i), body);
    }
    g_string_append_c(body, ']');
    forward_body(f, body);
    if (operation == OP_UPSERT_BATCH && s->batch->write.how.mode == CONTEXT_UPDATE) {
        forward_parameter(f, "options", "update");
    } else if (operation == OP_UPDATE_BATCH && s->batch->write.how.mode == CONTEXT_APPEND) {
        forward_parameter(f, "options", "noOverwrite");
    }
}

static enum registration_operation update_operation(const struct spread_batch *s)
{
    return s->batch->write.how.mode == CONTEXT_UPDATE ? OP_UPDATE_ENTITY : OP_REPLACE_ENTITY;
}

/* The operation for single entities that does the same; OPERATIONS when the source has none. */
static enum registration_operation single_operation(const struct spread_batch *s,
                                                    const struct batch_source *source)
{
    bool keep = s->batch->write.how.mode == CONTEXT_APPEND;
    enum registration_operation single = s->batch->operation == OP_UPDATE_BATCH
                                             ? (keep ? OP_APPEND_ATTRS : OP_UPDATE_ENTITY)
                                         : s->batch->operation == OP_MERGE_BATCH  ? OP_MERGE_ENTITY
                                         : s->batch->operation == OP_DELETE_BATCH ? OP_DELETE_ENTITY
                                                                                  : OP_CREATE_ENTITY;
    if (s->batch->operation == OP_UPSERT_BATCH && !offers(source, single)) {
        single = update_operation(s);
    }
    return offers(source, single) ? single : OPERATIONS;
}

static struct forward *single_forward(struct spread_batch *s, struct batch_source *source, const char *id,
                                      enum registration_operation operation)
{
    g_autofree char *escaped = g_uri_escape_string(id, ":", FALSE);
    struct gather *g = s->gather;
    switch (operation) {
    case OP_CREATE_ENTITY: return gather_add(g, &source->match, "POST", "/entities");
    case OP_DELETE_ENTITY: return gather_add(g, &source->match, "DELETE", "/entities/%s", escaped);
    case OP_MERGE_ENTITY: return gather_add(g, &source->match, "PATCH", "/entities/%s", escaped);
    case OP_REPLACE_ENTITY: return gather_add(g, &source->match, "PUT", "/entities/%s", escaped);
    case OP_APPEND_ATTRS: return gather_add(g, &source->match, "POST", "/entities/%s/attrs", escaped);
    default: return gather_add(g, &source->match, "PATCH", "/entities/%s/attrs", escaped);
    }
}

static struct batch_request *send_single(struct spread_batch *s, struct batch_source *source,
                                         struct batch_part *part, enum registration_operation operation)
{
    struct forward *f = single_forward(s, source, part->item->id, operation);
    struct batch_request *r = request_new(s, f, source, part);
    if (operation == OP_APPEND_ATTRS) {
        forward_parameter(f, "options", "noOverwrite");
    }
    if (part->fragment != NULL) {
        GString *body = g_string_new(NULL);
        write_part(s, f, part, body);
        forward_body(f, body);
    }
    return r;
}

static void send_parts(struct spread_batch *s, struct batch_source *source)
{
    bool proxied = source->match.registration->mode <= REGISTRATION_REDIRECT;
    enum registration_operation single = single_operation(s, source);
    bool together = offers(source, s->batch->operation);
    if (!together && single == OPERATIONS && !proxied) {
        return;
    }
    for (guint i = 0; i < source->parts->len; i++) {
        struct batch_part *part = &g_array_index(source->parts, struct batch_part, i);
        part->item->spread = true;
        if (!together && single != OPERATIONS) {
            send_single(s, source, part, single);
        }
    }
    if (together) {
        send_together(s, source);
    } else if (single == OPERATIONS) {
        request_new(s, gather_add_unsent(s->gather, &source->match, FORWARD_UNSUPPORTED), source, NULL);
    }
}

/* ---- what they answered ---- */

static void add_error(struct spread_batch *s, struct batch_item *item, struct json *error)
{
    if (item->errors == NULL) {
        item->errors = json_array(s->gather->call.arena);
    }
    json_append(item->errors, error);
}

static void part_failed(struct spread_batch *s, const struct forward *f, struct batch_item *item)
{
    struct call *c = &s->gather->call;
    struct error e;
    forward_failure(f, &e);
    add_error(s, item, batch_error(c->arena, c->chinese, item->id, &e, f->registration->id));
}

static void part_done(const struct forward *f, struct batch_item *item)
{
    item->done = true;
    item->created = item->created || f->status == 201;
}

/* The error of a source's BatchOperationResult for this entity, with the registration named. */
static struct json *told_error(struct spread_batch *s, const struct forward *f, const struct json *result,
                               const char *id)
{
    struct arena *a = s->gather->call.arena;
    for (const struct json *one = json_first(json_get(result, "errors")); one != NULL; one = one->next) {
        if (json_streq(json_get(one, "entityId"), id)) {
            struct json *copy = json_copy(a, one);
            json_set(a, copy, "registrationId", json_string(a, f->registration->id));
            return copy;
        }
    }
    return NULL;
}

static bool lists(const struct json *ids, const char *id)
{
    for (const struct json *one = json_first(ids); one != NULL; one = one->next) {
        if (json_streq(one, id)) {
            return true;
        }
    }
    return false;
}

static void take_together(struct spread_batch *s, struct forward *f, struct batch_source *source)
{
    const struct json *result =
        f->length > 0 ? json_parse(s->gather->call.arena, f->text, f->length, NULL) : NULL;
    for (guint i = 0; i < source->parts->len; i++) {
        struct batch_item *item = g_array_index(source->parts, struct batch_part, i).item;
        struct json *error = f->status == 207 ? told_error(s, f, result, item->id) : NULL;
        if (!forward_ok(f)) {
            part_failed(s, f, item);
        } else if (error != NULL) {
            add_error(s, item, error);
        } else {
            item->done = true;
            item->created = item->created || (f->status == 201 && lists(result, item->id));
        }
    }
}

/* 5.6.8.4: an upsert at a source without it. True when another request is needed. */
static bool take_single(struct spread_batch *s, struct forward *f, struct batch_request *r)
{
    bool exists =
        f->end == FORWARD_ANSWERED && f->status == 409 && s->batch->operation == OP_UPSERT_BATCH && !r->again;
    if (exists && offers(r->source, update_operation(s))) {
        send_single(s, r->source, r->part, update_operation(s))->again = true;
        return true;
    }
    if (forward_ok(f)) {
        part_done(f, r->part->item);
    } else {
        part_failed(s, f, r->part->item);
    }
    return false;
}

/* ---- the part here, and the end ---- */

static void finish(struct spread_batch *s)
{
    batch_reply(s->batch);
    write_call_clear(&s->batch->write);
    g_hash_table_unref(s->sources);
    gather_end(s->gather);
}

static void fail_all(struct spread_batch *s, const struct error *e)
{
    struct error *copy = arena_alloc(s->gather->call.arena, sizeof *copy);
    *copy = *e;
    for (int i = 0; i < s->batch->count; i++) {
        struct batch_item *item = &s->batch->items[i];
        item->failure = item->elsewhere || item->failure != NULL ? item->failure : copy;
    }
}

static void done_here(struct store_job *job, const struct error *e)
{
    struct spread_batch *s = ((struct write_call *)job)->spread;
    if (e != NULL) {
        fail_all(s, e);
    }
    finish(s);
}

static bool is_work_here(const struct batch *b)
{
    for (int i = 0; i < b->count; i++) {
        if (b->items[i].failure == NULL && !b->items[i].elsewhere) {
            return true;
        }
    }
    return false;
}

static void write_here(struct spread_batch *s)
{
    struct write_call *w = &s->batch->write;
    struct error e = {0};
    if (!is_work_here(s->batch)) {
        finish(s);
        return;
    }
    gather_suspend(s->gather);
    w->spread = s;
    w->job.done = done_here;
    if (!store_submit(w->space->store, &w->job, &e)) {
        fail_all(s, &e);
        finish(s);
    }
}

static void answered(struct gather *g)
{
    struct spread_batch *s = g->user;
    bool more = false;
    guint n = g->forwards->len;
    for (guint i = 0; i < n; i++) {
        struct forward *f = g->forwards->pdata[i];
        struct batch_request *r = f->user;
        if (r->taken) {
            continue;
        }
        r->taken = true;
        if (r->part == NULL) {
            take_together(s, f, r->source);
        } else {
            more = take_single(s, f, r) || more;
        }
    }
    if (more) {
        gather_run(g, answered);
    } else {
        write_here(s);
    }
}

bool distributed_batch(struct call *c, struct batch *b, struct error *e)
{
    struct registry_query q;
    struct q *csf;
    if (!plan_begin(c, &q, &csf, 0, e)) {
        write_call_clear(&b->write);
        return false;
    }
    struct spread_batch *s = arena_new0(c->arena, struct spread_batch);
    *s = (struct spread_batch){b, gather_new(c),
                               g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_source)};
    s->gather->user = s;
    q.via = NULL; /* what leads back must not be kept here instead */
    view_auto v = view_begin(c->space->store);
    for (int i = 0; i < b->count; i++) {
        if (b->items[i].failure == NULL) {
            split_item(s, q, v, &b->items[i]);
        }
    }
    view_end(g_steal_pointer(&v));
    if (g_hash_table_size(s->sources) == 0) {
        g_hash_table_unref(s->sources);
        gather_end(s->gather);
        write_call_submit(&b->write);
        return true;
    }
    GHashTableIter i;
    void *source;
    g_hash_table_iter_init(&i, s->sources);
    while (g_hash_table_iter_next(&i, NULL, &source)) {
        send_parts(s, source);
    }
    gather_run(s->gather, answered);
    return true;
}
