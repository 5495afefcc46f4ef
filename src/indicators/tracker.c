/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers readings by entity, day and hour, and computes when something is complete. */
#include "indicators/tracker.h"

#include <math.h>
#include <string.h>

#include "expr/expr.h"

enum { HOURS = 24, MAX_KEY = 8192 };
#define DAY (INT64_C(86400) * INSTANT_SECOND)
#define HOUR (INT64_C(3600) * INSTANT_SECOND)
#define NO_DAY INT64_MIN

/* The readings of one part in one hour. A reading of the same moment as the one before replaces it. */
struct cell {
    double sum, last;
    instant last_at;
    int64_t count;
};

struct daybook {
    int64_t day; /* local days since 1970; NO_DAY = none */
    struct cell *hours[HOURS];
    uint32_t dirty; /* by hour */
    bool published;
    struct index_result result; /* when published since the start of the program */
};

/* What one index remembers of one entity. */
struct book {
    instant at; /* instant: the reading's time, and its values */
    double values[MAX_PARTS];
    bool dirty;
    struct daybook *days; /* daily: [0] the latest, [1] the one before; else NULL */
};

struct track {
    char *id;
    bool dirty;
    struct book **books; /* by index of the set; NULL where it does not apply or nothing came yet */
};

struct tracker {
    struct index_set *set;
    GHashTable *by_id; /* id → struct track */
    GPtrArray *dirty;  /* struct track */
    GArray *gone;      /* struct tracker_row: keys of rows to delete */
    GArray *outputs;
    char observed_text[40];
    instant observed;
};

/* ---- making and freeing ---- */

static void daybook_clear(struct daybook *d)
{
    for (int h = 0; h < HOURS; h++) {
        g_clear_pointer(&d->hours[h], g_free);
    }
    *d = (struct daybook){.day = NO_DAY};
}

static void book_free(struct book *b)
{
    if (b != NULL && b->days != NULL) {
        daybook_clear(&b->days[0]);
        daybook_clear(&b->days[1]);
        g_free(b->days);
    }
    g_free(b);
}

static void track_free(struct tracker *t, struct track *k)
{
    for (int i = 0; i < t->set->count; i++) {
        book_free(k->books[i]);
    }
    g_free(k->books);
    g_free(k->id);
    g_free(k);
}

struct tracker *tracker_new(struct index_set *set)
{
    struct tracker *t = g_new0(struct tracker, 1);
    t->set = set;
    t->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    t->dirty = g_ptr_array_new();
    t->gone = g_array_new(FALSE, FALSE, sizeof(struct tracker_row));
    t->outputs = g_array_new(FALSE, FALSE, sizeof(struct index_output));
    return t;
}

void tracker_free(struct tracker *t)
{
    if (t == NULL) {
        return;
    }
    GHashTableIter i;
    void *track;
    g_hash_table_iter_init(&i, t->by_id);
    while (g_hash_table_iter_next(&i, NULL, &track)) {
        track_free(t, track);
    }
    tracker_flushed(t);
    tracker_rows_clear(t->gone);
    g_array_unref(t->outputs);
    g_array_unref(t->gone);
    g_ptr_array_unref(t->dirty);
    g_hash_table_unref(t->by_id);
    index_set_free(t->set);
    g_free(t);
}

const GArray *tracker_outputs(const struct tracker *t)
{
    return t->outputs;
}

void tracker_flushed(struct tracker *t)
{
    for (guint i = 0; i < t->outputs->len; i++) {
        g_free(g_array_index(t->outputs, struct index_output, i).entity);
    }
    g_array_set_size(t->outputs, 0);
}

int tracker_entities(const struct tracker *t)
{
    return (int)g_hash_table_size(t->by_id);
}

int tracker_dirty(const struct tracker *t)
{
    return (int)t->dirty->len;
}

static void touch(struct tracker *t, struct track *k)
{
    if (!k->dirty) {
        k->dirty = true;
        g_ptr_array_add(t->dirty, k);
    }
}

static struct track *track_of(struct tracker *t, const char *id)
{
    struct track *k = g_hash_table_lookup(t->by_id, id);
    if (k == NULL) {
        k = g_new0(struct track, 1);
        k->id = g_strdup(id);
        k->books = g_new0(struct book *, t->set->count + 1);
        g_hash_table_insert(t->by_id, k->id, k);
    }
    return k;
}

