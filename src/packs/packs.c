/* SPDX-License-Identifier: Apache-2.0 */
/* The set of packs in force, and how a new one takes its place. */
#include "packs/packs.h"

#include "base/limits.h"
#include "base/log.h"
#include "context/context.h"
#include "packs/history_policy.h"
#include "packs/in_force.h"
#include "packs/mistake.h"
#include "packs/model.h"
#include "packs/sections.h"
#include "packs/set.h"
#include "packs/watch.h"

static struct hub *hub;
static struct pack_set *current;
static struct pack_watch *watch;
static GMutex reloading; /* one at a time */

/* What the routes read: texts made at each load, so that no request touches the trees. */
static GMutex published;
static char *model_text, *model_tag, *packs_text;
static instant loaded_at;

static struct counter counters[] = {
    {"zhongshu_packs_loaded", COUNTER_GAUGE, "Packs in force", "在用的应用包数"},
    {"zhongshu_packs_reloads_total", COUNTER_COUNTER, "Sets of packs put in force since start",
     "启动以来生效的应用包集次数"},
    {"zhongshu_packs_refused_total", COUNTER_COUNTER, "Sets of packs refused for mistakes",
     "因有错误而被拒绝的应用包集次数"},
};
enum { LOADED, RELOADS, REFUSED };

/* ---- what is served ---- */

static struct json *describe_mistakes(struct arena *a, const GPtrArray *mistakes)
{
    struct json *list = json_array(a);
    for (guint i = 0; mistakes != NULL && i < mistakes->len; i++) {
        const struct mistake *m = mistakes->pdata[i];
        struct json *item = json_append(list, json_object(a));
        json_add(item, "file", json_string(a, m->file));
        json_add(item, "line", json_int(a, m->line));
        struct json *sentence = json_add(item, "sentence", json_object(a));
        json_add(sentence, "zh", json_string(a, m->zh));
        json_add(sentence, "en", json_string(a, m->en));
    }
    return list;
}

static void describe_pack(struct arena *a, struct json *list, const struct pack *p)
{
    struct json *item = json_append(list, json_object(a));
    for (const struct json *c = json_first(json_get(p->root, "pack")); c != NULL; c = c->next) {
        json_set(a, item, c->key, json_copy(a, c));
    }
    json_add(item, "dir", json_string(a, p->dir));
    struct json *sections = json_add(item, "sections", json_array(a));
    for (const struct json *c = json_first(p->root); c != NULL; c = c->next) {
        json_append(sections, json_string(a, c->key));
    }
}

/* mistakes: of the last set that was refused, or NULL. */
static void publish_packs(const GPtrArray *mistakes)
{
    arena_auto a = arena_new();
    struct json *body = json_object(a);
    struct json *list = json_add(body, "packs", json_array(a));
    for (const struct pack *const *p = pack_set_packs(current); *p != NULL; p++) {
        describe_pack(a, list, *p);
    }
    char at[INSTANT_TEXT];
    json_add(body, "loadedAt", json_string(a, instant_format(loaded_at, at)));
    json_add(body, "digest", json_string(a, current->digest));
    json_add(body, "mistakes", describe_mistakes(a, mistakes));
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&published);
    g_free(packs_text);
    packs_text = g_strdup(json_text(a, body));
}

char *packs_in_force(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&published);
    return g_strdup(packs_text);
}

char *packs_model(char **tag)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&published);
    *tag = g_strdup(model_tag);
    return g_strdup(model_text);
}

static void set_role(const struct json *role)
{
    const struct json *title = json_get(role, "title");
    const char *plain = json_is(title, JSON_STRING) ? title->string : NULL;
    g_autoptr(GPtrArray) permissions = g_ptr_array_new();
    for (const struct json *c = json_first(json_get(role, "permissions")); c != NULL; c = c->next) {
        g_ptr_array_add(permissions, (void *)c->string);
    }
    g_ptr_array_add(permissions, NULL);
    identity_set_role(hub->identity, role->key, plain != NULL ? plain : json_get_string(title, "zh"),
                      plain != NULL ? plain : json_get_string(title, "en"),
                      (const char *const *)permissions->pdata);
}

static void add_indexes(GArray *all, const struct pack *p)
{
    for (const struct json *type = json_first(json_get(p->root, "types")); type != NULL; type = type->next) {
        const struct json *list = json_get(type, "indexed");
        for (const struct json *c = json_first(list); c != NULL; c = c->next) {
            struct context_index index = {type->key, c->string};
            g_array_append_val(all, index);
        }
    }
}

static bool declare_indexes(const struct pack *const *packs, struct error *e)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct context_index));
    for (; *packs != NULL; packs++) {
        add_indexes(all, *packs);
    }
    if (all->len > LIMIT_INDEXES) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The packs declare %u indexed attributes; at most %d",
                         "应用包共声明 %u 个索引属性，最多 %d 个", all->len, LIMIT_INDEXES);
    }
    context_declare_indexes((const struct context_index *)(const void *)all->data, (int)all->len);
    return true;
}

/* The feature's own load: roles to identity, indexes to the context core, policies of history to the store,
 * the model for the interface. */
