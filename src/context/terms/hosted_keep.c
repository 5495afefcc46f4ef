/* SPDX-License-Identifier: Apache-2.0 */
/* Kept @contexts: written, removed, read at the start, and made for subscriptions. */
#include <string.h>

#include "base/log.h"
#include "context/terms/hosted_inside.h"

/* ---- writing ---- */

bool hosted_put(struct hosted_put *p, struct txn *t, struct arena *a, struct error *e)
{
    struct hosted_info there;
    bool exists = hosted_describe(a, p->key, &there);
    if (exists && (!p->replace || there.file != NULL)) {
        return error_set(e, ERROR_ALREADY_EXISTS, "The @context %.300s is here already; delete it first",
                         "@context %.300s 已经存在，请先删除", p->url != NULL ? p->url : p->key);
    }
    if (!exists && view_kv_count(txn_view(t), HOSTED_SPACE) >= LIMIT_CONTEXTS) {
        return error_set(e, ERROR_FORBIDDEN, "There are %d @contexts already; delete one first",
                         "已有 %d 个 @context，请先删除一个", LIMIT_CONTEXTS);
    }
    p->created = txn_now(t);
    struct json *kept = json_object(a);
    json_add(kept, "kind", json_string(a, hosted_kind_name(p->kind)));
    json_add(kept, "createdAt", json_int(a, p->created));
    if (p->url != NULL) {
        json_add(kept, "url", json_string(a, p->url));
    }
    if (p->expires < INSTANT_MAX) {
        json_add(kept, "expiresAt", json_int(a, p->expires));
    }
    json_add(kept, "body", json_copy(a, p->body));
    const char *text = json_text(a, kept);
    return txn_kv_put(t, HOSTED_SPACE, p->key, strlen(p->key), text, strlen(text), e);
}

void hosted_put_done(const struct hosted_put *p)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    hosted_entry_put(p->key, p->kind, p->url, p->created, p->expires);
    hosted_forget_parsed();
}

bool hosted_drop(const char *key, struct txn *t, struct arena *a, struct error *e)
{
    struct hosted_info there;
    const char *value;
    size_t length;
    if (hosted_describe(a, key, &there) && there.file != NULL) {
        return error_set(e, ERROR_CONFLICT, "This @context comes from the file %.200s: remove it there",
                         "该 @context 来自文件 %.200s：请在文件中移除", there.file);
    }
    if (!view_kv_get(txn_view(t), a, HOSTED_SPACE, key, strlen(key), &value, &length)) {
        return error_set(e, ERROR_NOT_FOUND, "There is no @context %.300s", "没有 @context %.300s", key);
    }
    return txn_kv_delete(t, HOSTED_SPACE, key, strlen(key), e) &&
           txn_kv_delete(t, HOSTED_USAGE_SPACE, key, strlen(key), e);
}

void hosted_drop_done(const char *key)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    g_hash_table_remove(hosted.entries, key);
    hosted_forget_parsed();
}

/* ---- made for subscriptions ---- */

struct implicit_job {
    struct store_job job;
    struct arena *a;
    struct hosted_put put;
};

static bool apply_implicit(struct store_job *job, struct txn *t, struct error *e)
{
    struct implicit_job *x = (struct implicit_job *)job;
    return hosted_put(&x->put, t, x->a, e);
}

static void implicit_done(struct store_job *job, const struct error *e)
{
    struct implicit_job *x = (struct implicit_job *)job;
    if (e == NULL) {
        hosted_put_done(&x->put);
    } else {
        log_failure("context", "keep a @context made for a subscription", e);
    }
    arena_free(x->a);
    g_free(x);
}

