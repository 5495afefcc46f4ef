/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on a real store: who may do what when, forms, clocks, alarms. */
#include "cases/case.h"

#include <glib/gstdio.h>
#include <string.h>

#include "cases/attachments.h"
#include "cases/clocks.h"
#include "cases/opening.h"
#include "cases/timers.h"

static const char pack_text[] =
    "{\"calendar\":{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"],\"hours\":[\"00:00-24:"
    "00\"]},"
    "\"roles\":{\"clerk\":{\"title\":\"Clerk\"},\"worker\":{\"title\":\"Worker\"},\"judge\":{\"title\":"
    "\"Judge\"}},"
    "\"categories\":{\"matters\":{\"06\":{\"title\":\"T\",\"items\":{\"06010\":\"暴露垃圾\"}}}},"
    "\"rules\":[{\"name\":\"high\",\"type\":\"Gauge\",\"case\":\"street\",\"category\":\"06010\"},"
    "{\"name\":\"quiet\",\"type\":\"Gauge\",\"case\":\"none\"}],"
    "\"workflows\":{\"street\":{\"title\":\"Street\",\"start\":\"new\",\"states\":{"
    "\"new\":{\"title\":\"New\"},\"work\":{\"title\":\"Work\"},\"wait\":{\"title\":\"Wait\",\"kind\":"
    "\"paused\"},"
    "\"check\":{\"title\":\"Check\"},\"fixed\":{\"title\":\"Fixed\",\"kind\":\"closed\",\"reason\":\"fixed\"}"
    ","
    "\"dropped\":{\"title\":\"Dropped\",\"kind\":\"closed\",\"reason\":\"void\"}},"
    "\"actions\":{"
    "\"send\":{\"title\":\"Send\",\"from\":\"new\",\"to\":\"work\",\"roles\":[\"clerk\"],"
    "\"form\":[{\"name\":\"whom\",\"title\":\"Whom\",\"kind\":\"user\",\"role\":\"worker\"}],"
    "\"sets\":{\"assignee\":{\"form\":\"whom\"}}},"
    "\"drop\":{\"title\":\"Drop\",\"from\":[\"new\",\"work\"],\"to\":\"dropped\",\"roles\":[\"clerk\","
    "\"judge\"],"
    "\"comment\":\"required\"},"
    "\"hold\":{\"title\":\"Hold\",\"from\":\"work\",\"to\":\"wait\",\"roles\":[\"clerk\"]},"
    "\"resume\":{\"title\":\"Resume\",\"from\":\"wait\",\"to\":\"work\",\"roles\":[\"clerk\"]},"
    "\"done\":{\"title\":\"Done\",\"from\":\"work\",\"to\":\"check\",\"roles\":[\"worker\"],\"assignee\":"
    "true},"
    "\"more\":{\"title\":\"More\",\"from\":\"work\",\"roles\":[\"judge\"],\"form\":[{\"name\":\"days\","
    "\"title\":\"Days\","
    "\"kind\":\"number\",\"min\":1,\"max\":9,\"required\":true}],\"extend\":{\"deadline\":\"work\",\"by\":"
    "\"days\"}},"
    "\"pass\":{\"title\":\"Pass\",\"from\":\"check\",\"to\":\"fixed\",\"roles\":[\"judge\",\"worker\"],"
    "\"not\":\"worker\"},"
    "\"again\":{\"title\":\"Again\",\"from\":\"check\",\"to\":\"work\",\"roles\":[\"judge\"]}},"
    "\"deadlines\":{\"work\":{\"title\":\"Work\",\"states\":\"work\",\"within\":\"10h\",\"clock\":\"always\","
    "\"remind\":[\"2h\",\"1h\"],\"escalate\":[{\"after\":\"0m\",\"raise\":true,\"notify\":\"judge\"},"
    "{\"after\":\"1h\",\"raise\":true}]}}}}}";

struct fixture {
    char *dir;
    struct store *store;
    struct arena *a;
    struct playbook *p;
};

