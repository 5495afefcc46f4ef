/* SPDX-License-Identifier: Apache-2.0 */
/* The command `zhongshu demo`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "demo/demo.h"
#include "demo/play.h"

static const char description[] =
    "Plays the devices and the people that the demo sections of packs describe: writes the areas and devices "
    "to a hub over "
    "NGSI-LD,\n"
    "then publishes their readings over MQTT until it is stopped (Ctrl-C). Everything it sends is synthetic "
    "and says so.\n"
    "\n"
    "Examples:\n"
    "  zhongshu demo --packs packs --server http://127.0.0.1:8080 --mqtt 127.0.0.1:1883\n"
    "  zhongshu demo --packs packs --server http://127.0.0.1:8080 --mqtt 127.0.0.1:1883 --history 24h\n"
    "      plays the past day first: coarsely and as fast as the broker takes it\n"
    "  zhongshu demo --packs packs --mqtt 127.0.0.1:1883 --history 2h --speed 60x --for 10m\n"
    "      plays two hours within two minutes, every message of them, then ten minutes of the present\n"
    "\n"
    "A crew moves the cases on, as accounts that the packs name; all share the password of --user. It leaves "
    "alone\n"
    "what a person has just touched. --no-crew leaves everything to people.\n"
    "\n"
    "Where the hub asks who writes: --user with --password-file, or a bearer token in the environment's\n"
    "ZHONGSHU_TOKEN. The broker's password is read from ZHONGSHU_MQTT_PASSWORD.";

/* The command line as given. */
struct command {
    char *mqtt, *server, *user, *password_file, *mqtt_user, *speed, *history, *duration;
    char **packs;
    int64_t seed;
    gboolean no_crew;
    char *password; /* as read */
    struct play_options play;
};

static void command_clear(struct command *c)
{
    g_free(c->mqtt);
    g_free(c->server);
    g_free(c->user);
    g_free(c->password_file);
    g_free(c->mqtt_user);
    g_free(c->speed);
    g_free(c->history);
    g_free(c->duration);
    g_strfreev(c->packs);
    g_free(c->password);
    g_free((char *)c->play.mqtt_host);
}

static bool parse_options(struct command *c, int argc, char **argv, struct error *e)
{
    GOptionEntry entries[] = {
        {"mqtt", 0, 0, G_OPTION_ARG_STRING, &c->mqtt, "The broker (127.0.0.1:1883)", "HOST:PORT"},
        {"mqtt-user", 0, 0, G_OPTION_ARG_STRING, &c->mqtt_user, "The broker's account", "NAME"},
        {"packs", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &c->packs,
         "A pack or a folder of packs; may be repeated (packs)", "DIR"},
        {"server", 0, 0, G_OPTION_ARG_STRING, &c->server, "The hub; without it no entities are written",
         "URL"},
        {"user", 0, 0, G_OPTION_ARG_STRING, &c->user, "The hub's account", "NAME"},
        {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &c->password_file, "A file with its password", "FILE"},
        {"seed", 0, 0, G_OPTION_ARG_INT64, &c->seed, "The same seed plays the same world (1)", "N"},
        {"history", 0, 0, G_OPTION_ARG_STRING, &c->history, "Play this much of the past first, such as 24h",
         "SPAN"},
        {"speed", 0, 0, G_OPTION_ARG_STRING, &c->speed, "Play the past in full at this speed, such as 60x",
         "N"},
        {"no-crew", 0, 0, G_OPTION_ARG_NONE, &c->no_crew, "Leave the cases to people", NULL},
        {"for", 0, 0, G_OPTION_ARG_STRING, &c->duration, "End after this much of the present, such as 10m",
         "SPAN"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_option_context_set_description(context, description);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        return error_set(e, ERROR_INVALID_REQUEST, "%s", "%s", error->message);
    }
    if (argc > 1) {
        return error_set(e, ERROR_INVALID_REQUEST, "Unexpected argument %s; see --help",
                         "多余的参数 %s；见 --help", argv[1]);
    }
    return true;
}

/* "HOST:PORT" or "[::1]:PORT". */
static bool read_address(const char *text, struct play_options *play, struct error *e)
{
    const char *colon = strrchr(text, ':');
    guint64 port = 0;
    if (colon == NULL || colon == text || !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL)) {
        return error_set(e, ERROR_INVALID_REQUEST, "--mqtt needs HOST:PORT, not \"%s\"",
                         "--mqtt 需要 主机:端口，而不是“%s”", text);
    }
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    play->mqtt_host =
        bracketed ? g_strndup(text + 1, (gsize)(colon - text) - 2) : g_strndup(text, (gsize)(colon - text));
    play->mqtt_port = (int)port;
    return true;
}

