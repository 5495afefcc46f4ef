/* SPDX-License-Identifier: Apache-2.0 */
/* A job's parsed entities, and how they get to disk. */
#include "context/entity/entity_cache.h"

#include <string.h>

#include "context/entity/entity.h"
#include "context/entity/expiry.h"
#include "context/entity/writing.h"
#include "context/query/indexed.h"
#include "geo/geo.h"

/* The text of an attribute as a record has it. */
struct kept_text {
    const char *text;
    size_t length;
};
enum { FIRST_KEPT = WRITTEN_NOW + 1 };

struct entity_cache {
    struct arena *arena;
    GHashTable *by_id;
    struct cached_entity *first_dirty, **last_dirty;
    GString *text;
    struct shape_tally *shapes;
    GArray *kept; /* of struct kept_text; the first numbers mean something else */
};

static void cache_free(gpointer data)
{
    struct entity_cache *c = data;
    g_hash_table_unref(c->by_id);
    arena_free(c->arena);
    g_string_free(c->text, TRUE);
    shape_tally_free(c->shapes);
    g_array_unref(c->kept);
    g_free(c);
}

/* One cache waits on the writer's thread for the next job. */
static GPrivate spare = G_PRIVATE_INIT(cache_free);

static struct entity_cache *cache_take(void)
{
    struct entity_cache *c = g_private_get(&spare);
    if (c != NULL) {
        g_private_set(&spare, NULL);
        return c;
    }
    c = g_new0(struct entity_cache, 1);
    c->arena = arena_new();
    c->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    c->text = g_string_sized_new(4096);
    c->shapes = shape_tally_new();
    c->kept = g_array_new(FALSE, FALSE, sizeof(struct kept_text));
    return c;
}

static void cache_release(void *data)
{
    struct entity_cache *c = data;
    if (g_private_get(&spare) != NULL || c->text->allocated_len > 4 << 20) {
        cache_free(c);
        return;
    }
    g_hash_table_remove_all(c->by_id);
    shape_tally_clear(c->shapes);
    g_array_set_size(c->kept, 0);
    arena_clear(c->arena);
    g_private_set(&spare, c);
}

static const char **texts_of(struct arena *a, const struct json *array, int *count)
{
    const char **texts = arena_array(a, const char *, array != NULL ? array->length + 1 : 1);
    *count = 0;
    for (const struct json *c = json_first(array); c != NULL; c = c->next) {
        texts[(*count)++] = c->string;
    }
    return texts;
}

static void widen(double box[4], const double more[4])
{
    box[0] = MIN(box[0], more[0]);
    box[1] = MIN(box[1], more[1]);
    box[2] = MAX(box[2], more[2]);
    box[3] = MAX(box[3], more[3]);
}

/* The box around all instances of "location", or NULL. */
static const double *location_box(struct arena *a, const struct json *entity)
{
    const struct json *location = json_get(entity, "location");
    double *box = NULL;
    const struct json *i = location != NULL ? instance_first(location) : NULL;
    for (; i != NULL; i = instance_next(location, i)) {
        const struct json *value = instance_value(i);
        struct geometry *g = json_is(value, JSON_OBJECT) ? geometry_parse(a, value, NULL) : NULL;
        if (g != NULL && box != NULL) {
            widen(box, g->box);
        } else if (g != NULL) {
            box = g->box;
        }
    }
    return box;
}

void entity_cache_keep_texts(struct entity_cache *c, const char *record, const struct written_list *list)
{
    for (const struct written *w = list->first; w != NULL; w = w->next) {
        if (w->slot != NULL && w->length > 0) {
            struct kept_text kept = {arena_strndup(c->arena, record + w->at, w->length), w->length};
            g_array_append_val(c->kept, kept);
            w->slot->line = FIRST_KEPT + c->kept->len - 1;
        }
    }
}

/* As json_write, with the texts that are there already. */
static void write_entity(struct entity_cache *c, GString *out, const struct json *entity)
{
    g_string_append_c(out, '{');
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        if (m != entity->first) {
            g_string_append_c(out, ',');
        }
        json_write_string(out, m->key, m->key_length);
        g_string_append_c(out, ':');
        if (m->line >= FIRST_KEPT && m->line - FIRST_KEPT < c->kept->len && m->type == JSON_OBJECT) {
            const struct kept_text *kept = &g_array_index(c->kept, struct kept_text, m->line - FIRST_KEPT);
            g_string_append_len(out, kept->text, (gssize)kept->length);
        } else {
            json_write(out, m);
        }
    }
    g_string_append_c(out, '}');
}

