/* SPDX-License-Identifier: Apache-2.0 */
/* The normalized representation straight from the stored text, without a tree in between. */
#pragma once

#include "context/context.h"

/* Appends what render_entity() would write of this entity in the normalized form with short names, all
 * attributes and no system times; members in the order in which they are stored. False, with nothing
 * appended, when the text has something that needs a look at its tree; then render it. context_value as in
 * struct render. */
bool splice_entity(GString *out, const char *text, size_t length, const struct json *context_value);
