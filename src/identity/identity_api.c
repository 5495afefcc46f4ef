/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of accounts, roles and sessions. */
#include "identity/identity.h"

#include <string.h>

#include <sodium.h>

#include "base/limits.h"
#include "base/log.h"
#include "identity/accounts.h"
#include "identity/inside.h"

static struct identity *bound;

void identity_bind(struct identity *id)
{
    bound = id;
}

/* ---- what a client sees ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *const all_permissions[] = {
    "entities.write", "cases.act",   "cases.open",          "rules.write",     "imports.write",
    "packs.write",    "users.write", "subscriptions.write", "operations.read", "tenants"};

bool identity_require(struct request *r, const char *permission, struct error *e)
{
    const struct user *u = identity_user(r);
    return (u != NULL && identity_permits(bound, u, permission)) ||
           identity_refuse(permission, u != NULL ? u->name : "", e);
}

static struct json *permissions_json(struct arena *a, const struct user *u)
{
    struct json *list = json_array(a);
    for (size_t i = 0; i < G_N_ELEMENTS(all_permissions); i++) {
        if (identity_permits(bound, u, all_permissions[i])) {
            json_append(list, json_string(a, all_permissions[i]));
        }
    }
    return list;
}

static struct json *strings_json(struct arena *a, const char *const *strings)
{
    struct json *list = json_array(a);
    for (int i = 0; strings[i] != NULL; i++) {
        json_append(list, json_string(a, strings[i]));
    }
    return list;
}

static struct json *user_json(struct arena *a, const struct user *u)
{
    struct json *o = json_object(a);
    json_add(o, "name", json_string(a, u->name));
    json_add(o, "displayName", json_string(a, u->display_name));
    json_add(o, "organisation", json_string(a, u->organisation));
    json_add(o, "area", json_string(a, u->area));
    json_add(o, "roles", strings_json(a, u->roles));
    json_add(o, "permissions", permissions_json(a, u));
    return o;
}

static struct json *session_json(struct arena *a, const struct user *u)
{
    struct json *o = json_object(a);
    json_add(o, "user", user_json(a, u));
    return o;
}

/* ---- sign in, sign out ---- */

struct sign_in {
    const char *name, *password;
};

static bool read_sign_in(struct request *r, struct sign_in *in, struct error *e)
{
    static const struct json_field fields[] = {
        {"name", FIELD_STRING, offsetof(struct sign_in, name), true},
        {"password", FIELD_STRING, offsetof(struct sign_in, password), true},
        {NULL}};
    struct json *body = request_json(r, e);
    return body != NULL && json_read(body, fields, in, false, e);
}

struct begin_job {
    struct store_job job;
    struct arena *a;
    const char *name;
    char token[SESSION_TEXT];
};

static bool begin_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct begin_job *b = (struct begin_job *)job;
    struct json *account = account_get(txn_view(t), b->a, b->name);
    if (account == NULL || account_disabled(account)) {
        return error_set(e, ERROR_UNAUTHENTICATED, "The account is gone", "账号已不存在");
    }
    char text[INSTANT_TEXT];
    json_set(b->a, account, "signedInAt", json_string(b->a, instant_format(txn_now(t), text)));
    return account_put(t, b->a, account, e) && session_begin(t, b->name, b->token, e);
}

static void set_cookie(struct request *r, const char *token)
{
    bool https = g_strcmp0(request_header(r, "X-Forwarded-Proto"), "https") == 0;
    reply_header(r, "Set-Cookie",
                 arena_printf(request_arena(r), "zhongshu=%s; HttpOnly; SameSite=Strict; Path=/%s%s", token,
                              https ? "; Secure" : "", token[0] == '\0' ? "; Max-Age=0" : ""));
}

/* Names as given may be anything: fit for the log. */
static const char *for_log(struct arena *a, const char *name)
{
    g_autofree char *cut = g_strndup(name, ACCOUNT_NAME);
    g_autofree char *valid = g_utf8_make_valid(cut, -1);
    g_autofree char *escaped = g_strescape(valid, NULL);
    return arena_strdup(a, escaped);
}

static bool refuse_sign_in(struct request *r, const char *name, struct error *e)
{
    log_warning("identity", "sign-in of \"%s\" from %s refused", for_log(request_arena(r), name),
                request_peer(r));
    return error_set(e, ERROR_UNAUTHENTICATED, "The name or the password is wrong", "用户名或密码不正确");
}

