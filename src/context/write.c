/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a validated fragment to an entity and appends the record of what changed to the log. */
#include "context/write.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/digest.h"
#include "context/entity.h"
#include "context/entity_cache.h"
#include "context/merge.h"

/* Instances for the record, in the order in which they were written; those of one attribute come in a row. */
struct written {
    const struct json *named; /* the attribute */
    const struct json *instance;
    struct written *next;
};
struct written_list {
    struct written *first, *last;
    int count;
};

/* One write while it is being worked out. Nothing of it is seen before finish(). */
struct writing {
    struct entity_cache *cache;
    struct txn *txn;
    struct arena *arena; /* the cache's */
    struct cached_entity *entry;
    const struct write *how;
    struct write_result *result;
    struct arena *result_arena;
    instant now;
    struct json *next;         /* the new version */
    struct json *cursor;       /* where the next attribute is looked for first: they come in the same order */
    struct written_list attrs; /* what the record will say */
    struct written_list late;  /* values older than the current ones, for the history only */
    struct json *gone;         /* array of names */
    struct json *made;         /* array of names of attributes that were not there before */
    int changed;               /* STORE_… */
    bool touched;              /* type or scope changed */
    struct error *e;
};

static const char *dataset_of(const struct json *instance)
{
    const struct json *d = json_getn(instance, "datasetId", 9);
    return json_is(d, JSON_STRING) ? d->string : NULL;
}

/* The member of the new version called as given is, from where the last one was found. */
static struct json *find_member(struct writing *w, const struct json *given)
{
    for (struct json *m = w->cursor; m != NULL; m = m->next) {
        if (m->key_length == given->key_length && memcmp(m->key, given->key, m->key_length) == 0) {
            w->cursor = m->next;
            return m;
        }
    }
    return json_getn(w->next, given->key, given->key_length);
}

/* ---- one instance ---- */

static bool is_older(const struct json *given, const struct json *old)
{
    const struct json *x = json_getn(given, "observedAt", 10);
    const struct json *y = json_getn(old, "observedAt", 10);
    instant tx, ty;
    if (!json_is(x, JSON_STRING) || !json_is(y, JSON_STRING) ||
        (x->length == y->length && memcmp(x->string, y->string, x->length) >= 0)) {
        return false;
    }
    return instant_parse(x->string, x->length, NULL, &tx) && instant_parse(y->string, y->length, NULL, &ty) &&
           tx < ty;
}

static bool is_time(const struct json *m)
{
    return (m->key_length == 9 && memcmp(m->key, "createdAt", 9) == 0) ||
           (m->key_length == 10 && memcmp(m->key, "modifiedAt", 10) == 0);
}

/* Equal but for createdAt and modifiedAt. */
static bool same_instance(const struct json *given, const struct json *old)
{
    uint32_t times = 0;
    for (const struct json *m = old->first; m != NULL; m = m->next) {
        const struct json *other = is_time(m) ? NULL : json_getn(given, m->key, m->key_length);
        if (is_time(m)) {
            times++;
        } else if (other == NULL || !json_equal(m, other)) {
            return false;
        }
    }
    return given->length + times == old->length;
}

/* Sets the times of a new instance, whose predecessor is old or NULL. */
static void stamp(struct writing *w, struct json *instance, const struct json *old)
{
    const struct json *created = json_getn(old, "createdAt", 9);
    json_add(instance, "createdAt", json_int(w->arena, created != NULL ? created->integer : w->now));
    json_add(instance, "modifiedAt", json_int(w->arena, w->now));
}

static void collect(struct writing *w, struct written_list *list, const struct json *named,
                    const struct json *instance)
{
    struct written *one = arena_alloc(w->arena, sizeof *one);
    *one = (struct written){named, instance, NULL};
    if (list->first == NULL) {
        list->first = one;
    } else {
        list->last->next = one;
    }
    list->last = one;
    list->count++;
}

static void note(struct writing *w, struct json **list, const struct json *named, const char *dataset)
{
    if (*list == NULL) {
        *list = json_array(w->arena);
    }
    json_append(*list, dataset != NULL ? json_printf(w->arena, "%s %s", named->key, dataset)
                                       : json_stringn(w->arena, named->key, named->key_length));
}

