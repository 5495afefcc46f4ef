/* SPDX-License-Identifier: Apache-2.0 */
/* Writes Alarm entities. */
#include "rules/alarm.h"

#include <string.h>

#include "base/limits.h"

static const char prefix[] = "urn:ngsi-ld:";

/* "urn:ngsi-ld:Alarm:<rule>:<entity id without urn:ngsi-ld:>:<start as 20260301T000000Z>". */
static const char *alarm_id(struct arena *a, const char *rule, const char *entity, instant started)
{
    const char *tail = g_str_has_prefix(entity, prefix) ? entity + strlen(prefix) : entity;
    g_autofree char *digest = NULL;
    if (strlen(tail) > LIMIT_ID - 256) {
        tail = digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, tail, -1);
    }
    g_autoptr(GDateTime) start = g_date_time_new_from_unix_utc(started / INSTANT_SECOND);
    g_autofree char *time = g_date_time_format(start, "%Y%m%dT%H%M%SZ");
    return arena_printf(a, "%sAlarm:%s:%s:%s", prefix, rule, tail, time);
}

static struct json *typed(struct arena *a, struct json *entity, const char *name, const char *type,
                          const char *member, struct json *value)
{
    struct json *attribute = json_object(a);
    json_add(attribute, "type", json_string(a, type));
    json_add(attribute, member, value);
    return json_set(a, entity, name, attribute);
}

static void add_text(struct arena *a, struct json *entity, const char *name, const char *text)
{
    context_set_property(a, entity, name, json_string(a, text));
}

static void add_texts(struct arena *a, struct json *entity, const char *name, const char *const *texts)
{
    struct json *map = json_object(a);
    json_add(map, "zh", json_string(a, texts[RULE_ZH]));
    json_add(map, "en", json_string(a, texts[RULE_EN]));
    typed(a, entity, name, "LanguageProperty", "languageMap", map);
}

static void add_time(struct arena *a, struct json *entity, const char *name, instant at)
{
    char text[INSTANT_TEXT];
    struct json *value = json_object(a);
    json_add(value, "@type", json_string(a, "DateTime"));
    json_add(value, "@value", json_string(a, instant_format(at, text)));
    context_set_property(a, entity, name, value);
}

/* Who the alarm is about, as it stands now: name, scope, and the place unless the rules know it. */
static void add_source(struct txn *t, struct arena *a, struct json *alarm, const struct alarm_change *c)
{
    const struct json *source = context_get_txn(t, a, c->entity);
    context_set_relationship(a, alarm, "source", c->entity);
    add_text(a, alarm, "sourceType", c->entity_type);
    const struct json *name = context_value(source, "name");
    if (json_is(name, JSON_OBJECT)) {
        name = json_get(name, "zh") != NULL ? json_get(name, "zh") : json_first(name);
    }
    if (json_is(name, JSON_STRING)) {
        add_text(a, alarm, "sourceName", name->string);
    }
    const struct json *scope = json_first(json_get(source, "scope"));
    if (json_is(scope, JSON_STRING)) {
        context_set_scope(a, alarm, scope->string);
    }
    const struct json *place = c->location != NULL ? c->location : context_value(source, "location");
    if (json_is(place, JSON_OBJECT)) {
        context_set_geo(a, alarm, "location", json_copy(a, place));
    }
}

/* What may differ from change to change. */
static void add_state(struct arena *a, struct json *alarm, const struct alarm_change *c)
{
    add_text(a, alarm, "severity", severity_name(c->severity));
    add_text(a, alarm, "status", c->step == ALARM_CLEARED ? "cleared" : "active");
    context_set_property(a, alarm, "count", json_int(a, c->count));
    context_set_property(a, alarm, "sourceSeq", json_int(a, (int64_t)c->seq));
    if (c->step == ALARM_CLEARED) {
        add_time(a, alarm, "clearedAt", c->at);
        add_text(a, alarm, "clearReason", c->reason);
    } else {
        add_texts(a, alarm, "message", c->message);
        typed(a, alarm, "reading", "JsonProperty", "json", json_copy(a, c->reading));
    }
}

static struct json *raised_alarm(struct txn *t, struct arena *a, const char *id, const struct alarm_change *c)
{
    struct json *alarm = context_entity(a, id, "Alarm");
    add_text(a, alarm, "rule", c->rule);
    add_text(a, alarm, "pack", c->pack);
    add_texts(a, alarm, "title", c->title);
    add_time(a, alarm, "startedAt", c->started);
    if (c->workflow != NULL) {
        add_text(a, alarm, "workflow", c->workflow);
    }
    add_source(t, a, alarm, c);
    add_state(a, alarm, c);
    return alarm;
}

bool alarm_write(struct txn *t, struct arena *a, const struct alarm_change *c, bool *written, struct error *e)
{
    const char *id = alarm_id(a, c->rule, c->entity, c->started);
    const char *by = arena_printf(a, "rule:%s", c->rule);
    const struct json *stored = context_get_txn(t, a, id);
    *written = false;
    if (stored != NULL && context_number(stored, "sourceSeq", -1) >= (double)c->seq) {
        return true;
    }
    if (stored == NULL && c->step != ALARM_RAISED) {
        return true; /* somebody deleted it */
    }
    *written = true;
    if (c->step == ALARM_RAISED) {
        return context_write(t, a, raised_alarm(t, a, id, c), CONTEXT_REPLACE, 0, by, NULL, e);
    }
    struct json *fragment = context_entity(a, id, "Alarm");
    add_state(a, fragment, c);
    return context_write(t, a, fragment, CONTEXT_UPDATE, 0, by, NULL, e);
}

bool alarm_end(struct txn *t, struct arena *a, const char *id, const char *reason, struct error *e)
{
    const struct json *stored = context_get_txn(t, a, id);
    const char *status = context_string(stored, "status");
    if (stored == NULL || status == NULL || strcmp(status, "active") != 0) {
        return true;
    }
    const char *rule = context_string(stored, "rule");
    struct json *fragment = context_entity(a, id, "Alarm");
    add_text(a, fragment, "status", "cleared");
    add_time(a, fragment, "clearedAt", txn_now(t));
    add_text(a, fragment, "clearReason", reason);
    return context_write(t, a, fragment, CONTEXT_UPDATE, 0,
                         arena_printf(a, "rule:%s", rule != NULL ? rule : ""), NULL, e);
}
