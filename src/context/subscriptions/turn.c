/* SPDX-License-Identifier: Apache-2.0 */
/* From the log to the entities of one message. */
#include "context/subscriptions/turn.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "context/subscriptions/notifier.h"

enum {
    ENTITIES_PER_MESSAGE = 100,
    MESSAGE_BYTES = 1 << 20,  /* no further entity is added to a longer one */
    RECORDS_PER_TURN = 20000, /* records looked at before others get their turn */
};

void turn_init(struct turn *t, struct store *store, struct subscription *s, uint64_t cursor)
{
    *t = (struct turn){
        .store = store, .s = subscription_ref(s), .cursor = cursor, .coalesce = s->throttling > 0};
    t->texts = g_ptr_array_new_with_free_func(g_free);
    t->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    t->linked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void turn_clear(struct turn *t)
{
    g_ptr_array_unref(t->texts);
    g_hash_table_unref(t->ids);
    g_hash_table_unref(t->linked);
    subscription_unref(t->s);
}

/* Is there room for this record's entity? */
static bool has_room(const struct turn *t, const char *id)
{
    bool again = g_hash_table_contains(t->ids, id);
    return again ? t->coalesce : t->texts->len < ENTITIES_PER_MESSAGE && t->bytes < MESSAGE_BYTES;
}

static void put_text(struct turn *t, const char *id, char *text)
{
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(t->ids, id));
    t->bytes += strlen(text);
    if (place > 0) {
        g_free(t->texts->pdata[place - 1]);
        t->texts->pdata[place - 1] = text;
        return;
    }
    g_ptr_array_add(t->texts, text);
    g_hash_table_insert(t->ids, g_strdup(id), GUINT_TO_POINTER(t->texts->len));
}

/* False when the message is full; else the cursor moves on. */
static bool take_record(struct turn *t, struct view *v, uint64_t seq, const struct json *record)
{
    if (notification_triggers(t->s, record) != 0) {
        const char *id = json_get_string(record, "id");
        if (!has_room(t, id)) {
            return false;
        }
        g_autoptr(GString) text = g_string_new("");
        if (notification_add(text, t->s, v, record, t->linked)) {
            put_text(t, id, g_strdup(text->str));
            t->first = t->first == 0 ? seq : t->first;
            t->last = seq;
        }
    }
    t->cursor = seq;
    return true;
}

/* The batch that holds record after + 1; goes over what has been pruned. NULL at the end of the log. */
static struct log_batch *read_batch(struct turn *t, uint64_t after)
{
    for (;;) {
        struct error e = {0};
        struct log_batch *b = store_log_read(t->store, after, &e);
        if (b != NULL || e.code != ERROR_NOT_FOUND) {
            return b;
        }
        after = t->lost_to = t->cursor = store_log_start(t->store) - 1;
        log_warning("notifier", "%s: changes up to %" G_GUINT64_FORMAT " were pruned before they were sent",
                    t->s->id, after);
    }
}

void turn_read_log(struct turn *t)
{
    uint64_t from = t->cursor;
    bool more = true;
    view_auto v = view_begin(t->store);
    while (more && t->cursor - from < RECORDS_PER_TURN) {
        struct log_batch *b = read_batch(t, t->cursor);
        if (b == NULL) {
            return;
        }
        uint64_t end = b->first + (uint64_t)b->count;
        for (uint64_t seq = MAX(t->cursor + 1, b->first); seq < end && more; seq++) {
            more = take_record(t, v, seq, b->records[seq - b->first]);
        }
        log_batch_unref(b);
    }
}

void turn_read_records(struct turn *t, const uint64_t *seqs, guint count, uint64_t upto)
{
    struct log_batch *b = NULL;
    view_auto v = view_begin(t->store);
    for (guint i = 0; i < count; i++) {
        if (b == NULL || seqs[i] >= b->first + (uint64_t)b->count) {
            log_batch_unref(b);
            b = read_batch(t, seqs[i] - 1);
            if (b == NULL) {
                return;
            }
        }
        if (seqs[i] >= b->first && !take_record(t, v, seqs[i], b->records[seqs[i] - b->first])) {
            log_batch_unref(b);
            return;
        }
    }
    log_batch_unref(b);
    t->cursor = MAX(t->cursor, upto);
}

static bool add_current(void *user, const struct json *entity)
{
    struct turn *t = user;
    g_autoptr(GString) text = g_string_new("");
    notification_add_current(text, t->s, t->view, entity, t->linked);
    put_text(t, json_get_string(entity, "id"), g_strdup(text->str));
    return t->bytes < MESSAGE_BYTES;
}

void turn_read_current(struct turn *t)
{
    struct error e = {0};
    struct query_page page = {.limit = LIMIT_PAGE};
    view_auto v = view_begin(t->store);
    t->view = v;
    if (!entity_query_run(&t->s->query, v, &page, add_current, t, &e)) {
        log_failure("notifier", t->s->id, &e);
    }
}

char *turn_data(struct turn *t)
{
    GHashTableIter i;
    void *id, *text;
    g_hash_table_iter_init(&i, t->linked);
    while (g_hash_table_iter_next(&i, &id, &text)) {
        if (!g_hash_table_contains(t->ids, id)) {
            g_ptr_array_add(t->texts, g_strdup(text));
        }
    }
    g_ptr_array_add(t->texts, NULL);
    return g_strjoinv(",", (char **)t->texts->pdata);
}
