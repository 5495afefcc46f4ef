/* SPDX-License-Identifier: Apache-2.0 */
/* The core context's terms, for ld_context.c. */
#pragma once

#include <stddef.h>

/* The core term of an IRI, or NULL. */
const char *core_term_of_iri(const char *iri);
/* What the core's prefixes "ngsi-ld" and "geojson" stand for; NULL for another name. */
const char *core_prefix(const char *name, size_t length);