static bool check_password(struct request *r, const struct sign_in *in, struct error *e)
{
    struct arena *a = request_arena(r);
    struct json *account = NULL;
    if (account_name_valid(in->name, NULL)) {
        view_auto v = view_begin(bound->store);
        account = account_get(v, a, in->name);
    }
    const char *hash = account_disabled(account) ? NULL : json_get_string(account, "hash");
    bool fits = strlen(in->password) <= ACCOUNT_PASSWORD_HIGH;
    return account_verify(fits ? hash : NULL, fits ? in->password : "") || refuse_sign_in(r, in->name, e);
}

static bool not_too_often(struct request *r, const char *name, struct error *e)
{
    instant now = instant_now(), again;
    if (throttle_attempt(bound->throttle, name, request_peer(r), now, &again)) {
        return true;
    }
    int seconds = (int)((again - now) / INSTANT_SECOND) + 1;
    reply_header(r, "Retry-After", arena_printf(request_arena(r), "%d", seconds));
    log_warning("identity", "sign-in of \"%s\" from %s: too many failures, wait %d s",
                for_log(request_arena(r), name), request_peer(r), seconds);
    return error_set(e, ERROR_TOO_MANY_REQUESTS, "Too many failed sign-ins: try again in %d seconds",
                     "登录失败次数过多,请在%d秒后再试", seconds);
}

static bool sign_in(struct request *r, const struct user **u, const char **token, struct error *e)
{
    struct arena *a = request_arena(r);
    struct sign_in in = {0};
    if (!read_sign_in(r, &in, e) || !not_too_often(r, in.name, e) || !check_password(r, &in, e)) {
        return false;
    }
    throttle_success(bound->throttle, in.name, request_peer(r));
    struct begin_job *job = arena_new0(a, struct begin_job);
    *job = (struct begin_job){.job = {.apply = begin_apply}, .a = a, .name = in.name};
    if (!store_run(bound->store, &job->job, e)) {
        return false;
    }
    view_auto v = view_begin(bound->store);
    *u = identity_find_user(v, a, in.name);
    *token = job->token;
    log_info("identity", "%s signed in from %s", in.name, request_peer(r));
    return *u != NULL || refuse_sign_in(r, in.name, e);
}

static void run_sign_in(struct request *r)
{
    struct error e = {0};
    const struct user *u;
    const char *token;
    if (!sign_in(r, &u, &token, &e)) {
        reply_error(r, &e);
        return;
    }
    struct arena *a = request_arena(r);
    struct json *body = session_json(a, u);
    json_add(body, "token", json_string(a, token));
    set_cookie(r, token);
    reply_header(r, "Cache-Control", "no-store");
    reply_json(r, 201, body);
}

static void post_session(struct request *r)
{
    if (bound->on) {
        identity_later(bound, r, run_sign_in);
        return;
    }
    struct json *body = session_json(request_arena(r), identity_user(r));
    json_add(body, "token", json_string(request_arena(r), ""));
    reply_json(r, 201, body);
}

static void get_session(struct request *r)
{
    reply_header(r, "Cache-Control", "no-store");
    reply_json(r, 200, session_json(request_arena(r), identity_user(r)));
}

struct end_job {
    struct store_job job;
    unsigned char key[SESSION_KEY];
};

static bool end_apply(struct store_job *job, struct txn *t, struct error *e)
{
    return session_end(t, ((struct end_job *)job)->key, e);
}

static void run_sign_out(struct request *r)
{
    struct end_job job = {.job = {.apply = end_apply}};
    memcpy(job.key, identity_asker(r)->session, SESSION_KEY);
    struct error e = {0};
    if (!store_run(bound->store, &job.job, &e)) {
        reply_error(r, &e);
        return;
    }
    log_info("identity", "%s signed out", identity_user(r)->name);
    set_cookie(r, "");
    reply_empty(r, 204);
}

static void delete_session(struct request *r)
{
    const struct asker *asker = identity_asker(r);
    if (asker != NULL && asker->has_session) {
        identity_later(bound, r, run_sign_out);
        return;
    }
    set_cookie(r, "");
    reply_empty(r, 204);
}

/* ---- accounts ---- */

struct user_list {
    struct arena *a;
    struct json *items;
    const char *q;
    int64_t total, offset, limit;
};

static bool matches(const struct json *account, const char *q)
{
    static const char *const keys[] = {"name", "displayName", "organisation"};
    for (size_t i = 0; q != NULL && i < G_N_ELEMENTS(keys); i++) {
        const char *text = json_get_string(account, keys[i]);
        if (text != NULL && strstr(text, q) != NULL) {
            return true;
        }
    }
    return q == NULL;
}

