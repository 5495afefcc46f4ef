/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: a random token for the client, its digest for us. */
#pragma once

#include "base/instant.h"
#include "store/store.h"

enum {
    SESSION_KEY = 8 + 32,   /* digest of the account's name, digest of the token */
    SESSION_TOKEN = 8 + 32, /* digest of the account's name, random; base64url for the client */
    SESSION_TEXT = 64,      /* room for the token's text */
    SESSIONS_PER_USER = 16  /* the one idle longest ends when another begins */
};
#define SESSION_IDLE (12 * 3600 * INSTANT_SECOND)
/* Use is noted when the last note is older than this. */
#define SESSION_NOTE (5 * 60 * INSTANT_SECOND)

struct session {
    unsigned char key[SESSION_KEY];
    const char *user; /* in the arena */
    instant created, seen;
};

/* Makes a session; the token's text goes to the client only. */
bool session_begin(struct txn *t, const char *user, char token[SESSION_TEXT], struct error *e);
/* Finds the session of a token as of now. False when it is none, or idle too long. */
bool session_find(struct view *v, struct arena *a, const char *token, instant now, struct session *out);
bool session_end(struct txn *t, const unsigned char key[SESSION_KEY], struct error *e);
/* Ends all sessions of an account but one (NULL = all). */
bool sessions_end_all(struct txn *t, const char *user, const unsigned char *but, struct error *e);
/* Notes in the background that the session is in use. */
void session_note(struct store *s, const struct session *session);
/* Removes sessions idle too long; at start. */
bool sessions_sweep(struct store *s, struct error *e);
