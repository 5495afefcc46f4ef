/* SPDX-License-Identifier: Apache-2.0 */
/* The module's state, roles and the decision on each request. */
#include "identity/identity.h"

#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "identity/accounts.h"
#include "identity/inside.h"

enum { POOL_THREADS = 2, POOL_WAITING = 64 };

/* ---- roles ---- */

static void role_free(void *data)
{
    struct role *role = data;
    g_free(role->zh);
    g_free(role->en);
    g_strfreev(role->permissions);
    g_free(role);
}

static void set_role(struct identity *id, const char *name, const char *zh, const char *en,
                     const char *const *permissions, bool built_in)
{
    struct role *role = g_new0(struct role, 1);
    role->zh = g_strdup(zh);
    role->en = g_strdup(en);
    role->permissions = g_strdupv((char **)permissions);
    role->built_in = built_in;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&id->lock);
    g_hash_table_replace(id->roles, g_strdup(name), role);
}

void identity_set_role(struct identity *id, const char *role, const char *zh, const char *en,
                       const char *const *permissions)
{
    set_role(id, role, zh, en, permissions, false);
}

static void set_built_in_roles(struct identity *id)
{
    static const char *const admin[] = {"*", NULL};
    static const char *const operator[] = {"entities.write", "cases.act", "cases.open", "rules.write", NULL};
    static const char *const viewer[] = {NULL};
    set_role(id, "admin", "管理员", "Administrator", admin, true);
    set_role(id, "operator", "操作员", "Operator", operator, true);
    set_role(id, "viewer", "浏览者", "Viewer", viewer, true);
}

static bool role_permits(struct identity *id, const char *name, const char *permission)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&id->lock);
    const struct role *role = g_hash_table_lookup(id->roles, name);
    return role != NULL && (g_strv_contains((const char *const *)role->permissions, "*") ||
                            g_strv_contains((const char *const *)role->permissions, permission));
}

bool identity_permits(struct identity *id, const struct user *u, const char *permission)
{
    for (int i = 0; u != NULL && u->roles[i] != NULL; i++) {
        if (role_permits(id, u->roles[i], permission)) {
            return true;
        }
    }
    return false;
}

bool user_has_role(const struct user *u, const char *role)
{
    return u != NULL && g_strv_contains(u->roles, role);
}

bool area_reaches(const char *area, const char *scope)
{
    size_t n = strlen(area);
    return n == 0 || (scope != NULL && strncmp(scope, area, n) == 0 && (scope[n] == '\0' || scope[n] == '/'));
}

bool user_reaches(const struct user *u, const char *scope)
{
    return area_reaches(u->area, scope);
}

/* ---- the module ---- */

static const char *const local_roles[] = {"admin", NULL};
static struct asker local = {
    .user = {
        .name = "local", .display_name = "本机管理员", .organisation = "", .area = "", .roles = local_roles}};

bool user_is_local(const struct user *u)
{
    return u == &local.user;
}

/* Work of the pool; in the request's arena. */
struct work {
    struct request *request;
    void (*run)(struct request *r);
};

static void run_work(void *data, void *user)
{
    struct work w = *(struct work *)data;
    w.run(w.request);
    request_resume(w.request);
}

void identity_later(struct identity *id, struct request *r, void (*run)(struct request *r))
{
    if (g_thread_pool_unprocessed(id->pool) >= POOL_WAITING) {
        struct error e = {0};
        error_set(&e, ERROR_TOO_MANY_REQUESTS, "Too many sign-ins at once: try again in a few seconds",
                  "同时登录的请求过多,请几秒后再试");
        reply_header(r, "Retry-After", "3");
        reply_error(r, &e);
        return;
    }
    struct work *w = arena_new0(request_arena(r), struct work);
    w->request = r;
    w->run = run;
    request_suspend(r);
    g_thread_pool_push(id->pool, w, NULL);
}

struct identity *identity_new(struct store *s, bool authentication_on)
{
    g_assert(s != NULL);
    if (sodium_init() < 0) {
        g_error("libsodium cannot start");
    }
    struct identity *id = g_new0(struct identity, 1);
    id->store = s;
    id->on = authentication_on;
    g_mutex_init(&id->lock);
    id->roles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, role_free);
    id->throttle = throttle_new();
    id->pool = g_thread_pool_new(run_work, id, POOL_THREADS, FALSE, NULL);
    set_built_in_roles(id);
    struct error e = {0};
    if (!sessions_sweep(s, &e)) {
        log_failure("identity", "removing old sessions", &e);
    }
    return id;
}

void identity_free(struct identity *id)
{
    if (id != NULL) {
        g_thread_pool_free(id->pool, FALSE, TRUE);
        throttle_free(id->throttle);
        g_hash_table_unref(id->roles);
        g_mutex_clear(&id->lock);
        g_free(id);
    }
}

/* ---- who asks ---- */

const struct asker *identity_asker(struct request *r)
{
    return request_user(r);
}

const struct user *identity_user(struct request *r)
{
    const struct asker *asker = request_user(r);
    return asker != NULL ? &asker->user : NULL;
}