static bool put(struct entity_cache *c, struct txn *t, struct cached_entity *entry, struct error *e)
{
    struct store_index index = {0};
    g_string_truncate(c->text, 0);
    write_entity(c, c->text, entry->entity);
    if ((entry->changed & STORE_TYPES) != 0) {
        index.types = texts_of(c->arena, json_get(entry->entity, "type"), &index.types_count);
    }
    if ((entry->changed & STORE_SCOPES) != 0) {
        index.scopes = texts_of(c->arena, json_get(entry->entity, "scope"), &index.scopes_count);
    }
    if ((entry->changed & STORE_BOX) != 0) {
        index.box = location_box(c->arena, entry->entity);
    }
    bool transient = expiry_possible(c->text->str, c->text->len);
    if (transient || entry->transient) {
        entry->changed |= STORE_EXPIRY;
        entry->transient = transient;
        index.expires = expiry_of(entry->entity);
    }
    return txn_entity_put(t, &entry->eid, entry->id, c->text->str, c->text->len, &index, entry->changed, e) &&
           indexed_update(t, c->arena, entry->stored, entry->entity, entry->eid, e);
}

static bool flush_one(struct entity_cache *c, struct txn *t, struct cached_entity *entry, struct error *e)
{
    if (!put(c, t, entry, e)) {
        return false;
    }
    if ((entry->changed & ENTITY_SHAPE) != 0) {
        shape_tally_entity(c->shapes, entry->stored, -1);
        shape_tally_entity(c->shapes, entry->entity, 1);
    }
    entry->stored = entry->entity;
    entry->changed = 0;
    return true;
}

static bool cache_flush(struct txn *t, void *data, struct error *e)
{
    struct entity_cache *c = data;
    for (struct cached_entity *entry = c->first_dirty; entry != NULL; entry = entry->next_dirty) {
        if (entry->entity != NULL && !flush_one(c, t, entry, e)) {
            return false;
        }
        entry->dirty = false;
    }
    c->first_dirty = NULL;
    c->last_dirty = &c->first_dirty;
    return shape_tally_write(c->shapes, t, e);
}

struct entity_cache *entity_cache_of(struct txn *t)
{
    struct entity_cache *c = txn_attached(t);
    if (c == NULL) {
        c = cache_take();
        c->first_dirty = NULL;
        c->last_dirty = &c->first_dirty;
        txn_attach(t, c, cache_flush, cache_release);
    }
    return c;
}

struct arena *entity_cache_arena(struct entity_cache *c)
{
    return c->arena;
}

GString *entity_cache_text(struct entity_cache *c)
{
    g_string_truncate(c->text, 0);
    return c->text;
}

struct cached_entity *entity_cache_find(struct entity_cache *c, struct txn *t, const char *id,
                                        struct error *e)
{
    struct cached_entity *entry = g_hash_table_lookup(c->by_id, id);
    struct store_entity row;
    if (entry != NULL) {
        return entry;
    }
    entry = arena_new0(c->arena, struct cached_entity);
    entry->id = arena_strdup(c->arena, id);
    if (view_entity(txn_view(t), c->arena, id, &row)) {
        entry->eid = row.eid;
        entry->size = row.body_length;
        entry->transient = expiry_possible(row.body, row.body_length);
        entry->entity = json_parse(c->arena, row.body, row.body_length, e);
        if (entry->entity == NULL) {
            return NULL;
        }
        entry->stored = entry->entity;
    }
    g_hash_table_insert(c->by_id, (gpointer)entry->id, entry);
    return !entry->transient || expiry_settle(t, entry, e) ? entry : NULL;
}

void entity_cache_set(struct entity_cache *c, struct cached_entity *entry, struct json *version, int changed)
{
    entry->entity = version;
    entry->changed |= entry->eid == 0 ? STORE_INDEX_ALL | ENTITY_SHAPE : changed;
    if (!entry->dirty) {
        entry->dirty = true;
        entry->next_dirty = NULL;
        *c->last_dirty = entry;
        c->last_dirty = &entry->next_dirty;
    }
}

bool entity_cache_delete(struct txn *t, struct cached_entity *entry, struct error *e)
{
    if (entry->eid != 0 &&
        (!txn_entity_delete(t, entry->eid, e) ||
         !indexed_update(t, entity_cache_of(t)->arena, entry->stored, NULL, entry->eid, e))) {
        return false;
    }
    shape_tally_entity(entity_cache_of(t)->shapes, entry->stored, -1);
    entry->stored = NULL;
    entry->changed = 0;
    entry->eid = 0;
    entry->entity = NULL;
    entry->size = 0;
    return true;
}

/* ---- context.h ---- */

struct json *context_get(struct view *v, struct arena *a, const char *id)
{
    struct store_entity row;
    struct error e = {0};
    struct json *entity = NULL;
    return view_entity(v, a, id, &row) && expiry_parse(a, row.body, row.body_length, &entity, &e) ? entity
                                                                                                  : NULL;
}

struct json *context_get_txn(struct txn *t, struct arena *a, const char *id)
{
    struct error e = {0};
    struct cached_entity *entry = entity_cache_find(entity_cache_of(t), t, id, &e);
    return entry != NULL && entry->entity != NULL ? json_copy(a, entry->entity) : NULL;
}
