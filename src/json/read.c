/* SPDX-License-Identifier: Apache-2.0 */
/* Objects read by tables. */
#include <string.h>

#include "base/instant.h"
#include "json/json.h"

static bool is_text(const struct json *v)
{
    if (json_is(v, JSON_STRING)) {
        return true;
    }
    if (!json_is(v, JSON_OBJECT) || v->length == 0) {
        return false;
    }
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        if (!json_is(c, JSON_STRING) || (strcmp(c->key, "zh") != 0 && strcmp(c->key, "en") != 0)) {
            return false;
        }
    }
    return true;
}

/* Stores v at its place; false when it has another type than the field. */
static bool store_field(const struct json_field *f, const struct json *v, char *at)
{
    switch (f->type) {
    case FIELD_STRING:
        if (json_is(v, JSON_STRING)) {
            memcpy(at, &v->string, sizeof v->string);
            return true;
        }
        return false;
    case FIELD_INT:
        if (json_is(v, JSON_INT)) {
            memcpy(at, &v->integer, sizeof v->integer);
            return true;
        }
        return false;
    case FIELD_DOUBLE:
        if (json_is_number(v)) {
            double number = json_number(v);
            memcpy(at, &number, sizeof number);
            return true;
        }
        return false;
    case FIELD_BOOL:
        if (json_is(v, JSON_BOOL)) {
            memcpy(at, &v->boolean, sizeof v->boolean);
            return true;
        }
        return false;
    case FIELD_SPAN: {
        int64_t span;
        if (json_is(v, JSON_STRING) && span_parse(v->string, v->length, &span)) {
            memcpy(at, &span, sizeof span);
            return true;
        }
        return false;
    }
    case FIELD_ARRAY:
    case FIELD_OBJECT:
    case FIELD_TEXT:
    case FIELD_ANY: break;
    }
    if ((f->type == FIELD_ARRAY && v->type != JSON_ARRAY) ||
        (f->type == FIELD_OBJECT && v->type != JSON_OBJECT) || (f->type == FIELD_TEXT && !is_text(v))) {
        return false;
    }
    memcpy(at, &v, sizeof v);
    return true;
}

static bool wrong_type(const struct json_field *f, struct error *e)
{
    static const char *const en[] = {"a text",
                                     "a whole number",
                                     "a number",
                                     "true or false",
                                     "a list",
                                     "an object",
                                     "of another kind",
                                     "a span such as 10m or PT10M",
                                     "a text or {zh, en}"};
    static const char *const zh[] = {"文本",           "整数", "数字",     "true 或 false",
                                     "列表",           "对象", "其他类型", "时长，例如 10m 或 PT10M",
                                     "文本或 {zh, en}"};
    return error_set(e, ERROR_BAD_REQUEST_DATA, "%1$s must be %2$s%3$.0s", "%1$s 必须是%3$s%2$.0s", f->name,
                     en[f->type], zh[f->type]);
}

static bool unknown_member(const struct json *member, const struct json_field *fields, struct error *e)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (const struct json_field *f = fields; f->name != NULL; f++) {
        g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", f->name);
    }
    g_autofree char *shown = g_utf8_substring(member->key, 0, MIN(g_utf8_strlen(member->key, -1), 60));
    return error_set(e, ERROR_BAD_REQUEST_DATA, "Unknown member \"%s\"; known are: %s",
                     "未知的成员“%s”；可用的有：%s", shown, known->str);
}

static const struct json_field *find_field(const struct json_field *fields, const char *name)
{
    for (const struct json_field *f = fields; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

static bool at_line(const struct json *where, struct error *e)
{
    if (where->line > 0 && e != NULL) {
        error_prefix(e, "%u", where->line);
    }
    return false;
}

bool json_read(const struct json *object, const struct json_field *fields, void *out, bool others,
               struct error *e)
{
    if (!json_is(object, JSON_OBJECT)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "An object is needed here", "此处需要一个对象");
    }
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        const struct json_field *f = find_field(fields, m->key);
        if (f == NULL && !others) {
            unknown_member(m, fields, e);
            return at_line(m, e);
        }
        if (f != NULL && !store_field(f, m, (char *)out + f->offset)) {
            wrong_type(f, e);
            return at_line(m, e);
        }
    }
    for (const struct json_field *f = fields; f->name != NULL; f++) {
        if (f->required && json_get(object, f->name) == NULL) {
            error_set(e, ERROR_BAD_REQUEST_DATA, "%s is missing", "缺少 %s", f->name);
            return at_line(object, e);
        }
    }
    return true;
}
