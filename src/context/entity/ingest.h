/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of API clients, checked and turned into stored form. */
#pragma once

#include "context/context.h"
#include "context/terms/ld_context.h"

enum ingest_flags {
    INGEST_ID = 1,    /* "id" must be there */
    INGEST_TYPE = 2,  /* "type" must be there */
    INGEST_NULLS = 4, /* the NGSI-LD Null may stand for a deletion (5.5.8, 5.5.12) */
    INGEST_PARTIAL =
        8, /* instances may lack their value; a simplified value leaves its type open (5.6.4, 5.6.17) */
    INGEST_SYSTEM = 16, /* createdAt and modifiedAt are kept: an entity as another hub has it (4.3.6) */
};

/* context_ingest with all its choices. The result's nodes are new ones in a, but values are shared with
 * payload, which must not be changed afterwards. Errors are ERROR_BAD_REQUEST_DATA and name the attribute. */
struct json *ingest_entity(struct arena *a, const struct json *payload, const struct ld_context *ctx,
                           int flags, struct error *e);
/* One attribute, as PATCH and PUT of /entities/{id}/attrs/{attr} bring it; name is the client's. The result
 * has the stored name as its key: an instance, or an array of instances. */
struct json *ingest_attribute(struct arena *a, const char *name, const struct json *payload,
                              const struct ld_context *ctx, int flags, struct error *e);
/* A type or attribute name of a request's path or parameters; NULL with e set when it breaks 4.6.2. */
const char *ingest_name(struct arena *a, const struct ld_context *ctx, const char *name, struct error *e);
/* The same for an attribute: id, type, scope, createdAt and modifiedAt are refused too. */
const char *ingest_attribute_name(struct arena *a, const struct ld_context *ctx, const char *name,
                                  struct error *e);
/* An entity id or datasetId; what names it in the error ("id"). */
bool ingest_uri(const char *what, const char *text, size_t length, struct error *e);
