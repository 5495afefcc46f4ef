/* SPDX-License-Identifier: Apache-2.0 */
/* The index of subscriptions: by id, by type and value, by type and attribute, by type. */
#include "context/subscriptions/subscription_index.h"

#include <string.h>

#include "context/entity/entity.h"
#include "context/subscriptions/ranges.h"

enum { REMEMBERED_ENTITIES = 50000 };

/* The subscriptions of one type whose q asks something of one attribute. */
struct field {
    const char *attribute; /* interned */
    GHashTable *texts;     /* text → GPtrArray of items */
    struct ranges *ranges;
    GHashTable *all; /* item → count of its places here */
};

struct bucket {
    GHashTable *fields;  /* attribute (interned) → struct field */
    GHashTable *watched; /* attribute (interned) → GPtrArray of items */
    GPtrArray *rest;
};

/* What is known of an attribute of an entity. */
enum known_kind { KNOWN_NONE, KNOWN_TEXT, KNOWN_NUMBER, KNOWN_OTHER };
struct known {
    const char *attribute; /* interned */
    enum known_kind kind;
    double number;
    char *text;
};

struct subscription_index {
    GHashTable *ids;    /* id → GPtrArray of items */
    GHashTable *types;  /* type → struct bucket */
    struct bucket *any; /* of any type */
    GHashTable *values; /* entity's id → GArray of struct known */
};

/* ---- lists of items ---- */

static void list_add(GHashTable *table, char *key, void *item)
{
    GPtrArray *list = g_hash_table_lookup(table, key);
    if (list == NULL) {
        list = g_ptr_array_new();
        g_hash_table_insert(table, key, list);
    }
    g_ptr_array_add(list, item);
}

static void list_remove(GHashTable *table, const char *key, void *item)
{
    GPtrArray *list = g_hash_table_lookup(table, key);
    if (list != NULL && g_ptr_array_remove_fast(list, item) && list->len == 0) {
        g_hash_table_remove(table, key);
    }
}

static void free_list(void *list)
{
    g_ptr_array_unref(list);
}

/* ---- fields and buckets ---- */

static void field_free(void *data)
{
    struct field *f = data;
    g_hash_table_unref(f->texts);
    ranges_free(f->ranges);
    g_hash_table_unref(f->all);
    g_free(f);
}

static struct field *field_new(const char *attribute)
{
    struct field *f = g_new0(struct field, 1);
    f->attribute = attribute;
    f->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_list);
    f->ranges = ranges_new();
    f->all = g_hash_table_new(NULL, NULL);
    return f;
}

static void field_add(struct field *f, const struct q_need *need, void *item)
{
    for (const char *const *t = need->texts; t != NULL && *t != NULL; t++) {
        list_add(f->texts, g_strdup(*t), item);
    }
    if (need->texts == NULL) {
        ranges_add(f->ranges, need->low, need->high, item);
    }
    g_hash_table_add(f->all, item);
}

static void field_remove(struct field *f, const struct q_need *need, void *item)
{
    for (const char *const *t = need->texts; t != NULL && *t != NULL; t++) {
        list_remove(f->texts, *t, item);
    }
    if (need->texts == NULL) {
        ranges_remove(f->ranges, need->low, need->high, item);
    }
    g_hash_table_remove(f->all, item);
}

static void bucket_free(void *data)
{
    struct bucket *b = data;
    g_hash_table_unref(b->fields);
    g_hash_table_unref(b->watched);
    g_ptr_array_unref(b->rest);
    g_free(b);
}

static struct bucket *bucket_new(void)
{
    struct bucket *b = g_new0(struct bucket, 1);
    b->fields = g_hash_table_new_full(NULL, NULL, NULL, field_free);
    b->watched = g_hash_table_new_full(NULL, NULL, NULL, free_list);
    b->rest = g_ptr_array_new();
    return b;
}

/* What all matches have in common besides the type. */
struct place {
    bool by_ids;
    bool by_value;
    struct q_need need;
};