static struct playbook *read_playbook(struct arena *a)
{
    struct error e = {0};
    static struct pack pack = {"p", "p", NULL};
    pack.root = json_parse(a, pack_text, strlen(pack_text), &e);
    g_assert_cmpstr(e.en, ==, "");
    const struct pack *const all[] = {&pack, NULL};
    struct playbook *p = playbook_new(all, &e);
    g_assert_cmpstr(e.en, ==, "");
    return p;
}

static void set_up(struct fixture *f, gconstpointer data)
{
    struct error e = {0};
    struct store_options options = {0};
    f->dir = g_dir_make_tmp("cases-XXXXXX", NULL);
    f->store = store_open(f->dir, &options, &e);
    g_assert_cmpstr(e.en, ==, "");
    f->a = arena_new();
    f->p = read_playbook(f->a);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    playbook_unref(f->p);
    store_close(f->store);
    arena_free(f->a);
    remove_tree(f->dir);
    g_free(f->dir);
}

/* ---- one job with a closure ---- */

struct closure {
    struct store_job job;
    struct fixture *f;
    bool (*run)(struct closure *c, struct txn *t, struct error *e);
    struct case_action action;
    const struct opening *opening;
    const char *id, *what, *severity;
    const struct json *record;
    struct json *fragment;
    const struct attachment *attachment;
    instant next, now;
    bool opened;
};

static bool closure_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct closure *c = (struct closure *)job;
    c->now = txn_now(t);
    return c->run(c, t, e);
}

static bool run(struct fixture *f, struct closure *c, struct error *e)
{
    *e = (struct error){0};
    c->job = (struct store_job){.apply = closure_apply};
    c->f = f;
    return store_run(f->store, &c->job, e);
}

static bool do_open(struct closure *c, struct txn *t, struct error *e)
{
    return case_open(t, c->f->a, c->f->p, c->opening, &c->id, e);
}

static bool do_act(struct closure *c, struct txn *t, struct error *e)
{
    return case_act(t, c->f->a, c->f->p, &c->action, e);
}

static bool do_fire(struct closure *c, struct txn *t, struct error *e)
{
    return case_fire(t, c->f->a, c->f->p, c->id, &c->next, e);
}

static bool do_write(struct closure *c, struct txn *t, struct error *e)
{
    return context_write(t, c->f->a, c->fragment, CONTEXT_UPDATE, 0, "test", NULL, e);
}

static bool do_alarm(struct closure *c, struct txn *t, struct error *e)
{
    return alarm_record(t, c->f->a, c->f->p, c->record, &c->opened, e);
}

/* ---- people ---- */

#define ROLES(...) ((const char *const[]){__VA_ARGS__, NULL})
static const struct user *person(struct fixture *f, const char *name, const char *role, const char *area)
{
    struct user *u = arena_new0(f->a, struct user);
    const char **roles = arena_array(f->a, const char *, 2);
    roles[0] = role;
    *u = (struct user){name, name, "", area, roles};
    return u;
}

static const char *open_one(struct fixture *f, const char *scope)
{
    struct error e;
    struct opening o = {.workflow = playbook_workflow(f->p, "street"),
                        .title = json_string(f->a, "Rubbish"),
                        .severity = "yellow",
                        .scope = scope,
                        .user = person(f, "citizen", "clerk", "")};
    struct closure c = {.run = do_open, .opening = &o};
    g_assert_true(run(f, &c, &e));
    return c.id;
}

static const struct json *read_case(struct fixture *f, const char *id)
{
    view_auto v = view_begin(f->store);
    return context_get(v, f->a, id);
}

static void put_state(struct fixture *f, const char *id, const char *state)
{
    struct error e;
    struct closure c = {.run = do_write, .fragment = context_entity(f->a, id, "Case")};
    context_set_property(f->a, c.fragment, "state", json_string(f->a, state));
    g_assert_true(run(f, &c, &e));
}

static enum error_code act(struct fixture *f, const char *id, const char *action, const struct user *u,
                           const char *form, const char *comment, struct error *e)
{
    struct closure c = {.run = do_act,
                        .action = {.id = id, .action = action, .comment = comment, .version = -1, .user = u}};
    if (form != NULL) {
        c.action.form = json_parse(f->a, form, strlen(form), e);
        g_assert_nonnull(c.action.form);
    }
    struct error own;
    run(f, &c, e != NULL ? e : &own);
    return e != NULL ? e->code : own.code;
}

