/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: percent decoding, path and query. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

enum { MAX_QUERY_PARAMETERS = 256 };

/* Decodes %XX (and '+' to a space where plus says so). NULL with e set when an escape is broken, or the
 * result is no UTF-8 or holds a NUL or another control character but tab, line feed and carriage return. */
char *decode_text(struct arena *a, const char *text, size_t length, bool plus, struct error *e);

struct query_parameter {
    const char *name, *value;
    struct query_parameter *next;
};
/* Takes "a=1&b=%20&c" apart, in order. False with e set as decode_text, or for too many parameters. */
bool decode_query(struct arena *a, const char *query, struct query_parameter **first, struct error *e);

/* Cuts a request target as sent ("/a/b?c=d", "http://host/a/b", "*") into its raw path and its raw query (""
 * when there is none). */
void decode_target(struct arena *a, const char *target, const char **path, const char **query);

/* True when a decoded path may be looked up below a folder: no "..", no empty or hidden segment, no
 * backslash.
 */
bool decode_is_plain_path(const char *path);

/* What a list of weighted names ("zh-CN,zh;q=0.9, gzip;q=0") says of one name: its highest weight in
 * thousandths, -1 when it is not named. A name matches itself and name-anything. */
int decode_weight(const char *list, const char *name);
/* Is Chinese what an Accept-Language wants most? Also when header is NULL or names no language. */
bool decode_prefers_chinese(const char *header);
