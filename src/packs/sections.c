/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the sections pack, types, roles and district. */
#include "packs/sections.h"

#include <string.h>

#include "hub/section.h"
#include "packs/history_policy.h"

/* ---- pack ---- */

static const struct member pack_members[] = {
    {"name", MEMBER_NAME, true},  {"version", MEMBER_STRING, true},
    {"title", MEMBER_TEXT, true}, {"description", MEMBER_TEXT},
    {"needs", MEMBER_LIST},       {"licence", MEMBER_STRING},
    {"author", MEMBER_STRING},    {NULL},
};

static bool is_version(const char *text)
{
    return g_regex_match_simple("^[0-9]{1,6}\\.[0-9]{1,6}\\.[0-9]{1,6}(-[0-9A-Za-z.-]{1,40})?$", text, 0, 0);
}

static void check_pack(const struct pack *p, const struct json *section, const struct pack *const *all,
                       struct pack_report *r)
{
    section_object(r, section, "pack", pack_members);
    const struct json *name = json_get(section, "name"), *version = json_get(section, "version");
    if (json_is(name, JSON_STRING) && strcmp(name->string, p->name) != 0) {
        r->mistake(r, name, "the pack's name \"%s\" must be the name of its folder, \"%s\"",
                   "应用包名称“%s”应与文件夹名“%s”一致", name->string, p->name);
    }
    if (json_is(version, JSON_STRING) && !is_version(version->string)) {
        r->mistake(r, version, "the version \"%s\" must have three numbers, such as 1.0.0",
                   "版本号“%s”应由三个数字组成，例如 1.0.0", version->string);
    }
    for (const struct json *c = json_first(json_get(section, "needs")); c != NULL; c = c->next) {
        section_value(r, c, "pack", "needs", MEMBER_NAME, NULL);
    }
}

/* ---- types ---- */

static const struct member type_members[] = {
    {"title", MEMBER_TEXT, true},
    {"description", MEMBER_TEXT},
    {"icon", MEMBER_NAME},
    {"colour", MEMBER_COLOUR},
    {"layer", MEMBER_BOOL},
    {"name_attribute", MEMBER_STRING},
    {"primary", MEMBER_STRING},
    {"levels", MEMBER_LIST},
    {"indexed", MEMBER_LIST},
    {"history", MEMBER_OBJECT},
    {"attributes", MEMBER_OBJECT, true},
    {NULL},
};

#define KINDS                                                                                     \
    "Property|Relationship|GeoProperty|LanguageProperty|VocabProperty|JsonProperty|ListProperty|" \
    "ListRelationship"

static const struct member attribute_members[] = {
    {"title", MEMBER_TEXT, true},
    {"description", MEMBER_TEXT},
    {"unit", MEMBER_STRING},      /* as people read it */
    {"unit_code", MEMBER_STRING}, /* UN/CEFACT common code */
    {"kind", MEMBER_CHOICE, false, KINDS},
    {"value", MEMBER_CHOICE, false, "number|integer|text|boolean|time|object|list"},
    {"to", MEMBER_STRING}, /* the type that a Relationship points to */
    {"min", MEMBER_NUMBER},
    {"max", MEMBER_NUMBER},
    {"decimals", MEMBER_INT},
    {"chart", MEMBER_BOOL},
    {"levels", MEMBER_LIST},
    {"choices", MEMBER_OBJECT}, /* value → text */
    {NULL},
};

static const struct member level_members[] = {
    {"to", MEMBER_NUMBER, true},
    {"colour", MEMBER_COLOUR, true},
    {"title", MEMBER_TEXT, true},
    {NULL},
};

static void check_levels(struct pack_report *r, const struct json *levels, const char *what)
{
    const struct json *before = NULL;
    for (const struct json *c = json_first(levels); c != NULL; c = c->next) {
        const struct json *to = section_object(r, c, what, level_members) ? json_get(c, "to") : NULL;
        if (to != NULL && before != NULL && json_number(to) <= json_number(before)) {
            r->mistake(r, to, "%s: the bounds of levels must rise", "%s：各等级的上限应递增", what);
        }
        before = to != NULL ? to : before;
    }
}