static void check_text_of(const struct json *entity, const char *name, const char *expected)
{
    g_assert_cmpstr(context_string(entity, name), ==, expected);
}

/* ---- legality ---- */

static const char *const all_states[] = {"new", "work", "wait", "check", "fixed", "dropped"};
static const char *const all_actions[] = {"send", "drop", "hold",  "resume", "done",
                                          "more", "pass", "again", "dance"};
static const char *const all_roles[] = {"clerk", "worker", "judge", "viewer"};

/* Written by hand from the workflow above: "state action role → state". */
static const char *const legal[] = {
    "new send clerk work",     "new drop clerk dropped", "new drop judge dropped", "work drop clerk dropped",
    "work drop judge dropped", "work hold clerk wait",   "wait resume clerk work", "work done worker check",
    "work more judge work",    "check pass judge fixed", "check again judge work", NULL};

static const char *legal_target(const char *state, const char *action, const char *role)
{
    g_autofree char *start = g_strdup_printf("%s %s %s ", state, action, role);
    for (int i = 0; legal[i] != NULL; i++) {
        if (g_str_has_prefix(legal[i], start)) {
            return legal[i] + strlen(start);
        }
    }
    return NULL;
}

static bool possible_in(const char *state, const char *action)
{
    g_autofree char *start = g_strdup_printf("%s %s ", state, action);
    for (int i = 0; legal[i] != NULL; i++) {
        if (g_str_has_prefix(legal[i], start)) {
            return true;
        }
    }
    return false;
}

static void check_one(struct fixture *f, const char *state, const char *action, const char *role)
{
    struct error e;
    const char *id = open_one(f, NULL);
    const struct user *u = person(f, "wang", role, ""), *clerk = person(f, "zhao", "clerk", "");
    if (strcmp(state, "new") != 0 && strcmp(state, "dropped") != 0) {
        g_assert_cmpint(act(f, id, "send", clerk, NULL, NULL, &e), ==, ERROR_NONE);
    }
    put_state(f, id, state);
    struct closure c = {.run = do_write, .fragment = context_entity(f->a, id, "Case")};
    context_set_property(f->a, c.fragment, "assignee",
                         json_string(f->a, strcmp(action, "done") == 0 ? "wang" : "li"));
    g_assert_true(run(f, &c, &e));
    const struct json *before = read_case(f, id);
    const char *target = legal_target(state, action, role);
    enum error_code expected = !possible_in(state, action) ? ERROR_CONFLICT
                               : target == NULL            ? ERROR_FORBIDDEN
                                                           : ERROR_NONE;
    if (strcmp(state, "check") == 0 && strcmp(action, "pass") == 0 && strcmp(role, "worker") == 0) {
        expected = ERROR_NONE; /* a worker other than who worked on it */
        target = "fixed";
    }
    const char *form = strcmp(action, "more") == 0 ? "{\"days\":1}" : NULL;
    const char *comment = strcmp(action, "drop") == 0 ? "why" : NULL;
    g_test_message("%s %s %s", state, action, role);
    g_assert_cmpint(act(f, id, action, u, form, comment, &e), ==, expected);
    if (expected == ERROR_NONE) {
        check_text_of(read_case(f, id), "state", target);
        g_assert_cmpint(case_version(read_case(f, id)), ==, case_version(before) + 1);
    } else {
        g_assert_true(json_equal(before, read_case(f, id)));
    }
}

static void test_every_state_action_role(struct fixture *f, gconstpointer data)
{
    for (size_t s = 0; s < G_N_ELEMENTS(all_states); s++) {
        for (size_t x = 0; x < G_N_ELEMENTS(all_actions); x++) {
            for (size_t r = 0; r < G_N_ELEMENTS(all_roles); r++) {
                check_one(f, all_states[s], all_actions[x], all_roles[r]);
            }
        }
    }
}

