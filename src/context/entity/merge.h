/* SPDX-License-Identifier: Apache-2.0 */
/* Merging one instance of an attribute into another (5.5.8 partial update, 5.5.12 merge patch). */
#pragma once

#include "context/entity/entity.h"

/* The result of patching old (NULL: there is none) with given, without createdAt and modifiedAt, made of new
 * nodes in a that share nothing with given. NULL with ERROR_BAD_REQUEST_DATA when the patch does not fit:
 * another kind without a value, no value at all. partial: members replace members whole; else objects are
 * merged to any depth. */
struct json *instance_merge(struct arena *a, const struct json *old, const struct json *given, bool partial,
                            struct error *e);
/* given as a new instance: a copy in a, its "type" filled in when the client left it open. NULL with e set
 * when it has no value. */
struct json *instance_copy(struct arena *a, const struct json *given, struct error *e);