static bool keep_implicit(const char *key, const struct json *body, struct error *e)
{
    struct implicit_job *x = g_new0(struct implicit_job, 1);
    x->a = arena_new();
    x->job.apply = apply_implicit;
    x->job.done = implicit_done;
    x->put = (struct hosted_put){.key = arena_strdup(x->a, key),
                                 .kind = HOSTED_IMPLICIT,
                                 .body = json_copy(x->a, body),
                                 .expires = INSTANT_MAX,
                                 .replace = true};
    if (!store_submit(hosted.store, &x->job, e)) {
        arena_free(x->a);
        g_free(x);
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    if (!g_hash_table_contains(hosted.entries, key)) { /* until it is durable, for the request that made it */
        struct hosted_entry *entry = hosted_entry_put(key, HOSTED_IMPLICIT, NULL, instant_now(), INSTANT_MAX);
        entry->text = g_strdup(json_text(x->a, body));
    }
    return true;
}

static bool is_full(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    return g_hash_table_size(hosted.entries) >= LIMIT_CONTEXTS;
}

const char *hosted_implicit(struct arena *a, const struct json *value, const char *base, struct error *e)
{
    ld_context_auto parsed = NULL;
    struct hosted_info ignored;
    if (!ld_context_parse(value, hosted_loader(), &parsed, e)) {
        return NULL;
    }
    struct json *body = json_object(a);
    json_add(body, "@context", json_copy(a, value));
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_canonical(text, body);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, -1);
    const char *key = arena_printf(a, "implicit-%.32s", digest);
    bool there = hosted_describe(a, key, &ignored);
    if (!there && is_full()) {
        error_set(e, ERROR_FORBIDDEN,
                  "There are %d @contexts already, no room for that of the subscription; delete one first",
                  "已有 %d 个 @context，无法再保存订阅的 @context，请先删除一个", LIMIT_CONTEXTS);
        return NULL;
    }
    if (!there && !keep_implicit(key, body, e)) {
        return NULL;
    }
    return arena_printf(a, "%s" HOSTED_PATH "%s", base, key);
}

/* ---- start ---- */

static enum hosted_kind kind_of(const char *name)
{
    return g_strcmp0(name, "Cached") == 0              ? HOSTED_CACHED
           : g_strcmp0(name, "ImplicitlyCreated") == 0 ? HOSTED_IMPLICIT
                                                       : HOSTED;
}

struct loading {
    struct view *view;
    struct arena *a;
    GPtrArray *old; /* keys that are URLs, as the first version wrote them */
};

static void read_usage(struct loading *l, struct hosted_entry *x)
{
    const char *value;
    size_t length;
    if (view_kv_get(l->view, l->a, HOSTED_USAGE_SPACE, x->key, strlen(x->key), &value, &length)) {
        const struct json *usage = json_parse(l->a, value, length, NULL);
        x->hits = json_get_int(usage, "hits", 0);
        x->last = json_get_int(usage, "last", 0);
    }
}

static bool load_one(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct loading *l = user;
    arena_auto a = arena_new();
    const char *name = arena_strndup(a, key, key_length);
    const struct json *kept = json_parse(a, value, length, NULL);
    if (strchr(name, ':') != NULL) {
        g_ptr_array_add(l->old, arena_strdup(l->a, name));
        return true;
    }
    if (kept != NULL) {
        read_usage(l, hosted_entry_put(name, kind_of(json_get_string(kept, "kind")),
                                       json_get_string(kept, "url"), json_get_int(kept, "createdAt", 0),
                                       json_get_int(kept, "expiresAt", INSTANT_MAX)));
    }
    return true;
}

struct rename_job {
    struct store_job job;
    struct arena *a;
    GPtrArray *old;
};

/* Copies of other servers' @contexts used to have their URL as key. */
static bool apply_rename(struct store_job *job, struct txn *t, struct error *e)
{
    struct rename_job *x = (struct rename_job *)job;
    bool ok = true;
    for (guint i = 0; ok && i < x->old->len; i++) {
        const char *url = x->old->pdata[i], *value;
        size_t length;
        g_autofree char *key = hosted_key(url);
        if (!view_kv_get(txn_view(t), x->a, HOSTED_SPACE, url, strlen(url), &value, &length)) {
            continue;
        }
        struct json *kept = json_parse(x->a, value, length, e);
        ok = kept != NULL;
        if (ok) {
            json_set(x->a, kept, "url", json_string(x->a, url));
            const char *text = json_text(x->a, kept);
            ok = txn_kv_put(t, HOSTED_SPACE, key, strlen(key), text, strlen(text), e) &&
                 txn_kv_delete(t, HOSTED_SPACE, url, strlen(url), e);
        }
    }
    return ok;
}

static bool read_store(struct store *s, struct error *e)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) old = g_ptr_array_new();
    view_auto v = view_begin(s);
    struct loading l = {v, a, old};
    view_kv_scan(v, HOSTED_SPACE, NULL, 0, false, load_one, &l);
    view_end(g_steal_pointer(&v));
    if (old->len == 0) {
        return true;
    }
    struct rename_job rename = {.job.apply = apply_rename, .a = a, .old = old};
    return store_run(s, &rename.job, e) && read_store(s, e);
}

