/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the readers of notes, checkpoints, verifier keys, tile addresses and leaves. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "ledger/leaf.h"
#include "ledger/note.h"
#include "ledger/tile_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct note note;
    struct checkpoint c;
    struct note_key key;
    struct tile_address at;
    struct leaf_facts facts;
    const char *text = arena_strndup(a, (const char *)data, size);
    if (note_parse(a, text, size, &note, &e) && checkpoint_parse(a, &note, &c, &e)) {
        g_autoptr(GString) out = g_string_new(NULL);
        checkpoint_write(out, &c);
        g_assert(strncmp(out->str, note.text, out->len) == 0);
    }
    if (note_key_parse(&key, text, &e)) {
        note_key_clear(&key);
    }
    if (tile_path_parse(text, &at)) {
        g_assert(at.width >= 1 && at.width <= TILE_WIDTH && at.level <= 63);
    }
    (void)leaf_read(a, text, size, &facts);
    return 0;
}
