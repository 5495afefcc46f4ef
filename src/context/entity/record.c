/* SPDX-License-Identifier: Apache-2.0 */
/* The text of change records. */
#include "context/entity/record.h"

#include "context/entity/entity.h"

#include <inttypes.h>
#include <string.h>

bool is_time_member(const struct json *m)
{
    return (m->key_length == 9 && memcmp(m->key, "createdAt", 9) == 0) ||
           (m->key_length == 10 && memcmp(m->key, "modifiedAt", 10) == 0);
}

void record_member(GString *out, const char *name, const struct json *value)
{
    if (value != NULL) {
        g_string_append(out, ",\"");
        g_string_append(out, name);
        g_string_append_len(out, "\":", 2);
        json_write(out, value);
    }
}

void record_start(GString *out, const char *op, const char *id, const struct json *types, instant now)
{
    g_string_append(out, "{\"op\":\"");
    g_string_append(out, op);
    g_string_append(out, "\",\"id\":");
    json_write_string(out, id, strlen(id));
    record_member(out, "type", types);
    struct json at = {.type = JSON_INT, .integer = now};
    record_member(out, "at", &at);
}

uint64_t record_end(struct txn *t, GString *out, const char *by)
{
    if (by != NULL) {
        g_string_append(out, ",\"by\":");
        json_write_string(out, by, strlen(by));
    }
    g_string_append_c(out, '}');
    return txn_log(t, out->str, out->len);
}

/* An instance without createdAt and modifiedAt. True when it has neither: the text is all of it. */
static bool write_instance(GString *out, const struct json *instance)
{
    char before = '{';
    bool all = true;
    for (const struct json *m = instance->first; m != NULL; m = m->next) {
        if (is_time_member(m)) {
            all = false;
            continue;
        }
        g_string_append_c(out, before);
        json_write_string(out, m->key, m->key_length);
        g_string_append_c(out, ':');
        json_write(out, m);
        before = ',';
    }
    g_string_append_c(out, '}');
    return all;
}

/* Writes it and remembers where its text is. */
static void write_one(GString *out, struct written *w)
{
    w->at = out->len;
    bool all = write_instance(out, w->instance);
    w->length = all ? out->len - w->at : 0;
}

void record_attrs(GString *out, struct written_list *list)
{
    g_string_append(out, ",\"attrs\":{");
    for (struct written *w = list->first, *next; w != NULL; w = next) {
        if (w != list->first) {
            g_string_append_c(out, ',');
        }
        json_write_string(out, w->named->key, w->named->key_length);
        g_string_append_c(out, ':');
        bool several = w->next != NULL && w->next->named == w->named;
        for (next = w; next != NULL && next->named == w->named; next = next->next) {
            if (several) {
                g_string_append_c(out, next == w ? '[' : ',');
            }
            write_one(out, next);
        }
        if (several) {
            g_string_append_c(out, ']');
        }
    }
    g_string_append_c(out, '}');
}

/* ---- what was before ---- */

static gint before_needed;

void record_need_before(int delta)
{
    g_atomic_int_add(&before_needed, delta);
}

bool record_before_needed(void)
{
    return g_atomic_int_get(&before_needed) > 0;
}

static void write_before(GString *out, const struct json *old, const char *name, size_t length)
{
    const struct json *attribute = json_getn(old, name, length);
    if (attribute == NULL) {
        return;
    }
    if (out->str[out->len - 1] != '{') {
        g_string_append_c(out, ',');
    }
    json_write_string(out, name, length);
    g_string_append_c(out, ':');
    json_write(out, attribute);
}

void record_before(GString *out, const struct json *old, const struct written_list *written,
                   const struct json *gone)
{
    const struct json *last = NULL;
    g_string_append(out, ",\"was\":{");
    for (const struct written *w = written->first; w != NULL; w = w->next) {
        if (w->named != last) {
            write_before(out, old, w->named->key, w->named->key_length);
        }
        last = w->named;
    }
    for (const struct json *g = json_first(gone); g != NULL; g = g->next) {
        size_t length = strcspn(g->string, " ");
        g_autofree char *name = g_strndup(g->string, length);
        bool written_too = false;
        for (const struct written *w = written->first; w != NULL && !written_too; w = w->next) {
            written_too = strcmp(w->named->key, name) == 0;
        }
        if (!written_too) {
            write_before(out, old, name, length);
        }
    }
    g_string_append_c(out, '}');
}

static void write_ended(GString *out, const struct json *instance, bool first)
{
    static const char *const kept[] = {"type", "unitCode", "observedAt", "datasetId"};
    char before = '{';
    g_string_append(out, first ? "" : ",");
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        const struct json *m = json_get(instance, kept[i]);
        if (m != NULL) {
            g_string_append_printf(out, "%c\"%s\":", before, kept[i]);
            json_write(out, m);
            before = ',';
        }
    }
    g_string_append(out, before == '{' ? "{}" : "}");
}

static void open_ended(GString *out, const struct json *named, bool first)
{
    g_string_append(out, first ? ",\"ended\":{" : ",");
    json_write_string(out, named->key, named->key_length);
    g_string_append(out, ":[");
}

void record_ended(GString *out, const struct written_list *list)
{
    for (const struct written *w = list->first, *next; w != NULL; w = next) {
        open_ended(out, w->named, w == list->first);
        for (next = w; next != NULL && next->named == w->named; next = next->next) {
            write_ended(out, next->instance, next == w);
        }
        g_string_append_c(out, ']');
    }
    g_string_append(out, list->first != NULL ? "}" : "");
}

void record_all_ended(GString *out, const struct json *entity)
{
    bool first = true;
    for (const struct json *m = json_first(entity); m != NULL; m = m->next) {
        if (!entity_is_attribute(m)) {
            continue;
        }
        open_ended(out, m, first);
        for (const struct json *i = instance_first(m); i != NULL; i = instance_next(m, i)) {
            write_ended(out, i, i == instance_first(m));
        }
        g_string_append_c(out, ']');
        first = false;
    }
    g_string_append(out, first ? "" : "}");
}
