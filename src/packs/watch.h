/* SPDX-License-Identifier: Apache-2.0 */
/* Watching the folders of packs (inotify). */
#pragma once

#include "base/error.h"

struct pack_watch;
/* Starts a thread that calls changed once the folders have been quiet for a moment after a change: a file
 * written, moved, removed, a folder added. dirs as for pack_set_read, copied. */
struct pack_watch *pack_watch_new(const char *const *dirs, void (*changed)(void *user), void *user,
                                  struct error *e);
void pack_watch_free(struct pack_watch *w); /* NULL is fine; waits for a running call */