static bool list_user(void *user, const struct json *account)
{
    struct user_list *l = user;
    if (matches(account, l->q)) {
        if (l->total >= l->offset && l->items->length < l->limit) {
            json_append(l->items, account_view(l->a, account));
        }
        l->total++;
    }
    return true;
}

static void get_users(struct request *r)
{
    struct arena *a = request_arena(r);
    struct error e = {0};
    struct user_list l = {.a = a, .items = json_array(a), .q = request_query(r, "q")};
    if (!request_query_int(r, "limit", 1, LIMIT_PAGE, 100, &l.limit, &e) ||
        !request_query_int(r, "offset", 0, G_MAXINT32, 0, &l.offset, &e)) {
        reply_error(r, &e);
        return;
    }
    view_auto v = view_begin(bound->store);
    account_each(v, a, list_user, &l);
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, l.total));
    json_add(body, "items", l.items);
    reply_json(r, 200, body);
}

/* One write to an account; apply is given the account as it is (NULL = none). */
struct account_job {
    struct store_job job;
    struct arena *a;
    struct request *r;
    const char *name;
    const struct json *fragment; /* what the client sent */
    const char *hash;            /* of a new password, or NULL */
    const struct asker *asker;
    struct json *account; /* the result */
};

static bool known_roles(const struct json *roles, struct error *e)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&bound->lock);
    for (const struct json *role = json_first(roles); role != NULL; role = role->next) {
        if (!g_hash_table_contains(bound->roles, role->string)) {
            return error_set(e, ERROR_BAD_REQUEST_DATA,
                             "There is no role \"%s\" (GET /api/v1/roles lists them)",
                             "没有角色“%s”(GET /api/v1/roles 可查)", role->string);
        }
    }
    return true;
}

struct account_fields {
    const char *name, *display_name, *organisation, *area, *password;
    const struct json *roles;
    bool disabled;
};

static bool read_account(struct request *r, bool creating, const struct json **fragment,
                         struct account_fields *f, struct error *e)
{
    static const struct json_field fields[] = {
        {"displayName", FIELD_STRING, offsetof(struct account_fields, display_name), false},
        {"organisation", FIELD_STRING, offsetof(struct account_fields, organisation), false},
        {"area", FIELD_STRING, offsetof(struct account_fields, area), false},
        {"roles", FIELD_ARRAY, offsetof(struct account_fields, roles), false},
        {"disabled", FIELD_BOOL, offsetof(struct account_fields, disabled), false},
        {"name", FIELD_STRING, offsetof(struct account_fields, name), true},
        {"password", FIELD_STRING, offsetof(struct account_fields, password), true},
        {NULL}};
    static const struct json_field changes[] = {
        {"displayName", FIELD_STRING, offsetof(struct account_fields, display_name), false},
        {"organisation", FIELD_STRING, offsetof(struct account_fields, organisation), false},
        {"area", FIELD_STRING, offsetof(struct account_fields, area), false},
        {"roles", FIELD_ARRAY, offsetof(struct account_fields, roles), false},
        {"disabled", FIELD_BOOL, offsetof(struct account_fields, disabled), false},
        {NULL}};
    struct json *body = request_json(r, e);
    if (body == NULL || !json_read(body, creating ? fields : changes, f, false, e) ||
        !account_fields_valid(body, e) || !known_roles(f->roles, e)) {
        return false;
    }
    *fragment = body;
    return true;
}

static void merge_fields(struct arena *a, struct json *account, const struct json *fragment)
{
    for (const struct json *m = json_first(fragment); m != NULL; m = m->next) {
        if (strcmp(m->key, "name") != 0 && strcmp(m->key, "password") != 0) {
            json_set(a, account, m->key, json_copy(a, m));
        }
    }
}

static struct json *blank_account(struct arena *a, const char *name, instant now)
{
    char text[INSTANT_TEXT];
    struct json *account = json_object(a);
    json_add(account, "name", json_string(a, name));
    json_add(account, "displayName", json_string(a, name));
    json_add(account, "organisation", json_string(a, ""));
    json_add(account, "area", json_string(a, ""));
    json_add(account, "roles", json_array(a));
    json_add(account, "createdAt", json_string(a, instant_format(now, text)));
    return account;
}

