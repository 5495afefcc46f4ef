/* SPDX-License-Identifier: Apache-2.0 */
/* What the packs being loaded together declare: types, attributes and other names that a rule may mention. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "hub/hub.h"

/* The declaration of a type, or NULL. packs is NULL-terminated. */
const struct json *model_type(const struct pack *const *packs, const char *type);
/* The declaration of an attribute of a type, or NULL. type "" is any type. */
const struct json *model_attribute(const struct pack *const *packs, const char *type, const char *attribute);
/* Names that every entity has: id, type, name, location. */
bool model_is_core(const char *attribute);
bool model_is_relationship(const struct json *attribute);
/* The type that a Relationship leads to (its member `to`), or "" for any. */
const char *model_target(const struct json *attribute);
/* The names, for a sentence. */
const char *model_types(const struct pack *const *packs, struct arena *a);
const char *model_attributes(const struct pack *const *packs, struct arena *a, const char *type);
/* Whether the mapping `section` of some pack has such a member. */
bool model_has(const struct pack *const *packs, const char *section, const char *name);
