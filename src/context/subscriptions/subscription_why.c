/* SPDX-License-Identifier: Apache-2.0 */
/* Why was (not) this notification sent? One change in the log against one subscription, condition by
 * condition. */
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/gone.h"
#include "context/subscriptions/subscription_state.h"

/* The question, and what has been found out. */
struct why {
    struct arena *a;
    bool chinese;
    struct space *space;
    struct subscription *s; /* a reference */
    struct view *view;
    const char *id;
    uint64_t seq;
    struct json *record; /* a copy */
    struct json *entity; /* as the record left it */
    struct json *conditions;
    bool holds; /* all conditions do */
};

/* ---- finding the change ---- */

static struct json *record_in(struct why *w, const struct log_batch *b)
{
    for (int i = b->count - 1; i >= 0; i--) {
        if (json_streq(json_get(b->records[i], "id"), w->id)) {
            w->seq = b->first + (uint64_t)i;
            return json_copy(w->a, b->records[i]);
        }
    }
    return NULL;
}

static int64_t time_of(const struct log_batch *b)
{
    return json_get_int(b->records[0], "at", 0);
}

/* Times rise from commit to commit: the run of the commit at this time is found by halving. */
static struct json *find_at(struct why *w, int64_t at)
{
    uint64_t low = store_log_start(w->space->store), high = store_log_end(w->space->store);
    while (low <= high && low > 0) {
        struct log_batch *b = store_log_read(w->space->store, low + (high - low) / 2 - 1, NULL);
        if (b == NULL) {
            return NULL;
        }
        uint64_t first = b->first, last = b->first + (uint64_t)b->count - 1;
        int64_t found = time_of(b);
        struct json *record = found == at ? record_in(w, b) : NULL;
        log_batch_unref(b);
        if (found == at) {
            return record;
        }
        if (found < at) {
            low = last + 1;
        } else {
            high = first - 1;
        }
    }
    return NULL;
}

static bool pruned(struct why *w, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND,
                     "The change is no longer in the log, which begins at %" G_GUINT64_FORMAT
                     ": nothing can be said of it",
                     "该变更已不在日志中（日志从 %" G_GUINT64_FORMAT " 开始），无法说明",
                     store_log_start(w->space->store));
}

static bool find_given(struct why *w, struct error *e)
{
    struct error unread = {0};
    if (w->seq == 0 || w->seq > store_log_end(w->space->store)) {
        return error_set(e, ERROR_NOT_FOUND,
                         "There is no change %" G_GUINT64_FORMAT " yet: the log ends at %" G_GUINT64_FORMAT,
                         "尚无第 %" G_GUINT64_FORMAT " 号变更：日志止于 %" G_GUINT64_FORMAT, w->seq,
                         store_log_end(w->space->store));
    }
    struct log_batch *b = store_log_read(w->space->store, w->seq - 1, &unread);
    if (b == NULL) {
        return pruned(w, e);
    }
    const struct json *record = b->records[w->seq - b->first];
    bool same = json_streq(json_get(record, "id"), w->id);
    if (same) {
        w->record = json_copy(w->a, record);
    } else {
        error_set(e, ERROR_NOT_FOUND, "Change %" G_GUINT64_FORMAT " is one of %.200s, not of %.200s",
                  "第 %" G_GUINT64_FORMAT " 号变更属于 %.200s，而不是 %.200s", w->seq,
                  json_get_string(record, "id"), w->id);
    }
    log_batch_unref(b);
    return same;
}

static bool find_last(struct why *w, struct error *e)
{
    const struct json *now = context_get(w->view, w->a, w->id);
    const struct json *gone = now == NULL ? gone_get(w->view, w->a, w->id) : NULL;
    int64_t at = now != NULL ? json_get_int(now, "modifiedAt", 0) : json_get_int(gone, "deletedAt", 0);
    if (at == 0) {
        return error_set(e, ERROR_NOT_FOUND, "There is no entity %.200s, and no deleted one is known",
                         "没有实体 %.200s，也没有其删除记录", w->id);
    }
    w->record = find_at(w, at);
    return w->record != NULL || pruned(w, e);
}

/* ---- conditions ---- */

static const char *say(const struct why *w, const char *en, const char *zh)
{
    return w->chinese ? zh : en;
}

static struct json *add_condition(struct why *w, const char *name, bool holds, const char *text)
{
    struct json *c = json_append(w->conditions, json_object(w->a));
    json_add(c, "name", json_string(w->a, name));
    json_add(c, "holds", json_bool(w->a, holds));
    json_add(c, "text", json_string(w->a, text));
    w->holds = w->holds && holds;
    return c;
}

