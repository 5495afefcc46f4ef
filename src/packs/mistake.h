/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is wrong with a set of packs: file, line and a sentence in both languages. */
#pragma once

#include <stdint.h>

#include <glib.h>

struct mistake {
    char *file;    /* "packs/air/types.yaml", or a folder */
    uint32_t line; /* 0 = the whole file */
    char *en, *zh;
};

/* A list of struct mistake that frees them; it takes LIMIT_PACK_MISTAKES at most. */
GPtrArray *mistakes_new(void);
void mistakes_add(GPtrArray *list, const char *file, uint32_t line, const char *en, const char *zh, ...)
    __attribute__((format(printf, 4, 6), format(printf, 5, 6)));
void mistakes_addv(GPtrArray *list, const char *file, uint32_t line, const char *en, const char *zh,
                   va_list args);
/* By file, then line; mistakes of one line keep their order. */
void mistakes_sort(GPtrArray *list);
/* "file:line: sentence", or "file: sentence". The caller frees. */
char *mistake_text(const struct mistake *m, gboolean chinese);
