/* SPDX-License-Identifier: Apache-2.0 */
/* Plain scalars of YAML's core schema. */
#include "packs/scalar.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static bool one_of(const char *text, const char *const *words)
{
    return g_strv_contains(words, text);
}

static const char *skip_digits(const char *p)
{
    while (g_ascii_isdigit(*p)) {
        p++;
    }
    return p;
}

/* [-+]? [0-9]+ */
static bool is_decimal(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    const char *end = skip_digits(digits);
    return end > digits && *end == '\0';
}

/* 0o[0-7]+ and 0x[0-9a-fA-F]+; returns the base or 0 */
static int prefixed_base(const char *text)
{
    if (strncmp(text, "0o", 2) == 0 && text[2] != '\0' && strspn(text + 2, "01234567") == strlen(text + 2)) {
        return 8;
    }
    bool hex = strncmp(text, "0x", 2) == 0 && text[2] != '\0' &&
               strspn(text + 2, "0123456789abcdefABCDEF") == strlen(text + 2);
    return hex ? 16 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    const char *whole = skip_digits(p);
    const char *end = whole;
    if (*whole == '.') {
        end = skip_digits(whole + 1);
    }
    if (whole == p && end <= whole + 1) {
        return false;
    }
    if (*end == 'e' || *end == 'E') {
        const char *digits = end + 1 + (end[1] == '-' || end[1] == '+');
        end = skip_digits(digits);
        if (end == digits) {
            return false;
        }
    }
    return *end == '\0';
}

static bool set_int(struct json *node, const char *digits, int base)
{
    errno = 0;
    node->type = JSON_INT;
    node->integer = g_ascii_strtoll(digits, NULL, base);
    return errno == 0;
}

/* A refused number leaves 0: the tree of a file with mistakes can be written too. */
static bool set_double(struct json *node, const char *text)
{
    double number = g_ascii_strtod(text, NULL);
    node->type = JSON_DOUBLE;
    node->number = isfinite(number) ? number : 0;
    return isfinite(number);
}

static bool is_not_finite(const char *text)
{
    return one_of(text, (const char *const[]){".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf",
                                              "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", NULL});
}

bool scalar_resolve(struct json *node, const char *text, size_t length)
{
    if (one_of(text, (const char *const[]){"", "~", "null", "Null", "NULL", NULL})) {
        node->type = JSON_NULL;
        return true;
    }
    if (one_of(text, (const char *const[]){"true", "True", "TRUE", "false", "False", "FALSE", NULL})) {
        node->type = JSON_BOOL;
        node->boolean = text[0] == 't' || text[0] == 'T';
        return true;
    }
    if (is_decimal(text)) {
        return set_int(node, text, 10);
    }
    if (prefixed_base(text) != 0) {
        return set_int(node, text + 2, prefixed_base(text));
    }
    if (is_float(text)) {
        return set_double(node, text);
    }
    node->type = JSON_STRING;
    node->string = text;
    node->length = (uint32_t)length;
    return !is_not_finite(text);
}
