/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of form fields by kind. */
#include "cases/form.h"

#include <string.h>

#include "base/limits.h"
#include "cases/attachments.h"
#include "hub/section.h"

struct checking {
    struct arena *a;
    struct view *v;
    const struct form_field *field;
    struct error *e;
};

/* Refuses; what says in both languages what the field needs. */
static struct json *refuse(struct checking *x, const char *en, const char *zh)
{
    error_set(x->e, ERROR_BAD_REQUEST_DATA, "%1$s (form field \"%3$s\"): %4$s%2$.0s%5$.0s",
              "%2$s(表单字段“%3$s”):%5$s%1$.0s%4$.0s", section_text(x->field->title, false),
              section_text(x->field->title, true), x->field->name, en, zh);
    return NULL;
}

bool text_valid(const char *text, size_t bytes, bool lines)
{
    size_t length = strlen(text);
    if (length > bytes || !g_utf8_validate(text, (gssize)length, NULL) ||
        strcmp(text, "urn:ngsi-ld:null") == 0) {
        return false;
    }
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if ((c < 0x20 && !(lines && (c == '\n' || c == '\r' || c == '\t'))) || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static struct json *check_text(struct checking *x, const struct json *value)
{
    bool lines = x->field->kind == FORM_LONGTEXT;
    int most = lines ? LIMIT_TEXT : FORM_TEXT_BYTES;
    if (!json_is(value, JSON_STRING) || !text_valid(value->string, (size_t)most, lines)) {
        return refuse(x,
                      lines ? "needs a text of at most 20000 bytes" : "needs one line of at most 1000 bytes",
                      lines ? "须为不超过20000字节的文本" : "须为一行不超过1000字节的文本");
    }
    return json_string(x->a, value->string);
}

static struct json *check_choice(struct checking *x, const struct json *value)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (const struct json *o = json_first(x->field->options); o != NULL; o = o->next) {
        const char *option = json_get_string(o, "value");
        if (json_streq(value, option)) {
            return json_string(x->a, option);
        }
        g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", option);
    }
    g_string_truncate(known, MIN(known->len, 160));
    const char *list = g_utf8_make_valid(known->str, -1);
    struct json *refused =
        refuse(x, arena_printf(x->a, "needs one of: %s", list), arena_printf(x->a, "须为以下之一:%s", list));
    g_free((void *)list);
    return refused;
}

static struct json *check_number(struct checking *x, const struct json *value)
{
    double n = json_number(value);
    if (!json_is_number(value) || n < x->field->min || n > x->field->max) {
        return refuse(x, arena_printf(x->a, "needs a number from %g to %g", x->field->min, x->field->max),
                      arena_printf(x->a, "须为 %g 到 %g 的数字", x->field->min, x->field->max));
    }
    return json_copy(x->a, value);
}

static struct json *check_date(struct checking *x, const struct json *value)
{
    int64_t day;
    if (!json_is(value, JSON_STRING) || !date_parse(value->string, &day)) {
        return refuse(x, "needs a date such as 2026-05-01", "须为日期,例如 2026-05-01");
    }
    return json_string(x->a, value->string);
}

static struct json *check_user(struct checking *x, const struct json *value)
{
    const struct user *u = json_is(value, JSON_STRING) ? identity_find_user(x->v, x->a, value->string) : NULL;
    if (u == NULL) {
        return refuse(x, "needs the sign-in name of an account", "须为已有账号的登录名");
    }
    if (x->field->role != NULL && !user_has_role(u, x->field->role)) {
        return refuse(x, arena_printf(x->a, "%s does not have the role %s", u->name, x->field->role),
                      arena_printf(x->a, "%s 没有角色 %s", u->name, x->field->role));
    }
    return json_string(x->a, u->name);
}

static struct json *check_photo(struct checking *x, const struct json *value)
{
    struct json *list = json_array(x->a);
    const struct json *first = json_is(value, JSON_ARRAY) ? json_first(value) : value;
    bool many = json_is(value, JSON_ARRAY);
    if (many && value->length > FORM_PHOTOS) {
        return refuse(x, "takes at most 10 photos", "最多10张照片");
    }
    for (const struct json *c = first; c != NULL; c = many ? c->next : NULL) {
        const struct attachment *photo =
            json_is(c, JSON_STRING) ? attachment_get(x->v, x->a, c->string) : NULL;
        if (photo == NULL || !attachment_is_image(photo)) {
            return refuse(x, "needs the sha256 of an image sent to POST /api/v1/attachments before",
                          "须为先前通过 POST /api/v1/attachments 上传的图片的 sha256");
        }
        json_append(list, json_string(x->a, photo->sha256));
    }
    return list;
}

static struct json *check_value(struct checking *x, const struct json *value)
{
    switch (x->field->kind) {
    case FORM_CHOICE: return check_choice(x, value);
    case FORM_NUMBER: return check_number(x, value);
    case FORM_DATE: return check_date(x, value);
    case FORM_USER: return check_user(x, value);
    case FORM_PHOTO: return check_photo(x, value);
    case FORM_TEXT:
    case FORM_LONGTEXT:
    case FORM_DEPARTMENT: return check_text(x, value);
    }
    g_assert_not_reached();
}

static bool is_empty(const struct json *value)
{
    return value == NULL || value->type == JSON_NULL || (json_is(value, JSON_STRING) && value->length == 0) ||
           (json_is(value, JSON_ARRAY) && value->length == 0);
}

static bool known_field(const struct action *action, const struct json *member, struct error *e)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (int i = 0; i < action->fields_count; i++) {
        if (strcmp(action->fields[i].name, member->key) == 0) {
            return true;
        }
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", action->fields[i].name);
    }
    g_autofree char *shown = g_utf8_substring(member->key, 0, MIN(g_utf8_strlen(member->key, -1), 60));
    return error_set(e, ERROR_BAD_REQUEST_DATA, "The form of %s has no field \"%s\"; its fields: %s",
                     "操作 %s 的表单没有字段“%s”;现有字段:%s", action->name, shown,
                     known->len > 0 ? known->str : "-");
}

struct json *form_check(struct arena *a, const struct action *action, const struct json *form, struct view *v,
                        struct error *e)
{
    if (form != NULL && !json_is(form, JSON_OBJECT)) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "\"form\" must be an object of field names and values",
                  "form 必须是字段名到值的对象");
        return NULL;
    }
    for (const struct json *m = json_first(form); m != NULL; m = m->next) {
        if (!known_field(action, m, e)) {
            return NULL;
        }
    }
    struct json *checked = json_object(a);
    for (int i = 0; i < action->fields_count; i++) {
        struct checking x = {a, v, &action->fields[i], e};
        const struct json *value = json_get(form, x.field->name);
        if (is_empty(value)) {
            if (x.field->required) {
                return refuse(&x, "must be filled in", "必须填写");
            }
            continue;
        }
        struct json *good = check_value(&x, value);
        if (good == NULL) {
            return NULL;
        }
        json_set(a, checked, x.field->name, good);
    }
    return checked;
}
