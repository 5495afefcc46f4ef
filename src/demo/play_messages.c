/* SPDX-License-Identifier: Apache-2.0 */
/* Speaks MQTT as all devices of a world. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "demo/play.h"
#include "demo/signal.h"
#include "mqtt/mqtt.h"

enum {
    PAST_TRY_MS = 1000, /* how long one try to publish may block; a signal is heard between tries */
    LIVE_TRY_MS = 200,  /* a device does not wait for its broker */
    FLUSH_MS = 5000,
};

/* ---- waiting, and the two signals ---- */

static sigset_t end_signals;
static bool ended;

void play_block_signals(void)
{
    sigemptyset(&end_signals);
    sigaddset(&end_signals, SIGINT);
    sigaddset(&end_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end_signals, NULL);
}

bool play_wait(int64_t microseconds)
{
    instant until = instant_now() + microseconds;
    while (!ended) {
        int64_t left = MAX(until - instant_now(), 0);
        struct timespec t = {left / INSTANT_SECOND, left % INSTANT_SECOND * 1000};
        ended = sigtimedwait(&end_signals, NULL, &t) > 0;
        if (!ended && instant_now() >= until) {
            return true;
        }
    }
    return false;
}

/* ---- messages ---- */

struct player {
    const struct world *world;
    struct mqtt_client *mqtt;
    GString *text;
    int64_t sent, lost;
};

bool play_due(const struct device *d, int64_t every, int64_t second)
{
    int64_t period = MAX(every / INSTANT_SECOND, 1);
    return (second - (int64_t)(d->key % (uint64_t)period)) % period == 0;
}

static instant moment(const struct device *d, int64_t second)
{
    return second * INSTANT_SECOND + (int64_t)((d->key >> 32) % 1000) * 1000;
}

/* One message; in the past it is tried again until it is taken, in the present it is lost like that of any
 * device. */
static void publish(struct player *p, const struct device *d, instant at, bool past)
{
    struct error e;
    if (device_silent(p->world, d, at)) {
        return;
    }
    device_message(p->world, d, at, p->text);
    while (!mqtt_publish(p->mqtt, d->topic, p->text->str, p->text->len, 1, false,
                         past ? PAST_TRY_MS : LIVE_TRY_MS, &e)) {
        if (!past || !play_wait(0)) {
            p->lost++;
            return;
        }
    }
    p->sent++;
}

static void play_group(struct player *p, const struct group *g, int64_t every, int64_t second, bool past)
{
    for (int i = 0; i < g->count; i++) {
        if (play_due(&g->devices[i], every, second)) {
            publish(p, &g->devices[i], moment(&g->devices[i], second), past);
        }
    }
}

static void play_second(struct player *p, int64_t second, bool coarse, bool past)
{
    for (int i = 0; i < p->world->groups_count; i++) {
        const struct group *g = &p->world->groups[i];
        if (g->topic != NULL) {
            play_group(p, g, coarse ? g->history : g->every, second, past);
        }
    }
}

static int64_t current_second(void)
{
    return instant_now() / INSTANT_SECOND;
}

/* Plays seconds from `second` until it has caught up with the clock; returns the first that is still to be
 * played. */
static int64_t play_past(struct player *p, int64_t second, double speed)
{
    instant begun = instant_now();
    int64_t first = second;
    while (second < current_second() && play_wait(0)) {
        play_second(p, second++, speed == 0, true);
        instant due = speed > 0 ? begun + (int64_t)((double)(second - first) / speed * INSTANT_SECOND) : 0;
        if (due > instant_now() && !play_wait(due - instant_now())) {
            break;
        }
    }
    return second;
}

/* Each second is played when it is over, so that no message is ahead of its time. */
static void play_present(struct player *p, int64_t second, int64_t duration)
{
    instant end = duration > 0 ? instant_now() + duration : INSTANT_MAX;
    while (instant_now() < end && play_wait(MAX((second + 1) * INSTANT_SECOND - instant_now(), 0))) {
        play_second(p, second++, false, false);
    }
}

static void connection_changed(void *user, bool connected, const char *reason)
{
    if (connected) {
        log_info("demo", "connected to the broker");
    } else {
        log_warning("demo", "no connection to the broker: %s", reason);
    }
}

static struct mqtt_client *connect_broker(const struct play_options *o)
{
    g_autofree char *id = g_strdup_printf("zhongshu-demo-%d", (int)getpid());
    struct mqtt_options m = {
        .host = o->mqtt_host,
        .port = o->mqtt_port,
        .client_id = id,
        .user_name = o->mqtt_user,
        .password = o->mqtt_password,
        .clean_session = true,
        .on_state = connection_changed,
    };
    return mqtt_client_new(&m);
}

bool play_messages(const struct world *w, const struct play_options *o, struct error *e)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct player p = {.world = w, .mqtt = connect_broker(o), .text = text};
    int64_t second = current_second() - o->history / INSTANT_SECOND;
    if (o->history > 0) {
        second = play_past(&p, second, o->speed);
        log_info("demo", "the past is played: %" G_GINT64_FORMAT " messages", p.sent);
    }
    play_present(&p, second, o->duration);
    bool good = p.sent == 0 || mqtt_flush(p.mqtt, FLUSH_MS, e);
    log_info("demo", "%" G_GINT64_FORMAT " messages sent, %" G_GINT64_FORMAT " lost", p.sent, p.lost);
    mqtt_client_free(p.mqtt);
    return good || ended;
}
