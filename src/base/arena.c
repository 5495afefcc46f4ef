/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator over a list of growing blocks. */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20, LARGEST_KEPT = 4 << 20 };

struct block {
    struct block *next;
    size_t size;
    _Alignas(16) char bytes[];
};

struct arena {
    struct block *blocks; /* newest first */
    size_t left;          /* bytes free at the end of the newest */
    size_t used;
    bool one_by_one;
};

static bool wants_malloc(void)
{
    static gsize known;
    static bool answer;
    if (g_once_init_enter(&known)) {
        answer = g_strcmp0(g_getenv("ZHONGSHU_ARENA"), "malloc") == 0;
        g_once_init_leave(&known, 1);
    }
    return answer;
}

struct arena *arena_new(void)
{
    struct arena *a = g_new0(struct arena, 1);
    a->one_by_one = wants_malloc();
    return a;
}

static void free_blocks(struct block *b)
{
    while (b != NULL) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_free(struct arena *a)
{
    if (a != NULL) {
        free_blocks(a->blocks);
        g_free(a);
    }
}

static void add_block(struct arena *a, size_t size)
{
    struct block *b = malloc(sizeof *b + size);
    if (b == NULL) {
        g_error("out of memory for %zu bytes", size);
    }
    b->next = a->blocks;
    b->size = size;
    a->blocks = b;
    a->left = size;
}

void arena_clear(struct arena *a)
{
    /* An arena that is used again and again ends up with one block that holds what it needs. */
    size_t wanted = MIN(a->used + a->used / 4, (size_t)LARGEST_KEPT);
    bool fits = a->blocks != NULL && a->blocks->next == NULL && a->blocks->size <= LARGEST_KEPT;
    if (a->one_by_one || !fits) {
        free_blocks(a->blocks);
        a->blocks = NULL;
        if (!a->one_by_one && wanted > 0) {
            add_block(a, wanted);
        }
    }
    a->left = a->blocks != NULL ? a->blocks->size : 0;
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (a->one_by_one) {
        add_block(a, MAX(size, 1));
        a->left = 0;
        a->used += size;
        return a->blocks->bytes;
    }
    size = (MAX(size, 1) + 15) & ~(size_t)15;
    if (size > a->left) {
        size_t next = a->blocks != NULL ? MIN(a->blocks->size * 2, (size_t)LARGEST_BLOCK) : FIRST_BLOCK;
        add_block(a, MAX(next, size));
    }
    char *piece = a->blocks->bytes + (a->blocks->size - a->left);
    a->left -= size;
    a->used += size;
    return piece;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

char *arena_strndup(struct arena *a, const char *text, size_t length)
{
    char *copy = arena_alloc(a, length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_strndup(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(a, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
