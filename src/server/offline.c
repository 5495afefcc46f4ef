/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that work on a data directory: user, verify, compact, backup, restore; and packs, demo,
 * routes. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo/demo.h"
#include "ingest/ingest.h"
#include "ledger/ledger.h"
#include "packs/packs.h"
#include "server/commands.h"

static bool speaks_chinese(void)
{
    const char *lang = g_getenv("LANG");
    return lang != NULL && g_str_has_prefix(lang, "zh");
}

int command_failed(const struct error *e)
{
    fprintf(stderr, "zhongshu: %s\n", speaks_chinese() ? e->zh : e->en);
    return 1;
}

/* Parses options; 0 to go on, else the exit code plus one. */
static int parse(const char *usage, const GOptionEntry *entries, int *argc, char ***argv)
{
    g_autoptr(GOptionContext) c = g_option_context_new(usage);
    g_autoptr(GError) problem = NULL;
    g_option_context_add_main_entries(c, entries, NULL);
    if (!g_option_context_parse(c, argc, argv, &problem)) {
        fprintf(stderr, "zhongshu: %s\n", problem->message);
        return 3;
    }
    return 0;
}

/* ---- user ---- */

static bool read_password(const char *file, char **password, struct error *e)
{
    if (file == NULL) {
        char *typed = getpass("Password: ");
        *password = g_strdup(typed != NULL ? typed : "");
    } else if (!g_file_get_contents(file, password, NULL, NULL)) {
        return error_set(e, ERROR_INVALID_REQUEST, "Cannot read %s", "无法读取 %s", file);
    }
    (*password)[strcspn(*password, "\r\n")] = '\0';
    return true;
}

static bool print_user(void *unused, const struct user *u)
{
    g_autofree char *roles = g_strjoinv(",", (char **)u->roles);
    printf("%s\t%s\t%s\t%s\t%s\n", u->name, u->display_name, u->organisation, u->area, roles);
    return true;
}

int user_command(int argc, char **argv)
{
    g_autofree char *data = NULL, *display = NULL, *organisation = NULL, *area = NULL, *password_file = NULL;
    g_auto(GStrv) roles = NULL;
    gboolean keep = FALSE;
    const GOptionEntry entries[] = {
        {"data", 0, 0, G_OPTION_ARG_FILENAME, &data, "the data directory (data)", "DIR"},
        {"role", 0, 0, G_OPTION_ARG_STRING_ARRAY, &roles, "a role; may be given more than once", "ROLE"},
        {"display-name", 0, 0, G_OPTION_ARG_STRING, &display, "name as shown", "NAME"},
        {"organisation", 0, 0, G_OPTION_ARG_STRING, &organisation, "unit", "UNIT"},
        {"area", 0, 0, G_OPTION_ARG_STRING, &area, "scope the account answers for", "SCOPE"},
        {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file, "read the password from here", "FILE"},
        {"keep-password", 0, 0, G_OPTION_ARG_NONE, &keep, "change the rest only", NULL},
        {0},
    };
    int failed =
        parse("add NAME | remove NAME | list — accounts, while the hub is stopped", entries, &argc, &argv);
    if (failed != 0) {
        return failed - 1;
    }
    bool listing = argc == 2 && strcmp(argv[1], "list") == 0;
    bool adding = argc == 3 && strcmp(argv[1], "add") == 0;
    if (!listing && !adding && !(argc == 3 && strcmp(argv[1], "remove") == 0)) {
        fputs("zhongshu user add NAME | remove NAME | list; see zhongshu user --help\n", stderr);
        return 2;
    }
    struct error e = {0};
    struct store *s = store_open(data != NULL ? data : "data", NULL, &e);
    if (s == NULL) {
        return command_failed(&e);
    }
    bool ok = true;
    g_autofree char *password = NULL;
    if (listing) {
        view_auto v = view_begin(s);
        identity_each_user(v, print_user, NULL);
    } else if (adding) {
        const char *none[] = {NULL};
        struct user u = {.name = argv[2],
                         .display_name = display != NULL ? display : argv[2],
                         .organisation = organisation != NULL ? organisation : "",
                         .area = area != NULL ? area : "",
                         .roles = roles != NULL ? (const char *const *)roles : none};
        ok = (keep || read_password(password_file, &password, &e)) && identity_put_user(s, &u, password, &e);
    } else {
        ok = identity_delete_user(s, argv[2], &e);
    }
    store_close(s);
    return ok ? 0 : command_failed(&e);
}

/* ---- verify ---- */

static void print_fault(void *user, const char *en, const char *zh)
{
    printf("%s\n", speaks_chinese() ? zh : en);
}

static void print_verification(const struct ledger_verification *v)
{
    if (speaks_chinese()) {
        printf("共 %" G_GINT64_FORMAT " 个叶节点，核对 %" G_GINT64_FORMAT " 个案件与规则，%" G_GINT64_FORMAT
               " 项尚待存证，发现 %" G_GINT64_FORMAT " 处问题\n",
               v->leaves, v->entities, v->pending, v->failures);
    } else {
        printf("%" G_GINT64_FORMAT " leaves, %" G_GINT64_FORMAT " cases and rules compared, %" G_GINT64_FORMAT
               " changes waiting for a leaf, %" G_GINT64_FORMAT " faults\n",
               v->leaves, v->entities, v->pending, v->failures);
    }
}