/* ---- one attribute ---- */

/* The instances that an attribute will have. */
struct instances {
    struct json **items;
    int count;
    bool changed;
};

static int find_instance(const struct instances *all, const char *dataset)
{
    for (int i = 0; i < all->count; i++) {
        if (g_strcmp0(dataset_of(all->items[i]), dataset) == 0) {
            return i;
        }
    }
    return -1;
}

static struct json *make_instance(struct writing *w, const struct json *old, const struct json *given)
{
    if (w->how->mode == CONTEXT_MERGE) {
        return instance_merge(w->arena, old, given, (w->how->flags & WRITE_PARTIAL) != 0, w->e);
    }
    bool lasting = (w->how->flags & CONTEXT_LASTING) != 0 && json_getn(given, "type", 4) != NULL;
    if (lasting && instance_value(given) != NULL) {
        return json_alias(w->arena, given);
    }
    return instance_copy(w->arena, given, w->e);
}

static bool missing_instance(struct writing *w, const struct json *named)
{
    return error_set(w->e, ERROR_NOT_FOUND, "The entity %s has no such attribute or instance: %s",
                     "实体 %s 没有该属性或实例：%s", w->entry->id, named->key);
}

static void skip(struct writing *w, const struct json *named)
{
    if (w->result->skipped == NULL) {
        w->result->skipped = json_array(w->result_arena);
    }
    json_append(w->result->skipped, json_stringn(w->result_arena, named->key, named->key_length));
}

static bool apply_instance(struct writing *w, const struct json *named, struct instances *all,
                           const struct json *given)
{
    const char *dataset = dataset_of(given);
    int at = find_instance(all, dataset);
    struct json *old = at >= 0 ? all->items[at] : NULL;
    if (old == NULL && (w->how->flags & WRITE_INSTANCE_EXISTS) != 0) {
        return missing_instance(w, named);
    }
    if (instance_is_null(given)) {
        if (old != NULL) {
            note(w, &w->gone, named, dataset);
            all->items[at] = all->items[--all->count];
            all->changed = true;
        }
        return true;
    }
    if (old != NULL && w->how->mode == CONTEXT_APPEND) {
        skip(w, named);
        return true;
    }
    if (old != NULL && (w->how->flags & CONTEXT_KEEP_NEWER) != 0 && is_older(given, old)) {
        struct json *late = make_instance(w, NULL, given);
        if (late != NULL) {
            collect(w, &w->late, named, late);
        }
        return late != NULL;
    }
    if (old != NULL && (w->how->flags & CONTEXT_SKIP_EQUAL) != 0 && same_instance(given, old)) {
        return true;
    }
    struct json *made = make_instance(w, old, given);
    if (made == NULL) {
        error_prefix(w->e, "%s", named->key);
        return false;
    }
    collect(w, &w->attrs, named, made);
    stamp(w, made, old);
    all->items[at >= 0 ? at : all->count++] = made;
    all->changed = true;
    return true;
}

/* Makes slot (a node of the new version) hold these instances; an array when there are several. */
static void store_instances(struct writing *w, struct json *slot, const struct instances *all)
{
    struct json *next = slot->next;
    const char *key = slot->key;
    uint32_t key_length = slot->key_length;
    if (all->count == 1) {
        *slot = *all->items[0];
    } else {
        struct json *array = json_array(w->arena);
        for (int i = 0; i < all->count; i++) {
            struct json *item = json_alias(w->arena, all->items[i]);
            item->key = NULL;
            item->key_length = 0;
            json_append(array, item);
        }
        *slot = *array;
    }
    slot->next = next;
    slot->key = key;
    slot->key_length = key_length;
}

/* CONTEXT_REPLACE: instances that are not given are gone. */
static void drop_instances(struct writing *w, const struct json *given, struct instances *all)
{
    for (int i = all->count - 1; i >= 0; i--) {
        const char *dataset = dataset_of(all->items[i]);
        if (instance_find(given, dataset) == NULL) {
            note(w, &w->gone, given, dataset);
            all->items[i] = all->items[--all->count];
            all->changed = true;
        }
    }
}

