/* SPDX-License-Identifier: Apache-2.0 */
/* From a message or row to a fragment: the hot path of ingest. */
#include "ingest/mapping.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/limits.h"
#include "context/context.h"
#include "ingest/compiled.h"

/* One message or row on its way through one input. */
struct passage {
    struct arena *arena;
    const struct compiled_input *in;
    struct mapped *out;
    const struct json *payload;
    const char *bound[MOST_LEVELS]; /* levels of the topic, by index */
    size_t bound_length[MOST_LEVELS];
    const struct json *value; /* of {value} in a relationship's target */
    instant now;
    const char *observed; /* text, or NULL */
    int readings;         /* attributes taken that carry the time of the message */
    int fixed;            /* and those that do not change */
};

void mapped_add_fault(struct mapped *m, struct arena *a, const char *attribute, const char *en,
                      const char *zh, ...)
{
    struct fault *f = arena_new0(a, struct fault), **at = &m->faults;
    va_list args, again;
    va_start(args, zh);
    va_copy(again, args);
    g_autofree char *en_text = g_strdup_vprintf(en, args);
    g_autofree char *zh_text = g_strdup_vprintf(zh, again);
    va_end(again);
    va_end(args);
    f->attribute = attribute;
    f->en = arena_strdup(a, en_text);
    f->zh = arena_strdup(a, zh_text);
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = f;
    if (attribute == NULL) {
        m->fragment = NULL;
    }
}

#define FAULT(p, attribute, ...) mapped_add_fault((p)->out, (p)->arena, attribute, __VA_ARGS__)
#define REFUSE(p, attribute, ...) (FAULT(p, attribute, __VA_ARGS__), false)

/* ---- looking up ---- */

static const struct json *bound_value(struct passage *p, const char *name, size_t length)
{
    for (int i = 0; i < p->in->levels_count; i++) {
        const struct topic_level *level = &p->in->levels[i];
        if (level->binds && p->bound[i] != NULL && level->length == length &&
            memcmp(level->text, name, length) == 0) {
            return json_stringn(p->arena, p->bound[i], p->bound_length[i]);
        }
    }
    return NULL;
}

static const struct json *find_field(struct passage *p, const struct field *f)
{
    const struct json *value = json_getn(p->payload, f->name, f->length);
    if (value == NULL && f->path != NULL) {
        value = p->payload;
        for (const char *const *step = f->path; *step != NULL && value != NULL; step++) {
            value = json_get(value, *step);
        }
    }
    return value != NULL ? value : bound_value(p, f->name, f->length);
}

static bool number_of_text(const char *text, size_t length, double *number)
{
    char copy[64], *end;
    while (length > 0 && text[0] == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ') {
        length--;
    }
    if (length == 0 || length >= sizeof copy || strspn(text, "+-.0123456789eE") < length) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    *number = g_ascii_strtod(copy, &end);
    return *end == '\0' && end > copy && isfinite(*number);
}

static bool number_of(const struct json *value, double *number)
{
    if (json_is_number(value)) {
        *number = json_number(value);
        return isfinite(*number);
    }
    return json_is(value, JSON_STRING) && number_of_text(value->string, value->length, number);
}

static bool equals_missing(const struct json *value, const struct json *missing)
{
    double number;
    if (json_is_number(missing)) {
        return number_of(value, &number) && number == json_number(missing);
    }
    return json_equal(value, missing);
}

/* Is there no value: not sent, or sent as one of the input's words for "none"? */
static bool is_missing(const struct passage *p, const struct json *value)
{
    if (value == NULL) {
        return true;
    }
    if (p->in->missing == NULL) {
        return value->type == JSON_NULL || (value->type == JSON_STRING && value->length == 0);
    }
    for (const struct json *c = p->in->missing->first; c != NULL; c = c->next) {
        if (equals_missing(value, c)) {
            return true;
        }
    }
    return value->type == JSON_NULL;
}

/* The text of a scalar, as a person would write it; NULL for lists and mappings. */
static const char *text_of(struct arena *a, const struct json *value)
{
    switch (value->type) {
    case JSON_STRING: return value->string;
    case JSON_BOOL: return value->boolean ? "true" : "false";
    case JSON_INT:
    case JSON_DOUBLE: return json_text(a, value);
    default: return NULL;
    }
}