static struct book *book_of(struct tracker *t, struct track *k, int index)
{
    if (k->books[index] == NULL) {
        struct book *b = g_new0(struct book, 1);
        b->at = INSTANT_MIN;
        if (t->set->indexes[index].daily) {
            b->days = g_new0(struct daybook, 2);
            b->days[0].day = b->days[1].day = NO_DAY;
        }
        k->books[index] = b;
    }
    return k->books[index];
}

/* ---- rows: id NUL index NUL 'i', or … 'd' day hour ---- */

static GBytes *row_key(const struct track *k, const struct index *x, char kind, int64_t day, int hour)
{
    GByteArray *key = g_byte_array_new();
    g_byte_array_append(key, (const guint8 *)k->id, (guint)strlen(k->id) + 1);
    g_byte_array_append(key, (const guint8 *)x->name, (guint)strlen(x->name) + 1);
    g_byte_array_append(key, (const guint8 *)&kind, 1);
    if (kind == 'd') {
        guint64 big = GUINT64_TO_BE((guint64)day);
        guint8 h = (guint8)hour;
        g_byte_array_append(key, (const guint8 *)&big, sizeof big);
        g_byte_array_append(key, &h, 1);
    }
    return g_byte_array_free_to_bytes(key);
}

/* A row is only good for an index with the same parts. */
static guint32 parts_digest(const struct index *x)
{
    guint32 digest = (guint32)x->parts_count;
    for (int i = 0; i < x->parts_count; i++) {
        digest = digest * 31 + g_str_hash(x->parts[i].attribute);
    }
    return digest * 31 + (guint32)x->zone_minutes;
}

static GBytes *row_value(const struct index *x, const void *data, size_t length)
{
    guint32 digest = parts_digest(x);
    GByteArray *value = g_byte_array_sized_new((guint)(sizeof digest + length));
    g_byte_array_append(value, (const guint8 *)&digest, sizeof digest);
    g_byte_array_append(value, data, (guint)length);
    return g_byte_array_free_to_bytes(value);
}

static void add_row(GArray *rows, GBytes *key, GBytes *value)
{
    struct tracker_row row = {key, value};
    g_array_append_val(rows, row);
}

static void forget_day(struct tracker *t, const struct track *k, const struct index *x, struct daybook *d)
{
    for (int h = 0; d->day != NO_DAY && h < HOURS; h++) {
        if (d->hours[h] != NULL) {
            add_row(t->gone, row_key(k, x, 'd', d->day, h), NULL);
        }
    }
    daybook_clear(d);
}

static void forget(struct tracker *t, struct track *k)
{
    for (int i = 0; i < t->set->count; i++) {
        const struct index *x = &t->set->indexes[i];
        if (k->books[i] != NULL && x->daily) {
            forget_day(t, k, x, &k->books[i]->days[0]);
            forget_day(t, k, x, &k->books[i]->days[1]);
        } else if (k->books[i] != NULL) {
            add_row(t->gone, row_key(k, x, 'i', 0, 0), NULL);
        }
    }
    if (k->dirty) {
        g_ptr_array_remove(t->dirty, k);
    }
    g_hash_table_remove(t->by_id, k->id);
    track_free(t, k);
}

/* ---- computing ---- */

static void put_out(struct tracker *t, const struct track *k, const struct index *x, instant at, bool late,
                    const struct index_result *result)
{
    struct index_output o = {g_strdup(k->id), x, at, late, *result};
    g_array_append_val(t->outputs, o);
}

static void compute_instant(struct tracker *t, const struct track *k, const struct index *x, instant at,
                            const double values[MAX_PARTS], bool late)
{
    struct index_result result = index_compute(x, at, values);
    if (result.valid) {
        put_out(t, k, x, at, late, &result);
    }
}

static bool same_result(const struct index_result *a, const struct index_result *b)
{
    return a->value == b->value && a->level == b->level &&
           memcmp(a->primary, b->primary, sizeof a->primary) == 0;
}

static instant day_start(const struct index *x, int64_t day)
{
    return day * DAY - x->zone_minutes * 60 * INSTANT_SECOND;
}

