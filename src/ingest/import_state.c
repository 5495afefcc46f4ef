/* SPDX-License-Identifier: Apache-2.0 */
/* The state of imports: how it is kept and shown. */
#include <string.h>

#include "base/limits.h"
#include "ingest/import.h"
#include "ingest/rejected.h"

static const char space[] = "ingest.imports";

/* ---- state ---- */

void import_clear(struct import *i)
{
    g_free(i->input);
    g_free(i->file);
    g_free(i->file_name);
    g_free(i->digest);
    g_free(i->encoding);
    g_free(i->error_en);
    g_free(i->error_zh);
    memset(i, 0, sizeof *i);
}

static void add_time(struct arena *a, struct json *o, const char *name, instant at)
{
    char text[INSTANT_TEXT];
    json_add(o, name, at != 0 ? json_string(a, instant_format(at, text)) : json_null(a));
}

static struct json *import_json(struct arena *a, const struct import *i)
{
    struct json *o = json_object(a);
    json_add(o, "id", json_string(a, i->id));
    json_add(o, "input", json_string(a, i->input));
    json_add(o, "fileName", json_string(a, i->file_name));
    json_add(o, "state", json_string(a, i->state));
    json_add(o, "encoding", json_string(a, i->encoding));
    json_add(o, "bytes", json_int(a, i->bytes));
    json_add(o, "totalBytes", json_int(a, i->total_bytes));
    json_add(o, "rows", json_int(a, i->rows));
    json_add(o, "accepted", json_int(a, i->accepted));
    json_add(o, "rejected", json_int(a, i->rejected));
    json_add(o, "partial", json_int(a, i->partial));
    add_time(a, o, "startedAt", i->started_at);
    add_time(a, o, "finishedAt", i->finished_at);
    if (i->error_en != NULL) {
        struct json *reason = json_add(o, "reason", json_object(a));
        json_add(reason, "zh", json_string(a, i->error_zh));
        json_add(reason, "en", json_string(a, i->error_en));
    }
    json_add(o, "digest", json_string(a, i->digest));
    json_add(o, "file", json_string(a, i->file));
    json_add(o, "line", json_int(a, i->line));
    json_add(o, "byCommand", json_bool(a, i->by_command));
    return o;
}

static instant read_instant(const struct json *o, const char *name)
{
    const char *text = json_get_string(o, name);
    instant at = 0;
    return text != NULL && instant_parse(text, strlen(text), NULL, &at) ? at : 0;
}

static void import_read(struct import *i, const struct json *o)
{
    const char *state = json_get_string(o, "state");
    const struct json *reason = json_get(o, "reason");
    memset(i, 0, sizeof *i);
    g_strlcpy(i->id, json_get_string(o, "id"), sizeof i->id);
    i->input = g_strdup(json_get_string(o, "input"));
    i->file = g_strdup(json_get_string(o, "file"));
    i->file_name = g_strdup(json_get_string(o, "fileName"));
    i->digest = g_strdup(json_get_string(o, "digest"));
    i->encoding = g_strdup(json_get_string(o, "encoding"));
    i->error_en = g_strdup(json_get_string(reason, "en"));
    i->error_zh = g_strdup(json_get_string(reason, "zh"));
    i->state = strcmp(state, "done") == 0 ? "done" : strcmp(state, "failed") == 0 ? "failed" : "running";
    i->by_command = json_get_bool(o, "byCommand", false);
    i->started_at = read_instant(o, "startedAt");
    i->finished_at = read_instant(o, "finishedAt");
    i->bytes = json_get_int(o, "bytes", 0);
    i->total_bytes = json_get_int(o, "totalBytes", 0);
    i->line = json_get_int(o, "line", 1);
    i->rows = json_get_int(o, "rows", 0);
    i->accepted = json_get_int(o, "accepted", 0);
    i->rejected = json_get_int(o, "rejected", 0);
    i->partial = json_get_int(o, "partial", 0);
}

/* For the outside: without paths, and "interrupted" for what nobody is working on. */
static struct json *for_outside(struct arena *a, struct json *o)
{
    if (json_get_bool(o, "byCommand", false) && json_streq(json_get(o, "state"), "running")) {
        json_set(a, o, "state", json_string(a, "interrupted"));
    }
    json_remove(o, "file");
    json_remove(o, "byCommand");
    return o;
}

