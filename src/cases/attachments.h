/* SPDX-License-Identifier: Apache-2.0 */
/* Files that belong to cases, kept under the digest of their content. */
#pragma once

#include "base/instant.h"
#include "store/store.h"

enum {
    ATTACHMENT_SHA256 = 64, /* hexadecimal digits */
    ATTACHMENT_NAME = 200   /* bytes of a file name */
};

struct attachment {
    const char *sha256;
    const char *name;
    const char *type; /* media type, found from the content */
    int64_t size;
};

bool attachment_is_image(const struct attachment *x);
/* What is known of a file; NULL when there is none of that digest. */
const struct attachment *attachment_get(struct view *v, struct arena *a, const char *sha256);
struct json *attachment_json(struct arena *a, const struct attachment *x);
/* Where its bytes are. */
char *attachment_path(struct arena *a, const char *data_dir, const char *sha256);

/* The media type of a file that begins with these bytes: images (JPEG, PNG, GIF, WebP), PDF, plain UTF-8
 * text; NULL for anything else. whole = these are all its bytes. */
const char *media_type_of(const void *bytes, size_t length, bool whole);

/* Moves an uploaded file into the data directory, durable when it returns: computes its digest, checks type
 * and size (1 … LIMIT_ATTACHMENT). Not yet known to attachment_get: attachment_put does that. */
const struct attachment *attachment_take(struct arena *a, const char *data_dir, const char *path,
                                         const char *name, struct error *e);
bool attachment_put(struct txn *t, struct arena *a, const struct attachment *x, const char *by,
                    struct error *e);
