/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptions of snapshots, and the thread that brings them about. */
#include "context/space/snapshot.h"

#include <string.h>

#include "base/log.h"

static struct {
    GThreadPool *pool;
    gint stopping;
} fillers;

/* One snapshot on its way through the pool. */
struct filling {
    struct space *of; /* a reference */
    char *id;
};

bool snapshot_interrupted(void)
{
    return g_atomic_int_get(&fillers.stopping) != 0;
}

/* ---- descriptions ---- */

struct json *snapshot_get(struct view *v, struct arena *a, const char *id)
{
    const char *text;
    size_t length;
    return view_kv_get(v, a, SNAPSHOT_SPACE, id, strlen(id), &text, &length)
               ? json_parse(a, text, length, NULL)
               : NULL;
}

bool snapshot_put(struct txn *t, struct arena *a, const struct json *kept, struct error *e)
{
    const char *id = json_get_string(kept, "id");
    const char *text = json_text(a, kept);
    return txn_kv_put(t, SNAPSHOT_SPACE, id, strlen(id), text, strlen(text), e);
}

static void show_time(struct arena *a, struct json *out, const char *name, instant at)
{
    char text[INSTANT_TEXT];
    json_set(a, out, name, json_string(a, instant_format(at, text)));
}

struct json *snapshot_show(struct arena *a, const struct json *kept, struct space *of)
{
    static const char *const times[] = {"createdAt", "modifiedAt", "expiresAt"};
    struct json *out = json_copy(a, kept);
    json_remove(out, "folder");
    json_remove(out, "context");
    json_remove(out, "cloneOf");
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        show_time(a, out, times[i], json_get_int(kept, times[i], 0));
    }
    instant used = space_snapshot_used(of, json_get_string(kept, "id"));
    show_time(a, out, "lastUsedAt", MAX(used, json_get_int(kept, "createdAt", 0)));
    return out;
}

/* ---- notifications ---- */

static void notified(void *user, int status, const char *reason, const char *body, size_t length)
{
    g_autofree char *id = user;
    if (status < 200 || status >= 300) {
        log_warning("snapshot", "%s: its endpoint was not told: %s %d", id, reason != NULL ? reason : "HTTP",
                    status);
    }
}

static const char **headers_of(struct arena *a, const struct json *kept)
{
    const struct json *info = json_get(kept, "receiverInfo");
    const char **headers = arena_array(a, const char *, (info != NULL ? info->length : 0) + 2);
    int n = 0;
    headers[n++] = "Content-Type: application/json";
    for (const struct json *i = json_first(info); i != NULL; i = i->next) {
        headers[n++] = arena_printf(a, "%s: %s", json_get_string(i, "key"), json_get_string(i, "value"));
    }
    headers[n] = NULL;
    return headers;
}

void snapshot_notify(const struct json *kept)
{
    static const char *const members[] = {"snapshotPriority", "snapshotStatus", "snapshotQueriesDetails"};
    const char *endpoint = json_get_string(kept, "endpoint");
    enum { TIMEOUT_MS = 10000 };
    if (endpoint == NULL) {
        return;
    }
    arena_auto a = arena_new();
    g_autofree char *uuid = g_uuid_string_random();
    struct json *body = json_object(a);
    json_add(body, "id", json_printf(a, "urn:ngsi-ld:SnapshotNotification:%s", uuid));
    json_add(body, "type", json_string(a, "SnapshotNotification"));
    json_add(body, "snapshotId", json_string(a, json_get_string(kept, "id")));
    show_time(a, body, "notifiedAt", instant_now());
    show_time(a, body, "expiresAt", json_get_int(kept, "expiresAt", 0));
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const struct json *m = json_get(kept, members[i]);
        if (m != NULL) {
            json_set(a, body, members[i], json_copy(a, m));
        }
    }
    const struct json *temporal = json_get(kept, "snapshotTemporalQueriesDetails");
    if (temporal != NULL) {
        json_add(body, "temporalSnapshotQueriesDetails", json_copy(a, temporal));
    }
    const char *text = json_text(a, body);
    http_client_send(space_client(), "POST", endpoint, headers_of(a, kept), text, strlen(text), TIMEOUT_MS,
                     notified, g_strdup(json_get_string(kept, "id")));
}

