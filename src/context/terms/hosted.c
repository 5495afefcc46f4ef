/* SPDX-License-Identifier: Apache-2.0 */
/* Kept @contexts: the table of them, and how names find them. */
#include "context/terms/hosted.h"

#include <string.h>

#include "base/log.h"
#include "context/terms/context_fetch.h"
#include "context/terms/hosted_inside.h"

enum { MAX_NESTING = 8 };

struct hosted_table hosted;

static __thread int nesting;   /* @contexts being read that name each other */
static __thread bool may_wait; /* what is wanted is noted */
static __thread char wanted[LIMIT_ID + 1];

const char *hosted_kind_name(enum hosted_kind kind)
{
    static const char *const kinds[] = {
        [HOSTED] = "Hosted", [HOSTED_CACHED] = "Cached", [HOSTED_IMPLICIT] = "ImplicitlyCreated"};
    return kinds[kind];
}

char *hosted_key(const char *id_or_url)
{
    const char *path = strstr(id_or_url, HOSTED_PATH);
    if (path != NULL) {
        return g_strdup(path + strlen(HOSTED_PATH));
    }
    return strchr(id_or_url, ':') != NULL ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, id_or_url, -1)
                                          : g_strdup(id_or_url);
}

/* ---- entries; all under the lock ---- */

static void entry_free(void *data)
{
    struct hosted_entry *x = data;
    ld_context_unref(x->parsed);
    g_free(x->key);
    g_free(x->url);
    g_free(x->file);
    g_free(x->text);
    g_free(x);
}

struct hosted_entry *hosted_entry_put(const char *key, enum hosted_kind kind, const char *url,
                                      instant created, instant expires)
{
    struct hosted_entry *old = g_hash_table_lookup(hosted.entries, key);
    struct hosted_entry *x = g_new0(struct hosted_entry, 1);
    x->key = g_strdup(key);
    x->kind = kind;
    x->url = g_strdup(url);
    x->created = created;
    x->expires = expires;
    x->hits = old != NULL ? old->hits : 0;
    x->last = old != NULL ? old->last : 0;
    x->pinned = old != NULL && old->pinned;
    g_hash_table_replace(hosted.entries, x->key, x);
    return x;
}

/* One @context may hold others: none that was parsed is sure to be right any more. */
void hosted_forget_parsed(void)
{
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, hosted.entries);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct hosted_entry *x = value;
        ld_context_unref(g_steal_pointer(&x->parsed));
        x->is_parsed = false;
    }
    hosted.generation++;
}

void hosted_table_init(void)
{
    hosted.entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
}

/* ---- loading by name ---- */

/* What the table says of a key. */
struct found {
    bool there, fresh, parsed;
    struct ld_context *context; /* a reference, when parsed */
    char *url;
    unsigned generation;
};

static struct found find(const char *key, bool count)
{
    struct found f = {0};
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    struct hosted_entry *x = hosted.entries != NULL ? g_hash_table_lookup(hosted.entries, key) : NULL;
    f.generation = hosted.generation;
    if (x == NULL) {
        return f;
    }
    instant now = instant_now();
    f.there = true;
    f.fresh = x->expires > now;
    f.parsed = x->is_parsed;
    f.context = ld_context_ref(x->parsed);
    f.url = g_strdup(x->url);
    if (count) {
        x->hits++;
        x->last = now;
        x->used = true;
    }
    return f;
}

static void keep_parsed(const char *key, struct ld_context *c, unsigned generation)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    struct hosted_entry *x = g_hash_table_lookup(hosted.entries, key);
    if (x != NULL && generation == hosted.generation && !x->is_parsed) {
        x->parsed = ld_context_ref(c); /* else it may have been changed since it was read */
        x->is_parsed = true;
    }
}

static bool parse_kept(const char *key, const struct found *f, struct ld_context **context, struct error *e)
{
    arena_auto a = arena_new();
    const struct json *body = hosted_body(a, key);
    if (body == NULL) {
        return error_set(e, ERROR_CONTEXT_UNAVAILABLE, "The @context was removed just now: try again",
                         "@context 刚被删除，请重试");
    }
    if (nesting >= MAX_NESTING) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "@contexts name each other more than %d deep",
                         "@context 相互引用超过 %d 层", MAX_NESTING);
    }
    nesting++;
    bool ok = ld_context_parse(json_get(body, "@context"), hosted_loader(), context, e);
    nesting--;
    if (ok) {
        keep_parsed(key, *context, f->generation);
    }
    return ok;
}

static bool want(const char *url, struct error *e)
{
    g_strlcpy(wanted, url, sizeof wanted);
    return error_set(e, ERROR_CONTEXT_UNAVAILABLE, "The @context %.300s is being fetched: try again",
                     "正在获取 @context %.300s，请重试", url);
}

static bool refuse_unknown(const char *url, struct error *e)
{
    return error_set(e, ERROR_CONTEXT_UNAVAILABLE,
                     "The @context %.300s is not kept here and none is fetched; upload it to " HOSTED_PATH
                     " first, or let it be fetched (--contexts fetch)",
                     "此处没有 @context %.300s，也不会从网络获取；请先上传到 " HOSTED_PATH
                     "，或启用获取（--contexts fetch）",
                     url);
}