static bool read_span(const char *option, const char *text, int64_t *span, struct error *e)
{
    if (text != NULL && (!span_parse(text, strlen(text), span) || *span < 0)) {
        return error_set(e, ERROR_INVALID_REQUEST, "--%s needs a span such as 30s, 10m or 24h, not \"%s\"",
                         "--%s 需要时长，例如 30s、10m、24h，而不是“%s”", option, text);
    }
    return true;
}

/* "60x" or "60". */
static bool read_speed(const char *text, double *speed, struct error *e)
{
    char *end = NULL;
    if (text == NULL) {
        return true;
    }
    *speed = g_ascii_strtod(text, &end);
    if (end == text || (*end != '\0' && strcmp(end, "x") != 0) || !(*speed > 0 && *speed <= 1e6)) {
        return error_set(e, ERROR_INVALID_REQUEST, "--speed needs a number such as 60x, not \"%s\"",
                         "--speed 需要倍数，例如 60x，而不是“%s”", text);
    }
    return true;
}

static bool read_account(struct command *c, struct error *e)
{
    g_autoptr(GError) error = NULL;
    c->play.token = g_getenv("ZHONGSHU_TOKEN");
    if ((c->user == NULL) != (c->password_file == NULL)) {
        return error_set(e, ERROR_INVALID_REQUEST, "--user and --password-file go together",
                         "--user 与 --password-file 须同时给出");
    }
    if (c->user == NULL) {
        return true;
    }
    if (!g_file_get_contents(c->password_file, &c->password, NULL, &error)) {
        return error_set(e, ERROR_INVALID_REQUEST, "The password cannot be read: %s", "无法读取密码：%s",
                         error->message);
    }
    c->password[strcspn(c->password, "\r\n")] = '\0';
    c->play.user = c->user;
    c->play.password = c->password;
    return true;
}

static bool read_command(struct command *c, int argc, char **argv, struct error *e)
{
    c->seed = 1;
    if (!parse_options(c, argc, argv, e)) {
        return false;
    }
    c->play.server = c->server;
    c->play.mqtt_user = c->mqtt_user;
    c->play.mqtt_password = g_getenv("ZHONGSHU_MQTT_PASSWORD");
    return read_address(c->mqtt != NULL ? c->mqtt : "127.0.0.1:1883", &c->play, e) &&
           read_span("history", c->history, &c->play.history, e) &&
           read_span("for", c->duration, &c->play.duration, e) && read_speed(c->speed, &c->play.speed, e) &&
           read_account(c, e);
}

/* ---- the world, and on ---- */

static void print_mistake(struct pack_report *r, const struct json *where, const char *en, const char *zh,
                          ...)
{
    va_list list;
    va_start(list, zh);
    g_autofree char *text = g_strdup_vprintf(en, list);
    va_end(list);
    log_error("demo", "line %u: %s", where != NULL ? where->line : 0, text);
    r->mistakes++;
}

static bool is_empty(const struct world *w)
{
    if (w->crew.desks_count > 0) {
        return false;
    }
    for (int i = 0; i < w->groups_count; i++) {
        if (w->groups[i].topic != NULL && w->groups[i].count > 0) {
            return false;
        }
    }
    return true;
}

/* A crew needs accounts to sign in with. */
static struct crew_work *start_crew(const struct command *c, const struct world *w)
{
    if (c->no_crew || w->crew.desks_count == 0 || c->play.server == NULL || c->password == NULL) {
        return NULL;
    }
    return crew_start(&w->crew, w->seed, c->play.server, c->password);
}

static bool play(const struct command *c, demo_loader *load, struct error *e)
{
    arena_auto a = arena_new();
    static const char *const usual[] = {"packs", NULL};
    struct pack_report report = {print_mistake, 0};
    const struct pack *const *packs = load(c->packs != NULL ? (const char *const *)c->packs : usual, e);
    if (packs == NULL) {
        return false;
    }
    const struct world *w = world_read(a, packs, (uint64_t)c->seed, NULL, &report);
    if (w == NULL || is_empty(w)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The packs hold no demo that can be played",
                         "这些包中没有可以播放的演示");
    }
    if (c->play.server != NULL && !play_entities(w, &c->play, e)) {
        return false;
    }
    struct crew_work *crew = start_crew(c, w);
    bool good = play_messages(w, &c->play, e);
    crew_stop(crew);
    return good;
}

int demo_command(int argc, char **argv, demo_loader *load)
{
    struct command c = {0};
    struct error e = {0};
    g_set_prgname("zhongshu demo");
    play_block_signals();
    bool good = read_command(&c, argc, argv, &e);
    int status = good ? 0 : 2;
    if (good && !play(&c, load, &e)) {
        status = 1;
    }
    if (status != 0) {
        fprintf(stderr, "%s\n%s\n", e.en, e.zh);
    }
    command_clear(&c);
    return status;
}
