/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the tree against known roots, and of tile addresses. */
#include <glib.h>
#include <openssl/evp.h>
#include <string.h>

#include "ledger/tile_path.h"
#include "ledger/tree.h"

enum { LARGE = 66000 }; /* three levels of tiles */

static void to_hex(const struct hash *h, char out[HASH_SIZE * 2 + 1])
{
    for (int i = 0; i < HASH_SIZE; i++) {
        g_snprintf(out + i * 2, 3, "%02x", h->bytes[i]);
    }
}

/* The leaves and roots that the implementations of RFC 6962 share as their test vectors. */
static void known_roots(void)
{
    static const struct {
        const char *leaf;
        size_t length;
        const char *root;
    } steps[] = {
        {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"\0", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    struct tree t;
    struct hash h;
    char hex[HASH_SIZE * 2 + 1];
    tree_init(&t, 0, NULL, NULL);
    g_assert_true(tree_root(&t, &h, NULL));
    to_hex(&h, hex);
    g_assert_cmpstr(hex, ==, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        hash_leaf(steps[i].leaf, steps[i].length, &h);
        tree_append(&t, &h, 1);
        g_assert_true(tree_root(&t, &h, NULL));
        to_hex(&h, hex);
        g_assert_cmpstr(hex, ==, steps[i].root);
    }
    tree_clear(&t);
}

static void leaf_number(uint64_t i, struct hash *out)
{
    hash_leaf(&i, sizeof i, out);
}

/* The definition, without tiles. */
static void naive_root(uint64_t from, uint64_t to, struct hash *out)
{
    uint64_t half = 1;
    struct hash left, right;
    if (to - from == 1) {
        leaf_number(from, out);
        return;
    }
    while (half * 2 < to - from) {
        half *= 2;
    }
    naive_root(from, from + half, &left);
    naive_root(from + half, to, &right);
    hash_node(&left, &right, out);
}

static void every_leaf_is_proven(struct tree *t, const struct hash *root, uint64_t step)
{
    for (uint64_t i = 0; i < t->size; i += step) {
        struct hash leaf;
        struct hash path[MAX_PROOF];
        int count;
        leaf_number(i, &leaf);
        g_assert_true(tree_inclusion(t, i, path, &count, NULL));
        g_assert_true(tree_check_inclusion(&leaf, i, t->size, path, count, root));
        g_assert_false(tree_check_inclusion(&leaf, i + 1, t->size, path, count, root));
        leaf.bytes[0] ^= 1;
        g_assert_false(tree_check_inclusion(&leaf, i, t->size, path, count, root));
    }
}

static void trees_of_all_small_sizes(void)
{
    struct tree t;
    struct hash root, expected;
    tree_init(&t, 0, NULL, NULL);
    for (uint64_t size = 1; size <= 600; size++) {
        struct hash leaf;
        leaf_number(size - 1, &leaf);
        tree_append(&t, &leaf, 1);
        if (size < 20 || size % 37 == 0 || size % 256 < 2) {
            g_assert_true(tree_root(&t, &root, NULL));
            naive_root(0, size, &expected);
            g_assert_true(hash_equal(&root, &expected));
            every_leaf_is_proven(&t, &root, 1);
        }
    }
    tree_clear(&t);
}

static void a_tree_of_three_levels(void)
{
    struct tree t;
    struct hash root, expected;
    g_autofree struct hash *leaves = g_new(struct hash, LARGE);
    for (uint64_t i = 0; i < LARGE; i++) {
        leaf_number(i, &leaves[i]);
    }
    tree_init(&t, 0, NULL, NULL);
    tree_append(&t, leaves, 1000);
    tree_append(&t, leaves + 1000, LARGE - 1000);
    g_assert_true(tree_root(&t, &root, NULL));
    naive_root(0, LARGE, &expected);
    g_assert_true(hash_equal(&root, &expected));
    every_leaf_is_proven(&t, &root, 997);
    tree_clear(&t);
}

static void a_missing_tile_is_named(void)
{
    struct tree t;
    struct tile bad;
    struct hash root;
    tree_init(&t, 300, NULL, NULL);
    g_assert_false(tree_root(&t, &root, &bad));
    g_assert_cmpint(bad.level, ==, 1);
    g_assert_cmpuint(bad.n, ==, 0);
    tree_clear(&t);
}

static void tile_addresses(void)
{
    static const struct {
        const char *path;
        int level;
        uint64_t n;
        int width;
        bool entries;
    } good[] = {
        {"0/000", 0, 0, 256, false},
        {"0/x001/x234/067", 0, 1234067, 256, false},
        {"1/x001/000.p/5", 1, 1000, 5, false},
        {"63/999.p/255", 63, 999, 255, false},
        {"entries/x010/007.p/12", 0, 10007, 12, true},
    };
    static const char *const bad[] = {
        "",         "0",         "0/",        "0/1",        "0/01",      "00/000",      "64/000",
        "0/x001",   "0/001/002", "0/x001/02", "0/x000/001", "0/000.p/0", "0/000.p/256", "0/000.p/05",
        "0/000.p/", "0/000.p",   "0/000/",    "-1/000",     "entries/1", "data/000",    "0/x000/x001/000"};
    struct tile_address at;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(tile_path_parse(good[i].path, &at));
        g_assert_cmpint(at.level, ==, good[i].level);
        g_assert_cmpuint(at.n, ==, good[i].n);
        g_assert_cmpint(at.width, ==, good[i].width);
        g_assert_cmpint(at.entries, ==, good[i].entries);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(tile_path_parse(bad[i], &at));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ledger/known_roots", known_roots);
    g_test_add_func("/ledger/trees_of_all_small_sizes", trees_of_all_small_sizes);
    g_test_add_func("/ledger/a_tree_of_three_levels", a_tree_of_three_levels);
    g_test_add_func("/ledger/a_missing_tile_is_named", a_missing_tile_is_named);
    g_test_add_func("/ledger/tile_addresses", tile_addresses);
    return g_test_run();
}
