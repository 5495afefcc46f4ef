/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with formulas between braces. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "expr/formula_tree.h"

/* A piece of plain text, or a formula with its decimals (-1 = as many as needed). */
struct piece {
    const char *text;
    struct formula_node *formula;
    int decimals;
};
struct text_template {
    struct arena *a;
    GArray *pieces;
    GArray *paths;
};

static void add_text(struct text_template *t, GString *text)
{
    if (text->len > 0) {
        struct piece p = {.text = arena_strdup(t->a, text->str)};
        g_array_append_val(t->pieces, p);
        g_string_truncate(text, 0);
    }
}

/* The end of what a brace opened, not minding braces in quoted texts. */
static const char *closing(const char *p)
{
    char quote = '\0';
    for (; *p != '\0' && (quote != '\0' || *p != '}'); p++) {
        if (quote != '\0') {
            quote = *p == quote ? '\0' : quote;
        } else if (*p == '\'' || *p == '"') {
            quote = *p;
        }
    }
    return *p == '}' ? p : NULL;
}

/* Cuts ":.2f" off; -1 when there is none. */
static int take_decimals(char *formula)
{
    size_t n = strlen(formula);
    if (n < 4 || formula[n - 1] != 'f' || !g_ascii_isdigit(formula[n - 2]) || formula[n - 3] != '.' ||
        formula[n - 4] != ':') {
        return -1;
    }
    formula[n - 4] = '\0';
    return formula[n - 2] - '0';
}

static bool add_formula(struct text_template *t, const char *text, const char *from, const char *end,
                        struct error *e)
{
    char *formula = arena_strndup(t->a, from, (size_t)(end - from));
    struct piece p = {.decimals = take_decimals(formula)};
    p.formula =
        formula_parse_into(t->a, t->paths, formula, g_utf8_strlen(text, from - text), "text", "文本", e);
    g_array_append_val(t->pieces, p);
    return p.formula != NULL;
}

static bool parse(struct text_template *t, const char *text, struct error *e)
{
    g_autoptr(GString) plain = g_string_new("");
    for (const char *p = text; *p != '\0'; p++) {
        if ((*p == '{' || *p == '}') && p[1] == *p) {
            g_string_append_c(plain, *p++);
        } else if (*p == '{') {
            const char *end = closing(p + 1);
            add_text(t, plain);
            if (end == NULL) {
                return error_set(e, ERROR_BAD_REQUEST_DATA, "text, at character %ld: \"{\" has no \"}\"",
                                 "文本第 %ld 个字符：“{”没有对应的“}”", g_utf8_strlen(text, p - text) + 1);
            }
            if (!add_formula(t, text, p + 1, end, e)) {
                return false;
            }
            p = end;
        } else {
            g_string_append_c(plain, *p);
        }
    }
    add_text(t, plain);
    return true;
}

struct text_template *text_template_parse(const char *text, struct error *e)
{
    g_autoptr(text_template_autoptr_target) t = g_new0(struct text_template, 1);
    t->a = arena_new();
    t->pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
    t->paths = g_array_new(FALSE, FALSE, sizeof(struct formula_path));
    if (strlen(text) > LIMIT_TEXT || !g_utf8_validate(text, -1, NULL)) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "the text is too long or not UTF-8", "文本过长或不是 UTF-8");
        return NULL;
    }
    return parse(t, text, e) ? g_steal_pointer(&t) : NULL;
}

void text_template_free(struct text_template *t)
{
    if (t != NULL) {
        g_array_unref(t->pieces);
        g_array_unref(t->paths);
        arena_free(t->a);
        g_free(t);
    }
}

static void append_number(GString *out, double n, int decimals)
{
    char text[400];
    g_snprintf(text, sizeof text, "%.*f", decimals >= 0 ? decimals : 6, n);
    if (decimals < 0 && strchr(text, '.') != NULL) {
        char *end = text + strlen(text);
        while (end[-1] == '0') {
            *--end = '\0';
        }
        if (end[-1] == '.') {
            end[-1] = '\0';
        }
    }
    bool negative_zero = text[0] == '-' && strspn(text, "-0.") == strlen(text);
    g_string_append(out, text + negative_zero);
}

static void append_value(GString *out, const struct value *v, int decimals)
{
    switch (v->kind) {
    case VALUE_MISSING: g_string_append(out, "—"); break;
    case VALUE_NUMBER: append_number(out, v->number, decimals); break;
    case VALUE_STRING: g_string_append(out, v->string); break;
    case VALUE_BOOL: g_string_append(out, v->boolean ? "true" : "false"); break;
    }
}

void text_template_render(const struct text_template *t, GString *out, formula_resolver resolve, void *user)
{
    const struct formula_path *paths = (const struct formula_path *)(void *)t->paths->data;
    for (guint i = 0; i < t->pieces->len; i++) {
        const struct piece *p = &g_array_index(t->pieces, struct piece, i);
        if (p->text != NULL) {
            g_string_append(out, p->text);
            continue;
        }
        struct value v = formula_eval_node(p->formula, paths, resolve, user);
        append_value(out, &v, p->decimals);
    }
}

const struct formula_path *text_template_paths(const struct text_template *t, int *count)
{
    *count = (int)t->paths->len;
    return (const struct formula_path *)(void *)t->paths->data;
}