static void compute_day(struct tracker *t, const struct track *k, const struct index *x, struct daybook *d,
                        bool late)
{
    struct day_values day;
    double values[MAX_PARTS];
    for (int h = 0; h < HOURS; h++) {
        for (int p = 0; p < x->parts_count; p++) {
            const struct cell *c = d->hours[h] != NULL ? &d->hours[h][p] : NULL;
            day.hours[h][p] = c != NULL && c->count > 0 ? c->sum / (double)c->count : NAN;
        }
    }
    for (int p = 0; p < MAX_PARTS; p++) {
        values[p] = p < x->parts_count ? day_statistic(&x->parts[p], p, &day) : NAN;
    }
    instant start = day_start(x, d->day);
    struct index_result result = index_compute(x, start, values);
    if (result.valid && !(d->published && same_result(&result, &d->result))) {
        d->published = true;
        d->result = result;
        put_out(t, k, x, start, late, &result);
    }
}

/* ---- readings ---- */

/* The parts of one index that a record holds. */
struct sample {
    int count; /* parts found */
    double values[MAX_PARTS];
    instant at[MAX_PARTS];
};

static instant observed_at(struct tracker *t, const struct json *instance, instant otherwise)
{
    const struct json *text = json_get(instance, "observedAt");
    if (!json_is(text, JSON_STRING) || text->length >= sizeof t->observed_text) {
        return otherwise;
    }
    if (strcmp(t->observed_text, text->string) != 0) {
        instant at;
        if (!instant_parse(text->string, text->length, NULL, &at)) {
            return otherwise;
        }
        t->observed = at;
        memcpy(t->observed_text, text->string, text->length + 1);
    }
    return t->observed;
}

/* What comes from more than a day ahead of the commit is no measurement and would end days early. */
static void read_sample(struct tracker *t, const struct index *x, const struct json *record, struct sample *s)
{
    const struct json *attrs = json_get(record, "attrs");
    instant committed = json_get_int(record, "at", 0);
    s->count = 0;
    for (int p = 0; p < MAX_PARTS; p++) {
        const struct json *instance =
            p < x->parts_count ? default_instance(json_get(attrs, x->parts[p].attribute)) : NULL;
        const struct json *value = json_get(instance, "value");
        s->values[p] = json_is_number(value) ? json_number(value) : NAN;
        s->at[p] = instance != NULL ? observed_at(t, instance, committed) : INSTANT_MIN;
        if (s->at[p] > committed + DAY) {
            s->values[p] = NAN;
        }
        s->count += !isnan(s->values[p]);
    }
}

static void values_at(const struct sample *s, instant at, double values[MAX_PARTS])
{
    for (int p = 0; p < MAX_PARTS; p++) {
        if (s->at[p] == at && !isnan(s->values[p])) {
            values[p] = s->values[p];
        }
    }
}

static void clear_values(double values[MAX_PARTS])
{
    for (int p = 0; p < MAX_PARTS; p++) {
        values[p] = NAN;
    }
}

/* Values of one moment belong together, also when they come in several messages; older ones make an index of
 * their own message alone. */
static void take_instant(struct tracker *t, struct track *k, int index, const struct sample *s)
{
    const struct index *x = &t->set->indexes[index];
    struct book *b = book_of(t, k, index);
    instant newest = INSTANT_MIN;
    for (int p = 0; p < x->parts_count; p++) {
        newest = isnan(s->values[p]) ? newest : MAX(newest, s->at[p]);
    }
    if (newest > b->at) {
        b->at = newest;
        clear_values(b->values);
    }
    if (newest == b->at) {
        values_at(s, b->at, b->values);
        b->dirty = true;
        touch(t, k);
        compute_instant(t, k, x, b->at, b->values, false);
    }
    instant last = INSTANT_MIN;
    for (int p = 0; p < x->parts_count; p++) {
        if (!isnan(s->values[p]) && s->at[p] < b->at && s->at[p] != last) {
            double values[MAX_PARTS];
            clear_values(values);
            values_at(s, s->at[p], values);
            compute_instant(t, k, x, s->at[p], values, true);
            last = s->at[p];
        }
    }
}

