/* SPDX-License-Identifier: Apache-2.0 */
/* The @contexts that the hub itself keeps and serves (5.13): nothing is ever fetched from elsewhere. */
#pragma once

#include "base/limits.h"
#include "context/ld_context.h"
#include "store/store.h"

/* The space of keys and values they live in: key is the id, or the URL that it stands for. Value: {"url": …,
 * "kind": "Hosted"|"Cached", "createdAt": µs, "body": {"@context": …}}. */
#define HOSTED_SPACE "context.hosted"
#define HOSTED_PATH "/ngsi-ld/v1/jsonldContexts/"

/* Finds hosted @contexts by URL: HOSTED_PATH with an id, on whatever host, or a URL that one was uploaded
 * for. */
const struct ld_loader *hosted_loader(void);
/* The key of a hosted @context named by an id or a URL. */
const char *hosted_key(const char *id_or_url);
/* The stored object; NULL when there is none. */
struct json *hosted_get(struct view *v, struct arena *a, const char *key);
/* Forgets parsed contexts after a change. */
void hosted_changed(void);