static bool apply_attribute(struct writing *w, const struct json *given)
{
    struct json *slot = find_member(w, given);
    uint32_t most = (slot != NULL && slot->type == JSON_ARRAY ? slot->length : 1) +
                    (given->type == JSON_ARRAY ? given->length : 1);
    struct instances all = {arena_alloc(w->arena, most * sizeof(struct json *)), 0, false};
    for (const struct json *i = slot != NULL ? instance_first(slot) : NULL; i != NULL;
         i = instance_next(slot, i)) {
        all.items[all.count++] = (struct json *)i;
    }
    if (slot != NULL && all.count == 1) { /* the slot itself is overwritten below */
        all.items[0] = json_alias(w->arena, all.items[0]);
    }
    const struct json *before = all.count == 1 ? instance_value(all.items[0]) : NULL;
    for (const struct json *i = instance_first(given); i != NULL; i = instance_next(given, i)) {
        if (!apply_instance(w, given, &all, i)) {
            return false;
        }
    }
    if (slot != NULL && w->how->mode == CONTEXT_REPLACE) {
        drop_instances(w, given, &all);
    }
    if (!all.changed) {
        return true;
    }
    if (given->key_length == 8 && memcmp(given->key, "location", 8) == 0 &&
        (all.count != 1 || before == NULL || !json_equal(before, instance_value(all.items[0])))) {
        w->changed |= STORE_BOX; /* it has moved */
    }
    if (all.count == 0) {
        json_remove(w->next, given->key);
        w->cursor = NULL;
        return true;
    }
    if (slot == NULL) {
        slot = json_null(w->arena);
        slot->key = arena_strndup(w->arena, given->key, given->key_length);
        slot->key_length = given->key_length;
        json_append(w->next, slot);
        note(w, &w->made, given, NULL);
        w->cursor = NULL;
    }
    store_instances(w, slot, &all);
    return true;
}

/* ---- the entity ---- */

static bool contains(const struct json *array, const struct json *text)
{
    for (const struct json *c = json_first(array); c != NULL; c = c->next) {
        if (json_equal(c, text)) {
            return true;
        }
    }
    return false;
}

/* The members of array and those of more that are not in it, as a new array. */
static struct json *united(struct writing *w, const struct json *array, const struct json *more)
{
    struct json *out = json_array(w->arena);
    for (const struct json *c = json_first(array); c != NULL; c = c->next) {
        json_append(out, json_alias(w->arena, c));
    }
    for (const struct json *c = json_first(more); c != NULL; c = c->next) {
        if (!contains(array, c)) {
            json_append(out, json_copy(w->arena, c));
        }
    }
    return out;
}

static void apply_types(struct writing *w, const struct json *given)
{
    const struct json *old = json_getn(w->next, "type", 4);
    bool replace = w->how->mode == CONTEXT_REPLACE || old == NULL;
    struct json *types = replace ? json_copy(w->arena, given) : united(w, old, given);
    if (old == NULL || !json_equal(old, types)) {
        json_set(w->arena, w->next, "type", types);
        w->changed |= STORE_TYPES;
        w->touched = true;
    }
}

static void apply_scope(struct writing *w, const struct json *given)
{
    const struct json *old = json_getn(w->next, "scope", 5);
    if (old == NULL && (w->how->flags & WRITE_KEEP_NO_SCOPE) != 0) {
        return;
    }
    struct json *scopes = w->how->mode == CONTEXT_APPEND ? united(w, old, given) : json_copy(w->arena, given);
    if (scopes->length == 0 ? old == NULL : old != NULL && json_equal(old, scopes)) {
        return;
    }
    if (scopes->length == 0) {
        json_remove(w->next, "scope");
    } else {
        json_set(w->arena, w->next, "scope", scopes);
    }
    w->changed |= STORE_SCOPES;
    w->touched = true;
}