static void test_refusals_say_what_to_do(struct fixture *f, gconstpointer data)
{
    struct error e;
    const char *id = open_one(f, "/渝中区/大坪街道");
    const struct user *worker = person(f, "wang", "worker", "");
    act(f, id, "pass", worker, NULL, NULL, &e);
    g_assert_nonnull(strstr(e.en, "possible now: send, drop"));
    act(f, id, "send", worker, NULL, NULL, &e);
    g_assert_nonnull(strstr(e.en, "clerk (Clerk)"));
    act(f, id, "send", person(f, "zhao", "clerk", "/渝中区/解放碑街道"), NULL, NULL, &e);
    g_assert_cmpint(e.code, ==, ERROR_FORBIDDEN);
    g_assert_nonnull(strstr(e.zh, "/渝中区/解放碑街道"));
    act(f, id, "drop", person(f, "zhao", "clerk", "/渝中区"), NULL, "", &e);
    g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
    act(f, "urn:ngsi-ld:Case:none", "drop", worker, NULL, NULL, &e);
    g_assert_cmpint(e.code, ==, ERROR_NOT_FOUND);
}

static void test_another_person_checks(struct fixture *f, gconstpointer data)
{
    struct error e;
    const char *id = open_one(f, NULL);
    const char *const both[] = {"worker", "judge", NULL};
    struct user wang = {"wang", "王", "", "", both};
    struct user boss = {"boss", "B", "", "", ROLES("admin")};
    g_assert_cmpint(act(f, id, "send", &boss, NULL, NULL, &e), ==, ERROR_NONE);
    g_assert_cmpint(act(f, id, "done", &wang, NULL, NULL, &e), ==, ERROR_FORBIDDEN); /* assigned to nobody */
    g_assert_cmpint(act(f, id, "done", &boss, NULL, NULL, &e), ==, ERROR_NONE);
    g_assert_cmpint(act(f, id, "pass", &boss, NULL, NULL, &e), ==,
                    ERROR_FORBIDDEN); /* an administrator too */
    g_assert_nonnull(strstr(e.en, "another person than the worker"));
    g_assert_cmpint(act(f, id, "pass", &wang, NULL, NULL, &e), ==, ERROR_NONE);
    check_text_of(read_case(f, id), "closeReason", "fixed");
    g_assert_nonnull(context_string(read_case(f, id), "closedAt"));
}

static void test_versions(struct fixture *f, gconstpointer data)
{
    struct error e;
    const char *id = open_one(f, NULL);
    struct closure c = {
        .run = do_act,
        .action = {.id = id, .action = "send", .version = 7, .user = person(f, "z", "clerk", "")}};
    g_assert_false(run(f, &c, &e));
    g_assert_cmpint(e.code, ==, ERROR_CONFLICT);
    c.action.version = 1;
    g_assert_true(run(f, &c, &e));
}

/* ---- forms ---- */

static void test_forms(struct fixture *f, gconstpointer data)
{
    static const char *const bad[] = {
        "{\"days\":0}",   "{\"days\":10}", "{\"days\":\"3\"}", "{}", "[]", "{\"days\":2,\"extra\":1}",
        "{\"days\":null}"};
    struct error e;
    const char *id = open_one(f, NULL);
    const struct user *judge = person(f, "j", "judge", ""), *clerk = person(f, "z", "clerk", "");
    g_assert_cmpint(act(f, id, "send", clerk, "{\"whom\":\"nobody\"}", NULL, &e), ==, ERROR_BAD_REQUEST_DATA);
    g_assert_nonnull(strstr(e.en, "\"whom\""));
    g_assert_cmpint(act(f, id, "send", clerk, NULL, NULL, &e), ==, ERROR_NONE);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(act(f, id, "more", judge, bad[i], NULL, &e), ==, ERROR_BAD_REQUEST_DATA);
    }
    g_assert_cmpint(act(f, id, "more", judge, "{\"days\":2}", NULL, &e), ==, ERROR_NONE);
}

