/* SPDX-License-Identifier: Apache-2.0 */
/* One import: its file, its batches, its run. */
#include "ingest/import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "context/context.h"
#include "ingest/csv.h"
#include "ingest/rejected.h"

enum { BATCH_ROWS = 1000, BATCH_BYTES = 4 << 20, FIRST_WAIT_MS = 100, LONGEST_WAIT_MS = 5000 };

/* ---- the file ---- */

static ssize_t read_gz(void *user, char *buffer, size_t max)
{
    return gzread(user, buffer, (unsigned)MIN(max, 1 << 20));
}

/* Plain files pass through zlib unchanged. */
static gzFile open_file(const char *path, struct error *e)
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        error_set(e, ERROR_NOT_FOUND, "%s cannot be opened: %s", "无法打开 %s：%s", path, g_strerror(errno));
    } else {
        gzbuffer(file, 1 << 17);
    }
    return file;
}

static char *digest_of(const char *path, struct error *e)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *buffer = g_malloc(1 << 16);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        error_set(e, ERROR_NOT_FOUND, "%s cannot be opened: %s", "无法打开 %s：%s", path, g_strerror(errno));
        return NULL;
    }
    for (size_t n; (n = fread(buffer, 1, 1 << 16, file)) > 0;) {
        g_checksum_update(sum, (const guchar *)buffer, (gssize)n);
    }
    fclose(file);
    return g_strdup(g_checksum_get_string(sum));
}

static bool detect(struct import *i, const char *encoding, struct error *e)
{
    enum csv_encoding found, wanted;
    if (encoding != NULL && !csv_encoding_parse(encoding, &wanted)) {
        return error_set(e, ERROR_INVALID_REQUEST,
                         "the encoding \"%.40s\" is not known; use utf-8 or gb18030",
                         "不认识编码“%.40s”，可用 utf-8 或 gb18030", encoding);
    }
    gzFile file = open_file(i->file, e);
    bool ok = file != NULL && csv_detect(read_gz, file, &found, &i->total_bytes, e);
    if (file != NULL) {
        gzclose(file);
    }
    i->encoding = g_strdup(csv_encoding_name(encoding != NULL ? wanted : found));
    return ok;
}

static void make_id(struct import *i)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%S");
    g_snprintf(i->id, sizeof i->id, "%s%06d-%.8s", time, g_date_time_get_microsecond(now), i->digest);
}

bool import_prepare(struct import *i, const char *input, const char *file, const char *file_name,
                    const char *encoding, struct error *e)
{
    memset(i, 0, sizeof *i);
    i->input = g_strdup(input);
    i->file = g_canonicalize_filename(file, NULL);
    i->file_name = file_name != NULL ? g_utf8_make_valid(file_name, -1) : g_path_get_basename(file);
    i->state = "running";
    i->line = 1;
    i->started_at = instant_now();
    i->digest = digest_of(file, e);
    if (i->digest == NULL || !detect(i, encoding, e)) {
        import_clear(i);
        return false;
    }
    make_id(i);
    return true;
}

/* ---- a batch ---- */

struct row {
    int64_t line;
    struct mapped *mapped;
    const char *raw;
    size_t raw_length;
};

struct columns {
    const char **names; /* NULL-terminated */
    int count;
};

/* One pass over some rows, from reading to the commit. */
struct batch {
    struct store_job job;
    struct arena *arena;
    const struct input *input;
    GArray *rows;         /* of struct row */
    struct import before; /* shares its texts with after */
    struct import after;
};

static struct json *row_object(struct arena *a, const struct columns *c, const struct csv_row *row)
{
    struct json *o = json_object(a);
    for (int i = 0; i < c->count; i++) {
        if (c->names[i][0] != '\0') {
            json_add(o, c->names[i], json_stringn(a, row->fields[i].text, row->fields[i].length));
        }
    }
    return o;
}

static struct mapped *map_row(struct batch *b, const struct columns *c, const struct csv_row *row)
{
    struct mapped *refused = arena_new0(b->arena, struct mapped);
    refused->input = b->input;
    if (row->broken) {
        mapped_add_fault(refused, b->arena, NULL, "%s%.0s", "%.0s%s", row->fault.en, row->fault.zh);
        return refused;
    }
    if (row->count != c->count) {
        mapped_add_fault(refused, b->arena, NULL, "the row has %d fields, the header %d",
                         "该行有 %d 个字段，表头有 %d 个", row->count, c->count);
        return refused;
    }
    return mapping_row(b->input, b->arena, row_object(b->arena, c, row), instant_now());
}

