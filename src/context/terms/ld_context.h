/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-LD @contexts, as far as NGSI-LD needs them (ETSI GS CIM 009 V1.9.1, 4.4, 5.5.7): names to stored names
 * and back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/json.h"

#define LD_CORE_CONTEXT "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
#define LD_CORE_VOCABULARY "https://uri.etsi.org/ngsi-ld/"
#define LD_DEFAULT_VOCABULARY "https://uri.etsi.org/ngsi-ld/default-context/"

/* The terms of a user's @context. Read-only after making; threads may share it. Wherever a context is asked
 * for, NULL is the core context alone, for which every short name is stored as it is: that is the fast path.
 * The core's terms and its default vocabulary always win over the user's (4.4). */
struct ld_context;
struct ld_context *ld_context_ref(struct ld_context *c); /* NULL is fine */
void ld_context_unref(struct ld_context *c);             /* NULL is fine */
typedef struct ld_context ld_context_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ld_context_autoptr_target, ld_context_unref)
#define ld_context_auto g_autoptr(ld_context_autoptr_target)

/* Where @contexts given by URL come from: sets *found to a new reference (or to NULL for one that is only the
 * core) and returns true, or false with ERROR_CONTEXT_UNAVAILABLE. */
struct ld_loader {
    bool (*load)(void *user, const char *url, struct ld_context **found, struct error *e);
    void *user;
};

/* Reads the value of an "@context" member: a URL, an object with term definitions, or an array of both.
 * loader may be NULL (only the core's own URLs are known then). *out is NULL when nothing but the core is in
 * it. */
bool ld_context_parse(const struct json *value, const struct ld_loader *loader, struct ld_context **out,
                      struct error *e);
/* A type or attribute name, as the client wrote it, to the stored name (context/context.h). The result is
 * name itself or lives in a. */
const char *ld_expand(const struct ld_context *c, struct arena *a, const char *name);
/* And back to the shortest name that the context has. The result is the stored name itself, or lives in a or
 * in c. */
const char *ld_compact(const struct ld_context *c, struct arena *a, const char *stored);
/* The whole IRI of a stored name. */
const char *ld_iri(struct arena *a, const char *stored);

/* The IRI of a core term, or NULL when name is none. In static memory or made once. */
const char *ld_core_iri(const char *name);
/* 4.6.2: a letter, then letters, digits and "_"; or such a name with a prefix before ":"; or an absolute URI.
 * *plain tells that there is no ':' in it. */
bool ld_valid_name(const char *name, size_t length, bool *plain);
/* An absolute URI (RFC 3986, or an IRI of RFC 3987): a scheme, ':' and more, without blanks, controls and
 * <>"{}|\^`. */
bool ld_valid_uri(const char *text, size_t length);
