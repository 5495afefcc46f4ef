/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of identity share: the module's state and who asks. */
#pragma once

#include <glib.h>

#include "identity/identity.h"
#include "identity/sessions.h"
#include "identity/throttle.h"

struct identity {
    struct store *store;
    bool on; /* authentication */
    GMutex lock;
    GHashTable *roles; /* name → struct role; under lock */
    struct throttle *throttle;
    GThreadPool *pool; /* password work, away from the HTTP threads */
};

struct role {
    char *zh, *en;
    char **permissions;
    bool built_in;
};

/* Refuses with a sentence that names the permission that the account has not. */
bool identity_refuse(const char *permission, const char *name, struct error *e);

/* Behind request_user. */
struct asker {
    struct user user; /* first: identity_user casts */
    bool has_session;
    unsigned char session[SESSION_KEY];
};

/* The asker of a request, or NULL. */
const struct asker *identity_asker(struct request *r);

/* Hands the request to the pool: run replies there, and may block and use store_run. With too many waiting it
 * answers 429 itself. */
void identity_later(struct identity *id, struct request *r, void (*run)(struct request *r));
