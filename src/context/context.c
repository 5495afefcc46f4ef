/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and stops what works beside the requests: histories, live streams, subscriptions. */
#include "context/context.h"

#include "context/call/api.h"
#include "context/entity/purge.h"
#include "context/query/index_builder.h"
#include "context/query/plan.h"
#include "context/sources/distributed.h"
#include "context/space/snapshot.h"
#include "context/space/space.h"
#include "context/subscriptions/stream.h"
#include "context/temporal/temporal.h"
#include "context/terms/context_fetch.h"
#include "context/terms/hosted.h"

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

static enum context_policy policy = CONTEXTS_HOSTED;
static char **context_dirs;

bool context_sources(const char *name, const char *const *dirs, struct error *e)
{
    g_strfreev(context_dirs);
    context_dirs = g_strdupv((char **)dirs);
    return context_policy_parse(name, &policy) ||
           error_set(e, ERROR_INVALID_REQUEST, "--contexts is hosted, fetch or fetch-private, not %s",
                     "--contexts 只能是 hosted、fetch 或 fetch-private，而不是 %s", name);
}

bool context_start(struct store *s, struct http_client *client, struct error *e)
{
    if (!hosted_start(s, (const char *const *)context_dirs, e)) {
        return false;
    }
    context_fetch_start(policy, s, client);
    call_start();
    temporal_start();
    purge_start();
    snapshot_start();
    stream_start(s);
    builder = index_builder_start(s);
    distributed_start();
    return space_start(s, client, e);
}

int64_t context_bytes(void)
{
    return space_bytes();
}

void context_stop(void)
{
    call_stop();
    stream_stop();
    g_clear_pointer(&builder, index_builder_stop);
    temporal_stop();
    distributed_stop();
    purge_stop();
    snapshot_stop();
    context_fetch_stop();
    space_stop();
    hosted_stop();
    g_clear_pointer(&context_dirs, g_strfreev);
}
