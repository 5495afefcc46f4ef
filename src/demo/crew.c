/* SPDX-License-Identifier: Apache-2.0 */
/* The crew at work: one thread that looks for cases and does what is due, as the accounts of the packs would.
 *
 *   look() ──► a case that is new or has changed: read_case() ──► planned
 *   planned, and due: act() ──► the answer is the case as it is now: planned again, until no step is left
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "demo/caller.h"
#include "demo/crew.h"
#include "demo/picture.h"
#include "demo/world.h"

enum {
    PAGE = 30,     /* cases of one answer, which may not grow over 64 KiB */
    PICTURES = 12, /* of one name */
};
static const int64_t every_look = 5 * INSTANT_SECOND;
static const int64_t busy_look = 2 * INSTANT_SECOND; /* when the last look found something */
static const int64_t full_look = 300 * INSTANT_SECOND;
static const int64_t pace = INSTANT_SECOND / 3;
static const int64_t late_pace = INSTANT_SECOND / 50; /* for what was due more than so long ago: */
static const int64_t late = 60 * INSTANT_SECOND;
static const int64_t away = 2 * INSTANT_SECOND;      /* until the hub is tried again */
static const int64_t refused = 600 * INSTANT_SECOND; /* until a refused act is tried again */

/* A case that the crew knows of. */
struct item {
    char *id, *number, *workflow, *state, *source, *category;
    int64_t version;
    int acts;      /* in the timeline when the crew last read it */
    instant begun; /* when what it is about happened */
    instant touched;
    bool planned;
    instant due; /* of the plan, or of its next try */
    struct crew_plan plan;
};

/* An account of the crew. */
struct session {
    char *token; /* or NULL */
    instant retry;
};

struct crew_work {
    const struct crew *crew;
    uint64_t seed;
    const char *password;
    struct caller *caller;
    GThread *thread;
    GMutex lock; /* of stopping */
    GCond changed;
    bool stopping;
    GHashTable *items;    /* id → struct item */
    GHashTable *sessions; /* name → struct session */
    GHashTable *pictures; /* name and number → sha256 */
    instant next_look, next_full;
    instant hub_away; /* not before this is it tried again */
    int64_t acted, refusals;
};

static void item_free(void *data)
{
    struct item *x = data;
    g_free(x->id);
    g_free(x->number);
    g_free(x->workflow);
    g_free(x->state);
    g_free(x->source);
    g_free(x->category);
    g_free(x);
}

static void session_free(void *data)
{
    struct session *s = data;
    g_free(s->token);
    g_free(s);
}

/* Waits; false when it shall end. */
static bool rest(struct crew_work *w, int64_t microseconds)
{
    gint64 until = g_get_monotonic_time() + MAX(microseconds, 0);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&w->lock);
    while (!w->stopping && g_cond_wait_until(&w->changed, &w->lock, until)) {
    }
    return !w->stopping;
}

/* ---- requests ---- */

/* A token of the account; NULL when it cannot sign in now. */
static const char *token_of(struct crew_work *w, const char *account)
{
    struct session *s = g_hash_table_lookup(w->sessions, account);
    if (s->token == NULL && instant_now() >= s->retry) {
        arena_auto a = arena_new();
        const char *token = NULL;
        int status = caller_sign_in(w->caller, a, account, w->password, &token);
        s->token = g_strdup(token);
        if (status == 0 || status >= 500) {
            w->hub_away = instant_now() + away;
        } else if (token == NULL) {
            s->retry = instant_now() + refused;
            log_warning("demo", "%s of the crew cannot sign in: status %d", account, status);
        }
    }
    return s->token;
}

/* What an answer says about the hub and the session, apart from the case. */
static void notice(struct crew_work *w, const char *account, int status)
{
    struct session *s = g_hash_table_lookup(w->sessions, account);
    if (status == 401) {
        g_clear_pointer(&s->token, g_free);
    } else if (status == 0 || status == 429 || status >= 500) {
        w->hub_away = instant_now() + away;
    }
}

static int send_as(struct crew_work *w, const char *account, struct call call)
{
    call.token = token_of(w, account);
    if (call.token == NULL) {
        return 0;
    }
    int status = caller_send(w->caller, &call);
    notice(w, account, status);
    return status;
}

