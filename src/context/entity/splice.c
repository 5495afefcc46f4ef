/* SPDX-License-Identifier: Apache-2.0 */
/* Copies the stored text of an entity, leaving out what clients do not see.
 *
 * The text is our own (json_write), compact and well formed; still, nothing is read beyond its end. What is
 * kept is gathered in a run as long as possible and appended at once. */
#include "context/entity/splice.h"

#include <string.h>

struct splice {
    const char *p, *end;
    const char *run; /* start of what is kept but not appended yet; NULL = nothing */
    GString *out;
};

static char look(const struct splice *s)
{
    return s->p < s->end ? *s->p : '\0';
}

static bool take(struct splice *s, char c)
{
    bool found = look(s) == c;
    s->p += found;
    return found;
}

static void flush(struct splice *s, const char *until)
{
    if (s->run != NULL) {
        g_string_append_len(s->out, s->run, until - s->run);
        s->run = NULL;
    }
}

/* ---- passing over values ---- */

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* The top bit of each of the eight bytes that has this value (and perhaps of later ones). */
static uint64_t marks(uint64_t eight, unsigned char byte)
{
    uint64_t x = eight ^ EACH_BYTE(byte);
    return (x - EACH_BYTE(1)) & ~x & EACH_BYTE(0x80);
}

