/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of refused messages and rows, as keys and values. */
#include "ingest/rejected.h"

#include <string.h>

#include "base/limits.h"

static const char list_space[] = "ingest.rejected";        /* time, index, digest → record */
static const char digest_space[] = "ingest.rejected.seen"; /* digest → key in the list */
static const char row_space[] = "ingest.imports.rejected"; /* import id, NUL, line → record */

enum { DIGEST = 8, DIGEST_AT = 12, KEY = DIGEST_AT + DIGEST, SHOWN_PAYLOAD = 2048, SHOWN_ROW = 1000 };

/* ---- records ---- */

static void join_reasons(struct arena *a, struct json *record, const struct fault *faults)
{
    g_autoptr(GString) en = g_string_new(NULL);
    g_autoptr(GString) zh = g_string_new(NULL);
    for (const struct fault *f = faults; f != NULL; f = f->next) {
        const char *name = f->attribute != NULL ? f->attribute : "";
        g_string_append_printf(en, "%s%s%s%s", en->len > 0 ? "; " : "", name, name[0] != '\0' ? ": " : "",
                               f->en);
        g_string_append_printf(zh, "%s%s%s%s", zh->len > 0 ? "；" : "", name, name[0] != '\0' ? "：" : "",
                               f->zh);
    }
    struct json *reason = json_add(record, "reason", json_object(a));
    json_add(reason, "zh", json_stringn(a, zh->str, zh->len));
    json_add(reason, "en", json_stringn(a, en->str, en->len));
}

static void name_attributes(struct arena *a, struct json *record, const struct fault *faults)
{
    struct json *list = json_add(record, "attributes", json_array(a));
    for (const struct fault *f = faults; f != NULL; f = f->next) {
        if (f->attribute != NULL) {
            json_append(list, json_string(a, f->attribute));
        }
    }
}

/* Bytes of a stranger as text that can be kept: cut, and every byte that is no UTF-8 replaced. */
static struct json *safe_text(struct arena *a, const char *bytes, size_t length, size_t most)
{
    g_autofree char *text = g_utf8_make_valid(bytes, (gssize)MIN(length, most));
    for (char *p = text; *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x20 && *p != '\t' && *p != '\n' ? ' ' : *p;
    }
    return length > most ? json_printf(a, "%s…", text) : json_string(a, text);
}

/* ---- messages ---- */

static void digest_of(const struct rejected_message *m, unsigned char digest[DIGEST])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    const char *input = m->mapped->input != NULL ? m->mapped->input->name : "";
    g_checksum_update(sum, (const guchar *)input, (gssize)strlen(input) + 1);
    g_checksum_update(sum, (const guchar *)m->topic, (gssize)strlen(m->topic) + 1);
    g_checksum_update(sum, (const guchar *)m->payload, (gssize)m->length);
    guint8 whole[32];
    gsize length = sizeof whole;
    g_checksum_get_digest(sum, whole, &length);
    memcpy(digest, whole, DIGEST);
}

static struct json *message_record(struct arena *a, const struct rejected_message *m, instant at)
{
    struct json *record = json_object(a);
    char text[INSTANT_TEXT];
    json_add(record, "at", json_string(a, instant_format(at, text)));
    json_add(record, "input",
             m->mapped->input != NULL ? json_string(a, m->mapped->input->name) : json_null(a));
    json_add(record, "topic", safe_text(a, m->topic, strlen(m->topic), SHOWN_PAYLOAD));
    json_add(record, "payload", safe_text(a, m->payload, m->length, SHOWN_PAYLOAD));
    json_add(record, "partial", json_bool(a, m->mapped->fragment != NULL));
    name_attributes(a, record, m->mapped->faults);
    join_reasons(a, record, m->mapped->faults);
    return record;
}

bool rejected_put(struct txn *t, const struct rejected_message *m, bool *added, struct error *e)
{
    arena_auto a = arena_new();
    unsigned char key[KEY];
    const char *seen;
    size_t seen_length;
    digest_of(m, key + DIGEST_AT);
    *added = !(m->duplicate &&
               view_kv_get(txn_view(t), a, digest_space, key + DIGEST_AT, DIGEST, &seen, &seen_length));
    if (!*added) {
        return true;
    }
    uint32_t index = GUINT32_TO_BE((uint32_t)m->index);
    kv_key_u64((uint64_t)txn_now(t), key);
    memcpy(key + 8, &index, sizeof index);
    const char *text = json_text(a, message_record(a, m, txn_now(t)));
    return txn_kv_put(t, list_space, key, KEY, text, strlen(text), e) &&
           txn_kv_put(t, digest_space, key + DIGEST_AT, DIGEST, key, KEY, e);
}

/* The oldest keys, gathered before they are deleted. */
struct oldest {
    GByteArray *keys;
    int64_t wanted;
};

static bool gather_key(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct oldest *o = user;
    g_assert(key_length == KEY);
    g_byte_array_append(o->keys, key, KEY);
    return --o->wanted > 0;
}

int64_t rejected_prune(struct txn *t, int64_t kept, struct error *e)
{
    if (kept <= LIMIT_REJECTIONS) {
        return 0;
    }
    g_autoptr(GByteArray) keys = g_byte_array_new();
    struct oldest o = {keys, kept - LIMIT_REJECTIONS};
    view_kv_scan(txn_view(t), list_space, NULL, 0, false, gather_key, &o);
    for (guint i = 0; i < keys->len; i += KEY) {
        const unsigned char *key = keys->data + i;
        if (!txn_kv_delete(t, list_space, key, KEY, e) ||
            !txn_kv_delete(t, digest_space, key + DIGEST_AT, DIGEST, e)) {
            return -1;
        }
    }
    return keys->len / KEY;
}

