/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and stops what works beside the requests: histories, live streams, subscriptions. */
#include "context/context.h"

#include "context/api.h"
#include "context/stream.h"
#include "context/subscription.h"
#include "context/temporal.h"

bool context_start(struct store *s, struct http_client *client, struct error *e)
{
    api_bind(s);
    temporal_start();
    stream_start(s);
    return subscription_start(s, client, e);
}

void context_stop(void)
{
    stream_stop();
    subscription_stop();
    temporal_stop();
}