/* ---- filling ---- */

struct finish_job {
    struct store_job job;
    struct arena *a;
    const char *id, *status;
    struct json *details, *temporal_details;
    struct json *kept; /* result; NULL: it has been deleted meanwhile */
};

static bool apply_finish(struct store_job *job, struct txn *t, struct error *e)
{
    struct finish_job *f = (struct finish_job *)job;
    f->kept = snapshot_get(txn_view(t), f->a, f->id);
    if (f->kept == NULL) {
        return true;
    }
    json_set(f->a, f->kept, "snapshotStatus", json_string(f->a, f->status));
    json_set(f->a, f->kept, "modifiedAt", json_int(f->a, txn_now(t)));
    if (f->details->length > 0) {
        json_set(f->a, f->kept, "snapshotQueriesDetails", f->details);
    }
    if (f->temporal_details->length > 0) {
        json_set(f->a, f->kept, "snapshotTemporalQueriesDetails", f->temporal_details);
    }
    return snapshot_put(t, f->a, f->kept, e);
}

static void count(const struct json *details, int *success, int *empty, int *failed)
{
    for (const struct json *d = json_first(details); d != NULL; d = d->next) {
        const char *status = json_get_string(d, "resultStatus");
        *success += strcmp(status, "success") == 0;
        *empty += strcmp(status, "empty") == 0;
        *failed += strcmp(status, "failure") == 0;
    }
}

/* 5.16.1.4: success when every query had a result, partial when some had, empty when none had though some
 * ran. */
static const char *status_of(const struct json *details, const struct json *temporal_details)
{
    int success = 0, empty = 0, failed = 0;
    count(details, &success, &empty, &failed);
    count(temporal_details, &success, &empty, &failed);
    return success > 0 ? (empty + failed == 0 ? "success" : "partial") : empty > 0 ? "empty" : "failure";
}

/* What an interrupted filling has left. */
static bool clear_folder(const char *dir, struct error *e)
{
    return !g_file_test(dir, G_FILE_TEST_EXISTS) || store_erase(dir, e);
}

static bool copy_store(struct space *of, const char *source, const char *dir, struct error *e)
{
    struct space *from = space_snapshot(of, source, true, e);
    bool ok = from != NULL && store_backup(from->store, dir, NULL, NULL, e);
    space_unref(from);
    return ok;
}

static bool fill(struct finish_job *f, struct space *of, const struct json *kept, struct error *e)
{
    const char *source = json_get_string(kept, "cloneOf");
    g_autofree char *dir = g_build_filename(of->dir, "snapshots", json_get_string(kept, "folder"), NULL);
    if (!clear_folder(dir, e) || (source != NULL && !copy_store(of, source, dir, e))) {
        return false;
    }
    struct space *into = space_snapshot(of, f->id, false, e);
    bool ok = into != NULL;
    if (ok && source == NULL) {
        ok = snapshot_execute(of, into, kept, f->a, f->details, f->temporal_details, e);
    }
    space_unref(into);
    f->status = source != NULL ? "success" : status_of(f->details, f->temporal_details);
    return ok;
}

static void bring_about(struct space *of, const char *id)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct finish_job f = {.job = {.apply = apply_finish},
                           .a = a,
                           .id = id,
                           .details = json_array(a),
                           .temporal_details = json_array(a)};
    view_auto v = view_begin(of->store);
    const struct json *kept = snapshot_get(v, a, id);
    view_end(g_steal_pointer(&v));
    if (kept == NULL || snapshot_interrupted()) {
        return;
    }
    if (!fill(&f, of, kept, &e)) {
        log_failure("snapshot", id, &e);
        f.status = "failure";
    }
    if (snapshot_interrupted()) {
        return; /* filled anew after the start */
    }
    struct error lost = {0};
    if (!store_run(of->store, &f.job, &lost)) {
        log_failure("snapshot", id, &lost);
    } else if (f.kept != NULL && space_snapshot_set(of, id, true, json_get_int(f.kept, "expiresAt", 0))) {
        snapshot_notify(f.kept);
    }
}

