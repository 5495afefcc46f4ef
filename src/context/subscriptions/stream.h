/* SPDX-License-Identifier: Apache-2.0 */
/* Live changes for browsers: GET /api/v1/stream, server-sent events straight from the change log. */
#pragma once

#include "http/http.h"
#include "store/store.h"

/* Starts the thread that wakes connections after commits: at once when all was quiet, at most 20 times a
 * second when it is busy. */
void stream_start(struct store *s);
/* After the HTTP server has stopped. Does nothing when not started. */
void stream_stop(void);
