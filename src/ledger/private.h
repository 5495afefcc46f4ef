/* SPDX-License-Identifier: Apache-2.0 */
/* Where the evidence log stands in the store, and what its files share. */
#pragma once

#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/signer.h"

#define SPACE_LEAF "ledger.leaf"       /* index (8 bytes) → the leaf's text */
#define SPACE_TILE "ledger.tile"       /* level (1 byte), number (8 bytes) → hashes */
#define SPACE_SUBJECT "ledger.subject" /* subject, NUL, index (8 bytes) → nothing */
#define SPACE_STATE "ledger.state" /* "checkpoint" → the signed note, "keys" → verifier keys, "origin" */
#define LEDGER_READER "ledger"

struct ledger {
    struct store *store;
    char *origin;
    struct signer signer;
    uint64_t cursor; /* as written */
};

enum { TILE_KEY = 9 };
void ledger_tile_key(int level, uint64_t n, unsigned char out[TILE_KEY]);
/* A text of SPACE_STATE, or NULL. */
const char *ledger_state(struct view *v, struct arena *a, const char *key);
/* The checkpoint as stored; its signatures are not looked at. A store without one gives size 0. */
bool ledger_checkpoint(struct view *v, struct arena *a, struct checkpoint *c, struct error *e);

/* Tiles of a view, for tree_init. */
struct tile_view {
    struct view *view;
    struct arena *arena;
};
bool ledger_load_tile(void *tile_view, struct tile *t);
