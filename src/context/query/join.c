/* SPDX-License-Identifier: Apache-2.0 */
/* Following Relationships, inline and flat. */
#include "context/query/join.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/ingest.h"

/* Flat: an entity to show later. */
struct join_target {
    const char *id;
    const struct render *render;
    int level; /* how far it may be followed */
};

/* ---- what is asked for ---- */

static bool read_kind(struct join *j, const char *text, struct error *e)
{
    j->kind = g_strcmp0(text, "flat") == 0     ? JOIN_FLAT
              : g_strcmp0(text, "inline") == 0 ? JOIN_INLINE
                                               : JOIN_NONE;
    return j->kind != JOIN_NONE || text == NULL || strcmp(text, "@none") == 0 ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "join=%.40s: known are flat, inline and @none",
                     "join=%.40s：可用 flat、inline 和 @none", text);
}

static bool read_level(struct join *j, int64_t level, struct error *e)
{
    if (level > LIMIT_JOIN_LEVEL) {
        return error_set(e, ERROR_TOO_COMPLEX, "joinLevel is at most %d", "joinLevel 最大为 %d",
                         LIMIT_JOIN_LEVEL);
    }
    j->level = j->kind == JOIN_NONE ? 0 : level > 0 ? (int)level : 1;
    return true;
}

static bool read_contained_by(struct join *j, const char *text, struct error *e)
{
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ",", LIMIT_QUERY_IDS + 1);
    if (g_strv_length(parts) > LIMIT_QUERY_IDS) {
        return error_set(e, ERROR_TOO_COMPLEX, "containedBy has more than %d ids",
                         "containedBy 中的 id 超过 %d 个", LIMIT_QUERY_IDS);
    }
    for (char **part = parts; *part != NULL; part++) {
        if (!ingest_uri("containedBy", *part, strlen(*part), e)) {
            return false;
        }
        g_ptr_array_add(j->before, arena_strdup(j->ids, *part));
    }
    return true;
}

/* Only where there is something to follow: most requests do without. */
static void make_sets(struct join *j)
{
    j->a = arena_new();
    j->ids = arena_new();
    j->before = g_ptr_array_new();
    j->met = g_hash_table_new(g_str_hash, g_str_equal);
    j->shown = g_hash_table_new(g_str_hash, g_str_equal);
    j->targets = g_ptr_array_new();
}

bool join_init(struct join *j, const struct join_text *text, const struct join_reader *reader,
               struct error *e)
{
    j->reader = *reader;
    if (!read_kind(j, text->kind, e) || !read_level(j, text->level, e)) {
        return false;
    }
    if (text->kind == NULL && (text->level != 0 || text->contained_by != NULL)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "joinLevel and containedBy need join=flat or join=inline",
                         "joinLevel 和 containedBy 需要 join=flat 或 join=inline");
    }
    if (j->kind == JOIN_NONE) {
        return true;
    }
    make_sets(j);
    return read_contained_by(j, text->contained_by, e);
}

void join_clear(struct join *j)
{
    g_clear_pointer(&j->before, g_ptr_array_unref);
    g_clear_pointer(&j->met, g_hash_table_unref);
    g_clear_pointer(&j->shown, g_hash_table_unref);
    g_clear_pointer(&j->targets, g_ptr_array_unref);
    g_clear_pointer(&j->a, arena_free);
    g_clear_pointer(&j->ids, arena_free);
}

bool join_reaches(const struct join *j, int depth, const char *what, struct error *e)
{
    if (depth > 0 && j->kind == JOIN_NONE) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "%s asks for linked entities: add join=flat or join=inline, and joinLevel=%d",
                         "%s 涉及关联实体：请加上 join=flat 或 join=inline，以及 joinLevel=%d", what, depth);
    }
    return depth <= j->level ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "%s goes %d Relationships deep, joinLevel is %d: raise joinLevel",
                     "%s 涉及 %d 层关联，而 joinLevel 为 %d：请增大 joinLevel", what, depth, j->level);
}

/* ---- reading ---- */

/* True when this is the first time. */
static bool meet(struct join *j, struct arena *a, const char *id)
{
    return !g_hash_table_contains(j->met, id) && g_hash_table_add(j->met, arena_strdup(a, id));
}

