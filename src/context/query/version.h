/* SPDX-License-Identifier: Apache-2.0 */
/* Entities for clients that know an earlier version of NGSI-LD only (4.3.6.8). */
#pragma once

#include "context/context.h"
#include "context/terms/ld_context.h"

/* A version as major * 100 + minor. */
enum { VERSION_FIRST = 100, VERSION_OWN = 109 };
/* "1.5"; false for anything else. */
bool version_parse(const char *text, int *version);

/* The entity (stored form) without what came after the version, by the fallbacks of tables 4.3.6.8-1 to -3;
 * itself when there is nothing to change, else a copy in a, and *changed becomes true. ctx compacts the names
 * in a VocabProperty that becomes a Property. With keep_languages LanguageProperties stay: the representation
 * turns them into Properties of one language. */
const struct json *version_amend(struct arena *a, const struct ld_context *ctx, const struct json *entity,
                                 int version, bool keep_languages, bool *changed);
