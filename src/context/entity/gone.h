/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of entities that have been deleted while their history stays: type, scope, time. */
#pragma once

#include "context/context.h"

/* Remembers an entity (stored form) as deleted at a time. */
bool gone_put(struct txn *t, const struct json *entity, instant at, struct error *e);
/* Forgets it; nothing happens when it is not known. */
bool gone_drop(struct txn *t, const char *id, struct error *e);
/* {"id", "type": […], "scope": […], "deletedAt": µs}, or NULL. It may be there again by now. */
struct json *gone_get(struct view *v, struct arena *a, const char *id);
/* Calls each for those with one of these types (NULL-terminated; NULL = any), ordered by type or by id, until
 * it returns false. One with several types comes once for each. */
void gone_each(struct view *v, const char *const *types, bool (*each)(void *user, const struct json *entity),
               void *user);