/* Does every selector name ids? */
static bool all_ids(const struct entity_query *q)
{
    for (int i = 0; i < q->selectors_count; i++) {
        if (q->selectors[i].ids_count == 0) {
            return false;
        }
    }
    return q->selectors_count > 0;
}

static struct place place_of(const struct subscription *s, struct arena *a)
{
    static const char *const heads[] = {"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt", NULL};
    struct place p = {.by_ids = all_ids(&s->query)};
    p.by_value = !p.by_ids && s->query.q != NULL && q_need(s->query.q, a, &p.need) &&
                 !g_strv_contains(heads, p.need.attribute);
    return p;
}

static void bucket_add(struct bucket *b, const struct subscription *s, const struct place *p, void *item)
{
    if (p->by_value) {
        const char *attribute = g_intern_string(p->need.attribute);
        struct field *f = g_hash_table_lookup(b->fields, attribute);
        if (f == NULL) {
            f = field_new(attribute);
            g_hash_table_insert(b->fields, (gpointer)attribute, f);
        }
        field_add(f, &p->need, item);
        return;
    }
    for (const char *const *w = s->watched; w != NULL && *w != NULL; w++) {
        const char *attribute = g_intern_string(*w);
        list_add(b->watched, (char *)attribute, item);
    }
    if (s->watched == NULL) {
        g_ptr_array_add(b->rest, item);
    }
}

static void bucket_remove(struct bucket *b, const struct subscription *s, const struct place *p, void *item)
{
    if (p->by_value) {
        const char *attribute = g_intern_string(p->need.attribute);
        struct field *f = g_hash_table_lookup(b->fields, attribute);
        if (f != NULL) {
            field_remove(f, &p->need, item);
        }
        if (f != NULL && g_hash_table_size(f->all) == 0) {
            g_hash_table_remove(b->fields, attribute);
        }
        return;
    }
    for (const char *const *w = s->watched; w != NULL && *w != NULL; w++) {
        list_remove(b->watched, g_intern_string(*w), item);
    }
    if (s->watched == NULL) {
        g_ptr_array_remove_fast(b->rest, item);
    }
}

/* ---- the index ---- */

static void free_values(void *data)
{
    GArray *all = data;
    for (guint i = 0; i < all->len; i++) {
        g_free(g_array_index(all, struct known, i).text);
    }
    g_array_unref(all);
}

struct subscription_index *subscription_index_new(void)
{
    struct subscription_index *x = g_new0(struct subscription_index, 1);
    x->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_list);
    x->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, bucket_free);
    x->any = bucket_new();
    x->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_values);
    return x;
}

void subscription_index_free(struct subscription_index *x)
{
    if (x != NULL) {
        g_hash_table_unref(x->ids);
        g_hash_table_unref(x->types);
        bucket_free(x->any);
        g_hash_table_unref(x->values);
        g_free(x);
    }
}

static struct bucket *bucket_of(struct subscription_index *x, const char *type)
{
    struct bucket *b = g_hash_table_lookup(x->types, type);
    if (b == NULL) {
        b = bucket_new();
        g_hash_table_insert(x->types, g_strdup(type), b);
    }
    return b;
}

static void add_ids(struct subscription_index *x, const struct entity_query *q, void *item, bool add)
{
    for (int i = 0; i < q->selectors_count; i++) {
        for (int k = 0; k < q->selectors[i].ids_count; k++) {
            const char *id = q->selectors[i].ids[k];
            if (add) {
                list_add(x->ids, g_strdup(id), item);
            } else {
                list_remove(x->ids, id, item);
            }
        }
    }
}

void subscription_index_add(struct subscription_index *x, const struct subscription *s, void *item)
{
    arena_auto a = arena_new();
    struct place p = place_of(s, a);
    if (p.by_ids) {
        add_ids(x, &s->query, item, true);
        return;
    }
    for (const char *const *t = s->types; t != NULL && *t != NULL; t++) {
        bucket_add(bucket_of(x, *t), s, &p, item);
    }
    if (s->types == NULL) {
        bucket_add(x->any, s, &p, item);
    }
}

