/* SPDX-License-Identifier: Apache-2.0 */
/* Backup of a running store and restore into an empty directory. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "store/private.h"

/* The history first: its cursor is then never ahead of the log that is copied after it. */
static const char *const names[] = {"history.db", "hub.db"};
enum { PAGES_A_STEP = 4096 };

static bool copy_database(const char *from, const char *to, void (*progress)(void *user, int done, int total),
                          void *user, struct error *e)
{
    sqlite3 *source = sqlite_open(from, true, 2048, e);
    if (source == NULL) {
        return false;
    }
    sqlite3 *target = NULL;
    bool ok = sqlite3_open_v2(to, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK;
    sqlite3_backup *b = ok ? sqlite3_backup_init(target, "main", source, "main") : NULL;
    int code = SQLITE_ERROR;
    while (b != NULL && ((code = sqlite3_backup_step(b, PAGES_A_STEP)) == SQLITE_OK || code == SQLITE_BUSY ||
                         code == SQLITE_LOCKED)) {
        if (progress != NULL) {
            int total = sqlite3_backup_pagecount(b);
            progress(user, total - sqlite3_backup_remaining(b), total);
        }
    }
    if (b != NULL) {
        sqlite3_backup_finish(b);
    }
    ok = code == SQLITE_DONE || sqlite_failed(target, "a backup", e);
    sqlite3_close(target);
    sqlite3_close(source);
    return ok;
}

static bool make_empty_dir(const char *dir, struct error *e)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    if (d != NULL && g_dir_read_name(d) != NULL) {
        return error_set(e, ERROR_CONFLICT,
                         "%s is not empty; name a directory that is empty or does not exist",
                         "%s 不是空目录；请指定一个空的或不存在的目录", dir);
    }
    if (d == NULL && g_mkdir_with_parents(dir, 0700) != 0) {
        return error_set(e, ERROR_UNAVAILABLE, "Cannot make %s: %s", "无法创建 %s：%s", dir,
                         g_strerror(errno));
    }
    return true;
}

/* How far a copy is, for who watches. */
struct watch {
    void (*progress)(void *user, int done, int total);
    void *user;
};

static bool copy_databases(const char *from, const char *to, const struct watch *w, struct error *e)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *source = g_build_filename(from, names[i], NULL);
        g_autofree char *target = g_build_filename(to, names[i], NULL);
        if (g_file_test(source, G_FILE_TEST_EXISTS) &&
            !copy_database(source, target, w->progress, w->user, e)) {
            return false;
        }
    }
    return true;
}

static bool copy_file(const char *source, const char *target, int mode, struct error *e)
{
    g_autofree char *bytes = NULL;
    gsize length;
    return (g_file_get_contents(source, &bytes, &length, NULL) &&
            g_file_set_contents_full(target, bytes, (gssize)length, G_FILE_SET_CONTENTS_DURABLE, mode,
                                     NULL)) ||
           error_set(e, ERROR_UNAVAILABLE, "Cannot copy %s to %s", "无法将 %s 复制到 %s", source, target);
}

static bool is_left_out(const char *name)
{
    return g_str_has_prefix(name, "hub.db") || g_str_has_prefix(name, "history.db") ||
           g_str_has_prefix(name, STORE_RUBBISH) || strcmp(name, "lock") == 0;
}

/* The databases of a directory, the small files beside them (keys of the ledger, attachments), and so on
 * below it (tenants, snapshots). */
static bool copy_tree(const char *from, const char *to, const struct watch *w, struct error *e)
{
    g_autoptr(GDir) d = g_dir_open(from, 0, NULL);
    if (!copy_databases(from, to, w, e)) {
        return false;
    }
    for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        g_autofree char *source = g_build_filename(from, name, NULL);
        g_autofree char *target = g_build_filename(to, name, NULL);
        struct stat st;
        if (is_left_out(name) || lstat(source, &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode) && g_mkdir(target, st.st_mode & 0777) != 0) {
            return error_set(e, ERROR_UNAVAILABLE, "Cannot make %s", "无法创建 %s", target);
        }
        if ((S_ISDIR(st.st_mode) && !copy_tree(source, target, w, e)) ||
            (S_ISREG(st.st_mode) && !copy_file(source, target, st.st_mode & 0777, e))) {
            return false;
        }
    }
    return true;
}

bool store_backup(struct store *s, const char *to_dir, void (*progress)(void *user, int done, int total),
                  void *user, struct error *e)
{
    g_autofree char *here = g_canonicalize_filename(s->dir, NULL);
    g_autofree char *there = g_canonicalize_filename(to_dir, NULL);
    if (g_str_has_prefix(there, here) && (there[strlen(here)] == '/' || there[strlen(here)] == '\0')) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The backup must not lie inside the data directory %s",
                         "备份不能放在数据目录 %s 之内", here);
    }
    if (!make_empty_dir(to_dir, e)) {
        return false;
    }
    const struct watch w = {progress, user};
    return copy_tree(s->dir, to_dir, &w, e);
}

static bool check_database(const char *path, struct error *e)
{
    sqlite3 *db = sqlite_open(path, true, 2048, e);
    if (db == NULL) {
        return false;
    }
    sqlite3_stmt *st = NULL;
    bool ok = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) == SQLITE_OK &&
              sqlite3_step(st) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
    if (!ok) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "%s is damaged: %s", "%s 已损坏：%s", path,
                  st != NULL && sqlite3_column_count(st) > 0 && sqlite3_column_text(st, 0) != NULL
                      ? (const char *)sqlite3_column_text(st, 0)
                      : sqlite3_errmsg(db));
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return ok;
}

/* True when the directory is a store, or must be one. */
static bool check_directory(const char *dir, bool must, struct error *e)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);
        if ((must || g_file_test(path, G_FILE_TEST_EXISTS)) && !check_database(path, e)) {
            return false;
        }
    }
    return true;
}

static bool check_below(const char *dir, struct error *e)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        struct stat st;
        bool is_dir = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && !is_left_out(name);
        if (is_dir && (!check_directory(path, false, e) || !check_below(path, e))) {
            return false;
        }
    }
    return true;
}

bool store_check(const char *dir, struct error *e)
{
    return check_directory(dir, true, e) && check_below(dir, e);
}

bool store_restore(const char *from_dir, const char *to_dir, struct error *e)
{
    const struct watch nobody = {NULL, NULL};
    return store_check(from_dir, e) && make_empty_dir(to_dir, e) && copy_tree(from_dir, to_dir, &nobody, e);
}