static void test_people_in_forms(struct fixture *f, gconstpointer data)
{
    struct error e = {0};
    struct user worker = {"li", "李", "环卫所", "", ROLES("worker")},
                judge = {"jin", "金", "", "", ROLES("judge")};
    g_assert_true(identity_put_user(f->store, &worker, "a long password", &e));
    g_assert_true(identity_put_user(f->store, &judge, "a long password", &e));
    const char *id = open_one(f, NULL);
    const struct user *clerk = person(f, "z", "clerk", "");
    g_assert_cmpint(act(f, id, "send", clerk, "{\"whom\":\"jin\"}", NULL, &e), ==, ERROR_BAD_REQUEST_DATA);
    g_assert_cmpint(act(f, id, "send", clerk, "{\"whom\":\"li\"}", NULL, &e), ==, ERROR_NONE);
    check_text_of(read_case(f, id), "assignee", "li");
    g_assert_cmpint(act(f, id, "done", person(f, "wu", "worker", ""), NULL, NULL, &e), ==, ERROR_FORBIDDEN);
    g_assert_cmpint(act(f, id, "done", &worker, NULL, NULL, &e), ==, ERROR_NONE);
}

/* ---- clocks ---- */

static const struct json *stage_of(const struct json *entity)
{
    return json_get(case_deadlines(entity), "work");
}

static instant due_of(const struct json *entity)
{
    const struct json *due = json_get(stage_of(entity), "due");
    instant t = 0;
    g_assert_true(json_is(due, JSON_STRING) && instant_parse(due->string, due->length, NULL, &t));
    return t;
}

/* Makes the stage look as if it were due at this moment. */
static void put_due(struct fixture *f, const char *id, instant due)
{
    char text[INSTANT_TEXT];
    struct error e;
    struct json *deadlines = json_copy(f->a, case_deadlines(read_case(f, id)));
    json_set(f->a, json_get(deadlines, "work"), "due", json_string(f->a, instant_format(due, text)));
    struct json *value = json_object(f->a);
    json_add(value, "type", json_string(f->a, "JsonProperty"));
    json_add(value, "json", deadlines);
    struct closure c = {.run = do_write, .fragment = context_entity(f->a, id, "Case")};
    json_set(f->a, c.fragment, "deadlines", value);
    g_assert_true(run(f, &c, &e));
}

static instant fire(struct fixture *f, const char *id)
{
    struct error e;
    struct closure c = {.run = do_fire, .id = id};
    g_assert_true(run(f, &c, &e));
    return c.next;
}

static const char *last_action(const struct json *entity)
{
    return json_get_string(case_timeline(entity)->last, "action");
}

static const char *at_work(struct fixture *f)
{
    const char *id = open_one(f, NULL);
    g_assert_cmpint(act(f, id, "send", person(f, "z", "clerk", ""), NULL, NULL, NULL), ==, ERROR_NONE);
    return id;
}

static void test_reminder_overdue_escalation(struct fixture *f, gconstpointer data)
{
    const char *id = at_work(f);
    instant now = instant_now(), hour = CALENDAR_HOUR;
    g_assert_cmpint(fire(f, id), ==, due_of(read_case(f, id)) - 2 * hour);
    int64_t version = case_version(read_case(f, id));
    put_due(f, id, now + 90 * 60 * INSTANT_SECOND);
    g_assert_cmpint(fire(f, id), ==, now + 30 * 60 * INSTANT_SECOND); /* the second reminder comes next */
    g_assert_cmpstr(last_action(read_case(f, id)), ==, "remind");
    put_due(f, id, now - 60 * INSTANT_SECOND);
    g_assert_cmpint(fire(f, id), ==, now - 60 * INSTANT_SECOND + hour);
    const struct json *entity = read_case(f, id);
    g_assert_cmpint(case_version(entity), ==, version + 3); /* remind, overdue, escalate */
    g_assert_cmpstr(last_action(entity), ==, "escalate");
    g_assert_true(json_get_bool(stage_of(entity), "overdue", false));
    g_assert_cmpfloat(context_number(entity, "priority", 0), ==, 2);    /* yellow began with 3 */
    g_assert_cmpint(fire(f, id), ==, now - 60 * INSTANT_SECOND + hour); /* again changes nothing */
    g_assert_cmpint(case_version(read_case(f, id)), ==, version + 3);
    put_due(f, id, now - 2 * hour);
    g_assert_cmpint(fire(f, id), ==, INSTANT_MAX);
    g_assert_cmpint(case_version(read_case(f, id)), ==, version + 4);
}