/* ---- folders ---- */

static bool read_file(const char *path, struct arena *a, struct json **out, struct error *e)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) problem = NULL;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, &problem)) {
        return error_set(e, ERROR_INVALID_REQUEST, "%s", "%s", problem->message);
    }
    if (length > LIMIT_CONTEXT_LENGTH) {
        return error_set(e, ERROR_TOO_LARGE, "%s has more than %d bytes", "%s 超过 %d 字节", path,
                         LIMIT_CONTEXT_LENGTH);
    }
    *out = json_parse(a, text, length, e);
    if (*out == NULL) {
        error_prefix(e, "%s", path);
    }
    return *out != NULL;
}

static bool take_file(const char *dir, const struct json *m, struct arena *a, struct error *e)
{
    struct json *document;
    const char *name = m->type == JSON_STRING ? m->string : NULL;
    if (name == NULL || strchr(name, '/') != NULL || !ld_valid_uri(m->key, m->key_length)) {
        return error_set(e, ERROR_INVALID_REQUEST, "%s/index.json is an object {\"URL\": \"file name\", …}",
                         "%s/index.json 应为 {\"URL\": \"文件名\", …} 形式的对象", dir);
    }
    g_autofree char *path = g_build_filename(dir, name, NULL);
    if (!read_file(path, a, &document, e)) {
        return false;
    }
    struct json *body = json_object(a);
    const struct json *value = json_get(document, "@context");
    if (value == NULL) {
        return error_set(e, ERROR_INVALID_REQUEST, "%s has no \"@context\"", "%s 中没有“@context”", path);
    }
    json_add(body, "@context", json_copy(a, value));
    g_autofree char *key = hosted_key(m->key);
    struct hosted_entry *x = hosted_entry_put(key, HOSTED_CACHED, m->key, instant_now(), INSTANT_MAX);
    x->file = g_strdup(path);
    x->text = g_strdup(json_text(a, body));
    return true;
}

static bool read_dir(const char *dir, struct error *e)
{
    arena_auto a = arena_new();
    struct json *index;
    g_autofree char *path = g_build_filename(dir, "index.json", NULL);
    if (!read_file(path, a, &index, e)) {
        return false;
    }
    if (index->type != JSON_OBJECT) {
        return error_set(e, ERROR_INVALID_REQUEST, "%s must be an object {\"URL\": \"file name\", …}",
                         "%s 应为 {\"URL\": \"文件名\", …} 形式的对象", path);
    }
    for (const struct json *m = index->first; m != NULL; m = m->next) {
        if (!take_file(dir, m, a, e)) {
            return false;
        }
    }
    return true;
}

bool hosted_start(struct store *s, const char *const *dirs, struct error *e)
{
    hosted.store = s;
    hosted_table_init();
    if (!read_store(s, e)) {
        return false;
    }
    for (; dirs != NULL && *dirs != NULL; dirs++) {
        if (!read_dir(*dirs, e)) {
            return false;
        }
    }
    return true;
}

/* ---- stop ---- */

struct usage_job {
    struct store_job job;
    struct arena *a;
};

static bool apply_usage(struct store_job *job, struct txn *t, struct error *e)
{
    struct usage_job *u = (struct usage_job *)job;
    GHashTableIter i;
    void *value;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    g_hash_table_iter_init(&i, hosted.entries);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        const struct hosted_entry *x = value;
        if (!x->used) {
            continue;
        }
        struct json *usage = json_object(u->a);
        json_add(usage, "hits", json_int(u->a, x->hits));
        json_add(usage, "last", json_int(u->a, x->last));
        const char *text = json_text(u->a, usage);
        if (!txn_kv_put(t, HOSTED_USAGE_SPACE, x->key, strlen(x->key), text, strlen(text), e)) {
            return false;
        }
    }
    return true;
}

void hosted_stop(void)
{
    arena_auto a = arena_new();
    struct usage_job usage = {.job.apply = apply_usage, .a = a};
    struct error e = {0};
    if (hosted.entries == NULL) {
        return;
    }
    if (!store_run(hosted.store, &usage.job, &e)) {
        log_failure("context", "keep how @contexts were used", &e);
    }
    g_mutex_lock(&hosted.lock);
    g_clear_pointer(&hosted.entries, g_hash_table_unref);
    g_mutex_unlock(&hosted.lock);
}
