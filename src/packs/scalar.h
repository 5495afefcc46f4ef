/* SPDX-License-Identifier: Apache-2.0 */
/* The types of plain YAML scalars by the core schema (YAML 1.2.2, 10.3.2). */
#pragma once

#include <stdbool.h>

#include "json/json.h"

/* Sets type and value of node from the text of a plain scalar (NUL-terminated, in the arena of the node).
 * False when it is .nan or .inf, or an int outside int64. */
bool scalar_resolve(struct json *node, const char *text, size_t length);