static void test_pause_and_resume(struct fixture *f, gconstpointer data)
{
    const char *id = at_work(f);
    const struct user *clerk = person(f, "z", "clerk", "");
    put_due(f, id, instant_now() + 5 * CALENDAR_HOUR);
    g_assert_cmpint(act(f, id, "hold", clerk, NULL, NULL, NULL), ==, ERROR_NONE);
    const struct json *held = read_case(f, id);
    int64_t left = json_get_int(stage_of(held), "remaining", 0);
    g_assert_cmpint(left, >, 4 * CALENDAR_HOUR);
    g_assert_null(context_value(held, "deadline"));
    g_assert_cmpint(fire(f, id), ==, INSTANT_MAX);
    g_assert_cmpint(act(f, id, "resume", clerk, NULL, NULL, NULL), ==, ERROR_NONE);
    g_assert_cmpint(due_of(read_case(f, id)), >=, instant_now() + left - 60 * INSTANT_SECOND);
}

static void test_extension(struct fixture *f, gconstpointer data)
{
    const char *id = at_work(f);
    instant due = due_of(read_case(f, id));
    put_due(f, id, instant_now() - INSTANT_SECOND);
    fire(f, id);
    put_due(f, id, due);
    g_assert_cmpint(act(f, id, "more", person(f, "j", "judge", ""), "{\"days\":2}", NULL, NULL), ==,
                    ERROR_NONE);
    const struct json *entity = read_case(f, id);
    g_assert_cmpint(due_of(entity), ==, due + 48 * CALENDAR_HOUR);
    g_assert_false(json_get_bool(stage_of(entity), "overdue", true));
    g_assert_cmpint(case_next_event(f->p, entity), ==, due + 46 * CALENDAR_HOUR);
}

static void test_stage_ends_and_begins_again(struct fixture *f, gconstpointer data)
{
    const char *id = at_work(f);
    struct user boss = {"boss", "B", "", "", ROLES("admin")};
    g_assert_cmpint(act(f, id, "done", &boss, NULL, NULL, NULL), ==, ERROR_NONE);
    g_assert_cmpstr(json_get_string(stage_of(read_case(f, id)), "state"), ==, "met");
    g_assert_cmpint(act(f, id, "again", person(f, "j", "judge", ""), NULL, NULL, NULL), ==, ERROR_NONE);
    const struct json *stage = stage_of(read_case(f, id));
    g_assert_cmpstr(json_get_string(stage, "state"), ==, "running");
    g_assert_cmpint(json_get_int(stage, "rounds", 0), ==, 2);
    put_due(f, id, instant_now() - INSTANT_SECOND);
    g_assert_cmpint(act(f, id, "done", &boss, NULL, NULL, NULL), ==, ERROR_NONE);
    g_assert_cmpstr(json_get_string(stage_of(read_case(f, id)), "state"), ==, "missed");
}

/* ---- alarms ---- */

