/* SPDX-License-Identifier: Apache-2.0 */
/* `zhongshu replay`: recorded rows published over MQTT, all files merged in the order of their time. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "ingest/csv.h"
#include "ingest/ingest.h"
#include "ingest/template.h"
#include "ingest/timestamp.h"
#include "mqtt/mqtt.h"

struct options {
    char *mqtt, *user, *password_file, *topic, *time, *format, *zone, *speed, *from, *to, *encoding;
    int64_t skip, limit;
    int qos;
};

/* One file with its next row. */
struct recording {
    const char *path;
    gzFile file;
    struct csv_reader *reader;
    const char **columns;
    int count;
    int *time_columns;
    int time_count;
    struct arena *arena;
    struct csv_row row;
    instant at; /* of row */
    bool ended;
};

struct replay {
    struct options o;
    struct arena *arena;
    struct timestamp_format format;
    struct template *topic;
    double speed; /* 0 = as fast as it goes */
    instant from, to;
    GPtrArray *recordings;
    struct mqtt_client *client;
    int64_t published, skipped, unusable;
    instant first;  /* time of the first row published */
    gint64 started; /* monotonic, when it was published */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("zhongshu replay: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- reading ---- */

static ssize_t read_gz(void *user, char *buffer, size_t max)
{
    return gzread(user, buffer, (unsigned)MIN(max, 1 << 20));
}

static int find_column(const struct recording *r, const char *name, size_t length)
{
    for (int i = 0; i < r->count; i++) {
        if (strlen(r->columns[i]) == length && memcmp(r->columns[i], name, length) == 0) {
            return i;
        }
    }
    return -1;
}

static bool find_time_columns(struct replay *p, struct recording *r)
{
    g_auto(GStrv) names = g_strsplit(p->o.time, ",", 9);
    r->time_count = (int)g_strv_length(names);
    r->time_columns = g_new0(int, (gsize)r->time_count);
    for (int i = 0; i < r->time_count; i++) {
        r->time_columns[i] = find_column(r, g_strstrip(names[i]), strlen(names[i]));
        if (r->time_columns[i] < 0) {
            complain("%s has no column \"%s\"", r->path, names[i]);
            return false;
        }
    }
    return true;
}

/* The row's time: its columns joined by blanks. */
static bool row_time(const struct replay *p, struct recording *r)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < r->time_count; i++) {
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", r->row.fields[r->time_columns[i]].text);
    }
    return timestamp_parse(&p->format, text->str, text->len, &r->at);
}

static void report_unusable(struct replay *p, const struct recording *r, const char *why)
{
    if (p->unusable++ < 10) {
        complain("%s:%" G_GINT64_FORMAT ": %s", r->path, r->row.line, why);
    }
}

/* Moves on to the next usable row. False when the file cannot be read. */
static bool advance(struct replay *p, struct recording *r)
{
    struct error e = {0};
    for (;;) {
        arena_clear(r->arena);
        if (!csv_next(r->reader, r->arena, &r->row, &e)) {
            r->ended = true;
            if (e.code != ERROR_NONE) {
                complain("%s: %s", r->path, e.en);
            }
            return e.code == ERROR_NONE;
        }
        if (r->row.broken || r->row.count != r->count) {
            report_unusable(p, r,
                            r->row.broken ? r->row.fault.en
                                          : "the row has another number of fields than the header");
        } else if (!row_time(p, r)) {
            report_unusable(p, r, "the time cannot be read");
        } else if ((p->from == 0 || r->at >= p->from) && (p->to == 0 || r->at < p->to)) {
            return true;
        }
    }
}

static bool read_columns(struct replay *p, struct recording *r)
{
    struct error e = {0};
    arena_auto a = arena_new();
    if (!csv_next(r->reader, a, &r->row, &e) || r->row.broken) {
        complain("%s has no header that can be read", r->path);
        return false;
    }
    r->count = r->row.count;
    r->columns = g_new0(const char *, (gsize)r->count + 1);
    for (int i = 0; i < r->count; i++) {
        r->columns[i] = g_strstrip(g_strdup(r->row.fields[i].text));
    }
    return find_time_columns(p, r);
}

static bool detect(struct replay *p, struct recording *r, enum csv_encoding *encoding)
{
    int64_t total;
    struct error e = {0};
    if (p->o.encoding != NULL) {
        return csv_encoding_parse(p->o.encoding, encoding) ||
               (complain("unknown encoding %s", p->o.encoding), false);
    }
    if (!csv_detect(read_gz, r->file, encoding, &total, &e)) {
        complain("%s: %s", r->path, e.en);
        return false;
    }
    return gzrewind(r->file) == 0;
}

