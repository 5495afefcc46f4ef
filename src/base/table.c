/* SPDX-License-Identifier: Apache-2.0 */
/* Writes tables for spreadsheets. */
#include "base/table.h"

#include <stdbool.h>
#include <string.h>

static const char mark[] = "\xef\xbb\xbf";

GString *table_new(void)
{
    return g_string_new(mark);
}

static bool is_number(const char *text)
{
    char *end;
    g_ascii_strtod(text, &end);
    return end > text && *end == '\0';
}

static bool at_row_start(const GString *out)
{
    return out->len == 0 || out->str[out->len - 1] == '\n' ||
           (out->len == strlen(mark) && memcmp(out->str, mark, out->len) == 0);
}

void table_cell(GString *out, const char *text)
{
    text = text != NULL ? text : "";
    bool first = at_row_start(out);
    if (!first) {
        g_string_append_c(out, ',');
    }
    bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL && !is_number(text);
    if (!formula && !(first && text[0] == '\0') && strpbrk(text, ",\"\r\n") == NULL) {
        g_string_append(out, text);
        return;
    }
    g_string_append(out, formula ? "\"'" : "\"");
    for (const char *p = text; *p != '\0'; p++) {
        g_string_append_len(out, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
    }
    g_string_append_c(out, '"');
}

void table_end(GString *out)
{
    g_string_append(out, "\r\n");
}

void table_row(GString *out, const char *const *texts)
{
    for (; *texts != NULL; texts++) {
        table_cell(out, *texts);
    }
    table_end(out);
}