/* A value as it is quoted in a fault: short. */
static const char *shown(struct passage *p, const struct json *value)
{
    enum { SHOWN = 80 };
    char *text = json_text(p->arena, value);
    if (strlen(text) <= SHOWN) {
        return text;
    }
    text[SHOWN] = '\0';
    *g_utf8_find_prev_char(text, text + SHOWN) = '\0';
    return arena_printf(p->arena, "%s…", text);
}

/* ---- values ---- */

/* Numbers with d decimals are exact quotients of a whole number and 10^d. */
static double round_decimals(double number, int decimals)
{
    static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double whole = round(number * power[decimals]);
    return fabs(whole) < 9e15 ? whole / power[decimals] : number;
}

static bool apply_unit(struct passage *p, const struct slot *s, double *number)
{
    if (s->unit_from.name == NULL) {
        return true;
    }
    const struct json *sent = find_field(p, &s->unit_from);
    const char *name = sent != NULL ? text_of(p->arena, sent) : NULL;
    for (int i = 0; name != NULL && i < s->units_count; i++) {
        if (strcmp(s->units[i].name, name) == 0) {
            *number = *number * s->units[i].scale + s->units[i].offset;
            return true;
        }
    }
    if (name == NULL) {
        return REFUSE(p, s->name, "the unit is not given in \"%s\"", "“%s”中没有给出单位", s->unit_from.name);
    }
    return REFUSE(p, s->name, "unknown unit %s", "未知单位 %s", shown(p, sent));
}

static struct json *make_number(struct arena *a, double number)
{
    return number == rint(number) && fabs(number) < 9007199254740992.0 ? json_int(a, (int64_t)number)
                                                                       : json_double(a, number);
}

static struct json *take_number(struct passage *p, const struct slot *s, const struct json *value)
{
    double number;
    if (!number_of(value, &number)) {
        FAULT(p, s->name, "%s is no number", "%s 不是数字", shown(p, value));
        return NULL;
    }
    if (!apply_unit(p, s, &number)) {
        return NULL;
    }
    if (s->whole && number != rint(number)) {
        FAULT(p, s->name, "%s is no whole number", "%s 不是整数", shown(p, value));
        return NULL;
    }
    number = s->converts ? number * s->scale + s->offset : number;
    number = s->decimals >= 0 ? round_decimals(number, s->decimals) : number;
    if (!(number >= s->min && number <= s->max)) {
        FAULT(p, s->name, "%s is outside %.10g to %.10g", "%s 超出合理范围 %.10g 至 %.10g", shown(p, value),
              s->min, s->max);
        return NULL;
    }
    return make_number(p->arena, number);
}

static struct json *take_text(struct passage *p, const struct slot *s, const struct json *value)
{
    const char *text = text_of(p->arena, value);
    if (text == NULL) {
        FAULT(p, s->name, "%s is no text", "%s 不是文字", shown(p, value));
        return NULL;
    }
    if (s->values != NULL) {
        const struct json *meant = json_get(s->values, text);
        if (meant == NULL) {
            FAULT(p, s->name, "%s is none of the known values", "%s 不在已知取值之内", shown(p, value));
            return NULL;
        }
        return json_copy(p->arena, meant);
    }
    if (strlen(text) > LIMIT_TEXT) {
        FAULT(p, s->name, "the text has more than %d bytes", "文字超过 %d 字节", LIMIT_TEXT);
        return NULL;
    }
    return json_string(p->arena, text);
}

static struct json *take_boolean(struct passage *p, const struct slot *s, const struct json *value)
{
    static const char *const yes[] = {"true", "1", "yes", "on", "是", NULL};
    static const char *const no[] = {"false", "0", "no", "off", "否", NULL};
    const char *text = text_of(p->arena, value);
    g_autofree char *low = g_ascii_strdown(text != NULL ? text : "", -1);
    if (g_strv_contains(yes, low) || g_strv_contains(no, low)) {
        return json_bool(p->arena, g_strv_contains(yes, low));
    }
    FAULT(p, s->name, "%s is neither true nor false", "%s 不是真或假", shown(p, value));
    return NULL;
}