static bool open_recording(struct replay *p, const char *path)
{
    struct recording *r = g_new0(struct recording, 1);
    enum csv_encoding encoding = CSV_UTF8;
    g_ptr_array_add(p->recordings, r);
    r->path = path;
    r->arena = arena_new();
    r->file = gzopen(path, "rb");
    if (r->file == NULL) {
        complain("%s cannot be opened: %s", path, g_strerror(errno));
        return false;
    }
    gzbuffer(r->file, 1 << 17);
    if (!detect(p, r, &encoding)) {
        return false;
    }
    r->reader = csv_reader_new(read_gz, r->file, encoding, 0, 1);
    return read_columns(p, r) && advance(p, r);
}

static void close_recording(void *item)
{
    struct recording *r = item;
    csv_reader_free(r->reader);
    if (r->file != NULL) {
        gzclose(r->file);
    }
    arena_free(r->arena);
    g_strfreev((char **)r->columns);
    g_free(r->time_columns);
    g_free(r);
}

/* The file whose row comes next; of equal times the one named first. */
static struct recording *earliest(const struct replay *p)
{
    struct recording *best = NULL;
    for (guint i = 0; i < p->recordings->len; i++) {
        struct recording *r = p->recordings->pdata[i];
        if (!r->ended && (best == NULL || r->at < best->at)) {
            best = r;
        }
    }
    return best;
}

/* ---- publishing ---- */

/* Exactly the numbers of JSON (RFC 8259, 6): "007" and "NA" stay texts. */
static bool is_json_number(const char *text)
{
    const char *p = text + (*text == '-');
    if (!g_ascii_isdigit(*p) || (p[0] == '0' && g_ascii_isdigit(p[1]))) {
        return false;
    }
    while (g_ascii_isdigit(*p)) {
        p++;
    }
    if (*p == '.') {
        const char *fraction = ++p;
        while (g_ascii_isdigit(*p)) {
            p++;
        }
        if (p == fraction) {
            return false;
        }
    }
    if (*p == 'e' || *p == 'E') {
        p += p[1] == '+' || p[1] == '-' ? 2 : 1;
        const char *exponent = p;
        while (g_ascii_isdigit(*p)) {
            p++;
        }
        if (p == exponent) {
            return false;
        }
    }
    return *p == '\0' && isfinite(g_ascii_strtod(text, NULL));
}

static void write_payload(GString *out, const struct recording *r)
{
    g_string_assign(out, "{");
    for (int i = 0; i < r->count; i++) {
        const struct csv_field *f = &r->row.fields[i];
        if (r->columns[i][0] == '\0') {
            continue;
        }
        if (out->len > 1) {
            g_string_append_c(out, ',');
        }
        json_write_string(out, r->columns[i], strlen(r->columns[i]));
        g_string_append_c(out, ':');
        if (is_json_number(f->text)) {
            g_string_append_len(out, f->text, (gssize)f->length);
        } else {
            json_write_string(out, f->text, f->length);
        }
    }
    g_string_append_c(out, '}');
}

static const char *column_value(void *user, const char *name, size_t length)
{
    const struct recording *r = user;
    int column = find_column(r, name, length);
    return column >= 0 ? r->row.fields[column].text : NULL;
}

/* Waits until it is this row's turn. */
static void keep_pace(struct replay *p, instant at)
{
    if (p->published == 0) {
        p->first = at;
        p->started = g_get_monotonic_time();
    }
    while (p->speed > 0 && !interrupted) {
        gint64 due = p->started + (gint64)((double)(at - p->first) / p->speed);
        gint64 left = due - g_get_monotonic_time();
        if (left <= 0) {
            return;
        }
        g_usleep((gulong)MIN(left, 200 * 1000));
    }
}

static bool publish(struct replay *p, struct recording *r, GString *payload)
{
    const char *missing = NULL;
    const char *topic = template_fill(p->topic, r->arena, TEMPLATE_TOPIC, column_value, r, &missing);
    if (topic == NULL) {
        report_unusable(p, r, "a column of the topic has no usable value");
        return true;
    }
    write_payload(payload, r);
    struct error e = {0};
    while (!interrupted &&
           !mqtt_publish(p->client, topic, payload->str, payload->len, p->o.qos, false, 1000, &e)) {
        if (e.code != ERROR_UNAVAILABLE && e.code != ERROR_TOO_MANY_REQUESTS) {
            complain("%s", e.en);
            return false;
        }
    }
    p->published += !interrupted;
    return !interrupted;
}

static void show_progress(struct replay *p, instant at, bool last)
{
    static gint64 shown_at;
    gint64 now = g_get_monotonic_time();
    if (!last && (!isatty(2) || now - shown_at < G_TIME_SPAN_SECOND / 2)) {
        return;
    }
    shown_at = now;
    char text[INSTANT_TEXT];
    double seconds = MAX(1e-3, (double)(now - p->started) / G_TIME_SPAN_SECOND);
    fprintf(stderr, "%s%" G_GINT64_FORMAT " rows published, at %s, %.0f a second%s", isatty(2) ? "\r" : "",
            p->published, instant_format(at, text), (double)p->published / seconds, last ? "\n" : "");
}

