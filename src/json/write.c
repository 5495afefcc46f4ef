/* SPDX-License-Identifier: Apache-2.0 */
/* Trees to text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"

/* Makes room for n more bytes and returns where they go; out->len is for the caller to move. */
static char *reserve(GString *out, size_t n)
{
    if (out->allocated_len - out->len <= n) {
        size_t length = out->len;
        g_string_set_size(out, length + n);
        out->len = length;
    }
    return out->str + out->len;
}

static void advance(GString *out, const char *end)
{
    out->len = (size_t)(end - out->str);
    out->str[out->len] = '\0';
}

static char *put_digits(char *p, uint64_t value, int at_least)
{
    char digits[24];
    int n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (int zeros = at_least - n; zeros > 0; zeros--) {
        *p++ = '0';
    }
    while (n > 0) {
        *p++ = digits[--n];
    }
    return p;
}

static void write_int(GString *out, int64_t value)
{
    char *p = reserve(out, 24);
    if (value < 0) {
        *p++ = '-';
    }
    advance(out, put_digits(p, value < 0 ? -(uint64_t)value : (uint64_t)value, 1));
}

/* Readings and coordinates have few decimals: value * 10^d is then a whole number, which prints quickly.
 * Returns false when the value is not exactly that. */
static bool write_decimal(GString *out, double value)
{
    static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    double size = fabs(value);
    if (size >= 1e15 || (value == 0 && signbit(value))) {
        return false;
    }
    for (int d = 0; d < (int)G_N_ELEMENTS(power) && size * power[d] < 9e15; d++) {
        uint64_t whole = (uint64_t)(size * power[d] + 0.5);
        if ((double)whole / power[d] != size) {
            continue;
        }
        char *p = reserve(out, 48);
        uint64_t unit = (uint64_t)power[d];
        if (value < 0) {
            *p++ = '-';
        }
        p = put_digits(p, whole / unit, 1);
        if (d > 0) {
            *p++ = '.';
            p = put_digits(p, whole % unit, d);
        }
        advance(out, p);
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

/* Must one of the eight bytes be escaped? A bit of the mask is set for each, and perhaps for bytes after it.
 */
static uint64_t to_escape(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t quote = x ^ (ones * '"'), slash = x ^ (ones * '\\');
    return (((x - ones * ' ') & ~x) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & high;
}

static uint64_t load_eight(const char *text)
{
    uint64_t x;
    memcpy(&x, text, 8);
    return x;
}

static uint64_t load_four(const char *text)
{
    uint32_t x;
    memcpy(&x, text, 4);
    return x;
}

/* Must a byte of the text be escaped? Eight bytes at a time, the last ones overlapping. */
static bool needs_escape(const char *text, size_t length)
{
    uint64_t found = 0;
    if (length >= 8) {
        for (size_t i = 0; i + 8 < length; i += 8) {
            found |= to_escape(load_eight(text + i));
        }
        return (found | to_escape(load_eight(text + length - 8))) != 0;
    }
    if (length >= 4) {
        return to_escape(load_four(text) | load_four(text + length - 4) << 32) != 0;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        found |= c < ' ' || c == '"' || c == '\\';
    }
    return found != 0;
}

static void write_escaped(GString *out, const char *text, size_t length)
{
    static const char hex[] = "0123456789abcdef";
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
}

void json_write_string(GString *out, const char *text, size_t length)
{
    char *p = reserve(out, length + 3); /* the quotes, and a ':' that may follow */
    *p++ = '"';
    if (needs_escape(text, length)) {
        advance(out, p);
        write_escaped(out, text, length);
        p = reserve(out, 2);
    } else {
        memcpy(p, text, length);
        p += length;
    }
    *p++ = '"';
    advance(out, p);
}

static void write_char(GString *out, char c)
{
    char *p = reserve(out, 1);
    *p = c;
    advance(out, p + 1);
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

void json_write(GString *out, const struct json *value)
{
    if (value->type != JSON_ARRAY && value->type != JSON_OBJECT) {
        write_scalar(out, value);
        return;
    }
    bool object = value->type == JSON_OBJECT;
    write_char(out, object ? '{' : '[');
    for (const struct json *c = value->first; c != NULL; c = c->next) {
        if (c != value->first) {
            write_char(out, ',');
        }
        if (object) {
            json_write_string(out, c->key, c->key_length);
            write_char(out, ':');
        }
        json_write(out, c);
    }
    write_char(out, object ? '}' : ']');
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
