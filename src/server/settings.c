/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings. */
#include "server/settings.h"

#include <glib.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, LIST };

static const struct setting {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *argument;
    const char *otherwise; /* the default */
    const char *sentence;
} table[] = {
    {"data", TEXT, offsetof(struct settings, data), "DIR", "data", "where everything is kept"},
    {"listen", TEXT, offsetof(struct settings, listen), "ADDR:PORT", "127.0.0.1:8080",
     "address to serve at; port 0 takes a free one"},
    {"mqtt", TEXT, offsetof(struct settings, mqtt), "ADDR:PORT", NULL,
     "the MQTT broker to read from; none without it"},
    {"mqtt-user", TEXT, offsetof(struct settings, mqtt_user), "NAME", NULL, "account at the broker"},
    {"mqtt-password-file", TEXT, offsetof(struct settings, mqtt_password_file), "FILE", NULL,
     "file whose first line is the password at the broker"},
    {"auth", TEXT, offsetof(struct settings, auth), "on|off", "on",
     "whether people must sign in; off is accepted on loopback only"},
    {"packs", LIST, offsetof(struct settings, packs), "DIR", "packs",
     "folder of packs, or one pack; may be given more than once"},
    {"contexts", TEXT, offsetof(struct settings, contexts), "hosted|fetch|fetch-private", "hosted",
     "where @contexts of other servers come from: only what is kept here, the internet, or private networks "
     "too"},
    {"contexts-dir", LIST, offsetof(struct settings, contexts_dir), "DIR", NULL,
     "folder of @contexts with an index.json {URL: file}; may be given more than once; packs bring their "
     "own"},
    {"web", TEXT, offsetof(struct settings, web), "DIR", "web/dist", "the built front end"},
    {"origin", TEXT, offsetof(struct settings, origin), "NAME", NULL,
     "name of the evidence log, part of every signature (zhongshu.local/log); fixed once it has leaves"},
    {"log-level", TEXT, offsetof(struct settings, log_level), "LEVEL", "info",
     "debug, info, warning or error"},
    {"threads", NUMBER, offsetof(struct settings, threads), "N", "0", "HTTP threads; 0 is one a core"},
    {"write-queue", NUMBER, offsetof(struct settings, write_queue), "N", "0",
     "writes that may wait before more are answered 429; 0 is 4096"},
    {"request-memory", NUMBER, offsetof(struct settings, request_memory), "MIB", "0",
     "memory for the bodies and replies of all clients together; 0 is 512"},
    {"reply-seconds", NUMBER, offsetof(struct settings, reply_seconds), "SECONDS", "0",
     "time for a client to take 2 MiB of a reply; 0 is 30"},
    {"query-seconds", NUMBER, offsetof(struct settings, query_seconds), "N", "10",
     "the longest that a query of entities may take"},
    {"fsync-delay", NUMBER, offsetof(struct settings, fsync_delay_us), "MICROSECONDS", "0",
     "test aid: makes each commit as slow as a slow disk"},
};

static void *place(struct settings *s, const struct setting *t)
{
    return (char *)s + t->offset;
}

static void add_to_list(char ***list, const char *value)
{
    g_autoptr(GStrvBuilder) b = g_strv_builder_new();
    for (char **p = *list; p != NULL && *p != NULL; p++) {
        g_strv_builder_add(b, *p);
    }
    g_strv_builder_add(b, value);
    g_strfreev(*list);
    *list = g_strv_builder_end(b);
}

static bool set(struct settings *s, const struct setting *t, const char *value, struct error *e)
{
    if (t->kind == LIST) {
        add_to_list(place(s, t), value);
    } else if (t->kind == TEXT) {
        char **text = place(s, t);
        g_free(*text);
        *text = g_strdup(value);
    } else {
        gint64 number;
        if (!g_ascii_string_to_signed(value, 10, 0, 1000000000, &number, NULL)) {
            return error_set(e, ERROR_INVALID_REQUEST, "--%s takes a whole number, not \"%s\"",
                             "--%s 需要一个整数，而不是“%s”", t->name, value);
        }
        *(int *)place(s, t) = (int)number;
    }
    return true;
}

