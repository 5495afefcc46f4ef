/* SPDX-License-Identifier: Apache-2.0 */
/* A set of packs read from their folders, checked together. */
#pragma once

#include <stdbool.h>

#include "hub/hub.h"

struct node_origin;

/* What was read, and everything that is wrong with it. */
struct pack_set {
    struct arena *arena;
    struct node_origin *origin;
    GPtrArray *packs;    /* of struct pack *, each after the packs that it needs */
    GPtrArray *mistakes; /* of struct mistake *, by file and line; empty = the set can be used */
    char *digest;        /* SHA-256 (hex) over names and contents of all files */
};

/* Reads and checks. Each directory is a pack (it holds *.yaml) or a folder of any number of packs. features
 * are those whose sections are known, ending with NULL. Never fails: what goes wrong is in mistakes. */
struct pack_set *pack_set_read(const char *const *dirs, const struct feature *const *features);
void pack_set_free(struct pack_set *s); /* NULL is fine */
/* NULL-terminated, in the order of needs; valid as long as the set. */
const struct pack *const *pack_set_packs(const struct pack_set *s);

/* The folders of the packs that dirs name, sorted, each once; used for watching too. A folder that is none is
 * added to mistakes (may be NULL). The caller frees with g_strfreev. */
char **pack_folders(const char *const *dirs, GPtrArray *mistakes);
