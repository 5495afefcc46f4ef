/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with {names} in them: ids, scopes, targets of relationships, topics. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* "urn:ngsi-ld:Gauge:{gauge}" as literal pieces and names between them. */
struct template
{
    int count;
    struct template_part {
        const char *text; /* the literal, or the name */
        size_t length;
        bool is_name;
    } * parts;
};

/* Compiles; all in the arena. NULL when a brace is not closed, a name is empty or there are more than 32
 * parts. */
struct template *template_compile(struct arena *a, const char *text);

enum template_style {
    TEMPLATE_PLAIN,
    TEMPLATE_URI,   /* values are percent-encoded where a URI may not hold their bytes (RFC 3986) */
    TEMPLATE_SCOPE, /* values may hold no '/', '+', '#', nor control characters */
    TEMPLATE_TOPIC, /* the same for one level of an MQTT topic */
};
/* Fills in. value gives the text of a name, NULL when there is none. Returns NULL with *missing set to the
 * name that has no usable value (empty ones are not usable). */
const char *template_fill(const struct template *t, struct arena *a, enum template_style style,
                          const char *(*value)(void *user, const char *name, size_t length), void *user,
                          const char **missing);
