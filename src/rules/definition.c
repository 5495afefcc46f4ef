/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the section `rules` of packs and names every mistake in it. */
#include "rules/definition.h"

#include <math.h>
#include <string.h>

#include "base/instant.h"
#include "rules/model.h"

enum { MAX_RULES = 2000, MAX_SEVERITIES = 4, MAX_AT_LEAST = 1000, MAX_NAME = 100 };
#define MAX_SPAN (400 * INT64_C(86400) * INSTANT_SECOND)

static const char *const kinds[] = {"threshold", "rate", "stuck", "absence", "geofence", "count"};
static const char *const severities[] = {"red", "orange", "yellow", "blue"};

/* Which members a rule of each kind may have. */
enum {
    K_THRESHOLD = 1 << RULE_THRESHOLD,
    K_RATE = 1 << RULE_RATE,
    K_STUCK = 1 << RULE_STUCK,
    K_ABSENCE = 1 << RULE_ABSENCE,
    K_GEOFENCE = 1 << RULE_GEOFENCE,
    K_COUNT = 1 << RULE_COUNT,
    K_ALL = 63
};
static const struct member {
    const char *name;
    int kinds;
} members[] = {
    {"name", K_ALL},
    {"title", K_ALL},
    {"type", K_ALL},
    {"kind", K_ALL},
    {"severity", K_ALL},
    {"message", K_ALL},
    {"case", K_ALL},
    {"category", K_ALL},
    {"enabled", K_ALL},
    {"when", K_ALL & ~K_COUNT},
    {"clear", K_THRESHOLD | K_RATE | K_COUNT},
    {"for", K_THRESHOLD | K_STUCK | K_ABSENCE | K_GEOFENCE},
    {"attribute", K_RATE | K_STUCK | K_ABSENCE | K_GEOFENCE},
    {"per", K_RATE},
    {"above", K_RATE},
    {"below", K_RATE},
    {"tolerance", K_STUCK},
    {"clock", K_ABSENCE},
    {"zone", K_GEOFENCE},
    {"zone_from", K_GEOFENCE},
    {"event", K_GEOFENCE},
    {"of", K_COUNT},
    {"within", K_COUNT},
    {"at_least", K_COUNT},
};

/* One rule being read. */
struct reading {
    const struct pack *pack;
    const struct pack *const *all;
    struct pack_report *report;
    struct arena *arena;
    const struct json *node;
    const char *name; /* for the sentences; "?" before it is known */
    struct rule *rule;
};

const char *rule_kind_name(enum rule_kind kind)
{
    return kinds[kind];
}

const char *severity_name(enum severity s)
{
    return severities[s];
}

static int position(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

bool severity_parse(const char *name, enum severity *s)
{
    int i = name != NULL ? position(severities, G_N_ELEMENTS(severities), name) : -1;
    if (i >= 0) {
        *s = (enum severity)i;
    }
    return i >= 0;
}

/* ---- typed members ---- */

static const char *want_text(struct reading *r, const struct json *object, const char *key, bool required)
{
    const struct json *v = json_get(object, key);
    if (json_is(v, JSON_STRING) && v->length > 0) {
        return arena_strdup(r->arena, v->string);
    }
    if (v != NULL) {
        r->report->mistake(r->report, v, "rule %s: %s must be a text", "规则 %s：%s 必须是文本", r->name,
                           key);
    } else if (required) {
        r->report->mistake(r->report, object, "rule %s: %s is missing", "规则 %s：缺少 %s", r->name, key);
    }
    return NULL;
}

static int64_t want_span(struct reading *r, const char *key, bool required)
{
    const struct json *v = json_get(r->node, key);
    int64_t span = 0;
    if (v == NULL) {
        if (required) {
            r->report->mistake(r->report, r->node,
                               "rule %s: %s is missing; write a span like 30s, 10m, 3h or 1d",
                               "规则 %s：缺少 %s，请写时长，例如 30s、10m、3h 或 1d", r->name, key);
        }
    } else if (!json_is(v, JSON_STRING) || !span_parse(v->string, v->length, &span) || span <= 0 ||
               span > MAX_SPAN) {
        r->report->mistake(r->report, v,
                           "rule %s: %s is no span between 1s and 400d; write it like 30s, 10m, 3h or 1d",
                           "规则 %s：%s 不是 1s 到 400d 之间的时长，请写成 30s、10m、3h 或 1d", r->name, key);
        return 0;
    }
    return span;
}

static double want_number(struct reading *r, const char *key, double otherwise)
{
    const struct json *v = json_get(r->node, key);
    if (v == NULL) {
        return otherwise;
    }
    if (!json_is_number(v)) {
        r->report->mistake(r->report, v, "rule %s: %s must be a number", "规则 %s：%s 必须是数字", r->name,
                           key);
        return otherwise;
    }
    return json_number(v);
}

/* Texts in two languages; one stands in for the other. False when it is neither a text nor {zh, en}. */
static bool read_texts(const struct json *v, const char *texts[RULE_LANGUAGES])
{
    if (json_is(v, JSON_STRING)) {
        texts[RULE_ZH] = texts[RULE_EN] = v->string;
        return true;
    }
    if (!json_is(v, JSON_OBJECT) || v->length == 0) {
        return false;
    }
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        if (!json_is(c, JSON_STRING) || (strcmp(c->key, "zh") != 0 && strcmp(c->key, "en") != 0)) {
            return false;
        }
    }
    texts[RULE_ZH] = json_get_string(v, "zh");
    texts[RULE_EN] = json_get_string(v, "en");
    texts[RULE_ZH] = texts[RULE_ZH] != NULL ? texts[RULE_ZH] : texts[RULE_EN];
    texts[RULE_EN] = texts[RULE_EN] != NULL ? texts[RULE_EN] : texts[RULE_ZH];
    return true;
}

