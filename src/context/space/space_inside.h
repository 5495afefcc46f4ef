/* SPDX-License-Identifier: Apache-2.0 */
/* The table of spaces, for the files of space alone. Everything here is called under its lock. */
#pragma once

#include "base/counters.h"
#include "context/space/space.h"

enum { SPACE_CACHE_KIB = 4096, SPACE_COUNTERS = 3 };

struct space_table {
    struct space home;
    struct http_client *client;
    GMutex lock;
    GCond changed;      /* a state, or users of one that is leaving */
    GCond work;         /* for the thread */
    GHashTable *spaces; /* key → struct space, all but the default one; NULL when not started */
    int tenants, snapshots, open;
    bool stopping, look;
    GThread *thread;
};
extern struct space_table space_table;
extern struct counter space_counters[];

/* A slot says that there is such a space; made closed. */
struct space *space_slot_tenant(const char *name);
struct space *space_slot_snapshot(struct space *parent, const char *id, const char *folder);
void space_slot_free(struct space *s);
/* The key of a tenant is its name. */
char *space_snapshot_key(const struct space *parent, const char *id);

/* The slot with this key, when nobody moves it; NULL when there is none. */
struct space *space_find(const char *key);
/* Takes it for one more user, opened. NULL with e set when it is leaving or cannot be opened. */
struct space *space_take(struct space *s, struct error *e);
void space_add_user(struct space *s);
void space_drop_user(struct space *s);

void space_set_state(struct space *s, enum space_state state);
/* Opens the files; the lock is released meanwhile. */
bool space_open_now(struct space *s, struct error *e);
/* Not under the lock. */
void space_close_files(struct space *s);
/* Does something go on in it while nobody asks? */
bool space_is_at_work(struct space *s);
/* The space goes with all its files, once nobody uses it; the lock is released meanwhile. Who asks for it is
 * refused if it is leaving, and waits if it is moving. */
bool space_leave(struct space *s, enum space_state as, struct error *e);
/* The same by key, taking the lock itself; missing is the error when there is none. */
bool space_remove(const char *key, enum error_code missing, struct error *e);
