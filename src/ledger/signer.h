/* SPDX-License-Identifier: Apache-2.0 */
/* The log's private keys and the file that keeps them. */
#pragma once

#include "ledger/note.h"

struct signer {
    struct note_key keys[NOTE_ALGORITHMS];
    uint8_t actor_key[HASH_SIZE]; /* for the hashes of account names */
};
/* Reads the key file, or makes it (mode 0600) with new keys when it is not there: *made tells. */
bool signer_open(struct signer *s, const char *path, const char *origin, bool *made, struct error *e);
void signer_clear(struct signer *s);
/* The verifier keys, one a line. */
char *signer_key_texts(const struct signer *s);