static bool want_texts(struct reading *r, const char *key, bool required, const char *texts[RULE_LANGUAGES])
{
    const struct json *v = json_get(r->node, key);
    if (v == NULL && !required) {
        return false;
    }
    if (v == NULL || !read_texts(v, texts)) {
        r->report->mistake(r->report, v != NULL ? v : r->node, "rule %s: %s must be a text or {zh: …, en: …}",
                           "规则 %s：%s 必须是文本或 {zh: …, en: …}", r->name, key);
        return false;
    }
    return true;
}

/* ---- names ---- */

/* A dotted name: each but the last segment a Relationship, the last an attribute. */
static void check_path(struct reading *r, const struct json *where, const struct formula_path *path)
{
    const char *type = r->rule->type;
    for (int i = 0; i < path->count && type != NULL; i++) {
        const char *name = path->segments[i];
        bool last = i + 1 == path->count;
        const struct json *attribute = model_attribute(r->all, type, name);
        if (attribute == NULL && !(last && model_is_core(name))) {
            r->report->mistake(r->report, where, "rule %s: type %s has no attribute %s; it has %s",
                               "规则 %s：类型 %s 没有属性 %s；它有 %s", r->name, type, name,
                               model_attributes(r->all, r->arena, type));
            return;
        }
        if (!last && !model_is_relationship(attribute)) {
            r->report->mistake(
                r->report, where, "rule %s: %s of %s is no Relationship, so nothing can be read through it",
                "规则 %s：%s（类型 %s）不是 Relationship，不能由它读取其他实体", r->name, name, type);
            return;
        }
        type = last ? NULL : model_target(attribute);
    }
}

static void check_paths(struct reading *r, const struct json *where, const struct formula_path *paths,
                        int count)
{
    for (int i = 0; i < count; i++) {
        check_path(r, where, &paths[i]);
    }
}

static struct formula *compile(struct reading *r, const struct json *v, const char *key)
{
    struct error e = {0};
    if (!json_is(v, JSON_STRING)) {
        r->report->mistake(r->report, v, "rule %s: %s must be a formula in quotes",
                           "规则 %s：%s 必须是引号内的公式", r->name, key);
        return NULL;
    }
    struct formula *f = formula_parse(v->string, &e);
    if (f == NULL) {
        r->report->mistake(r->report, v, "rule %s: %s: %s%.0s", "规则 %s：%s：%.0s%s", r->name, key, e.en,
                           e.zh);
        return NULL;
    }
    int count;
    const struct formula_path *paths = formula_paths(f, &count);
    check_paths(r, v, paths, count);
    return f;
}

static struct formula *want_formula(struct reading *r, const char *key, bool required)
{
    const struct json *v = json_get(r->node, key);
    if (v != NULL) {
        return compile(r, v, key);
    }
    if (required) {
        r->report->mistake(r->report, r->node, "rule %s: %s is missing; write a formula",
                           "规则 %s：缺少 %s，请写公式", r->name, key);
    }
    return NULL;
}

