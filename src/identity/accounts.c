/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: checked, hashed, kept. */
#include "identity/accounts.h"

#include <string.h>

#include <sodium.h>

#include "base/instant.h"
#include "identity/sessions.h"

static const char SPACE[] = "identity.accounts";

struct json *account_get(struct view *v, struct arena *a, const char *name)
{
    const char *text;
    size_t length;
    if (!view_kv_get(v, a, SPACE, name, strlen(name), &text, &length)) {
        return NULL;
    }
    return json_parse(a, text, length, NULL);
}

bool account_put(struct txn *t, struct arena *a, const struct json *account, struct error *e)
{
    const char *name = json_get_string(account, "name");
    const char *text = json_text(a, account);
    return txn_kv_put(t, SPACE, name, strlen(name), text, strlen(text), e);
}

bool account_disabled(const struct json *account)
{
    return json_get_bool(account, "disabled", false);
}

static const char *text_of(const struct json *account, const char *key)
{
    const char *text = json_get_string(account, key);
    return text != NULL ? text : "";
}

/* The same account as it acts. */
static struct user *account_user(struct arena *a, const struct json *account)
{
    const struct json *roles = json_get(account, "roles");
    const char **list = arena_array(a, const char *, (roles != NULL ? roles->length : 0) + 1);
    int n = 0;
    for (const struct json *r = json_first(roles); r != NULL; r = r->next) {
        list[n++] = arena_strdup(a, r->string);
    }
    struct user *u = arena_new0(a, struct user);
    u->name = arena_strdup(a, text_of(account, "name"));
    u->display_name = arena_strdup(a, text_of(account, "displayName"));
    u->organisation = arena_strdup(a, text_of(account, "organisation"));
    u->area = arena_strdup(a, text_of(account, "area"));
    u->roles = list;
    return u;
}

struct json *account_view(struct arena *a, const struct json *account)
{
    struct json *copy = json_copy(a, account);
    json_remove(copy, "hash");
    return copy;
}

struct each_account {
    struct arena *a;
    bool (*each)(void *user, const struct json *account);
    void *user;
};

static bool each_row(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct each_account *x = user;
    struct json *account = json_parse(x->a, value, length, NULL);
    return account == NULL || x->each(x->user, account);
}

void account_each(struct view *v, struct arena *a, bool (*each)(void *user, const struct json *account),
                  void *user)
{
    struct each_account x = {a, each, user};
    view_kv_scan(v, SPACE, NULL, 0, false, each_row, &x);
}

bool account_name_valid(const char *name, struct error *e)
{
    bool good = name[0] != '\0' && strlen(name) <= ACCOUNT_NAME && g_utf8_validate(name, -1, NULL);
    for (const char *p = name; good && *p != '\0'; p = g_utf8_next_char(p)) {
        good = g_unichar_isalnum(g_utf8_get_char(p)) || strchr("._-@", *p) != NULL;
    }
    if (!good || strcmp(name, "system") == 0 || strcmp(name, "local") == 0) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "A sign-in name has 1 to %d bytes of letters, digits and . _ - @, and is not "
                         "\"system\" or \"local\"",
                         "登录名须为1至%d字节的字母、数字或 . _ - @,且不能是 system 或 local", ACCOUNT_NAME);
    }
    return true;
}

static bool text_valid(const struct json *fragment, const char *key, struct error *e)
{
    const struct json *value = json_get(fragment, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is(value, JSON_STRING) || value->length > ACCOUNT_TEXT) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "%s must be a text of at most %d bytes",
                         "%s 必须是不超过%d字节的文本", key, ACCOUNT_TEXT);
    }
    for (const char *p = value->string; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20) {
            return error_set(e, ERROR_BAD_REQUEST_DATA, "%s must not hold control characters",
                             "%s 不能含控制字符", key);
        }
    }
    return true;
}