static const struct json *record_of(struct fixture *f, const char *op, const char *rule, const char *attrs)
{
    struct error e = {0};
    g_autofree char *text =
        g_strdup_printf("{\"op\":\"%s\",\"id\":\"urn:ngsi-ld:Alarm:%s:Gauge:1:20260301T000000Z\",\"type\":["
                        "\"Alarm\"],\"at\":1,"
                        "\"attrs\":{\"rule\":{\"type\":\"Property\",\"value\":\"%s\"}%s}}",
                        op, rule, rule, attrs);
    const struct json *record = json_parse(f->a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return record;
}

#define RAISED                                                                                      \
    ",\"status\":{\"type\":\"Property\",\"value\":\"active\"},\"severity\":{\"type\":\"Property\"," \
    "\"value\":\"orange\"},"                                                                        \
    "\"title\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"高\",\"en\":\"High\"}}"

static bool feed(struct fixture *f, const char *op, const char *rule, const char *attrs)
{
    struct error e;
    struct closure c = {.run = do_alarm, .record = record_of(f, op, rule, attrs)};
    g_assert_true(run(f, &c, &e));
    return c.opened;
}

static void test_alarm_opens_once(struct fixture *f, gconstpointer data)
{
    static const char id[] = "urn:ngsi-ld:Case:high:Gauge:1:20260301T000000Z";
    g_assert_true(feed(f, "create", "high", RAISED));
    g_assert_false(feed(f, "create", "high", RAISED));
    const struct json *entity = read_case(f, id);
    check_text_of(entity, "category", "06010");
    check_text_of(entity, "severity", "orange");
    check_text_of(entity, "alarm", "urn:ngsi-ld:Alarm:high:Gauge:1:20260301T000000Z");
    g_assert_cmpstr(json_get_string(context_value(entity, "title"), "en"), ==, "High");
    g_assert_cmpint(case_version(entity), ==, 1);
    g_assert_false(feed(f, "create", "quiet", RAISED));
    g_assert_null(read_case(f, "urn:ngsi-ld:Case:quiet:Gauge:1:20260301T000000Z"));
    g_assert_false(feed(f, "create", "unheard-of", RAISED));
    g_assert_false(feed(f, "update", "other", RAISED));
}

static void test_alarm_leaves_notes(struct fixture *f, gconstpointer data)
{
    static const char id[] = "urn:ngsi-ld:Case:high:Gauge:1:20260301T000000Z";
    feed(f, "create", "high", RAISED);
    feed(f, "update", "high", ",\"severity\":{\"type\":\"Property\",\"value\":\"red\"}");
    g_assert_cmpstr(last_action(read_case(f, id)), ==, "alarm-severity");
    check_text_of(read_case(f, id), "severity", "red");
    g_assert_cmpfloat(context_number(read_case(f, id), "priority", 0), ==, 1);
    feed(f, "update", "high", ",\"status\":{\"type\":\"Property\",\"value\":\"cleared\"}");
    g_assert_cmpstr(last_action(read_case(f, id)), ==, "alarm-cleared");
    int64_t version = case_version(read_case(f, id));
    feed(f, "update", "high", ",\"count\":{\"type\":\"Property\",\"value\":3}");
    g_assert_cmpint(case_version(read_case(f, id)), ==, version);
    struct user boss = {"boss", "B", "", "", ROLES("admin")};
    g_assert_cmpint(act(f, id, "drop", &boss, NULL, "no", NULL), ==, ERROR_NONE);
    feed(f, "update", "high", ",\"status\":{\"type\":\"Property\",\"value\":\"cleared\"}");
    g_assert_cmpint(case_version(read_case(f, id)), ==, version + 1); /* closed cases stay as they are */
}

static void test_numbers_count_up(struct fixture *f, gconstpointer data)
{
    const char *first = open_one(f, NULL), *second = open_one(f, NULL);
    const char *a = context_string(read_case(f, first), "number"),
               *b = context_string(read_case(f, second), "number");
    g_assert_cmpint(strlen(a), ==, 15);
    g_assert_true(g_str_has_suffix(a, "-000001") && g_str_has_suffix(b, "-000002"));
    g_assert_true(g_str_has_suffix(first, a));
}

/* ---- attachments ---- */

static bool do_put(struct closure *c, struct txn *t, struct error *e)
{
    return attachment_put(t, c->f->a, c->attachment, "wang", e);
}

static const struct attachment *upload(struct fixture *f, const char *bytes, size_t length, const char *name,
                                       struct error *e)
{
    g_autofree char *path = g_build_filename(f->dir, "upload", NULL);
    g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    *e = (struct error){0};
    const struct attachment *x = attachment_take(f->a, f->dir, path, name, e);
    struct error failed;
    struct closure c = {.run = do_put, .attachment = x};
    g_assert_true(x == NULL || run(f, &c, &failed));
    return x;
}

static const char png[] = "\x89PNG\r\n\x1a\n and more";

static void test_attachments(struct fixture *f, gconstpointer data)
{
    struct error e;
    const struct attachment *x = upload(f, png, sizeof png, "../../现场 1.png", &e);
    g_assert_cmpstr(x->type, ==, "image/png");
    g_assert_cmpstr(x->name, ==, "现场 1.png");
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)png, sizeof png);
    g_assert_cmpstr(x->sha256, ==, sum);
    g_autofree char *kept = NULL;
    g_assert_true(g_file_get_contents(attachment_path(f->a, f->dir, sum), &kept, NULL, NULL));
    g_assert_cmpmem(kept, sizeof png, png, sizeof png);
    g_assert_nonnull(upload(f, png, sizeof png, "again.png", &e));
    view_auto v = view_begin(f->store);
    g_assert_cmpstr(attachment_get(v, f->a, sum)->name, ==, "现场 1.png");
    g_assert_null(attachment_get(v, f->a, "../../etc/passwd"));
    g_assert_null(upload(f, "", 0, "empty", &e));
    g_assert_null(upload(f,
                         "\x7f"
                         "ELF\x02\x01",
                         6, "virus.png", &e));
    g_assert_cmpint(e.code, ==, ERROR_UNSUPPORTED_MEDIA);
    g_assert_nonnull(upload(f, "纯文本\n", strlen("纯文本\n"), "a.txt", &e));
}

