/* SPDX-License-Identifier: Apache-2.0 */
/* Deleted entities: one row by id, and one a type to find them by. */
#include "context/entity/gone.h"

#include <string.h>

#define BY_ID "gone"
#define BY_TYPE "gone.type"

/* type, a zero byte, id */
static GString *type_key(const char *type, const char *id)
{
    GString *key = g_string_new(type);
    g_string_append_c(key, '\0');
    return g_string_append(key, id);
}

bool gone_put(struct txn *t, const struct json *entity, instant at, struct error *e)
{
    arena_auto a = arena_new();
    const char *id = json_get_string(entity, "id");
    const struct json *scope = json_get(entity, "scope");
    struct json *row = json_object(a);
    json_add(row, "type", json_copy(a, json_get(entity, "type")));
    if (scope != NULL) {
        json_add(row, "scope", json_copy(a, scope));
    }
    json_add(row, "deletedAt", json_int(a, at));
    const char *text = json_text(a, row);
    bool ok = txn_kv_put(t, BY_ID, id, strlen(id), text, strlen(text), e);
    for (const struct json *type = json_first(json_get(row, "type")); type != NULL && ok; type = type->next) {
        g_autoptr(GString) key = type_key(type->string, id);
        ok = txn_kv_put(t, BY_TYPE, key->str, key->len, "", 0, e);
    }
    return ok;
}

struct json *gone_get(struct view *v, struct arena *a, const char *id)
{
    const char *text;
    size_t length;
    if (!view_kv_get(v, a, BY_ID, id, strlen(id), &text, &length)) {
        return NULL;
    }
    struct json *row = json_parse(a, text, length, NULL);
    if (row != NULL) {
        json_add(row, "id", json_string(a, id));
    }
    return row;
}

bool gone_drop(struct txn *t, const char *id, struct error *e)
{
    arena_auto a = arena_new();
    const struct json *row = gone_get(txn_view(t), a, id);
    bool ok = row == NULL || txn_kv_delete(t, BY_ID, id, strlen(id), e);
    for (const struct json *type = json_first(json_get(row, "type")); type != NULL && ok; type = type->next) {
        g_autoptr(GString) key = type_key(type->string, id);
        ok = txn_kv_delete(t, BY_TYPE, key->str, key->len, e);
    }
    return ok;
}

/* ---- all of them ---- */

struct walk {
    struct view *view;
    const char *type; /* NULL = all ids */
    bool (*each)(void *user, const struct json *entity);
    void *user;
    bool stopped;
};

static bool give(struct walk *w, const char *id)
{
    arena_auto a = arena_new();
    const struct json *row = gone_get(w->view, a, id);
    w->stopped = row != NULL && !w->each(w->user, row);
    return !w->stopped;
}

static bool each_key(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct walk *w = user;
    size_t n = w->type != NULL ? strlen(w->type) + 1 : 0;
    if (n > 0 && (key_length < n || memcmp(key, w->type, n) != 0)) {
        return false; /* beyond the type */
    }
    g_autofree char *id = g_strndup((const char *)key + n, key_length - n);
    return give(w, id);
}

void gone_each(struct view *v, const char *const *types, bool (*each)(void *user, const struct json *entity),
               void *user)
{
    struct walk w = {.view = v, .each = each, .user = user};
    if (types == NULL) {
        view_kv_scan(v, BY_ID, NULL, 0, false, each_key, &w);
    }
    for (; types != NULL && *types != NULL && !w.stopped; types++) {
        w.type = *types;
        view_kv_scan(v, BY_TYPE, *types, strlen(*types) + 1, false, each_key, &w);
    }
}
