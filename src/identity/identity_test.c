/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, roles, sessions and the slowing down of guesses. */
#include "identity/identity.h"

#include <glib/gstdio.h>
#include <string.h>

#include "identity/accounts.h"
#include "identity/sessions.h"
#include "identity/throttle.h"

/* ---- guesses ---- */

static void test_throttle_waits(void)
{
    struct throttle *t = throttle_new();
    instant now = 1000 * INSTANT_SECOND, again = 0;
    for (int i = 0; i < THROTTLE_FREE; i++) {
        g_assert_true(throttle_attempt(t, "zhang", "10.0.0.1", now, &again));
    }
    g_assert_false(throttle_attempt(t, "zhang", "10.0.0.1", now, &again));
    g_assert_cmpint(again, ==, now + THROTTLE_FIRST);
    g_assert_true(throttle_attempt(t, "zhang", "10.0.0.2", now, &again));
    g_assert_true(throttle_attempt(t, "li", "10.0.0.1", now, &again));
    g_assert_true(throttle_attempt(t, "zhang", "10.0.0.1", again, &again));
    g_assert_false(throttle_attempt(t, "zhang", "10.0.0.1", now + THROTTLE_FIRST, &again));
    g_assert_cmpint(again, ==, now + 3 * THROTTLE_FIRST);
    throttle_free(t);
}

static void test_throttle_forgets(void)
{
    struct throttle *t = throttle_new();
    instant now = 1000 * INSTANT_SECOND, again = 0;
    for (int i = 0; i < THROTTLE_FREE; i++) {
        g_assert_true(throttle_attempt(t, "zhang", "p", now, &again));
    }
    throttle_success(t, "zhang", "p");
    g_assert_true(throttle_attempt(t, "zhang", "p", now, &again));
    throttle_free(t);
}

static void test_throttle_is_bounded(void)
{
    struct throttle *t = throttle_new();
    instant again;
    for (int i = 0; i < THROTTLE_FREE; i++) {
        throttle_attempt(t, "first", "p", 1, &again);
    }
    for (int i = 0; i < THROTTLE_ENTRIES; i++) {
        g_autofree char *name = g_strdup_printf("n%d", i);
        g_assert_true(throttle_attempt(t, name, "p", 1, &again));
    }
    g_assert_true(throttle_attempt(t, "first", "p", 1, &again)); /* pushed out */
    throttle_free(t);
}

/* ---- what an account may hold ---- */

static void test_names_and_passwords(void)
{
    struct error e = {0};
    g_assert_true(account_name_valid("zhang.min", NULL));
    g_assert_true(account_name_valid("张敏", NULL));
    static const char *const bad[] = {"", "a b", "a/b", "<x>", "a\n", "system", "local", "x'--"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(account_name_valid(bad[i], &e));
        g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
    }
    g_assert_true(account_password_valid("a", "中文密码也可以的", NULL));
    g_assert_false(account_password_valid("a", "short", NULL));
    g_assert_false(account_password_valid("zhangmin", "zhangmin", NULL));
    g_autofree char *huge = g_strnfill(ACCOUNT_PASSWORD_HIGH + 1, 'x');
    g_assert_false(account_password_valid("a", huge, NULL));
}

static void test_areas(void)
{
    static const char *const none[] = {NULL};
    struct user u = {"a", "", "", "/渝中区/大坪街道", none};
    g_assert_true(user_reaches(&u, "/渝中区/大坪街道"));
    g_assert_true(user_reaches(&u, "/渝中区/大坪街道/马家堡社区"));
    g_assert_false(user_reaches(&u, "/渝中区/大坪街道2"));
    g_assert_false(user_reaches(&u, "/渝中区"));
    g_assert_false(user_reaches(&u, NULL));
    u.area = "";
    g_assert_true(user_reaches(&u, NULL));
}

/* ---- with a store ---- */

struct fixture {
    char *dir;
    struct store *store;
};

static void open_store(struct fixture *f)
{
    struct error e = {0};
    struct store_options options = {0};
    f->store = store_open(f->dir, &options, &e);
    g_assert_cmpstr(e.en, ==, "");
    g_assert_nonnull(f->store);
}

static void set_up(struct fixture *f, gconstpointer data)
{
    f->dir = g_dir_make_tmp("identity-XXXXXX", NULL);
    open_store(f);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    store_close(f->store);
    g_autoptr(GDir) dir = g_dir_open(f->dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(f->dir, name, NULL);
        g_remove(path);
    }
    g_rmdir(f->dir);
    g_free(f->dir);
}

static const char *const dispatcher[] = {"dispatcher", NULL};
static const char *const admin[] = {"admin", NULL};

static void put(struct fixture *f, const char *name, const char *const *roles, const char *password)
{
    struct user u = {name, "张敏", "城管局", "/渝中区", roles};
    struct error e = {0};
    g_assert_true(identity_put_user(f->store, &u, password, &e));
}

static void test_account_is_kept(struct fixture *f, gconstpointer data)
{
    put(f, "zhang", dispatcher, "correct horse");
    arena_auto a = arena_new();
    view_auto v = view_begin(f->store);
    const struct json *account = account_get(v, a, "zhang");
    const char *hash = json_get_string(account, "hash");
    g_assert_true(g_str_has_prefix(hash, "$argon2id$"));
    g_assert_true(account_verify(hash, "correct horse"));
    g_assert_false(account_verify(hash, "correct horsf"));
    g_assert_false(account_verify(NULL, "correct horse"));
    g_assert_null(json_get(account_view(a, account), "hash"));
    const struct user *u = identity_find_user(v, a, "zhang");
    g_assert_cmpstr(u->display_name, ==, "张敏");
    g_assert_true(user_has_role(u, "dispatcher"));
    g_assert_null(identity_find_user(v, a, "nobody"));
}