static bool is_set(struct settings *s, const struct setting *t)
{
    return t->kind == NUMBER ? *(int *)place(s, t) != 0 : *(void **)place(s, t) != NULL;
}

static const struct setting *find(const char *name, size_t length)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static bool unknown(const char *name, struct error *e)
{
    return error_set(e, ERROR_INVALID_REQUEST, "Unknown setting %s; see zhongshu serve --help",
                     "未知的设置 %s；请查看 zhongshu serve --help", name);
}

/* A file of `name = value` lines in a group [hub]. */
static bool read_file(struct settings *s, const char *path, struct error *e)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) problem = NULL;
    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &problem)) {
        return error_set(e, ERROR_INVALID_REQUEST, "Cannot read the config file %s: %s",
                         "无法读取配置文件 %s：%s", path, problem->message);
    }
    g_auto(GStrv) keys = g_key_file_get_keys(file, "hub", NULL, NULL);
    for (char **k = keys; k != NULL && *k != NULL; k++) {
        const struct setting *t = find(*k, strlen(*k));
        if (t == NULL) {
            unknown(*k, e);
            error_prefix(e, "%s", path);
            return false;
        }
        if (is_set(s, t)) {
            continue; /* the command line has said it */
        }
        g_auto(GStrv) values = g_key_file_get_string_list(file, "hub", *k, NULL, NULL);
        for (char **v = values; v != NULL && *v != NULL; v++) {
            if (!set(s, t, *v, e)) {
                return false;
            }
        }
    }
    return true;
}

static void print_help(void)
{
    puts("zhongshu serve [OPTION…]\n\nRuns the hub.\n");
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *option = g_strdup_printf("--%s %s", table[i].name, table[i].argument);
        printf("  %-32s %s%s%s%s\n", option, table[i].sentence, table[i].otherwise != NULL ? " (" : "",
               table[i].otherwise != NULL ? table[i].otherwise : "", table[i].otherwise != NULL ? ")" : "");
    }
    puts("  --config FILE                    the same settings as lines `name = value` in a group [hub]\n\n"
         "Example:\n  zhongshu serve --data /var/lib/zhongshu --listen 127.0.0.1:8080 --mqtt 127.0.0.1:1883");
}

static bool read_arguments(struct settings *s, int argc, char **argv, const char **config, struct error *e)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            exit(0);
        }
        if (!g_str_has_prefix(argv[i], "--")) {
            return unknown(argv[i], e);
        }
        const char *name = argv[i] + 2;
        const char *equals = strchr(name, '=');
        size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL) {
            return error_set(e, ERROR_INVALID_REQUEST, "%s needs a value", "%s 需要一个值", argv[i]);
        }
        const struct setting *t = find(name, length);
        if (strncmp(name, "config", length) == 0 && length == 6) {
            *config = value;
        } else if (t == NULL) {
            return unknown(argv[i], e);
        } else if (!set(s, t, value, e)) {
            return false;
        }
    }
    return true;
}

bool settings_read(struct settings *s, int argc, char **argv, struct error *e)
{
    const char *config = NULL;
    if (!read_arguments(s, argc, argv, &config, e) || (config != NULL && !read_file(s, config, e))) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (!is_set(s, &table[i]) && table[i].otherwise != NULL &&
            !set(s, &table[i], table[i].otherwise, e)) {
            return false;
        }
    }
    if (strcmp(s->auth, "on") != 0 && strcmp(s->auth, "off") != 0) {
        return error_set(e, ERROR_INVALID_REQUEST, "--auth is on or off, not %s",
                         "--auth 只能是 on 或 off，而不是 %s", s->auth);
    }
    return true;
}

void settings_clear(struct settings *s)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (table[i].kind == TEXT) {
            g_clear_pointer((char **)place(s, &table[i]), g_free);
        } else if (table[i].kind == LIST) {
            g_clear_pointer((char ***)place(s, &table[i]), g_strfreev);
        }
    }
}
