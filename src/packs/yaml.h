/* SPDX-License-Identifier: Apache-2.0 */
/* One YAML file as a JSON tree whose nodes know their line and their file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "base/arena.h"
#include "json/json.h"

/* Where nodes come from. Nodes are made in slabs that belong to one file each, so that the file of a node is
 * found by its address, also after nodes of several files were merged into one tree. */
struct node_origin;
struct node_origin *node_origin_new(struct arena *a); /* lives in the arena */
/* A zeroed node of the given file; the file's name must outlive the origin. */
struct json *node_origin_make(struct node_origin *o, const char *file);
/* The file of a node, or NULL when it was not made here. */
const char *node_origin_file(const struct node_origin *o, const struct json *node);

/* Reads one document (YAML 1.2 core schema over libyaml's 1.1 syntax: plain true/false, null, ints and floats
 * get their types, all else is text). Anchors, aliases and merge keys (<<) are expanded, counted against
 * LIMIT_PACK_NODES. Every fault found is added to mistakes (mistake.h): syntax, bytes that are no UTF-8, tabs
 * in the indent, duplicate keys, keys that are no texts, tags, .nan and .inf, nesting over LIMIT_JSON_DEPTH,
 * size over LIMIT_PACK_FILE, more than one document, a root that is no mapping. Returns the root mapping as
 * far as it could be read; NULL when nothing could, or when the file is empty. The text need not be
 * terminated. */
struct json *yaml_read(struct arena *a, struct node_origin *o, const char *file, const char *text,
                       size_t length, GPtrArray *mistakes);