static void meet_again(struct join *j)
{
    g_hash_table_remove_all(j->met);
    for (guint i = 0; i < j->before->len; i++) {
        g_hash_table_add(j->met, j->before->pdata[i]);
    }
}

static bool check_size(struct join *j, struct error *e)
{
    if (j->count > LIMIT_LINKED) {
        return error_set(
            e, ERROR_TOO_MANY_RESULTS,
            "More than %d linked entities; take a smaller limit or joinLevel, or pick fewer Relationships",
            "关联实体超过 %d 个；请减小 limit 或 joinLevel，或用 pick 减少关系", LIMIT_LINKED);
    }
    return j->bytes + arena_used(j->a) <= LIMIT_LINKED_BYTES ||
           error_set(e, ERROR_TOO_MANY_RESULTS,
                     "The linked entities need more than %d MiB; take a smaller limit or joinLevel",
                     "关联实体超过 %d MiB；请减小 limit 或 joinLevel", LIMIT_LINKED_BYTES >> 20);
}

static bool follows(const struct json *member, const struct render *r)
{
    return entity_is_attribute(member) && render_shows(r, member->key);
}

static bool is_relationship(const struct json *instance)
{
    enum attribute_kind kind = instance_kind(instance);
    return kind == KIND_RELATIONSHIP || kind == KIND_LIST_RELATIONSHIP;
}

/* for (t = first_target(value); t != NULL; t = next_target(value, t)) */
static const struct json *first_target(const struct json *value)
{
    return json_is(value, JSON_ARRAY) ? value->first : value;
}

static const struct json *next_target(const struct json *value, const struct json *target)
{
    return value->type == JSON_ARRAY ? target->next : NULL;
}

/* ---- inline ---- */

static struct json *expand(struct join *j, const struct json *entity, const struct render *r, int level,
                           struct error *e);

/* The entities that an instance leads to and that nobody met before; NULL when there is none. */
static struct json *read_targets(struct join *j, const struct json *instance)
{
    const struct json *value = instance_value(instance);
    struct json *found = json_array(j->a);
    for (const struct json *t = first_target(value); t != NULL; t = next_target(value, t)) {
        if (t->type == JSON_STRING && meet(j, j->a, t->string)) {
            const struct json *entity = j->reader.entity(j->reader.user, j->a, t->string);
            j->count += entity != NULL;
            if (entity != NULL) {
                json_append(found, json_alias(j->a, entity));
            }
        }
    }
    return found->length > 0 ? found : NULL;
}

/* An instance with "entity" or "entityList", whose entities are not followed yet. */
static struct json *with_targets(struct join *j, const struct json *instance)
{
    struct json *copy = json_object(j->a);
    for (const struct json *m = instance->first; m != NULL; m = m->next) {
        struct json *member = json_alias(j->a, m);
        json_add(copy, m->key, member);
    }
    struct json *found = is_relationship(instance) ? read_targets(j, instance) : NULL;
    if (found == NULL) {
        return copy;
    }
    bool list = instance_kind(instance) == KIND_LIST_RELATIONSHIP;
    bool one = !list && instance_value(instance)->type != JSON_ARRAY;
    json_add(copy, list ? "entityList" : "entity", one ? json_alias(j->a, found->first) : found);
    return copy;
}

static struct json *attribute_with_targets(struct join *j, const struct json *attribute,
                                           const struct render *r)
{
    const struct json *selected = render_selected(attribute, r);
    if (selected == NULL) {
        return json_alias(j->a, attribute);
    }
    if (selected->type != JSON_ARRAY) {
        return with_targets(j, selected);
    }
    struct json *out = json_array(j->a);
    for (const struct json *i = selected->first; i != NULL; i = i->next) {
        json_append(out, with_targets(j, i));
    }
    return out;
}

/* Follows the linked entities of one instance one step further. */
static bool expand_instance(struct join *j, struct json *instance, const struct render *below, int level,
                            struct error *e)
{
    struct json *linked = json_get(instance, "entity");
    linked = linked != NULL ? linked : json_get(instance, "entityList");
    if (!is_relationship(instance) || linked == NULL) {
        return true;
    }
    if (linked->type == JSON_OBJECT) {
        struct json *more = expand(j, linked, below, level, e);
        return more != NULL && json_set(j->a, instance, linked->key, more) != NULL;
    }
    struct json *list = json_array(j->a);
    for (const struct json *c = linked->first; c != NULL; c = c->next) {
        struct json *more = expand(j, c, below, level, e);
        if (more == NULL) {
            return false;
        }
        json_append(list, more);
    }
    return json_set(j->a, instance, linked->key, list) != NULL;
}