void subscription_index_remove(struct subscription_index *x, const struct subscription *s, void *item)
{
    arena_auto a = arena_new();
    struct place p = place_of(s, a);
    if (p.by_ids) {
        add_ids(x, &s->query, item, false);
        return;
    }
    for (const char *const *t = s->types; t != NULL && *t != NULL; t++) {
        bucket_remove(bucket_of(x, *t), s, &p, item);
    }
    if (s->types == NULL) {
        bucket_remove(x->any, s, &p, item);
    }
}

/* ---- values of entities, remembered ---- */

static struct known known_of(const char *attribute, const struct json *node)
{
    struct known k = {.attribute = attribute, .kind = node == NULL ? KNOWN_NONE : KNOWN_OTHER};
    bool plain = json_is(node, JSON_OBJECT) && json_get(node, "datasetId") == NULL;
    const struct json *value = plain ? instance_value(node) : NULL;
    if (json_is(value, JSON_STRING)) {
        k.kind = KNOWN_TEXT;
        k.text = g_strdup(value->string);
    } else if (value != NULL && json_is_number(value)) {
        k.kind = KNOWN_NUMBER;
        k.number = json_number(value);
    }
    return k;
}

static struct known *known_find(GArray *all, const char *attribute)
{
    for (guint i = 0; all != NULL && i < all->len; i++) {
        struct known *k = &g_array_index(all, struct known, i);
        if (k->attribute == attribute) {
            return k;
        }
    }
    return NULL;
}

/* What a record does to the values that are remembered of its entity. */
static void remember_record(GArray *all, const struct json *record)
{
    const struct json *attrs = json_get(record, "attrs");
    for (guint i = 0; i < all->len; i++) {
        struct known *k = &g_array_index(all, struct known, i);
        const struct json *written = json_get(attrs, k->attribute);
        if (written != NULL && k->kind != KNOWN_OTHER) { /* the other instances of OTHER are still there */
            g_free(k->text);
            *k = known_of(k->attribute, written);
        }
    }
    for (const struct json *g = json_first(json_get(record, "gone")); g != NULL; g = g->next) {
        struct known *k = g->type == JSON_STRING && strchr(g->string, ' ') == NULL
                              ? known_find(all, g_intern_string(g->string))
                              : NULL;
        if (k != NULL && k->kind != KNOWN_OTHER && json_get(attrs, k->attribute) == NULL) {
            g_free(k->text);
            *k = (struct known){.attribute = k->attribute};
        }
    }
}

/* ---- finding ---- */

/* A record being looked up. */
struct search {
    struct subscription_index *index;
    const struct json *record;
    const char *id;
    GArray *values; /* remembered of its entity; NULL = none yet */
    bool deleted;
    bool read; /* the entity has been read */
    const struct json *entity;
    subscription_index_reader reader;
    void *reader_user;
    void (*each)(void *user, void *item);
    void *user;
};

static void give(void *user, void *item)
{
    struct search *s = user;
    s->each(s->user, item);
}

static void give_list(struct search *s, const GPtrArray *list)
{
    for (guint i = 0; list != NULL && i < list->len; i++) {
        s->each(s->user, list->pdata[i]);
    }
}

static void give_all(struct search *s, GHashTable *set)
{
    GHashTableIter i;
    void *item;
    g_hash_table_iter_init(&i, set);
    while (g_hash_table_iter_next(&i, &item, NULL)) {
        s->each(s->user, item);
    }
}

/* The values of the record's entity; those of another are forgotten when there are too many. */
static GArray *values_of(struct search *s)
{
    if (s->values == NULL) {
        if (g_hash_table_size(s->index->values) >= REMEMBERED_ENTITIES) {
            g_hash_table_remove_all(s->index->values);
        }
        s->values = g_array_new(FALSE, FALSE, sizeof(struct known));
        g_hash_table_insert(s->index->values, g_strdup(s->id), s->values);
    }
    return s->values;
}

