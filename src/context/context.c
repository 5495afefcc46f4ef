/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and stops what works beside the requests: histories, live streams, subscriptions. */
#include "context/context.h"

#include "context/distributed.h"
#include "context/index_builder.h"
#include "context/plan.h"
#include "context/purge.h"
#include "context/space.h"
#include "context/stream.h"
#include "context/temporal.h"

static struct index_builder *builder;

void context_declare_indexes(const struct context_index *wanted, int count)
{
    if (builder != NULL) {
        index_builder_declare(builder, wanted, count);
    }
}

void context_query_limit(int seconds)
{
    plan_time_limit(seconds);
}

bool context_start(struct store *s, struct http_client *client, struct error *e)
{
    temporal_start();
    purge_start();
    stream_start(s);
    builder = index_builder_start(s);
    return distributed_start(s, e) && space_start(s, client, e);
}

int64_t context_bytes(void)
{
    return space_bytes();
}

void context_stop(void)
{
    stream_stop();
    g_clear_pointer(&builder, index_builder_stop);
    temporal_stop();
    distributed_stop();
    purge_stop();
    space_stop();
}