static void expect(struct why *w, struct json *condition, const char *member)
{
    const struct json *asked = json_get(w->s->body, member);
    if (asked != NULL) {
        json_add(condition, "expected", json_copy(w->a, asked));
    }
}

static void judge_entities(struct why *w)
{
    struct entity_query only = {.selectors = w->s->query.selectors,
                                .selectors_count = w->s->query.selectors_count};
    bool holds = entity_query_matches(&only, w->entity, w->view);
    struct json *c = add_condition(
        w, "entities", holds,
        only.selectors_count == 0 ? say(w, "The subscription takes entities of any kind", "该订阅不限实体")
        : holds ? say(w, "The entity is one of those subscribed", "该实体属于订阅范围")
                : say(w, "Neither type, id nor idPattern selects this entity",
                      "类型、id 与 idPattern 均未选中该实体"));
    struct json *seen = json_add(c, "seen", json_object(w->a));
    json_add(seen, "id", json_string(w->a, w->id));
    json_add(seen, "type", json_copy(w->a, json_get(w->record, "type")));
    expect(w, c, "entities");
}

static struct json *trigger_names(struct why *w, unsigned triggers)
{
    static const char *const names[] = {"entityCreated", "entityDeleted", "attributeCreated",
                                        "attributeUpdated", "attributeDeleted"};
    struct json *list = json_array(w->a);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (triggers & 1u << i) {
            json_append(list, json_string(w->a, names[i]));
        }
    }
    return list;
}

/* What the record pulls for a subscription like this one that watches all and wants every trigger. */
static unsigned all_triggers(const struct why *w)
{
    struct subscription any = *w->s;
    any.triggers = ~0u;
    any.watched = NULL;
    return notification_triggers(&any, w->record);
}

static void judge_trigger(struct why *w)
{
    bool late = json_get_bool(w->record, "late", false);
    unsigned pulled = all_triggers(w);
    struct json *c = add_condition(
        w, "notificationTrigger", (pulled & w->s->triggers) != 0,
        late          ? say(w, "The values are older than the current ones: they go into the history only",
                            "数值早于当前值，只写入历史，不触发通知")
        : pulled == 0 ? say(w, "Nothing got another value: writing equal values is no change",
                            "没有任何属性的值发生改变：写入相同的值不算变更")
        : (pulled & w->s->triggers) != 0
            ? say(w, "A change of this kind triggers the subscription", "此类变更会触发该订阅")
            : say(w, "The subscription does not ask for changes of this kind", "该订阅不要求此类变更"));
    json_add(c, "seen", trigger_names(w, pulled));
    json_add(c, "expected", trigger_names(w, w->s->triggers));
}

static struct json *changed_names(struct why *w)
{
    struct json *list = json_array(w->a);
    const struct json *same = json_get(w->record, "same");
    for (const struct json *m = json_first(json_get(w->record, "attrs")); m != NULL; m = m->next) {
        bool equal = false;
        for (const struct json *n = json_first(same); n != NULL && !equal; n = n->next) {
            equal = json_streq(n, m->key);
        }
        if (!equal) {
            json_append(list, json_string(w->a, m->key));
        }
    }
    for (const struct json *g = json_first(json_get(w->record, "gone")); g != NULL; g = g->next) {
        json_append(list, json_copy(w->a, g));
    }
    return list;
}

static void judge_watched(struct why *w)
{
    if (w->s->watched == NULL) {
        return;
    }
    struct subscription any = *w->s;
    any.triggers = ~0u;
    bool holds = notification_triggers(&any, w->record) != 0;
    struct json *c =
        add_condition(w, "watchedAttributes", holds,
                      holds ? say(w, "A watched attribute has changed", "被关注的属性发生了变更")
                            : say(w, "None of the watched attributes has changed", "被关注的属性均未变更"));
    json_add(c, "seen", changed_names(w));
    expect(w, c, "watchedAttributes");
}

static struct json *value_seen(struct why *w, const char *name)
{
    const struct json *attribute = json_get(w->entity, name);
    const struct json *value = attribute != NULL ? instance_value(instance_first(attribute)) : NULL;
    const struct json *shown = value != NULL ? value : attribute;
    return shown != NULL ? json_copy(w->a, shown) : json_null(w->a);
}

static void judge_q(struct why *w)
{
    if (w->s->query.q == NULL) {
        return;
    }
    struct entity_query only = {.q = w->s->query.q};
    bool holds = entity_query_matches(&only, w->entity, w->view);
    struct json *c = add_condition(w, "q", holds,
                                   holds ? say(w, "The values fulfil q", "数值满足 q")
                                         : say(w, "The values do not fulfil q", "数值不满足 q"));
    struct json *seen = json_add(c, "seen", json_object(w->a));
    for (const char *const *name = q_attributes(w->s->query.q); *name != NULL; name++) {
        json_add(seen, *name, value_seen(w, *name));
    }
    expect(w, c, "q");
}