/* The start of the new version: a list of its own with the members of the old one. */
static void start_version(struct writing *w)
{
    const struct json *old = w->entry->entity;
    struct json *copies = arena_alloc(w->arena, (old->length + 1) * sizeof *copies);
    struct json *next = json_alias(w->arena, old);
    uint32_t n = 0;
    for (const struct json *m = old->first; m != NULL; m = m->next, n++) {
        copies[n] = *m;
        copies[n].next = &copies[n + 1];
    }
    copies[n - 1].next = NULL;
    next->first = copies;
    next->last = &copies[n - 1];
    w->next = next;
    w->cursor = next->first;
}

static void start_entity(struct writing *w)
{
    w->next = json_object(w->arena);
    json_add(w->next, "id", json_string(w->arena, w->entry->id));
    json_add(w->next, "createdAt", json_int(w->arena, w->now));
    json_add(w->next, "modifiedAt", json_int(w->arena, w->now));
    w->changed = STORE_INDEX_ALL;
}

/* CONTEXT_REPLACE: what the fragment does not bring is gone. */
static void drop_the_rest(struct writing *w, const struct json *fragment)
{
    const struct json *old = w->entry->entity;
    for (const struct json *m = old->first; m != NULL; m = m->next) {
        if (entity_is_attribute(m) && json_getn(fragment, m->key, m->key_length) == NULL) {
            note(w, &w->gone, m, NULL);
            json_remove(w->next, m->key);
            w->changed |= strcmp(m->key, "location") == 0 ? STORE_BOX : 0;
        }
    }
    if (json_get(old, "scope") != NULL && json_get(fragment, "scope") == NULL) {
        json_remove(w->next, "scope");
        w->changed |= STORE_SCOPES;
        w->touched = true;
    }
    w->cursor = w->next->first;
}

static bool apply_members(struct writing *w, const struct json *fragment)
{
    const struct json *types = json_getn(fragment, "type", 4);
    const struct json *scopes = json_getn(fragment, "scope", 5);
    if (types != NULL) {
        apply_types(w, types);
    }
    if (scopes != NULL) {
        apply_scope(w, scopes);
    }
    for (const struct json *m = fragment->first; m != NULL; m = m->next) {
        if (entity_is_attribute(m) && !apply_attribute(w, m)) {
            return false;
        }
    }
    return true;
}

/* ---- the record ---- */

static void write_member(GString *out, const char *name, const struct json *value)
{
    if (value != NULL) {
        g_string_append_printf(out, ",\"%s\":", name);
        json_write(out, value);
    }
}

static void start_record(GString *out, const char *op, const char *id, const struct json *types, instant now)
{
    g_string_append(out, "{\"op\":\"");
    g_string_append(out, op);
    g_string_append(out, "\",\"id\":");
    json_write_string(out, id, strlen(id));
    write_member(out, "type", types);
    g_string_append_printf(out, ",\"at\":%" PRId64, now);
}

static uint64_t end_record(struct txn *t, GString *out, const char *by)
{
    if (by != NULL) {
        g_string_append(out, ",\"by\":");
        json_write_string(out, by, strlen(by));
    }
    g_string_append_c(out, '}');
    return txn_log(t, out->str, out->len);
}

/* An instance without createdAt and modifiedAt. */
static void write_instance(GString *out, const struct json *instance)
{
    char before = '{';
    for (const struct json *m = instance->first; m != NULL; m = m->next) {
        if (!is_time(m)) {
            g_string_append_c(out, before);
            json_write_string(out, m->key, m->key_length);
            g_string_append_c(out, ':');
            json_write(out, m);
            before = ',';
        }
    }
    g_string_append_c(out, '}');
}

static void write_attrs(GString *out, const struct written_list *list)
{
    g_string_append(out, ",\"attrs\":{");
    for (const struct written *w = list->first, *next; w != NULL; w = next) {
        if (w != list->first) {
            g_string_append_c(out, ',');
        }
        json_write_string(out, w->named->key, w->named->key_length);
        g_string_append_c(out, ':');
        bool several = w->next != NULL && w->next->named == w->named;
        for (next = w; next != NULL && next->named == w->named; next = next->next) {
            if (several) {
                g_string_append_c(out, next == w ? '[' : ',');
            }
            write_instance(out, next->instance);
        }
        if (several) {
            g_string_append_c(out, ']');
        }
    }
    g_string_append_c(out, '}');
}

