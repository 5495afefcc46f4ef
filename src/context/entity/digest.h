/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of the entities that must be provable: cases and rules. */
#pragma once

#include <glib.h>

#include "json/json.h"

/* For an entity of type Case or Rule, appends to the record being written at out: the SHA-256 ("digest") and
 * the SM3
 * ("sm3") of its canonical text, in hexadecimal. For others, nothing. */
void digest_entity(GString *out, const struct json *entity);