/* Reads as the first of the crew; NULL when there is no good answer. */
static struct json *get(struct crew_work *w, struct arena *a, const char *path)
{
    int status = send_as(w, w->crew->accounts[0], (struct call){.method = "GET", .path = path});
    return status == 200 ? caller_json(w->caller, a) : NULL;
}

static const char *escaped(struct arena *a, const char *id)
{
    g_autofree char *text = g_uri_escape_string(id, ":", FALSE);
    return arena_strdup(a, text);
}

/* ---- planning ---- */

static void set_text(char **out, const char *text)
{
    g_free(*out);
    *out = g_strdup(text);
}

static void plan(struct crew_work *w, struct item *x, const struct json *one)
{
    set_text(&x->state, json_get_string(one, "state"));
    x->version = json_get_int(one, "version", 0);
    x->planned = crew_plan_case(w->crew, w->seed, one, x->begun, x->touched, &x->plan);
    x->due = x->planned ? x->plan.due : INSTANT_MAX;
}

static instant read_time(const struct json *value)
{
    const struct json *text = json_is(value, JSON_OBJECT) ? json_get(value, "@value") : value;
    instant t;
    return json_is(text, JSON_STRING) && instant_parse(text->string, text->length, NULL, &t) ? t
                                                                                             : INSTANT_MAX;
}

/* When that happened which a case is about: its alarm's start, else its opening. */
static instant beginning(struct crew_work *w, struct arena *a, const struct json *one)
{
    const char *alarm = json_get_string(one, "alarm");
    instant opened = read_time(json_get(one, "openedAt"));
    if (alarm == NULL) {
        return opened;
    }
    const char *path = arena_printf(a, "/ngsi-ld/v1/entities/%s?options=keyValues", escaped(a, alarm));
    return MIN(opened, read_time(json_get(get(w, a, path), "startedAt")));
}

/* What others did since the crew last read the case was done by a person, whatever the account. */
static void find_touch(struct item *x, const struct json *one, bool known)
{
    instant last = 0;
    int acts = crew_acts(one, &last);
    if (known && acts > x->acts) {
        x->touched = last;
    }
    x->acts = acts;
}

static void read_case(struct crew_work *w, struct item *x)
{
    arena_auto a = arena_new();
    struct json *one = get(w, a, arena_printf(a, "/api/v1/cases/%s", escaped(a, x->id)));
    bool known = x->begun != 0;
    if (one == NULL) {
        x->version = -1; /* the next look will see it as changed */
        x->planned = false;
        return;
    }
    if (!known) {
        x->begun = beginning(w, a, one);
    }
    find_touch(x, one, known);
    plan(w, x, one);
}

/* ---- looking ---- */

static struct item *find_item(struct crew_work *w, const struct json *summary)
{
    const char *id = json_get_string(summary, "id");
    struct item *x = id != NULL ? g_hash_table_lookup(w->items, id) : NULL;
    if (x == NULL && id != NULL) {
        x = g_new0(struct item, 1);
        x->id = g_strdup(id);
        x->version = -1;
        x->number = g_strdup(json_get_string(summary, "number"));
        x->workflow = g_strdup(json_get_string(summary, "workflow"));
        x->source = g_strdup(json_get_string(json_get(summary, "source"), "id"));
        x->category = g_strdup(json_get_string(summary, "categoryCode"));
        g_hash_table_insert(w->items, x->id, x);
    }
    return x;
}

/* Takes in one page; returns how many cases of it were new or changed, -1 when there was none. */
static int look_page(struct crew_work *w, const char *workflow, const char *states, int offset, int *total)
{
    arena_auto a = arena_new();
    const struct json *page =
        get(w, a,
            arena_printf(a, "/api/v1/cases?workflow=%s&state=%s&sort=-openedAt&limit=%d&offset=%d",
                         escaped(a, workflow), states, PAGE, offset));
    int news = 0;
    *total = (int)json_get_int(page, "total", 0);
    for (const struct json *m = json_first(json_get(page, "items")); m != NULL; m = m->next) {
        struct item *x = find_item(w, m);
        if (x != NULL && x->version != json_get_int(m, "version", 0)) {
            read_case(w, x);
            news++;
        }
        if (!rest(w, 0) || instant_now() < w->hub_away) {
            return -1;
        }
    }
    return page != NULL ? news : -1;
}

