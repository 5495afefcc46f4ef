/* SPDX-License-Identifier: Apache-2.0 */
/* The strict check of the section `inputs`. */
#include <string.h>

#include "hub/section.h"
#include "ingest/compiled.h"

static const struct member input_members[] = {
    {"name", MEMBER_NAME, true},
    {"title", MEMBER_TEXT},
    {"description", MEMBER_TEXT},
    {"topic", MEMBER_STRING},
    {"payload", MEMBER_CHOICE, false, "json|row"},
    {"id", MEMBER_STRING, true},
    {"type", MEMBER_STRING, true},
    {"time", MEMBER_ANY},
    {"zone", MEMBER_STRING},
    {"missing", MEMBER_LIST},
    {"scope", MEMBER_STRING},
    {"attributes", MEMBER_OBJECT, true},
    {"on_unknown_field", MEMBER_CHOICE, false, "ignore|reject"},
    {NULL},
};

static const struct member time_members[] = {
    {"from", MEMBER_ANY, true}, {"format", MEMBER_STRING}, {"future", MEMBER_SPAN}, {NULL}};

static const struct member value_members[] = {
    {"from", MEMBER_STRING},      {"value", MEMBER_CHOICE, false, "number|integer|text|boolean|time|data"},
    {"fixed", MEMBER_BOOL},       {"unit", MEMBER_STRING},
    {"unit_from", MEMBER_STRING}, {"units", MEMBER_OBJECT},
    {"scale", MEMBER_NUMBER},     {"offset", MEMBER_NUMBER},
    {"decimals", MEMBER_INT},     {"min", MEMBER_NUMBER},
    {"max", MEMBER_NUMBER},       {"values", MEMBER_OBJECT},
    {"format", MEMBER_STRING},    {NULL},
};
static const struct member point_members[] = {{"lon", MEMBER_STRING, true},
                                              {"lat", MEMBER_STRING, true},
                                              {"datum", MEMBER_CHOICE, false, "wgs84|cgcs2000|gcj02|bd09"},
                                              {"fixed", MEMBER_BOOL},
                                              {NULL}};
static const struct member geometry_members[] = {
    {"geometry", MEMBER_STRING, true}, {"fixed", MEMBER_BOOL}, {NULL}};
static const struct member relation_members[] = {
    {"relationship", MEMBER_STRING, true}, {"from", MEMBER_STRING}, {"fixed", MEMBER_BOOL}, {NULL}};

static const struct member *members_for(const struct json *attribute)
{
    if (json_get(attribute, "lon") != NULL || json_get(attribute, "lat") != NULL) {
        return point_members;
    }
    if (json_get(attribute, "geometry") != NULL) {
        return geometry_members;
    }
    return json_get(attribute, "relationship") != NULL ? relation_members : value_members;
}

static const char *kind_wanted(const struct member *members)
{
    return members == point_members || members == geometry_members ? "GeoProperty"
           : members == relation_members                           ? "Relationship"
                                                                   : NULL;
}

/* ---- types ---- */

static const struct json *find_type(const struct pack *const *all, const char *name)
{
    for (; *all != NULL; all++) {
        const struct json *type = json_get(json_get((*all)->root, "types"), name);
        if (type != NULL) {
            return type;
        }
    }
    return NULL;
}

static void check_against_type(struct pack_report *r, const char *what, const struct json *attribute,
                               const struct member *members, const struct json *type)
{
    const struct json *declared = json_get(json_get(type, "attributes"), attribute->key);
    if (declared == NULL) {
        r->mistake(r, attribute, "%s: the type %s has no attribute \"%s\"", "%s：类型 %s 没有属性“%s”", what,
                   type->key, attribute->key);
        return;
    }
    const char *kind = json_get_string(declared, "kind"), *wanted = kind_wanted(members);
    if (wanted != NULL && kind != NULL && strcmp(kind, wanted) != 0) {
        r->mistake(r, attribute, "%s: the type %s declares it as %s, not as %s",
                   "%s：类型 %s 将其声明为 %s，而不是 %s", what, type->key, kind, wanted);
    }
    const char *unit = json_get_string(attribute, "unit"), *code = json_get_string(declared, "unit_code");
    if (unit != NULL && code != NULL && strcmp(unit, code) != 0) {
        r->mistake(r, json_get(attribute, "unit"), "%s: the unit %s differs from %s of the type",
                   "%s：单位 %s 与类型中的 %s 不一致", what, unit, code);
    }
}

/* ---- attributes ---- */

static void check_units(struct pack_report *r, const char *what, const struct json *attribute)
{
    const struct json *units = json_get(attribute, "units"), *from = json_get(attribute, "unit_from");
    if ((units == NULL) != (from == NULL)) {
        r->mistake(r, attribute, "%s: unit_from and units belong together",
                   "%s：unit_from 与 units 应同时给出", what);
    }
    for (const struct json *c = json_first(units); c != NULL; c = c->next) {
        static const struct member members[] = {{"scale", MEMBER_NUMBER}, {"offset", MEMBER_NUMBER}, {NULL}};
        if (!json_is_number(c)) {
            section_object(r, c, what, members);
        }
    }
}