static void check_attribute(struct pack_report *r, const char *type, const struct json *a)
{
    g_autofree char *what = g_strdup_printf("%s.%s", type, a->key);
    if (!section_is_name(a->key)) {
        r->mistake(r, a, "%s: the attribute's name may have letters, digits, '-', '_' and '.' only",
                   "%s：属性名只能由字母、数字、“-”“_”“.”组成", what);
    }
    if (!section_object(r, a, what, attribute_members)) {
        return;
    }
    const struct json *min = json_get(a, "min"), *max = json_get(a, "max"),
                      *decimals = json_get(a, "decimals");
    if (min != NULL && max != NULL && json_number(min) >= json_number(max)) {
        r->mistake(r, min, "%s: min must be less than max", "%s：min 应小于 max", what);
    }
    if (decimals != NULL && (decimals->integer < 0 || decimals->integer > 9)) {
        r->mistake(r, decimals, "%s: decimals must be 0 to 9", "%s：decimals 应为 0 至 9", what);
    }
    const struct json *to = json_get(a, "to");
    if (to != NULL && g_strcmp0(json_get_string(a, "kind"), "Relationship") != 0) {
        r->mistake(r, to, "%s: \"to\" belongs to a Relationship", "%s：“to”只用于 Relationship", what);
    }
    check_levels(r, json_get(a, "levels"), what);
    for (const struct json *c = json_first(json_get(a, "choices")); c != NULL; c = c->next) {
        section_value(r, c, what, c->key, MEMBER_TEXT, NULL);
    }
}

static void check_names_attribute(struct pack_report *r, const struct json *type, const char *member)
{
    const struct json *name = json_get(type, member);
    if (json_is(name, JSON_STRING) && json_get(json_get(type, "attributes"), name->string) == NULL) {
        r->mistake(r, name, "%s: \"%s\" names no attribute of this type: \"%s\"",
                   "%s：“%s”不是该类型的属性：“%s”", type->key, member, name->string);
    }
}

/* Names of attributes of the type, each once. */
static void check_indexed(struct pack_report *r, const struct json *type)
{
    const struct json *list = json_get(type, "indexed");
    for (const struct json *c = json_is(list, JSON_ARRAY) ? list->first : NULL; c != NULL; c = c->next) {
        if (!section_value(r, c, type->key, "indexed", MEMBER_NAME, NULL)) {
            continue;
        }
        const struct json *attribute = json_get(json_get(type, "attributes"), c->string);
        const char *kind = json_get_string(attribute, "kind");
        if (attribute == NULL) {
            r->mistake(r, c, "%s: \"indexed\" names no attribute of this type: \"%s\"",
                       "%s：“indexed”中的“%s”不是该类型的属性", type->key, c->string);
        } else if (g_strcmp0(kind, "GeoProperty") == 0 || g_strcmp0(kind, "JsonProperty") == 0) {
            r->mistake(r, c, "%s: \"%s\" is a %s, whose values cannot be indexed",
                       "%s：“%s”是 %s，其值无法建立索引", type->key, c->string, kind);
        }
        for (const struct json *d = list->first; d != c; d = d->next) {
            if (json_equal(d, c)) {
                r->mistake(r, c, "%s: \"%s\" stands twice in \"indexed\"", "%s：“indexed”中“%s”重复",
                           type->key, c->string);
            }
        }
    }
}

/* A type belongs to one pack. */
static void check_only_here(const struct pack *p, const struct json *type, const struct pack *const *all,
                            struct pack_report *r)
{
    for (; *all != NULL && *all != p; all++) {
        if (json_get(json_get((*all)->root, "types"), type->key) != NULL) {
            r->mistake(r, type, "the type %s is already declared by the pack \"%s\"",
                       "类型 %s 已由应用包“%s”声明", type->key, (*all)->name);
        }
    }
}

static void check_type(const struct pack *p, const struct json *type, const struct pack *const *all,
                       struct pack_report *r)
{
    if (!section_is_name(type->key)) {
        r->mistake(r, type, "the type's name \"%s\" may have letters, digits, '-', '_' and '.' only",
                   "类型名“%s”只能由字母、数字、“-”“_”“.”组成", type->key);
    }
    check_only_here(p, type, all, r);
    if (!section_object(r, type, type->key, type_members)) {
        return;
    }
    check_names_attribute(r, type, "primary");
    check_names_attribute(r, type, "name_attribute");
    check_indexed(r, type);
    check_history(r, type->key, json_get(type, "history"));
    check_levels(r, json_get(type, "levels"), type->key);
    for (const struct json *a = json_first(json_get(type, "attributes")); a != NULL; a = a->next) {
        check_attribute(r, type->key, a);
    }
}