static bool take_packs(struct hub *h, const struct pack *const *packs, struct error *e)
{
    hub = h;
    if (!declare_indexes(packs, e)) {
        return false;
    }
    if (h->store != NULL) {
        declare_histories(h->store, packs);
    }
    for (const struct pack *const *p = packs; h->identity != NULL && *p != NULL; p++) {
        for (const struct json *c = json_first(json_get((*p)->root, "roles")); c != NULL; c = c->next) {
            set_role(c);
        }
    }
    arena_auto a = arena_new();
    char *text = g_strdup(json_text(a, model_build(a, packs)));
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&published);
    g_free(model_text);
    g_free(model_tag);
    model_text = text;
    model_tag = g_strdup_printf("\"%.32s\"", sum);
    return true;
}

/* ---- loading ---- */

static bool refuse(const struct pack_set *s, struct error *e)
{
    counter_add(&counters[REFUSED], 1);
    for (guint i = 0; i < s->mistakes->len; i++) {
        g_autofree char *text = mistake_text(s->mistakes->pdata[i], FALSE);
        log_warning("packs", "%s", text);
    }
    g_autofree char *en = mistake_text(s->mistakes->pdata[0], FALSE);
    g_autofree char *zh = mistake_text(s->mistakes->pdata[0], TRUE);
    return error_set(e, ERROR_BAD_REQUEST_DATA,
                     "the packs have %u mistakes, first %s%.0s; see GET /api/v1/packs",
                     "应用包有 %u 处错误，第一处：%.0s%s；详见 GET /api/v1/packs", s->mistakes->len, en, zh);
}

/* Hands the set to the features in turn. When one refuses, those before it get the old set back. */
static bool hand_out(const struct pack_set *s, struct error *e)
{
    const struct feature *const *f = hub->features;
    for (; *f != NULL; f++) {
        if ((*f)->load != NULL && !(*f)->load(hub, pack_set_packs(s), e)) {
            error_prefix(e, "%s", (*f)->name);
            break;
        }
    }
    if (*f == NULL) {
        return true;
    }
    while (current != NULL && f-- != hub->features) {
        struct error ignored = {0};
        if ((*f)->load != NULL && !(*f)->load(hub, pack_set_packs(current), &ignored)) {
            log_failure("packs", "going back to the old packs", &ignored);
        }
    }
    return false;
}

static bool replace_set(struct pack_set *s, struct error *e)
{
    if (s->mistakes->len > 0) {
        if (current != NULL) {
            publish_packs(s->mistakes);
        }
        return refuse(s, e);
    }
    if (!hand_out(s, e)) {
        mistakes_add(s->mistakes, "packs", 0, "%s%.0s", "%.0s%s", e->en, e->zh);
        if (current != NULL) {
            publish_packs(s->mistakes);
        }
        return false;
    }
    struct pack_set *old = current;
    current = s;
    loaded_at = instant_now();
    publish_packs(NULL);
    pack_set_free(old);
    counter_set(&counters[LOADED], s->packs->len - 1);
    counter_add(&counters[RELOADS], 1);
    log_info("packs", "%u packs in force, digest %.12s", s->packs->len - 1, s->digest);
    return true;
}

static bool load_set(struct error *e)
{
    struct pack_set *s = pack_set_read(hub->pack_dirs, hub->features);
    struct error failure = {0};
    bool done = replace_set(s, &failure);
    if (!done) {
        pack_set_free(s);
        if (e != NULL) {
            *e = failure;
        }
    }
    return done;
}

bool packs_reload(struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&reloading);
    if (hub == NULL) {
        return error_set(e, ERROR_UNAVAILABLE, "the hub is stopping", "系统正在停止");
    }
    return load_set(e);
}

bool packs_open(struct hub *h, struct error *e)
{
    counters_register(counters, G_N_ELEMENTS(counters));
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&reloading);
    hub = h;
    return load_set(e);
}

void packs_close(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&reloading);
    pack_set_free(current);
    current = NULL;
    hub = NULL;
    g_clear_pointer(&model_text, g_free);
    g_clear_pointer(&model_tag, g_free);
    g_clear_pointer(&packs_text, g_free);
}

/* ---- the feature ---- */

static void folders_changed(void *user)
{
    struct error e = {0};
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&reloading);
    if (hub == NULL || current == NULL) {
        return;
    }
    struct pack_set *s = pack_set_read(hub->pack_dirs, hub->features);
    if (strcmp(s->digest, current->digest) == 0 && s->mistakes->len == 0) {
        publish_packs(NULL);
        pack_set_free(s);
    } else if (!replace_set(s, &e)) {
        log_failure("packs", "the changed packs are not used", &e);
        pack_set_free(s);
    }
}

static bool start(struct hub *h, struct error *e)
{
    watch = pack_watch_new(h->pack_dirs, folders_changed, NULL, e);
    return watch != NULL;
}

static void stop(void)
{
    pack_watch_free(watch);
    watch = NULL;
}

const struct feature packs_feature = {
    .name = "packs",
    .en = "Packs: applications as data, checked and loaded while running",
    .zh = "应用包：以数据描述的应用，检查后在运行中加载",
    .routes = packs_routes,
    .sections = packs_sections,
    .load = take_packs,
    .start = start,
    .stop = stop,
};
