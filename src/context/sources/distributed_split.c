/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which attributes: what is exclusive goes to its source alone, what is redirected to all that
 * redirect it, and of the rest inclusive sources get a copy. */
#include "context/sources/distributed_split.h"

#include <string.h>

#include "context/entity/entity.h"

struct splitting {
    struct arena *a;
    const char *const *attributes;
    int count;
    enum registration_mode *owner; /* per attribute: the mode that claims it; INCLUSIVE = nobody */
    bool whole;                    /* claimed with all its attributes, named or not */
    struct split_part *parts;
    int parts_count;
};

/* The attributes that the registration takes, NULL-terminated. */
static const char *const *taken(struct splitting *s, const struct registry_match *m, int *count)
{
    const char **names = arena_array(s->a, const char *, s->count + 1);
    enum registration_mode mode = m->registration->mode;
    *count = 0;
    for (int i = 0; i < s->count; i++) {
        bool covered = false;
        for (int k = 0; k < m->attributes_count; k++) {
            covered = covered || strcmp(m->attributes[k], s->attributes[i]) == 0;
        }
        if (covered && mode <= s->owner[i]) {
            names[(*count)++] = s->attributes[i];
            s->owner[i] = mode;
        }
    }
    return names;
}

static bool covers_everything(const struct registry_match *m)
{
    for (int i = 0; i < m->parts_count; i++) {
        if (m->parts[i].info->attributes == NULL) {
            return true;
        }
    }
    return false;
}

static void take(struct splitting *s, const struct registry_match *m, bool deletes)
{
    enum registration_mode mode = m->registration->mode;
    int count = 0;
    if (mode == REGISTRATION_AUXILIARY) {
        return;
    }
    const char *const *names = taken(s, m, &count);
    bool all = s->count == 0 && covers_everything(m) && (mode == REGISTRATION_REDIRECT || !s->whole);
    if (deletes || count > 0 || all) {
        s->parts[s->parts_count++] = (struct split_part){m, names};
    }
    s->whole = s->whole || (mode <= REGISTRATION_REDIRECT && covers_everything(m));
}

struct split split_entity(struct arena *a, const struct registry_matches *matches,
                          const char *const *attributes, int count, bool deletes)
{
    struct splitting s = {.a = a, .attributes = attributes, .count = count};
    const char **rest = arena_array(a, const char *, count + 1);
    int rest_count = 0;
    s.owner = arena_array(a, enum registration_mode, count + 1);
    s.parts = arena_array(a, struct split_part, matches->count + 1);
    for (int i = 0; i < count; i++) {
        s.owner[i] = REGISTRATION_INCLUSIVE;
    }
    for (int i = 0; i < matches->count; i++) {
        take(&s, &matches->items[i], deletes);
    }
    for (int i = 0; i < count; i++) {
        if (s.owner[i] == REGISTRATION_INCLUSIVE) {
            rest[rest_count++] = attributes[i];
        }
    }
    bool here = deletes || rest_count > 0 || (count == 0 && !s.whole);
    return (struct split){s.parts, s.parts_count, rest, rest_count, here};
}

const char *const *split_attributes(struct arena *a, const struct json *fragment, int *count)
{
    const char **names = arena_array(a, const char *, (fragment != NULL ? fragment->length : 0) + 1);
    *count = 0;
    for (const struct json *m = json_first(fragment); m != NULL; m = m->next) {
        if (entity_is_attribute(m)) {
            names[(*count)++] = m->key;
        }
    }
    return names;
}

struct json *split_fragment(struct arena *a, const struct json *fragment, const char *const *attributes)
{
    struct json *part = json_object(a);
    for (const struct json *m = fragment->first; m != NULL; m = m->next) {
        if (!entity_is_attribute(m) || g_strv_contains(attributes, m->key)) {
            json_add(part, m->key, json_alias(a, m));
        }
    }
    return part;
}