/* Reads up to a batch of rows. False when reading failed. */
static bool gather(struct batch *b, struct csv_reader *reader, const struct columns *c, struct error *e)
{
    struct csv_row row;
    struct error failure = {0};
    while (b->rows->len < BATCH_ROWS && arena_used(b->arena) < BATCH_BYTES &&
           csv_next(reader, b->arena, &row, &failure)) {
        struct row r = {.line = row.line, .raw_length = row.raw_length};
        r.raw = arena_strndup(b->arena, row.raw, MIN(row.raw_length, 2000));
        r.raw_length = MIN(row.raw_length, 2000);
        r.mapped = map_row(b, c, &row);
        g_array_append_val(b->rows, r);
        b->after.bytes = row.next;
        b->after.line = row.next_line;
    }
    if (failure.code != ERROR_NONE) {
        *e = failure;
        return false;
    }
    return true;
}

static bool is_about_content(const struct error *e)
{
    int status = error_status(e->code);
    return status >= 400 && status < 500 && e->code != ERROR_TOO_MANY_REQUESTS;
}

static bool write_row(struct batch *b, struct txn *t, const struct row *r, struct error *e)
{
    struct error failure = {0};
    if (r->mapped->fragment != NULL &&
        !context_write(t, b->arena, r->mapped->fragment, CONTEXT_UPDATE,
                       CONTEXT_KEEP_NEWER | CONTEXT_SKIP_EQUAL, b->input->by, NULL, &failure)) {
        if (!is_about_content(&failure)) {
            *e = failure;
            return false;
        }
        mapped_add_fault(r->mapped, b->arena, NULL, "%s%.0s", "%.0s%s", failure.en, failure.zh);
    }
    bool taken = r->mapped->fragment != NULL, faulty = r->mapped->faults != NULL;
    struct import *i = &b->after;
    i->rows++;
    i->accepted += taken;
    i->rejected += !taken;
    i->partial += taken && faulty;
    return !faulty || i->rejected + i->partial > LIMIT_IMPORT_REJECTED ||
           rejected_row_put(t, i->id, r->line, r->mapped->faults, taken, r->raw, r->raw_length, e);
}

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct batch *b = (struct batch *)job;
    for (guint i = 0; i < b->rows->len; i++) {
        if (!write_row(b, t, &g_array_index(b->rows, struct row, i), e)) {
            return false;
        }
    }
    return import_put(t, &b->after, e);
}

/* ---- the run ---- */

static const char **copy_header(const struct csv_row *row, int *count)
{
    const char **names = g_new0(const char *, (gsize)row->count + 1);
    for (int i = 0; i < row->count; i++) {
        names[i] = g_strstrip(g_strdup(row->fields[i].text));
    }
    *count = row->count;
    return names;
}

static bool check_header(const struct columns *c, struct error *e)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (int i = 0; i < c->count; i++) {
        if (c->names[i][0] != '\0' && !g_hash_table_add(seen, (void *)c->names[i])) {
            return error_set(e, ERROR_BAD_REQUEST_DATA, "the header has the column \"%.80s\" twice",
                             "表头中“%.80s”列出现两次", c->names[i]);
        }
    }
    return true;
}

/* The header is read again at each run: the offset of a resumed one lies behind it. */
static bool read_header(const struct import *i, struct columns *c, int64_t *behind, int64_t *line,
                        struct error *e)
{
    enum csv_encoding encoding = CSV_UTF8;
    struct csv_row row;
    struct error failure = {0};
    arena_auto a = arena_new();
    csv_encoding_parse(i->encoding, &encoding);
    gzFile file = open_file(i->file, e);
    if (file == NULL) {
        return false;
    }
    struct csv_reader *reader = csv_reader_new(read_gz, file, encoding, 0, 1);
    bool ok = csv_next(reader, a, &row, &failure) && !row.broken;
    if (ok) {
        c->names = copy_header(&row, &c->count);
        *behind = row.next;
        *line = row.next_line;
    }
    csv_reader_free(reader);
    gzclose(file);
    return ok ? check_header(c, e)
              : error_set(e, ERROR_BAD_REQUEST_DATA, "the file has no header that can be read",
                          "文件没有可读取的表头");
}

