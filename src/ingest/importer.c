/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's importer: one thread works off the accepted files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "ingest/import.h"
#include "ingest/inside.h"

static struct {
    struct hub *hub;
    GMutex lock;
    GCond work;
    GQueue queue; /* of struct import * */
    bool stopping;
    GThread *thread;
} importer;

static bool go_on(void *user, int wait_ms)
{
    gint64 until = g_get_monotonic_time() + wait_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&importer.lock);
    while (wait_ms > 0 && !importer.stopping && g_cond_wait_until(&importer.work, &importer.lock, until)) {
    }
    return !importer.stopping;
}

static void free_import(struct import *i)
{
    if (i != NULL) {
        import_clear(i);
        g_free(i);
    }
}

static void work_off(struct import *i)
{
    struct error e = {0};
    struct mapping *m = ingest_mapping();
    struct import_run how = {.store = importer.hub->store, .mapping = m, .go_on = go_on};
    log_info("ingest", "import %s by %s from byte %" G_GINT64_FORMAT, i->id, i->input, i->bytes);
    if (!import_run(i, &how, &e)) {
        log_failure("ingest", "an import failed", &e);
    }
    if (strcmp(i->state, "running") != 0) {
        remove(i->file);
        import_forget_old(importer.hub->store, NULL);
        log_info("ingest", "import %s %s: %" G_GINT64_FORMAT " rows accepted, %" G_GINT64_FORMAT " rejected",
                 i->id, i->state, i->accepted, i->rejected);
    }
    mapping_unref(m);
}

static void *run_importer(void *user)
{
    for (;;) {
        g_mutex_lock(&importer.lock);
        while (!importer.stopping && g_queue_is_empty(&importer.queue)) {
            g_cond_wait(&importer.work, &importer.lock);
        }
        struct import *i = importer.stopping ? NULL : g_queue_pop_head(&importer.queue);
        g_mutex_unlock(&importer.lock);
        if (i == NULL) {
            return NULL;
        }
        work_off(i);
        free_import(i);
    }
}

bool importer_start(struct hub *h, struct error *e)
{
    importer.hub = h;
    importer.stopping = false;
    g_queue_init(&importer.queue);
    view_auto v = view_begin(h->store);
    import_each_running(v, &importer.queue);
    importer.thread = g_thread_new("import", run_importer, NULL);
    return true;
}

void importer_stop(void)
{
    if (importer.thread == NULL) {
        return;
    }
    g_mutex_lock(&importer.lock);
    importer.stopping = true;
    g_cond_signal(&importer.work);
    g_mutex_unlock(&importer.lock);
    g_thread_join(importer.thread);
    importer.thread = NULL;
    g_queue_clear_full(&importer.queue, (GDestroyNotify)free_import);
}

static bool move_file(const char *from, const char *to, struct error *e)
{
    g_autofree char *dir = g_path_get_dirname(to);
    if (g_mkdir_with_parents(dir, 0700) != 0 || rename(from, to) != 0) {
        return error_set(e, ERROR_STORAGE_FULL, "the file cannot be kept: %s", "无法保存文件：%s",
                         g_strerror(errno));
    }
    return true;
}

static bool input_exists(const char *name, struct error *e)
{
    struct mapping *m = ingest_mapping();
    bool found = mapping_find(m, name) != NULL;
    mapping_unref(m);
    return found ||
           error_set(e, ERROR_NOT_FOUND, "there is no input \"%.100s\"; GET /api/v1/inputs lists them",
                     "没有输入“%.100s”；GET /api/v1/inputs 可列出全部输入", name);
}

const char *import_accept(struct arena *a, const struct import_request *wanted, struct error *e)
{
    struct import *i = g_new0(struct import, 1);
    if (!input_exists(wanted->input, e) ||
        !import_prepare(i, wanted->input, wanted->file,
                        wanted->file_name != NULL ? wanted->file_name : "upload.csv", wanted->encoding, e)) {
        free_import(i);
        return NULL;
    }
    g_free(i->file);
    i->file = g_strdup_printf("%s/imports/%s.csv", importer.hub->data_dir, i->id);
    if (!move_file(wanted->file, i->file, e) || !import_save(importer.hub->store, i, e)) {
        remove(i->file);
        free_import(i);
        return NULL;
    }
    const char *id = arena_strdup(a, i->id);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&importer.lock);
    g_queue_push_tail(&importer.queue, i);
    g_cond_signal(&importer.work);
    return id;
}
