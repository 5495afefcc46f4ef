/* SPDX-License-Identifier: Apache-2.0 */
/* Queries over entities: which index answers best, and the walk over what it finds.
 *
 * Every index that a condition could use becomes a runner that gathers numbers of entities. They run in turn,
 * each to the same number, four times as many in each round, until one is at its end: the others have more,
 * so it wins, and has already done the work. A walk over the type (or over all), which needs no gathering and
 * stops when the caller has enough, wins before that when it is likely to cost less than the next round. */
#include <math.h>
#include <string.h>

#include "store/private.h"

enum {
    FIRST_ROUND = 64,
    ROW_COST = 16,     /* reading and parsing an entity, in steps of an index */
    RANGES_MOST = 200, /* stretches of one condition; beyond it the condition uses no index */
    CHECK_EVERY = 16,  /* rows between two looks at the clock */
    BLOB_TIME = 2,     /* first byte of times and booleans in the index, which sorts them apart */
    BLOB_BOOL = 1,
};

struct runner {
    struct store_option option;
    sqlite3_stmt *st;
    bool own;     /* st is not one of the view's */
    GArray *eids; /* of int64_t */
};

struct query_run {
    struct view *view;
    const struct store_query *q;
    struct arena *arena;
    struct runner runners[STORE_VALUES_MOST + 2];
    int runners_count;
    struct store_plan plan;
    bool (*each)(void *user, const struct store_entity *row);
    void *user;
    bool ids_only;
    bool stopped;
};

/* ---- statements made from fixed pieces; all values are bound ---- */

static sqlite3_stmt *prepare(struct view *v, const char *text)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(v->db, text, -1, &st, NULL) != SQLITE_OK) {
        g_error("cannot prepare \"%s\": %s", text, sqlite3_errmsg(v->db));
    }
    return st;
}

/* A prepared statement of the view, unless it is busy with an outer walk. */
static sqlite3_stmt *take_statement(struct view *v, enum statement which, bool *own)
{
    *own = v->statements[which] != NULL && sqlite3_stmt_busy(v->statements[which]);
    return *own ? prepare(v, statement_text(which)) : view_statement(v, which);
}

static void give_back(sqlite3_stmt *st, bool own)
{
    if (own) {
        sqlite3_finalize(st);
    } else {
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
    }
}

#define BOX_CONDITION "x1 >= ? AND y1 >= ? AND x0 <= ? AND y0 <= ?"
#define SCOPE_CONDITION "(scope = ? OR (scope > ? AND scope < ?))"

static void bind_box(sqlite3_stmt *st, int *n, const double *box)
{
    for (int i = 0; i < 4; i++) {
        sqlite3_bind_double(st, (*n)++, box[i]);
    }
}

static void bind_scope(struct query_run *run, sqlite3_stmt *st, int *n)
{
    const char *scope = run->q->scope;
    sqlite3_bind_text(st, (*n)++, scope, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, (*n)++, arena_printf(run->arena, "%s/", scope), -1, SQLITE_STATIC);
    sqlite3_bind_text(st, (*n)++, arena_printf(run->arena, "%s0", scope), -1,
                      SQLITE_STATIC); /* '0' follows '/' */
}

/* ---- values in the index ---- */

static void bind_time(sqlite3_stmt *st, int n, int64_t at)
{
    unsigned char bytes[9] = {BLOB_TIME};
    kv_key_u64((uint64_t)at ^ (UINT64_C(1) << 63), bytes + 1); /* negative ones sort first */
    sqlite3_bind_blob(st, n, bytes, sizeof bytes, SQLITE_TRANSIENT);
}

static void bind_bool(sqlite3_stmt *st, int n, int64_t value)
{
    unsigned char bytes[2] = {BLOB_BOOL, value != 0};
    sqlite3_bind_blob(st, n, bytes, sizeof bytes, SQLITE_TRANSIENT);
}

/* A long text is cut: what is equal or in order stays so. */
static void bind_text(sqlite3_stmt *st, int n, const char *text)
{
    sqlite3_bind_text(st, n, text, (int)strnlen(text, VALUE_TEXT_MOST), SQLITE_STATIC);
}