static void test_new_account_needs_password(struct fixture *f, gconstpointer data)
{
    struct user u = {"zhang", "", "", "", dispatcher};
    struct error e = {0};
    g_assert_false(identity_put_user(f->store, &u, NULL, &e));
    g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
}

static void test_last_administrator_stays(struct fixture *f, gconstpointer data)
{
    struct error e = {0};
    put(f, "root", admin, "a good password");
    g_assert_false(identity_delete_user(f->store, "root", &e));
    g_assert_cmpint(e.code, ==, ERROR_CONFLICT);
    struct user demoted = {"root", "", "", "", dispatcher};
    g_assert_false(identity_put_user(f->store, &demoted, NULL, &e));
    put(f, "second", admin, "a good password");
    g_assert_true(identity_delete_user(f->store, "root", &e));
    e = (struct error){0};
    g_assert_false(identity_delete_user(f->store, "root", &e));
    g_assert_cmpint(e.code, ==, ERROR_NOT_FOUND);
}

struct begin {
    struct store_job job;
    const char *user;
    char token[SESSION_TEXT];
};

static bool begin_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct begin *b = (struct begin *)job;
    return session_begin(t, b->user, b->token, e);
}

static void begin(struct fixture *f, struct begin *b)
{
    struct error e = {0};
    b->job = (struct store_job){.apply = begin_apply};
    g_assert_true(store_run(f->store, &b->job, &e));
}

static bool valid(struct fixture *f, const char *token, instant now)
{
    arena_auto a = arena_new();
    view_auto v = view_begin(f->store);
    struct session s;
    return session_find(v, a, token, now, &s);
}

static void test_session_survives_restart(struct fixture *f, gconstpointer data)
{
    put(f, "zhang", dispatcher, "correct horse");
    struct begin b = {.user = "zhang"};
    begin(f, &b);
    store_close(f->store);
    open_store(f);
    g_assert_true(valid(f, b.token, instant_now()));
    g_assert_false(valid(f, b.token, instant_now() + SESSION_IDLE + INSTANT_SECOND));
    g_assert_false(valid(f, "", instant_now()));
    g_assert_false(valid(f, "not a token", instant_now()));
    b.token[20] = b.token[20] == 'A' ? 'B' : 'A';
    g_assert_false(valid(f, b.token, instant_now()));
}

static void test_sessions_are_bounded(struct fixture *f, gconstpointer data)
{
    struct begin first = {.user = "zhang"}, last = {.user = "zhang"}, other = {.user = "li"};
    begin(f, &first);
    begin(f, &other);
    for (int i = 0; i < SESSIONS_PER_USER; i++) {
        begin(f, &last);
    }
    g_assert_false(valid(f, first.token, instant_now()));
    g_assert_true(valid(f, last.token, instant_now()));
    g_assert_true(valid(f, other.token, instant_now()));
    view_auto v = view_begin(f->store);
    g_assert_cmpint(view_kv_count(v, "identity.sessions"), ==, SESSIONS_PER_USER + 1);
}

static void test_new_password_ends_sessions(struct fixture *f, gconstpointer data)
{
    put(f, "zhang", dispatcher, "correct horse");
    struct begin b = {.user = "zhang"};
    begin(f, &b);
    put(f, "zhang", dispatcher, NULL);
    g_assert_true(valid(f, b.token, instant_now()));
    put(f, "zhang", dispatcher, "another horse");
    g_assert_false(valid(f, b.token, instant_now()));
}

static void test_roles(struct fixture *f, gconstpointer data)
{
    struct identity *id = identity_new(f->store, true);
    static const char *const act[] = {"cases.act", NULL};
    struct user d = {"d", "", "", "", dispatcher}, a = {"a", "", "", "", admin};
    g_assert_false(identity_permits(id, &d, "cases.act"));
    identity_set_role(id, "dispatcher", "派遣员", "Dispatcher", act);
    g_assert_true(identity_permits(id, &d, "cases.act"));
    g_assert_false(identity_permits(id, &d, "users.write"));
    g_assert_true(identity_permits(id, &a, "users.write"));
    g_assert_false(identity_permits(id, NULL, "cases.act"));
    identity_free(id);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/identity/throttle/waits", test_throttle_waits);
    g_test_add_func("/identity/throttle/forgets", test_throttle_forgets);
    g_test_add_func("/identity/throttle/bounded", test_throttle_is_bounded);
    g_test_add_func("/identity/valid/names", test_names_and_passwords);
    g_test_add_func("/identity/valid/areas", test_areas);
#define WITH_STORE(path, test) g_test_add(path, struct fixture, NULL, set_up, test, tear_down)
    WITH_STORE("/identity/accounts/kept", test_account_is_kept);
    WITH_STORE("/identity/accounts/password-needed", test_new_account_needs_password);
    WITH_STORE("/identity/accounts/last-administrator", test_last_administrator_stays);
    WITH_STORE("/identity/sessions/restart", test_session_survives_restart);
    WITH_STORE("/identity/sessions/bounded", test_sessions_are_bounded);
    WITH_STORE("/identity/sessions/password", test_new_password_ends_sessions);
    WITH_STORE("/identity/roles", test_roles);
    return g_test_run();
}