static bool roles_valid(const struct json *roles, struct error *e)
{
    bool good = roles == NULL || (json_is(roles, JSON_ARRAY) && roles->length <= ACCOUNT_ROLES);
    for (const struct json *r = json_first(roles); good && r != NULL; r = r->next) {
        good = json_is(r, JSON_STRING) && r->length > 0 && r->length <= ACCOUNT_NAME;
    }
    return good || error_set(e, ERROR_BAD_REQUEST_DATA,
                             "roles must be a list of at most %d role names (GET /api/v1/roles lists them)",
                             "roles 必须是不超过%d个角色名的列表(GET /api/v1/roles 可查)", ACCOUNT_ROLES);
}

bool account_fields_valid(const struct json *fragment, struct error *e)
{
    if (!text_valid(fragment, "displayName", e) || !text_valid(fragment, "organisation", e) ||
        !text_valid(fragment, "area", e)) {
        return false;
    }
    const char *area = json_get_string(fragment, "area");
    if (area != NULL && area[0] != '\0' && (area[0] != '/' || area[strlen(area) - 1] == '/')) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "area must be a scope such as /渝中区/大坪街道, or empty for everything",
                         "area 必须形如 /渝中区/大坪街道,留空表示全部");
    }
    return roles_valid(json_get(fragment, "roles"), e);
}

bool account_password_valid(const char *name, const char *password, struct error *e)
{
    if (!g_utf8_validate(password, -1, NULL) || strlen(password) > ACCOUNT_PASSWORD_HIGH ||
        g_utf8_strlen(password, -1) < ACCOUNT_PASSWORD_LOW || strcmp(name, password) == 0) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "A password has at least %d characters and at most %d bytes, and is not the "
                         "sign-in name",
                         "密码至少%d个字符、至多%d字节,且不能与登录名相同", ACCOUNT_PASSWORD_LOW,
                         ACCOUNT_PASSWORD_HIGH);
    }
    return true;
}

char *account_hash(struct arena *a, const char *password)
{
    char *hash = arena_alloc(a, crypto_pwhash_STRBYTES);
    int failed = crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                   crypto_pwhash_MEMLIMIT_INTERACTIVE);
    return failed == 0 ? hash : NULL;
}