static bool run(struct replay *p)
{
    g_autoptr(GString) payload = g_string_new(NULL);
    instant at = 0;
    bool ok = true;
    p->started = g_get_monotonic_time();
    for (struct recording *r; ok && !interrupted && (r = earliest(p)) != NULL;) {
        if (p->o.limit > 0 && p->published >= p->o.limit) {
            break;
        }
        at = r->at;
        if (p->skipped < p->o.skip) {
            p->skipped++;
        } else {
            keep_pace(p, at);
            ok = publish(p, r, payload);
            show_progress(p, at, false);
        }
        ok = ok && advance(p, r);
    }
    struct error e = {0};
    if (!mqtt_flush(p->client, 60 * 1000, &e)) {
        complain("%s", e.en);
        ok = false;
    }
    show_progress(p, at, true);
    if (p->unusable > 0) {
        complain("%" G_GINT64_FORMAT " rows could not be used", p->unusable);
    }
    if (interrupted || !ok) {
        /* the last thousand may be unacknowledged: publishing them again does no harm */
        complain("to go on: --skip %" G_GINT64_FORMAT, MAX(0, p->skipped + p->published - (ok ? 0 : 1000)));
    }
    return ok && !interrupted;
}

/* ---- options ---- */

static bool set_speed(struct replay *p)
{
    char *end;
    if (p->o.speed == NULL || strcmp(p->o.speed, "max") == 0) {
        return true;
    }
    p->speed = g_ascii_strtod(p->o.speed, &end);
    return (p->speed > 0 && isfinite(p->speed) && (*end == '\0' || strcmp(end, "x") == 0)) ||
           (complain("--speed is a factor such as 3600x, or max, not %s", p->o.speed), false);
}

/* Several columns are joined by blanks, so that only blanks can stand between the parts of their pattern. */
static bool set_format(struct replay *p)
{
    static const char *const parts[] = {"%Y", "%m", "%d", "%H", "%M", "%S"};
    g_auto(GStrv) columns = g_strsplit(p->o.time, ",", 9);
    guint count = g_strv_length(columns);
    g_autoptr(GString) format = g_string_new(p->o.format);
    if (count > 1 && p->o.format == NULL) {
        for (guint i = 0; i < count && i < G_N_ELEMENTS(parts); i++) {
            g_string_append_printf(format, "%s%s", i > 0 ? " " : "", parts[i]);
        }
    } else if (p->o.format == NULL) {
        g_string_assign(format, "iso");
    }
    for (char *c = format->str; count > 1 && *c != '\0'; c++) {
        *c = strchr("-/:.T", *c) != NULL && (c == format->str || c[-1] != '%') ? ' ' : *c;
    }
    if (!timestamp_format_parse(arena_strdup(p->arena, format->str), &p->format)) {
        complain("--format is iso, epoch, epoch_ms or a pattern such as '%%Y-%%m-%%d %%H'");
        return false;
    }
    p->format.has_zone = p->o.zone != NULL;
    if (p->o.zone != NULL && !timestamp_zone_parse(p->o.zone, &p->format.zone_minutes)) {
        complain("--zone looks like +08:00, not %s", p->o.zone);
        return false;
    }
    if (timestamp_needs_zone(&p->format) && !p->format.has_zone) {
        complain("the times have no zone: give --zone +08:00");
        return false;
    }
    return true;
}

static bool set_bound(const struct replay *p, const char *text, instant *at)
{
    int zone = p->format.zone_minutes;
    struct timestamp_format day = {TIMESTAMP_PATTERN, "%F", true, zone};
    return text == NULL || instant_parse(text, strlen(text), p->format.has_zone ? &zone : NULL, at) ||
           timestamp_parse(&day, text, strlen(text), at) || (complain("%s is no time", text), false);
}

static bool connect_broker(struct replay *p)
{
    const char *colon = strrchr(p->o.mqtt, ':');
    gint64 port;
    if (colon == NULL || !g_ascii_string_to_signed(colon + 1, 10, 1, 65535, &port, NULL)) {
        complain("--mqtt is HOST:PORT, not %s", p->o.mqtt);
        return false;
    }
    g_autofree char *host = g_strndup(p->o.mqtt, (gsize)(colon - p->o.mqtt));
    g_autofree char *id = g_strdup_printf("zhongshu-replay-%d", getpid());
    g_autofree char *password = NULL;
    if (p->o.password_file != NULL && !g_file_get_contents(p->o.password_file, &password, NULL, NULL)) {
        complain("%s cannot be read", p->o.password_file);
        return false;
    }
    if (password != NULL) {
        password[strcspn(password, "\r\n")] = '\0';
    }
    struct mqtt_options o = {.host = host,
                             .port = (int)port,
                             .client_id = id,
                             .user_name = p->o.user,
                             .password = password,
                             .clean_session = true};
    p->client = mqtt_client_new(&o);
    return true;
}