int verify_command(int argc, char **argv)
{
    g_autofree char *data = NULL, *key_file = NULL, *keys = NULL;
    const GOptionEntry entries[] = {
        {"data", 0, 0, G_OPTION_ARG_FILENAME, &data, "the data directory (data)", "DIR"},
        {"keys", 0, 0, G_OPTION_ARG_FILENAME, &key_file, "public keys as /log/key gave them earlier", "FILE"},
        {0},
    };
    int failed =
        parse("— check the evidence log, every case against it, and the databases, those of tenants too",
              entries, &argc, &argv);
    if (failed != 0) {
        return failed - 1;
    }
    struct error e = {0};
    if (key_file != NULL && !g_file_get_contents(key_file, &keys, NULL, NULL)) {
        error_set(&e, ERROR_INVALID_REQUEST, "Cannot read %s", "无法读取 %s", key_file);
        return command_failed(&e);
    }
    struct store_options options = {.read_only = true};
    struct store *s = store_open(data != NULL ? data : "data", &options, &e);
    struct ledger_verification v = {0};
    bool ok = s != NULL && ledger_verify(s, keys, print_fault, NULL, &v, &e);
    store_close(s);
    if (!ok) {
        return command_failed(&e);
    }
    print_verification(&v);
    if (!store_check(data != NULL ? data : "data", &e)) {
        return command_failed(&e);
    }
    return v.failures == 0 ? 0 : 1;
}

/* ---- compact ---- */

int compact_command(int argc, char **argv)
{
    g_autofree char *data = NULL;
    const GOptionEntry entries[] = {
        {"data", 0, 0, G_OPTION_ARG_FILENAME, &data, "the data directory (data)", "DIR"},
        {0},
    };
    int failed =
        parse("— make the history as small as it goes; the hub must be stopped", entries, &argc, &argv);
    if (failed != 0) {
        return failed - 1;
    }
    struct error e = {0};
    struct store *s = store_open(data != NULL ? data : "data", NULL, &e);
    int64_t before = s != NULL ? store_size(s) : 0;
    bool ok = s != NULL && store_history_compact(s, &e);
    int64_t after = s != NULL ? store_size(s) : 0;
    store_close(s);
    if (!ok) {
        return command_failed(&e);
    }
    printf("%" G_GINT64_FORMAT " -> %" G_GINT64_FORMAT " bytes\n", before, after);
    return 0;
}

/* ---- backup and restore ---- */

static void show_progress(void *user, int done, int total)
{
    if (isatty(2)) {
        fprintf(stderr, "\r%3d %%", total > 0 ? done * 100 / total : 100);
    }
}

int backup_command(int argc, char **argv)
{
    g_autofree char *data = NULL, *to = NULL;
    const GOptionEntry entries[] = {
        {"data", 0, 0, G_OPTION_ARG_FILENAME, &data, "the data directory (data)", "DIR"},
        {"to", 0, 0, G_OPTION_ARG_FILENAME, &to, "where the copy goes; empty or absent", "DIR"},
        {0},
    };
    int failed = parse("— copy a data directory; the hub may be running", entries, &argc, &argv);
    if (failed != 0 || to == NULL) {
        fputs(failed != 0 ? "" : "zhongshu backup needs --to DIR\n", stderr);
        return 2;
    }
    struct error e = {0};
    struct store_options options = {.read_only = true};
    struct store *s = store_open(data != NULL ? data : "data", &options, &e);
    bool ok = s != NULL && store_backup(s, to, show_progress, NULL, &e);
    store_close(s);
    if (!ok) {
        return command_failed(&e);
    }
    printf("%s\n", to);
    return 0;
}

int restore_command(int argc, char **argv)
{
    g_autofree char *data = NULL, *from = NULL;
    const GOptionEntry entries[] = {
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &from, "the backup", "DIR"},
        {"data", 0, 0, G_OPTION_ARG_FILENAME, &data, "the data directory; empty or absent", "DIR"},
        {0},
    };
    int failed = parse("— put a backup into an empty data directory", entries, &argc, &argv);
    if (failed != 0 || from == NULL || data == NULL) {
        fputs(failed != 0 ? "" : "zhongshu restore needs --from DIR and --data DIR\n", stderr);
        return 2;
    }
    struct error e = {0};
    return store_restore(from, data, &e) ? 0 : command_failed(&e);
}

/* ---- packs and routes ---- */

int packs_command_here(int argc, char **argv)
{
    return packs_command(argc, argv, server_features);
}

/* The packs stay loaded until the program ends. */
static const struct pack *const *load_packs(const char *const *dirs, struct error *e)
{
    static struct pack_set *set
        __attribute__((used)); /* or the store would be left out, and the set a leak */
    set = packs_read(dirs, server_features, e);
    return set != NULL ? pack_set_packs(set) : NULL;
}

int import_command_here(int argc, char **argv)
{
    return import_command(argc, argv, load_packs);
}

int demo_command_here(int argc, char **argv)
{
    return demo_command(argc, argv, load_packs);
}

static void print_route(void *unused, const struct route *r)
{
    printf("%-6s %-58s %-20s %s\n", r->method, r->path,
           r->permission == NULL      ? "(public)"
           : r->permission[0] == '\0' ? "(signed in)"
                                      : r->permission,
           speaks_chinese() ? r->zh : r->en);
}

int routes_command(int argc, char **argv)
{
    struct http_server *s = http_server_new();
    server_routes(s);
    http_server_each_route(s, print_route, NULL);
    http_server_free(s);
    return 0;
}
