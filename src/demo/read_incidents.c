/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, as sections say it. */
#include <string.h>

#include "demo/read.h"

struct incident_text {
    struct incident i;
    const char *group;
    const struct json *lasts, *effects;
};
static const struct json_field incident_fields[] = {
    {"name", FIELD_STRING, offsetof(struct incident_text, i.name), true},
    {"group", FIELD_STRING, offsetof(struct incident_text, group), true},
    {"every", FIELD_SPAN, offsetof(struct incident_text, i.every), true},
    {"lasts", FIELD_ARRAY, offsetof(struct incident_text, lasts), true},
    {"jitter", FIELD_DOUBLE, offsetof(struct incident_text, i.jitter)},
    {"near", FIELD_DOUBLE, offsetof(struct incident_text, i.near)},
    {"effects", FIELD_ARRAY, offsetof(struct incident_text, effects), true},
    {NULL},
};

struct effect_text {
    struct effect f;
    const char *on, *signal;
    const struct json *amounts[EFFECT_FREEZE];
    bool freeze, silent;
};
static const struct json_field effect_fields[] = {
    {"on", FIELD_STRING, offsetof(struct effect_text, on)},
    {"signal", FIELD_STRING, offsetof(struct effect_text, signal)},
    {"rise", FIELD_SPAN, offsetof(struct effect_text, f.rise)},
    {"fall", FIELD_SPAN, offsetof(struct effect_text, f.fall)},
    {"add", FIELD_ANY, offsetof(struct effect_text, amounts[EFFECT_ADD])},
    {"scale", FIELD_ANY, offsetof(struct effect_text, amounts[EFFECT_SCALE])},
    {"set", FIELD_ANY, offsetof(struct effect_text, amounts[EFFECT_SET])},
    {"drift", FIELD_ANY, offsetof(struct effect_text, amounts[EFFECT_DRIFT])},
    {"freeze", FIELD_BOOL, offsetof(struct effect_text, freeze)},
    {"silent", FIELD_BOOL, offsetof(struct effect_text, silent)},
    {NULL},
};

static int find_signal(const struct group *g, const char *name)
{
    for (int i = 0; name != NULL && i < g->signals_count; i++) {
        if (strcmp(g->signals[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void read_kind(struct reader *r, const struct json *from, struct effect_text *t)
{
    int kinds = t->freeze + t->silent;
    t->f.kind = t->silent ? EFFECT_SILENT : EFFECT_FREEZE;
    for (int k = 0; k < EFFECT_FREEZE; k++) {
        if (t->amounts[k] != NULL) {
            kinds++;
            t->f.kind = (enum effect_kind)k;
            read_range(r, t->amounts[k], &t->f.amount);
        }
    }
    if (kinds != 1) {
        mistake(r, from, "An effect does one of add, scale, set, drift, freeze, silent",
                "每个 effect 只能是 add、scale、set、drift、freeze、silent 之一");
    }
}

static void read_effect(struct reader *r, const struct json *from, struct incident *i)
{
    struct effect_text t = {.f.link = -1};
    const struct group *felt = i->group;
    if (!read_fields(r, from, effect_fields, &t)) {
        return;
    }
    if (t.on != NULL) {
        t.f.link = need_link(r, json_get(from, "on"), i->group, t.on);
        felt = t.f.link >= 0 ? i->group->links[t.f.link].to : NULL;
    }
    read_kind(r, from, &t);
    t.f.signal = felt != NULL ? find_signal(felt, t.signal) : -1;
    if (felt != NULL && t.f.signal < 0 && t.f.kind != EFFECT_SILENT) {
        mistake(r, from, "Group %s has no signal \"%s\"", "设备组 %s 没有信号“%s”", felt->name,
                t.signal != NULL ? t.signal : "");
    }
    i->effects[i->effects_count++] = t.f;
}

void read_incident(struct reader *r, const struct json *from)
{
    struct incident_text t = {.i.jitter = 1};
    if (!read_fields(r, from, incident_fields, &t) || !read_every(r, from, t.i.every)) {
        return;
    }
    t.i.group = need_group(r, json_get(from, "group"), t.group);
    if (t.i.group == NULL) {
        return;
    }
    if (json_get(t.i.group->source, "along") != NULL) {
        mistake(r, json_get(from, "group"), "Incidents happen to devices, not to what lies along links",
                "事件只能发生在设备上，不能发生在沿线要素上");
        return;
    }
    if (t.i.jitter < 0 || t.i.jitter > 1) {
        mistake(r, json_get(from, "jitter"), "jitter must lie between 0 and 1", "jitter 必须在 0 到 1 之间");
    }
    read_spans(r, t.lasts, &t.i.shortest, &t.i.longest);
    t.i.effects = arena_array(r->a, struct effect, t.effects->length);
    for (const struct json *m = t.effects->first; m != NULL; m = m->next) {
        read_effect(r, m, &t.i);
    }
    t.i.key = chance_text(r->w->seed, t.i.name);
    r->w->incidents[r->w->incidents_count++] = t.i;
}
