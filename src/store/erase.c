/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a data directory. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>

#include "base/log.h"
#include "store/private.h"

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

static bool remove_tree(const char *dir, struct error *e)
{
    enum { OPEN_DIRS = 16 };
    return nftw(dir, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS) == 0 ||
           error_set(e, ERROR_UNAVAILABLE, "Cannot remove %s: %s", "无法删除 %s：%s", dir, g_strerror(errno));
}

bool store_erase(const char *dir, struct error *e)
{
    g_autofree char *parent = g_path_get_dirname(dir);
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *name = g_strconcat(STORE_RUBBISH, uuid, NULL);
    g_autofree char *aside = g_build_filename(parent, name, NULL);
    if (rename(dir, aside) != 0) {
        return error_set(e, ERROR_UNAVAILABLE, "Cannot remove %s: %s", "无法删除 %s：%s", dir,
                         g_strerror(errno));
    }
    return remove_tree(aside, e);
}

void store_sweep(const char *parent)
{
    g_autoptr(GDir) d = g_dir_open(parent, 0, NULL);
    for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        struct error e = {0};
        g_autofree char *path = g_build_filename(parent, name, NULL);
        if (g_str_has_prefix(name, STORE_RUBBISH) && !remove_tree(path, &e)) {
            log_failure("store", "tidy up", &e);
        }
    }
}
