/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of sources kept for as long as their registrations ask (management.cacheDuration, 6.3.17). */
#pragma once

#include "context/sources/forward.h"

/* Answers the forward from the cache, as stale, and returns true; or remembers under which key its answer is
 * to be kept. headers are part of the key, so that nobody gets what was answered to another's credentials. */
bool forward_cache_get(struct gather *g, struct forward *f, const char *url, char **headers);
/* Keeps a good answer. From any thread. */
void forward_cache_put(const struct forward *f);
void forward_cache_clear(void);
