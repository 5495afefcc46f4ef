/* SPDX-License-Identifier: Apache-2.0 */
/* Corrections of what is already history: records of the log of their own, so that they outlast a crash, and
 * the names of single points. */
#include "store/history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the record ---- */

static void append_text(GString *out, const char *name, const char *text)
{
    if (text != NULL) {
        g_string_append_printf(out, ",\"%s\":", name);
        json_write_string(out, text, strlen(text));
    }
}

static void append_drop(GString *out, const struct history_change *c)
{
    g_string_append_printf(out, ",\"drop\":[{\"from\":%" PRId64 ",\"to\":%" PRId64, c->from, c->to);
    append_text(out, "attribute", c->attribute);
    append_text(out, "dataset", c->dataset);
    g_string_append(out, "}]");
}

uint64_t txn_history_change(struct txn *t, const struct history_change *c)
{
    g_autoptr(GString) out = g_string_new("{\"op\":\"history\",\"late\":true");
    append_text(out, "id", c->entity);
    if (c->types != NULL) {
        g_string_append(out, ",\"type\":");
        json_write(out, c->types);
    }
    g_string_append_printf(out, ",\"at\":%" PRId64, txn_now(t));
    if (c->from < c->to) {
        append_drop(out, c);
    }
    if (c->instance != NULL) {
        g_assert(c->attribute != NULL);
        g_string_append_printf(out, ",\"time\":%" PRId64 ",\"attrs\":{", c->at);
        json_write_string(out, c->attribute, strlen(c->attribute));
        g_string_append_c(out, ':');
        json_write(out, c->instance);
        g_string_append_c(out, '}');
    }
    append_text(out, "by", c->by);
    g_string_append_c(out, '}');
    return txn_log(t, out->str, out->len);
}

struct delete_job {
    struct store_job job;
    struct history_change change;
};

static bool apply_delete(struct store_job *job, struct txn *t, struct error *e)
{
    txn_history_change(t, &((struct delete_job *)job)->change);
    return true;
}

bool store_history_delete(struct store *s, const char *entity, const char *attribute, const char *dataset,
                          struct error *e)
{
    struct delete_job d = {.job = {.apply = apply_delete},
                           .change = {.entity = entity,
                                      .attribute = attribute,
                                      .dataset = attribute != NULL && dataset == NULL ? "" : dataset,
                                      .from = INT64_MIN,
                                      .to = INT64_MAX}};
    if (!store_run(s, &d.job, e)) {
        return false;
    }
    history_catch_up(s->history);
    return true;
}

/* ---- taking points away ---- */

bool is_history_drop(const struct json *record)
{
    return json_get(record, "drop") != NULL && json_streq(json_get(record, "op"), "history");
}

/* The series that a drop is about. */
static GArray *series_meant(struct history *h, const char *entity, const struct json *drop)
{
    GArray *sids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    sqlite3_stmt *st = history_prepare(
        h->db, "SELECT sid FROM series WHERE entity = ?1 AND (?2 IS NULL OR attribute = ?2) AND"
               " (?3 IS NULL OR dataset = ?3)");
    sqlite3_bind_text(st, 1, entity, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, json_get_string(drop, "attribute"), -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, json_get_string(drop, "dataset"), -1, SQLITE_STATIC);
    while (sqlite3_step(st) == SQLITE_ROW) {
        int64_t sid = sqlite3_column_int64(st, 0);
        g_array_append_val(sids, sid);
    }
    sqlite3_finalize(st);
    return sids;
}

static bool run_for(struct history *h, const char *sql, int64_t sid, instant from, instant to,
                    struct error *e)
{
    sqlite3_stmt *st = history_prepare(h->db, sql);
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, from);
    sqlite3_bind_int64(st, 3, to);
    bool ok = history_run(h, st, e);
    sqlite3_finalize(st);
    return ok;
}

static bool drop_points(struct history *h, int64_t sid, instant from, instant to, struct error *e)
{
    g_autoptr(GArray) points = point_array();
    if (!run_for(h, "DELETE FROM chunk WHERE sid = ?1 AND start >= ?2 AND stop < ?3", sid, from, to, e) ||
        !history_take_chunks(h, sid, from, to, points, e)) {
        return false;
    }
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(struct point));
    for (guint i = 0; i < points->len; i++) {
        const struct point *p = &g_array_index(points, struct point, i);
        if (p->at < from || p->at >= to) {
            g_array_append_vals(left, p, 1);
        }
    }
    return history_put_chunks(h, sid, left, e) &&
           run_for(h, "DELETE FROM series WHERE sid = ?1 AND NOT EXISTS (SELECT 1 FROM chunk WHERE sid = ?1)",
                   sid, 0, 0, e);
}

static bool drop_all(struct history *h, const struct json *record, struct error *e)
{
    for (const struct json *d = json_first(json_get(record, "drop")); d != NULL; d = d->next) {
        instant from = json_get_int(d, "from", INT64_MIN);
        instant to = json_get_int(d, "to", INT64_MAX);
        g_autoptr(GArray) sids = series_meant(h, json_get_string(record, "id"), d);
        for (guint i = 0; i < sids->len; i++) {
            if (!drop_points(h, g_array_index(sids, int64_t, i), from, to, e)) {
                return false;
            }
        }
    }
    return true;
}

bool history_drop(struct history *h, const struct json *record, struct error *e)
{
    if (!sqlite_script(h->db, "BEGIN IMMEDIATE", e)) {
        return false;
    }
    if (!drop_all(h, record, e) || !sqlite_script(h->db, "COMMIT", e)) {
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    return true;
}

/* ---- names of points ---- */

#define INSTANCE_PREFIX "urn:ngsi-ld:Instance:"

/* FNV-1a, 64 bits, the terminating zero included. */
static uint64_t hash_on(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++ != '\0');
    return hash;
}

static uint64_t series_hash(const char *entity, const char *attribute, const char *dataset)
{
    return hash_on(hash_on(hash_on(UINT64_C(0xcbf29ce484222325), entity), attribute),
                   dataset != NULL ? dataset : "");
}

char *history_instance_id(const char *entity, const char *attribute, const char *dataset, instant at,
                          char out[HISTORY_INSTANCE_ID])
{
    g_snprintf(out, HISTORY_INSTANCE_ID, INSTANCE_PREFIX "%016" PRIx64 ":%" PRId64,
               series_hash(entity, attribute, dataset), at);
    return out;
}

bool history_instance_at(const char *id, const char *entity, const char *attribute, const char *dataset,
                         instant *at)
{
    char again[HISTORY_INSTANCE_ID];
    const char *time = strrchr(id, ':');
    if (!g_str_has_prefix(id, INSTANCE_PREFIX) || time == NULL) {
        return false;
    }
    instant found = g_ascii_strtoll(time + 1, NULL, 10);
    if (strcmp(history_instance_id(entity, attribute, dataset, found, again), id) != 0) {
        return false;
    }
    *at = found;
    return true;
}
