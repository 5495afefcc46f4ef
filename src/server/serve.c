/* SPDX-License-Identifier: Apache-2.0 */
/* `zhongshu serve`: start everything in order, wait for a signal, stop everything in the reverse order. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "context/context.h"
#include "ledger/ledger.h"
#include "packs/packs.h"
#include "server/commands.h"
#include "server/settings.h"

/* All that a running server owns besides what the features own. */
struct server {
    struct settings settings;
    struct hub hub;
    struct ledger *ledger;
    struct log_reader *ledger_reader;
    char *mqtt_host;
    char *mqtt_password;
    int started; /* features that have started */
};

static bool is_loopback(const char *listen)
{
    return g_str_has_prefix(listen, "127.") || g_str_has_prefix(listen, "[::1]:") ||
           g_str_has_prefix(listen, "localhost:");
}

static bool read_broker(struct server *s, struct error *e)
{
    const struct settings *set = &s->settings;
    if (set->mqtt == NULL) {
        return true;
    }
    const char *colon = strrchr(set->mqtt, ':');
    gint64 port;
    if (colon == NULL || !g_ascii_string_to_signed(colon + 1, 10, 1, 65535, &port, NULL)) {
        return error_set(e, ERROR_INVALID_REQUEST, "--mqtt is ADDR:PORT, not %s",
                         "--mqtt 应为 地址:端口，而不是 %s", set->mqtt);
    }
    s->mqtt_host = g_strndup(set->mqtt, (gsize)(colon - set->mqtt));
    s->hub.mqtt_host = s->mqtt_host;
    s->hub.mqtt_port = (int)port;
    s->hub.mqtt_user = set->mqtt_user;
    if (set->mqtt_password_file != NULL) {
        if (!g_file_get_contents(set->mqtt_password_file, &s->mqtt_password, NULL, NULL)) {
            return error_set(e, ERROR_INVALID_REQUEST, "Cannot read %s", "无法读取 %s",
                             set->mqtt_password_file);
        }
        s->mqtt_password[strcspn(s->mqtt_password, "\r\n")] = '\0';
        s->hub.mqtt_password = s->mqtt_password;
    }
    return true;
}

static bool check_settings(const struct settings *s, struct error *e)
{
    if (strcmp(s->auth, "off") == 0 && !is_loopback(s->listen)) {
        return error_set(e, ERROR_INVALID_REQUEST,
                         "--auth off is accepted on a loopback address only, not on %s",
                         "--auth off 只能用于本机回环地址，不能用于 %s", s->listen);
    }
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    for (int i = 0; levels[i] != NULL; i++) {
        if (strcmp(levels[i], s->log_level) == 0) {
            log_set_level((enum log_level)i);
            return true;
        }
    }
    return error_set(e, ERROR_INVALID_REQUEST, "--log-level is debug, info, warning or error, not %s",
                     "--log-level 只能是 debug、info、warning 或 error，而不是 %s", s->log_level);
}

static bool take_leaves(void *user, const struct log_batch *b, uint64_t after, struct error *e)
{
    return ledger_take(user, b, after, e);
}

static bool start_ledger(struct server *s, struct error *e)
{
    struct ledger_options options = {.origin = s->settings.origin};
    s->ledger = ledger_open(s->hub.store, &options, e);
    if (s->ledger == NULL) {
        return false;
    }
    ledger_bind(s->ledger);
    struct log_reader_options o = {
        .name = "ledger", .batch = take_leaves, .user = s->ledger, .from = UINT64_MAX};
    s->ledger_reader = log_reader_start(s->hub.store, &o);
    return true;
}

static bool start_features(struct server *s, struct error *e)
{
    for (int i = 0; server_features[i] != NULL; i++, s->started++) {
        const struct feature *f = server_features[i];
        if (f->start != NULL && !f->start(&s->hub, e)) {
            error_prefix(e, "%s", f->name);
            return false;
        }
    }
    return true;
}