static const char *want_attribute(struct reading *r, const char *key, bool required, bool relationship)
{
    const char *name = want_text(r, r->node, key, required);
    if (name == NULL || r->rule->type == NULL) {
        return name;
    }
    const char *segments[] = {name};
    check_path(r, json_get(r->node, key), &(struct formula_path){segments, 1});
    const struct json *attribute = model_attribute(r->all, r->rule->type, name);
    if (relationship && attribute != NULL && !model_is_relationship(attribute)) {
        r->report->mistake(r->report, json_get(r->node, key), "rule %s: %s must name a Relationship",
                           "规则 %s：%s 必须是 Relationship 属性", r->name, key);
    }
    return name;
}

static struct text_template *compile_text(struct reading *r, const struct json *where, const char *text)
{
    struct error e = {0};
    struct text_template *t = text_template_parse(text, &e);
    if (t == NULL) {
        r->report->mistake(r->report, where, "rule %s: message: %s%.0s", "规则 %s：message：%.0s%s", r->name,
                           e.en, e.zh);
        return NULL;
    }
    int count;
    const struct formula_path *paths = text_template_paths(t, &count);
    check_paths(r, where, paths, count);
    return t;
}

/* ---- the parts of a rule ---- */

static void read_members(struct reading *r)
{
    for (const struct json *m = json_first(r->node); m != NULL; m = m->next) {
        GString *known = g_string_new(NULL);
        bool found = false;
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
            if ((members[i].kinds & (1 << r->rule->kind)) != 0) {
                found = found || strcmp(members[i].name, m->key) == 0;
                g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", members[i].name);
            }
        }
        if (!found) {
            r->report->mistake(r->report, m, "rule %s: a rule of kind %s has no member %s; it has %s",
                               "规则 %s：%s 类规则没有成员 %s；它有 %s", r->name, kinds[r->rule->kind],
                               m->key, known->str);
        }
        g_string_free(known, TRUE);
    }
}

static void read_kind(struct reading *r)
{
    const struct json *v = json_get(r->node, "kind");
    int kind = v == NULL ? RULE_THRESHOLD
                         : (json_is(v, JSON_STRING) ? position(kinds, G_N_ELEMENTS(kinds), v->string) : -1);
    if (kind < 0) {
        r->report->mistake(
            r->report, v,
            "rule %s: unknown kind; known are threshold, rate, stuck, absence, geofence and count",
            "规则 %s：未知的 kind；可用 threshold、rate、stuck、absence、geofence、count", r->name);
        kind = RULE_THRESHOLD;
    }
    r->rule->kind = (enum rule_kind)kind;
}

static void read_type(struct reading *r)
{
    const char *type = want_text(r, r->node, "type", true);
    if (type != NULL && model_type(r->all, type) == NULL) {
        r->report->mistake(
            r->report, json_get(r->node, "type"), "rule %s: no pack declares the type %s; known are %s",
            "规则 %s：没有应用包声明类型 %s；已知的有 %s", r->name, type, model_types(r->all, r->arena));
        type = NULL;
    }
    r->rule->type = type;
}

static void read_severity_step(struct reading *r, const struct json *v, bool listed, bool last)
{
    struct severity_step *step = &r->rule->severities[r->rule->severities_count];
    const struct json *name = listed ? json_get(v, "severity") : v;
    if (!json_is(name, JSON_STRING) || !severity_parse(name->string, &step->severity)) {
        r->report->mistake(r->report, v, "rule %s: severity must be red, orange, yellow or blue",
                           "规则 %s：severity 必须是 red、orange、yellow 或 blue", r->name);
        return;
    }
    for (const struct json *m = listed ? json_first(v) : NULL; m != NULL; m = m->next) {
        if (strcmp(m->key, "when") != 0 && strcmp(m->key, "severity") != 0) {
            r->report->mistake(r->report, m, "rule %s: a severity has when and severity, not %s",
                               "规则 %s：severity 的成员只有 when 和 severity，没有 %s", r->name, m->key);
        }
    }
    const struct json *when = listed ? json_get(v, "when") : NULL;
    if (listed && when == NULL && !last) {
        r->report->mistake(r->report, v, "rule %s: only the last severity may stand without when",
                           "规则 %s：只有最后一个 severity 可以没有 when", r->name);
    }
    step->when = when != NULL ? compile(r, when, "severity.when") : NULL;
    r->rule->severities_count++;
}