void value_bind(sqlite3_stmt *st, int n, const struct store_value *value)
{
    switch (value->kind) {
    case STORE_NUMBER: sqlite3_bind_double(st, n, value->number); break;
    case STORE_TEXT: bind_text(st, n, value->text); break;
    case STORE_BOOL: bind_bool(st, n, value->at); break;
    case STORE_TIME: bind_time(st, n, value->at); break;
    }
}

static void bind_low(sqlite3_stmt *st, int n, const struct store_range *r)
{
    static const unsigned char first_time[] = {BLOB_TIME};
    struct store_value v = {r->kind, r->has_low ? r->low : -INFINITY, r->has_low ? r->low_text : "",
                            r->low_at};
    if (!r->has_low && r->kind == STORE_TIME) {
        sqlite3_bind_blob(st, n, first_time, sizeof first_time, SQLITE_STATIC);
    } else {
        value_bind(st, n, &v);
    }
}

static void bind_high(sqlite3_stmt *st, int n, const struct store_range *r)
{
    static const unsigned char beyond[] = {BLOB_TIME + 1};
    struct store_value v = {r->kind, r->has_high ? r->high : INFINITY, r->high_text, r->high_at};
    if (!r->has_high && r->kind != STORE_NUMBER) { /* bytes sort after texts */
        sqlite3_bind_blob(st, n, beyond, r->kind == STORE_TIME ? sizeof beyond : 0, SQLITE_STATIC);
    } else {
        value_bind(st, n, &v);
    }
}

static void add_value_pieces(GString *text, const struct store_values *values, const char *condition)
{
    for (int i = 0; i < values->indexes_count * values->ranges_count; i++) {
        g_string_append_printf(text,
                               "%sSELECT eid FROM entity_value WHERE number = ? AND value BETWEEN ? AND ?%s",
                               i == 0 ? "" : " UNION ALL ", condition);
    }
}

static void bind_values(sqlite3_stmt *st, int *n, const struct store_values *values)
{
    for (int i = 0; i < values->indexes_count; i++) {
        for (int k = 0; k < values->ranges_count; k++) {
            sqlite3_bind_int64(st, (*n)++, values->indexes[i]);
            bind_low(st, (*n)++, &values->ranges[k]);
            bind_high(st, (*n)++, &values->ranges[k]);
        }
    }
}

/* ---- runners ---- */

static void clear_runner(struct runner *r)
{
    give_back(r->st, r->own);
    g_array_unref(r->eids);
}

static struct runner *add_runner(struct query_run *run, enum store_path path, int value)
{
    struct runner *r = &run->runners[run->runners_count++];
    *r = (struct runner){.option = {.path = path, .value = value},
                         .eids = g_array_new(FALSE, FALSE, sizeof(int64_t))};
    return r;
}

static void start_value_runner(struct query_run *run, int which)
{
    const struct store_values *values = &run->q->values[which];
    if (values->indexes_count == 0 || values->indexes_count * values->ranges_count > RANGES_MOST) {
        return;
    }
    struct runner *r = add_runner(run, STORE_BY_VALUE, which);
    g_autoptr(GString) text = g_string_new(NULL);
    int n = 1;
    add_value_pieces(text, values, "");
    r->st = prepare(run->view, text->str);
    r->own = true;
    bind_values(r->st, &n, values);
}

static void start_runners(struct query_run *run)
{
    const struct store_query *q = run->q;
    int n = 1;
    for (int i = 0; i < q->values_count && i < STORE_VALUES_MOST; i++) {
        start_value_runner(run, i);
    }
    if (q->scope != NULL) {
        struct runner *r = add_runner(run, STORE_BY_SCOPE, 0);
        r->st = take_statement(run->view, FIND_SCOPE, &r->own);
        bind_scope(run, r->st, &n);
    }
    if (q->box != NULL) {
        struct runner *r = add_runner(run, STORE_BY_BOX, 0);
        n = 1;
        r->st = take_statement(run->view, FIND_BOX, &r->own);
        bind_box(r->st, &n, q->box);
    }
}