struct json *import_describe(struct view *v, struct arena *a, const char *id)
{
    const char *value;
    size_t length;
    if (!view_kv_get(v, a, space, id, strlen(id), &value, &length)) {
        return NULL;
    }
    struct json *o = json_parse(a, value, length, NULL);
    return o != NULL ? for_outside(a, o) : NULL;
}

struct listing {
    struct arena *arena;
    struct json *items;
    int64_t offset, limit, total;
};

static bool list_one(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct listing *l = user;
    if (l->total++ >= l->offset && l->items->length < l->limit) {
        struct json *o = json_parse(l->arena, value, value_length, NULL);
        if (o != NULL) {
            json_append(l->items, for_outside(l->arena, o));
        }
    }
    return true;
}

struct json *import_list(struct view *v, struct arena *a, int64_t offset, int64_t limit)
{
    struct listing l = {a, json_array(a), offset, limit, 0};
    view_kv_scan(v, space, NULL, 0, true, list_one, &l);
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, l.total));
    json_add(body, "items", l.items);
    return body;
}

struct search {
    const char *input, *digest;
    struct import *found;
};

static bool look_at(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct search *s = user;
    arena_auto a = arena_new();
    const struct json *o = json_parse(a, value, value_length, NULL);
    if (!json_streq(json_get(o, "state"), "running") || !json_streq(json_get(o, "input"), s->input) ||
        !json_streq(json_get(o, "digest"), s->digest)) {
        return true;
    }
    import_read(s->found, o);
    s->found = NULL;
    return false;
}

bool import_unfinished(struct view *v, const char *input, const char *digest, struct import *i)
{
    struct search s = {input, digest, i};
    view_kv_scan(v, space, NULL, 0, true, look_at, &s);
    return s.found == NULL;
}

/* Imports that the hub has to go on with. */
static bool gather_running(void *user, const void *key, size_t key_length, const char *value,
                           size_t value_length)
{
    arena_auto a = arena_new();
    const struct json *o = json_parse(a, value, value_length, NULL);
    if (json_streq(json_get(o, "state"), "running") && !json_get_bool(o, "byCommand", false)) {
        struct import *i = g_new0(struct import, 1);
        import_read(i, o);
        g_queue_push_tail(user, i);
    }
    return true;
}

void import_each_running(struct view *v, GQueue *queue)
{
    view_kv_scan(v, space, NULL, 0, false, gather_running, queue);
}

bool import_put(struct txn *t, const struct import *i, struct error *e)
{
    arena_auto a = arena_new();
    const char *text = json_text(a, import_json(a, i));
    return txn_kv_put(t, space, i->id, strlen(i->id), text, strlen(text), e);
}

struct save_job {
    struct store_job job;
    const struct import *import;
};

static bool apply_save(struct store_job *job, struct txn *t, struct error *e)
{
    return import_put(t, ((struct save_job *)job)->import, e);
}

bool import_save(struct store *s, struct import *i, struct error *e)
{
    struct save_job job = {.job = {.apply = apply_save}, .import = i};
    return store_run(s, &job.job, e);
}

/* ---- forgetting ---- */

struct old_imports {
    GPtrArray *ids;
    int64_t kept;
};

static bool gather_old(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct old_imports *o = user;
    arena_auto a = arena_new();
    const struct json *import = json_parse(a, value, value_length, NULL);
    if (++o->kept > LIMIT_IMPORTS && !json_streq(json_get(import, "state"), "running")) {
        g_ptr_array_add(o->ids, g_strndup(key, key_length));
    }
    return true;
}

static bool apply_forget(struct store_job *job, struct txn *t, struct error *e)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    struct old_imports o = {ids, 0};
    view_kv_scan(txn_view(t), space, NULL, 0, true, gather_old, &o);
    for (guint i = 0; i < ids->len; i++) {
        const char *id = ids->pdata[i];
        if (!rejected_rows_delete(t, id, e) || !txn_kv_delete(t, space, id, strlen(id), e)) {
            return false;
        }
    }
    return true;
}

bool import_forget_old(struct store *s, struct error *e)
{
    struct store_job job = {.apply = apply_forget};
    return store_run(s, &job, e);
}
