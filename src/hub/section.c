/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a pack's section held against tables of their members. */
#include "hub/section.h"

#include <string.h>

#include "base/instant.h"

static const struct {
    const char *en, *zh;
} kind_names[] = {
    [MEMBER_STRING] = {"a text (in quotes when it looks like a number)",
                       "一段文字（看起来像数字时请加引号）"},
    [MEMBER_NAME] = {"a name of letters, digits, '-', '_' and '.' that begins with a letter",
                     "以字母开头、由字母、数字、“-”“_”“.”组成的名称"},
    [MEMBER_TEXT] = {"a text, or {zh: …, en: …} with both", "一段文字，或同时含 zh 与 en 的 {zh: …, en: …}"},
    [MEMBER_NUMBER] = {"a number", "数字"},
    [MEMBER_INT] = {"a whole number", "整数"},
    [MEMBER_BOOL] = {"true or false", "true 或 false"},
    [MEMBER_LIST] = {"a list", "列表"},
    [MEMBER_OBJECT] = {"a mapping", "映射"},
    [MEMBER_SPAN] = {"a length of time such as 30s, 10m, 3h, 1d", "时长，例如 30s、10m、3h、1d"},
    [MEMBER_COLOUR] = {"a colour in quotes such as \"#00e400\"", "带引号的颜色，例如 \"#00e400\""},
    [MEMBER_CHOICE] = {"one of", "以下之一："},
    [MEMBER_ANY] = {"a value", "一个值"},
};

static bool non_empty(const struct json *value)
{
    return json_is(value, JSON_STRING) && value->length > 0;
}

/* Is this a text of a pack: a non-empty string, or {zh, en}? */
static bool section_is_text(const struct json *value)
{
    if (json_is(value, JSON_OBJECT)) {
        return value->length == 2 && non_empty(json_get(value, "zh")) && non_empty(json_get(value, "en"));
    }
    return non_empty(value);
}

bool section_is_name(const char *name)
{
    if (!g_ascii_isalpha(name[0])) {
        return false;
    }
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
               strlen(name) &&
           strlen(name) <= 100;
}

static bool is_span(const struct json *value)
{
    int64_t ignored;
    return json_is(value, JSON_STRING) && span_parse(value->string, value->length, &ignored);
}

static bool is_colour(const struct json *value)
{
    return json_is(value, JSON_STRING) && value->length == 7 && value->string[0] == '#' &&
           strspn(value->string + 1, "0123456789abcdefABCDEF") == 6;
}

static bool is_choice(const struct json *value, const char *choices)
{
    if (!non_empty(value) || strchr(value->string, '|') != NULL) {
        return false;
    }
    g_auto(GStrv) words = g_strsplit(choices, "|", -1);
    return g_strv_contains((const char *const *)words, value->string);
}

static bool is_kind(const struct json *value, enum member_kind kind, const char *choices)
{
    switch (kind) {
    case MEMBER_STRING: return non_empty(value);
    case MEMBER_NAME: return json_is(value, JSON_STRING) && section_is_name(value->string);
    case MEMBER_TEXT: return section_is_text(value);
    case MEMBER_NUMBER: return json_is_number(value);
    case MEMBER_INT: return json_is(value, JSON_INT);
    case MEMBER_BOOL: return json_is(value, JSON_BOOL);
    case MEMBER_LIST: return json_is(value, JSON_ARRAY);
    case MEMBER_OBJECT: return json_is(value, JSON_OBJECT);
    case MEMBER_SPAN: return is_span(value);
    case MEMBER_COLOUR: return is_colour(value);
    case MEMBER_CHOICE: return is_choice(value, choices);
    case MEMBER_ANY: return value != NULL;
    }
    return false;
}

bool section_value(struct pack_report *r, const struct json *value, const char *what, const char *name,
                   enum member_kind kind, const char *choices)
{
    if (is_kind(value, kind, choices)) {
        return true;
    }
    g_auto(GStrv) words = g_strsplit(kind == MEMBER_CHOICE ? choices : "", "|", -1);
    g_autofree char *list = g_strjoinv(", ", words);
    g_autofree char *en = g_strdup_printf("%s%s%s", kind_names[kind].en, list[0] != '\0' ? " " : "", list);
    g_autofree char *zh = g_strdup_printf("%s%s", kind_names[kind].zh, list);
    r->mistake(r, value, "%s: \"%s\" must be %s%.0s", "%s：“%s”应为%.0s%s", what, name, en, zh);
    return false;
}

static const struct member *find_member(const struct member *members, const char *name)
{
    for (const struct member *m = members; m->name != NULL; m++) {
        if (strcmp(m->name, name) == 0) {
            return m;
        }
    }
    return NULL;
}

static char *known_names(const struct member *members)
{
    GString *list = g_string_new(NULL);
    for (const struct member *m = members; m->name != NULL; m++) {
        g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", m->name);
    }
    return g_string_free(list, FALSE);
}

bool section_object(struct pack_report *r, const struct json *object, const char *what,
                    const struct member *members)
{
    int before = r->mistakes;
    if (!json_is(object, JSON_OBJECT)) {
        r->mistake(r, object, "%s must be a mapping", "%s 应为映射", what);
        return false;
    }
    for (const struct json *c = json_first(object); c != NULL; c = c->next) {
        const struct member *m = find_member(members, c->key);
        if (m == NULL) {
            g_autofree char *known = known_names(members);
            r->mistake(r, c, "%s: unknown member \"%s\"; known are %s", "%s：不认识的项“%s”，可用的有 %s",
                       what, c->key, known);
        } else {
            section_value(r, c, what, m->name, m->kind, m->choices);
        }
    }
    for (const struct member *m = members; m->name != NULL; m++) {
        if (m->required && json_get(object, m->name) == NULL) {
            r->mistake(r, object, "%s: \"%s\" is missing", "%s：缺少“%s”", what, m->name);
        }
    }
    return r->mistakes == before;
}

const char *section_text(const struct json *text, bool chinese)
{
    if (json_is(text, JSON_STRING)) {
        return text->string;
    }
    const char *wanted = json_get_string(text, chinese ? "zh" : "en");
    const char *other = json_get_string(text, chinese ? "en" : "zh");
    return wanted != NULL ? wanted : other != NULL ? other : "";
}
