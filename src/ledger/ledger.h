/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence log: one leaf for every change of a case or a rule, in a tree that nobody can quietly edit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "http/http.h"
#include "store/store.h"

/* A log after C2SP tlog-tiles, tlog-checkpoint and signed-note: SHA-256 tree of RFC 6962, a checkpoint signed
 * with Ed25519, and beside it a line of SM2 with SM3 (signature type 0xff).
 *
 * A leaf is one line of canonical JSON (json_write_canonical):
 *   {"actor": "rule:NAME" | "input:NAME" | "user:<32 hex digits>", "at": "2026-03-01T00:30:00Z",
 *    "kind": "case.action" | "rule.change", "op": "create" | "update" | "delete", "salt": "<32 hex digits>",
 *    "seq": <number of the change record>, "sha256": "<hex>", "sm3": "<hex>", "subject":
 * "urn:ngsi-ld:Case:…"} sha256 and sm3 are the digests of the canonical text of the whole stored entity after
 * the change, as the record of the change carries them ("digest", "sm3"); a deletion has none. No personal
 * data: an account's name is replaced by a keyed hash (HMAC-SHA-256 under a key derived from the log's
 * private key), the same for the same account; the times to the microsecond inside the entity keep its digest
 * from being guessed.
 *
 * All of it is kept in the store (spaces "ledger.leaf", "ledger.tile", "ledger.subject", "ledger.state") and
 * written in one job with the cursor "ledger", so that every record gets its leaf exactly once. */
struct ledger;

struct ledger_options {
    const char
        *origin; /* the log's name, best the address it is served at, without scheme: "hub.example/log". No
                    spaces, no '+'. NULL keeps the stored one, or "zhongshu.local/log". A log that has leaves
                    keeps its name: another one is an error. */
    const char *key_file; /* NULL = "ledger.key" in the data directory; made with mode 0600 when it is not
                             there. Both private keys in PEM. A log whose key file is lost goes on under new
                             keys, with a warning: whoever has pinned the old ones will see it. */
};

struct ledger *ledger_open(struct store *s, const struct ledger_options *options, struct error *e);
void ledger_close(struct ledger *l); /* NULL is fine */

/* The batch callback of the log reader "ledger" (hub.h: log_reader_options), one thread at a time: appends a
 * leaf for each record after `after` whose type is Case or Rule. The cursor is written with the leaves, and
 * now and then between: records after it may have been seen, but made no leaf. Runs that wait in the log
 * behind b are taken along, under the same checkpoint; handed over again, they are passed over. */
bool ledger_take(struct ledger *l, const struct log_batch *b, uint64_t after, struct error *e);

/* GET /log/checkpoint, /log/tile/{rest*}, /log/key (public), GET /api/v1/cases/{id}/proof. */
extern const struct route ledger_routes[];
void ledger_bind(struct ledger *l); /* lets the routes find their ledger */

/* ---- checking it all, offline ---- */

struct ledger_verification {
    int64_t leaves;   /* in the tree */
    int64_t entities; /* cases and rules compared with their newest leaf */
    int64_t pending; /* changes at the end of the log that had no leaf yet when the hub stopped: no failure */
    int64_t failures;
};
/* Checks the store (opened read-only) from the signatures down to every case and rule: the leaves against the
 * tiles, the tree against the checkpoint, both signatures, every case's and rule's stored content against its
 * newest leaf (or pending record), none without a leaf, none gone without a deletion. keys is the text that
 * /log/key gave earlier, or NULL to trust the keys kept in the store and, where it is there, the key file.
 * failed is called for each fault, with a sentence that names the leaf, tile, case or checkpoint. False with
 * e when the check could not be carried out; a finished check is true, whatever it found. Of a running hub it
 * sees the state at store_open: a change in that very moment may be reported. */
bool ledger_verify(struct store *ro, const char *keys,
                   void (*failed)(void *user, const char *en, const char *zh), void *user,
                   struct ledger_verification *result, struct error *e);