static bool expand_attribute(struct join *j, struct json *attribute, const struct render *r, int level,
                             struct error *e)
{
    struct render below = render_linked(r, attribute->key);
    struct json *i = attribute->type == JSON_ARRAY ? attribute->first : attribute;
    for (; i != NULL; i = attribute->type == JSON_ARRAY ? i->next : NULL) {
        if (!expand_instance(j, i, &below, level, e)) {
            return false;
        }
    }
    return true;
}

/* All that is one step away comes first, so that nothing is met further off than it need be. */
static struct json *expand(struct join *j, const struct json *entity, const struct render *r, int level,
                           struct error *e)
{
    struct json *out = json_object(j->a);
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        json_add(out, m->key,
                 level > 0 && follows(m, r) ? attribute_with_targets(j, m, r) : json_alias(j->a, m));
        if (!check_size(j, e)) {
            return NULL;
        }
    }
    for (struct json *m = out->first; m != NULL && level > 1; m = m->next) {
        if (follows(m, r) && !expand_attribute(j, m, r, level - 1, e)) {
            return NULL;
        }
    }
    return out;
}

const struct json *join_inline(struct join *j, const struct json *entity, const struct render *r,
                               struct error *e)
{
    j->bytes += arena_used(j->a);
    arena_clear(j->a);
    meet_again(j);
    const char *id = json_get_string(entity, "id");
    if (id != NULL) {
        meet(j, j->a, id);
    }
    return expand(j, entity, r, j->level, e);
}

/* ---- flat ---- */

static void add_targets(struct join *j, const struct json *instance, const struct render *below, int level)
{
    const struct json *value = instance_value(instance);
    for (const struct json *t = first_target(value); t != NULL; t = next_target(value, t)) {
        if (t->type == JSON_STRING && j->count <= LIMIT_LINKED && meet(j, j->ids, t->string)) {
            struct join_target *target = arena_new0(j->ids, struct join_target);
            *target = (struct join_target){arena_strdup(j->ids, t->string), below, level};
            g_ptr_array_add(j->targets, target);
            j->count++;
        }
    }
}

/* Notes where the entity leads to. */
static bool add_entity(struct join *j, const struct json *entity, const struct render *r, int level,
                       struct error *e)
{
    for (const struct json *m = entity->first; m != NULL && level > 0; m = m->next) {
        const struct json *selected = follows(m, r) ? render_selected(m, r) : NULL;
        struct render *below = NULL;
        const struct json *i = selected != NULL ? instance_first(selected) : NULL;
        for (; i != NULL; i = instance_next(selected, i)) {
            if (is_relationship(i) && below == NULL) {
                below = arena_new0(j->ids, struct render);
                *below = render_linked(r, m->key);
                below->context_value = r->context_value; /* each stands for itself in the array */
            }
            if (is_relationship(i)) {
                add_targets(j, i, below, level - 1);
            }
        }
    }
    return check_size(j, e);
}

bool join_note(struct join *j, const struct json *entity, const struct render *r, struct error *e)
{
    const char *id = json_get_string(entity, "id");
    if (g_hash_table_size(j->met) == 0) {
        meet_again(j);
    }
    if (id != NULL) {
        g_hash_table_add(j->shown, arena_strdup(j->ids, id));
    }
    return add_entity(j, entity, r, j->level, e);
}

bool join_follow(struct join *j, void (*each)(void *user, const struct json *entity, const struct render *r),
                 void *user, struct error *e)
{
    for (guint i = 0; i < j->targets->len; i++) {
        const struct join_target *t = j->targets->pdata[i];
        const struct json *entity = NULL;
        j->bytes += arena_used(j->a);
        arena_clear(j->a);
        if (!g_hash_table_contains(j->shown, t->id)) {
            entity = j->reader.entity(j->reader.user, j->a, t->id);
        }
        if (entity != NULL) {
            each(user, entity, t->render);
            if (!add_entity(j, entity, t->render, t->level, e)) {
                return false;
            }
        }
    }
    return true;
}