static void run(void *data, void *unused)
{
    struct filling *f = data;
    bring_about(f->of, f->id);
    space_unref(f->of);
    g_free(f->id);
    g_free(f);
}

void snapshot_fill(struct space *of, const char *id)
{
    struct filling *f = g_new0(struct filling, 1);
    *f = (struct filling){space_ref(of), g_strdup(id)};
    g_thread_pool_push(fillers.pool, f, NULL);
}

/* ---- loading and removing ---- */

struct loading {
    struct space *of;
    GPtrArray *unfinished;
};

static bool load_one(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct loading *l = user;
    arena_auto a = arena_new();
    const struct json *kept = json_parse(a, value, length, NULL);
    const char *id = json_get_string(kept, "id"), *folder = json_get_string(kept, "folder");
    if (id != NULL && folder != NULL) {
        bool ready = g_strcmp0(json_get_string(kept, "snapshotStatus"), "preparing") != 0;
        space_snapshot_add(l->of, id, folder, ready, json_get_int(kept, "expiresAt", 0));
        if (!ready) {
            g_ptr_array_add(l->unfinished, g_strdup(id));
        }
    }
    return true;
}

static void resume(const char *tenant, const char *id)
{
    struct error e = {0};
    struct space *of = *tenant != '\0' ? space_tenant(tenant, false, &e) : space_ref(space_default());
    if (of != NULL) {
        snapshot_fill(of, id);
    }
    space_unref(of);
}

void snapshot_load(struct view *v, struct space *of)
{
    g_autoptr(GPtrArray) unfinished = g_ptr_array_new_with_free_func(g_free);
    struct loading l = {of, unfinished};
    view_kv_scan(v, SNAPSHOT_SPACE, NULL, 0, false, load_one, &l);
    for (guint i = 0; i < unfinished->len; i++) {
        resume(of->name, unfinished->pdata[i]);
    }
}

struct removal {
    struct store_job job;
    struct arena *a;
    const char *id;
    struct json *kept;
};

static bool apply_removal(struct store_job *job, struct txn *t, struct error *e)
{
    struct removal *r = (struct removal *)job;
    r->kept = snapshot_get(txn_view(t), r->a, r->id);
    return r->kept == NULL || txn_kv_delete(t, SNAPSHOT_SPACE, r->id, strlen(r->id), e);
}

bool snapshot_remove(struct space *of, const char *id, struct error *e)
{
    arena_auto a = arena_new();
    struct removal r = {.job = {.apply = apply_removal}, .a = a, .id = id};
    if (!store_run(of->store, &r.job, e) || !space_snapshot_remove(of, id, e)) {
        return false;
    }
    if (r.kept != NULL) {
        json_set(a, r.kept, "expiresAt",
                 json_int(a, MIN(instant_now(), json_get_int(r.kept, "expiresAt", 0))));
        snapshot_notify(r.kept);
    }
    return true;
}

static void remove_expired(const char *tenant, const char *id)
{
    struct error e = {0};
    struct space *of = *tenant != '\0' ? space_tenant(tenant, false, &e) : space_ref(space_default());
    if (of != NULL && !snapshot_remove(of, id, &e)) {
        log_failure("snapshot", "remove one that has expired", &e);
    }
    space_unref(of);
}

void snapshot_sweep(void)
{
    space_snapshots_expired(remove_expired);
}

/* ---- start and stop ---- */

void snapshot_start(void)
{
    g_atomic_int_set(&fillers.stopping, 0);
    fillers.pool = g_thread_pool_new(run, NULL, 1, FALSE, NULL);
}

void snapshot_stop(void)
{
    if (fillers.pool != NULL) {
        g_atomic_int_set(&fillers.stopping, 1);
        g_thread_pool_free(g_steal_pointer(&fillers.pool), FALSE, TRUE);
    }
}
