/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the log as texts of server-sent events, made once and shared by all connections. */
#pragma once

#include "store/store.h"

/* The events of one batch of the log. */
struct stream_frame;
/* The frame of a batch, from the cache of recent ones or new. Takes over the caller's reference to the batch.
 * Unref the frame. */
struct stream_frame *stream_frame_of(struct log_batch *b);
void stream_frame_unref(struct stream_frame *f);
const struct log_batch *stream_frame_batch(const struct stream_frame *f);
/* Appends the event of records[i]; written at the first call. */
void stream_frame_append(struct stream_frame *f, int i, GString *out);
/* Forgets all cached frames (the store is about to close). */
void stream_frames_clear(void);