static struct json *take_time(struct passage *p, const struct slot *s, const struct json *value)
{
    const char *text = text_of(p->arena, value);
    char out[INSTANT_TEXT];
    instant t;
    if (text == NULL || !timestamp_parse(&s->format, text, strlen(text), &t)) {
        FAULT(p, s->name, "%s is no time of the expected form", "%s 不是预期格式的时间", shown(p, value));
        return NULL;
    }
    struct json *time = json_object(p->arena);
    json_add(time, "@type", json_string(p->arena, "DateTime"));
    json_add(time, "@value", json_string(p->arena, instant_format(t, out)));
    return time;
}

static struct json *take_data(struct passage *p, const struct slot *s, const struct json *value)
{
    if (value->type != JSON_OBJECT && value->type != JSON_ARRAY) {
        FAULT(p, s->name, "%s is no list or mapping", "%s 不是列表或映射", shown(p, value));
        return NULL;
    }
    return json_copy(p->arena, value);
}

static struct json *take_point(struct passage *p, const struct slot *s, const struct json *value)
{
    const struct json *second = find_field(p, &s->lat);
    double lon, lat;
    if (is_missing(p, second) || !number_of(value, &lon) || !number_of(second, &lat) || fabs(lon) > 180 ||
        fabs(lat) > 90 || (lon == 0 && lat == 0)) {
        FAULT(p, s->name, "longitude %s with latitude %s is no place on earth",
              "经度 %s、纬度 %s 不是可能的位置", shown(p, value), second != NULL ? shown(p, second) : "-");
        return NULL;
    }
    geo_convert(s->datum, DATUM_WGS84, &lon, &lat);
    struct json *point = json_object(p->arena);
    json_add(point, "type", json_string(p->arena, "Point"));
    struct json *position = json_add(point, "coordinates", json_array(p->arena));
    json_append(position, make_number(p->arena, round_decimals(lon, 7)));
    json_append(position, make_number(p->arena, round_decimals(lat, 7)));
    return point;
}

static struct json *take_geometry(struct passage *p, const struct slot *s, const struct json *value)
{
    struct error e = {0};
    if (geometry_parse(p->arena, value, &e) == NULL) {
        FAULT(p, s->name, "%s%.0s", "%.0s%s", e.en, e.zh);
        return NULL;
    }
    return json_copy(p->arena, value);
}

/* ---- names in texts ---- */

static const char *name_value(void *user, const char *name, size_t length)
{
    struct passage *p = user;
    const struct json *value = bound_value(p, name, length);
    if (value == NULL && p->value != NULL && length == 5 && memcmp(name, "value", 5) == 0) {
        value = p->value;
    }
    if (value == NULL) {
        value = json_getn(p->payload, name, length);
    }
    return is_missing(p, value) ? NULL : text_of(p->arena, value);
}

static const char *take_target(struct passage *p, const struct slot *s, const struct json *value)
{
    const char *missing = NULL;
    p->value = value;
    const char *target = template_fill(s->target, p->arena, TEMPLATE_URI, name_value, p, &missing);
    p->value = NULL;
    if (target == NULL) {
        FAULT(p, s->name, "there is no usable \"%s\" for the target", "没有可用的“%s”来确定关联对象",
              missing);
    }
    return target;
}

/* ---- attributes ---- */

static struct json *take_value(struct passage *p, const struct slot *s, const struct json *value)
{
    switch (s->kind) {
    case SLOT_NUMBER: return take_number(p, s, value);
    case SLOT_TEXT: return take_text(p, s, value);
    case SLOT_BOOLEAN: return take_boolean(p, s, value);
    case SLOT_TIME: return take_time(p, s, value);
    case SLOT_DATA: return take_data(p, s, value);
    case SLOT_POINT: return take_point(p, s, value);
    case SLOT_GEOMETRY: return take_geometry(p, s, value);
    case SLOT_RELATION: break;
    }
    return NULL;
}