static bool start_http(struct server *s, struct error *e)
{
    struct hub *h = &s->hub;
    g_autofree char *uploads = g_build_filename(h->data_dir, "uploads", NULL);
    struct http_options o = {.listen = s->settings.listen,
                             .upload_dir = uploads,
                             .threads = s->settings.threads,
                             .memory = (int64_t)s->settings.request_memory << 20,
                             .reply_seconds = s->settings.reply_seconds,
                             .authorise = identity_authorise,
                             .user = h->identity,
                             .web_dir =
                                 g_file_test(s->settings.web, G_FILE_TEST_IS_DIR) ? s->settings.web : NULL};
    return http_server_start(h->http, &o, e);
}

static void add_contexts(GStrvBuilder *dirs, const char *parent)
{
    g_autofree char *dir = g_build_filename(parent, "contexts", NULL);
    g_autofree char *index = g_build_filename(dir, "index.json", NULL);
    if (g_file_test(index, G_FILE_TEST_EXISTS)) {
        g_strv_builder_add(dirs, dir);
    }
}

/* The folders of @contexts: those of the setting, and DIR/contexts of every pack. */
static bool find_contexts(const struct settings *s, struct error *e)
{
    g_autoptr(GStrvBuilder) dirs = g_strv_builder_new();
    for (char **dir = s->contexts_dir; dir != NULL && *dir != NULL; dir++) {
        g_strv_builder_add(dirs, *dir);
    }
    for (char **packs = s->packs; packs != NULL && *packs != NULL; packs++) {
        g_autoptr(GDir) d = g_dir_open(*packs, 0, NULL);
        add_contexts(dirs, *packs);
        for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
            g_autofree char *pack = g_build_filename(*packs, name, NULL);
            add_contexts(dirs, pack);
        }
    }
    g_auto(GStrv) all = g_strv_builder_end(dirs);
    return context_sources(s->contexts, (const char *const *)all, e);
}

static bool start(struct server *s, struct error *e)
{
    struct hub *h = &s->hub;
    struct store_options options = {.fsync_delay_us = s->settings.fsync_delay_us,
                                    .write_queue = s->settings.write_queue};
    if (!check_settings(&s->settings, e) || !read_broker(s, e) || !find_contexts(&s->settings, e)) {
        return false;
    }
    h->data_dir = s->settings.data;
    h->pack_dirs = (const char *const *)s->settings.packs;
    h->features = server_features;
    h->store = store_open(s->settings.data, &options, e);
    if (h->store == NULL) {
        return false;
    }
    h->identity = identity_new(h->store, strcmp(s->settings.auth, "on") == 0);
    identity_bind(h->identity);
    h->client = http_client_new_sized(256, 0); /* hosts that hang hold 64 at most: notifier_schedule.c */
    h->http = http_server_new();
    health_bind(h);
    server_routes(h->http);
    context_query_limit(s->settings.query_seconds);
    return context_start(h->store, h->client, e) && start_ledger(s, e) && packs_open(h, e) &&
           start_features(s, e) && start_http(s, e);
}

static void stop(struct server *s)
{
    http_server_free(s->hub.http);
    context_stop();
    for (int i = s->started - 1; i >= 0; i--) {
        if (server_features[i]->stop != NULL) {
            server_features[i]->stop();
        }
    }
    packs_close();
    log_reader_stop(s->ledger_reader);
    ledger_close(s->ledger);
    http_client_free(s->hub.client);
    identity_free(s->hub.identity);
    store_close(s->hub.store);
    g_free(s->mqtt_host);
    g_free(s->mqtt_password);
    settings_clear(&s->settings);
}

static void wait_for_signal(void)
{
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &got);
}

/* Before any thread starts, so that all of them inherit it. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int serve_command(int argc, char **argv)
{
    struct server s = {0};
    struct error e = {0};
    block_signals();
    bool ok = settings_read(&s.settings, argc, argv, &e) && start(&s, &e);
    if (ok) {
        g_autofree char *host =
            g_strndup(s.settings.listen, (gsize)(strrchr(s.settings.listen, ':') - s.settings.listen));
        printf("zhongshu is ready at http://%s:%d\n", host, http_server_port(s.hub.http));
        fflush(stdout);
        wait_for_signal();
        log_info("server", "stopping");
    }
    stop(&s);
    return ok ? 0 : command_failed(&e);
}
