/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the log as open points.
 *
 * The bytes of a record in an open set: varint number of the name of its types; then per point varint number
 * of the series' name (0: varint length and bytes of the key follow), zigzag varint of the time since the
 * point before, and the value: 0 and the 8 bytes of a number, or varint length of the text with its zero, and
 * the text. */
#include <string.h>

#include "store/history.h"

static const struct json *value_of(const struct json *instance)
{
    static const char *const members[] = {"value", "object",    "languageMap", "vocab",
                                          "json",  "valueList", "objectList"};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const struct json *v = json_get(instance, members[i]);
        if (v != NULL) {
            return v;
        }
    }
    return NULL;
}

/* What is being written of one record. */
struct intake {
    struct history *h;
    GByteArray *out;
    instant last;
};

static void put_key(struct intake *i, const struct series_key *key)
{
    char bytes[1024];
    g_autoptr(GByteArray) long_one = NULL;
    size_t length = 0;
    const char *parts[] = {key->attribute, key->dataset, key->type, key->unit != NULL ? key->unit : "",
                           key->observed ? "o" : "m"};
    for (size_t p = 0; p < G_N_ELEMENTS(parts) && length < sizeof bytes; p++) {
        length += g_strlcpy(bytes + length, parts[p], sizeof bytes - length) + 1;
    }
    const char *all = bytes;
    if (length > sizeof bytes) {
        long_one = g_byte_array_new();
        series_key_bytes(long_one, key);
        all = (const char *)long_one->data;
        length = long_one->len;
    }
    uint32_t number = names_number(i->h->names, all, (guint)length);
    put_varint(i->out, number);
    if (number == 0) {
        put_varint(i->out, length);
        g_byte_array_append(i->out, (const guint8 *)all, (guint)length);
    }
}

