/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the index of subscriptions: whatever a look at all of them finds, the index finds, and not much
 * more. */
#include <glib.h>
#include <string.h>

#include "context/subscriptions/notifier.h"
#include "context/subscriptions/ranges.h"
#include "context/subscriptions/subscription_index.h"

static void gather(void *user, void *item)
{
    g_hash_table_add(user, item);
}

static void ranges_agree_with_a_list(void)
{
    enum { COUNT = 500, ROUNDS = 4000 };
    struct ranges *r = ranges_new();
    struct {
        double low, high;
        bool in;
    } all[COUNT] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        int i = g_test_rand_int_range(0, COUNT);
        if (all[i].in) {
            ranges_remove(r, all[i].low, all[i].high, &all[i]);
        } else {
            all[i].low = g_test_rand_int_range(-50, 50);
            all[i].high =
                g_test_rand_int_range(0, 10) == 0 ? G_MAXDOUBLE : all[i].low + g_test_rand_int_range(-1, 20);
            ranges_add(r, all[i].low, all[i].high, &all[i]);
        }
        all[i].in = !all[i].in;
        double at = g_test_rand_int_range(-60, 80);
        g_autoptr(GHashTable) found = g_hash_table_new(NULL, NULL);
        ranges_find(r, at, gather, found);
        guint expected = 0;
        for (int k = 0; k < COUNT; k++) {
            bool holds = all[k].in && all[k].low <= at && at <= all[k].high;
            expected += holds;
            g_assert_cmpint(g_hash_table_contains(found, &all[k]), ==, holds);
        }
        g_assert_cmpuint(g_hash_table_size(found), ==, expected);
    }
    ranges_free(r);
}

/* ---- the index ---- */

static struct json *parse(struct arena *a, const char *text)
{
    struct error e = {0};
    struct json *j = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return j;
}

static struct subscription *subscription(const char *conditions)
{
    struct error e = {0};
    arena_auto a = arena_new();
    g_autofree char *text = g_strdup_printf(
        "{\"type\":\"Subscription\",%s,\"notificationTrigger\":[\"entityCreated\",\"entityUpdated\","
        "\"entityDeleted\"],\"notification\":{\"endpoint\":{\"uri\":\"http://x/\"}}}",
        conditions);
    struct subscription *s = subscription_parse(parse(a, text), NULL, &e);
    g_assert_cmpstr(e.en, ==, "");
    return s;
}

static const struct json *no_entity(void *user, const char *id)
{
    return user;
}

static guint found(struct subscription_index *x, const char *record, const struct json *entity, void *item)
{
    arena_auto a = arena_new();
    g_autoptr(GHashTable) items = g_hash_table_new(NULL, NULL);
    subscription_index_find(x, parse(a, record), no_entity, (void *)entity, gather, items);
    g_assert_cmpint(g_hash_table_contains(items, item), ==, true);
    return g_hash_table_size(items);
}

static guint others(struct subscription_index *x, const char *record, const struct json *entity)
{
    arena_auto a = arena_new();
    g_autoptr(GHashTable) items = g_hash_table_new(NULL, NULL);
    subscription_index_find(x, parse(a, record), no_entity, (void *)entity, gather, items);
    return g_hash_table_size(items);
}

enum { MANY = 1000 };

/* MANY subscriptions made by format of a number, and a record that only number 7 concerns. */
static void one_of_many(const char *format, const char *record, const struct json *entity)
{
    struct subscription_index *x = subscription_index_new();
    struct subscription *all[MANY];
    for (int i = 0; i < MANY; i++) {
        g_autofree char *conditions = g_strdup_printf(format, i, i + 1);
        all[i] = subscription(conditions);
        subscription_index_add(x, all[i], all[i]);
    }
    g_assert_cmpuint(found(x, record, entity, all[7]), <=, 2);
    for (int i = 0; i < MANY; i++) {
        subscription_index_remove(x, all[i], all[i]);
        subscription_unref(all[i]);
    }
    g_assert_cmpuint(others(x, record, entity), ==, 0);
    subscription_index_free(x);
}

