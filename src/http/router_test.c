/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the decoding of addresses and of the router. */
#include <glib.h>
#include <string.h>

#include "http/decode.h"
#include "http/router.h"

static void nothing(struct request *r)
{
}

static const struct route routes[] = {
    {"GET", "/", NULL, nothing, "", "", 0},
    {"GET", "/cases", "", nothing, "", "", 0},
    {"POST", "/cases", "", nothing, "", "", 0},
    {"GET", "/cases/open", "", nothing, "", "", 0},
    {"GET", "/cases/{id}", "", nothing, "", "", 0},
    {"DELETE", "/cases/{id}", "", nothing, "", "", 0},
    {"POST", "/cases/{id}/actions/{action}", "", nothing, "", "", 0},
    {"GET", "/log/tile/{rest*}", NULL, nothing, "", "", 0},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0},
};

static struct router *make(void)
{
    struct router *r = router_new();
    for (int i = 0; routes[i].method != NULL; i++) {
        router_add(r, &routes[i]);
    }
    return r;
}

static void check(const char *method, const char *path, const char *route, const char *value)
{
    struct router *r = make();
    arena_auto a = arena_new();
    struct route_match m;
    struct error e = {0};
    g_assert_true(router_find(r, a, method, path, &m, &e));
    if (route == NULL) {
        g_assert_null(m.route);
    } else {
        g_assert_nonnull(m.route);
        g_assert_cmpstr(m.route->path, ==, route);
    }
    if (value != NULL) {
        g_assert_cmpstr(m.params[m.count - 1].value, ==, value);
    }
    router_free(r);
}

static void paths_find_their_routes(void)
{
    check("GET", "/", "/", NULL);
    check("HEAD", "/cases", "/cases", NULL);
    check("POST", "/cases/", "/cases", NULL);
    check("GET", "/cases/open", "/cases/open", NULL);
    check("DELETE", "/cases/open", "/cases/{id}", "open");
    check("GET", "/cases/a%2Fb%20%E6%B8%9D", "/cases/{id}", "a/b 渝");
    check("POST", "/cases/7/actions/close", "/cases/{id}/actions/{action}", "close");
    check("GET", "/log/tile/0/x001/234.p/5", "/log/tile/{rest*}", "0/x001/234.p/5");
    check("GET", "/log/tile", NULL, NULL);
    check("GET", "/cases//actions/x", NULL, NULL);
    check("GET", "/nothing", NULL, NULL);
}

static void unknown_methods_learn_the_known_ones(void)
{
    struct router *r = make();
    arena_auto a = arena_new();
    struct route_match m;
    struct error e = {0};
    g_assert_true(router_find(r, a, "PUT", "/cases/7", &m, &e));
    g_assert_null(m.route);
    g_assert_cmpstr(m.allow, ==, "GET, DELETE, HEAD, OPTIONS");
    g_assert_false(router_find(r, a, "GET", "/cases/%ff", &m, &e));
    g_assert_cmpint(e.code, ==, ERROR_INVALID_REQUEST);
    router_free(r);
}

static void queries_are_decoded_in_order(void)
{
    arena_auto a = arena_new();
    struct query_parameter *q;
    struct error e = {0};
    g_assert_true(decode_query(a, "q=pm25%3E1;x==%22a%22&&b&c=1+2&c=", &q, &e));
    g_assert_cmpstr(q->value, ==, "pm25>1;x==\"a\"");
    g_assert_cmpstr(q->next->name, ==, "b");
    g_assert_cmpstr(q->next->next->value, ==, "1 2");
    g_assert_cmpstr(q->next->next->next->value, ==, "");
    g_assert_null(q->next->next->next->next);
    static const char *const broken[] = {"a=%", "a=%4", "a=%zz", "a=%00", "a=%c3%28", "a=%1b"};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_assert_false(decode_query(a, broken[i], &q, &e));
    }
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i <= MAX_QUERY_PARAMETERS; i++) {
        g_string_append(many, "a&");
    }
    g_assert_false(decode_query(a, many->str, &q, &e));
}

static void targets_are_cut(void)
{
    arena_auto a = arena_new();
    const char *path, *query;
    decode_target(a, "http://hub:80/a/b?c=d", &path, &query);
    g_assert_cmpstr(path, ==, "/a/b");
    g_assert_cmpstr(query, ==, "c=d");
    decode_target(a, "*", &path, &query);
    g_assert_cmpstr(path, ==, "/");
    g_assert_cmpstr(query, ==, "");
}

static void only_plain_paths_reach_the_disk(void)
{
    static const char *const good[] = {"/index.html", "/assets/a.b-c.js", "/基础/x"};
    static const char *const bad[] = {"/../x", "/a/../../x", "/a//b", "/.git/config",
                                      "a",     "/a\\..\\b",  "/a/."};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(decode_is_plain_path(good[i]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(decode_is_plain_path(bad[i]));
    }
}

static void languages_are_weighed(void)
{
    g_assert_true(decode_prefers_chinese(NULL));
    g_assert_true(decode_prefers_chinese("*"));
    g_assert_true(decode_prefers_chinese("zh-CN,zh;q=0.9,en;q=0.8"));
    g_assert_true(decode_prefers_chinese("en;q=0.5, zh;q=0.9"));
    g_assert_false(decode_prefers_chinese("en-US,en;q=0.9,zh;q=0.8"));
    g_assert_false(decode_prefers_chinese("fr"));
    g_assert_cmpint(decode_weight("gzip;q=0, br", "gzip"), ==, 0);
    g_assert_cmpint(decode_weight("deflate, gzip", "gzip"), ==, 1000);
    g_assert_cmpint(decode_weight("br", "gzip"), ==, -1);
    g_assert_cmpint(decode_weight(NULL, "gzip"), ==, -1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/paths_find_their_routes", paths_find_their_routes);
    g_test_add_func("/http/unknown_methods_learn_the_known_ones", unknown_methods_learn_the_known_ones);
    g_test_add_func("/http/queries_are_decoded_in_order", queries_are_decoded_in_order);
    g_test_add_func("/http/targets_are_cut", targets_are_cut);
    g_test_add_func("/http/only_plain_paths_reach_the_disk", only_plain_paths_reach_the_disk);
    g_test_add_func("/http/languages_are_weighed", languages_are_weighed);
    return g_test_run();
}