/* NULL: nothing can be said. */
static const struct known *value_of(struct search *s, const char *attribute)
{
    struct known *k = known_find(s->values, attribute);
    if (k != NULL || s->deleted) {
        return k;
    }
    bool created = json_streq(json_get(s->record, "op"), "create");
    if (!created && !s->read) {
        s->read = true;
        s->entity = s->reader(s->reader_user, s->id);
    }
    const struct json *source = created ? json_get(s->record, "attrs") : s->entity;
    if (source == NULL) {
        return NULL;
    }
    struct known made = known_of(attribute, json_get(source, attribute));
    const struct json *written = json_get(json_get(s->record, "attrs"), attribute);
    if (!created && written != NULL && made.kind != KNOWN_OTHER) { /* it may have been written again since */
        g_free(made.text);
        made = known_of(attribute, written);
    }
    g_array_append_val(values_of(s), made);
    return &g_array_index(s->values, struct known, s->values->len - 1);
}

static void find_field(struct search *s, const struct field *f)
{
    const struct known *k = value_of(s, f->attribute);
    if (k == NULL || k->kind == KNOWN_OTHER) {
        give_all(s, f->all);
    } else if (k->kind == KNOWN_TEXT) {
        give_list(s, g_hash_table_lookup(f->texts, k->text));
    } else if (k->kind == KNOWN_NUMBER) {
        ranges_find(f->ranges, k->number, give, s);
    }
}

static void find_watched(struct search *s, GHashTable *watched, const struct json *names, bool keys)
{
    for (const struct json *n = json_first(names); n != NULL; n = n->next) {
        g_autofree char *gone =
            keys || n->type != JSON_STRING ? NULL : g_strndup(n->string, strcspn(n->string, " "));
        const char *name = keys ? n->key : gone;
        GQuark known =
            name != NULL ? g_quark_try_string(name) : 0; /* whatever is watched has been interned */
        if (known != 0) {
            give_list(s, g_hash_table_lookup(watched, g_quark_to_string(known)));
        }
    }
}

static void find_bucket(struct search *s, const struct bucket *b)
{
    GHashTableIter i;
    void *f;
    g_hash_table_iter_init(&i, b->fields);
    while (g_hash_table_iter_next(&i, NULL, &f)) {
        find_field(s, f);
    }
    if (g_hash_table_size(b->watched) > 0) {
        find_watched(s, b->watched, json_get(s->record, "attrs"), true);
        find_watched(s, b->watched, json_get(s->record, "gone"), false);
        if (s->deleted) { /* the deletion of an entity concerns whoever watches some of it */
            g_hash_table_iter_init(&i, b->watched);
            while (g_hash_table_iter_next(&i, NULL, &f)) {
                give_list(s, f);
            }
        }
    }
    give_list(s, b->rest);
}

void subscription_index_find(struct subscription_index *x, const struct json *record,
                             subscription_index_reader read, void *reader,
                             void (*each)(void *user, void *item), void *user)
{
    struct search s = {.index = x,
                       .record = record,
                       .id = json_get_string(record, "id"),
                       .deleted = json_streq(json_get(record, "op"), "delete"),
                       .reader = read,
                       .reader_user = reader,
                       .each = each,
                       .user = user};
    if (s.id == NULL || json_get_bool(record, "late", false)) {
        return;
    }
    s.values = g_hash_table_lookup(x->values, s.id);
    if (s.values != NULL && !s.deleted) {
        remember_record(s.values, record);
    }
    give_list(&s, g_hash_table_lookup(x->ids, s.id));
    for (const struct json *t = json_first(json_get(record, "type")); t != NULL; t = t->next) {
        const struct bucket *b = t->type == JSON_STRING ? g_hash_table_lookup(x->types, t->string) : NULL;
        if (b != NULL) {
            find_bucket(&s, b);
        }
    }
    find_bucket(&s, x->any);
    if (s.deleted) {
        g_hash_table_remove(x->values, s.id);
    }
}
