/* SPDX-License-Identifier: Apache-2.0 */
/* Values for the indexes of attributes, and the tally of what there is. */
#include "context/query/indexed.h"

#include <string.h>

#include "context/entity/entity.h"

/* ---- values, as q sees them (expr/q_eval.c) ---- */

struct value_list {
    struct arena *arena;
    struct store_value *items;
    int count, room;
};

static void add_value(struct value_list *l, struct store_value v)
{
    if (l->count == l->room) {
        struct store_value *more = arena_array(l->arena, struct store_value, l->room * 2 + 4);
        if (l->count > 0) {
            memcpy(more, l->items, (size_t)l->count * sizeof *more);
        }
        l->items = more;
        l->room = l->room * 2 + 4;
    }
    l->items[l->count++] = v;
}

static void add_text(struct value_list *l, const struct json *j)
{
    instant at;
    add_value(l, (struct store_value){.kind = STORE_TEXT, .text = j->string});
    if (j->length >= 20 && j->length <= 40 && instant_parse(j->string, j->length, NULL, &at)) {
        add_value(l, (struct store_value){.kind = STORE_TIME, .at = at});
    }
}

static void add_scalar(struct value_list *l, const struct json *j)
{
    if (json_is_number(j)) {
        add_value(l, (struct store_value){.kind = STORE_NUMBER, .number = json_number(j)});
    } else if (json_is(j, JSON_STRING)) {
        add_text(l, j);
    } else if (json_is(j, JSON_BOOL)) {
        add_value(l, (struct store_value){.kind = STORE_BOOL, .at = j->boolean});
    }
}

/* {"@type": "DateTime", "@value": …} and {"object": …} stand for what they hold. */
static const struct json *inner(const struct json *j)
{
    if (json_is(j, JSON_OBJECT)) {
        const struct json *value = json_get(j, "@value");
        const struct json *object = json_get(j, "object");
        return value != NULL ? value : object != NULL ? object : j;
    }
    return j;
}

static void add_carried(struct value_list *l, const struct json *value)
{
    value = inner(value);
    if (!json_is(value, JSON_ARRAY)) {
        add_scalar(l, value);
    }
    for (const struct json *c = json_is(value, JSON_ARRAY) ? value->first : NULL; c != NULL; c = c->next) {
        add_scalar(l, inner(c));
    }
}

static void add_instance(struct value_list *l, const struct json *instance)
{
    const struct json *map = json_get(instance, "languageMap");
    if (map == NULL) {
        add_carried(l, instance_value(instance));
    }
    for (const struct json *c = json_first(map); c != NULL; c = c->next) {
        add_carried(l, c);
    }
}

const struct store_value *indexed_values(struct arena *a, const struct json *entity,
                                         const struct store_index_row *index, int *count)
{
    struct value_list l = {.arena = a};
    const struct json *attribute =
        entity != NULL && context_has_type(entity, index->type) ? json_get(entity, index->attribute) : NULL;
    for (const struct json *i = instance_first(attribute); i != NULL; i = instance_next(attribute, i)) {
        add_instance(&l, i);
    }
    *count = l.count;
    return l.items;
}

/* ---- entries ---- */

static bool same_value(const struct store_value *a, const struct store_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case STORE_NUMBER: return a->number == b->number;
    case STORE_TEXT: return strcmp(a->text, b->text) == 0;
    default: return a->at == b->at;
    }
}

static bool same_values(const struct store_value *a, int a_count, const struct store_value *b, int b_count)
{
    bool same = a_count == b_count;
    for (int i = 0; same && i < a_count; i++) {
        same = same_value(&a[i], &b[i]);
    }
    return same;
}

/* Versions share what did not change. */
static bool shared(const struct json *old, const struct json *next, const char *attribute)
{
    const struct json *x = json_get(old, attribute), *y = json_get(next, attribute);
    return (x == NULL && y == NULL) || (x != NULL && y != NULL && x->type == y->type && x->first == y->first);
}

