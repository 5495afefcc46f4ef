/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that sleeps in poll() until inotify speaks. */
#include "packs/watch.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/log.h"
#include "packs/set.h"

/* Editors write a file in several steps, and a copy brings many files: wait until all is quiet. */
enum { QUIET_MS = 150 };

#define CHANGES (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR)

struct pack_watch {
    char **dirs;
    void (*changed)(void *user);
    void *user;
    int notify, ending;
    GThread *thread;
};

/* Watching a folder twice changes nothing, so that new ones are found by adding all again. */
static void add_all(struct pack_watch *w)
{
    for (char **dir = w->dirs; *dir != NULL; dir++) {
        inotify_add_watch(w->notify, *dir, CHANGES);
    }
    g_auto(GStrv) folders = pack_folders((const char *const *)w->dirs, NULL);
    for (char **dir = folders; *dir != NULL; dir++) {
        inotify_add_watch(w->notify, *dir, CHANGES);
    }
    for (char **dir = w->dirs; *dir != NULL; dir++) {
        g_autoptr(GDir) open = g_dir_open(*dir, 0, NULL);
        const char *name;
        while (open != NULL && (name = g_dir_read_name(open)) != NULL) {
            g_autofree char *path = g_build_filename(*dir, name, NULL);
            inotify_add_watch(w->notify, path,
                              CHANGES); /* an empty folder may become a pack; files are refused */
        }
    }
}

static void drain(int fd)
{
    char buffer[4096] __attribute__((aligned(8)));
    while (read(fd, buffer, sizeof buffer) > 0) {
    }
}

/* Waits for a change and then for quiet. False when it is time to end. */
static bool wait_for_change(struct pack_watch *w)
{
    struct pollfd fds[2] = {{w->notify, POLLIN, 0}, {w->ending, POLLIN, 0}};
    bool seen = false;
    for (;;) {
        int ready = poll(fds, 2, seen ? QUIET_MS : -1);
        if (fds[1].revents != 0 || (ready < 0 && errno != EINTR)) {
            return false;
        }
        if (ready == 0) {
            return true;
        }
        if (ready > 0) {
            drain(w->notify);
            seen = true;
        }
    }
}

static void *run(void *user)
{
    struct pack_watch *w = user;
    while (wait_for_change(w)) {
        add_all(w);
        w->changed(w->user);
    }
    return NULL;
}

struct pack_watch *pack_watch_new(const char *const *dirs, void (*changed)(void *user), void *user,
                                  struct error *e)
{
    struct pack_watch *w = g_new0(struct pack_watch, 1);
    w->dirs = g_strdupv((char **)dirs);
    w->changed = changed;
    w->user = user;
    w->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->ending = eventfd(0, EFD_CLOEXEC);
    if (w->notify < 0 || w->ending < 0) {
        error_set(e, ERROR_INTERNAL, "the packs cannot be watched: %s", "无法监视应用包文件夹：%s",
                  g_strerror(errno));
        pack_watch_free(w);
        return NULL;
    }
    add_all(w);
    w->thread = g_thread_new("packs-watch", run, w);
    return w;
}

void pack_watch_free(struct pack_watch *w)
{
    if (w == NULL) {
        return;
    }
    if (w->thread != NULL) {
        uint64_t one = 1;
        if (write(w->ending, &one, sizeof one) < 0) {
            log_error("packs", "the watch cannot be told to end: %s", g_strerror(errno));
        }
        g_thread_join(w->thread);
    }
    if (w->notify >= 0) {
        close(w->notify);
    }
    if (w->ending >= 0) {
        close(w->ending);
    }
    g_strfreev(w->dirs);
    g_free(w);
}