/* Gathers until there are so many, or no more. */
static bool advance(struct query_run *run, struct runner *r, int64_t until, struct error *e)
{
    while (!r->option.counted && r->option.rows < until) {
        int code = sqlite3_step(r->st);
        if (code == SQLITE_ROW) {
            int64_t eid = sqlite3_column_int64(r->st, 0);
            r->option.rows++;
            if (eid > run->q->after) {
                g_array_append_val(r->eids, eid);
            }
        } else if (code == SQLITE_DONE) {
            r->option.counted = true;
        } else {
            return query_failed(run->view, code, e);
        }
    }
    return true;
}

/* ---- the choice ---- */

static enum store_path walk_path(const struct store_query *q)
{
    return q->types_count == 1 ? STORE_BY_TYPE : q->types_count > 1 ? STORE_BY_TYPES : STORE_BY_ALL;
}

/* The walk, with the number of its rows when that matters to somebody. */
static struct store_option walk_option(struct query_run *run)
{
    const struct store_query *q = run->q;
    struct store_option walk = {.path = walk_path(q), .counted = true};
    if (run->runners_count == 0 && !q->estimate) {
        return walk;
    }
    for (int i = 0; i < q->types_count; i++) {
        walk.rows += view_shape(run->view, q->types[i], "", "");
    }
    if (q->types_count == 0) {
        walk.rows = view_shape(run->view, "", "", "");
    }
    return walk;
}

/* Rows that a walk is likely to read until the caller has enough, when at least so many of all match. */
static double walk_rows(const struct query_run *run, int64_t all, int64_t matching)
{
    double expected =
        run->q->wanted > 0 ? (double)run->q->wanted * (double)all / (double)MAX(matching, 1) : (double)all;
    return MIN(expected, (double)all);
}

/* Runs the runners; -1 in *winner when a walk is better. */
static bool race(struct query_run *run, int64_t walk, int *winner, struct error *e)
{
    *winner = -1;
    for (int64_t until = FIRST_ROUND;; until *= 4) {
        for (int i = 0; i < run->runners_count; i++) {
            struct runner *r = &run->runners[i];
            if (!advance(run, r, until, e)) {
                return false;
            }
            if (r->option.counted && (*winner < 0 || r->option.rows < run->runners[*winner].option.rows)) {
                *winner = i;
            }
        }
        if (*winner >= 0 || walk_rows(run, walk, until) * ROW_COST <= (double)(until * 4)) {
            return true;
        }
    }
}