static void judge_scope(struct why *w)
{
    if (w->s->query.scope == NULL) {
        return;
    }
    struct entity_query only = {.scope = w->s->query.scope};
    bool holds = entity_query_matches(&only, w->entity, w->view);
    const struct json *scope = json_get(w->entity, "scope");
    struct json *c =
        add_condition(w, "scopeQ", holds,
                      holds ? say(w, "The entity lies in the scope", "实体在该范围（scope）内")
                            : say(w, "The entity lies outside the scope", "实体不在该范围（scope）内"));
    json_add(c, "seen", scope != NULL ? json_copy(w->a, scope) : json_null(w->a));
    expect(w, c, "scopeQ");
}

static void judge_geo(struct why *w)
{
    if (w->s->query.geo == NULL) {
        return;
    }
    struct entity_query only = {.geo = w->s->query.geo, .geo_property = w->s->query.geo_property};
    bool holds = entity_query_matches(&only, w->entity, w->view);
    struct json *c = add_condition(w, "geoQ", holds,
                                   holds ? say(w, "The place fulfils geoQ", "位置满足 geoQ")
                                         : say(w, "The place does not fulfil geoQ", "位置不满足 geoQ"));
    const char *name = only.geo_property != NULL ? only.geo_property : "location";
    json_add(c, "seen", value_seen(w, name));
    expect(w, c, "geoQ");
}

static void judge(struct why *w)
{
    w->conditions = json_array(w->a);
    w->holds = true;
    judge_entities(w);
    judge_trigger(w);
    judge_watched(w);
    judge_q(w);
    judge_scope(w);
    judge_geo(w);
}

/* ---- what became of it ---- */

struct verdict {
    const char *name, *text;
    const struct delivery *delivery;
};

static const struct delivery *delivery_of(const struct entry *x, uint64_t seq)
{
    for (const GList *l = x->deliveries.head; l != NULL; l = l->next) {
        const struct delivery *d = l->data;
        if (d->from <= seq && seq <= d->to) {
            return d;
        }
    }
    return NULL;
}

static bool is_dealt_with(const struct notifier *n, const struct entry *x, uint64_t seq)
{
    return x->cursor >= seq || (x->phase == IDLE && n->position >= seq);
}

/* Of a change to which the subscription applies and that has not been delivered yet. */
static struct verdict verdict_waiting(const struct why *w, const struct entry *x)
{
    if (x->phase == PARKED) {
        return (struct verdict){.name = "parked",
                                .text = say(w,
                                            "The subscription was parked after too many failures: it goes on "
                                            "from here when isActive is set to true",
                                            "该订阅因多次失败已被暂停：将 isActive 设为 true 后从此处继续")};
    }
    if (x->phase == WAITING && x->attempts > 0) {
        return (struct verdict){
            .name = "retrying",
            .text = say(w, "The endpoint failed: it will be tried again", "端点失败，将会重试")};
    }
    if (x->phase == WAITING) {
        return (struct verdict){
            .name = "throttled",
            .text = say(w, "It waits until the throttling time is over", "正在等待节流时间结束")};
    }
    return (struct verdict){.name = "queued", .text = say(w, "It is about to be sent", "正在排队等待发送")};
}

static struct verdict verdict_delivery(const struct why *w, const struct entry *x, const struct delivery *d)
{
    struct verdict v = {.delivery = d};
    if (d->lost) {
        v.name = "lost";
        v.text = say(w, "The log was pruned before it could be sent: it is lost",
                     "日志在发送前已被清理，该通知已丢失");
    } else if (d->ok) {
        v.name = "sent";
        v.text = say(w, "The endpoint has taken it", "端点已接收");
    } else {
        v = verdict_waiting(w, x);
        v.delivery = d;
    }
    return v;
}

/* Under the lock. */
static struct verdict verdict_of(const struct why *w, const struct notifier *n, const struct entry *x)
{
    const struct delivery *d = delivery_of(x, w->seq);
    instant at = json_get_int(w->record, "at", 0);
    if (x->def->endpoint.sse) {
        return (struct verdict){
            .name = "stream",
            .text = say(w, "The subscription is read as a stream: whoever reads it gets this change",
                        "该订阅以实时流读取：读取者会得到此变更")};
    }
    if (x->def->interval > 0) {
        return (struct verdict){.name = "interval",
                                .text = say(w, "The subscription is notified at intervals, not on changes",
                                            "该订阅按固定间隔通知，而非按变更通知")};
    }
    if (d != NULL) {
        return verdict_delivery(w, x, d);
    }
    if (x->def->created > at) {
        return (struct verdict){
            .name = "before",
            .text = say(w, "The change came before the subscription was made", "变更发生在订阅创建之前")};
    }
    if (!is_dealt_with(n, x, w->seq)) {
        return verdict_waiting(w, x);
    }
    if (entry_is_expired(x, instant_now())) {
        return (struct verdict){.name = "expired",
                                .text = say(w, "The subscription has expired", "订阅已过期")};
    }
    if (!x->def->active) {
        return (struct verdict){.name = "paused", .text = say(w, "The subscription is paused", "订阅已暂停")};
    }
    return (struct verdict){
        .name = "dealt",
        .text = say(w,
                    "It has been dealt with before what is remembered here: sent, or passed over while the "
                    "subscription was paused or had other conditions",
                    "早于此处的记录，已处理完毕：已发送，或当时订阅处于暂停或条件不同而略过")};
}

