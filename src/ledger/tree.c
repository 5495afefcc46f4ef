/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing, appending and proving over tiles. */
#include "ledger/tree.h"

#include <openssl/evp.h>
#include <string.h>

/* SHA-256 of a prefix byte and up to two pieces. */
static void sha256(uint8_t prefix, const void *a, size_t a_length, const void *b, size_t b_length,
                   struct hash *out)
{
    static GPrivate context = G_PRIVATE_INIT((GDestroyNotify)EVP_MD_CTX_free);
    static const EVP_MD *algorithm;
    static gsize fetched;
    if (g_once_init_enter(&fetched)) {
        algorithm = EVP_MD_fetch(NULL, "SHA256", NULL); /* once: looking it up costs more than a node */
        g_once_init_leave(&fetched, 1);
    }
    EVP_MD_CTX *c = g_private_get(&context);
    if (c == NULL) {
        c = EVP_MD_CTX_new();
        g_private_set(&context, c);
    }
    bool ok = EVP_DigestInit_ex2(c, algorithm, NULL) && EVP_DigestUpdate(c, &prefix, 1) &&
              EVP_DigestUpdate(c, a, a_length) && EVP_DigestUpdate(c, b, b_length) &&
              EVP_DigestFinal_ex(c, out->bytes, NULL);
    g_assert(ok);
}

void hash_leaf(const void *entry, size_t length, struct hash *out)
{
    sha256(0, entry, length, "", 0, out);
}

void hash_node(const struct hash *left, const struct hash *right, struct hash *out)
{
    sha256(1, left->bytes, HASH_SIZE, right->bytes, HASH_SIZE, out);
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
    return memcmp(a->bytes, b->bytes, HASH_SIZE) == 0;
}

/* ---- tiles ---- */

static guint tile_hash(const void *key)
{
    const struct tile *t = key;
    return (guint)(t->n * 64 + (uint64_t)t->level);
}

static gboolean tile_equal(const void *a, const void *b)
{
    const struct tile *x = a;
    const struct tile *y = b;
    return x->level == y->level && x->n == y->n;
}

void tree_init(struct tree *t, uint64_t size, bool (*load)(void *user, struct tile *t), void *user)
{
    *t = (struct tree){.size = size, .load = load, .user = user};
    t->tiles = g_hash_table_new_full(tile_hash, tile_equal, g_free, NULL);
}

void tree_clear(struct tree *t)
{
    g_hash_table_unref(t->tiles);
}

static struct tile *add_tile(struct tree *t, int level, uint64_t n)
{
    struct tile *tile = g_new0(struct tile, 1);
    tile->level = level;
    tile->n = n;
    g_hash_table_add(t->tiles, tile);
    return tile;
}

/* NULL when it is nowhere. */
static struct tile *find_tile(struct tree *t, int level, uint64_t n)
{
    struct tile key = {.level = level, .n = n};
    struct tile *tile = g_hash_table_lookup(t->tiles, &key);
    if (tile == NULL && t->load != NULL && t->load(t->user, &key)) {
        tile = add_tile(t, level, n);
        *tile = key;
    }
    return tile;
}

/* The root of count (a power of two) hashes side by side. */
static void perfect_root(const struct hash *hashes, int count, struct hash *root)
{
    struct hash row[TILE_WIDTH];
    memcpy(row, hashes, sizeof *row * (size_t)count);
    for (; count > 1; count /= 2) {
        for (int i = 0; i < count / 2; i++) {
            hash_node(&row[i * 2], &row[i * 2 + 1], &row[i]);
        }
    }
    *root = row[0];
}

/* Appends to a level that has already `there` hashes; full tiles rise to the level above. */
static void append_level(struct tree *t, int level, uint64_t there, const struct hash *hashes, size_t count)
{
    g_autoptr(GArray) risen = g_array_new(FALSE, FALSE, sizeof(struct hash));
    for (size_t i = 0; i < count; i++, there++) {
        uint64_t n = there / TILE_WIDTH;
        struct tile *tile = find_tile(t, level, n);
        if (tile == NULL) {
            tile = add_tile(t, level, n);
        }
        tile->count = (int)(there % TILE_WIDTH) + 1; /* a longer stored tile is not of this tree */
        tile->hashes[there % TILE_WIDTH] = hashes[i];
        tile->dirty = true;
        if (tile->count == TILE_WIDTH) {
            struct hash root;
            perfect_root(tile->hashes, TILE_WIDTH, &root);
            g_array_append_val(risen, root);
        }
    }
    if (risen->len > 0) {
        append_level(t, level + 1, there / TILE_WIDTH - risen->len, (const struct hash *)(void *)risen->data,
                     risen->len);
    }
}