static bool create_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct account_job *j = (struct account_job *)job;
    if (account_get(txn_view(t), j->a, j->name) != NULL) {
        return error_set(e, ERROR_ALREADY_EXISTS, "There is an account %s already", "账号 %s 已存在",
                         j->name);
    }
    j->account = blank_account(j->a, j->name, txn_now(t));
    merge_fields(j->a, j->account, j->fragment);
    json_set(j->a, j->account, "hash", json_string(j->a, j->hash));
    return account_put(t, j->a, j->account, e);
}

/* The account to be changed, or NULL with ERROR_NOT_FOUND. */
static struct json *account_now(struct account_job *j, struct txn *t, struct error *e)
{
    struct json *account = account_get(txn_view(t), j->a, j->name);
    if (account == NULL) {
        error_set(e, ERROR_NOT_FOUND, "There is no account %s", "没有账号 %s", j->name);
    }
    return account;
}

static bool change_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct account_job *j = (struct account_job *)job;
    j->account = account_now(j, t, e);
    if (j->account == NULL) {
        return false;
    }
    merge_fields(j->a, j->account, j->fragment);
    if (account_disabled(j->account) && !sessions_end_all(t, j->name, NULL, e)) {
        return false;
    }
    return account_keeps_admin(txn_view(t), j->a, j->name, j->account, e) &&
           account_put(t, j->a, j->account, e);
}

static bool password_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct account_job *j = (struct account_job *)job;
    j->account = account_now(j, t, e);
    if (j->account == NULL) {
        return false;
    }
    json_set(j->a, j->account, "hash", json_string(j->a, j->hash));
    bool own = strcmp(j->asker->user.name, j->name) == 0 && j->asker->has_session;
    return sessions_end_all(t, j->name, own ? j->asker->session : NULL, e) &&
           account_put(t, j->a, j->account, e);
}

static bool run_job(struct request *r, bool (*apply)(struct store_job *, struct txn *, struct error *),
                    const char *name, const struct json *fragment, const char *hash, struct json **account,
                    struct error *e)
{
    struct account_job j = {.job = {.apply = apply},
                            .a = request_arena(r),
                            .r = r,
                            .name = name,
                            .fragment = fragment,
                            .hash = hash,
                            .asker = identity_asker(r)};
    bool fine = store_run(bound->store, &j.job, e);
    *account = j.account;
    return fine;
}

static bool new_hash(struct request *r, const char *name, const char *password, const char **hash,
                     struct error *e)
{
    if (!account_password_valid(name, password, e)) {
        return false;
    }
    *hash = account_hash(request_arena(r), password);
    return *hash != NULL ||
           error_set(e, ERROR_UNAVAILABLE, "Not enough memory to hash a password", "内存不足,无法处理密码");
}

static bool create_user(struct request *r, struct json **account, struct error *e)
{
    struct account_fields f = {0};
    const struct json *fragment;
    const char *hash;
    if (!read_account(r, true, &fragment, &f, e) || !account_name_valid(f.name, e) ||
        !new_hash(r, f.name, f.password, &hash, e) ||
        !run_job(r, create_apply, f.name, fragment, hash, account, e)) {
        return false;
    }
    log_info("identity", "%s made the account %s", identity_user(r)->name, f.name);
    return true;
}

static void run_create(struct request *r)
{
    struct error e = {0};
    struct json *account;
    if (create_user(r, &account, &e)) {
        reply_json(r, 201, account_view(request_arena(r), account));
    } else {
        reply_error(r, &e);
    }
}

static void post_users(struct request *r)
{
    identity_later(bound, r, run_create);
}

static bool change_user(struct request *r, struct json **account, struct error *e)
{
    struct account_fields f = {0};
    const struct json *fragment;
    const char *name = request_param(r, "name");
    if (!read_account(r, false, &fragment, &f, e) ||
        !run_job(r, change_apply, name, fragment, NULL, account, e)) {
        return false;
    }
    log_info("identity", "%s changed the account %s", identity_user(r)->name, name);
    return true;
}

static void run_change(struct request *r)
{
    struct error e = {0};
    struct json *account;
    if (change_user(r, &account, &e)) {
        reply_json(r, 200, account_view(request_arena(r), account));
    } else {
        reply_error(r, &e);
    }
}

static void patch_user(struct request *r)
{
    identity_later(bound, r, run_change);
}

static bool remove_user(struct request *r, struct error *e)
{
    const char *name = request_param(r, "name");
    if (strcmp(name, identity_user(r)->name) == 0) {
        return error_set(e, ERROR_CONFLICT, "Nobody can delete their own account", "不能删除自己的账号");
    }
    if (!identity_delete_user(bound->store, name, e)) {
        return false;
    }
    log_info("identity", "%s deleted the account %s", identity_user(r)->name, name);
    return true;
}