static void check_types(const struct pack *p, const struct json *section, const struct pack *const *all,
                        struct pack_report *r)
{
    if (!json_is(section, JSON_OBJECT)) {
        section_value(r, section, "types", "types", MEMBER_OBJECT, NULL);
        return;
    }
    for (const struct json *c = json_first(section); c != NULL; c = c->next) {
        check_type(p, c, all, r);
    }
}

/* ---- roles ---- */

#define PERMISSIONS                                                                                        \
    "entities.write|cases.act|cases.open|rules.write|imports.write|packs.write|users.write|subscriptions." \
    "write|"                                                                                               \
    "operations.read"

static const struct member role_members[] = {
    {"title", MEMBER_TEXT, true},
    {"description", MEMBER_TEXT},
    {"permissions", MEMBER_LIST, true},
    {NULL},
};

static void check_roles(const struct pack *p, const struct json *section, const struct pack *const *all,
                        struct pack_report *r)
{
    if (!section_value(r, section, "roles", "roles", MEMBER_OBJECT, NULL)) {
        return;
    }
    for (const struct json *role = json_first(section); role != NULL; role = role->next) {
        if (strcmp(role->key, "admin") == 0) {
            r->mistake(r, role, "the role admin is built in and may everything",
                       "角色 admin 为内置角色，拥有全部权限");
        }
        g_autofree char *what = g_strdup_printf("roles.%s", role->key);
        section_object(r, role, what, role_members);
        for (const struct json *c = json_first(json_get(role, "permissions")); c != NULL; c = c->next) {
            section_value(r, c, what, "permissions", MEMBER_CHOICE, PERMISSIONS);
        }
    }
}

/* ---- district ---- */

static const struct member district_members[] = {
    {"name", MEMBER_TEXT, true},
    {"centre", MEMBER_LIST, true},
    {"zoom", MEMBER_NUMBER},
    {"synthetic", MEMBER_BOOL},
    {NULL},
};

static bool is_position(const struct json *list)
{
    const struct json *lon = json_first(list), *lat = lon != NULL ? lon->next : NULL;
    return json_is(list, JSON_ARRAY) && list->length == 2 && json_is_number(lon) && json_is_number(lat) &&
           json_number(lon) >= -180 && json_number(lon) <= 180 && json_number(lat) >= -90 &&
           json_number(lat) <= 90;
}

static void check_district(const struct pack *p, const struct json *section, const struct pack *const *all,
                           struct pack_report *r)
{
    section_object(r, section, "district", district_members);
    const struct json *centre = json_get(section, "centre"), *zoom = json_get(section, "zoom");
    if (json_is(centre, JSON_ARRAY) && !is_position(centre)) {
        r->mistake(r, centre, "district.centre must be [longitude, latitude] in degrees, WGS84",
                   "district.centre 应为 [经度, 纬度]，单位度，WGS84");
    }
    if (json_is_number(zoom) && (json_number(zoom) < 1 || json_number(zoom) > 22)) {
        r->mistake(r, zoom, "district.zoom must be 1 to 22", "district.zoom 应为 1 至 22");
    }
    for (; *all != NULL && *all != p; all++) {
        if (json_get((*all)->root, "district") != NULL) {
            r->mistake(r, section, "the district is already given by the pack \"%s\"",
                       "district 已由应用包“%s”给出", (*all)->name);
        }
    }
}

const struct pack_section packs_sections[] = {
    {"pack", check_pack, "Name, version, title and needs of the pack itself",
     "应用包自身的名称、版本、标题与依赖"},
    {"types", check_types, "Types of entities: titles, icon, colour levels, attributes with units and bounds",
     "实体类型：标题、图标、分级颜色、属性及其单位与界限"},
    {"roles", check_roles, "Roles of accounts with their permissions", "账号角色及其权限"},
    {"district", check_district, "Name, centre and zoom of the map; marks synthetic data",
     "地图的名称、中心与级别；标明是否为合成数据"},
    {NULL},
};
