/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree of RFC 6962, kept as tiles of 256 hashes (C2SP tlog-tiles). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

enum { HASH_SIZE = 32, TILE_WIDTH = 256, TILE_BYTES = HASH_SIZE * TILE_WIDTH, MAX_PROOF = 64 };

struct hash {
    uint8_t bytes[HASH_SIZE];
};

void hash_leaf(const void *entry, size_t length, struct hash *out);
void hash_node(const struct hash *left, const struct hash *right, struct hash *out);
bool hash_equal(const struct hash *a, const struct hash *b);

struct tile {
    int level;
    uint64_t n;
    int count;  /* hashes in it, 1 … 256 */
    bool dirty; /* changed since it was loaded */
    struct hash hashes[TILE_WIDTH];
};

/* A tree of size leaves. Tiles are loaded when they are needed: load fills the hashes and count of a tile,
 * false when there is none. load may be NULL for a tree in memory. */
struct tree {
    uint64_t size;
    bool (*load)(void *user, struct tile *t);
    void *user;
    GHashTable *tiles; /* private */
};
void tree_init(struct tree *t, uint64_t size, bool (*load)(void *user, struct tile *t), void *user);
void tree_clear(struct tree *t);
void tree_append(struct tree *t, const struct hash *leaves, size_t count);
void tree_each_tile(struct tree *t, bool (*each)(void *user, const struct tile *tile), void *user);

/* False when a tile that the tree needs is missing or too short: *level and *n of bad (may be NULL) name it.
 */
bool tree_root(struct tree *t, struct hash *root, struct tile *bad);
/* RFC 6962, 2.1.1. path has room for MAX_PROOF. */
bool tree_inclusion(struct tree *t, uint64_t index, struct hash *path, int *count, struct tile *bad);
/* RFC 9162, 2.1.3.2: does path lead from a leaf to the root? */
bool tree_check_inclusion(const struct hash *leaf, uint64_t index, uint64_t size, const struct hash *path,
                          int count, const struct hash *root);