static gint by_number(gconstpointer a, gconstpointer b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sort_unique(GArray *eids)
{
    int64_t *x = (int64_t *)(void *)eids->data;
    guint n = 0;
    g_array_sort(eids, by_number);
    for (guint i = 0; i < eids->len; i++) {
        if (n == 0 || x[i] != x[n - 1]) {
            x[n++] = x[i];
        }
    }
    g_array_set_size(eids, n);
}

/* Keeps what is in other too; both sorted. */
static void intersect(GArray *eids, const GArray *other)
{
    int64_t *x = (int64_t *)(void *)eids->data;
    const int64_t *y = (const int64_t *)(const void *)other->data;
    guint n = 0;
    for (guint i = 0, k = 0; i < eids->len && k < other->len;) {
        if (x[i] < y[k]) {
            i++;
        } else if (x[i] > y[k]) {
            k++;
        } else {
            x[n++] = x[i++];
        }
    }
    g_array_set_size(eids, n);
}

static void narrow_winner(struct query_run *run, int winner)
{
    GArray *eids = run->runners[winner].eids;
    sort_unique(eids);
    for (int i = 0; i < run->runners_count; i++) {
        if (i != winner && run->runners[i].option.counted) {
            sort_unique(run->runners[i].eids);
            intersect(eids, run->runners[i].eids);
            run->plan.intersected++;
        }
    }
}

static void note_option(struct query_run *run, const struct store_option *option, bool chosen)
{
    run->plan.chosen = chosen ? run->plan.count : run->plan.chosen;
    run->plan.options[run->plan.count++] = *option;
}

/* ---- rows ---- */

static bool give(struct query_run *run, const struct store_entity *row)
{
    run->plan.examined++;
    run->stopped = !run->each(run->user, row);
    return !run->stopped;
}

static bool late(struct query_run *run, struct error *e)
{
    bool look = run->q->deadline > 0 && run->plan.examined % CHECK_EVERY == CHECK_EVERY - 1;
    return look && g_get_monotonic_time() > run->q->deadline && !query_failed(run->view, SQLITE_INTERRUPT, e);
}

/* Steps through eid, id, body. */
static bool walk_statement(struct query_run *run, sqlite3_stmt *st, struct error *e)
{
    int code = SQLITE_DONE;
    while (!run->stopped && (code = sqlite3_step(st)) == SQLITE_ROW) {
        if (late(run, e)) {
            return false;
        }
        struct store_entity row = {.eid = sqlite3_column_int64(st, 0)};
        if (!run->ids_only) {
            row.id = (const char *)sqlite3_column_text(st, 1);
            row.body = sqlite3_column_blob(st, 2);
            row.body_length = (size_t)sqlite3_column_bytes(st, 2);
        }
        give(run, &row);
    }
    return run->stopped || code == SQLITE_DONE || query_failed(run->view, code, e);
}

static void add_marks(GString *text, int n)
{
    for (int i = 0; i < n; i++) {
        g_string_append(text, i == 0 ? "?" : ",?");
    }
}

/* What the way chosen leaves to be checked of each row; ids are always the way chosen. */
static void add_checks(struct query_run *run, GString *text, const struct store_option *way)
{
    const struct store_query *q = run->q;
    if (q->types_count > 0 && way->path != STORE_BY_TYPE && way->path != STORE_BY_TYPES) {
        g_string_append(text, " AND EXISTS (SELECT 1 FROM entity_type t WHERE t.eid = e.eid AND t.type IN (");
        add_marks(text, q->types_count);
        g_string_append(text, "))");
    }
    if (q->scope != NULL && way->path != STORE_BY_SCOPE) {
        g_string_append(
            text, " AND EXISTS (SELECT 1 FROM entity_scope s WHERE s.eid = e.eid AND " SCOPE_CONDITION ")");
    }
    if (q->box != NULL && way->path != STORE_BY_BOX) {
        g_string_append(text,
                        " AND EXISTS (SELECT 1 FROM entity_box b WHERE b.eid = e.eid AND " BOX_CONDITION ")");
    }
    for (int i = 0; i < q->values_count; i++) {
        if (way->path != STORE_BY_VALUE || way->value != i) {
            g_string_append(text, " AND EXISTS (");
            add_value_pieces(text, &q->values[i], " AND eid = e.eid");
            g_string_append_c(text, ')');
        }
    }
}

static void bind_checks(struct query_run *run, sqlite3_stmt *st, const struct store_option *way)
{
    const struct store_query *q = run->q;
    int n = 2;
    for (int i = 0; way->path != STORE_BY_TYPE && way->path != STORE_BY_TYPES && i < q->types_count; i++) {
        sqlite3_bind_text(st, n++, q->types[i], -1, SQLITE_STATIC);
    }
    if (q->scope != NULL && way->path != STORE_BY_SCOPE) {
        bind_scope(run, st, &n);
    }
    if (q->box != NULL && way->path != STORE_BY_BOX) {
        bind_box(st, &n, q->box);
    }
    for (int i = 0; i < q->values_count; i++) {
        if (way->path != STORE_BY_VALUE || way->value != i) {
            bind_values(st, &n, &q->values[i]);
        }
    }
}

/* The statement that reads one entity by its number, if it fulfils the rest. */
static sqlite3_stmt *prepare_fetch(struct query_run *run, const struct store_option *way, bool *own)
{
    if (run->q->loose && !run->ids_only) {
        return take_statement(run->view, FETCH_ENTITY, own);
    }
    *own = true;
    g_autoptr(GString) text = g_string_new(run->ids_only ? "SELECT e.eid" : "SELECT e.eid, e.id, e.body");
    g_string_append(text, " FROM entity e WHERE e.eid = ?");
    if (!run->q->loose) {
        add_checks(run, text, way);
    }
    sqlite3_stmt *st = prepare(run->view, text->str);
    if (!run->q->loose) {
        bind_checks(run, st, way);
    }
    return st;
}

static bool fetch(struct query_run *run, sqlite3_stmt *st, int64_t eid, struct error *e)
{
    sqlite3_reset(st);
    sqlite3_bind_int64(st, 1, eid);
    return walk_statement(run, st, e);
}

static bool fetch_all(struct query_run *run, const GArray *eids, const struct store_option *way,
                      struct error *e)
{
    bool ok = true, own;
    sqlite3_stmt *st = prepare_fetch(run, way, &own);
    for (guint i = 0; ok && !run->stopped && i < eids->len; i++) {
        ok = fetch(run, st, g_array_index(eids, int64_t, i), e);
    }
    give_back(st, own);
    return ok;
}

/* ---- ways ---- */

static bool by_ids(struct query_run *run, struct error *e)
{
    const struct store_query *q = run->q;
    struct store_option way = {.path = STORE_BY_ID, .counted = true};
    g_autoptr(GArray) eids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (int i = 0; i < q->ids_count; i++) {
        sqlite3_stmt *st = view_statement(run->view, ENTITY_FIND);
        sqlite3_bind_text(st, 1, q->ids[i], -1, SQLITE_STATIC);
        if (sqlite3_step(st) == SQLITE_ROW) {
            int64_t eid = sqlite3_column_int64(st, 0);
            if (eid > q->after) {
                g_array_append_val(eids, eid);
            }
        }
        sqlite3_reset(st);
    }
    sort_unique(eids);
    way.rows = eids->len;
    note_option(run, &way, true);
    return fetch_all(run, eids, &way, e);
}

/* Is all that is asked for answered by the walk itself, so that one statement can do it? */
static bool walk_is_enough(const struct store_query *q)
{
    return q->loose || (q->scope == NULL && q->box == NULL && q->values_count == 0);
}

static sqlite3_stmt *start_walk(struct query_run *run, const char *type, bool rows, bool *own)
{
    enum statement which =
        type == NULL ? (rows ? WALK_ALL : WALK_ALL_IDS) : (rows ? WALK_TYPE : WALK_TYPE_IDS);
    sqlite3_stmt *st = take_statement(run->view, which, own);
    sqlite3_bind_int64(st, 1, run->q->after);
    if (type != NULL) {
        sqlite3_bind_text(st, 2, type, -1, SQLITE_STATIC);
    }
    return st;
}

static bool walk_one(struct query_run *run, const struct store_option *way, struct error *e)
{
    const char *type = run->q->types_count == 1 ? run->q->types[0] : NULL;
    bool enough = walk_is_enough(run->q), own;
    sqlite3_stmt *st = start_walk(run, type, enough && !run->ids_only, &own);
    bool ok = true;
    if (enough) {
        ok = walk_statement(run, st, e);
    } else {
        bool row_own;
        sqlite3_stmt *row = prepare_fetch(run, way, &row_own);
        int code = SQLITE_DONE;
        while (ok && !run->stopped && (code = sqlite3_step(st)) == SQLITE_ROW) {
            ok = fetch(run, row, sqlite3_column_int64(st, 0), e);
        }
        ok = ok && (run->stopped || code == SQLITE_DONE || query_failed(run->view, code, e));
        give_back(row, row_own);
    }
    give_back(st, own);
    return ok;
}

/* One cursor a type, merged by eid. */
static bool merge_types(struct query_run *run, sqlite3_stmt **cursors, sqlite3_stmt *row, struct error *e)
{
    int count = run->q->types_count;
    g_autofree int64_t *heads = g_new(int64_t, count);
    int64_t last = run->q->after;
    for (int i = 0; i < count; i++) {
        heads[i] = last;
    }
    while (!run->stopped) {
        int64_t next = INT64_MAX;
        for (int i = 0; i < count; i++) {
            while (heads[i] <= last) {
                int code = sqlite3_step(cursors[i]);
                if (code != SQLITE_ROW && code != SQLITE_DONE) {
                    return query_failed(run->view, code, e);
                }
                heads[i] = code == SQLITE_ROW ? sqlite3_column_int64(cursors[i], 0) : INT64_MAX;
            }
            next = MIN(next, heads[i]);
        }
        if (next == INT64_MAX) {
            break;
        }
        if (!fetch(run, row, next, e)) {
            return false;
        }
        last = next;
    }
    return true;
}

static bool walk_several(struct query_run *run, const struct store_option *way, struct error *e)
{
    const struct store_query *q = run->q;
    g_autofree sqlite3_stmt **cursors = g_new(sqlite3_stmt *, q->types_count);
    for (int i = 0; i < q->types_count; i++) {
        cursors[i] = prepare(run->view, statement_text(WALK_TYPE_IDS));
        sqlite3_bind_int64(cursors[i], 1, q->after);
        sqlite3_bind_text(cursors[i], 2, q->types[i], -1, SQLITE_STATIC);
    }
    bool own;
    sqlite3_stmt *row = prepare_fetch(run, way, &own);
    bool ok = merge_types(run, cursors, row, e);
    give_back(row, own);
    for (int i = 0; i < q->types_count; i++) {
        sqlite3_finalize(cursors[i]);
    }
    return ok;
}

static bool by_walk(struct query_run *run, const struct store_option *way, struct error *e)
{
    return way->path == STORE_BY_TYPES ? walk_several(run, way, e) : walk_one(run, way, e);
}

static bool by_best(struct query_run *run, struct error *e)
{
    start_runners(run);
    struct store_option walk = walk_option(run);
    int winner = -1;
    if (run->runners_count > 0 && !race(run, walk.rows, &winner, e)) {
        return false;
    }
    for (int i = 0; i < run->runners_count; i++) {
        note_option(run, &run->runners[i].option, i == winner);
    }
    note_option(run, &walk, winner < 0);
    if (winner < 0) {
        return by_walk(run, &walk, e);
    }
    narrow_winner(run, winner);
    return fetch_all(run, run->runners[winner].eids, &run->runners[winner].option, e);
}

static bool run_query(struct query_run *run, struct error *e)
{
    struct view *v = run->view;
    gint64 outer = v->deadline;
    arena_auto a = arena_new();
    run->arena = a;
    v->deadline = run->q->deadline > 0 ? run->q->deadline : outer;
    bool ok = run->q->ids_count > 0 ? by_ids(run, e) : by_best(run, e);
    v->deadline = outer;
    for (int i = 0; i < run->runners_count; i++) {
        clear_runner(&run->runners[i]);
    }
    if (run->q->plan != NULL) {
        *run->q->plan = run->plan;
    }
    return ok;
}

bool view_entities(struct view *v, const struct store_query *q,
                   bool (*each)(void *user, const struct store_entity *row), void *user, struct error *e)
{
    struct query_run run = {.view = v, .q = q, .each = each, .user = user};
    return run_query(&run, e);
}

bool view_entity_ids(struct view *v, const struct store_query *q,
                     bool (*each)(void *user, const struct store_entity *row), void *user, struct error *e)
{
    struct query_run run = {.view = v, .q = q, .each = each, .user = user, .ids_only = true};
    return run_query(&run, e);
}

int64_t view_entity_newest(struct view *v)
{
    sqlite3_stmt *st = view_statement(v, ENTITY_NEWEST);
    int64_t eid = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return eid;
}

static bool count_row(void *user, const struct store_entity *row)
{
    (*(int64_t *)user)++;
    return true;
}

int64_t view_entities_count(struct view *v, const struct store_query *q)
{
    int64_t count = 0;
    struct error ignored = {0};
    struct store_query all = *q;
    all.loose = false;
    all.wanted = 0;
    view_entity_ids(v, &all, count_row, &count, &ignored);
    return count;
}
