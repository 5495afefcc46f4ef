/* SPDX-License-Identifier: Apache-2.0 */
/* Entities in stored form to the representations of the API (4.5): straight into a text. */
#pragma once

#include "context/context.h"
#include "context/ld_context.h"

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
    const char *const *omit; /* all but these; or NULL */
    const char *const
        *datasets; /* only instances with these datasetIds ("@none": the default one); or NULL */
    const char *geometry_property;    /* for GeoJSON; NULL = "location" */
    const struct json *context_value; /* what to write as "@context" into the object; NULL = none */
};

/* One entity as a JSON object. */
void render_entity(GString *out, const struct json *entity, const struct render *r);
/* One entity as a GeoJSON Feature (4.5.16, 4.5.17). */
void render_feature(GString *out, const struct json *entity, const struct render *r);
/* The value of one attribute (an instance or an array of instances), without its name. */
void render_attribute(GString *out, const struct json *attribute, const struct render *r);
/* One instance. */
void render_instance(GString *out, const struct json *instance, const struct render *r);
/* A stored name as a JSON string, compacted. */
void render_name(GString *out, const char *stored, const struct render *r);
/* The text that the client's languages choose from a languageMap; *language is set to its tag. NULL when it
 * is empty. */
const struct json *render_language(const struct json *language_map, const char *lang, const char **language);