static void add_time(struct why *w, struct json *out, const char *name, instant t)
{
    char text[INSTANT_TEXT];
    if (t != 0) {
        json_add(out, name, json_string(w->a, instant_format(t, text)));
    }
}

static void show_delivery(struct why *w, struct json *out, const struct delivery *d)
{
    struct json *shown = json_add(out, "delivery", json_object(w->a));
    add_time(w, shown, "at", d->at);
    json_add(shown, "outcome", json_string(w->a, d->lost ? "lost" : d->ok ? "ok" : "failed"));
    json_add(shown, "durationMs", json_int(w->a, d->duration_ms));
    if (d->status != 0) {
        json_add(shown, "status", json_int(w->a, d->status));
    }
    if (d->reason != NULL) {
        json_add(shown, "reason", json_string(w->a, d->reason));
    }
}

static void add_verdict(struct why *w, struct json *out)
{
    struct notifier *n = w->space->notifier;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    const struct entry *x = g_hash_table_lookup(n->entries, w->s->id);
    struct verdict v = {.name = "notConcerned",
                        .text = say(w, "Not sent: a condition does not hold", "未通知：有条件不成立")};
    if (x != NULL && w->holds) {
        v = verdict_of(w, n, x);
    }
    json_add(out, "verdict", json_string(w->a, v.name));
    json_add(out, "text", json_string(w->a, v.text));
    if (v.delivery != NULL) {
        show_delivery(w, out, v.delivery);
    }
    if (x != NULL && x->reason[0] != '\0') {
        json_add(out, "failureReason", json_string(w->a, x->reason));
    }
    if (x != NULL && x->phase == WAITING) {
        add_time(w, out, "due", x->due);
    }
    if (w->s->modified > json_get_int(w->record, "at", 0) && w->s->modified != w->s->created) {
        json_add(out, "note",
                 json_string(
                     w->a, say(w, "The subscription was changed after this; the conditions are those of now",
                               "订阅在此之后被修改过；以下条件为当前的条件")));
    }
}

static void answer(struct request *r, struct why *w)
{
    struct json *out = json_object(w->a);
    json_add(out, "subscription", json_string(w->a, w->s->id));
    json_add(out, "entity", json_string(w->a, w->id));
    json_add(out, "seq", json_int(w->a, (int64_t)w->seq));
    json_add(out, "op", json_copy(w->a, json_get(w->record, "op")));
    add_time(w, out, "at", json_get_int(w->record, "at", 0));
    json_add(out, "changed", changed_names(w));
    add_verdict(w, out);
    json_add(out, "conditions", w->conditions);
    reply_json(r, 200, out);
}

static bool ask(struct request *r, struct why *w, struct error *e)
{
    int64_t seq;
    w->id = request_query_text(r, "entity");
    if (w->id == NULL) {
        return error_set(e, ERROR_INVALID_REQUEST, "Say which entity: ?entity=ID", "请指明实体：?entity=ID");
    }
    if (!request_query_int(r, "seq", 1, INT64_MAX, 0, &seq, e)) {
        return false;
    }
    w->seq = (uint64_t)seq;
    if (!(seq != 0 ? find_given(w, e) : find_last(w, e))) {
        return false;
    }
    w->entity = notification_entity(w->a, w->view, w->record);
    return true;
}

void subscription_why(struct request *r)
{
    struct error e = {0};
    struct why w = {.a = request_arena(r), .chinese = request_chinese(r)};
    const char *id = request_param(r, "id");
    w.space = subscription_space(r, &e);
    w.s = w.space != NULL ? subscription_copy(w.space->notifier, id, &e) : NULL;
    if (w.s != NULL) {
        w.view = view_begin(w.space->store);
        if (ask(r, &w, &e)) {
            judge(&w);
            answer(r, &w);
        }
        view_end(w.view);
    }
    if (e.code != ERROR_NONE) {
        reply_error(r, &e);
    }
    subscription_unref(w.s);
    space_unref(w.space);
}