static void read_severity(struct reading *r)
{
    const struct json *v = json_get(r->node, "severity");
    r->rule->severities = arena_array(r->arena, struct severity_step, MAX_SEVERITIES);
    if (v == NULL) {
        r->report->mistake(r->report, r->node,
                           "rule %s: severity is missing; write red, orange, yellow or blue",
                           "规则 %s：缺少 severity，请写 red、orange、yellow 或 blue", r->name);
    } else if (!json_is(v, JSON_ARRAY)) {
        read_severity_step(r, v, false, true);
    } else if (v->length == 0 || v->length > MAX_SEVERITIES) {
        r->report->mistake(r->report, v, "rule %s: severity lists one to four steps",
                           "规则 %s：severity 列表应有一到四级", r->name);
    } else {
        for (const struct json *s = v->first; s != NULL; s = s->next) {
            read_severity_step(r, s, json_is(s, JSON_OBJECT), s->next == NULL);
        }
    }
}

static void read_message(struct reading *r)
{
    const char *texts[RULE_LANGUAGES];
    if (want_texts(r, "title", true, texts)) {
        r->rule->title[RULE_ZH] = arena_strdup(r->arena, texts[RULE_ZH]);
        r->rule->title[RULE_EN] = arena_strdup(r->arena, texts[RULE_EN]);
    }
    if (!want_texts(r, "message", true, texts)) {
        return;
    }
    for (int i = 0; i < RULE_LANGUAGES; i++) {
        r->rule->message[i] = compile_text(r, json_get(r->node, "message"), texts[i]);
    }
}

static void read_case(struct reading *r)
{
    const struct json *v = json_get(r->node, "case");
    if (json_get(r->node, "category") != NULL) {
        want_text(r, r->node, "category", false); /* the cases feature knows which there are */
    }
    if (v == NULL || v->type == JSON_NULL || json_streq(v, "none")) {
        return;
    }
    r->rule->workflow = want_text(r, r->node, "case", false);
    if (r->rule->workflow != NULL && !model_has(r->all, "workflows", r->rule->workflow)) {
        r->report->mistake(r->report, v, "rule %s: no pack has a workflow %s",
                           "规则 %s：没有应用包定义工作流 %s", r->name, r->rule->workflow);
    }
}

static void read_enabled(struct reading *r)
{
    const struct json *v = json_get(r->node, "enabled");
    r->rule->enabled = v == NULL || json_get_bool(r->node, "enabled", true);
    if (v != NULL && v->type != JSON_BOOL) {
        r->report->mistake(r->report, v, "rule %s: enabled must be true or false",
                           "规则 %s：enabled 必须是 true 或 false", r->name);
    }
}

/* ---- the kinds ---- */

static void read_threshold(struct reading *r)
{
    r->rule->when = want_formula(r, "when", true);
    r->rule->clear = want_formula(r, "clear", false);
    r->rule->hold = want_span(r, "for", false);
}

static void read_rate(struct reading *r)
{
    struct rule *rule = r->rule;
    rule->attribute = want_attribute(r, "attribute", true, false);
    rule->when = want_formula(r, "when", false);
    rule->span = want_span(r, "per", true);
    rule->above = want_number(r, "above", NAN);
    rule->below = want_number(r, "below", NAN);
    rule->clear_at = want_number(r, "clear", NAN);
    if (isnan(rule->above) && isnan(rule->below)) {
        r->report->mistake(r->report, r->node,
                           "rule %s: a rate needs above (a rise) or below (a fall, negative)",
                           "规则 %s：rate 需要 above（上升）或 below（下降，负数）", r->name);
    }
    if (rule->above < 0 || rule->below > 0 || rule->clear_at < 0) {
        r->report->mistake(r->report, r->node, "rule %s: above and clear are positive, below is negative",
                           "规则 %s：above 和 clear 为正数，below 为负数", r->name);
    }
}

static void read_stuck(struct reading *r)
{
    r->rule->attribute = want_attribute(r, "attribute", true, false);
    r->rule->when = want_formula(r, "when", false);
    r->rule->hold = want_span(r, "for", true);
    r->rule->tolerance = want_number(r, "tolerance", 0);
    if (r->rule->tolerance < 0) {
        r->report->mistake(r->report, json_get(r->node, "tolerance"), "rule %s: tolerance is not negative",
                           "规则 %s：tolerance 不能为负", r->name);
    }
}