static struct json *add_attribute(struct passage *p, const struct slot *s, const struct json *value)
{
    if (s->kind == SLOT_RELATION) {
        const char *target = take_target(p, s, value);
        return target != NULL ? context_set_relationship(p->arena, p->out->fragment, s->name, target) : NULL;
    }
    struct json *taken = take_value(p, s, value);
    if (taken == NULL) {
        return NULL;
    }
    return s->kind == SLOT_POINT || s->kind == SLOT_GEOMETRY
               ? context_set_geo(p->arena, p->out->fragment, s->name, taken)
               : context_set_property(p->arena, p->out->fragment, s->name, taken);
}

static void fill_slot(struct passage *p, const struct slot *s)
{
    const struct json *value = find_field(p, &s->from);
    if (is_missing(p, value)) {
        return;
    }
    struct json *instance = add_attribute(p, s, value);
    if (instance == NULL) {
        return;
    }
    p->readings += !s->fixed;
    p->fixed += s->fixed;
    if (s->unit != NULL) {
        json_add(instance, "unitCode", json_stringn(p->arena, s->unit, s->unit_length));
    }
    if (p->observed != NULL && !s->fixed) {
        json_add(instance, "observedAt", json_string(p->arena, p->observed));
    }
}

/* ---- the message as a whole ---- */

static bool read_time_fields(struct passage *p, GString *text)
{
    for (int i = 0; i < p->in->time_fields_count; i++) {
        const struct json *value = find_field(p, &p->in->time_fields[i]);
        const char *part = is_missing(p, value) ? NULL : text_of(p->arena, value);
        if (part == NULL) {
            return REFUSE(p, NULL, "the time is missing: no usable \"%s\"", "缺少时间：没有可用的“%s”",
                          p->in->time_fields[i].name);
        }
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", part);
    }
    return true;
}

static bool take_observed(struct passage *p, const char *text, size_t length)
{
    char out[INSTANT_TEXT];
    instant at;
    if (!timestamp_parse(&p->in->format, text, length, &at)) {
        return REFUSE(p, NULL, "\"%.80s\" is no time of the expected form", "“%.80s”不是预期格式的时间",
                      text);
    }
    if (at > p->now + p->in->future) {
        return REFUSE(p, NULL, "the time %.80s lies in the future; is the clock of the sender right?",
                      "时间 %.80s 在将来，请检查发送方时钟", text);
    }
    p->observed = arena_strdup(p->arena, instant_format(at, out));
    return true;
}

