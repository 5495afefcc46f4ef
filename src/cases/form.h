/* SPDX-License-Identifier: Apache-2.0 */
/* What a person filled in, held against the form of the action. */
#pragma once

#include "cases/workflow.h"
#include "identity/identity.h"

enum {
    FORM_TEXT_BYTES = 1000, /* of a text field; a longtext has LIMIT_TEXT */
    FORM_PHOTOS = 10        /* of one photo field */
};

/* Checks form (NULL = {}) against the action's fields, accounts and attachments as of v. Returns the fields
 * that were filled in, in the order of the form; photos as an array of digests. Every refusal names the field
 * by its title. */
struct json *form_check(struct arena *a, const struct action *action, const struct json *form, struct view *v,
                        struct error *e);
/* A text that may be stored as an attribute's value: UTF-8, bounded, no control characters but line ends. */
bool text_valid(const char *text, size_t bytes, bool lines);
