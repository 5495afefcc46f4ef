/* SPDX-License-Identifier: Apache-2.0 */
/* Looks up names in the sections of packs. */
#include "rules/model.h"

#include <string.h>

enum { MAX_LISTED = 40 };

const struct json *model_type(const struct pack *const *packs, const char *type)
{
    for (int i = 0; packs[i] != NULL; i++) {
        const struct json *found = json_get(json_get(packs[i]->root, "types"), type);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static const struct json *attribute_of_any(const struct pack *p, const char *attribute)
{
    for (const struct json *t = json_first(json_get(p->root, "types")); t != NULL; t = t->next) {
        const struct json *found = json_get(json_get(t, "attributes"), attribute);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

const struct json *model_attribute(const struct pack *const *packs, const char *type, const char *attribute)
{
    for (int i = 0; packs[i] != NULL; i++) {
        const struct json *declared =
            json_get(json_get(json_get(packs[i]->root, "types"), type), "attributes");
        const struct json *found =
            type[0] == '\0' ? attribute_of_any(packs[i], attribute) : json_get(declared, attribute);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

bool model_is_core(const char *attribute)
{
    return strcmp(attribute, "id") == 0 || strcmp(attribute, "type") == 0 || strcmp(attribute, "name") == 0 ||
           strcmp(attribute, "location") == 0;
}

bool model_is_relationship(const struct json *attribute)
{
    return json_streq(json_get(attribute, "kind"), "Relationship");
}

const char *model_target(const struct json *attribute)
{
    const char *target = json_get_string(attribute, "to");
    return target != NULL ? target : "";
}

static void list_names(GString *out, const struct json *object, int *count)
{
    for (const struct json *m = json_first(object); m != NULL && *count < MAX_LISTED; m = m->next) {
        g_string_append_printf(out, "%s%s", (*count)++ > 0 ? ", " : "", m->key);
    }
}

const char *model_types(const struct pack *const *packs, struct arena *a)
{
    g_autoptr(GString) out = g_string_new(NULL);
    int count = 0;
    for (int i = 0; packs[i] != NULL; i++) {
        list_names(out, json_get(packs[i]->root, "types"), &count);
    }
    return arena_strdup(a, out->str);
}

const char *model_attributes(const struct pack *const *packs, struct arena *a, const char *type)
{
    g_autoptr(GString) out = g_string_new(NULL);
    int count = 0;
    const struct json *declared = model_type(packs, type);
    list_names(out, json_get(declared, "attributes"), &count);
    return arena_strdup(a, count > 0 ? out->str : "—");
}

bool model_has(const struct pack *const *packs, const char *section, const char *name)
{
    for (int i = 0; packs[i] != NULL; i++) {
        if (json_get(json_get(packs[i]->root, section), name) != NULL) {
            return true;
        }
    }
    return false;
}