/* Of a random text, with the same limits: unknown names must not answer sooner than wrong passwords. */
static const char *nobody(void)
{
    static char hash[crypto_pwhash_STRBYTES];
    static gsize made = 0;
    if (g_once_init_enter(&made)) {
        char noise[32];
        randombytes_buf(noise, sizeof noise);
        gsize fine = crypto_pwhash_str(hash, noise, sizeof noise, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                       crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
        g_once_init_leave(&made, 1 + fine);
    }
    return hash;
}

bool account_verify(const char *hash, const char *password)
{
    bool known = hash != NULL;
    bool good = crypto_pwhash_str_verify(known ? hash : nobody(), password, strlen(password)) == 0;
    return known && good;
}

static bool is_admin(const struct json *account)
{
    if (account == NULL || account_disabled(account)) {
        return false;
    }
    for (const struct json *r = json_first(json_get(account, "roles")); r != NULL; r = r->next) {
        if (json_streq(r, "admin")) {
            return true;
        }
    }
    return false;
}

struct admin_search {
    const char *but;
    bool found;
};

static bool other_admin(void *user, const struct json *account)
{
    struct admin_search *s = user;
    s->found = is_admin(account) && g_strcmp0(json_get_string(account, "name"), s->but) != 0;
    return !s->found;
}

bool account_keeps_admin(struct view *v, struct arena *a, const char *name, const struct json *after,
                         struct error *e)
{
    if (is_admin(after) || !is_admin(account_get(v, a, name))) {
        return true;
    }
    struct admin_search s = {name, false};
    account_each(v, a, other_admin, &s);
    return s.found || error_set(e, ERROR_CONFLICT,
                                "%s is the last administrator: give the role admin to another account first",
                                "%s 是最后一个管理员:请先把 admin 角色授予另一账号", name);
}

/* ---- the functions of identity.h about accounts ---- */

const struct user *identity_find_user(struct view *v, struct arena *a, const char *name)
{
    const struct json *account = account_get(v, a, name);
    return account == NULL || account_disabled(account) ? NULL : account_user(a, account);
}

struct each_user {
    struct arena *a;
    bool (*each)(void *user, const struct user *u);
    void *user;
};

static bool each_enabled(void *user, const struct json *account)
{
    struct each_user *x = user;
    return account_disabled(account) || x->each(x->user, account_user(x->a, account));
}

void identity_each_user(struct view *v, bool (*each)(void *user, const struct user *u), void *user)
{
    arena_auto a = arena_new();
    struct each_user x = {a, each, user};
    account_each(v, a, each_enabled, &x);
}

struct put_job {
    struct store_job job;
    struct arena *a;
    const struct user *u;
    const char *hash; /* NULL = keep */
};

static struct json *roles_json(struct arena *a, const char *const *roles)
{
    struct json *list = json_array(a);
    for (int i = 0; roles != NULL && roles[i] != NULL; i++) {
        json_append(list, json_string(a, roles[i]));
    }
    return list;
}

static void set_text(struct arena *a, struct json *object, const char *key, const char *text)
{
    json_set(a, object, key, json_string(a, text != NULL ? text : ""));
}

static struct json *new_account(struct arena *a, const char *name, instant now)
{
    char text[INSTANT_TEXT];
    struct json *account = json_object(a);
    json_set(a, account, "name", json_string(a, name));
    json_set(a, account, "createdAt", json_string(a, instant_format(now, text)));
    return account;
}

static bool put_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct put_job *p = (struct put_job *)job;
    struct json *account = account_get(txn_view(t), p->a, p->u->name);
    if (account == NULL && p->hash == NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "A new account needs a password", "新账号需要密码");
    }
    if (account == NULL) {
        account = new_account(p->a, p->u->name, txn_now(t));
    }
    set_text(p->a, account, "displayName", p->u->display_name);
    set_text(p->a, account, "organisation", p->u->organisation);
    set_text(p->a, account, "area", p->u->area);
    json_set(p->a, account, "roles", roles_json(p->a, p->u->roles));
    if (p->hash != NULL) {
        json_set(p->a, account, "hash", json_string(p->a, p->hash));
        if (!sessions_end_all(t, p->u->name, NULL, e)) {
            return false;
        }
    }
    return account_fields_valid(account, e) &&
           account_keeps_admin(txn_view(t), p->a, p->u->name, account, e) && account_put(t, p->a, account, e);
}

bool identity_put_user(struct store *s, const struct user *u, const char *password, struct error *e)
{
    g_assert(u != NULL && u->name != NULL);
    if (sodium_init() < 0) {
        return error_set(e, ERROR_INTERNAL, "libsodium cannot start", "libsodium 无法启动");
    }
    if (!account_name_valid(u->name, e) ||
        (password != NULL && !account_password_valid(u->name, password, e))) {
        return false;
    }
    arena_auto a = arena_new();
    struct put_job p = {.job = {.apply = put_apply}, .a = a, .u = u};
    if (password != NULL && (p.hash = account_hash(a, password)) == NULL) {
        return error_set(e, ERROR_UNAVAILABLE, "Not enough memory to hash a password",
                         "内存不足,无法处理密码");
    }
    return store_run(s, &p.job, e);
}

struct delete_job {
    struct store_job job;
    struct arena *a;
    const char *name;
};

static bool delete_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct delete_job *d = (struct delete_job *)job;
    if (account_get(txn_view(t), d->a, d->name) == NULL) {
        return error_set(e, ERROR_NOT_FOUND, "There is no account %s", "没有账号 %s", d->name);
    }
    return account_keeps_admin(txn_view(t), d->a, d->name, NULL, e) &&
           sessions_end_all(t, d->name, NULL, e) && txn_kv_delete(t, SPACE, d->name, strlen(d->name), e);
}

bool identity_delete_user(struct store *s, const char *name, struct error *e)
{
    arena_auto a = arena_new();
    struct delete_job d = {.job = {.apply = delete_apply}, .a = a, .name = name};
    return store_run(s, &d.job, e);
}
