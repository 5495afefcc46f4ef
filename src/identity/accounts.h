/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts as they are kept: one JSON object per sign-in name in the space "identity.accounts". */
#pragma once

#include "identity/identity.h"

enum {
    ACCOUNT_NAME = 64,          /* bytes of a sign-in name */
    ACCOUNT_TEXT = 200,         /* bytes of a display name, organisation or area */
    ACCOUNT_ROLES = 32,         /* roles of one account */
    ACCOUNT_PASSWORD_LOW = 8,   /* characters */
    ACCOUNT_PASSWORD_HIGH = 256 /* bytes */
};

/* The stored object {name, displayName, organisation, area, roles, hash, disabled, createdAt, signedInAt}, or
 * NULL when there is no such account. */
struct json *account_get(struct view *v, struct arena *a, const char *name);
bool account_put(struct txn *t, struct arena *a, const struct json *account, struct error *e);
bool account_disabled(const struct json *account);
/* How a client sees it: everything but the hash. */
struct json *account_view(struct arena *a, const struct json *account);
/* Calls each with every stored object, by name, until it returns false. */
void account_each(struct view *v, struct arena *a, bool (*each)(void *user, const struct json *account),
                  void *user);

bool account_name_valid(const char *name, struct error *e);
/* Checks displayName, organisation, area and roles of a fragment. */
bool account_fields_valid(const struct json *fragment, struct error *e);
bool account_password_valid(const char *name, const char *password, struct error *e);
/* Argon2id with the interactive limits: some 60 ms and 64 MiB. NULL when memory ran out. */
char *account_hash(struct arena *a, const char *password);
/* hash NULL costs as much time as a wrong password and is false. */
bool account_verify(const char *hash, const char *password);
/* Refuses a change that would leave no account with the role admin: name would become `after` (NULL =
 * deleted). */
bool account_keeps_admin(struct view *v, struct arena *a, const char *name, const struct json *after,
                         struct error *e);
