/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes, verifier keys and checkpoints (C2SP signed-note, tlog-checkpoint). */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "base/error.h"
#include "ledger/tree.h"

enum note_algorithm { NOTE_ED25519, NOTE_SM2, NOTE_ALGORITHMS };
enum { MAX_NOTE = 64 << 10, MAX_SIGNATURES = 32 };

/* A key that verifies, and signs where key holds the private half. Free with note_key_clear. */
struct note_key {
    enum note_algorithm algorithm;
    char *name;
    uint8_t id[4];
    EVP_PKEY *key;
};
/* Takes key. The identifier is the one that signed-note recommends; SM2 is type 0xff followed by
 * "zhongshu/sm2-with-sm3" and the point uncompressed. */
void note_key_init(struct note_key *k, enum note_algorithm algorithm, const char *name, EVP_PKEY *key);
void note_key_clear(struct note_key *k);
/* "<name>+<hex id>+<base64 of type and public key>" */
char *note_key_text(const struct note_key *k);
/* Reads such a text. */
bool note_key_parse(struct note_key *k, const char *text, struct error *e);

/* Is name fit for a key: not empty, no space, no '+', no control character? */
bool note_name_is_valid(const char *name);

/* Appends a blank line and one signature line per key to text, which ends with a newline. */
void note_sign(GString *text, const struct note_key *keys, int count);

struct note_signature {
    const char *name;
    uint8_t id[4];
    const uint8_t *bytes;
    size_t length;
};
struct note {
    const char *text; /* what is signed, its last newline included */
    size_t length;
    int count;
    struct note_signature signatures[MAX_SIGNATURES];
};
/* Cuts a note into its text and its signatures; checks the form only. */
bool note_parse(struct arena *a, const char *bytes, size_t length, struct note *note, struct error *e);
/* Did the key sign the note? *present (may be NULL) says whether there is a signature of its name and id at
 * all. */
bool note_verify(const struct note *note, const struct note_key *key, bool *present);

struct checkpoint {
    const char *origin;
    uint64_t size;
    struct hash root;
};
/* Appends the three lines. */
void checkpoint_write(GString *out, const struct checkpoint *c);
bool checkpoint_parse(struct arena *a, const struct note *note, struct checkpoint *c, struct error *e);
