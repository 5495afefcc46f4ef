/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of devices, and the links between them. */
#include <math.h>
#include <string.h>

#include "demo/read.h"

/* ---- groups ---- */

struct group_text {
    struct group g;
    int64_t count;
    const struct json *place, *along, *links, *signals;
};

#define G(member) offsetof(struct group_text, member)
static const struct json_field group_fields[] = {
    {"type", FIELD_STRING, G(g.type), true},
    {"count", FIELD_INT, G(count)},
    {"code", FIELD_STRING, G(g.code), true},
    {"id", FIELD_STRING, G(g.id), true},
    {"topic", FIELD_STRING, G(g.topic)},
    {"name", FIELD_STRING, G(g.title), true},
    {"every", FIELD_SPAN, G(g.every)},
    {"history", FIELD_SPAN, G(g.history)},
    {"place", FIELD_OBJECT, G(place)},
    {"along", FIELD_OBJECT, G(along)},
    {"attributes", FIELD_OBJECT, G(g.attributes)},
    {"links", FIELD_OBJECT, G(links)},
    {"signals", FIELD_OBJECT, G(signals)},
    {NULL},
};
static const struct json_field place_fields[] = {
    {"in", FIELD_STRING, offsetof(struct group, place_in), true},
    {"weights", FIELD_OBJECT, offsetof(struct group, weights)},
    {NULL},
};

static struct group *find_group(const struct world *w, const char *name)
{
    for (int i = 0; i < w->groups_count; i++) {
        if (strcmp(w->groups[i].name, name) == 0) {
            return &w->groups[i];
        }
    }
    return NULL;
}

struct group *need_group(struct reader *r, const struct json *where, const char *name)
{
    struct group *g = name != NULL ? find_group(r->w, name) : NULL;
    if (g == NULL && name != NULL) {
        mistake(r, where, "There is no group \"%s\" in these packs", "这些包中没有设备组“%s”", name);
    }
    return g;
}

static bool has_area(const struct world *w, const char *type)
{
    for (int i = 0; i < w->areas_count; i++) {
        if (strcmp(w->areas[i].type, type) == 0) {
            return true;
        }
    }
    return false;
}

static void read_place(struct reader *r, struct group_text *t)
{
    if (t->count < 1 || t->count > DEMO_MAX_DEVICES) {
        mistake(r, t->g.source, "count must lie between 1 and %d", "count 必须在 1 到 %d 之间",
                (int)DEMO_MAX_DEVICES);
    }
    if (t->place == NULL) {
        mistake(r, t->g.source, "place is missing: say where the devices stand, {in: type of the areas}",
                "缺少 place：请写明设备放置在哪类区域 {in: 区域类型}");
        return;
    }
    if (!read_fields(r, t->place, place_fields, &t->g)) {
        return;
    }
    for (const struct json *m = json_first(t->g.weights); m != NULL; m = m->next) {
        if (!json_is_number(m) || json_number(m) < 0) {
            mistake(r, m, "A weight must be a number, 0 or more", "权重必须是不小于 0 的数");
        }
    }
    if (!has_area(r->w, t->g.place_in)) {
        mistake(r, json_get(t->place, "in"),
                "No entity of type %s with a polygon stands in the demo sections",
                "demo 部分没有带多边形的 %s 实体", t->g.place_in);
    }
    t->g.count = (int)CLAMP(t->count, 1, DEMO_MAX_DEVICES);
}

static void read_attribute_rules(struct reader *r, const struct json *rules)
{
    double pair[2];
    for (const struct json *m = json_first(rules); m != NULL; m = m->next) {
        const struct json *list = json_get(m, "one_of");
        if (list != NULL && (list->type != JSON_ARRAY || list->length == 0)) {
            mistake(r, list, "one_of must be a list of values", "one_of 必须是值的列表");
        }
        if (json_get(m, "between") != NULL) {
            read_numbers(r, json_get(m, "between"), 2, pair);
        }
        const struct json *ridge = json_get(m, "ridge");
        struct error e = {0};
        if (ridge != NULL && geometry_from(r->a, "LineString", ridge, &e) == NULL) {
            mistake(r, ridge, "%1$s%2$.0s", "%1$.0s%2$s", e.en, e.zh);
        }
    }
}

static void read_signals(struct reader *r, const struct json *from, struct group *g)
{
    g->signals = from != NULL ? arena_array(r->a, struct signal, from->length) : NULL;
    for (const struct json *m = json_first(from); m != NULL; m = m->next) {
        g->signals[g->signals_count++] = read_signal(r, m);
    }
    if (g->topic != NULL && g->signals_count == 0) {
        mistake(r, g->source, "A group with a topic needs signals", "有 topic 的设备组必须有 signals");
    }
    if (g->topic != NULL && g->every < INSTANT_SECOND) {
        mistake(r, g->source, "A group with a topic needs every, 1s or longer",
                "有 topic 的设备组必须有 every，至少 1s");
    }
}

