/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks and what they may do: accounts, roles, sessions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "http/http.h"
#include "store/store.h"

struct identity;

/* One account as it acts in one request. */
struct user {
    const char *name;         /* sign-in name, unique */
    const char *display_name; /* 张敏 */
    const char *organisation; /* unit, e.g. 大坪街道办事处; "" when none */
    const char
        *area; /* scope prefix that the account is responsible for, "/渝中区/大坪街道"; "" = everything */
    const char *const
        *roles; /* NULL-terminated: "admin", "operator", "dispatcher", "handler", "inspector", … */
};

/* Roles and their permissions come from packs (section `roles`) and from the built-in table: admin
 * (everything), operator (entities.write, cases.act, cases.open, rules.write), viewer (read). Every account
 * may read. Permissions: entities.write, cases.act, cases.open, rules.write, imports.write, packs.write,
 * users.write, subscriptions.write, operations.read, tenants (any space but the default one). */
struct identity *identity_new(struct store *s, bool authentication_on);
/* After the HTTP server has stopped: waits for sign-ins under way. NULL is fine. */
void identity_free(struct identity *id);
/* For http_options.authorise; user is the struct identity. Session cookie or bearer token → request_set_user.
 * Refuses writes by cookie without "X-Requested-With: zhongshu", and writes that a browser marks as coming
 * from another site. */
bool identity_authorise(struct request *r, const struct route *route, void *user, struct error *e);
/* The account behind a request; with authentication off a built-in administrator; NULL on public routes
 * without a session. */
const struct user *identity_user(struct request *r);
bool user_has_role(const struct user *u, const char *role);
/* True for the built-in administrator of a hub without authentication: it stands for nobody in particular. */
bool user_is_local(const struct user *u);
/* True when scope ("/渝中区/大坪街道/x", or NULL) is area ("/渝中区/大坪街道") or lies below it. */
bool area_reaches(const char *area, const char *scope);
/* True when scope ("/渝中区/大坪街道/x") lies in the user's area; a user without area reaches everything, one
 * with an area nothing that has no scope. */
bool user_reaches(const struct user *u, const char *scope);
bool identity_permits(struct identity *id, const struct user *u, const char *permission);
/* The same for whoever asks in r, after identity_bind; refuses with a sentence that names the permission. */
bool identity_require(struct request *r, const char *permission, struct error *e);
/* Makes or changes an account (password NULL keeps the old one). Passwords are kept as Argon2id (libsodium);
 * a new password ends the sessions of the account. */
bool identity_put_user(struct store *s, const struct user *u, const char *password, struct error *e);
bool identity_delete_user(struct store *s, const char *name, struct error *e);
/* One account by name, in a; NULL when there is none or it is disabled. */
const struct user *identity_find_user(struct view *v, struct arena *a, const char *name);
/* Calls each for every account that is not disabled, by name, until it returns false. The user is valid
 * during the call. */
void identity_each_user(struct view *v, bool (*each)(void *user, const struct user *u), void *user);
/* Adds or replaces a role with its permissions (NULL-terminated); called by the pack loader, kept in memory.
 */
void identity_set_role(struct identity *id, const char *role, const char *zh, const char *en,
                       const char *const *permissions);
/* The routes /api/v1/session, /api/v1/users, /api/v1/roles. */
extern const struct route identity_routes[];
void identity_bind(struct identity *id); /* lets the routes find their identity */
