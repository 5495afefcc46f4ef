/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that read histories, while the request sleeps. */
#include "context/temporal/temporal_job.h"

#include "context/temporal/temporal.h"

enum { THREADS = 4 };

static GThreadPool *pool;

void temporal_job_free(struct temporal_job *j)
{
    entity_query_clear(&j->selection);
    q_free(j->filter);
    geo_query_free(j->geo);
    scope_query_free(j->scope);
    ld_context_unref(j->call.ctx);
    space_unref(j->call.space);
}

static void run_job(void *data, void *unused)
{
    struct temporal_job *j = data;
    struct request *r = j->call.request;
    struct error e = {0};
    if (!j->work(j, &e)) {
        reply_error(r, &e);
    }
    temporal_job_free(j);
    request_resume(r);
}

struct temporal_job *temporal_job_new(struct call *c, bool (*work)(struct temporal_job *j, struct error *e))
{
    struct temporal_job *j = arena_new0(c->arena, struct temporal_job);
    j->call = *c;
    j->call.ctx = ld_context_ref(c->ctx);
    j->call.space = space_ref(c->space);
    j->work = work;
    j->by = call_user(c);
    return j;
}

void temporal_job_submit(struct temporal_job *j)
{
    request_suspend(j->call.request);
    temporal_job_continue(j);
}

void temporal_job_continue(struct temporal_job *j)
{
    g_thread_pool_push(pool, j, NULL);
}

void temporal_start(void)
{
    pool = g_thread_pool_new(run_job, NULL, THREADS, FALSE, NULL);
}

void temporal_stop(void)
{
    if (pool != NULL) {
        g_thread_pool_free(g_steal_pointer(&pool), FALSE, TRUE);
    }
}

bool temporal_has_history(struct store *store, const char *id, bool *has, struct error *e)
{
    arena_auto a = arena_new();
    struct history_series *series;
    int count = 0;
    bool ok = store_history_list(store, a, id, &series, &count, e);
    *has = count > 0;
    return ok;
}

bool temporal_refuse_unknown(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no history of %.200s", "没有 %.200s 的历史", id);
}