static bool is_plain_member(const struct json *m)
{
    static const char *const plain[] = {"type",      "value",      "observedAt",  "unitCode", "datasetId",
                                        "object",    "createdAt",  "languageMap", "vocab",    "json",
                                        "valueList", "objectList", "modifiedAt",  "expiresAt"};
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (strcmp(m->key, plain[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What the instance has besides its value and what names its series, as a JSON object; empty = nothing. */
static GString *further_members(const struct json *instance)
{
    GString *out = g_string_new(NULL);
    for (const struct json *m = json_first(instance); m != NULL; m = m->next) {
        if (!is_plain_member(m)) {
            g_string_append_c(out, out->len == 0 ? '{' : ',');
            json_write_string(out, m->key, strlen(m->key));
            g_string_append_c(out, ':');
            json_write(out, m);
        }
    }
    return out->len > 0 ? g_string_append_c(out, '}') : out;
}

static void put_value(GByteArray *out, const struct json *value, const struct json *instance)
{
    g_autoptr(GString) more = further_members(instance);
    if (json_is_number(value) && more->len == 0) {
        double number = json_number(value);
        put_varint(out, 0);
        g_byte_array_append(out, (const guint8 *)&number, sizeof number);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, value);
    if (more->len > 0) {
        g_string_append_c(text, POINT_MORE);
        g_string_append_len(text, more->str, (gssize)more->len);
    }
    put_varint(out, text->len + 1);
    g_byte_array_append(out, (const guint8 *)text->str, (guint)text->len + 1);
}

static void take_instance(struct intake *i, const char *attribute, const struct json *instance, instant at)
{
    const struct json *value = value_of(instance);
    if (value == NULL) {
        return;
    }
    const char *dataset = json_get_string(instance, "datasetId");
    const char *type = json_get_string(instance, "type");
    const struct json *observed = json_get(instance, "observedAt");
    struct series_key key = {.attribute = attribute,
                             .dataset = dataset != NULL ? dataset : "",
                             .type = type != NULL ? type : "Property",
                             .unit = json_get_string(instance, "unitCode")};
    key.observed =
        json_is(observed, JSON_STRING) && instant_parse(observed->string, observed->length, NULL, &at);
    put_key(i, &key);
    put_signed(i->out, at - i->last);
    i->last = at;
    put_value(i->out, value, instance);
    i->h->open->points++;
    counter_add(&store_counters[COUNT_POINTS], 1);
}

static void put_plain(struct intake *i, const struct series_key *key, instant at, const char *text)
{
    put_key(i, key);
    put_signed(i->out, at - i->last);
    i->last = at;
    put_varint(i->out, strlen(text) + 1);
    g_byte_array_append(i->out, (const guint8 *)text, (guint)strlen(text) + 1);
    i->h->open->points++;
    counter_add(&store_counters[COUNT_POINTS], 1);
}

/* Instances that are gone from the entity: a point says when. */
static void take_ended(struct intake *i, const struct json *ended, instant at)
{
    for (const struct json *m = json_first(ended); m != NULL; m = m->next) {
        for (const struct json *one = json_first(m); one != NULL; one = one->next) {
            const char *dataset = json_get_string(one, "datasetId");
            const char *type = json_get_string(one, "type");
            struct series_key key = {.attribute = m->key,
                                     .dataset = dataset != NULL ? dataset : "",
                                     .type = type != NULL ? type : "Property",
                                     .unit = json_get_string(one, "unitCode"),
                                     .observed = json_get(one, "observedAt") != NULL};
            put_plain(i, &key, at, HISTORY_NULL);
        }
    }
}

/* Scopes are a series from their first change on: what they were since then, and what they are. */
static void take_scopes(struct intake *i, const struct json *record, instant at)
{
    static const struct series_key key = {
        .attribute = "scope", .dataset = "", .type = "Property", .observed = true};
    const struct json *before = json_get(record, "scopeBefore");
    const struct json *now = json_get(record, "scope");
    g_autoptr(GString) text = g_string_new(NULL);
    if (before != NULL) {
        json_write(text, before);
        put_plain(i, &key, json_get_int(record, "scopeSince", at), text->str);
    }
    if (now != NULL) {
        g_string_truncate(text, 0);
        json_write(text, now);
        put_plain(i, &key, at, json_first(now) != NULL ? text->str : HISTORY_NULL);
    }
}

static bool concerns_history(const struct json *record)
{
    return json_first(json_get(record, "attrs")) != NULL || json_get(record, "ended") != NULL ||
           json_get(record, "scope") != NULL;
}

static uint32_t types_number(struct history *h, const struct json *types)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (const struct json *t = json_first(types); t != NULL; t = t->next) {
        if (t->type == JSON_STRING) {
            g_byte_array_append(bytes, (const guint8 *)t->string, t->length + 1);
        }
    }
    return bytes->len > 0 ? names_number(h->names, (const char *)bytes->data, bytes->len) : 0;
}

void history_take(struct history *h, const struct json *record)
{
    const char *id = json_get_string(record, "id");
    const struct json *attrs = json_get(record, "attrs");
    if (id == NULL || !concerns_history(record)) {
        return;
    }
    instant written = json_get_int(record, "at", 0);
    instant at = json_get_int(record, "time", written);
    g_byte_array_set_size(h->scratch, 0);
    struct intake i = {.h = h, .out = h->scratch};
    put_varint(h->scratch, types_number(h, json_get(record, "type")));
    guint empty = h->scratch->len;
    take_scopes(&i, record, written);
    take_ended(&i, json_get(record, "ended"), written);
    for (const struct json *attribute = json_first(attrs); attribute != NULL; attribute = attribute->next) {
        if (attribute->type == JSON_ARRAY) {
            for (const struct json *one = attribute->first; one != NULL; one = one->next) {
                take_instance(&i, attribute->key, one, at);
            }
        } else {
            take_instance(&i, attribute->key, attribute, at);
        }
    }
    if (h->scratch->len > empty) {
        open_set_add(h->open, open_set_get(h->open, id, true), h->scratch);
    }
}

/* ---- and back ---- */

struct giving {
    struct names *names;
    void (*each)(void *user, const struct open_point *p);
    void *user;
};

static const struct series_key *get_key(struct names *names, struct byte_reader *r, uint32_t *number,
                                        struct series_key *inline_key)
{
    *number = (uint32_t)get_varint(r);
    if (*number != 0) {
        return &names_get(names, *number)->key;
    }
    uint64_t length = get_varint(r);
    const char *bytes = (const char *)get_bytes(r, length);
    return bytes != NULL && series_key_read(inline_key, bytes, (guint)length) ? inline_key : NULL;
}

static void give_record(void *user, struct byte_reader r)
{
    struct giving *g = user;
    struct series_key inline_key;
    struct open_point p = {0};
    get_varint(&r);
    while (r.at < r.end) {
        p.key = get_key(g->names, &r, &p.name, &inline_key);
        g_assert(p.key != NULL);
        p.point.at += get_signed(&r);
        uint64_t length = get_varint(&r);
        const unsigned char *bytes = get_bytes(&r, length == 0 ? sizeof(double) : length);
        p.point.text = length == 0 ? NULL : (char *)bytes;
        if (length == 0) {
            memcpy(&p.point.number, bytes, sizeof(double));
        }
        g->each(g->user, &p);
    }
}

void open_points(struct names *names, const struct open_entity *x,
                 void (*each)(void *user, const struct open_point *p), void *user)
{
    struct giving g = {.names = names, .each = each, .user = user};
    open_entity_each(x, give_record, &g);
}

static void note_types(void *user, struct byte_reader r)
{
    uint32_t types = (uint32_t)get_varint(&r);
    *(uint32_t *)user = types != 0 ? types : *(uint32_t *)user;
}

uint32_t open_types(const struct open_entity *x)
{
    uint32_t types = 0;
    open_entity_each(x, note_types, &types);
    return types;
}
