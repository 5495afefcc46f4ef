/* SPDX-License-Identifier: Apache-2.0 */
/* The model document, gathered from the trees of the packs. */
#include "packs/model.h"

static void copy_members(struct arena *a, struct json *to, const struct json *from, const char *const *names)
{
    for (; *names != NULL; names++) {
        const struct json *value = json_get(from, *names);
        if (value != NULL) {
            json_add(to, *names, json_copy(a, value));
        }
    }
}

static void add_types(struct arena *a, struct json *types, const struct pack *p)
{
    for (const struct json *c = json_first(json_get(p->root, "types")); c != NULL; c = c->next) {
        struct json *type = json_set(a, types, c->key, json_copy(a, c));
        json_set(a, type, "pack", json_string(a, p->name));
    }
}

static void add_rules(struct arena *a, struct json *rules, const struct pack *p)
{
    for (const struct json *c = json_first(json_get(p->root, "rules")); c != NULL; c = c->next) {
        struct json *rule = json_append(rules, json_object(a));
        copy_members(a, rule, c,
                     (const char *const[]){"name", "title", "severity", "type", "kind", "case", NULL});
        json_add(rule, "pack", json_string(a, p->name));
    }
}

static void add_workflows(struct arena *a, struct json *workflows, const struct pack *p)
{
    for (const struct json *c = json_first(json_get(p->root, "workflows")); c != NULL; c = c->next) {
        struct json *workflow = json_set(a, workflows, c->key, json_object(a));
        copy_members(a, workflow, c, (const char *const[]){"title", "states", "steps", "categories", NULL});
        json_add(workflow, "pack", json_string(a, p->name));
    }
}

static void add_pack(struct arena *a, struct json *list, const struct pack *p)
{
    struct json *pack = json_append(list, json_object(a));
    copy_members(a, pack, json_get(p->root, "pack"), (const char *const[]){"name", "title", "version", NULL});
}

static void add_district(struct arena *a, struct json *model, const struct pack *const *packs)
{
    const struct json *district = NULL;
    for (; *packs != NULL && district == NULL; packs++) {
        district = json_get((*packs)->root, "district");
    }
    json_add(model, "synthetic", json_bool(a, json_get_bool(district, "synthetic", false)));
    if (district != NULL) {
        json_add(model, "district", json_copy(a, json_get(district, "name")));
        copy_members(a, model, district, (const char *const[]){"centre", "zoom", NULL});
    }
}

struct json *model_build(struct arena *a, const struct pack *const *packs)
{
    struct json *model = json_object(a);
    struct json *types = json_add(model, "types", json_object(a));
    struct json *rules = json_add(model, "rules", json_array(a));
    struct json *workflows = json_add(model, "workflows", json_object(a));
    struct json *list = json_add(model, "packs", json_array(a));
    for (const struct pack *const *p = packs; *p != NULL; p++) {
        add_types(a, types, *p);
        add_rules(a, rules, *p);
        add_workflows(a, workflows, *p);
        add_pack(a, list, *p);
    }
    add_district(a, model, packs);
    return model;
}