/* Refuses an entity that has grown too long. size is a cheap upper bound; only beyond it the text is counted.
 */
static bool check_size(struct writing *w, size_t added)
{
    enum { TIMES = 64 }; /* bytes of createdAt and modifiedAt */
    size_t size = w->entry->size + added + (size_t)(w->attrs.count * TIMES);
    if (w->next->length > LIMIT_ATTRIBUTES + 5) {
        return error_set(w->e, ERROR_BAD_REQUEST_DATA, "The entity %s would have more than %d attributes",
                         "实体 %s 的属性将超过 %d 个", w->entry->id, LIMIT_ATTRIBUTES);
    }
    if (size > LIMIT_ENTITY) {
        g_autoptr(GString) text = g_string_new(NULL);
        json_write(text, w->next);
        size = text->len;
    }
    if (size > LIMIT_ENTITY) {
        return error_set(w->e, ERROR_TOO_LARGE, "The entity %s would be longer than %d bytes",
                         "实体 %s 将超过 %d 字节", w->entry->id, LIMIT_ENTITY);
    }
    w->entry->size = size;
    return true;
}

static bool log_change(struct writing *w, bool created)
{
    GString *out = entity_cache_text(w->cache);
    const struct json *types = json_getn(w->next, "type", 4);
    start_record(out, created ? "create" : "update", w->entry->id, types, w->now);
    write_attrs(out, &w->attrs);
    write_member(out, "gone", w->gone);
    if (!created) {
        write_member(out, "made", w->made);
    }
    digest_entity(out, w->next);
    if (!check_size(w, out->len)) {
        return false;
    }
    w->result->seq = end_record(w->txn, out, w->how->by);
    return true;
}

static void log_late(struct writing *w)
{
    GString *out = entity_cache_text(w->cache);
    start_record(out, "update", w->entry->id, json_getn(w->entry->entity, "type", 4), w->now);
    write_attrs(out, &w->late);
    g_string_append(out, ",\"late\":true");
    w->result->seq = end_record(w->txn, out, w->how->by);
}

/* ---- all of it ---- */

static bool not_found(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no entity %s", "没有实体 %s", id);
}

/* Is there what the write needs to be there? */
static bool check_existence(struct writing *w, const struct json *fragment)
{
    const struct json *old = w->entry->entity;
    if (old == NULL && (w->how->flags & CONTEXT_MUST_EXIST) != 0) {
        return not_found(w->entry->id, w->e);
    }
    if (old == NULL && json_get(fragment, "type") == NULL) {
        return error_set(w->e, ERROR_BAD_REQUEST_DATA, "The entity %s does not exist yet, so it needs a type",
                         "实体 %s 尚不存在，需要给出 type", w->entry->id);
    }
    if (old != NULL && w->how->mode == CONTEXT_CREATE) {
        return error_set(w->e, ERROR_ALREADY_EXISTS, "The entity %s exists already", "实体 %s 已经存在",
                         w->entry->id);
    }
    if (old != NULL && w->how->type != NULL && !type_query_matches(w->how->type, json_get(old, "type"))) {
        return not_found(w->entry->id, w->e);
    }
    return true;
}

static bool finish(struct writing *w)
{
    bool created = w->entry->entity == NULL;
    if (created || w->attrs.first != NULL || w->gone != NULL || w->touched) {
        struct json *modified = json_get(w->next, "modifiedAt");
        if (modified != NULL) {
            modified->integer = w->now;
        }
        if (!log_change(w, created)) {
            return false;
        }
        entity_cache_set(w->cache, w->entry, w->next, w->changed);
        w->result->created = created;
    }
    if (w->late.first != NULL) {
        log_late(w);
    }
    return true;
}