static void add_to_cell(struct cell *c, double value, instant at)
{
    if (c->count > 0 && c->last_at == at) {
        c->sum += value - c->last;
    } else {
        c->sum += value;
        c->count++;
    }
    c->last = value;
    c->last_at = at;
    if (c->count == 1) {
        c->sum = value; /* no rounding left from a replaced value */
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* A reading of a later day completes the one before. */
static void turn_page(struct tracker *t, struct track *k, const struct index *x, struct daybook days[2],
                      int64_t day)
{
    if (days[0].day != NO_DAY) {
        compute_day(t, k, x, &days[0], false);
    }
    forget_day(t, k, x, &days[1]);
    days[1] = days[0];
    days[0] = (struct daybook){.day = day};
}

static void take_day(struct tracker *t, struct track *k, int index, const struct sample *s)
{
    const struct index *x = &t->set->indexes[index];
    struct daybook *days = book_of(t, k, index)->days;
    bool last_hour = false, day_before = false;
    for (int p = 0; p < x->parts_count; p++) {
        int64_t local = s->at[p] + x->zone_minutes * 60 * INSTANT_SECOND, day = floor_div(local, DAY);
        int hour = (int)((local - day * DAY) / HOUR);
        if (isnan(s->values[p]) || (days[0].day != NO_DAY && day < days[0].day && day != days[1].day)) {
            continue;
        }
        if (day > days[0].day) {
            turn_page(t, k, x, days, day);
        }
        struct daybook *d = day == days[0].day ? &days[0] : &days[1];
        if (d->hours[hour] == NULL) {
            d->hours[hour] = g_new0(struct cell, x->parts_count);
        }
        add_to_cell(&d->hours[hour][p], s->values[p], s->at[p]);
        d->dirty |= 1u << hour;
        last_hour = last_hour || (d == &days[0] && hour == HOURS - 1);
        day_before = day_before || d == &days[1];
        touch(t, k);
    }
    if (day_before) {
        compute_day(t, k, x, &days[1], true);
    }
    if (last_hour) {
        compute_day(t, k, x, &days[0], false);
    }
}

static bool has_type(const struct json *types, const char *type)
{
    for (const struct json *i = json_first(types); i != NULL; i = i->next) {
        if (json_streq(i, type)) {
            return true;
        }
    }
    return false;
}

void tracker_record(struct tracker *t, const struct json *record)
{
    const char *id = json_get_string(record, "id"), *by = json_get_string(record, "by");
    if (id == NULL || (by != NULL && g_str_has_prefix(by, "index:"))) {
        return;
    }
    if (json_streq(json_get(record, "op"), "delete")) {
        struct track *k = g_hash_table_lookup(t->by_id, id);
        if (k != NULL) {
            forget(t, k);
        }
        return;
    }
    for (int i = 0; i < t->set->count; i++) {
        struct sample s;
        if (!has_type(json_get(record, "type"), t->set->indexes[i].type)) {
            continue;
        }
        read_sample(t, &t->set->indexes[i], record, &s);
        if (s.count > 0 && t->set->indexes[i].daily) {
            take_day(t, track_of(t, id), i, &s);
        } else if (s.count > 0) {
            take_instant(t, track_of(t, id), i, &s);
        }
    }
}

/* ---- saving and restoring ---- */

static void save_days(struct track *k, const struct index *x, struct daybook *days, bool all, GArray *rows)
{
    for (int d = 0; d < 2; d++) {
        for (int h = 0; days[d].day != NO_DAY && h < HOURS; h++) {
            if (days[d].hours[h] != NULL && (all || (days[d].dirty & (1u << h)) != 0)) {
                add_row(rows, row_key(k, x, 'd', days[d].day, h),
                        row_value(x, days[d].hours[h], sizeof(struct cell) * (size_t)x->parts_count));
            }
        }
        days[d].dirty = 0;
    }
}

static void save_track(struct tracker *t, struct track *k, bool all, GArray *rows)
{
    for (int i = 0; i < t->set->count; i++) {
        const struct index *x = &t->set->indexes[i];
        struct book *b = k->books[i];
        if (b != NULL && x->daily) {
            save_days(k, x, b->days, all, rows);
        } else if (b != NULL && (all || b->dirty)) {
            double row[MAX_PARTS + 1];
            memcpy(row, &b->at, sizeof b->at);
            memcpy(row + 1, b->values, sizeof b->values);
            add_row(rows, row_key(k, x, 'i', 0, 0), row_value(x, row, sizeof row));
            b->dirty = false;
        }
    }
    k->dirty = false;
}

void tracker_save(struct tracker *t, bool all, GArray *rows)
{
    g_array_append_vals(rows, t->gone->data, t->gone->len);
    g_array_set_size(t->gone, 0);
    for (guint i = 0; i < t->dirty->len && !all; i++) {
        save_track(t, g_ptr_array_index(t->dirty, i), false, rows);
    }
    g_ptr_array_set_size(t->dirty, 0);
    GHashTableIter i;
    void *track;
    g_hash_table_iter_init(&i, t->by_id);
    while (all && g_hash_table_iter_next(&i, NULL, &track)) {
        save_track(t, track, true, rows);
    }
}

void tracker_rows_clear(GArray *rows)
{
    for (guint i = 0; i < rows->len; i++) {
        struct tracker_row *row = &g_array_index(rows, struct tracker_row, i);
        g_bytes_unref(row->key);
        g_clear_pointer(&row->value, g_bytes_unref);
    }
    g_array_set_size(rows, 0);
}

/* Rows of days that are over stay behind on disk then; they are dropped when they are read back. */
void tracker_save_failed(struct tracker *t)
{
    GHashTableIter i;
    void *data;
    g_hash_table_iter_init(&i, t->by_id);
    while (g_hash_table_iter_next(&i, NULL, &data)) {
        struct track *k = data;
        for (int x = 0; x < t->set->count; x++) {
            struct book *b = k->books[x];
            if (b != NULL) {
                b->dirty = true;
            }
            if (b != NULL && b->days != NULL) {
                b->days[0].dirty = b->days[1].dirty = UINT32_MAX;
            }
        }
        touch(t, k);
    }
}

static void restore_hour(struct tracker *t, struct track *k, int index, int64_t day, int hour,
                         const struct cell *cells)
{
    const struct index *x = &t->set->indexes[index];
    struct daybook *days = book_of(t, k, index)->days;
    if (day > days[0].day) {
        forget_day(t, k, x, &days[1]);
        days[1] = days[0];
        days[0] = (struct daybook){.day = day};
    } else if (day < days[0].day && day > days[1].day) {
        forget_day(t, k, x, &days[1]);
        days[1].day = day;
    }
    for (int d = 0; d < 2; d++) {
        if (days[d].day == day) {
            g_free(days[d].hours[hour]);
            days[d].hours[hour] = g_memdup2(cells, sizeof *cells * (size_t)x->parts_count);
        }
    }
}

static int find_index(const struct tracker *t, const char *name)
{
    for (int i = 0; i < t->set->count; i++) {
        if (strcmp(t->set->indexes[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* The place behind the NUL that ends a text in the key; NULL when there is none. */
static const char *behind(const char *text, const char *end)
{
    const char *nul = text != NULL ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    return nul != NULL ? nul + 1 : NULL;
}

bool tracker_restore(struct tracker *t, const void *key, size_t key_length, const void *value,
                     size_t value_length)
{
    const char *id = key, *end = id + key_length, *name = behind(id, end), *rest = behind(name, end);
    int i = rest != NULL && rest < end && key_length < MAX_KEY ? find_index(t, name) : -1;
    const struct index *x = i >= 0 ? &t->set->indexes[i] : NULL;
    guint32 digest;
    if (x == NULL || value_length < sizeof digest ||
        memcmp(value, (digest = parts_digest(x), &digest), sizeof digest) != 0) {
        return false;
    }
    const char *data = (const char *)value + sizeof digest;
    size_t length = value_length - sizeof digest;
    if (*rest == 'i' && !x->daily && length == sizeof(double) * (MAX_PARTS + 1)) {
        struct book *b = book_of(t, track_of(t, id), i);
        memcpy(&b->at, data, sizeof b->at);
        memcpy(b->values, data + sizeof b->at, sizeof b->values);
        return true;
    }
    if (*rest == 'd' && x->daily && end - rest == 10 && rest[9] >= 0 && rest[9] < HOURS &&
        length == sizeof(struct cell) * (size_t)x->parts_count) {
        guint64 day;
        g_autofree struct cell *cells = g_memdup2(data, length);
        memcpy(&day, rest + 1, sizeof day);
        restore_hour(t, track_of(t, id), i, (int64_t)GUINT64_FROM_BE(day), rest[9], cells);
        return true;
    }
    return false;
}
