/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a validated fragment to an entity and appends the record of what changed to the log. */
#include "context/entity/write.h"

#include "base/limits.h"
#include "context/entity/digest.h"
#include "context/entity/gone.h"
#include "context/entity/writing.h"

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
        w->changed |= STORE_TYPES | ENTITY_SHAPE;
        w->touched = true;
    }
}

static void apply_scope(struct writing *w, const struct json *given)
{
    const struct json *old = json_getn(w->next, "scope", 5);
    if (old == NULL && w->entry->entity != NULL && (w->how->flags & WRITE_KEEP_NO_SCOPE) != 0) {
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

/* A time in microseconds, or null: the entity no longer expires. */
static void apply_expiry(struct writing *w, const struct json *given)
{
    const struct json *old = json_getn(w->next, "expiresAt", 9);
    if ((old != NULL && (json_equal(old, given) || w->how->mode == CONTEXT_APPEND)) ||
        (old == NULL && given->type == JSON_NULL)) {
        return;
    }
    if (given->type == JSON_NULL) {
        json_remove(w->next, "expiresAt");
    } else {
        json_set(w->arena, w->next, "expiresAt", json_copy(w->arena, given));
    }
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
            writing_note(w, &w->gone, m, NULL);
            for (const struct json *i = instance_first(m); i != NULL; i = instance_next(m, i)) {
                writing_collect(w, &w->ended, m, i);
            }
            json_remove(w->next, m->key);
            w->changed |= strcmp(m->key, "location") == 0 ? STORE_BOX : 0;
        }
    }
    if (json_get(old, "scope") != NULL && json_get(fragment, "scope") == NULL) {
        json_remove(w->next, "scope");
        w->changed |= STORE_SCOPES;
        w->touched = true;
    }
    if (json_get(old, "expiresAt") != NULL && json_get(fragment, "expiresAt") == NULL) {
        json_remove(w->next, "expiresAt");
        w->touched = true;
    }
    w->cursor = w->next->first;
}

static bool apply_members(struct writing *w, const struct json *fragment)
{
    const struct json *types = json_getn(fragment, "type", 4);
    const struct json *scopes = json_getn(fragment, "scope", 5);
    const struct json *expires = json_getn(fragment, "expiresAt", 9);
    if (types != NULL) {
        apply_types(w, types);
    }
    if (scopes != NULL) {
        apply_scope(w, scopes);
    }
    if (expires != NULL) {
        apply_expiry(w, expires);
    }
    for (const struct json *m = fragment->first; m != NULL; m = m->next) {
        if (entity_is_attribute(m) && !writing_attribute(w, m)) {
            return false;
        }
    }
    return true;
}

/* ---- the record ---- */

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

/* The first change of an entity's scopes tells what they were before, for the history. */
static bool log_scopes(struct writing *w, GString *out, bool created)
{
    static const char seen[] = "history.scope";
    const char *id = w->entry->id;
    const struct json *scopes = json_getn(w->next, "scope", 5);
    const struct json *old = json_get(w->entry->entity, "scope");
    const char *value;
    size_t length;
    arena_auto a = arena_new();
    if (created || (w->changed & STORE_SCOPES) == 0) {
        return true;
    }
    record_member(out, "scope", scopes != NULL ? scopes : json_array(a));
    if (view_kv_get(txn_view(w->txn), a, seen, id, strlen(id), &value, &length)) {
        return true;
    }
    record_member(out, "scopeBefore", old);
    record_member(out, "scopeSince", json_get(w->entry->entity, "createdAt"));
    return txn_kv_put(w->txn, seen, id, strlen(id), "", 0, w->e);
}

static bool log_change(struct writing *w, bool created)
{
    GString *out = entity_cache_text(w->cache);
    const struct json *types = json_getn(w->next, "type", 4);
    record_start(out, created ? "create" : "update", w->entry->id, types, w->now);
    record_attrs(out, &w->attrs);
    entity_cache_keep_texts(w->cache, out->str, &w->attrs);
    record_member(out, "gone", w->gone);
    record_member(out, "same", w->same);
    record_ended(out, &w->ended);
    if (!created) {
        record_member(out, "made", w->made);
    }
    if (!created && record_before_needed()) {
        record_before(out, w->entry->entity, &w->attrs, w->gone);
    }
    digest_entity(out, w->next);
    if (!log_scopes(w, out, created) || !check_size(w, out->len)) {
        return false;
    }
    w->result->seq = record_end(w->txn, out, w->how->by);
    return true;
}