/* What is not there, or has expired. */
static bool load_absent(const char *key, const char *url, const struct found *f, struct ld_context **context,
                        struct error *e)
{
    const char *source = f->there ? f->url : url;
    struct error failure = {0};
    bool possible = source != NULL && strlen(source) <= LIMIT_ID && context_fetch_possible(source);
    bool failed = possible && context_fetch_failed(source, &failure);
    if (possible && !failed && may_wait) {
        return want(source, e);
    }
    if (f->there) { /* an old copy is better than none (RFC 7234, 4.2.4) */
        return parse_kept(key, f, context, e);
    }
    if (failed) {
        *e = failure;
        return false;
    }
    if (possible) {
        return error_set(e, ERROR_CONTEXT_UNAVAILABLE, "The @context %.300s could not be fetched in time",
                         "未能及时获取 @context %.300s", url);
    }
    return refuse_unknown(url, e);
}

static bool load(void *user, const char *url, struct ld_context **context, struct error *e)
{
    struct error ignored;
    g_autofree char *key = hosted_key(url);
    struct found f = find(key, true);
    g_autofree char *owned = f.url;
    e = e != NULL ? e : &ignored;
    *context = NULL;
    if (f.there && f.fresh && f.parsed) {
        *context = f.context;
        return true;
    }
    ld_context_unref(f.context);
    return f.there && f.fresh ? parse_kept(key, &f, context, e) : load_absent(key, url, &f, context, e);
}

const struct ld_loader *hosted_loader(void)
{
    static const struct ld_loader loader = {load, NULL};
    return &loader;
}

void hosted_wait_begin(void)
{
    may_wait = true;
    wanted[0] = '\0';
}

bool hosted_may_wait(bool may)
{
    bool before = may_wait;
    may_wait = may;
    return before;
}

static void pin_one(const char *url)
{
    g_autofree char *key = hosted_key(url);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    struct hosted_entry *x = hosted.entries != NULL ? g_hash_table_lookup(hosted.entries, key) : NULL;
    if (x != NULL) {
        x->pinned = true;
    }
}

void hosted_pin(const struct json *value)
{
    if (json_is(value, JSON_STRING)) {
        pin_one(value->string);
    }
    for (const struct json *c = json_is(value, JSON_ARRAY) ? value->first : NULL; c != NULL; c = c->next) {
        hosted_pin(c);
    }
}

bool hosted_is_wanted(void)
{
    return wanted[0] != '\0';
}

const char *hosted_wanted(void)
{
    may_wait = false;
    return wanted[0] != '\0' ? wanted : NULL;
}

/* ---- describing ---- */

static struct hosted_info info_of(struct arena *a, const struct hosted_entry *x)
{
    return (struct hosted_info){.key = arena_strdup(a, x->key),
                                .kind = x->kind,
                                .url = x->url != NULL ? arena_strdup(a, x->url) : NULL,
                                .file = x->file != NULL ? arena_strdup(a, x->file) : NULL,
                                .created = x->created,
                                .expires = x->expires,
                                .last = x->last,
                                .hits = x->hits,
                                .pinned = x->pinned};
}

bool hosted_describe(struct arena *a, const char *key, struct hosted_info *out)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    const struct hosted_entry *x = g_hash_table_lookup(hosted.entries, key);
    if (x != NULL) {
        *out = info_of(a, x);
    }
    return x != NULL;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct hosted_info *)a)->key, ((const struct hosted_info *)b)->key);
}

struct hosted_info *hosted_list(struct arena *a, int *count)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&hosted.lock);
    struct hosted_info *all = arena_array(a, struct hosted_info, g_hash_table_size(hosted.entries));
    GHashTableIter i;
    void *value;
    *count = 0;
    g_hash_table_iter_init(&i, hosted.entries);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        all[(*count)++] = info_of(a, value);
    }
    qsort(all, (size_t)*count, sizeof *all, by_key);
    return all;
}

const char *hosted_oldest(struct arena *a)
{
    int count, fetched = 0;
    const struct hosted_info *all = hosted_list(a, &count);
    const struct hosted_info *oldest = NULL;
    for (int i = 0; i < count; i++) {
        if (all[i].kind == HOSTED_CACHED && all[i].expires < INSTANT_MAX) {
            fetched++;
            bool older = oldest == NULL || all[i].last < oldest->last;
            oldest = older && !all[i].pinned ? &all[i] : oldest;
        }
    }
    return fetched >= LIMIT_CONTEXTS_FETCHED && oldest != NULL ? oldest->key : NULL;
}

const struct json *hosted_body(struct arena *a, const char *key)
{
    const char *value;
    size_t length;
    g_mutex_lock(&hosted.lock);
    const struct hosted_entry *x = g_hash_table_lookup(hosted.entries, key);
    const char *text = x != NULL && x->text != NULL ? arena_strdup(a, x->text) : NULL;
    g_mutex_unlock(&hosted.lock);
    if (text != NULL) {
        return json_parse(a, text, strlen(text), NULL);
    }
    view_auto v = view_begin(hosted.store);
    const struct json *kept = view_kv_get(v, a, HOSTED_SPACE, key, strlen(key), &value, &length)
                                  ? json_parse(a, value, length, NULL)
                                  : NULL;
    return json_get(kept, "body");
}