static bool is_unit_code(const char *unit)
{
    return strlen(unit) >= 1 && strlen(unit) <= 3 &&
           strspn(unit, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(unit);
}

static void check_number(struct pack_report *r, const char *what, const struct json *attribute)
{
    const struct json *min = json_get(attribute, "min"), *max = json_get(attribute, "max");
    const struct json *decimals = json_get(attribute, "decimals"), *unit = json_get(attribute, "unit");
    if (json_is_number(min) && json_is_number(max) && json_number(min) > json_number(max)) {
        r->mistake(r, min, "%s: min is above max", "%s：min 大于 max", what);
    }
    if (json_is(decimals, JSON_INT) && (decimals->integer < 0 || decimals->integer > 9)) {
        r->mistake(r, decimals, "%s: decimals must be 0 to 9", "%s：decimals 应为 0 至 9", what);
    }
    if (json_is(unit, JSON_STRING) && !is_unit_code(unit->string)) {
        r->mistake(r, unit, "%s: \"%s\" is no UN/CEFACT unit code such as GQ, CEL, P1",
                   "%s：“%s”不是 UN/CEFACT 单位代码（例如 GQ、CEL、P1）", what, unit->string);
    }
    const char *value = json_get_string(attribute, "value");
    bool number = value == NULL || strcmp(value, "number") == 0 || strcmp(value, "integer") == 0;
    for (const struct json *c = json_first(attribute); c != NULL && !number; c = c->next) {
        if (g_strv_contains((const char *const[]){"unit_from", "units", "scale", "offset", "decimals", "min",
                                                  "max", NULL},
                            c->key)) {
            r->mistake(r, c, "%s: \"%s\" belongs to numbers, the value is %s",
                       "%s：“%s”只用于数字，而该值为 %s", what, c->key, value);
        }
    }
}

static void check_values(struct pack_report *r, const char *what, const struct json *attribute)
{
    const struct json *values = json_get(attribute, "values");
    if (values != NULL && g_strcmp0(json_get_string(attribute, "value"), "text") != 0) {
        r->mistake(r, values, "%s: \"values\" needs value: text", "%s：“values”需要 value: text", what);
    }
    for (const struct json *c = json_first(values); c != NULL; c = c->next) {
        section_value(r, c, what, c->key, MEMBER_STRING, NULL);
    }
}

static void check_format(struct pack_report *r, const char *what, const struct json *format,
                         const struct json *input)
{
    struct timestamp_format parsed = {0};
    if (!json_is(format, JSON_STRING)) {
        return;
    }
    if (!timestamp_format_parse(format->string, &parsed)) {
        r->mistake(r, format,
                   "%s: the format \"%s\" is not iso, epoch, epoch_ms or a pattern of %%Y %%m %%d %%H %%M "
                   "%%S %%f %%z %%T %%F",
                   "%s：格式“%s”不是 iso、epoch、epoch_ms，也不是由 %%Y %%m %%d %%H %%M %%S %%f %%z %%T %%F "
                   "组成的模式",
                   what, format->string);
    } else if (timestamp_needs_zone(&parsed) && json_get(input, "zone") == NULL) {
        r->mistake(r, format, "%s: the format has no zone; give the input one, zone: \"+08:00\"",
                   "%s：格式中没有时区，请为该输入给出 zone: \"+08:00\"", what);
    }
}

static void check_template(struct pack_report *r, const char *what, const struct json *text)
{
    arena_auto a = arena_new();
    if (json_is(text, JSON_STRING) && template_compile(a, text->string) == NULL) {
        r->mistake(r, text, "%s: the braces in \"%s\" do not close or hold no name",
                   "%s：“%s”中的花括号没有闭合或没有名称", what, text->string);
    }
}

static void check_attribute(struct pack_report *r, const char *input_name, const struct json *attribute,
                            const struct json *input, const struct json *type)
{
    g_autofree char *what = g_strdup_printf("%s.%s", input_name, attribute->key);
    const struct member *members = members_for(attribute);
    static const char *const taken[] = {"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", NULL};
    if (!section_is_name(attribute->key) || g_strv_contains(taken, attribute->key)) {
        r->mistake(r, attribute, "%s: \"%s\" cannot be the name of an attribute", "%s：“%s”不能作为属性名",
                   what, attribute->key);
    }
    if (!section_object(r, attribute, what, members)) {
        return;
    }
    check_units(r, what, attribute);
    check_number(r, what, attribute);
    check_values(r, what, attribute);
    check_format(r, what, json_get(attribute, "format"), input);
    check_template(r, what, json_get(attribute, "relationship"));
    if (type != NULL) {
        check_against_type(r, what, attribute, members, type);
    }
}

/* ---- inputs ---- */

static void check_time(struct pack_report *r, const char *what, const struct json *input)
{
    const struct json *time = json_get(input, "time"), *from = json_get(time, "from");
    if (time == NULL || json_streq(time, "arrival")) {
        return;
    }
    g_autofree char *name = g_strdup_printf("%s.time", what);
    if (json_is(time, JSON_STRING) || !section_object(r, time, name, time_members)) {
        if (json_is(time, JSON_STRING)) {
            r->mistake(r, time, "%s must be arrival or {from: …, format: …}",
                       "%s 应为 arrival 或 {from: …, format: …}", name);
        }
        return;
    }
    bool list = json_is(from, JSON_ARRAY);
    if (list && (from->length == 0 || from->length > MOST_TIME_FIELDS)) {
        r->mistake(r, from, "%s: \"from\" must name 1 to %d fields", "%s：“from”应给出 1 至 %d 个字段", name,
                   MOST_TIME_FIELDS);
    }
    for (const struct json *c = list ? from->first : from; c != NULL; c = list ? c->next : NULL) {
        section_value(r, c, name, "from", MEMBER_STRING, NULL);
    }
    check_format(r, name, json_get(time, "format"), input);
}

static void check_topic(struct pack_report *r, const char *what, const struct json *topic)
{
    arena_auto a = arena_new();
    struct topic_level levels[MOST_LEVELS + 1];
    if (json_is(topic, JSON_STRING) && topic_compile(a, topic->string, levels) == 0) {
        r->mistake(
            r, topic,
            "%s: in the topic \"%s\" each level must be a text or one {name}, at most %d levels, no + or #",
            "%s：主题“%s”的每一级应为文字或单个 {名称}，最多 %d 级，不含 + 与 #", what, topic->string,
            MOST_LEVELS);
    }
}

static void check_only_here(const struct pack *p, const struct json *input, const struct pack *const *all,
                            struct pack_report *r)
{
    const char *name = json_get_string(input, "name");
    for (; name != NULL; all++) {
        for (const struct json *c = json_first(json_get((*all)->root, "inputs")); c != NULL; c = c->next) {
            if (c == input) {
                return;
            }
            if (json_streq(json_get(c, "name"), name)) {
                r->mistake(r, input, "the input \"%s\" is already declared in line %u of the pack \"%s\"",
                           "输入“%s”已在第 %u 行由应用包“%s”声明", name, c->line, (*all)->name);
                return;
            }
        }
    }
}

static void check_zone(struct pack_report *r, const char *what, const struct json *zone)
{
    int ignored;
    if (json_is(zone, JSON_STRING) && !timestamp_zone_parse(zone->string, &ignored)) {
        r->mistake(r, zone, "%s: the zone \"%s\" must look like \"+08:00\"", "%s：时区“%s”应写作 \"+08:00\"",
                   what, zone->string);
    }
}

static void check_missing(struct pack_report *r, const char *what, const struct json *missing)
{
    for (const struct json *c = json_first(missing); c != NULL; c = c->next) {
        if (c->type == JSON_ARRAY || c->type == JSON_OBJECT) {
            r->mistake(r, c, "%s: \"missing\" holds texts, numbers and null",
                       "%s：“missing”只能包含文字、数字与 null", what);
        }
    }
}

static void check_input(const struct pack *p, const struct json *input, const struct pack *const *all,
                        struct pack_report *r)
{
    const char *name = json_get_string(input, "name"), *type_name = json_get_string(input, "type");
    const char *what = name != NULL ? name : "inputs";
    if (!section_object(r, input, what, input_members)) {
        return;
    }
    check_only_here(p, input, all, r);
    check_topic(r, what, json_get(input, "topic"));
    check_template(r, what, json_get(input, "id"));
    check_template(r, what, json_get(input, "scope"));
    check_zone(r, what, json_get(input, "zone"));
    check_missing(r, what, json_get(input, "missing"));
    check_time(r, what, input);
    if (json_get(input, "scope") != NULL && json_get_string(input, "scope")[0] != '/') {
        r->mistake(r, json_get(input, "scope"), "%s: the scope must begin with \"/\"",
                   "%s：scope 应以“/”开头", what);
    }
    const struct json *type = find_type(all, type_name);
    if (type == NULL) {
        r->mistake(r, json_get(input, "type"), "%s: the type %s is declared by no pack",
                   "%s：没有应用包声明类型 %s", what, type_name);
    }
    for (const struct json *c = json_first(json_get(input, "attributes")); c != NULL; c = c->next) {
        check_attribute(r, what, c, input, type);
    }
}

void inputs_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                  struct pack_report *r)
{
    if (!section_value(r, section, "inputs", "inputs", MEMBER_LIST, NULL)) {
        return;
    }
    for (const struct json *c = json_first(section); c != NULL; c = c->next) {
        check_input(p, c, all, r);
    }
}
