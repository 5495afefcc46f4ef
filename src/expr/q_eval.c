/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled q expressions against entities in stored form. */
#include <string.h>

#include "expr/q_tree.h"

enum { MAX_READS = 1000 }; /* other entities read for one answer */

struct evaluation {
    const struct q_reader *reader;
    int reads;
};

/* ---- one value against one of the query ---- */

static int sign(double d)
{
    return (d > 0) - (d < 0);
}

static int compare_times(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static bool text_instant(const struct json *j, instant *at)
{
    return j->length >= 20 && j->length <= 40 && instant_parse(j->string, j->length, NULL, at);
}

static bool compare_text(const struct json *j, const struct q_value *v, int *order)
{
    instant a, b;
    size_t n = strlen(v->text);
    bool times = n >= 20 && n <= 40 && text_instant(j, &a) && instant_parse(v->text, n, NULL, &b);
    *order = times ? compare_times(a, b) : strcmp(j->string, v->text);
    return true;
}

static bool compare_string(const struct json *j, const struct q_value *v, int *order)
{
    int64_t at;
    switch (v->kind) {
    case Q_TEXT: return compare_text(j, v, order);
    case Q_DATE_TIME:
        if (text_instant(j, &at)) {
            *order = compare_times(at, v->at);
            return true;
        }
        return false;
    case Q_DATE: *order = strcmp(j->string, v->text); return j->length == 10 && j->string[4] == '-';
    case Q_TIME:
        if (day_time_parse(j->string, j->length, &at)) {
            *order = compare_times(at, v->at);
            return true;
        }
        return false;
    default: return false;
    }
}

/* False when the two are of different kinds; else *order is <0, 0, >0. */
static bool compare(const struct json *j, const struct q_value *v, int *order)
{
    if (json_is_number(j) && v->kind == Q_NUMBER) {
        *order = sign(json_number(j) - v->number);
        return true;
    }
    if (json_is(j, JSON_BOOL) && v->kind == Q_BOOL) {
        *order = (int)j->boolean - (int)v->boolean;
        return true;
    }
    return json_is(j, JSON_STRING) && compare_string(j, v, order);
}

static bool equals_one(const struct json *j, const struct q_term *t)
{
    int low, high;
    if (t->is_range) {
        return compare(j, &t->values[0], &low) && compare(j, &t->values[1], &high) && low >= 0 && high <= 0;
    }
    for (int i = 0; i < t->values_count; i++) {
        if (compare(j, &t->values[i], &low) && low == 0) {
            return true;
        }
    }
    return false;
}

/* {"@type": "DateTime", "@value": …} and {"object": …} (in an objectList) stand for what they hold. */
static const struct json *inner(const struct json *j)
{
    if (json_is(j, JSON_OBJECT)) {
        const struct json *value = json_get(j, "@value");
        const struct json *object = json_get(j, "object");
        return value != NULL ? value : object != NULL ? object : j;
    }
    return j;
}

/* The value itself or, of an array, any element. */
static bool equals(const struct json *j, const struct q_term *t)
{
    j = inner(j);
    if (!json_is(j, JSON_ARRAY)) {
        return equals_one(j, t);
    }
    for (const struct json *c = json_first(j); c != NULL; c = c->next) {
        if (equals_one(inner(c), t)) {
            return true;
        }
    }
    return false;
}

static bool ordered(const struct json *j, const struct q_term *t)
{
    int order;
    if (!compare(inner(j), &t->values[0], &order)) {
        return false;
    }
    switch (t->op) {
    case Q_GREATER: return order > 0;
    case Q_GREATER_EQUAL: return order >= 0;
    case Q_LESS: return order < 0;
    default: return order <= 0;
    }
}

/* 1 matches, 0 does not, -1 cannot say: no text, or the match limit was reached. */
static int like(const struct json *j, const struct q_term *t)
{
    j = inner(j);
    if (!json_is(j, JSON_STRING)) {
        return -1;
    }
    g_autoptr(GError) error = NULL;
    bool found = g_regex_match_full(t->pattern, j->string, j->length, 0, 0, NULL, &error);
    return error != NULL ? -1 : found;
}

static bool value_matches(const struct json *j, const struct q_term *t)
{
    switch (t->op) {
    case Q_EXISTS: return true;
    case Q_EQUAL: return equals(j, t);
    case Q_UNEQUAL: return !equals(j, t);
    case Q_LIKE: return like(j, t) == 1;
    case Q_UNLIKE: return like(j, t) == 0;
    default: return ordered(j, t);
    }
}

/* ---- one instance of an attribute ---- */

/* Some language for which the term holds; "not equal" and "not like" must hold for all. */
static bool any_language_matches(const struct json *map, const struct q_term *t)
{
    bool every = t->op == Q_UNEQUAL || t->op == Q_UNLIKE;
    if (t->op == Q_EXISTS || json_first(map) == NULL) {
        return t->op == Q_EXISTS;
    }
    for (const struct json *c = json_first(map); c != NULL; c = c->next) {
        if (value_matches(c, t) != every) {
            return !every;
        }
    }
    return every;
}

static const struct json *language(const struct json *map, const char *tag)
{
    for (const struct json *c = json_first(map); c != NULL; c = c->next) {
        if (g_ascii_strcasecmp(c->key, tag) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool language_matches(const struct json *map, const struct q_term *t)
{
    if (t->members_count == 0 || strcmp(t->members[0], "*") == 0) {
        return any_language_matches(map, t);
    }
    const struct json *value = language(map, t->members[0]);
    return value != NULL && t->members_count == 1 && value_matches(value, t);
}

/* The member of an instance that carries its value. */
static const struct json *carried(const struct json *instance)
{
    static const char *const names[] = {"value", "object", "vocab", "json", "valueList", "objectList"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct json *value = json_get(instance, names[i]);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

static bool is_order(enum q_operator op)
{
    return op != Q_EXISTS && op != Q_EQUAL && op != Q_UNEQUAL;
}

static bool is_one_of(const struct json *name, const struct q_term *t)
{
    for (int i = 0; i < t->values_count; i++) {
        if (t->values[i].name != NULL && json_streq(name, t->values[i].name)) {
            return true;
        }
    }
    return false;
}

/* A VocabProperty holds names: what is no IRI, and was not expanded to one, is none of them. */
static bool vocab_matches(const struct json *vocab, const struct q_term *t)
{
    bool found = is_one_of(vocab, t);
    for (const struct json *c = json_is(vocab, JSON_ARRAY) ? vocab->first : NULL; c != NULL; c = c->next) {
        found = found || is_one_of(c, t);
    }
    return found == (t->op == Q_EQUAL);
}

static bool instance_matches(const struct json *instance, const struct q_term *t)
{
    const struct json *map = json_get(instance, "languageMap");
    if (map != NULL) {
        return language_matches(map, t);
    }
    const char *type = json_get_string(instance, "type");
    if (is_order(t->op) && (g_str_equal(type, "Relationship") || g_str_equal(type, "ListRelationship"))) {
        return false;
    }
    const struct json *value = carried(instance);
    if (t->members_count == 0 && (t->op == Q_EQUAL || t->op == Q_UNEQUAL) &&
        g_str_equal(type, "VocabProperty")) {
        return vocab_matches(value, t);
    }
    for (int i = 0; i < t->members_count; i++) {
        value = json_get(value, t->members[i]);
    }
    return value != NULL && value_matches(value, t);
}

/* A member that is no attribute: observedAt, unitCode, createdAt (kept in microseconds), … */
static bool plain_matches(const struct json *j, const struct q_term *t)
{
    char text[INSTANT_TEXT];
    struct json as_text = {.type = JSON_STRING};
    if (t->members_count > 0) {
        return false;
    }
    if (json_is(j, JSON_INT) && g_str_has_suffix(t->path[t->path_count - 1], "At")) {
        as_text.string = instant_format(j->integer, text);
        as_text.length = (uint32_t)strlen(text);
        j = &as_text;
    }
    return value_matches(j, t);
}

/* node is what path[depth] names; an array of objects holds instances, any of which may match. */
static bool path_matches(const struct json *entity, const struct json *node, const struct q_term *t,
                         int depth)
{
    if (json_is(node, JSON_ARRAY) && json_is(json_first(node), JSON_OBJECT)) {
        for (const struct json *c = json_first(node); c != NULL; c = c->next) {
            if (path_matches(entity, c, t, depth)) {
                return true;
            }
        }
        return false;
    }
    if (depth + 1 < t->path_count) {
        const char *name = t->path[depth + 1];
        const struct json *next = json_get(node, name);
        if (next == NULL && depth == 0 &&
            (strcmp(name, "createdAt") == 0 || strcmp(name, "modifiedAt") == 0)) {
            next = json_get(entity, name); /* an instance has its own only where they differ */
        }
        return next != NULL && path_matches(entity, next, t, depth + 1);
    }
    return json_get_string(node, "type") != NULL ? instance_matches(node, t) : plain_matches(node, t);
}

/* ---- linked entities ---- */

static bool has_any_type(const struct json *entity, const char *const *types)
{
    for (const struct json *c = json_first(json_get(entity, "type")); c != NULL; c = c->next) {
        for (const char *const *t = types; *t != NULL; t++) {
            if (json_streq(c, *t)) {
                return true;
            }
        }
    }
    return false;
}

static bool term_matches(const struct q_term *t, const struct q_hop *hop, const struct json *entity,
                         struct evaluation *ev);

static bool target_matches(const struct q_term *t, const struct q_hop *hop, const struct json *id,
                           struct evaluation *ev)
{
    id = inner(id);
    if (!json_is(id, JSON_STRING) || ev->reader == NULL || ++ev->reads > MAX_READS) {
        return false;
    }
    const struct json *entity = ev->reader->entity(ev->reader->user, id->string);
    return entity != NULL && (hop->types == NULL || has_any_type(entity, hop->types)) &&
           term_matches(t, hop->next, entity, ev);
}

static bool relationship_matches(const struct q_term *t, const struct q_hop *hop, const struct json *instance,
                                 struct evaluation *ev)
{
    const struct json *targets = carried(instance);
    if (!json_is(targets, JSON_ARRAY)) {
        return targets != NULL && target_matches(t, hop, targets, ev);
    }
    for (const struct json *c = json_first(targets); c != NULL; c = c->next) {
        if (target_matches(t, hop, c, ev)) {
            return true;
        }
    }
    return false;
}

static bool term_matches(const struct q_term *t, const struct q_hop *hop, const struct json *entity,
                         struct evaluation *ev)
{
    if (hop == NULL) {
        const struct json *node = json_get(entity, t->path[0]);
        return node != NULL && path_matches(entity, node, t, 0);
    }
    const struct json *node = json_get(entity, hop->attribute);
    if (!json_is(node, JSON_ARRAY)) {
        return node != NULL && relationship_matches(t, hop, node, ev);
    }
    for (const struct json *c = json_first(node); c != NULL; c = c->next) {
        if (relationship_matches(t, hop, c, ev)) {
            return true;
        }
    }
    return false;
}

static bool node_matches(const struct q_node *node, const struct json *entity, struct evaluation *ev)
{
    if (node->kind == Q_TERM) {
        return term_matches(node->term, node->term->hops, entity, ev);
    }
    bool stop_at = node->kind == Q_OR;
    for (const struct q_node *n = node->first; n != NULL; n = n->next) {
        if (node_matches(n, entity, ev) == stop_at) {
            return stop_at;
        }
    }
    return !stop_at;
}

bool q_matches(const struct q *q, const struct json *entity, const struct q_reader *reader)
{
    struct evaluation ev = {.reader = reader};
    return node_matches(q->root, entity, &ev);
}
