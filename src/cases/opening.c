/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms as the log tells of them. */
#include "cases/opening.h"

#include <string.h>

#include "cases/form.h"

static const char ALARM_PREFIX[] = "urn:ngsi-ld:Alarm:";

bool record_is_alarm(const struct json *record)
{
    return context_has_type(record, "Alarm");
}

/* The id of the case that an alarm opens, in a. */
static char *case_id_of_alarm(struct arena *a, const char *alarm)
{
    bool ours = g_str_has_prefix(alarm, ALARM_PREFIX);
    return arena_printf(a, "urn:ngsi-ld:Case:%s", ours ? alarm + strlen(ALARM_PREFIX) : alarm);
}

/* An alarm as its record says, completed by the entity for what the record does not hold. */
struct alarm {
    const char *id;
    const struct json *attrs, *entity;
};

static const struct json *value_of(const struct alarm *x, const char *name)
{
    const struct json *value = context_value(x->attrs, name);
    return value != NULL ? value : context_value(x->entity, name);
}

static const char *string_of(const struct alarm *x, const char *name)
{
    const struct json *value = value_of(x, name);
    return json_is(value, JSON_STRING) ? value->string : NULL;
}

static const char *type_of_source(struct txn *t, struct arena *a, const char *source)
{
    const struct json *entity = source != NULL ? context_get_txn(t, a, source) : NULL;
    const struct json *type = json_first(json_get(entity, "type"));
    return json_is(type, JSON_STRING) ? type->string : NULL;
}

static bool open_case(struct txn *t, struct arena *a, const struct playbook *p, const struct alarm *x,
                      const char *id, bool *opened, struct error *e)
{
    const char *source = string_of(x, "source"), *category;
    const struct workflow *w =
        playbook_for_alarm(p, string_of(x, "rule"), type_of_source(t, a, source), &category);
    if (w == NULL) {
        return true;
    }
    const struct json *title = value_of(x, "title");
    const struct json *scope = json_first(json_get(x->entity, "scope"));
    struct opening o = {.workflow = w,
                        .id = id,
                        .title = title != NULL ? title : json_string(a, x->id),
                        .description = value_of(x, "message"),
                        .category = category,
                        .severity = string_of(x, "severity"),
                        .scope = json_is(scope, JSON_STRING) ? scope->string : NULL,
                        .alarm = x->id,
                        .source = source,
                        .location = value_of(x, "location")};
    *opened = case_open(t, a, p, &o, &id, e);
    return *opened;
}

bool alarm_record(struct txn *t, struct arena *a, const struct playbook *p, const struct json *record,
                  bool *opened, struct error *e)
{
    *opened = false;
    struct alarm x = {json_get_string(record, "id"), json_get(record, "attrs"), NULL};
    const char *op = json_get_string(record, "op");
    if (x.id == NULL || op == NULL || strcmp(op, "delete") == 0) {
        return true;
    }
    const char *id = case_id_of_alarm(a, x.id);
    const char *status = context_string(x.attrs, "status");
    if (context_get_txn(t, a, id) == NULL) {
        if (strcmp(op, "create") != 0 || g_strcmp0(status, "cleared") == 0) {
            return true;
        }
        x.entity = context_get_txn(t, a, x.id);
        return open_case(t, a, p, &x, id, opened, e);
    }
    if (strcmp(op, "create") == 0) {
        return true;
    }
    if (g_strcmp0(status, "cleared") == 0) {
        return case_note(t, a, p, id, "alarm-cleared", NULL, e);
    }
    const char *severity = context_string(x.attrs, "severity");
    return severity == NULL || case_note(t, a, p, id, "alarm-severity", severity, e);
}
