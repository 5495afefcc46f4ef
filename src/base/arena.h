/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as one request, one batch or one parsed document, and is freed at once. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include <glib.h>
#include <stdbool.h>

/* An arena is used by one thread at a time. With the environment ZHONGSHU_ARENA=malloc each piece is an
 * allocation of its own, so that AddressSanitizer sees an overrun inside it. */
struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */
/* Gives back everything but one block (at most 4 MiB) for reuse. */
void arena_clear(struct arena *a);

/* 16-byte aligned, not zeroed; never NULL (out of memory ends the program). Size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(2)));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(2)));
#define arena_new0(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))

/* Copies are NUL-terminated. */
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t length);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes handed out since the arena was made or cleared. */
size_t arena_used(const struct arena *a);

typedef struct arena arena_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(arena_autoptr_target, arena_free)
/* `arena_auto a = arena_new();` frees the arena where the scope ends. */
#define arena_auto g_autoptr(arena_autoptr_target)
