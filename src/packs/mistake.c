/* SPDX-License-Identifier: Apache-2.0 */
/* The list of mistakes in packs. */
#include "packs/mistake.h"

#include <stdarg.h>
#include <string.h>

#include "base/limits.h"

static void mistake_free(void *item)
{
    struct mistake *m = item;
    g_free(m->file);
    g_free(m->en);
    g_free(m->zh);
    g_free(m);
}

GPtrArray *mistakes_new(void)
{
    return g_ptr_array_new_with_free_func(mistake_free);
}

void mistakes_addv(GPtrArray *list, const char *file, uint32_t line, const char *en, const char *zh,
                   va_list args)
{
    if (list->len >= LIMIT_PACK_MISTAKES) {
        return;
    }
    va_list again;
    va_copy(again, args);
    struct mistake *m = g_new0(struct mistake, 1);
    m->file = g_strdup(file);
    m->line = line;
    m->en = g_strdup_vprintf(en, args);
    m->zh = g_strdup_vprintf(zh, again);
    va_end(again);
    g_ptr_array_add(list, m);
}

void mistakes_add(GPtrArray *list, const char *file, uint32_t line, const char *en, const char *zh, ...)
{
    va_list args;
    va_start(args, zh);
    mistakes_addv(list, file, line, en, zh, args);
    va_end(args);
}

static int by_place(const void *a, const void *b)
{
    const struct mistake *x = *(struct mistake *const *)a, *y = *(struct mistake *const *)b;
    int files = strcmp(x->file, y->file);
    return files != 0 ? files : (x->line > y->line) - (x->line < y->line);
}

void mistakes_sort(GPtrArray *list)
{
    g_ptr_array_sort(list, by_place); /* a merge sort: stable */
}

char *mistake_text(const struct mistake *m, gboolean chinese)
{
    const char *sentence = chinese ? m->zh : m->en;
    return m->line > 0 ? g_strdup_printf("%s:%u: %s", m->file, m->line, sentence)
                       : g_strdup_printf("%s: %s", m->file, sentence);
}