/* Page by page, newest first, to the end or to the first page without news. */
static int look_at(struct crew_work *w, const char *workflow, const char *states, bool all)
{
    int found = 0, total = 1;
    for (int offset = 0; offset < total; offset += PAGE) {
        int news = look_page(w, workflow, states, offset, &total);
        if (news < 0) {
            return -1;
        }
        found += news;
        if (news == 0 && !all) {
            break;
        }
    }
    return found;
}

/* The states of the workflow that have a desk, with commas; NULL when the desk is not its first. */
static char *states_of(const struct crew *c, int desk)
{
    GString *states = g_string_new(NULL);
    for (int i = 0; i < c->desks_count; i++) {
        if (strcmp(c->desks[i].workflow, c->desks[desk].workflow) == 0) {
            if (i < desk) {
                g_string_free(states, TRUE);
                return NULL;
            }
            g_string_append_printf(states, "%s%s", states->len > 0 ? "," : "", c->desks[i].state);
        }
    }
    return g_string_free(states, FALSE);
}

static void look(struct crew_work *w)
{
    bool all = instant_now() >= w->next_full;
    int found = 0;
    for (int i = 0; i < w->crew->desks_count && found >= 0; i++) {
        g_autofree char *states = states_of(w->crew, i);
        int news = states != NULL ? look_at(w, w->crew->desks[i].workflow, states, all) : 0;
        found = news < 0 ? -1 : found + news;
    }
    if (all && found >= 0) {
        w->next_full = instant_now() + full_look;
    }
    w->next_look = instant_now() + (found != 0 ? busy_look : every_look);
}

/* ---- acting ---- */

/* What the values of a form ask for. */
struct asking {
    struct crew_work *work;
    const struct item *item;
    struct arena *a;
};

static const char *send_picture(struct crew_work *w, struct arena *a, const char *account, const char *name,
                                uint64_t number)
{
    g_autoptr(GByteArray) png = picture_png(chance_text(number, name));
    g_autofree char *shown = g_uri_escape_string(name, NULL, FALSE);
    int status = send_as(w, account,
                         (struct call){.method = "POST",
                                       .path = "/api/v1/attachments",
                                       .header = arena_printf(a, "X-Filename: %s", shown),
                                       .type = "image/png",
                                       .body = (const char *)png->data,
                                       .length = png->len});
    return status == 200 || status == 201 ? json_get_string(caller_json(w->caller, a), "sha256") : NULL;
}

static const struct json *ask_picture(void *user, const char *name, uint64_t key)
{
    struct asking *x = user;
    uint64_t number = key % PICTURES;
    const char *label = arena_printf(x->a, "%s %d", name, (int)number);
    const char *digest = g_hash_table_lookup(x->work->pictures, label);
    if (digest == NULL) {
        digest = send_picture(x->work, x->a, x->item->plan.account, name, number);
        if (digest == NULL) {
            return NULL;
        }
        g_hash_table_insert(x->work->pictures, g_strdup(label), g_strdup(digest));
    }
    struct json *list = json_array(x->a);
    json_append(list, json_string(x->a, digest));
    return list;
}

/* How much a case is like another: of the same thing, of the same kind. */
static int likeness(const struct item *a, const struct item *b)
{
    if (g_strcmp0(a->workflow, b->workflow) != 0 || g_strcmp0(a->number, b->number) <= 0) {
        return 0;
    }
    return a->source != NULL && g_strcmp0(a->source, b->source) == 0         ? 3
           : a->category != NULL && g_strcmp0(a->category, b->category) == 0 ? 2
                                                                             : 1;
}

static const struct json *ask_other(void *user, const char *member)
{
    struct asking *x = user;
    const struct item *best = NULL;
    GHashTableIter each;
    void *value;
    g_hash_table_iter_init(&each, x->work->items);
    while (g_hash_table_iter_next(&each, NULL, &value)) {
        const struct item *other = value;
        int like = likeness(x->item, other);
        if (like > 0 && (best == NULL || like > likeness(x->item, best) ||
                         (like == likeness(x->item, best) && g_strcmp0(other->number, best->number) > 0))) {
            best = other;
        }
    }
    const char *text = best == NULL                    ? NULL
                       : strcmp(member, "id") == 0     ? best->id
                       : strcmp(member, "number") == 0 ? best->number
                                                       : NULL;
    return text != NULL ? json_string(x->a, text) : NULL;
}

