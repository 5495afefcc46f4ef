/* SPDX-License-Identifier: Apache-2.0 */
/* One attribute of a fragment against what the entity has: instance by instance. */
#include "context/entity/merge.h"
#include "context/entity/writing.h"

const char *dataset_of(const struct json *instance)
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

/* Equal but for createdAt and modifiedAt. */
static bool same_instance(const struct json *given, const struct json *old)
{
    uint32_t times = 0;
    for (const struct json *m = old->first; m != NULL; m = m->next) {
        const struct json *other = is_time_member(m) ? NULL : json_getn(given, m->key, m->key_length);
        if (is_time_member(m)) {
            times++;
        } else if (other == NULL || !json_equal(m, other)) {
            return false;
        }
    }
    return given->length + times == old->length;
}

/* Sets the times of a new instance, whose predecessor is old or NULL; times that are the entity's own are
 * left out. It was modified now, as the entity was: writing_settle_times() sees to the others. */
static void stamp(struct writing *w, struct json *instance, const struct json *old)
{
    const struct json *entity = json_getn(w->next, "createdAt", 9);
    const struct json *created = json_getn(old, "createdAt", 9);
    int64_t at = created != NULL ? created->integer : old != NULL ? entity->integer : w->now;
    if (at != entity->integer) {
        json_add(instance, "createdAt", json_int(w->arena, at));
    }
    instance->line = WRITTEN_NOW;
}

void writing_settle_times(struct writing *w, int64_t modified_before)
{
    for (struct json *m = w->next->first; m != NULL; m = m->next) {
        if (!entity_is_attribute(m)) {
            continue;
        }
        for (const struct json *i = instance_first(m); i != NULL; i = instance_next(m, i)) {
            struct json *instance = (struct json *)i;
            if (instance->line != WRITTEN_NOW && json_getn(instance, "modifiedAt", 10) == NULL) {
                json_add(instance, "modifiedAt", json_int(w->arena, modified_before));
            }
            instance->line = 0;
        }
    }
}

void writing_collect(struct writing *w, struct written_list *list, const struct json *named,
                     const struct json *instance)
{
    struct written *one = arena_alloc(w->arena, sizeof *one);
    *one = (struct written){.named = named, .instance = instance};
    if (list->first == NULL) {
        list->first = one;
    } else {
        list->last->next = one;
    }
    list->last = one;
    list->count++;
}

void writing_note(struct writing *w, struct json **list, const struct json *named, const char *dataset)
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
    bool differs; /* not only written, but with another content */
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

/* A text, or list of texts, without a type that is given for a LanguageProperty is its text in the common
 * language.
 */
static const struct json *in_language(struct writing *w, const struct json *old, const struct json *given)
{
    const struct json *value = instance_value(given);
    bool text =
        json_is(value, JSON_STRING) || (json_is(value, JSON_ARRAY) && json_is(value->first, JSON_STRING));
    if (w->how->lang == NULL || old == NULL || instance_kind(old) != KIND_LANGUAGE || !text ||
        json_getn(given, "type", 4) != NULL) {
        return given;
    }
    struct json *out = json_object(w->arena);
    json_add(out, "type", json_string(w->arena, kind_type(KIND_LANGUAGE)));
    struct json *map = json_add(out, kind_member(KIND_LANGUAGE), json_object(w->arena));
    json_add(map, w->how->lang, json_copy(w->arena, value));
    return out;
}

static struct json *merged(struct writing *w, const struct json *old, const struct json *given)
{
    given = in_language(w, old, given);
    struct json *made = instance_merge(w->arena, old, given, (w->how->flags & WRITE_PARTIAL) != 0, w->e);
    if (made != NULL && w->how->observed != NULL && json_getn(old, "observedAt", 10) != NULL &&
        json_getn(given, "observedAt", 10) == NULL) {
        json_set(w->arena, made, "observedAt", json_string(w->arena, w->how->observed));
    }
    return made;
}

static struct json *make_instance(struct writing *w, const struct json *old, const struct json *given)
{
    if (w->how->mode == CONTEXT_MERGE) {
        return merged(w, old, given);
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
            writing_note(w, &w->gone, named, dataset);
            writing_collect(w, &w->ended, named, old);
            all->items[at] = all->items[--all->count];
            all->changed = all->differs = true;
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
            writing_collect(w, &w->late, named, late);
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
    if (old == NULL || instance_kind(old) != instance_kind(made)) {
        w->changed |= ENTITY_SHAPE;
    }
    writing_collect(w, &w->attrs, named, made);
    all->differs = all->differs || old == NULL || !same_instance(made, old);
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
            writing_note(w, &w->gone, given, dataset);
            writing_collect(w, &w->ended, given, all->items[i]);
            all->items[i] = all->items[--all->count];
            all->changed = all->differs = true;
        }
    }
}

bool writing_attribute(struct writing *w, const struct json *given)
{
    struct json *slot = find_member(w, given);
    uint32_t most = (slot != NULL && slot->type == JSON_ARRAY ? slot->length : 1) +
                    (given->type == JSON_ARRAY ? given->length : 1);
    struct instances all = {arena_alloc(w->arena, most * sizeof(struct json *)), 0, false, false};
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
    if (!all.differs) {
        writing_note(w, &w->same, given, NULL);
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
        writing_note(w, &w->made, given, NULL);
        w->cursor = NULL;
    }
    store_instances(w, slot, &all);
    if (all.count == 1 && w->attrs.last != NULL && w->attrs.last->instance == all.items[0]) {
        w->attrs.last->slot = slot;
    }
    return true;
}
