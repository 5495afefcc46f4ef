/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the packs' `demo` sections into a world, and tells every mistake with its line. */
#include <math.h>
#include <string.h>

#include "demo/world.h"

struct reader {
    struct arena *a;
    struct world *w;
    const struct pack *only; /* whose mistakes are told; NULL = all */
    const struct pack *pack; /* being read */
    struct pack_report *report;
    struct json *every_entity;
    int mistakes;
};

/* Tells a mistake at a node of the pack being read. */
#define mistake(r, where, ...)                                       \
    do {                                                             \
        (r)->mistakes++;                                             \
        if ((r)->only == NULL || (r)->only == (r)->pack) {           \
            (r)->report->mistake((r)->report, (where), __VA_ARGS__); \
        }                                                            \
    } while (0)

/* ---- small pieces ---- */

/* The sentence without the line that json_read put before it: the report adds its own. */
static const char *without_line(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && strncmp(text + digits, ": ", 2) == 0 ? text + digits + 2 : text;
}

/* Where a field took the node itself, it shall be the one of the tree: a report knows files by nodes. */
static void keep_original(const struct json *m, const struct json_field *fields, void *out)
{
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, m->key) == 0 && fields->type >= FIELD_ARRAY && fields->type != FIELD_SPAN) {
            memcpy((char *)out + fields->offset, &m, sizeof m);
        }
    }
}

/* Reads one member as an object of its own, so that each mistake is told at its own line. */
static void read_member(struct reader *r, const struct json *m, const struct json_field *fields, void *out)
{
    struct error e = {0};
    struct json one = *m;
    struct json alone = {.type = JSON_OBJECT, .line = m->line, .length = 1};
    one.next = NULL;
    alone.first = alone.last = &one;
    if (!json_read(&alone, fields, out, false, &e)) {
        mistake(r, m, "%1$s%2$.0s", "%1$.0s%2$s", without_line(e.en), without_line(e.zh));
        return;
    }
    keep_original(m, fields, out);
}

enum { MOST_FIELDS = 24 };

/* As json_read, but tells all mistakes. False when there was one. */
static bool read_fields(struct reader *r, const struct json *object, const struct json_field *fields,
                        void *out)
{
    struct json_field optional[MOST_FIELDS] = {0};
    int before = r->mistakes;
    if (!json_is(object, JSON_OBJECT)) {
        mistake(r, object, "Names with values are needed here", "此处需要“名称: 值”的映射");
        return false;
    }
    for (int i = 0; fields[i].name != NULL; i++) {
        g_assert(i < MOST_FIELDS - 1);
        optional[i] = fields[i];
        optional[i].required = false;
    }
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        read_member(r, m, optional, out);
    }
    for (; fields->name != NULL; fields++) {
        if (fields->required && json_get(object, fields->name) == NULL) {
            mistake(r, object, "%s is missing", "缺少 %s", fields->name);
        }
    }
    return r->mistakes == before;
}

static bool read_numbers(struct reader *r, const struct json *list, int count, double *out)
{
    bool good = json_is(list, JSON_ARRAY) && list->length == (uint32_t)count;
    int i = 0;
    for (const struct json *n = json_first(list); good && n != NULL; n = n->next) {
        good = json_is_number(n);
        out[i++] = json_number(n);
    }
    if (!good) {
        mistake(r, list, "%s must be a list of %d numbers", "%s 必须是 %d 个数的列表", list->key, count);
    }
    return good;
}

/* A number, or [low, high]. */
static void read_range(struct reader *r, const struct json *v, struct range *out)
{
    double pair[2];
    if (v == NULL) {
        return;
    }
    if (json_is_number(v)) {
        *out = (struct range){json_number(v), json_number(v)};
    } else if (read_numbers(r, v, 2, pair)) {
        *out = (struct range){pair[0], pair[1]};
    }
}

/* [shortest, longest] as spans. */
static void read_spans(struct reader *r, const struct json *list, int64_t *shortest, int64_t *longest)
{
    const struct json *low = json_first(list);
    const struct json *high = low != NULL ? low->next : NULL;
    if (!json_is(low, JSON_STRING) || !json_is(high, JSON_STRING) || high->next != NULL ||
        !span_parse(low->string, low->length, shortest) || !span_parse(high->string, high->length, longest) ||
        *shortest <= 0 || *longest < *shortest) {
        mistake(r, list, "%s must be [shortest, longest], such as [5m, 20m]",
                "%s 必须是 [最短, 最长]，例如 [5m, 20m]", list->key);
        *shortest = *longest = INSTANT_SECOND;
    }
}

