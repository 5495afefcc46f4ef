/* SPDX-License-Identifier: Apache-2.0 */
/* Names of series, each kept once: the rows of a million entities say only their numbers. */
#include <string.h>

#include "store/history.h"

enum { MOST = 65536, LONGEST = 1024 };

struct names {
    GHashTable *by_bytes; /* struct name * → itself */
    GPtrArray *by_number; /* [0] is NULL */
    guint saved;          /* numbers below this are on disk */
};

static guint name_hash(const void *name)
{
    return ((const struct name *)name)->hash;
}

static gboolean name_equal(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    return x->length == y->length && memcmp(x->bytes, y->bytes, x->length) == 0;
}

static guint hash_bytes(const char *bytes, guint length)
{
    guint hash = 2166136261u;
    for (guint i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    }
    return hash;
}

static void name_free(void *name)
{
    if (name != NULL) {
        g_free((char *)((struct name *)name)->bytes);
        g_free(name);
    }
}

struct names *names_new(void)
{
    struct names *n = g_new0(struct names, 1);
    n->by_bytes = g_hash_table_new(name_hash, name_equal);
    n->by_number = g_ptr_array_new_with_free_func(name_free);
    g_ptr_array_add(n->by_number, NULL);
    n->saved = 1;
    return n;
}

void names_free(struct names *n)
{
    g_hash_table_unref(n->by_bytes);
    g_ptr_array_unref(n->by_number);
    g_free(n);
}

static uint32_t add(struct names *n, const char *bytes, guint length)
{
    struct name *name = g_new0(struct name, 1);
    name->bytes = g_memdup2(bytes, length);
    name->length = length;
    name->hash = hash_bytes(bytes, length);
    name->number = n->by_number->len;
    series_key_read(&name->key, name->bytes, length);
    g_ptr_array_add(n->by_number, name);
    g_hash_table_add(n->by_bytes, name);
    return name->number;
}

uint32_t names_number(struct names *n, const char *bytes, guint length)
{
    const struct name wanted = {.bytes = bytes, .length = length, .hash = hash_bytes(bytes, length)};
    const struct name *found = g_hash_table_lookup(n->by_bytes, &wanted);
    if (found != NULL) {
        return found->number;
    }
    return n->by_number->len >= MOST || length > LONGEST ? 0 : add(n, bytes, length);
}

const struct name *names_get(struct names *n, uint32_t number)
{
    return number < n->by_number->len ? n->by_number->pdata[number] : NULL;
}

bool names_load(struct names *n, sqlite3 *db, struct error *e)
{
    sqlite3_stmt *st = history_prepare(db, "SELECT number, bytes FROM name ORDER BY number");
    bool ok = true;
    while (ok && sqlite3_step(st) == SQLITE_ROW) {
        uint32_t number = add(n, sqlite3_column_blob(st, 1), (guint)sqlite3_column_bytes(st, 1));
        ok = number == sqlite3_column_int64(st, 0) ||
             error_set(e, ERROR_UNAVAILABLE, "The names of the history are damaged: restore a backup",
                       "历史数据的名称表已损坏：请从备份恢复");
    }
    sqlite3_finalize(st);
    n->saved = n->by_number->len;
    return ok;
}

bool names_write(struct names *n, sqlite3 *db, struct error *e)
{
    if (n->saved == n->by_number->len) {
        return true;
    }
    sqlite3_stmt *st = history_prepare(db, "INSERT OR REPLACE INTO name(number, bytes) VALUES (?1, ?2)");
    bool ok = true;
    for (guint i = n->saved; ok && i < n->by_number->len; i++) {
        const struct name *name = n->by_number->pdata[i];
        sqlite3_bind_int64(st, 1, i);
        sqlite3_bind_blob(st, 2, name->bytes, (int)name->length, SQLITE_STATIC);
        ok = sqlite3_step(st) == SQLITE_DONE || sqlite_failed(db, "the history", e);
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    return ok;
}

void names_saved(struct names *n)
{
    n->saved = n->by_number->len;
}

/* ---- keys ---- */

void series_key_bytes(GByteArray *out, const struct series_key *key)
{
    const char *parts[] = {key->attribute, key->dataset, key->type, key->unit != NULL ? key->unit : ""};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_byte_array_append(out, (const guint8 *)parts[i], (guint)strlen(parts[i]) + 1);
    }
    g_byte_array_append(out, (const guint8 *)(key->observed ? "o" : "m"), 2);
}

bool series_key_read(struct series_key *key, const char *bytes, guint length)
{
    const char *parts[5];
    const char *end = bytes + length;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *zero = bytes < end ? memchr(bytes, '\0', (size_t)(end - bytes)) : NULL;
        if (zero == NULL) {
            return false;
        }
        parts[i] = bytes;
        bytes = zero + 1;
    }
    *key = (struct series_key){.attribute = parts[0],
                               .dataset = parts[1],
                               .type = parts[2],
                               .unit = *parts[3] != '\0' ? parts[3] : NULL,
                               .observed = *parts[4] == 'o'};
    return bytes == end;
}

bool same_series(const struct series_key *a, const char *attribute, const char *dataset)
{
    return strcmp(a->attribute, attribute) == 0 && strcmp(a->dataset, dataset) == 0;
}
