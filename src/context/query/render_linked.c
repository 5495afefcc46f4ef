/* SPDX-License-Identifier: Apache-2.0 */
/* Linked entities within the Relationships that lead to them (4.5.23.2). */
#include "context/query/render.h"

#include "context/entity/entity.h"

struct render render_linked(const struct render *r, const char *relationship)
{
    struct render linked = *r;
    const struct projection *pick = projection_under(r->pick_tree, relationship);
    const struct projection *omit = projection_under(r->omit_tree, relationship);
    linked.context_value = NULL;
    if (pick != NULL) {
        linked.pick = pick->names;
        linked.pick_tree = pick;
    }
    if (omit != NULL) {
        linked.omit = omit->plain;
        linked.omit_tree = omit;
    }
    return linked;
}

void render_linked_entities(GString *out, const struct json *linked, const struct render *r)
{
    struct render below = render_linked(r, r->relationship);
    if (linked->type == JSON_OBJECT) {
        render_entity(out, linked, &below);
        return;
    }
    g_string_append_c(out, '[');
    for (const struct json *c = json_first(linked); c != NULL; c = c->next) {
        g_string_append(out, c == linked->first ? "" : ",");
        render_entity(out, c, &below);
    }
    g_string_append_c(out, ']');
}

static const struct json *linked_with_id(const struct json *linked, const struct json *id)
{
    if (json_is(linked, JSON_OBJECT)) {
        return json_equal(json_get(linked, "id"), id) ? linked : NULL;
    }
    for (const struct json *c = json_first(linked); c != NULL; c = c->next) {
        if (json_equal(json_get(c, "id"), id)) {
            return c;
        }
    }
    return NULL;
}

/* A target: the entity where it is known, else its URI. */
static void write_target(GString *out, const struct json *linked, const struct json *id,
                         const struct render *r)
{
    const struct json *found = linked_with_id(linked, id);
    if (found != NULL) {
        render_linked_entities(out, found, r);
    } else {
        json_write(out, id);
    }
}

void render_targets(GString *out, const struct json *linked, const struct json *value, const struct render *r)
{
    if (value->type != JSON_ARRAY) {
        write_target(out, linked, value, r);
        return;
    }
    g_string_append_c(out, '[');
    for (const struct json *c = value->first; c != NULL; c = c->next) {
        g_string_append(out, c == value->first ? "" : ",");
        write_target(out, linked, c, r);
    }
    g_string_append_c(out, ']');
}
