/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with names in braces. */
#include "ingest/template.h"

#include <glib.h>
#include <string.h>

enum { MOST_PARTS = 32 };

static void add_part(struct template *t, struct arena *a, const char *text, size_t length, bool is_name)
{
    t->parts[t->count++] = (struct template_part){arena_strndup(a, text, length), length, is_name};
}

struct template *template_compile(struct arena *a, const char *text)
{
    struct template *t = arena_new0(a, struct template);
    t->parts = arena_array(a, struct template_part, MOST_PARTS);
    while (*text != '\0' && t->count + 2 <= MOST_PARTS) {
        size_t literal = strcspn(text, "{}");
        if (literal > 0) {
            add_part(t, a, text, literal, false);
        }
        text += literal;
        if (*text == '\0') {
            break;
        }
        const char *close = strchr(text, '}');
        if (*text == '}' || close == NULL || close == text + 1 ||
            memchr(text + 1, '{', (size_t)(close - text - 1))) {
            return NULL;
        }
        add_part(t, a, text + 1, (size_t)(close - text - 1), true);
        text = close + 1;
    }
    return *text == '\0' ? t : NULL;
}

static bool is_plain_in_uri(unsigned char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("-._~:@!$&'()*+,;=", c) != NULL);
}

static void append_encoded(GString *out, const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
        if (is_plain_in_uri(*p)) {
            g_string_append_c(out, (char)*p);
        } else {
            g_string_append_printf(out, "%%%02X", *p);
        }
    }
}

static bool is_one_level(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f || strchr("/+#", *p) != NULL) {
            return false;
        }
    }
    return true;
}

static bool append_value(GString *out, const char *value, enum template_style style)
{
    if (value == NULL || value[0] == '\0') {
        return false;
    }
    if (style == TEMPLATE_URI) {
        append_encoded(out, value);
        return true;
    }
    if (style != TEMPLATE_PLAIN && !is_one_level(value)) {
        return false;
    }
    g_string_append(out, value);
    return true;
}

const char *template_fill(const struct template *t, struct arena *a, enum template_style style,
                          const char *(*value)(void *user, const char *name, size_t length), void *user,
                          const char **missing)
{
    g_autoptr(GString) out = g_string_sized_new(128);
    for (int i = 0; i < t->count; i++) {
        const struct template_part *part = &t->parts[i];
        if (!part->is_name) {
            g_string_append_len(out, part->text, (gssize)part->length);
        } else if (!append_value(out, value(user, part->text, part->length), style)) {
            *missing = part->text;
            return NULL;
        }
    }
    return arena_strndup(a, out->str, out->len);
}