static bool read_options(struct replay *p, int *argc, char ***argv)
{
    struct options *o = &p->o;
    o->qos = 1;
    const GOptionEntry entries[] = {
        {"mqtt", 0, 0, G_OPTION_ARG_STRING, &o->mqtt, "the broker", "HOST:PORT"},
        {"mqtt-user", 0, 0, G_OPTION_ARG_STRING, &o->user, "account at the broker", "NAME"},
        {"mqtt-password-file", 0, 0, G_OPTION_ARG_FILENAME, &o->password_file, "file with its password",
         "FILE"},
        {"topic", 0, 0, G_OPTION_ARG_STRING, &o->topic, "topic with columns in braces", "TOPIC"},
        {"time", 0, 0, G_OPTION_ARG_STRING, &o->time, "the column of the time, or several, with commas",
         "COLUMNS"},
        {"format", 0, 0, G_OPTION_ARG_STRING, &o->format,
         "iso, epoch, epoch_ms or a pattern such as '%Y-%m-%d %H'", "FORMAT"},
        {"zone", 0, 0, G_OPTION_ARG_STRING, &o->zone, "for times without one", "+08:00"},
        {"speed", 0, 0, G_OPTION_ARG_STRING, &o->speed, "times faster than it happened; or max (max)",
         "3600x"},
        {"from", 0, 0, G_OPTION_ARG_STRING, &o->from, "leave out rows before this time", "TIME"},
        {"to", 0, 0, G_OPTION_ARG_STRING, &o->to, "leave out rows from this time on", "TIME"},
        {"qos", 0, 0, G_OPTION_ARG_INT, &o->qos, "0 or 1 (1)", "N"},
        {"skip", 0, 0, G_OPTION_ARG_INT64, &o->skip, "go on after this many rows", "N"},
        {"limit", 0, 0, G_OPTION_ARG_INT64, &o->limit, "publish at most this many rows", "N"},
        {"encoding", 0, 0, G_OPTION_ARG_STRING, &o->encoding,
         "utf-8 or gb18030; found out by itself without it", "NAME"},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("FILE…");
    g_autoptr(GError) problem = NULL;
    g_option_context_set_summary(
        context, "Publishes the rows of CSV files (.gz too) as JSON over MQTT, all files merged in "
                 "the order of their time.");
    g_option_context_set_description(
        context, "Example:\n  zhongshu replay PRSA_*.csv.gz --mqtt 127.0.0.1:1883 \\\n"
                 "    --topic 'zs/prsa/{station}/reading' --time year,month,day,hour --zone +08:00 "
                 "--speed 3600x\n");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &problem)) {
        complain("%s", problem->message);
        return false;
    }
    if (*argc < 2 || o->mqtt == NULL || o->topic == NULL || o->time == NULL) {
        complain(
            "FILE… --mqtt HOST:PORT --topic TOPIC --time COLUMNS are needed; see zhongshu replay --help");
        return false;
    }
    return true;
}

static bool set_up(struct replay *p, int argc, char **argv)
{
    p->topic = template_compile(p->arena, p->o.topic);
    if (p->topic == NULL || p->o.qos < 0 || p->o.qos > 1) {
        complain(p->topic == NULL ? "--topic: a brace does not close" : "--qos is 0 or 1");
        return false;
    }
    if (!set_speed(p) || !set_format(p) || !set_bound(p, p->o.from, &p->from) ||
        !set_bound(p, p->o.to, &p->to)) {
        return false;
    }
    for (int i = 1; i < argc; i++) {
        if (!open_recording(p, argv[i])) {
            return false;
        }
    }
    return connect_broker(p);
}

static void clear(struct replay *p)
{
    mqtt_client_free(p->client);
    g_ptr_array_unref(p->recordings);
    arena_free(p->arena);
    char **texts[] = {&p->o.mqtt, &p->o.user,  &p->o.password_file, &p->o.topic, &p->o.time,    &p->o.format,
                      &p->o.zone, &p->o.speed, &p->o.from,          &p->o.to,    &p->o.encoding};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_free(*texts[i]);
    }
}

int replay_command(int argc, char **argv)
{
    struct replay p = {.arena = arena_new(), .recordings = g_ptr_array_new_with_free_func(close_recording)};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int code = 2;
    if (read_options(&p, &argc, &argv) && set_up(&p, argc, argv)) {
        code = run(&p) ? 0 : 1;
    }
    clear(&p);
    return code;
}