static bool may_go_on(const struct import_run *how, int wait_ms)
{
    return how->go_on == NULL || how->go_on(how->user, wait_ms);
}

enum step { STEP_MORE, STEP_END, STEP_STOP, STEP_FAIL };

/* One batch. The reader stands at i->bytes; after a refusal by the store it must be opened anew. */
static enum step do_batch(struct import *i, const struct import_run *how, const struct input *input,
                          struct csv_reader *reader, const struct columns *c, struct error *e)
{
    arena_auto a = arena_new();
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct row));
    struct batch b = {.job = {.apply = apply}, .arena = a, .input = input, .rows = rows, .after = *i};
    if (!gather(&b, reader, c, e)) {
        return STEP_FAIL;
    }
    if (rows->len == 0) {
        return STEP_END;
    }
    if (!store_run(how->store, &b.job, e)) {
        return is_about_content(e) ? STEP_FAIL : STEP_STOP;
    }
    *i = b.after;
    if (how->progress != NULL) {
        how->progress(how->user, i);
    }
    return may_go_on(how, 0) ? STEP_MORE : STEP_STOP;
}

/* Reads on from i->bytes until the end, a stop, or a failure (e set). */
static enum step do_batches(struct import *i, const struct import_run *how, const struct input *input,
                            const struct columns *c, struct error *e)
{
    enum csv_encoding encoding = CSV_UTF8;
    csv_encoding_parse(i->encoding, &encoding);
    gzFile file = open_file(i->file, e);
    if (file == NULL) {
        return STEP_FAIL;
    }
    enum step step = STEP_MORE;
    if (gzseek(file, (z_off_t)i->bytes, SEEK_SET) < 0) {
        error_set(e, ERROR_CONFLICT, "%s is shorter than it was", "%s 比原先短", i->file);
        step = STEP_FAIL;
    }
    struct csv_reader *reader = csv_reader_new(read_gz, file, encoding, i->bytes, i->line);
    while (step == STEP_MORE) {
        step = do_batch(i, how, input, reader, c, e);
    }
    csv_reader_free(reader);
    gzclose(file);
    return step;
}

static void finish(struct import *i, const struct error *e)
{
    i->state = e != NULL ? "failed" : "done";
    i->finished_at = instant_now();
    g_clear_pointer(&i->error_en, g_free);
    g_clear_pointer(&i->error_zh, g_free);
    i->error_en = e != NULL ? g_strdup(e->en) : NULL;
    i->error_zh = e != NULL ? g_strdup(e->zh) : NULL;
}

static enum step run_to_end(struct import *i, const struct import_run *how, const struct input *input,
                            const struct columns *c, struct error *e)
{
    int wait_ms = FIRST_WAIT_MS;
    for (;;) {
        int64_t before = i->bytes;
        struct error failure = {0};
        enum step step = do_batches(i, how, input, c, &failure);
        if (step != STEP_STOP || failure.code == ERROR_NONE) {
            *e = failure;
            return step;
        }
        log_failure("ingest", "the store takes no rows; the import waits", &failure);
        wait_ms = i->bytes != before ? FIRST_WAIT_MS : wait_ms;
        if (!may_go_on(how, wait_ms)) {
            return STEP_STOP;
        }
        wait_ms = MIN(wait_ms * 2, LONGEST_WAIT_MS);
    }
}

bool import_run(struct import *i, const struct import_run *how, struct error *e)
{
    struct columns c = {0};
    struct error failure = {0};
    int64_t behind = 0, line = 1;
    enum step step = STEP_FAIL;
    const struct input *input = mapping_find(how->mapping, i->input);
    if (input == NULL) {
        error_set(&failure, ERROR_NOT_FOUND, "there is no input \"%.100s\"", "没有输入“%.100s”", i->input);
    } else if (read_header(i, &c, &behind, &line, &failure)) {
        if (i->bytes == 0) {
            i->bytes = behind;
            i->line = line;
        }
        step = run_to_end(i, how, input, &c, &failure);
    }
    g_strfreev((char **)c.names);
    if (step == STEP_STOP) {
        return true;
    }
    finish(i, step == STEP_FAIL ? &failure : NULL);
    if (step == STEP_FAIL && e != NULL) {
        *e = failure;
    }
    return import_save(how->store, i, step == STEP_FAIL ? NULL : e) && step == STEP_END;
}