void read_group(struct reader *r, const struct json *from)
{
    struct group_text t = {.g = {.name = from->key, .pack = r->pack, .source = from}};
    if (find_group(r->w, from->key) != NULL) {
        mistake(r, from, "Another pack has a group \"%s\" already", "另一个包已有设备组“%s”", from->key);
        return;
    }
    if (read_fields(r, from, group_fields, &t)) {
        if (t.along == NULL) {
            read_place(r, &t);
        }
        read_attribute_rules(r, t.g.attributes);
        read_signals(r, t.signals, &t.g);
        t.g.history = MAX(t.g.history, t.g.every);
        t.g.key = chance_text(r->w->seed, from->key);
    }
    r->w->groups[r->w->groups_count++] = t.g;
}

/* ---- links between groups, once all are known ---- */

struct link_text {
    struct link l;
    const char *to, *pick;
};
static const struct json_field link_fields[] = {
    {"to", FIELD_STRING, offsetof(struct link_text, to), true},
    {"pick", FIELD_STRING, offsetof(struct link_text, pick), true},
    {"by", FIELD_STRING, offsetof(struct link_text, l.by)},
    {"same", FIELD_STRING, offsetof(struct link_text, l.same)},
    {"within", FIELD_DOUBLE, offsetof(struct link_text, l.within)},
    {NULL},
};

static void read_link(struct reader *r, const struct json *from, struct link *out)
{
    struct link_text t = {.l.name = from->key, .l.within = INFINITY};
    if (!read_fields(r, from, link_fields, &t)) {
        return;
    }
    t.l.to = need_group(r, json_get(from, "to"), t.to);
    if (t.l.to != NULL && json_get(t.l.to->source, "along") != NULL) {
        mistake(r, json_get(from, "to"), "A link leads to devices, not to what lies along links",
                "link 只能指向设备，不能指向沿线要素");
    }
    if (strcmp(t.pick, "nearest") != 0 && strcmp(t.pick, "lower") != 0) {
        mistake(r, json_get(from, "pick"), "pick must be nearest or lower", "pick 必须是 nearest 或 lower");
    }
    t.l.pick = strcmp(t.pick, "lower") == 0 ? PICK_LOWER : PICK_NEAREST;
    if (t.l.pick == PICK_LOWER && t.l.by == NULL) {
        mistake(r, from, "pick: lower needs by, the attribute that falls along the link",
                "pick: lower 需要 by：沿链接下降的属性");
    }
    *out = t.l;
}

void read_links(struct reader *r, struct group *g)
{
    const struct json *links = json_get(g->source, "links");
    g->links = links != NULL ? arena_array(r->a, struct link, links->length) : NULL;
    for (const struct json *m = json_first(links); m != NULL; m = m->next) {
        read_link(r, m, &g->links[g->links_count++]);
    }
}

static int find_link_name(const struct group *g, const char *name)
{
    for (int i = 0; i < g->links_count; i++) {
        if (g->links[i].name != NULL && strcmp(g->links[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int need_link(struct reader *r, const struct json *where, const struct group *g, const char *name)
{
    int link = find_link_name(g, name);
    if (link < 0) {
        mistake(r, where, "Group %s has no link \"%s\"", "设备组 %s 没有链接“%s”", g->name, name);
    }
    return link;
}

struct along_text {
    struct along l;
    const char *group, *link;
};
static const struct json_field along_fields[] = {
    {"group", FIELD_STRING, offsetof(struct along_text, group), true},
    {"link", FIELD_STRING, offsetof(struct along_text, link), true},
    {"from_as", FIELD_STRING, offsetof(struct along_text, l.from_as)},
    {"to_as", FIELD_STRING, offsetof(struct along_text, l.to_as)},
    {"length_as", FIELD_STRING, offsetof(struct along_text, l.length_as)},
    {NULL},
};

void read_along(struct reader *r, struct group *g)
{
    const struct json *from = json_get(g->source, "along");
    struct along_text t = {0};
    if (from == NULL || !read_fields(r, from, along_fields, &t)) {
        return;
    }
    t.l.group = need_group(r, json_get(from, "group"), t.group);
    if (t.l.group != NULL) {
        t.l.link = need_link(r, json_get(from, "link"), t.l.group, t.link);
    }
    if (g->topic != NULL) {
        mistake(r, json_get(g->source, "topic"), "What lies along links sends nothing: leave topic out",
                "沿线要素不发送数据：请去掉 topic");
    }
    g->along = t.l;
}