static void test_media_types(void)
{
    g_assert_cmpstr(media_type_of("\xff\xd8\xff\xe0", 4, true), ==, "image/jpeg");
    g_assert_cmpstr(media_type_of("GIF89a..", 8, true), ==, "image/gif");
    g_assert_cmpstr(media_type_of("RIFF....WEBPVP8 ", 16, true), ==, "image/webp");
    g_assert_cmpstr(media_type_of("%PDF-1.7", 8, true), ==, "application/pdf");
    g_assert_cmpstr(media_type_of("plain", 5, true), ==, "text/plain");
    g_assert_cmpstr(media_type_of("\xe4\xb8\xad\xe6\x96", 5, false), ==,
                    "text/plain"); /* cut inside a character */
    g_assert_null(media_type_of("\xe4\xb8\xad\xe6\x96", 5, true));
    g_assert_null(media_type_of("a\0b", 3, true));
    g_assert_null(media_type_of("MZ\x90", 3, true));
}

/* ---- timers ---- */

static void test_timers(void)
{
    struct timers *t = timers_new();
    for (int i = 0; i < 1000; i++) {
        g_autofree char *id = g_strdup_printf("%d", i);
        timers_set(t, id, 1 + (i * 7919) % 1000);
    }
    timers_set(t, "5", 2000);
    timers_set(t, "6", INSTANT_MAX);
    g_assert_cmpint(timers_count(t), ==, 999);
    int taken = 0;
    for (char *id; (id = timers_take(t, 1500)) != NULL; taken++) {
        g_assert_cmpstr(id, !=, "5");
        g_assert_cmpstr(id, !=, "6");
        g_free(id);
    }
    g_assert_cmpint(taken, ==, 998);
    g_autofree char *last = timers_take(t, 2000);
    g_assert_cmpstr(last, ==, "5");
    g_assert_null(timers_take(t, INSTANT_MAX));
    timers_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define WITH_STORE(path, test) g_test_add(path, struct fixture, NULL, set_up, test, tear_down)
    WITH_STORE("/cases/legality/every", test_every_state_action_role);
    WITH_STORE("/cases/legality/refusals", test_refusals_say_what_to_do);
    WITH_STORE("/cases/legality/another-person", test_another_person_checks);
    WITH_STORE("/cases/legality/versions", test_versions);
    WITH_STORE("/cases/forms/fields", test_forms);
    WITH_STORE("/cases/forms/people", test_people_in_forms);
    WITH_STORE("/cases/clocks/notes", test_reminder_overdue_escalation);
    WITH_STORE("/cases/clocks/pause", test_pause_and_resume);
    WITH_STORE("/cases/clocks/extension", test_extension);
    WITH_STORE("/cases/clocks/rounds", test_stage_ends_and_begins_again);
    WITH_STORE("/cases/alarms/once", test_alarm_opens_once);
    WITH_STORE("/cases/alarms/notes", test_alarm_leaves_notes);
    WITH_STORE("/cases/numbers", test_numbers_count_up);
    WITH_STORE("/cases/attachments/kept", test_attachments);
    g_test_add_func("/cases/attachments/types", test_media_types);
    g_test_add_func("/cases/timers", test_timers);
    return g_test_run();
}
