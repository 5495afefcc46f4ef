/* SPDX-License-Identifier: Apache-2.0 */
/* What the store keeps beside an entity's text and follows from it: its values in the indexes of attributes,
 * and the counts of types, attributes and kinds. */
#pragma once

#include "context/context.h"

/* The values of the index's attribute (of any instance, any element of an array, any language), as q compares
 * them; none when the entity has another type. NULL entity: none. In a; *count. */
const struct store_value *indexed_values(struct arena *a, const struct json *entity,
                                         const struct store_index_row *index, int *count);
/* Brings the entries of an entity from what old has to what next has; either may be NULL. */
bool indexed_update(struct txn *t, struct arena *a, const struct json *old, const struct json *next,
                    int64_t eid, struct error *e);

/* Changes of the counts, gathered over a job. */
struct shape_tally;
struct shape_tally *shape_tally_new(void);
void shape_tally_free(struct shape_tally *s);
/* Counts an entity in (sign 1) or out (-1). NULL is fine. */
void shape_tally_entity(struct shape_tally *s, const struct json *entity, int sign);
/* Writes what has changed and empties the tally. */
bool shape_tally_write(struct shape_tally *s, struct txn *t, struct error *e);
void shape_tally_clear(struct shape_tally *s);