/* The value of the cookie `zhongshu`, or NULL. */
static const char *cookie_token(struct request *r)
{
    const char *header = request_header(r, "Cookie");
    static const char name[] = "zhongshu=";
    for (const char *p = header; p != NULL && *p != '\0';) {
        p += strspn(p, "; ");
        size_t n = strcspn(p, ";");
        if (strncmp(p, name, sizeof name - 1) == 0 && n < sizeof name - 1 + SESSION_TEXT) {
            return arena_strndup(request_arena(r), p + sizeof name - 1, n - (sizeof name - 1));
        }
        p += n;
    }
    return NULL;
}

static const char *bearer_token(struct request *r)
{
    const char *header = request_header(r, "Authorization");
    if (header == NULL || g_ascii_strncasecmp(header, "Bearer ", 7) != 0) {
        return NULL;
    }
    header += 7;
    return strlen(header) < SESSION_TEXT ? header : "";
}

static struct asker *asker_of(struct identity *id, struct request *r, const char *token)
{
    struct arena *a = request_arena(r);
    instant now = instant_now();
    struct session session;
    view_auto v = view_begin(id->store);
    if (!session_find(v, a, token, now, &session)) {
        return NULL;
    }
    const struct user *u = identity_find_user(v, a, session.user);
    if (u == NULL) {
        return NULL;
    }
    if (session.seen < now - SESSION_NOTE) {
        session_note(id->store, &session);
    }
    struct asker *asker = arena_new0(a, struct asker);
    asker->user = *u;
    asker->has_session = true;
    memcpy(asker->session, session.key, SESSION_KEY);
    return asker;
}

static bool writes(struct request *r)
{
    const char *method = request_method(r);
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && strcmp(method, "OPTIONS") != 0;
}

static bool from_another_site(struct request *r)
{
    return g_strcmp0(request_header(r, "Sec-Fetch-Site"), "cross-site") == 0;
}

/* Who asks, or NULL with e saying why nobody does. */
static struct asker *find_asker(struct identity *id, struct request *r, struct error *e)
{
    if (!id->on) {
        return &local;
    }
    const char *token = bearer_token(r);
    if (token == NULL) {
        token = cookie_token(r);
        if (token != NULL && writes(r) && g_strcmp0(request_header(r, "X-Requested-With"), "zhongshu") != 0) {
            error_set(e, ERROR_FORBIDDEN,
                      "A write that is signed in by cookie needs the header X-Requested-With: zhongshu",
                      "使用 Cookie 登录的写请求必须带请求头 X-Requested-With: zhongshu");
            return NULL;
        }
    }
    if (token == NULL) {
        error_set(e, ERROR_UNAUTHENTICATED, "Sign in first: POST /api/v1/session with name and password",
                  "请先登录:POST /api/v1/session,提交 name 和 password");
        return NULL;
    }
    struct asker *asker = asker_of(id, r, token);
    if (asker == NULL) {
        error_set(e, ERROR_UNAUTHENTICATED, "The session has ended: sign in again", "会话已结束,请重新登录");
    }
    return asker;
}

bool identity_refuse(const char *permission, const char *name, struct error *e)
{
    return error_set(e, ERROR_FORBIDDEN,
                     "The account %s has no permission %s: an administrator can give it a role that has it",
                     "账号 %s 没有权限 %s,可请管理员授予相应角色", name, permission);
}

/* Without authentication a page of any site could let its own name point here (DNS rebinding); the name in
 * the request then tells. */
static bool names_this_machine(struct request *r)
{
    const char *host = request_header(r, "Host");
    if (host == NULL) {
        return true;
    }
    size_t length = strspn(host, "0123456789.");
    if (!g_str_has_prefix(host, "127.")) {
        length = g_ascii_strncasecmp(host, "localhost", 9) == 0 ? 9 : g_str_has_prefix(host, "[::1]") ? 5 : 0;
    }
    return length > 0 && (host[length] == '\0' || host[length] == ':');
}

static bool decide(struct identity *id, struct request *r, const struct route *route, struct error *e)
{
    if (!id->on && !names_this_machine(r)) {
        return error_set(
            e, ERROR_FORBIDDEN,
            "Without authentication the hub answers only to localhost; use that name in the address",
            "未启用登录时只接受以 localhost 访问；请在地址中使用该名称");
    }
    if (writes(r) && from_another_site(r)) {
        return error_set(e, ERROR_FORBIDDEN, "Writes from a page of another site are refused",
                         "拒绝来自其他网站页面的写请求");
    }
    struct asker *asker = find_asker(id, r, e);
    if (asker != NULL) {
        request_set_user(r, asker, NULL);
    }
    if (route->permission == NULL) {
        return true;
    }
    if (asker == NULL) {
        return false;
    }
    return route->permission[0] == '\0' || identity_permits(id, &asker->user, route->permission) ||
           identity_refuse(route->permission, asker->user.name, e);
}

bool identity_authorise(struct request *r, const struct route *route, void *user, struct error *e)
{
    struct error why = {0};
    if (decide(user, r, route, &why)) {
        return true;
    }
    const struct user *u = identity_user(r);
    log_warning("identity", "refused %s %s to %s from %s: %s", route->method, route->path,
                u != NULL ? u->name : "nobody", request_peer(r), why.en);
    if (e != NULL) {
        *e = why;
    }
    return false;
}