static void few_of_many_are_found(void)
{
    arena_auto a = arena_new();
    const struct json *entity =
        parse(a, "{\"id\":\"urn:a:7\",\"street\":{\"type\":\"Property\",\"value\":\"s7\"}}");
    one_of_many("\"entities\":[{\"type\":\"T\",\"id\":\"urn:a:%d\"}]",
                "{\"op\":\"update\",\"id\":\"urn:a:7\",\"type\":[\"T\"],\"attrs\":{}}", NULL);
    one_of_many("\"entities\":[{\"type\":\"T%d\"}]",
                "{\"op\":\"update\",\"id\":\"urn:a:1\",\"type\":[\"T7\"],\"attrs\":{}}", NULL);
    one_of_many("\"entities\":[{\"type\":\"T\"}],\"watchedAttributes\":[\"a%d\"]",
                "{\"op\":\"update\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"attrs\":{\"a7\":{}}}", NULL);
    one_of_many("\"entities\":[{\"type\":\"T\"}],\"watchedAttributes\":[\"a%d\"]",
                "{\"op\":\"update\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"gone\":[\"a7 urn:d\"]}", NULL);
    one_of_many("\"entities\":[{\"type\":\"T\"}],\"q\":\"x>1;street==\\\"s%d\\\"\"",
                "{\"op\":\"create\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"attrs\":{\"street\":{\"type\":"
                "\"Property\",\"value\":\"s7\"}}}",
                NULL);
    one_of_many("\"entities\":[{\"type\":\"T\"}],\"q\":\"street==\\\"s%d\\\"\"",
                "{\"op\":\"update\",\"id\":\"urn:a:7\",\"type\":[\"T\"],\"attrs\":{\"level\":{}}}", entity);
    one_of_many("\"watchedAttributes\":[\"level\"],\"q\":\"level>=%d;level<%d\"",
                "{\"op\":\"update\",\"id\":\"urn:a:9\",\"type\":[\"T\"],\"attrs\":{\"level\":{\"type\":"
                "\"Property\",\"value\":7.5}}}",
                entity);
}

static void values_are_remembered(void)
{
    static const char make[] = "{\"op\":\"create\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"attrs\":{\"street\":"
                               "{\"type\":\"Property\",\"value\":\"%s\"}}}";
    static const char change[] =
        "{\"op\":\"update\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"attrs\":{\"street\":"
        "{\"type\":\"Property\",\"value\":\"y\"}}}";
    static const char touch[] =
        "{\"op\":\"update\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"attrs\":{\"b\":{}}}";
    static const char gone[] =
        "{\"op\":\"update\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"attrs\":{},\"gone\":[\"street\"]}";
    static const char several[] =
        "{\"op\":\"update\",\"id\":\"urn:a:1\",\"type\":[\"T\"],\"attrs\":{\"street\":{\"type\":\"Property\","
        "\"value\":\"z\",\"datasetId\":\"urn:d\"}}}";
    static const char end[] = "{\"op\":\"delete\",\"id\":\"urn:a:1\",\"type\":[\"T\"]}";
    struct subscription_index *x = subscription_index_new();
    struct subscription *is_x = subscription("\"entities\":[{\"type\":\"T\"}],\"q\":\"street==\\\"x\\\"\"");
    struct subscription *is_y = subscription("\"entities\":[{\"type\":\"T\"}],\"q\":\"street==\\\"y\\\"\"");
    subscription_index_add(x, is_x, is_x);
    subscription_index_add(x, is_y, is_y);
    g_autofree char *made = g_strdup_printf(make, "x");
    g_assert_cmpuint(found(x, made, NULL, is_x), ==, 1);
    g_assert_cmpuint(found(x, touch, NULL, is_x), ==, 1);
    g_assert_cmpuint(found(x, change, NULL, is_y), ==, 1);
    g_assert_cmpuint(found(x, touch, NULL, is_y), ==, 1);
    g_assert_cmpuint(others(x, gone, NULL), ==, 0);
    g_assert_cmpuint(found(x, change, NULL, is_y), ==, 1);
    g_assert_cmpuint(found(x, several, NULL, is_x), ==, 2); /* any instance may match: both are asked */
    g_assert_cmpuint(found(x, touch, NULL, is_y), ==, 2);
    g_assert_cmpuint(found(x, end, NULL, is_x), ==, 2);
    g_assert_cmpuint(found(x, touch, NULL, is_y), ==, 2); /* nothing is known: both */
    subscription_index_free(x);
    subscription_unref(is_x);
    subscription_unref(is_y);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index/ranges", ranges_agree_with_a_list);
    g_test_add_func("/index/few", few_of_many_are_found);
    g_test_add_func("/index/values", values_are_remembered);
    return g_test_run();
}