void tree_append(struct tree *t, const struct hash *leaves, size_t count)
{
    append_level(t, 0, t->size, leaves, count);
    t->size += count;
}

void tree_each_tile(struct tree *t, bool (*each)(void *user, const struct tile *tile), void *user)
{
    GHashTableIter i;
    void *tile;
    g_hash_table_iter_init(&i, t->tiles);
    while (g_hash_table_iter_next(&i, &tile, NULL) && each(user, tile)) {
    }
}

/* ---- ranges ---- */

/* The subtree of 2^height leaves number index. */
static bool subtree(struct tree *t, int height, uint64_t index, struct hash *out, struct tile *bad)
{
    int level = height / 8;
    int count = 1 << (height % 8);
    uint64_t first = index * (uint64_t)count;
    const struct tile *tile = find_tile(t, level, first / TILE_WIDTH);
    int offset = (int)(first % TILE_WIDTH);
    if (tile == NULL || tile->count < offset + count) {
        if (bad != NULL) {
            *bad = (struct tile){.level = level, .n = first / TILE_WIDTH};
        }
        return false;
    }
    perfect_root(tile->hashes + offset, count, out);
    return true;
}

static int height_below(uint64_t n)
{
    int height = 0;
    while (UINT64_C(2) << height < n) {
        height++;
    }
    return height; /* 2^height is the largest power of two below n */
}

/* MTH(D[from:to]), RFC 6962, 2.1. */
static bool range(struct tree *t, uint64_t from, uint64_t to, struct hash *out, struct tile *bad)
{
    uint64_t n = to - from;
    if (n == 1) {
        return subtree(t, 0, from, out, bad);
    }
    int height = height_below(n);
    uint64_t half = UINT64_C(1) << height;
    if (n == half * 2 && from % n == 0) {
        return subtree(t, height + 1, from / n, out, bad);
    }
    struct hash left, right;
    if (!range(t, from, from + half, &left, bad) || !range(t, from + half, to, &right, bad)) {
        return false;
    }
    hash_node(&left, &right, out);
    return true;
}

bool tree_root(struct tree *t, struct hash *root, struct tile *bad)
{
    if (t->size == 0) {
        return EVP_Digest("", 0, root->bytes, NULL, EVP_sha256(), NULL) == 1;
    }
    return range(t, 0, t->size, root, bad);
}

bool tree_inclusion(struct tree *t, uint64_t index, struct hash *path, int *count, struct tile *bad)
{
    uint64_t from = 0;
    uint64_t to = t->size;
    struct hash down[MAX_PROOF]; /* from the root to the leaf */
    int n = 0;
    g_assert(index < to);
    while (to - from > 1) {
        uint64_t middle = from + (UINT64_C(1) << height_below(to - from));
        bool left = index < middle;
        if (!range(t, left ? middle : from, left ? to : middle, &down[n++], bad)) {
            return false;
        }
        from = left ? from : middle;
        to = left ? middle : to;
    }
    for (int i = 0; i < n; i++) {
        path[i] = down[n - 1 - i];
    }
    *count = n;
    return true;
}

bool tree_check_inclusion(const struct hash *leaf, uint64_t index, uint64_t size, const struct hash *path,
                          int count, const struct hash *root)
{
    if (index >= size) {
        return false;
    }
    uint64_t last = size - 1;
    struct hash at = *leaf;
    for (int i = 0; i < count; i++) {
        if (last == 0) {
            return false;
        }
        if (index % 2 == 1 || index == last) {
            hash_node(&path[i], &at, &at);
            while (index % 2 == 0 && index != 0) {
                index /= 2;
                last /= 2;
            }
        } else {
            hash_node(&at, &path[i], &at);
        }
        index /= 2;
        last /= 2;
    }
    return last == 0 && hash_equal(&at, root);
}
