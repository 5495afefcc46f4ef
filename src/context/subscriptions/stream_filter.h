/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes a live connection wants: by type, id and place. */
#pragma once

#include "http/http.h"
#include "store/store.h"

struct stream_filter;
/* From the parameters type, id and bbox; NULL with e set when one is wrong. */
struct stream_filter *stream_filter_new(struct request *r, struct error *e);
void stream_filter_free(struct stream_filter *f); /* NULL is fine */
/* Called for each record in order: what leaves the box is told once more, so that it can be taken off the
 * map. */
bool stream_filter_takes(struct stream_filter *f, struct store *s, const struct json *record);
/* Forgets the places of entities. */
void stream_places_clear(void);