bool entity_write(struct txn *t, struct arena *a, struct json *fragment, const struct write *how,
                  struct write_result *result, struct error *e)
{
    const char *id = json_get_string(fragment, "id");
    g_assert(id != NULL);
    *result = (struct write_result){0};
    struct entity_cache *cache = entity_cache_of(t);
    struct cached_entity *entry = entity_cache_find(cache, t, id, e);
    if (entry == NULL) {
        return false;
    }
    struct writing w = {.cache = cache,
                        .txn = t,
                        .arena = entity_cache_arena(cache),
                        .entry = entry,
                        .how = how,
                        .result = result,
                        .result_arena = a,
                        .now = txn_now(t),
                        .e = e};
    if (!check_existence(&w, fragment)) {
        return false;
    }
    if (entry->entity == NULL) {
        start_entity(&w);
    } else {
        start_version(&w);
        if (how->mode == CONTEXT_REPLACE) {
            drop_the_rest(&w, fragment);
        }
    }
    return apply_members(&w, fragment) && finish(&w);
}

bool context_write(struct txn *t, struct arena *a, struct json *fragment, enum context_mode mode, int flags,
                   const char *by, uint64_t *seq, struct error *e)
{
    struct write how = {.mode = mode, .flags = flags, .by = by};
    struct write_result result;
    if (!entity_write(t, a, fragment, &how, &result, e)) {
        return false;
    }
    if (seq != NULL) {
        *seq = result.seq;
    }
    return true;
}

/* ---- deleting ---- */

bool entity_delete(struct txn *t, const char *id, const struct write *how, uint64_t *seq, struct error *e)
{
    struct entity_cache *cache = entity_cache_of(t);
    struct cached_entity *entry = entity_cache_find(cache, t, id, e);
    if (entry == NULL) {
        return false;
    }
    const struct json *old = entry->entity;
    if (old == NULL || (how->type != NULL && !type_query_matches(how->type, json_get(old, "type")))) {
        return not_found(id, e);
    }
    if (!entity_cache_delete(t, entry, e)) {
        return false;
    }
    GString *out = entity_cache_text(cache);
    start_record(out, "delete", id, json_get(old, "type"), txn_now(t));
    uint64_t record = end_record(t, out, how->by);
    if (seq != NULL) {
        *seq = record;
    }
    return true;
}

bool context_delete(struct txn *t, const char *id, const char *by, uint64_t *seq, struct error *e)
{
    struct write how = {.by = by};
    return entity_delete(t, id, &how, seq, e);
}

/* A fragment that holds the NGSI-LD Null for one instance. */
static void add_deletion(struct arena *a, struct json *list, const char *dataset)
{
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, "Property"));
    json_add(instance, "value", json_string(a, NGSI_NULL));
    if (dataset != NULL) {
        json_add(instance, "datasetId", json_string(a, dataset));
    }
    json_append(list, instance);
}

bool attribute_delete(struct txn *t, const char *id, const char *name, const char *dataset, bool all,
                      const struct write *how, uint64_t *seq, struct error *e)
{
    struct entity_cache *cache = entity_cache_of(t);
    struct arena *a = entity_cache_arena(cache);
    struct cached_entity *entry = entity_cache_find(cache, t, id, e);
    if (entry == NULL) {
        return false;
    }
    struct json *fragment = json_object(a);
    json_add(fragment, "id", json_string(a, id));
    struct json *list = json_add(fragment, arena_strdup(a, name), json_array(a));
    const struct json *old = json_get(entry->entity, name);
    for (const struct json *i = all && old != NULL ? instance_first(old) : NULL; i != NULL;
         i = instance_next(old, i)) {
        add_deletion(a, list, dataset_of(i));
    }
    if (list->first == NULL) {
        add_deletion(a, list, all ? NULL : dataset);
    }
    struct write deletion = *how;
    deletion.mode = CONTEXT_UPDATE;
    deletion.flags = CONTEXT_MUST_EXIST | WRITE_INSTANCE_EXISTS;
    struct write_result result;
    if (!entity_write(t, a, fragment, &deletion, &result, e)) {
        return false;
    }
    if (seq != NULL) {
        *seq = result.seq;
    }
    return true;
}