static bool update_one(struct txn *t, struct arena *a, const struct store_index_row *index,
                       const struct json *old, const struct json *next, int64_t eid, struct error *e)
{
    int before_count, after_count;
    const struct store_value *before = indexed_values(a, old, index, &before_count);
    const struct store_value *after = indexed_values(a, next, index, &after_count);
    if (same_values(before, before_count, after, after_count)) {
        return true;
    }
    for (int i = 0; i < before_count; i++) {
        if (!txn_value_delete(t, index->number, &before[i], eid, e)) {
            return false;
        }
    }
    for (int i = 0; i < after_count; i++) {
        if (!txn_value_put(t, index->number, &after[i], eid, e)) {
            return false;
        }
    }
    return true;
}

bool indexed_update(struct txn *t, struct arena *a, const struct json *old, const struct json *next,
                    int64_t eid, struct error *e)
{
    int count;
    const struct store_index_row *indexes = txn_indexes(t, &count);
    const struct json *old_types = json_get(old, "type"), *types = json_get(next, "type");
    bool same_types = old_types != NULL && types != NULL && old_types->first == types->first;
    for (int i = 0; i < count; i++) {
        const struct store_index_row *index = &indexes[i];
        if (!(same_types && shared(old, next, index->attribute)) &&
            !update_one(t, a, index, old, next, eid, e)) {
            return false;
        }
    }
    return true;
}

/* ---- counts ---- */

struct shape_tally {
    GHashTable *changes; /* "type\037attribute\037kind" → int64_t */
    GString *key;
};

struct shape_tally *shape_tally_new(void)
{
    struct shape_tally *s = g_new0(struct shape_tally, 1);
    s->changes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    s->key = g_string_new(NULL);
    return s;
}

void shape_tally_free(struct shape_tally *s)
{
    if (s != NULL) {
        g_hash_table_unref(s->changes);
        g_string_free(s->key, TRUE);
        g_free(s);
    }
}

void shape_tally_clear(struct shape_tally *s)
{
    g_hash_table_remove_all(s->changes);
}

enum { SEPARATOR = 037 };

static void change(struct shape_tally *s, const char *type, const char *attribute, const char *kind, int sign)
{
    g_string_assign(s->key, type);
    g_string_append_c(s->key, SEPARATOR);
    g_string_append(s->key, attribute);
    g_string_append_c(s->key, SEPARATOR);
    g_string_append(s->key, kind);
    int64_t *count = g_hash_table_lookup(s->changes, s->key->str);
    if (count == NULL) {
        count = g_new0(int64_t, 1);
        g_hash_table_insert(s->changes, g_strdup(s->key->str), count);
    }
    *count += sign;
}

static void tally_attribute(struct shape_tally *s, const char *type, const struct json *attribute, int sign)
{
    bool seen[KIND_NONE] = {false};
    change(s, type, attribute->key, "", sign);
    for (const struct json *i = instance_first(attribute); i != NULL; i = instance_next(attribute, i)) {
        enum attribute_kind kind = instance_kind(i);
        if (kind != KIND_NONE && !seen[kind]) {
            seen[kind] = true;
            change(s, type, attribute->key, kind_type(kind), sign);
        }
    }
}

static void tally_as(struct shape_tally *s, const char *type, const struct json *entity, int sign)
{
    change(s, type, "", "", sign);
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        if (entity_is_attribute(m)) {
            tally_attribute(s, type, m, sign);
        }
    }
}

void shape_tally_entity(struct shape_tally *s, const struct json *entity, int sign)
{
    if (entity == NULL) {
        return;
    }
    tally_as(s, "", entity, sign);
    for (const struct json *t = json_first(json_get(entity, "type")); t != NULL; t = t->next) {
        tally_as(s, t->string, entity, sign);
    }
}

static bool write_change(struct txn *t, char *key, int64_t delta, struct error *e)
{
    char *attribute = strchr(key, SEPARATOR);
    char *kind = strchr(attribute + 1, SEPARATOR);
    *attribute = *kind = '\0';
    return txn_shape_add(t, key, attribute + 1, kind + 1, delta, e);
}

bool shape_tally_write(struct shape_tally *s, struct txn *t, struct error *e)
{
    GHashTableIter i;
    gpointer key, delta;
    bool ok = true;
    g_hash_table_iter_init(&i, s->changes);
    while (ok && g_hash_table_iter_next(&i, &key, &delta)) {
        ok = *(int64_t *)delta == 0 || write_change(t, key, *(int64_t *)delta, e);
    }
    shape_tally_clear(s);
    return ok;
}
