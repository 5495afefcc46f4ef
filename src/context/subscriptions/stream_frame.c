/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the log as texts of server-sent events. */
#include "context/subscriptions/stream_frame.h"

#include <string.h>

#include "context/entity/entity.h"
#include "context/query/render.h"

enum {
    CACHED_FRAMES = 64,
    CACHED_RECORDS = 100000, /* of all cached frames together */
};

struct stream_frame {
    gint references;
    struct log_batch *batch;
    GMutex lock; /* of texts */
    GString **texts;
};

static struct {
    GMutex lock;
    GQueue frames; /* newest use first */
    int records;
} cache;

void stream_frame_unref(struct stream_frame *f)
{
    if (f == NULL || !g_atomic_int_dec_and_test(&f->references)) {
        return;
    }
    for (int i = 0; i < f->batch->count; i++) {
        if (f->texts[i] != NULL) {
            g_string_free(f->texts[i], TRUE);
        }
    }
    g_free(f->texts);
    g_mutex_clear(&f->lock);
    log_batch_unref(f->batch);
    g_free(f);
}

const struct log_batch *stream_frame_batch(const struct stream_frame *f)
{
    return f->batch;
}

static struct stream_frame *frame_ref(struct stream_frame *f)
{
    g_atomic_int_inc(&f->references);
    return f;
}

static struct stream_frame *frame_new(struct log_batch *b)
{
    struct stream_frame *f = g_new0(struct stream_frame, 1);
    f->references = 1;
    f->batch = b;
    f->texts = g_new0(GString *, (gsize)b->count);
    g_mutex_init(&f->lock);
    return f;
}

/* Under the lock. */
static void drop_oldest(void)
{
    struct stream_frame *old = g_queue_pop_tail(&cache.frames);
    cache.records -= old->batch->count;
    stream_frame_unref(old);
}

struct stream_frame *stream_frame_of(struct log_batch *b)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&cache.lock);
    for (GList *l = cache.frames.head; l != NULL; l = l->next) {
        struct stream_frame *f = l->data;
        if (f->batch->first == b->first && f->batch->count == b->count) {
            g_queue_unlink(&cache.frames, l);
            g_queue_push_head_link(&cache.frames, l);
            log_batch_unref(b);
            return frame_ref(f);
        }
    }
    struct stream_frame *f = frame_new(b);
    g_queue_push_head(&cache.frames, frame_ref(f));
    cache.records += b->count;
    while (cache.frames.length > 1 &&
           (cache.frames.length > CACHED_FRAMES || cache.records > CACHED_RECORDS)) {
        drop_oldest();
    }
    return f;
}

void stream_frames_clear(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&cache.lock);
    while (cache.frames.length > 0) {
        drop_oldest();
    }
}

/* ---- one event ---- */

static void append_member(GString *out, const char *name, const struct json *value)
{
    if (value != NULL) {
        g_string_append_printf(out, ",\"%s\":", name);
        json_write(out, value);
    }
}

static const struct json *default_instance(const struct json *attribute)
{
    const struct json *instance = instance_find(attribute, NULL);
    return instance != NULL ? instance : instance_first(attribute);
}

/* Simplified values by name; *newest becomes the latest observedAt among them (UTC texts sort as times). */
static void append_attributes(GString *out, const struct json *attrs, const char **newest)
{
    const struct render simplified = {.format = RENDER_SIMPLIFIED};
    g_string_append(out, ",\"attrs\":{");
    for (const struct json *attribute = json_first(attrs); attribute != NULL; attribute = attribute->next) {
        const struct json *instance = default_instance(attribute);
        if (instance == NULL) {
            continue;
        }
        const char *observed = json_get_string(instance, "observedAt");
        if (observed != NULL && (*newest == NULL || strcmp(observed, *newest) > 0)) {
            *newest = observed;
        }
        if (out->str[out->len - 1] != '{') {
            g_string_append_c(out, ',');
        }
        json_write_string(out, attribute->key, attribute->key_length);
        g_string_append_c(out, ':');
        render_instance(out, instance, &simplified);
    }
    g_string_append_c(out, '}');
}

static GString *event_of(uint64_t seq, const struct json *record)
{
    GString *out = g_string_sized_new(256);
    char at[INSTANT_TEXT];
    const char *observed = NULL;
    g_string_append_printf(out, "id: %" G_GUINT64_FORMAT "\nevent: change\ndata: {\"seq\":%" G_GUINT64_FORMAT,
                           seq, seq);
    append_member(out, "op", json_get(record, "op"));
    append_member(out, "id", json_get(record, "id"));
    append_member(out, "type", json_get(record, "type"));
    g_string_append_printf(out, ",\"at\":\"%s\"", instant_format(json_get_int(record, "at", 0), at));
    append_attributes(out, json_get(record, "attrs"), &observed);
    if (observed != NULL) {
        g_string_append_printf(out, ",\"observedAt\":\"%s\"", observed);
    }
    append_member(out, "gone", json_get(record, "gone"));
    g_string_append(out, "}\n\n");
    return out;
}

void stream_frame_append(struct stream_frame *f, int i, GString *out)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&f->lock);
    if (f->texts[i] == NULL) {
        f->texts[i] = event_of(f->batch->first + (uint64_t)i, f->batch->records[i]);
    }
    g_string_append_len(out, f->texts[i]->str, (gssize)f->texts[i]->len);
}
