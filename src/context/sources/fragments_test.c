/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of putting fragments of an entity together (4.5.5). */
#include <string.h>

#include "context/sources/fragments.h"

#define NOW INT64_C(1000)

static struct fragment fragment(struct arena *a, enum fragment_rank rank, const char *text)
{
    struct error e = {0};
    struct json *entity = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return (struct fragment){entity, rank};
}

static void check_merged(struct arena *a, const struct fragment *f, int count, const char *expected)
{
    struct json *got = fragments_merge(a, f, count, NOW);
    g_assert_cmpstr(json_text(a, got), ==, expected);
}

#define CHECK(expected, ...)                               \
    do {                                                   \
        const struct fragment all[] = {__VA_ARGS__};       \
        check_merged(a, all, G_N_ELEMENTS(all), expected); \
    } while (0)

static void test_head(void)
{
    arena_auto a = arena_new();
    CHECK(
        "{\"id\":\"urn:x:1\",\"type\":[\"A\",\"B\"],\"scope\":[\"/a\"],\"createdAt\":3,\"modifiedAt\":9}",
        fragment(a, FRAGMENT_EQUAL, "{\"id\":\"urn:x:1\",\"type\":[\"A\"],\"createdAt\":5,\"modifiedAt\":6}"),
        fragment(a, FRAGMENT_EQUAL,
                 "{\"id\":\"urn:x:1\",\"type\":[\"B\",\"A\"],\"scope\":[\"/"
                 "a\"],\"createdAt\":3,\"modifiedAt\":9}"));
}

static void test_newest(void)
{
    arena_auto a = arena_new();
    CHECK(
        "{\"id\":\"urn:x:1\",\"p\":{\"value\":2,\"observedAt\":\"2026-01-02T00:00:00Z\"},\"q\":{\"value\":1,"
        "\"modifiedAt\":9},\"r\":{\"value\":1}}",
        fragment(a, FRAGMENT_EQUAL,
                 "{\"id\":\"urn:x:1\",\"p\":{\"value\":1,\"observedAt\":\"2026-01-01T00:00:00Z\"},"
                 "\"q\":{\"value\":1,\"modifiedAt\":9},\"r\":{\"value\":1}}"),
        fragment(a, FRAGMENT_EQUAL,
                 "{\"id\":\"urn:x:1\",\"p\":{\"value\":2,\"observedAt\":\"2026-01-02T00:00:00Z\"},"
                 "\"q\":{\"value\":2,\"modifiedAt\":8},\"r\":{\"value\":2}}"));
}

static void test_datasets(void)
{
    arena_auto a = arena_new();
    CHECK("{\"id\":\"urn:x:1\",\"p\":[{\"value\":1},{\"value\":2,\"datasetId\":\"urn:d\"}]}",
          fragment(a, FRAGMENT_EQUAL, "{\"id\":\"urn:x:1\",\"p\":{\"value\":1}}"),
          fragment(a, FRAGMENT_EQUAL,
                   "{\"id\":\"urn:x:1\",\"p\":[{\"value\":2,\"datasetId\":\"urn:d\"},{\"value\":3}]}"));
}

static void test_ranks(void)
{
    arena_auto a = arena_new();
    CHECK(
        "{\"id\":\"urn:x:1\",\"p\":{\"value\":3},\"q\":{\"value\":1,\"modifiedAt\":1},\"gap\":{\"value\":2,"
        "\"datasetId\":\"urn:d\"}}",
        fragment(a, FRAGMENT_AUXILIARY,
                 "{\"id\":\"urn:x:1\",\"q\":{\"value\":2,\"modifiedAt\":9,\"datasetId\":\"urn:d\"},"
                 "\"gap\":{\"value\":2,\"datasetId\":\"urn:d\"}}"),
        fragment(
            a, FRAGMENT_EQUAL,
            "{\"id\":\"urn:x:1\",\"p\":{\"value\":1,\"modifiedAt\":9},\"q\":{\"value\":1,\"modifiedAt\":1}}"),
        fragment(a, FRAGMENT_EXCLUSIVE, "{\"id\":\"urn:x:1\",\"p\":{\"value\":3}}"));
}

/* 4.5.5.2, 4.5.5.3: an entity that expires lends its moment to its attributes; what has expired is left out.
 */
static void test_expiry(void)
{
    arena_auto a = arena_new();
    CHECK("{\"id\":\"urn:x:1\",\"q\":{\"value\":1},\"p\":{\"value\":2,\"expiresAt\":2000}}",
          fragment(a, FRAGMENT_EQUAL,
                   "{\"id\":\"urn:x:1\",\"p\":{\"value\":1,\"expiresAt\":900},\"q\":{\"value\":1}}"),
          fragment(a, FRAGMENT_EQUAL,
                   "{\"id\":\"urn:x:1\",\"expiresAt\":2000,\"p\":{\"value\":2,\"expiresAt\":3000}}"));
    CHECK("{\"id\":\"urn:x:1\",\"q\":{\"value\":1}}",
          fragment(a, FRAGMENT_EQUAL,
                   "{\"id\":\"urn:x:1\",\"p\":{\"value\":1,\"expiresAt\":900},\"q\":{\"value\":1}}"));
    CHECK("{\"id\":\"urn:x:1\",\"expiresAt\":3000,\"p\":{\"value\":1,\"expiresAt\":2000},\"q\":{\"value\":1,"
          "\"expiresAt\":3000}}",
          fragment(a, FRAGMENT_EQUAL, "{\"id\":\"urn:x:1\",\"expiresAt\":2000,\"p\":{\"value\":1}}"),
          fragment(a, FRAGMENT_EQUAL, "{\"id\":\"urn:x:1\",\"expiresAt\":3000,\"q\":{\"value\":1}}"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/context/fragments/head", test_head);
    g_test_add_func("/context/fragments/newest", test_newest);
    g_test_add_func("/context/fragments/datasets", test_datasets);
    g_test_add_func("/context/fragments/ranks", test_ranks);
    g_test_add_func("/context/fragments/expiry", test_expiry);
    return g_test_run();
}
