/* SPDX-License-Identifier: Apache-2.0 */
/* The text of change records. */
#include "context/record.h"

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
        g_string_append_printf(out, ",\"%s\":", name);
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
    g_string_append_printf(out, ",\"at\":%" PRId64, now);
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

/* An instance without createdAt and modifiedAt. */
static void write_instance(GString *out, const struct json *instance)
{
    char before = '{';
    for (const struct json *m = instance->first; m != NULL; m = m->next) {
        if (!is_time_member(m)) {
            g_string_append_c(out, before);
            json_write_string(out, m->key, m->key_length);
            g_string_append_c(out, ':');
            json_write(out, m);
            before = ',';
        }
    }
    g_string_append_c(out, '}');
}

void record_attrs(GString *out, const struct written_list *list)
{
    g_string_append(out, ",\"attrs\":{");
    for (const struct written *w = list->first, *next; w != NULL; w = next) {
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
            write_instance(out, next->instance);
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
