/* SPDX-License-Identifier: Apache-2.0 */
/* `zhongshu import`: into a data directory, or to a running hub. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/http.h"
#include "ingest/import.h"
#include "ingest/ingest.h"

enum { DONE = 0, FAILED = 1, WRONG_USE = 2, DONE_WITH_REJECTED = 3 };

struct options {
    char *file, *input, *data, *server, *token, *encoding;
    char **packs;
};

static void options_clear(struct options *o)
{
    g_free(o->file);
    g_free(o->input);
    g_free(o->data);
    g_free(o->server);
    g_free(o->token);
    g_free(o->encoding);
    g_strfreev(o->packs);
}

static bool speaks_chinese(void)
{
    return g_str_has_prefix(g_get_language_names()[0], "zh");
}

static int fail(const struct error *e)
{
    fprintf(stderr, "zhongshu import: %s\n", speaks_chinese() ? e->zh : e->en);
    return FAILED;
}

/* ---- progress ---- */

static void show(const char *state, int64_t bytes, int64_t total, int64_t accepted, int64_t rejected,
                 bool last)
{
    static gint64 shown_at;
    gint64 now = g_get_monotonic_time();
    if (!last && (!isatty(2) || now - shown_at < G_TIME_SPAN_SECOND / 5)) {
        return;
    }
    shown_at = now;
    const char *format = speaks_chinese()
                             ? "%s%s %3.0f %%，接受 %" G_GINT64_FORMAT " 行，拒绝 %" G_GINT64_FORMAT " 行%s"
                             : "%s%s %3.0f %%, %" G_GINT64_FORMAT " rows accepted, %" G_GINT64_FORMAT
                               " rejected%s";
    fprintf(stderr, format, isatty(2) ? "\r" : "", state,
            total > 0 ? 100.0 * (double)bytes / (double)total : 100.0, accepted, rejected, last ? "\n" : "");
}

static void show_import(void *user, const struct import *i)
{
    show(i->state, i->bytes, i->total_bytes, i->accepted, i->rejected, strcmp(i->state, "running") != 0);
}

/* ---- into a data directory ---- */

/* A new import, or the one that was broken off with the same file and input. */
static bool find_or_prepare(struct store *s, const struct options *o, struct import *i, struct error *e)
{
    struct import fresh;
    if (!import_prepare(&fresh, o->input, o->file, NULL, o->encoding, e)) {
        return false;
    }
    view_auto v = view_begin(s);
    if (!import_unfinished(v, o->input, fresh.digest, i)) {
        *i = fresh;
        i->by_command = true;
        return true;
    }
    fprintf(stderr,
            speaks_chinese() ? "从第 %" G_GINT64_FORMAT " 行继续\n"
                             : "going on from line %" G_GINT64_FORMAT "\n",
            i->line);
    g_free(i->file);
    i->file = g_steal_pointer(&fresh.file);
    import_clear(&fresh);
    return true;
}

static int import_into(struct store *s, struct mapping *m, const struct options *o)
{
    struct import i = {0};
    struct error e = {0};
    if (!find_or_prepare(s, o, &i, &e)) {
        return fail(&e);
    }
    struct import_run how = {.store = s, .mapping = m, .progress = show_import};
    bool ok = import_run(&i, &how, &e);
    show_import(NULL, &i);
    if (ok) {
        printf("%s\n", i.id);
    }
    int code = !ok ? fail(&e) : i.rejected + i.partial > 0 ? DONE_WITH_REJECTED : DONE;
    import_clear(&i);
    return code;
}

static int import_to_data(const struct options *o, pack_loader *load)
{
    struct error e = {0};
    const char *const standard[] = {"packs", NULL};
    const struct pack *const *packs = load(o->packs != NULL ? (const char *const *)o->packs : standard, &e);
    struct mapping *m = packs != NULL ? mapping_compile(packs, &e) : NULL;
    if (m == NULL) {
        return fail(&e);
    }
    struct store *s = store_open(o->data, NULL, &e);
    int code = s != NULL ? import_into(s, m, o) : fail(&e);
    store_close(s);
    mapping_unref(m);
    return code;
}

/* ---- to a running hub ---- */

/* One call to the hub, waited for. */
struct call {
    GMutex lock;
    GCond cond;
    bool done;
    int status;
    char *body;
    char *reason;
};

static void call_done(void *user, int status, const char *reason, const char *body, size_t length)
{
    struct call *c = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    c->status = status;
    c->reason = g_strdup(reason);
    c->body = g_strndup(body != NULL ? body : "", body != NULL ? length : 0);
    c->done = true;
    g_cond_signal(&c->cond);
}

