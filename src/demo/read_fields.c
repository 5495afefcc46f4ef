/* SPDX-License-Identifier: Apache-2.0 */
/* Members of sections: numbers, ranges, spans, and tables of them; mistakes with their lines. */
#include <string.h>

#include "demo/read.h"

/* The sentence without the line that json_read put before it: the report adds its own. */
static const char *without_line(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && strncmp(text + digits, ": ", 2) == 0 ? text + digits + 2 : text;
}

/* Where a field took the node itself, it shall be the one of the tree: a report knows files by nodes. */
static void keep_original(const struct json *m, const struct json_field *fields, void *out)
{
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, m->key) == 0 && fields->type >= FIELD_ARRAY && fields->type != FIELD_SPAN) {
            memcpy((char *)out + fields->offset, &m, sizeof m);
        }
    }
}

/* Reads one member as an object of its own, so that each mistake is told at its own line. */
static void read_member(struct reader *r, const struct json *m, const struct json_field *fields, void *out)
{
    struct error e = {0};
    struct json one = *m;
    struct json alone = {.type = JSON_OBJECT, .line = m->line, .length = 1};
    one.next = NULL;
    alone.first = alone.last = &one;
    if (!json_read(&alone, fields, out, false, &e)) {
        mistake(r, m, "%1$s%2$.0s", "%1$.0s%2$s", without_line(e.en), without_line(e.zh));
        return;
    }
    keep_original(m, fields, out);
}

enum { MOST_FIELDS = 24 };

/* As json_read, but tells all mistakes. False when there was one. */
bool read_fields(struct reader *r, const struct json *object, const struct json_field *fields, void *out)
{
    struct json_field optional[MOST_FIELDS] = {0};
    int before = r->mistakes;
    if (!json_is(object, JSON_OBJECT)) {
        mistake(r, object, "Names with values are needed here", "此处需要“名称: 值”的映射");
        return false;
    }
    for (int i = 0; fields[i].name != NULL; i++) {
        g_assert(i < MOST_FIELDS - 1);
        optional[i] = fields[i];
        optional[i].required = false;
    }
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        read_member(r, m, optional, out);
    }
    for (; fields->name != NULL; fields++) {
        if (fields->required && json_get(object, fields->name) == NULL) {
            mistake(r, object, "%s is missing", "缺少 %s", fields->name);
        }
    }
    return r->mistakes == before;
}

bool read_numbers(struct reader *r, const struct json *list, int count, double *out)
{
    bool good = json_is(list, JSON_ARRAY) && list->length == (uint32_t)count;
    int i = 0;
    for (const struct json *n = json_first(list); good && n != NULL; n = n->next) {
        good = json_is_number(n);
        out[i++] = json_number(n);
    }
    if (!good) {
        mistake(r, list, "%s must be a list of %d numbers", "%s 必须是 %d 个数的列表", list->key, count);
    }
    return good;
}

/* A number, or [low, high]. */
void read_range(struct reader *r, const struct json *v, struct range *out)
{
    double pair[2];
    if (v == NULL) {
        return;
    }
    if (json_is_number(v)) {
        *out = (struct range){json_number(v), json_number(v)};
    } else if (read_numbers(r, v, 2, pair)) {
        *out = (struct range){pair[0], pair[1]};
    }
}

/* [shortest, longest] as spans. */
void read_spans(struct reader *r, const struct json *list, int64_t *shortest, int64_t *longest)
{
    const struct json *low = json_first(list);
    const struct json *high = low != NULL ? low->next : NULL;
    if (!json_is(low, JSON_STRING) || !json_is(high, JSON_STRING) || high->next != NULL ||
        !span_parse(low->string, low->length, shortest) || !span_parse(high->string, high->length, longest) ||
        *shortest <= 0 || *longest < *shortest) {
        mistake(r, list, "%s must be [shortest, longest], such as [5m, 20m]",
                "%s 必须是 [最短, 最长]，例如 [5m, 20m]", list->key);
        *shortest = *longest = INSTANT_SECOND;
    }
}

bool read_every(struct reader *r, const struct json *where, int64_t every)
{
    if (every < INSTANT_SECOND) {
        mistake(r, where, "every must be 1s or longer", "every 至少为 1s");
        return false;
    }
    return true;
}
