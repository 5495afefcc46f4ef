/* SPDX-License-Identifier: Apache-2.0 */
/* Writing into the history: instances of past and present go through the log like every other change; the
 * entity keeps its newest values. */
#include "context/temporal/temporal_write.h"

#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/gone.h"
#include "context/entity/ingest.h"
#include "context/temporal/temporal_query.h"

struct temporal_write {
    struct write_call w;
    struct json **fragments; /* one a round */
    int count;
    bool known; /* the entity was deleted, and its history was kept */
    bool created;
};

/* ---- rounds: the n-th instances of all attributes make the n-th fragment ---- */

struct rounds {
    struct arena *a;
    const struct json *body;
    GPtrArray *payloads; /* struct json *, each an entity with at most one instance a dataset */
};

static struct json *round_payload(struct rounds *r, guint n)
{
    while (r->payloads->len <= n) {
        struct json *payload = json_object(r->a);
        for (const struct json *m = json_first(r->body); m != NULL; m = m->next) {
            if (!entity_is_attribute(m) || strcmp(m->key, "@context") == 0) {
                json_set(r->a, payload, m->key, json_copy(r->a, m));
            }
        }
        g_ptr_array_add(r->payloads, payload);
    }
    return g_ptr_array_index(r->payloads, n);
}

static bool put_instance(struct rounds *r, const char *name, const struct json *instance, guint n,
                         struct error *e)
{
    if (n > 0 && json_get(instance, "observedAt") == NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "Attribute \"%s\": where there are several instances each needs observedAt",
                         "属性“%s”：有多个实例时，每个实例都需要 observedAt", name);
    }
    if (n >= LIMIT_BATCH) {
        return error_set(e, ERROR_TOO_LARGE,
                         "Attribute \"%s\" has more than %d instances: send them in parts",
                         "属性“%s”的实例超过 %d 个：请分批发送", name, LIMIT_BATCH);
    }
    struct json *payload = round_payload(r, n);
    struct json *copy = json_copy(r->a, instance);
    struct json *there = json_get(payload, name);
    if (there == NULL) {
        json_set(r->a, payload, name, json_array(r->a));
        there = json_get(payload, name);
    }
    json_append(there, copy);
    return true;
}

/* ---- the simplified temporal representation (4.5.9) as input (5.2.20) ---- */

/* The member that lists the values of the attribute; NULL when it is written another way. */
static const struct json *list_of(const struct json *attribute, enum attribute_kind *kind)
{
    const struct json *type = json_get(attribute, "type");
    *kind = json_is(type, JSON_STRING) ? kind_of_type(type->string, type->length) : KIND_PROPERTY;
    const struct json *list = *kind != KIND_NONE ? json_get(attribute, temporal_list_member(*kind)) : NULL;
    return json_is(list, JSON_ARRAY) && instance_value(attribute) == NULL ? list : NULL;
}

/* [value, time] as an instance. */
static struct json *instance_of_pair(struct arena *a, const struct json *named, const struct json *element,
                                     enum attribute_kind kind, const struct json *pair, struct error *e)
{
    const struct json *value = json_first(pair);
    if (!json_is(pair, JSON_ARRAY) || pair->length != 2 || !json_is(value->next, JSON_STRING)) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "Attribute \"%s\": each of \"%s\" must be a value and its time",
                  "属性“%s”：“%s”的每一项必须是值及其时间", named->key, temporal_list_member(kind));
        return NULL;
    }
    const struct json *inner = json_get(value, kind_member(kind));
    bool wrapped = kind == KIND_LANGUAGE || kind == KIND_VOCAB || kind == KIND_JSON;
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, kind_type(kind)));
    json_add(instance, kind_member(kind), json_copy(a, wrapped && inner != NULL ? inner : value));
    json_add(instance, "observedAt", json_copy(a, value->next));
    if (json_get(element, "datasetId") != NULL) {
        json_add(instance, "datasetId", json_copy(a, json_get(element, "datasetId")));
    }
    return instance;
}

/* Appends the instances that one element stands for to list. */
static bool unfold(struct arena *a, struct json *list, const struct json *named, const struct json *element,
                   struct error *e)
{
    enum attribute_kind kind;
    const struct json *values = list_of(element, &kind);
    if (values == NULL) {
        json_append(list, json_alias(a, element));
        return true;
    }
    for (const struct json *pair = values->first; pair != NULL; pair = pair->next) {
        struct json *instance = instance_of_pair(a, named, element, kind, pair, e);
        if (instance == NULL) {
            return false;
        }
        json_append(list, instance);
    }
    return true;
}

