/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute projection language of pick and omit (4.21): "name,rel{a|b,other{c}}". */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "context/terms/ld_context.h"

/* Names of one level. */
struct projection {
    const char *const *names;               /* stored, NULL-terminated: all that are listed */
    const char *const *plain;               /* of these, those without braces */
    const struct projection *const *linked; /* beside names: what stands in braces, or NULL */
    int depth;                              /* braces within braces; 0 = none */
};
/* NULL with ERROR_BAD_REQUEST_DATA. Lives in a. */
const struct projection *projection_parse(struct arena *a, const struct ld_context *ctx, const char *text,
                                          struct error *e);
/* What stands in the braces behind a name; NULL when there are none, or p is NULL. */
const struct projection *projection_under(const struct projection *p, const char *name);
