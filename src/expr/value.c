/* SPDX-License-Identifier: Apache-2.0 */
/* The values of formulas, and how they are read from stored entities. */
#include <math.h>
#include <string.h>

#include "expr/expr.h"

struct value value_number(double n)
{
    return isfinite(n) ? (struct value){.kind = VALUE_NUMBER, .number = n}
                       : (struct value){.kind = VALUE_MISSING};
}

struct value value_string(const char *text)
{
    return text != NULL ? (struct value){.kind = VALUE_STRING, .string = text}
                        : (struct value){.kind = VALUE_MISSING};
}

struct value value_bool(bool b)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = b};
}

struct value value_of_json(const struct json *j)
{
    if (json_is_number(j)) {
        return value_number(json_number(j));
    }
    if (json_is(j, JSON_STRING)) {
        return value_string(j->string);
    }
    if (json_is(j, JSON_BOOL)) {
        return value_bool(j->boolean);
    }
    const struct json *typed = json_get(j, "@value");
    return json_is(typed, JSON_OBJECT) || typed == NULL ? (struct value){.kind = VALUE_MISSING}
                                                        : value_of_json(typed);
}

const struct json *default_instance(const struct json *attribute)
{
    if (!json_is(attribute, JSON_ARRAY)) {
        return attribute;
    }
    for (const struct json *c = json_first(attribute); c != NULL; c = c->next) {
        if (json_get(c, "datasetId") == NULL) {
            return c;
        }
    }
    return NULL;
}

struct value value_of_attribute(const struct json *entity, const char *attribute)
{
    const struct json *member = json_get(entity, attribute);
    if (strcmp(attribute, "id") == 0) {
        return value_of_json(member);
    }
    if (strcmp(attribute, "type") == 0) {
        return value_of_json(json_is(member, JSON_ARRAY) ? json_first(member) : member);
    }
    const struct json *instance = default_instance(member);
    const struct json *texts = json_get(instance, "languageMap");
    if (texts != NULL) {
        const struct json *zh = json_get(texts, "zh");
        return value_of_json(zh != NULL ? zh : json_first(texts));
    }
    static const char *const names[] = {"value", "object", "vocab", "json"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct json *value = json_get(instance, names[i]);
        if (value != NULL) {
            return value_of_json(value);
        }
    }
    return (struct value){.kind = VALUE_MISSING};
}