/* The next quotation mark or backslash, or the end; eight bytes at a time. */
static const char *find_special(const char *p, const char *end)
{
    for (uint64_t eight; end - p >= 8; p += 8) {
        memcpy(&eight, p, 8);
        eight = GUINT64_FROM_LE(eight);
        uint64_t found = marks(eight, '"') | marks(eight, '\\');
        if (found != 0) {
            return p + __builtin_ctzll(found) / 8;
        }
    }
    while (p < end && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

static bool skip_string(struct splice *s)
{
    const char *p = find_special(s->p + 1, s->end);
    while (p < s->end && *p == '\\') {
        p = find_special(p + 2, s->end);
    }
    s->p = p + 1;
    return p < s->end;
}

static bool skip_nested(struct splice *s)
{
    int depth = 0;
    while (s->p < s->end) {
        char c = *s->p;
        if (c == '"') {
            if (!skip_string(s)) {
                return false;
            }
            continue;
        }
        s->p++;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth == 0) {
            return true;
        }
    }
    return false;
}

static bool skip_value(struct splice *s)
{
    char c = look(s);
    if (c == '"') {
        return skip_string(s);
    }
    if (c == '{' || c == '[') {
        return skip_nested(s);
    }
    const char *from = s->p;
    while (s->p < s->end && *s->p != ',' && *s->p != '}' && *s->p != ']') {
        s->p++;
    }
    return s->p > from;
}

/* ---- names ---- */

struct name {
    const char *text;
    size_t length;
};

/* At a member: its name, without quotes; then at its value. */
static bool take_name(struct splice *s, struct name *name)
{
    const char *from = s->p;
    if (look(s) != '"' || !skip_string(s)) {
        return false;
    }
    *name = (struct name){from + 1, (size_t)(s->p - from - 2)};
    return take(s, ':');
}

#define NAME_IS(name, literal) \
    ((name).length == sizeof(literal) - 1 && memcmp((name).text, literal, sizeof(literal) - 1) == 0)

static bool is_system_time(struct name n)
{
    return NAME_IS(n, "createdAt") || NAME_IS(n, "modifiedAt");
}

enum part { PART_TIME, PART_PLAIN, PART_ATTRIBUTE, PART_SPECIAL };

/* What a member of an instance is. PART_SPECIAL: it is not shown as it is stored. */
static enum part part_of_instance(struct name n)
{
    switch (n.length) {
    case 4: return NAME_IS(n, "type") || NAME_IS(n, "json") ? PART_PLAIN : PART_ATTRIBUTE;
    case 5: return NAME_IS(n, "value") || NAME_IS(n, "vocab") ? PART_PLAIN : PART_ATTRIBUTE;
    case 6: return NAME_IS(n, "object") ? PART_PLAIN : PART_ATTRIBUTE;
    case 8: return NAME_IS(n, "unitCode") ? PART_PLAIN : PART_ATTRIBUTE;
    case 9:
        return is_system_time(n)                                    ? PART_TIME
               : NAME_IS(n, "datasetId") || NAME_IS(n, "valueList") ? PART_PLAIN
               : NAME_IS(n, "expiresAt") || NAME_IS(n, "valueType") ? PART_SPECIAL
                                                                    : PART_ATTRIBUTE;
    case 10:
        return is_system_time(n)                                      ? PART_TIME
               : NAME_IS(n, "observedAt")                             ? PART_PLAIN
               : NAME_IS(n, "objectList") || NAME_IS(n, "objectType") ? PART_SPECIAL
                                                                      : PART_ATTRIBUTE;
    case 11: return NAME_IS(n, "languageMap") ? PART_PLAIN : PART_ATTRIBUTE;
    default: return PART_ATTRIBUTE;
    }
}

/* ---- instances ---- */

/* Leaves out the member from start to here, with the comma that it does not need. */
static void leave_out(struct splice *s, const char *start, bool first)
{
    flush(s, first ? start : start - 1);
    if (first && look(s) == ',') {
        s->p++;
    }
    s->run = s->p;
}

static bool splice_attribute(struct splice *s, int depth);

/* At "{". Members are kept in the run; those left out interrupt it. */
static bool splice_instance(struct splice *s, int depth)
{
    bool first = true;
    if (!take(s, '{')) {
        return false;
    }
    while (look(s) != '}') {
        const char *start = s->p;
        struct name name;
        if (!take_name(s, &name)) {
            return false;
        }
        enum part part = part_of_instance(name);
        if (part == PART_SPECIAL ||
            !(part == PART_ATTRIBUTE ? splice_attribute(s, depth + 1) : skip_value(s))) {
            return false;
        }
        if (part == PART_TIME) {
            leave_out(s, start, first);
            if (first) {
                continue; /* the comma behind it has gone too */
            }
        }
        first = false;
        if (look(s) != '}' && !take(s, ',')) {
            return false;
        }
    }
    return take(s, '}');
}

/* One instance or several. */
static bool splice_attribute(struct splice *s, int depth)
{
    if (look(s) == '{') {
        return splice_instance(s, depth);
    }
    if (depth > 8 || !take(s, '[')) {
        return false;
    }
    do {
        if (!splice_instance(s, depth)) {
            return false;
        }
    } while (take(s, ','));
    return take(s, ']');
}

/* ---- the entity ---- */

/* At "[": one text alone, several as they are. */
static bool splice_names(struct splice *s)
{
    const char *from = s->p;
    if (!take(s, '[') || look(s) != '"' || !skip_string(s)) {
        return false;
    }
    const char *end = s->p;
    if (take(s, ']')) {
        g_string_append_len(s->out, from + 1, end - from - 1);
        return true;
    }
    s->p = from;
    if (!skip_nested(s)) {
        return false;
    }
    g_string_append_len(s->out, from, s->p - from);
    return true;
}

static void begin_member(struct splice *s, struct name name)
{
    if (s->out->str[s->out->len - 1] != '{') {
        g_string_append_c(s->out, ',');
    }
    g_string_append_len(s->out, name.text - 1, (gssize)name.length + 3); /* with its quotes and colon */
}

/* A member that is no attribute; the run has ended before it. */
static bool splice_head(struct splice *s, struct name name)
{
    if (is_system_time(name)) {
        return skip_value(s);
    }
    begin_member(s, name);
    if (!NAME_IS(name, "id")) {
        return splice_names(s);
    }
    const char *from = s->p;
    if (!skip_value(s)) {
        return false;
    }
    g_string_append_len(s->out, from, s->p - from);
    return true;
}

static bool is_head(struct name n)
{
    return NAME_IS(n, "id") || NAME_IS(n, "type") || NAME_IS(n, "scope") || is_system_time(n);
}

static bool splice_members(struct splice *s)
{
    do {
        const char *start = s->p;
        struct name name;
        if (!take_name(s, &name)) {
            return false;
        }
        if (is_head(name)) {
            flush(s, start - 1);
            if (!splice_head(s, name)) {
                return false;
            }
            continue;
        }
        if (s->run == NULL) {
            if (s->out->str[s->out->len - 1] != '{') {
                g_string_append_c(s->out, ',');
            }
            s->run = start;
        }
        if (NAME_IS(name, "expiresAt") || !splice_attribute(s, 0)) {
            return false;
        }
    } while (take(s, ','));
    flush(s, s->p);
    return take(s, '}') && s->p == s->end;
}

bool splice_entity(GString *out, const char *text, size_t length, const struct json *context_value)
{
    struct splice s = {text, text + length, NULL, out};
    gsize before = out->len;
    g_string_append_c(out, '{');
    if (!take(&s, '{') || !splice_members(&s)) {
        g_string_truncate(out, before);
        return false;
    }
    if (context_value != NULL) {
        g_string_append(out, ",\"@context\":");
        json_write(out, context_value);
    }
    g_string_append_c(out, '}');
    return true;
}
