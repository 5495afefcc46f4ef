/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and stops what works beside the requests: histories, live streams, subscriptions. */
#include "context/context.h"

#include "context/purge.h"
#include "context/space.h"
#include "context/stream.h"
#include "context/temporal.h"

bool context_start(struct store *s, struct http_client *client, struct error *e)
{
    temporal_start();
    purge_start();
    stream_start(s);
    return space_start(s, client, e);
}

int64_t context_bytes(void)
{
    return space_bytes();
}

void context_stop(void)
{
    stream_stop();
    temporal_stop();
    purge_stop();
    space_stop();
}