/* The attribute with its instances one by one. NULL with e set. */
static const struct json *unfolded(struct arena *a, const struct json *attribute, struct error *e)
{
    enum attribute_kind kind;
    bool array = attribute->type == JSON_ARRAY;
    const struct json *first = array ? attribute->first : attribute;
    if (!json_is(first, JSON_OBJECT) || list_of(first, &kind) == NULL) {
        return attribute;
    }
    struct json *list = json_array(a);
    list->key = attribute->key;
    list->key_length = attribute->key_length;
    for (const struct json *element = first; element != NULL; element = array ? element->next : NULL) {
        if (!unfold(a, list, attribute, element, e)) {
            return NULL;
        }
    }
    return list;
}

static bool spread_attribute(struct rounds *r, const struct json *attribute, struct error *e)
{
    if (attribute->type != JSON_ARRAY) {
        return put_instance(r, attribute->key, attribute, 0, e);
    }
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal); /* dataset → instances so far */
    for (const struct json *i = attribute->first; i != NULL; i = i->next) {
        const char *dataset = json_get_string(i, "datasetId");
        dataset = dataset != NULL ? dataset : "";
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, dataset));
        if (!put_instance(r, attribute->key, i, n, e)) {
            return false;
        }
        g_hash_table_insert(counts, (gpointer)dataset, GUINT_TO_POINTER(n + 1));
    }
    return true;
}

/* An array of one stands for its element. */
static void unwrap_single(struct arena *a, struct json *payload)
{
    for (struct json *m = json_first(payload); m != NULL; m = m->next) {
        if (m->type == JSON_ARRAY && m->length == 1 && entity_is_attribute(m)) {
            json_set(a, payload, m->key, json_alias(a, m->first));
        }
    }
}

static bool read_fragments(struct temporal_write *t, struct call *c, const struct json *body, const char *id,
                           int flags, struct error *e)
{
    g_autoptr(GPtrArray) payloads = g_ptr_array_new();
    struct rounds r = {.a = c->arena, .body = body, .payloads = payloads};
    round_payload(&r, 0);
    for (const struct json *m = json_first(body); m != NULL; m = m->next) {
        bool attribute = entity_is_attribute(m) && strcmp(m->key, "@context") != 0;
        const struct json *instances = attribute ? unfolded(c->arena, m, e) : NULL;
        if (attribute && (instances == NULL || !spread_attribute(&r, instances, e))) {
            return false;
        }
    }
    t->fragments = arena_array(c->arena, struct json *, payloads->len);
    for (guint i = 0; i < payloads->len; i++) {
        struct json *payload = g_ptr_array_index(payloads, i);
        unwrap_single(c->arena, payload);
        struct json *fragment = ingest_entity(c->arena, payload, c->ctx, flags, e);
        if (fragment == NULL) {
            return false;
        }
        if (id != NULL) {
            json_set(c->arena, fragment, "id", json_string(c->arena, id));
        }
        t->fragments[t->count++] = fragment;
    }
    return true;
}

/* ---- writing ---- */

static bool apply(struct write_call *w, struct txn *txn, struct error *e)
{
    struct temporal_write *t = (struct temporal_write *)w;
    for (int i = 0; i < t->count; i++) {
        if (!entity_write(txn, w->arena, t->fragments[i], &w->how, &w->result, e)) {
            return false;
        }
        t->created |= w->result.created;
    }
    return true;
}

static void reply(struct write_call *w)
{
    const struct temporal_write *t = (struct temporal_write *)w;
    if (t->created && !t->known) {
        g_autofree char *escaped = g_uri_escape_string(w->id, ":", FALSE);
        reply_header(w->request, "Location",
                     arena_printf(w->arena, NGSI_PATH "/temporal/entities/%s", escaped));
        reply_empty(w->request, 201);
    } else {
        reply_empty(w->request, 204);
    }
}

static bool write_history(struct call *c, const char *id, int ingest, int flags, struct error *e)
{
    const struct json *body = call_body(c, e);
    struct temporal_write *t = arena_new0(c->arena, struct temporal_write);
    if (body == NULL) {
        return false;
    }
    if (body->type != JSON_OBJECT) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an object", "正文必须是对象");
    }
    if (!read_fragments(t, c, body, id, ingest, e) ||
        !write_call_init(&t->w, c, CONTEXT_UPDATE, CONTEXT_KEEP_NEWER | flags, e)) {
        return false;
    }
    t->w.id = json_get_string(t->fragments[0], "id");
    view_auto v = view_begin(c->space->store);
    t->known = gone_get(v, c->arena, t->w.id) != NULL;
    t->w.apply = apply;
    t->w.reply = reply;
    write_call_submit(&t->w);
    return true;
}

bool temporal_upsert(struct call *c, struct error *e)
{
    return write_history(c, NULL, INGEST_ID | INGEST_TYPE, 0, e);
}

bool temporal_append(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    return id != NULL && write_history(c, id, 0, CONTEXT_MUST_EXIST, e);
}