int64_t rejected_count(struct view *v)
{
    return view_kv_count(v, list_space);
}

/* ---- listing ---- */

struct listing {
    struct arena *arena;
    const struct rejected_query *query;
    const char *text; /* what to look for, as it stands inside JSON */
    struct json *items;
    int64_t total;
    bool every; /* nothing to filter: stop when the page is full */
};

static bool contains(const char *value, size_t length, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = value, *last = value + length; p + n <= last; p++) {
        if (g_ascii_strncasecmp(p, text, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_input(const char *value, size_t length, const char *input)
{
    g_autofree char *member = g_strdup_printf("\"input\":\"%s\",", input);
    const char *at = g_strstr_len(value, (gssize)MIN(length, 256), "\"input\":");
    return at != NULL && g_str_has_prefix(at, member);
}

static bool list_one(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct listing *l = user;
    const struct rejected_query *q = l->query;
    instant at = (instant)kv_u64_key(key);
    if (at < q->from) {
        return false;
    }
    if (at >= q->to || (q->input != NULL && !is_of_input(value, value_length, q->input)) ||
        (l->text != NULL && !contains(value, value_length, l->text))) {
        return true;
    }
    l->total++;
    if (l->total > q->page.offset && l->items->length < q->page.limit) {
        struct json *record = json_parse(l->arena, value, value_length, NULL);
        if (record != NULL) {
            json_append(l->items, record);
        }
    }
    return !l->every || l->items->length < q->page.limit;
}

/* The text as json_write_string would put it, so that it can be found in records. */
static char *as_in_json(const char *text)
{
    GString *out = g_string_new(NULL);
    json_write_string(out, text, strlen(text));
    g_string_truncate(out, out->len - 1);
    g_string_erase(out, 0, 1);
    return g_string_free(out, FALSE);
}

static struct json *page(struct arena *a, int64_t total, struct json *items)
{
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, total));
    json_add(body, "items", items);
    return body;
}

struct json *rejected_list(struct view *v, struct arena *a, const struct rejected_query *q)
{
    g_autofree char *text = q->text != NULL ? as_in_json(q->text) : NULL;
    struct listing l = {a, q, text, json_array(a), 0, false};
    l.every = q->input == NULL && text == NULL && q->from == INSTANT_MIN && q->to == INSTANT_MAX;
    if (q->page.limit > 0 || !l.every) {
        view_kv_scan(v, list_space, NULL, 0, true, list_one, &l);
    }
    return page(a, l.every ? rejected_count(v) : l.total, l.items);
}

/* ---- rows ---- */

static size_t row_key(const char *import, uint64_t line, unsigned char key[128])
{
    size_t length = MIN(strlen(import), 100);
    memcpy(key, import, length);
    key[length] = '\0';
    kv_key_u64(line, key + length + 1);
    return length + 9;
}

bool rejected_row_put(struct txn *t, const char *import, int64_t line, const struct fault *faults,
                      bool partial, const char *row, size_t length, struct error *e)
{
    arena_auto a = arena_new();
    unsigned char key[128];
    size_t key_length = row_key(import, (uint64_t)line, key);
    struct json *record = json_object(a);
    json_add(record, "line", json_int(a, line));
    json_add(record, "partial", json_bool(a, partial));
    name_attributes(a, record, faults);
    join_reasons(a, record, faults);
    json_add(record, "row", safe_text(a, row, length, SHOWN_ROW));
    const char *text = json_text(a, record);
    return txn_kv_put(t, row_space, key, key_length, text, strlen(text), e);
}

struct row_listing {
    struct arena *arena;
    const char *import;
    size_t import_length;
    int64_t offset, limit, total;
    struct json *items;
};

static bool list_row(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct row_listing *l = user;
    if (key_length <= l->import_length || memcmp(key, l->import, l->import_length + 1) != 0) {
        return false;
    }
    if (l->total++ >= l->offset && l->items->length < l->limit) {
        struct json *record = json_parse(l->arena, value, value_length, NULL);
        if (record != NULL) {
            json_append(l->items, record);
        }
    }
    return true;
}

struct json *rejected_rows(struct view *v, struct arena *a, const char *import, int64_t offset, int64_t limit)
{
    unsigned char start[128];
    size_t length = row_key(import, 0, start);
    struct row_listing l = {a, import, strlen(import), offset, limit, 0, json_array(a)};
    view_kv_scan(v, row_space, start, length, false, list_row, &l);
    return page(a, l.total, l.items);
}

struct row_keys {
    const char *import;
    size_t import_length;
    GPtrArray *keys; /* of GBytes */
};

static bool gather_row(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    struct row_keys *k = user;
    if (key_length <= k->import_length || memcmp(key, k->import, k->import_length + 1) != 0) {
        return false;
    }
    g_ptr_array_add(k->keys, g_bytes_new(key, key_length));
    return true;
}

bool rejected_rows_delete(struct txn *t, const char *import, struct error *e)
{
    unsigned char start[128];
    size_t length = row_key(import, 0, start);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    struct row_keys k = {import, strlen(import), keys};
    view_kv_scan(txn_view(t), row_space, start, length, false, gather_row, &k);
    for (guint i = 0; i < keys->len; i++) {
        gsize n;
        const void *key = g_bytes_get_data(keys->pdata[i], &n);
        if (!txn_kv_delete(t, row_space, key, n, e)) {
            return false;
        }
    }
    return true;
}