static void run_remove(struct request *r)
{
    struct error e = {0};
    if (remove_user(r, &e)) {
        reply_empty(r, 204);
    } else {
        reply_error(r, &e);
    }
}

static void delete_user(struct request *r)
{
    identity_later(bound, r, run_remove);
}

struct password_fields {
    const char *password, *current;
};

/* Those with users.write change anybody's; the others their own, knowing the one in force. */
static bool may_change_password(struct request *r, const char *name, const char *current, struct error *e)
{
    const struct user *u = identity_user(r);
    if (strcmp(u->name, name) != 0) {
        return identity_permits(bound, u, "users.write") ||
               error_set(e, ERROR_FORBIDDEN,
                         "The password of another account needs the permission users.write",
                         "修改他人密码需要权限 users.write");
    }
    struct sign_in in = {name, current != NULL ? current : ""};
    if (!not_too_often(r, name, e)) {
        return false;
    }
    if (!check_password(r, &in, NULL)) {
        return error_set(e, ERROR_FORBIDDEN, "\"current\" must be the password in force",
                         "current 必须是当前密码");
    }
    throttle_success(bound->throttle, name, request_peer(r));
    return true;
}

static bool change_password(struct request *r, struct error *e)
{
    static const struct json_field fields[] = {
        {"password", FIELD_STRING, offsetof(struct password_fields, password), true},
        {"current", FIELD_STRING, offsetof(struct password_fields, current), false},
        {NULL}};
    struct password_fields f = {0};
    const char *name = request_param(r, "name");
    const char *hash;
    struct json *account;
    struct json *body = request_json(r, e);
    if (body == NULL || !json_read(body, fields, &f, false, e) ||
        !may_change_password(r, name, f.current, e) || !new_hash(r, name, f.password, &hash, e) ||
        !run_job(r, password_apply, name, NULL, hash, &account, e)) {
        return false;
    }
    log_info("identity", "%s set a new password for %s", identity_user(r)->name, name);
    return true;
}

static void run_password(struct request *r)
{
    struct error e = {0};
    if (change_password(r, &e)) {
        reply_empty(r, 204);
    } else {
        reply_error(r, &e);
    }
}

static void post_password(struct request *r)
{
    identity_later(bound, r, run_password);
}

/* ---- roles ---- */

static struct json *role_json(struct arena *a, const char *name, const struct role *role)
{
    struct json *title = json_object(a);
    json_add(title, "zh", json_string(a, role->zh));
    json_add(title, "en", json_string(a, role->en));
    struct json *o = json_object(a);
    json_add(o, "name", json_string(a, name));
    json_add(o, "title", title);
    json_add(o, "permissions", strings_json(a, (const char *const *)role->permissions));
    json_add(o, "builtIn", json_bool(a, role->built_in));
    return o;
}

static void get_roles(struct request *r)
{
    struct arena *a = request_arena(r);
    struct json *items = json_array(a);
    {
        g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&bound->lock);
        guint n;
        g_autofree const char **names = (const char **)g_hash_table_get_keys_as_array(bound->roles, &n);
        qsort(names, n, sizeof *names, by_name);
        for (guint i = 0; i < n; i++) {
            json_append(items, role_json(a, names[i], g_hash_table_lookup(bound->roles, names[i])));
        }
    }
    struct json *body = json_object(a);
    json_add(body, "items", items);
    reply_json(r, 200, body);
}

const struct route identity_routes[] = {
    {"POST", "/api/v1/session", NULL, post_session, "Sign in with name and password", "用户名密码登录"},
    {"GET", "/api/v1/session", "", get_session, "Who is signed in", "当前登录者"},
    {"DELETE", "/api/v1/session", NULL, delete_session, "Sign out", "退出登录"},
    {"GET", "/api/v1/users", "users.write", get_users, "List the accounts", "账号列表"},
    {"POST", "/api/v1/users", "users.write", post_users, "Make an account", "新建账号"},
    {"PATCH", "/api/v1/users/{name}", "users.write", patch_user, "Change an account", "修改账号"},
    {"DELETE", "/api/v1/users/{name}", "users.write", delete_user, "Delete an account", "删除账号"},
    {"POST", "/api/v1/users/{name}/password", "", post_password,
     "Set a new password: one's own, or with users.write anybody's", "修改密码:本人,或有 users.write 权限者"},
    {"GET", "/api/v1/roles", "users.write", get_roles, "List the roles and their permissions",
     "角色及权限列表"},
    {NULL}};
