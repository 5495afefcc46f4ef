/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kept @contexts share. */
#pragma once

#include "context/terms/hosted.h"

struct hosted_entry {
    char *key, *url, *file;
    char *text; /* the body of one that is not in the store: brought along, or not yet durable; else NULL */
    enum hosted_kind kind;
    instant created, expires, last;
    int64_t hits;
    bool pinned;
    bool used; /* since the figures were kept */
    bool is_parsed;
    struct ld_context *parsed; /* may be NULL: nothing but the core */
};

struct hosted_table {
    GMutex lock;
    struct store *store;
    GHashTable *entries; /* key → entry */
    unsigned generation; /* of what was parsed */
};
extern struct hosted_table hosted;

void hosted_table_init(void);
/* Under the lock. */
struct hosted_entry *hosted_entry_put(const char *key, enum hosted_kind kind, const char *url,
                                      instant created, instant expires);
void hosted_forget_parsed(void);