static bool read_every(struct reader *r, const struct json *where, int64_t every)
{
    if (every < INSTANT_SECOND) {
        mistake(r, where, "every must be 1s or longer", "every 至少为 1s");
        return false;
    }
    return true;
}

/* ---- signals and drivers ---- */

struct signal_text {
    struct signal s;
    const struct json *base, *daily, *weekly, *showers, *saw, *responds, *words;
};

#define S(member) offsetof(struct signal_text, member)
static const struct json_field signal_fields[] = {
    {"base", FIELD_ANY, S(base)},
    {"daily", FIELD_ARRAY, S(daily)},
    {"weekly", FIELD_ARRAY, S(weekly)},
    {"noise", FIELD_DOUBLE, S(s.noise)},
    {"noise_span", FIELD_SPAN, S(s.noise_span)},
    {"showers", FIELD_OBJECT, S(showers)},
    {"saw", FIELD_OBJECT, S(saw)},
    {"responds", FIELD_OBJECT, S(responds)},
    {"min", FIELD_DOUBLE, S(s.min)},
    {"max", FIELD_DOUBLE, S(s.max)},
    {"decimals", FIELD_INT, S(s.decimals)},
    {"words", FIELD_ARRAY, S(words)},
    {"boolean", FIELD_BOOL, S(s.boolean)},
    {NULL},
};

struct showers_text {
    struct showers s;
    const struct json *lasts, *strength;
};
static const struct json_field showers_fields[] = {
    {"every", FIELD_SPAN, offsetof(struct showers_text, s.every), true},
    {"chance", FIELD_DOUBLE, offsetof(struct showers_text, s.chance)},
    {"lasts", FIELD_ARRAY, offsetof(struct showers_text, lasts), true},
    {"strength", FIELD_ANY, offsetof(struct showers_text, strength), true},
    {NULL},
};

static void read_showers(struct reader *r, const struct json *from, struct showers *out)
{
    struct showers_text t = {.s.chance = 1};
    if (from == NULL || !read_fields(r, from, showers_fields, &t) || !read_every(r, from, t.s.every)) {
        return;
    }
    read_spans(r, t.lasts, &t.s.shortest, &t.s.longest);
    read_range(r, t.strength, &t.s.strength);
    if (t.s.strength.low <= 0 || t.s.strength.high < t.s.strength.low) {
        mistake(r, t.strength, "strength must be [low, high] with 0 < low <= high",
                "strength 必须是 [低, 高]，且 0 < 低 <= 高");
    }
    *out = t.s;
}

static const struct json_field saw_fields[] = {
    {"from", FIELD_DOUBLE, offsetof(struct signal, saw_from), true},
    {"to", FIELD_DOUBLE, offsetof(struct signal, saw_to), true},
    {"over", FIELD_SPAN, offsetof(struct signal, saw_over), true},
    {NULL},
};

static void read_words(struct reader *r, const struct json *list, struct signal *s)
{
    if (list == NULL) {
        return;
    }
    s->words = arena_array(r->a, const char *, list->length);
    for (const struct json *w = list->first; w != NULL; w = w->next) {
        if (json_is(w, JSON_STRING)) {
            s->words[s->words_count++] = w->string;
        } else {
            mistake(r, w, "words must be texts", "words 必须是文本");
        }
    }
}

struct response_text {
    struct response r;
    const struct json *by;
};
static const struct json_field response_fields[] = {
    {"by", FIELD_ANY, offsetof(struct response_text, by), true},
    {"delay", FIELD_SPAN, offsetof(struct response_text, r.delay)},
    {"decay", FIELD_SPAN, offsetof(struct response_text, r.decay)},
    {NULL},
};

