/* SPDX-License-Identifier: Apache-2.0 */
/* Points of a series as attribute instances (4.5.7, 4.5.8), with ids. */
#include <inttypes.h>
#include <string.h>

#include "context/entity.h"
#include "context/temporal_query.h"

#define PREFIX "urn:ngsi-ld:Instance:"
enum { KEY_LENGTH = 16 };

const char *temporal_series_key(struct arena *a, const char *entity, const struct history_series *series)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    const char *const parts[] = {entity, series->attribute, series->dataset};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_checksum_update(sum, (const guchar *)parts[i], (gssize)strlen(parts[i]) + 1);
    }
    return arena_strndup(a, g_checksum_get_string(sum), KEY_LENGTH);
}

bool temporal_instance_parse(const char *instance_id, const char **key, struct arena *a, instant *at)
{
    const char *start = instance_id + strlen(PREFIX);
    if (!g_str_has_prefix(instance_id, PREFIX) || strspn(start, "0123456789abcdef") != KEY_LENGTH ||
        start[KEY_LENGTH] != ':') {
        return false;
    }
    *key = arena_strndup(a, start, KEY_LENGTH);
    return g_ascii_string_to_signed(start + KEY_LENGTH + 1, 10, INSTANT_MIN, INSTANT_MAX, at, NULL);
}

/* The value that stands for a deletion, for this kind (5.5.4). */
static struct json *null_value(struct arena *a, enum attribute_kind kind)
{
    struct json *null = json_string(a, NGSI_NULL);
    if (kind != KIND_LANGUAGE) {
        return null;
    }
    struct json *map = json_object(a);
    json_add(map, "@none", null);
    return map;
}

static void add_times(struct arena *a, struct json *instance, const struct history_series *series,
                      const struct temporal_point *p, bool deletion)
{
    char at[INSTANT_TEXT];
    if (deletion) {
        json_add(instance, "deletedAt", json_string(a, instant_format(p->at, at)));
    } else if (series->observed) {
        json_add(instance, "observedAt", json_string(a, instant_format(p->at, at)));
    } else {
        json_add(instance, "createdAt", json_int(a, p->at));
        json_add(instance, "modifiedAt", json_int(a, p->at));
    }
}

struct json *temporal_instance(struct arena *a, const struct history_series *series, const char *key,
                               const struct temporal_point *p)
{
    enum attribute_kind kind = kind_of_type(series->type, strlen(series->type));
    struct history_point point = {.is_number = p->is_number, .text = p->text};
    bool deletion = temporal_is_deletion(&point);
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, series->type));
    struct json *value = deletion       ? null_value(a, kind)
                         : p->is_number ? json_double(a, p->number)
                                        : json_parse(a, p->text, strlen(p->text), NULL);
    json_add(instance, kind_member(kind), value != NULL ? value : json_null(a));
    if (series->unit_code != NULL && !deletion) {
        json_add(instance, "unitCode", json_string(a, series->unit_code));
    }
    if (*series->dataset != '\0') {
        json_add(instance, "datasetId", json_string(a, series->dataset));
    }
    if (key != NULL) {
        json_add(instance, "instanceId", json_printf(a, PREFIX "%s:%" PRId64, key, p->at));
    }
    add_times(a, instance, series, p, deletion);
    return instance;
}
