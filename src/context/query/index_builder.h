/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and drops the indexes of attributes in the background, in steps that hold up no other write for
 * long. */
#pragma once

#include "context/context.h"

struct index_builder;
/* Works on what s has; what is unfinished there goes on. */
struct index_builder *index_builder_start(struct store *s);
void index_builder_stop(struct index_builder *b); /* NULL is fine */
/* See context_declare_indexes. */
void index_builder_declare(struct index_builder *b, const struct context_index *wanted, int count);