static void read_absence(struct reading *r)
{
    r->rule->when = want_formula(r, "when", false);
    r->rule->attribute = want_attribute(r, "attribute", false, false);
    r->rule->hold = want_span(r, "for", true);
    const char *clock = want_text(r, r->node, "clock", false);
    r->rule->wall_clock = clock == NULL || strcmp(clock, "wall") == 0;
    if (clock != NULL && !r->rule->wall_clock && strcmp(clock, "event") != 0) {
        r->report->mistake(r->report, json_get(r->node, "clock"), "rule %s: clock is wall or event",
                           "规则 %s：clock 只能是 wall 或 event", r->name);
    }
}

static void check_zone(struct reading *r)
{
    struct rule *rule = r->rule;
    if ((rule->zone == NULL) == (rule->zone_from == NULL)) {
        r->report->mistake(
            r->report, r->node,
            "rule %s: a geofence needs zone (an entity's id or a type) or zone_from (a Relationship), "
            "one of them",
            "规则 %s：geofence 需要 zone（实体标识或类型）或 zone_from（Relationship），二者选一", r->name);
    } else if (rule->zone != NULL && !rule->zone_is_id && model_type(r->all, rule->zone) == NULL) {
        r->report->mistake(r->report, json_get(r->node, "zone"), "rule %s: no pack declares the zone type %s",
                           "规则 %s：没有应用包声明区域类型 %s", r->name, rule->zone);
    }
}

static void read_geofence(struct reading *r)
{
    struct rule *rule = r->rule;
    rule->when = want_formula(r, "when", false);
    rule->attribute = want_attribute(r, "attribute", false, false);
    rule->attribute = rule->attribute != NULL ? rule->attribute : "location";
    rule->hold = want_span(r, "for", false);
    rule->zone = want_text(r, r->node, "zone", false);
    rule->zone_is_id = rule->zone != NULL && strchr(rule->zone, ':') != NULL;
    rule->zone_from = want_attribute(r, "zone_from", false, true);
    check_zone(r);
    const char *event = want_text(r, r->node, "event", true);
    rule->leave = event != NULL && strcmp(event, "leave") == 0;
    if (event != NULL && !rule->leave && strcmp(event, "enter") != 0) {
        r->report->mistake(r->report, json_get(r->node, "event"), "rule %s: event is enter or leave",
                           "规则 %s：event 只能是 enter 或 leave", r->name);
    }
}

static void read_count(struct reading *r)
{
    struct rule *rule = r->rule;
    rule->of = want_formula(r, "of", true);
    rule->span = want_span(r, "within", true);
    const struct json *v = json_get(r->node, "at_least");
    if (!json_is(v, JSON_INT) || v->integer < 1 || v->integer > MAX_AT_LEAST) {
        r->report->mistake(r->report, v != NULL ? v : r->node,
                           "rule %s: at_least must be a whole number from 1 to 1000",
                           "规则 %s：at_least 必须是 1 到 1000 的整数", r->name);
    } else {
        rule->at_least = v->integer;
    }
    rule->clear_at = want_number(r, "clear", NAN);
    if (rule->clear_at < 0 || rule->clear_at >= (double)rule->at_least) {
        r->report->mistake(r->report, json_get(r->node, "clear"), "rule %s: clear is a count below at_least",
                           "规则 %s：clear 应小于 at_least", r->name);
    }
}

/* Digest of what decides: texts, severity and `enabled` left out. */
static const char *logic_digest(struct arena *a, const struct json *definition)
{
    struct json *logic = json_copy(a, definition);
    static const char *const others[] = {"title", "message", "severity", "case", "category", "enabled"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        json_remove(logic, others[i]);
    }
    GString *text = g_string_new(NULL);
    json_write_canonical(text, logic);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
    g_string_free(text, TRUE);
    return arena_strndup(a, digest, 32);
}

static bool read_name(struct reading *r)
{
    const char *name = want_text(r, r->node, "name", true);
    if (name == NULL) {
        return false;
    }
    bool plain = strlen(name) <= MAX_NAME;
    for (const char *c = name; *c != '\0'; c++) {
        plain = plain && (g_ascii_isalnum(*c) || *c == '-' || *c == '_' || *c == '.');
    }
    if (!plain) {
        r->report->mistake(
            r->report, json_get(r->node, "name"),
            "rule name %s: at most 100 letters, digits, '-', '_' and '.', because it is part of ids",
            "规则名 %s：最多 100 个字母、数字、“-”、“_”、“.”，因为它是标识的一部分", name);
    }
    r->name = r->rule->name = name;
    return plain;
}