/* Returns the answer's body; NULL with e set. */
static struct json *ask(struct http_client *client, struct arena *a, const struct options *o,
                        const char *method, const char *path, const char *body, size_t length,
                        struct error *e)
{
    struct call c = {0};
    g_autofree char *url = g_strconcat(o->server, path, NULL);
    g_autofree char *bearer = o->token != NULL ? g_strdup_printf("Authorization: Bearer %s", o->token) : NULL;
    const char *headers[] = {speaks_chinese() ? "Accept-Language: zh" : "Accept-Language: en",
                             "X-Requested-With: zhongshu", "Content-Type: text/csv", bearer, NULL};
    http_client_send(client, method, url, headers, body, length, 600 * 1000, call_done, &c);
    g_mutex_lock(&c.lock);
    while (!c.done) {
        g_cond_wait(&c.cond, &c.lock);
    }
    g_mutex_unlock(&c.lock);
    struct json *answer = json_parse(a, c.body, strlen(c.body), NULL);
    if (c.status < 200 || c.status > 299) {
        const char *detail = json_get_string(answer, "detail");
        detail = detail != NULL ? detail : c.reason != NULL ? c.reason : "?";
        error_set(e, ERROR_UNAVAILABLE, "%s answers %d: %s", "%s 回答 %d：%s", url, c.status, detail);
        answer = NULL;
    }
    g_free(c.body);
    g_free(c.reason);
    return answer;
}

static char *escaped(const char *text)
{
    return g_uri_escape_string(text != NULL ? text : "", NULL, FALSE);
}

static int follow(struct http_client *client, const struct options *o, const char *id)
{
    g_autofree char *path = g_strconcat("/api/v1/imports/", id, NULL);
    for (;;) {
        arena_auto a = arena_new();
        struct error e = {0};
        const struct json *i = ask(client, a, o, "GET", path, NULL, 0, &e);
        if (i == NULL) {
            return fail(&e);
        }
        const char *state = json_get_string(i, "state");
        bool over = g_strcmp0(state, "done") == 0 || g_strcmp0(state, "failed") == 0;
        int64_t rejected = json_get_int(i, "rejected", 0), partial = json_get_int(i, "partial", 0);
        show(state, json_get_int(i, "bytes", 0), json_get_int(i, "totalBytes", 0),
             json_get_int(i, "accepted", 0), rejected, over);
        if (over) {
            printf("%s\n", id);
            return g_strcmp0(state, "done") != 0 ? FAILED
                   : rejected + partial > 0      ? DONE_WITH_REJECTED
                                                 : DONE;
        }
        g_usleep(300 * 1000);
    }
}

static int import_to_server(const struct options *o)
{
    struct error e = {0};
    g_autoptr(GError) problem = NULL;
    g_autoptr(GMappedFile) file = g_mapped_file_new(o->file, FALSE, &problem);
    if (file == NULL) {
        error_set(&e, ERROR_NOT_FOUND, "%s", "%s", problem->message);
        return fail(&e);
    }
    g_autofree char *base = g_path_get_basename(o->file);
    g_autofree char *input = escaped(o->input), *name = escaped(base), *encoding = escaped(o->encoding);
    g_autofree char *path = g_strdup_printf("/api/v1/imports?input=%s&name=%s%s%s", input, name,
                                            o->encoding != NULL ? "&encoding=" : "", encoding);
    arena_auto a = arena_new();
    struct http_client *client = http_client_new();
    const char *body = g_mapped_file_get_contents(file);
    const struct json *answer =
        ask(client, a, o, "POST", path, body != NULL ? body : "", g_mapped_file_get_length(file), &e);
    int code = answer != NULL ? follow(client, o, json_get_string(answer, "id")) : fail(&e);
    http_client_free(client);
    return code;
}

/* ---- the command ---- */

static bool read_options(struct options *o, int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"input", 'i', 0, G_OPTION_ARG_STRING, &o->input, "the input of a pack that maps the rows", "NAME"},
        {"data", 0, 0, G_OPTION_ARG_FILENAME, &o->data, "the data directory of a hub that is not running",
         "DIR"},
        {"packs", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->packs,
         "with --data: folder of packs, or one pack; may be given more than once (packs)", "DIR"},
        {"server", 0, 0, G_OPTION_ARG_STRING, &o->server, "a running hub instead", "URL"},
        {"token", 0, 0, G_OPTION_ARG_STRING, &o->token, "with --server: a bearer token", "TOKEN"},
        {"encoding", 0, 0, G_OPTION_ARG_STRING, &o->encoding,
         "utf-8 or gb18030; found out by itself without it", "NAME"},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("FILE");
    g_autoptr(GError) problem = NULL;
    g_option_context_set_summary(
        context, "Imports a CSV file (or .csv.gz): its rows become entities and history. The same "
                 "command goes on where an interrupted one stopped.");
    g_option_context_set_description(
        context,
        "Exit status: 0 done, 1 failed, 2 wrong use, 3 done with rejected rows\n\nExample:\n"
        "  zhongshu import stations.csv --input prsa --data data\n"
        "  zhongshu import stations.csv --input prsa --server http://127.0.0.1:8080 --token $TOKEN\n");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &problem)) {
        fprintf(stderr, "zhongshu import: %s\n", problem->message);
        return false;
    }
    o->file = argc == 2 ? g_strdup(argv[1]) : NULL;
    if (o->file == NULL || o->input == NULL || (o->data == NULL) == (o->server == NULL)) {
        fputs("zhongshu import FILE --input NAME (--data DIR | --server URL); see zhongshu import --help\n",
              stderr);
        return false;
    }
    return true;
}

int import_command(int argc, char **argv, pack_loader *load)
{
    struct options o = {0};
    int code = WRONG_USE;
    if (read_options(&o, argc, argv)) {
        code = o.data != NULL ? import_to_data(&o, load) : import_to_server(&o);
    }
    options_clear(&o);
    return code;
}
