/* SPDX-License-Identifier: Apache-2.0 */
/* Entities in stored form to the representations of the API (4.5): straight into a text. */
#pragma once

#include "context/context.h"
#include "context/query/projection.h"
#include "context/terms/ld_context.h"

enum render_format { RENDER_NORMALIZED, RENDER_CONCISE, RENDER_SIMPLIFIED };

struct render {
    struct arena
        *arena; /* for compacted names and for times; may not be NULL when ctx or sys_attrs is given */
    const struct ld_context *ctx;
    enum render_format format;
    bool sys_attrs;   /* createdAt and modifiedAt too */
    const char *lang; /* LanguageProperty becomes a Property in the best of these languages (4.15), or NULL */
    const char *const
        *pick; /* only these members (stored names, "id", "type", "scope"); NULL-terminated, or NULL */
    const char *const *omit;                        /* all but these; or NULL */
    const struct projection *pick_tree, *omit_tree; /* for entities linked to this one (4.21); or NULL */
    bool changes;             /* instances may have previousValue, previousObject, … (5.2.14.1) */
    bool joined;              /* Relationships may hold linked entities (render_entity) */
    const char *relationship; /* private: the attribute that is being written, when joined */
    const char *const
        *datasets; /* only instances with these datasetIds ("@none": the default one); or NULL */
    const char *geometry_property;    /* for GeoJSON; NULL = "location" */
    const struct json *context_value; /* what to write as "@context" into the object; NULL = none */
};

/* How the entities that a Relationship of this name leads to are shown: its own braces in pick and omit, else
 * what holds for this one. */
struct render render_linked(const struct render *r, const char *relationship);
/* Is this member (stored name) part of the representation? */
bool render_shows(const struct render *r, const char *name);
/* The instances of an attribute that datasets lets through: itself, a part of it, or NULL. */
const struct json *render_selected(const struct json *attribute, const struct render *r);

/* One entity as a JSON object. Its Relationships may have the member "entity" or "entityList" with linked
 * entities in stored form (4.5.23.2): in the simplified form these stand in place of the URIs. */
void render_entity(GString *out, const struct json *entity, const struct render *r);
/* One entity as a GeoJSON Feature (4.5.16, 4.5.17). */
void render_feature(GString *out, const struct json *entity, const struct render *r);
/* The value of one attribute (an instance or an array of instances), without its name. */
void render_attribute(GString *out, const struct json *attribute, const struct render *r);
/* One instance. */
void render_instance(GString *out, const struct json *instance, const struct render *r);
/* A stored name as a JSON string, compacted. */
void render_name(GString *out, const char *stored, const struct render *r);
/* Is lang a list of languages (4.15)? */
bool render_language_check(const char *lang, struct error *e);
/* The text that the client's languages choose from a languageMap; *language is set to its tag. NULL when it
 * is empty. */
const struct json *render_language(const struct json *language_map, const char *lang, const char **language);

/* ---- within a Relationship, r->relationship says which ---- */

/* A linked entity, or an array of them. */
void render_linked_entities(GString *out, const struct json *linked, const struct render *r);
/* The targets (a URI or an array of them): the linked entity where it is known, else the URI. */
void render_targets(GString *out, const struct json *linked, const struct json *value,
                    const struct render *r);