static bool take_message_time(struct passage *p)
{
    char out[INSTANT_TEXT];
    if (p->in->time == TIME_NONE) {
        return true;
    }
    if (p->in->time == TIME_ARRIVAL) {
        p->observed = arena_strdup(p->arena, instant_format(p->now, out));
        return true;
    }
    const struct json *only = p->in->time_fields_count == 1 ? find_field(p, &p->in->time_fields[0]) : NULL;
    if (json_is(only, JSON_STRING) && !is_missing(p, only)) {
        return take_observed(p, only->string, only->length);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    return read_time_fields(p, text) && take_observed(p, text->str, text->len);
}

static bool knows_all_fields(struct passage *p)
{
    for (const struct json *c = p->in->known != NULL ? json_first(p->payload) : NULL; c != NULL;
         c = c->next) {
        if (!g_hash_table_contains(p->in->known, c->key)) {
            return REFUSE(p, NULL, "unknown field \"%.80s\"", "不认识的字段“%.80s”", c->key);
        }
    }
    return true;
}

static bool begin_fragment(struct passage *p)
{
    const char *missing = NULL;
    const char *id = template_fill(p->in->id, p->arena, TEMPLATE_URI, name_value, p, &missing);
    if (id == NULL) {
        return REFUSE(p, NULL, "there is no usable \"%s\" for the id", "没有可用的“%s”来确定标识", missing);
    }
    if (strlen(id) > LIMIT_ID) {
        return REFUSE(p, NULL, "the id has more than %d bytes", "标识超过 %d 字节", LIMIT_ID);
    }
    p->out->fragment = context_entity(p->arena, id, p->out->input->type);
    if (p->in->scope != NULL) {
        const char *scope = template_fill(p->in->scope, p->arena, TEMPLATE_SCOPE, name_value, p, &missing);
        if (scope != NULL) {
            context_set_scope(p->arena, p->out->fragment, scope);
        } else {
            FAULT(p, "scope", "there is no usable \"%s\" for the scope", "没有可用的“%s”来确定区域", missing);
        }
    }
    return true;
}

static void pass(struct passage *p)
{
    if (!knows_all_fields(p) || !take_message_time(p) || !begin_fragment(p)) {
        return;
    }
    for (int i = 0; i < p->in->slots_count; i++) {
        fill_slot(p, &p->in->slots[i]);
    }
    /* What does not change (a name) is worth a message only where there is nothing else to read. */
    if (p->readings == 0 && (p->fixed == 0 || p->in->has_readings)) {
        FAULT(p, NULL, "it holds no value that can be used", "其中没有可用的值");
    }
}

struct mapped *mapping_row(const struct input *input, struct arena *a, const struct json *row, instant now)
{
    struct mapped *out = arena_new0(a, struct mapped);
    out->input = input;
    struct passage p = {.arena = a, .in = input->compiled, .out = out, .payload = row, .now = now};
    pass(&p);
    return out;
}

/* Splits the topic against the levels of an input; fills the bound levels. */
static bool topic_matches(struct passage *p, const char *topic)
{
    const char *at = topic;
    for (int i = 0; i < p->in->levels_count; i++) {
        const struct topic_level *level = &p->in->levels[i];
        size_t length = strcspn(at, "/");
        if (level->binds ? length == 0 : length != level->length || memcmp(at, level->text, length) != 0) {
            return false;
        }
        p->bound[i] = level->binds ? at : NULL;
        p->bound_length[i] = length;
        at += length;
        bool last = i + 1 == p->in->levels_count;
        if (last != (*at == '\0')) {
            return false;
        }
        at += *at == '/';
    }
    return p->in->levels_count > 0;
}

/* Parses at the first input that wants it. */
static const struct json *parse_once(struct arena *a, const char *payload, size_t length,
                                     const struct json *parsed, struct mapped *out)
{
    struct error e = {0};
    if (parsed != NULL) {
        return parsed;
    }
    parsed = json_parse(a, payload, length, &e);
    if (parsed == NULL) {
        mapped_add_fault(out, a, NULL, "%s%.0s", "%.0s%s", e.en, e.zh);
    } else if (parsed->type != JSON_OBJECT) {
        mapped_add_fault(out, a, NULL, "the message is no JSON object", "消息不是 JSON 对象");
    }
    return parsed;
}

struct mapped *mapping_message(const struct mapping *m, struct arena *a, const char *topic,
                               const char *payload, size_t length, instant now)
{
    struct mapped *first = NULL, **end = &first;
    const struct input *const *inputs;
    const struct json *parsed = NULL;
    int count = mapping_inputs(m, &inputs);
    for (int i = 0; i < count; i++) {
        struct passage p = {.arena = a, .in = inputs[i]->compiled, .now = now};
        if (!topic_matches(&p, topic)) {
            continue;
        }
        p.out = *end = arena_new0(a, struct mapped);
        p.out->input = inputs[i];
        end = &p.out->next;
        p.payload = parsed = parse_once(a, payload, length, parsed, p.out);
        if (p.out->faults != NULL) {
            break;
        }
        pass(&p);
    }
    if (first == NULL) {
        first = arena_new0(a, struct mapped);
        mapped_add_fault(first, a, NULL, "no input of any pack takes the topic %.200s",
                         "没有任何应用包的输入接收主题 %.200s", topic);
    }
    return first;
}

struct mapped *mapping_oversize(struct arena *a, const char *topic, size_t length)
{
    struct mapped *out = arena_new0(a, struct mapped);
    mapped_add_fault(out, a, NULL, "the message has %zu bytes, more than %d", "消息有 %zu 字节，超过 %d 字节",
                     length, LIMIT_MQTT_PACKET);
    return out;
}
