/* SPDX-License-Identifier: Apache-2.0 */
/* Trees to text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"

static void write_int(GString *out, int64_t value)
{
    char digits[24];
    char *p = digits + sizeof digits;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        *--p = '-';
    }
    g_string_append_len(out, p, digits + sizeof digits - p);
}

/* Most readings have at most four decimals: value * 10^d is then a whole number, which prints quickly.
 * Returns false when the value is not exactly that. */
static bool write_decimal(GString *out, double value)
{
    static const double power[] = {1, 10, 100, 1000, 10000};
    if (fabs(value) >= 1e11) {
        return false;
    }
    for (int d = 0; d < 5; d++) {
        double scaled = value * power[d];
        int64_t whole = (int64_t)llround(scaled);
        if ((double)whole / power[d] != value) {
            continue;
        }
        if (whole == 0 && signbit(value)) {
            return false;
        }
        uint64_t rest = whole < 0 ? -(uint64_t)whole : (uint64_t)whole;
        uint64_t unit = (uint64_t)power[d];
        if (whole < 0) {
            g_string_append_c(out, '-');
        }
        write_int(out, (int64_t)(rest / unit));
        if (d > 0) {
            char text[8];
            snprintf(text, sizeof text, ".%0*d", d, (int)(rest % unit));
            g_string_append(out, text);
        }
        return true;
    }
    return false;
}

static void write_double(GString *out, double value)
{
    g_assert(isfinite(value));
    if (write_decimal(out, value)) {
        return;
    }
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    g_string_append(out, text);
}

void json_write_string(GString *out, const char *text, size_t length)
{
    static const char hex[] = "0123456789abcdef";
    g_string_append_c(out, '"');
    const char *from = text;
    const char *end = text + length;
    for (const char *p = text; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (G_LIKELY(c >= ' ' && c != '"' && c != '\\')) {
            continue;
        }
        g_string_append_len(out, from, p - from);
        from = p + 1;
        switch (c) {
        case '"': g_string_append_len(out, "\\\"", 2); break;
        case '\\': g_string_append_len(out, "\\\\", 2); break;
        case '\n': g_string_append_len(out, "\\n", 2); break;
        case '\r': g_string_append_len(out, "\\r", 2); break;
        case '\t': g_string_append_len(out, "\\t", 2); break;
        case '\b': g_string_append_len(out, "\\b", 2); break;
        case '\f': g_string_append_len(out, "\\f", 2); break;
        default: {
            char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            g_string_append_len(out, escape, sizeof escape);
        }
        }
    }
    g_string_append_len(out, from, end - from);
    g_string_append_c(out, '"');
}

static void write_scalar(GString *out, const struct json *v)
{
    switch (v->type) {
    case JSON_NULL: g_string_append_len(out, "null", 4); break;
    case JSON_BOOL: g_string_append(out, v->boolean ? "true" : "false"); break;
    case JSON_INT: write_int(out, v->integer); break;
    case JSON_DOUBLE: write_double(out, v->number); break;
    default: json_write_string(out, v->string, v->length);
    }
}

static void new_line(GString *out, int indent)
{
    if (indent >= 0) {
        g_string_append_printf(out, "\n%*s", indent * 2, "");
    }
}

/* indent < 0: compact. */
static void write_indented(GString *out, const struct json *v, int indent)
{
    if (v->type != JSON_ARRAY && v->type != JSON_OBJECT) {
        write_scalar(out, v);
        return;
    }
    bool object = v->type == JSON_OBJECT;
    int inside = indent < 0 ? -1 : indent + 1;
    g_string_append_c(out, object ? '{' : '[');
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        if (c != v->first) {
            g_string_append_c(out, ',');
        }
        new_line(out, inside);
        if (object) {
            json_write_string(out, c->key, c->key_length);
            g_string_append_len(out, ": ", indent < 0 ? 1 : 2);
        }
        write_indented(out, c, inside);
    }
    if (v->first != NULL) {
        new_line(out, indent);
    }
    g_string_append_c(out, object ? '}' : ']');
}

void json_write(GString *out, const struct json *value)
{
    write_indented(out, value, -1);
}

void json_write_pretty(GString *out, const struct json *value)
{
    write_indented(out, value, 0);
}

static int by_key(const void *a, const void *b)
{
    const struct json *x = *(const struct json *const *)a;
    const struct json *y = *(const struct json *const *)b;
    return strcmp(x->key, y->key);
}

void json_write_canonical(GString *out, const struct json *value)
{
    if (value->type == JSON_ARRAY) {
        g_string_append_c(out, '[');
        for (const struct json *c = value->first; c != NULL; c = c->next) {
            json_write_canonical(out, c);
            g_string_append(out, c->next != NULL ? "," : "");
        }
        g_string_append_c(out, ']');
        return;
    }
    if (value->type != JSON_OBJECT) {
        write_scalar(out, value);
        return;
    }
    g_autofree const struct json **members = g_new(const struct json *, value->length + 1);
    guint n = 0;
    for (const struct json *c = value->first; c != NULL; c = c->next) {
        members[n++] = c;
    }
    qsort(members, n, sizeof *members, by_key);
    g_string_append_c(out, '{');
    for (guint i = 0; i < n; i++) {
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        json_write_string(out, members[i]->key, members[i]->key_length);
        g_string_append_c(out, ':');
        json_write_canonical(out, members[i]);
    }
    g_string_append_c(out, '}');
}

char *json_text(struct arena *a, const struct json *value)
{
    g_autoptr(GString) out = g_string_sized_new(256);
    json_write(out, value);
    return arena_strndup(a, out->str, out->len);
}