static void log_late(struct writing *w)
{
    GString *out = entity_cache_text(w->cache);
    record_start(out, "update", w->entry->id, json_getn(w->entry->entity, "type", 4), w->now);
    record_attrs(out, &w->late);
    g_string_append(out, ",\"late\":true");
    w->result->seq = record_end(w->txn, out, w->how->by);
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
        writing_settle_times(w, modified->integer);
        modified->integer = w->now;
        if (!log_change(w, created)) {
            return false;
        }
        bool reshaped = w->gone != NULL || w->made != NULL;
        entity_cache_set(w->cache, w->entry, w->next, w->changed | (reshaped ? ENTITY_SHAPE : 0));
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

/* ---- copying ---- */

/* What the entity has and the version there has not is added to next and noted for the record. */
static void copy_members(struct writing *w, const struct json *entity, bool attributes)
{
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        if (json_getn(w->next, m->key, m->key_length) != NULL) {
            continue;
        }
        struct json *copy = json_copy(w->arena, m);
        copy->key = arena_strndup(w->arena, m->key, m->key_length);
        copy->key_length = m->key_length;
        json_append(w->next, copy);
        for (const struct json *i = attributes && entity_is_attribute(m) ? instance_first(copy) : NULL;
             i != NULL; i = instance_next(copy, i)) {
            writing_collect(w, &w->attrs, copy, i);
        }
    }
}

bool entity_copy(struct txn *t, const struct json *entity, bool attributes, const char *by, struct error *e)
{
    struct entity_cache *cache = entity_cache_of(t);
    struct cached_entity *entry = entity_cache_find(cache, t, json_get_string(entity, "id"), e);
    if (entry == NULL) {
        return false;
    }
    struct write how = {.by = by};
    struct write_result result = {0};
    struct arena *a = entity_cache_arena(cache);
    struct writing w = {.cache = cache,
                        .txn = t,
                        .arena = a,
                        .entry = entry,
                        .how = &how,
                        .result = &result,
                        .result_arena = a,
                        .now = txn_now(t),
                        .next = entry->entity != NULL ? json_copy(a, entry->entity) : json_object(a),
                        .e = e};
    uint32_t before = w.next->length;
    copy_members(&w, entity, attributes);
    if (w.next->length == before) {
        return true;
    }
    if (!log_change(&w, entry->entity == NULL)) {
        return false;
    }
    entity_cache_set(cache, entry, w.next, STORE_INDEX_ALL | ENTITY_SHAPE);
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
    if (!gone_put(t, old, txn_now(t), e) || !entity_cache_delete(t, entry, e)) {
        return false;
    }
    GString *out = entity_cache_text(cache);
    record_start(out, "delete", id, json_get(old, "type"), txn_now(t));
    record_all_ended(out, old);
    record_member(out, "was", record_before_needed() ? old : NULL);
    uint64_t record = record_end(t, out, how->by);
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

void write_add_deletion(struct arena *a, struct json *list, const char *dataset)
{
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, "Property"));
    json_add(instance, "value", json_string(a, NGSI_NULL));
    if (dataset != NULL) {
        json_add(instance, "datasetId", json_string(a, dataset));
    }
    json_append(list, instance);
}

/* … and for every instance of an attribute. */
static void add_deletions(struct arena *a, struct json *fragment, const struct json *attribute)
{
    struct json *list = json_add(fragment, arena_strdup(a, attribute->key), json_array(a));
    for (const struct json *i = instance_first(attribute); i != NULL; i = instance_next(attribute, i)) {
        write_add_deletion(a, list, dataset_of(i));
    }
}

bool attributes_delete(struct txn *t, const char *id, const char *const *names, bool others,
                       const struct write *how, struct error *e)
{
    struct entity_cache *cache = entity_cache_of(t);
    struct arena *a = entity_cache_arena(cache);
    struct cached_entity *entry = entity_cache_find(cache, t, id, e);
    if (entry == NULL) {
        return false;
    }
    struct json *fragment = json_object(a);
    json_add(fragment, "id", json_string(a, id));
    for (const struct json *m = json_first(entry->entity); m != NULL; m = m->next) {
        bool named = g_strv_contains(names, m->key);
        if (entity_is_attribute(m) && named != others) {
            add_deletions(a, fragment, m);
        } else if (!others && named && strcmp(m->key, "scope") == 0) {
            json_add(fragment, "scope", json_array(a));
        }
    }
    struct write deletion = *how;
    deletion.mode = CONTEXT_UPDATE;
    deletion.flags = CONTEXT_MUST_EXIST;
    struct write_result result;
    return entity_write(t, a, fragment, &deletion, &result, e);
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
    const struct json *old = json_get(entry->entity, name);
    if (all && old != NULL) {
        add_deletions(a, fragment, old);
    } else {
        write_add_deletion(a, json_add(fragment, arena_strdup(a, name), json_array(a)), all ? NULL : dataset);
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