/* The answer to an act: the case as it is now, or why not. */
static void take_answer(struct crew_work *w, struct item *x, int status, struct arena *a)
{
    if (status == 200) {
        instant ignored = 0;
        const struct json *one = caller_json(w->caller, a);
        x->acts = crew_acts(one, &ignored);
        w->acted++;
        plan(w, x, one);
        return;
    }
    if (status == 409) {
        read_case(w, x);
        return;
    }
    x->due = instant_now() + (status == 0 || status == 401 ? away : refused);
    if (status != 0 && status != 401) {
        w->refusals++;
        log_warning("demo", "the crew's %s of %s was refused: %d %.300s", x->plan.step->action, x->id, status,
                    caller_text(w->caller));
    }
}

static void act(struct crew_work *w, struct item *x)
{
    arena_auto a = arena_new();
    struct asking asking = {w, x, a};
    struct crew_source from = {ask_picture, ask_other, &asking};
    const struct json *body = crew_body(a, &x->plan, instant_now(), &from);
    if (body == NULL) {
        x->due = instant_now() + late;
        return;
    }
    const char *text = json_text(a, body);
    int status =
        send_as(w, x->plan.account,
                (struct call){.method = "POST",
                              .path = arena_printf(a, "/api/v1/cases/%s/actions/%s", escaped(a, x->id),
                                                   escaped(a, x->plan.step->action)),
                              .header = arena_printf(a, "If-Match: \"%" G_GINT64_FORMAT "\"", x->version),
                              .type = "application/json",
                              .body = text,
                              .length = strlen(text)});
    take_answer(w, x, status, a);
}

static struct item *first_due(struct crew_work *w)
{
    struct item *first = NULL;
    GHashTableIter each;
    void *value;
    g_hash_table_iter_init(&each, w->items);
    while (g_hash_table_iter_next(&each, NULL, &value)) {
        struct item *x = value;
        if (x->planned && (first == NULL || x->due < first->due)) {
            first = x;
        }
    }
    return first;
}

/* Does one thing; returns how long to rest before the next. */
static int64_t do_next(struct crew_work *w)
{
    instant now = instant_now();
    if (now < w->hub_away) {
        return w->hub_away - now;
    }
    if (now >= w->next_look) {
        look(w);
        return 0;
    }
    struct item *x = first_due(w);
    if (x == NULL || x->due > now) {
        return MIN(x != NULL ? x->due : INSTANT_MAX, w->next_look) - now;
    }
    int64_t behind = now - x->due;
    act(w, x);
    return behind > late ? late_pace : pace;
}

static void *work(void *user)
{
    struct crew_work *w = user;
    while (rest(w, do_next(w))) {
    }
    return NULL;
}

struct crew_work *crew_start(const struct crew *c, uint64_t seed, const char *server, const char *password)
{
    struct crew_work *w = g_new0(struct crew_work, 1);
    w->crew = c;
    w->seed = seed;
    w->password = password;
    w->caller = caller_new(server);
    g_mutex_init(&w->lock);
    g_cond_init(&w->changed);
    w->items = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, item_free);
    w->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, session_free);
    w->pictures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 0; i < c->accounts_count; i++) {
        g_hash_table_insert(w->sessions, (char *)c->accounts[i], g_new0(struct session, 1));
    }
    w->thread = g_thread_new("crew", work, w);
    return w;
}

void crew_stop(struct crew_work *w)
{
    if (w == NULL) {
        return;
    }
    g_mutex_lock(&w->lock);
    w->stopping = true;
    g_cond_signal(&w->changed);
    g_mutex_unlock(&w->lock);
    caller_stop(w->caller);
    g_thread_join(w->thread);
    caller_free(w->caller);
    log_info("demo",
             "the crew took %" G_GINT64_FORMAT " actions on %u cases; %" G_GINT64_FORMAT " were refused",
             w->acted, g_hash_table_size(w->items), w->refusals);
    g_hash_table_unref(w->items);
    g_hash_table_unref(w->sessions);
    g_hash_table_unref(w->pictures);
    g_mutex_clear(&w->lock);
    g_cond_clear(&w->changed);
    g_free(w);
}
