/* SPDX-License-Identifier: Apache-2.0 */
/* Transient entities and attributes (ETSI GS CIM 009 V1.9.1, 4.22): from the moment of its expiresAt on
 * nobody sees one any more; a sweep that comes soon after deletes it like any other, with a record in the
 * log. */
#pragma once

#include "context/entity/entity_cache.h"

/* A quick look at the stored text of an entity: can anything in it expire? True may be wrong, false is not.
 */
bool expiry_possible(const char *body, size_t length);
/* The earliest expiresAt of the entity and its attributes; 0 = nothing expires. */
instant expiry_of(const struct json *entity);
/* Parses the stored text of an entity, without what has expired. *out is NULL when all of it has. False when
 * the text is broken. */
bool expiry_parse(struct arena *a, const char *body, size_t length, struct json **out, struct error *e);

/* Deletes what has expired of an entity that a job has just read. */
bool expiry_settle(struct txn *t, struct cached_entity *entry, struct error *e);
/* Deletes all that has expired, a few hundred entities a job. */
void expiry_sweep(struct store *s);
