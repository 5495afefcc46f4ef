/* SPDX-License-Identifier: Apache-2.0 */
/* Open sets: the points that are not on disk yet, as the bytes of the records that brought them, one behind
 * the other in large blocks, so that a million open series take little and are given back at once. */
#include <string.h>

#include "store/history.h"

enum { BLOCK = 1 << 20, FIRST_SLOTS = 1024 };

struct open_record {
    struct open_record *older;
    guint length;
    unsigned char bytes[];
};

struct open_set *open_set_new(void)
{
    struct open_set *o = g_new0(struct open_set, 1);
    o->slot_count = FIRST_SLOTS;
    o->slots = g_new0(struct open_entity *, o->slot_count);
    o->blocks = g_ptr_array_new_with_free_func(g_free);
    return o;
}

void open_set_free(struct open_set *o)
{
    if (o != NULL) {
        g_ptr_array_unref(o->blocks);
        g_free(o->slots);
        g_free(o);
    }
}

static void *take(struct open_set *o, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (size > o->left) {
        size_t block = MAX(size, (size_t)BLOCK);
        o->free = g_malloc(block);
        o->left = block;
        g_ptr_array_add(o->blocks, o->free);
        o->bytes += block;
    }
    void *taken = o->free;
    o->free += size;
    o->left -= size;
    return taken;
}

static void grow(struct open_set *o)
{
    guint count = o->slot_count * 2;
    struct open_entity **slots = g_new0(struct open_entity *, count);
    for (guint i = 0; i < o->slot_count; i++) {
        for (struct open_entity *x = o->slots[i], *next; x != NULL; x = next) {
            next = x->next;
            x->next = slots[x->hash & (count - 1)];
            slots[x->hash & (count - 1)] = x;
        }
    }
    g_free(o->slots);
    o->slots = slots;
    o->bytes += (count - o->slot_count) * sizeof *slots;
    o->slot_count = count;
}

struct open_entity *open_set_get(struct open_set *o, const char *id, bool make)
{
    guint hash = g_str_hash(id);
    for (struct open_entity *x = o->slots[hash & (o->slot_count - 1)]; x != NULL; x = x->next) {
        if (x->hash == hash && strcmp(x->id, id) == 0) {
            return x;
        }
    }
    if (!make) {
        return NULL;
    }
    if (o->entities >= o->slot_count) {
        grow(o);
    }
    size_t length = strlen(id) + 1;
    struct open_entity *x = take(o, sizeof *x + length);
    *x = (struct open_entity){.hash = hash, .next = o->slots[hash & (o->slot_count - 1)]};
    memcpy(x->id, id, length);
    o->slots[hash & (o->slot_count - 1)] = x;
    o->entities++;
    return x;
}

void open_set_add(struct open_set *o, struct open_entity *x, const GByteArray *record)
{
    struct open_record *r = take(o, sizeof *r + record->len);
    r->older = x->newest;
    r->length = record->len;
    memcpy(r->bytes, record->data, record->len);
    x->newest = r;
}

void open_entity_each(const struct open_entity *x, void (*each)(void *user, struct byte_reader record),
                      void *user)
{
    g_autoptr(GPtrArray) newest_first = g_ptr_array_new();
    for (struct open_record *r = x != NULL ? x->newest : NULL; r != NULL; r = r->older) {
        g_ptr_array_add(newest_first, r);
    }
    for (guint i = newest_first->len; i > 0; i--) {
        struct open_record *r = newest_first->pdata[i - 1];
        each(user, (struct byte_reader){.at = r->bytes, .end = r->bytes + r->length});
    }
}