static void read_rule(struct reading *r)
{
    static void (*const of_kind[])(struct reading *) = {
        [RULE_THRESHOLD] = read_threshold, [RULE_RATE] = read_rate,         [RULE_STUCK] = read_stuck,
        [RULE_ABSENCE] = read_absence,     [RULE_GEOFENCE] = read_geofence, [RULE_COUNT] = read_count,
    };
    r->rule->pack = arena_strdup(r->arena, r->pack->name);
    r->rule->above = r->rule->below = r->rule->clear_at = NAN;
    read_kind(r);
    read_members(r);
    read_type(r);
    read_severity(r);
    read_message(r);
    read_case(r);
    read_enabled(r);
    of_kind[r->rule->kind](r);
    r->rule->definition = json_copy(r->arena, r->node);
    r->rule->logic = logic_digest(r->arena, r->node);
}

static void rule_clear(struct rule *rule)
{
    formula_free(rule->when);
    formula_free(rule->clear);
    formula_free(rule->of);
    for (int i = 0; i < rule->severities_count; i++) {
        formula_free(rule->severities[i].when);
    }
    for (int i = 0; i < RULE_LANGUAGES; i++) {
        text_template_free(rule->message[i]);
    }
}

/* Alarm ids hold the rule's name alone, so a name stands for one rule in all packs. */
static bool name_is_new(struct reading *r, GHashTable *names)
{
    const char *other = g_hash_table_lookup(names, r->rule->name);
    if (other != NULL) {
        r->report->mistake(r->report, r->node,
                           "rule %s: pack %s has a rule of that name already; take another",
                           "规则 %s：应用包 %s 已有同名规则，请换一个名称", r->name, other);
        return false;
    }
    g_hash_table_insert(names, g_strdup(r->rule->name), g_strdup(r->pack->name));
    return true;
}

static void read_section(struct rule_set *set, const struct pack *p, const struct pack *const *all,
                         GHashTable *names, struct pack_report *report)
{
    const struct json *section = json_get(p->root, "rules");
    if (section != NULL && section->type != JSON_ARRAY) {
        report->mistake(report, section, "rules must be a list", "rules 必须是列表");
        return;
    }
    for (const struct json *node = json_first(section); node != NULL; node = node->next) {
        struct reading r = {p, all, report, set->arena, node, "?", &set->rules[set->count]};
        int before = report->mistakes;
        memset(r.rule, 0, sizeof *r.rule);
        if (!json_is(node, JSON_OBJECT)) {
            report->mistake(report, node, "a rule is a mapping with name, title, type, …",
                            "规则应是包含 name、title、type 等成员的映射");
        } else if (set->count >= MAX_RULES) {
            report->mistake(report, node, "more than %d rules", "规则超过 %d 条", MAX_RULES);
            return;
        } else if (read_name(&r) && name_is_new(&r, names)) {
            read_rule(&r);
        }
        if (report->mistakes == before) {
            set->count++;
        } else {
            rule_clear(r.rule);
        }
    }
}

struct rule_set *rule_set_new(const struct pack *const *packs, struct pack_report *report)
{
    struct rule_set *set = g_new0(struct rule_set, 1);
    set->arena = arena_new();
    set->rules = g_new0(struct rule, MAX_RULES + 1);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 0; packs[i] != NULL; i++) {
        read_section(set, packs[i], packs, names, report);
    }
    set->rules = g_renew(struct rule, set->rules, set->count + 1);
    return set;
}

void rule_set_free(struct rule_set *set)
{
    if (set != NULL) {
        for (int i = 0; i < set->count; i++) {
            rule_clear(&set->rules[i]);
        }
        g_free(set->rules);
        arena_free(set->arena);
        g_free(set);
    }
}

/* Names that stand in the packs before this one are taken. */
static void take_names(GHashTable *names, const struct pack *p)
{
    const struct json *section = json_get(p->root, "rules");
    for (const struct json *node = json_first(section); node != NULL; node = node->next) {
        const char *name = json_get_string(node, "name");
        if (name != NULL) {
            g_hash_table_insert(names, g_strdup(name), g_strdup(p->name));
        }
    }
}

void rules_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                 struct pack_report *report)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 0; all[i] != NULL && strcmp(all[i]->name, p->name) != 0; i++) {
        take_names(names, all[i]);
    }
    struct rule_set *set = g_new0(struct rule_set, 1);
    set->arena = arena_new();
    set->rules = g_new0(struct rule, MAX_RULES + 1);
    read_section(set, p, all, names, report);
    rule_set_free(set);
}