static int find_driver(const struct world *w, const char *name)
{
    for (int i = 0; i < w->drivers_count; i++) {
        if (strcmp(w->drivers[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void read_responses(struct reader *r, const struct json *from, struct signal *s)
{
    s->responses = from != NULL ? arena_array(r->a, struct response, from->length) : NULL;
    for (const struct json *m = json_first(from); m != NULL; m = m->next) {
        struct response_text t = {.r.driver = find_driver(r->w, m->key)};
        if (t.r.driver < 0) {
            mistake(r, m, "There is no driver \"%s\" in these packs", "这些包中没有驱动量“%s”", m->key);
        } else if (read_fields(r, m, response_fields, &t)) {
            read_range(r, t.by, &t.r.by);
            s->responses[s->responses_count++] = t.r;
        }
    }
}

static struct signal read_signal(struct reader *r, const struct json *from)
{
    struct signal_text t = {.s = {.name = from->key,
                                  .min = -1e12,
                                  .max = 1e12,
                                  .decimals = -1,
                                  .noise_span = 600 * INSTANT_SECOND}};
    for (int i = 0; i < DEMO_DAYS; i++) {
        t.s.weekly[i] = 1;
    }
    if (!read_fields(r, from, signal_fields, &t)) {
        return t.s;
    }
    read_range(r, t.base, &t.s.base);
    if (t.daily != NULL) {
        read_numbers(r, t.daily, DEMO_HOURS, t.s.daily);
    }
    if (t.weekly != NULL) {
        read_numbers(r, t.weekly, DEMO_DAYS, t.s.weekly);
    }
    read_showers(r, t.showers, &t.s.showers);
    if (t.saw != NULL && read_fields(r, t.saw, saw_fields, &t.s) && t.s.saw_over < INSTANT_SECOND) {
        mistake(r, t.saw, "over must be 1s or longer", "over 至少为 1s");
    }
    read_words(r, t.words, &t.s);
    read_responses(r, t.responds, &t.s);
    if (t.s.min > t.s.max || t.s.decimals > 9 || t.s.decimals < -1 || t.s.noise_span < INSTANT_SECOND) {
        mistake(r, from, "min must not exceed max, decimals lie between 0 and 9, noise_span is 1s or longer",
                "min 不得大于 max，decimals 为 0 到 9，noise_span 至少为 1s");
    }
    t.s.key = chance_text(r->w->seed, from->key);
    return t.s;
}

static void read_drivers(struct reader *r, const struct json *from)
{
    for (const struct json *m = json_first(from); m != NULL; m = m->next) {
        if (find_driver(r->w, m->key) >= 0) {
            mistake(r, m, "Another pack has a driver \"%s\" already", "另一个包已有驱动量“%s”", m->key);
        } else if (json_get(m, "responds") != NULL) {
            mistake(r, json_get(m, "responds"), "A driver responds to nothing; only signals do",
                    "驱动量不能再 responds，只有信号可以");
        } else {
            r->w->drivers[r->w->drivers_count++] = read_signal(r, m);
        }
    }
}

/* ---- what stands still ---- */

static void read_area(struct reader *r, const struct json *from)
{
    const struct json *location = json_get(from, "location");
    struct error e = {0};
    if (location == NULL) {
        return;
    }
    const struct geometry *shape = geometry_parse(r->a, location, &e);
    if (shape == NULL) {
        mistake(r, location, "%1$s%2$.0s", "%1$.0s%2$s", e.en, e.zh);
        return;
    }
    const char *name = json_get_string(from, "name");
    const char *scope = json_get_string(from, "scope");
    if (shape->kind == GEOMETRY_POLYGON) {
        r->w->areas[r->w->areas_count++] =
            (struct area){json_get_string(from, "id"), json_get_string(from, "type"),
                          name != NULL ? name : "", scope != NULL ? scope : "", shape};
    }
}

static void read_entity(struct reader *r, const struct json *from)
{
    if (json_get_string(from, "id") == NULL || json_get_string(from, "type") == NULL) {
        mistake(r, from, "An entity needs id and type", "实体必须有 id 和 type");
        return;
    }
    struct json *entity = json_append(r->w->entities, json_object(r->a));
    for (const struct json *m = from->first; m != NULL; m = m->next) {
        if (strcmp(m->key, "id") == 0 || strcmp(m->key, "type") == 0 || strcmp(m->key, "scope") == 0) {
            json_set(r->a, entity, m->key, json_copy(r->a, m));
        } else {
            world_attribute(r->a, entity, m->key, m);
        }
    }
    read_area(r, from);
}

static void read_still(struct reader *r, const struct json *every_entity, const struct json *entities)
{
    for (const struct json *m = json_first(every_entity); m != NULL; m = m->next) {
        json_set(r->a, r->every_entity, m->key, json_copy(r->a, m));
    }
    for (const struct json *m = json_first(entities); m != NULL; m = m->next) {
        read_entity(r, m);
    }
}

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

static struct group *need_group(struct reader *r, const struct json *where, const char *name)
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

static void read_group(struct reader *r, const struct json *from)
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

static void read_links(struct reader *r, struct group *g)
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

static int need_link(struct reader *r, const struct json *where, const struct group *g, const char *name)
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

static void read_along(struct reader *r, struct group *g)
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

/* ---- incidents ---- */

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

static void read_incident(struct reader *r, const struct json *from)
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

/* ---- all of it ---- */

struct section {
    const struct json *with, *every_entity, *entities, *drivers, *groups, *incidents;
};
static const struct json_field section_fields[] = {
    {"with", FIELD_ARRAY, offsetof(struct section, with)},
    {"every_entity", FIELD_OBJECT, offsetof(struct section, every_entity)},
    {"entities", FIELD_ARRAY, offsetof(struct section, entities)},
    {"drivers", FIELD_OBJECT, offsetof(struct section, drivers)},
    {"groups", FIELD_OBJECT, offsetof(struct section, groups)},
    {"incidents", FIELD_ARRAY, offsetof(struct section, incidents)},
    {NULL},
};

static uint32_t children(const struct json *v)
{
    return v != NULL ? v->length : 0;
}

/* Makes room in the world for what all sections together may hold. */
static void make_room(struct reader *r, const struct section *s, int count)
{
    uint32_t entities = 0, drivers = 0, groups = 0, incidents = 0;
    for (int i = 0; i < count; i++) {
        entities += children(s[i].entities);
        drivers += children(s[i].drivers);
        groups += children(s[i].groups);
        incidents += children(s[i].incidents);
    }
    r->w->entities = json_array(r->a);
    r->w->areas = arena_array(r->a, struct area, entities);
    r->w->drivers = arena_array(r->a, struct signal, drivers);
    r->w->groups = arena_array(r->a, struct group, groups);
    r->w->incidents = arena_array(r->a, struct incident, incidents);
}

/* Names may cross packs, so each kind of thing is read from all packs before the next kind. */
static void read_kinds(struct reader *r, const struct pack *const *packs, const struct section *s, int count)
{
    for (int i = 0; i < count; i++) {
        r->pack = packs[i];
        read_still(r, s[i].every_entity, s[i].entities);
        read_drivers(r, s[i].drivers);
    }
    for (int i = 0; i < count; i++) {
        r->pack = packs[i];
        for (const struct json *m = json_first(s[i].groups); m != NULL; m = m->next) {
            read_group(r, m);
        }
    }
    for (int i = 0; i < r->w->groups_count; i++) {
        r->pack = r->w->groups[i].pack;
        read_links(r, &r->w->groups[i]);
    }
    for (int i = 0; i < r->w->groups_count; i++) {
        r->pack = r->w->groups[i].pack;
        read_along(r, &r->w->groups[i]);
    }
    for (int i = 0; i < count; i++) {
        r->pack = packs[i];
        for (const struct json *m = json_first(s[i].incidents); m != NULL; m = m->next) {
            read_incident(r, m);
        }
    }
}

/* The entities that stand still carry every_entity's attributes too. */
static void mark_entities(struct reader *r)
{
    for (struct json *e = json_first(r->w->entities); e != NULL; e = e->next) {
        for (const struct json *m = json_first(r->every_entity); m != NULL; m = m->next) {
            world_attribute(r->a, e, m->key, m);
        }
    }
}

static bool is_loaded(const struct pack *const *packs, const struct json *name)
{
    for (; *packs != NULL; packs++) {
        if (json_streq(name, (*packs)->name)) {
            return true;
        }
    }
    return false;
}

/* A section plays only beside the packs that it names in `with`; else it is left out as a whole. */
static bool plays(const struct pack *const *packs, const struct json *section)
{
    for (const struct json *name = json_first(json_get(section, "with")); name != NULL; name = name->next) {
        if (!is_loaded(packs, name)) {
            return false;
        }
    }
    return true;
}

struct world *world_read(struct arena *a, const struct pack *const *packs, uint64_t seed,
                         const struct pack *only, struct pack_report *report)
{
    struct reader r = {.a = a,
                       .w = arena_new0(a, struct world),
                       .only = only,
                       .report = report,
                       .every_entity = json_object(a)};
    int count = 0;
    while (packs[count] != NULL) {
        count++;
    }
    struct section *sections = arena_array(a, struct section, count);
    r.w->seed = seed;
    for (int i = 0; i < count; i++) {
        const struct json *from = json_get(packs[i]->root, "demo");
        r.pack = packs[i];
        if (from != NULL && plays(packs, from)) {
            read_fields(&r, from, section_fields, &sections[i]);
        }
    }
    make_room(&r, sections, count);
    read_kinds(&r, packs, sections, count);
    if (r.mistakes > 0) {
        return NULL;
    }
    mark_entities(&r);
    world_place(r.w, a, r.every_entity);
    return r.w;
}
