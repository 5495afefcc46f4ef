/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in the space "identity.sessions": the key begins with a digest of the account's name, so that the
 * sessions of one account stand together. */
#include "identity/sessions.h"

#include <string.h>

#include <sodium.h>

static const char SPACE[] = "identity.sessions";

static void name_prefix(const char *user, unsigned char out[8])
{
    unsigned char digest[crypto_generichash_BYTES_MIN];
    crypto_generichash(digest, sizeof digest, (const unsigned char *)user, strlen(user), NULL, 0);
    memcpy(out, digest, 8);
}

static void key_of(const unsigned char token[SESSION_TOKEN], unsigned char key[SESSION_KEY])
{
    memcpy(key, token, 8);
    crypto_generichash(key + 8, 32, token, SESSION_TOKEN, NULL, 0);
}

static struct json *record(struct arena *a, const char *user, instant created, instant seen)
{
    struct json *o = json_object(a);
    json_add(o, "user", json_string(a, user));
    json_add(o, "created", json_int(a, created));
    json_add(o, "seen", json_int(a, seen));
    return o;
}

static bool read_record(struct arena *a, const char *text, size_t length, struct session *out)
{
    struct json *o = json_parse(a, text, length, NULL);
    out->user = json_get_string(o, "user");
    out->created = json_get_int(o, "created", 0);
    out->seen = json_get_int(o, "seen", 0);
    return out->user != NULL;
}

static bool put(struct txn *t, const unsigned char *key, const char *user, instant created, instant seen,
                struct error *e)
{
    arena_auto a = arena_new();
    const char *text = json_text(a, record(a, user, created, seen));
    return txn_kv_put(t, SPACE, key, SESSION_KEY, text, strlen(text), e);
}

/* ---- the sessions of one account, or of all ---- */

struct listing {
    struct arena *a;
    const unsigned char *prefix; /* 8 bytes, or NULL */
    GArray *sessions;
};

static bool list_row(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct listing *l = user;
    if (l->prefix != NULL && memcmp(key, l->prefix, 8) != 0) {
        return false;
    }
    struct session s = {.created = 0};
    if (key_length == SESSION_KEY) {
        memcpy(s.key, key, SESSION_KEY);
        read_record(l->a, value, length, &s);
        g_array_append_val(l->sessions, s);
    }
    return true;
}

static GArray *list_sessions(struct view *v, struct arena *a, const char *user)
{
    unsigned char prefix[8];
    struct listing l = {a, NULL, g_array_new(FALSE, FALSE, sizeof(struct session))};
    if (user != NULL) {
        name_prefix(user, prefix);
        l.prefix = prefix;
    }
    view_kv_scan(v, SPACE, l.prefix, l.prefix != NULL ? 8 : 0, false, list_row, &l);
    return l.sessions;
}

/* Makes room for one more: ends what is idle too long, then what is idle longest. */
static bool make_room(struct txn *t, const char *user, struct error *e)
{
    arena_auto a = arena_new();
    g_autoptr(GArray) all = list_sessions(txn_view(t), a, user);
    guint left = all->len;
    for (;;) {
        struct session *oldest = NULL;
        for (guint i = 0; i < all->len; i++) {
            struct session *s = &g_array_index(all, struct session, i);
            if (s->seen >= 0 && (oldest == NULL || s->seen < oldest->seen)) {
                oldest = s;
            }
        }
        if (oldest == NULL || (left < SESSIONS_PER_USER && oldest->seen >= txn_now(t) - SESSION_IDLE)) {
            return true;
        }
        if (!session_end(t, oldest->key, e)) {
            return false;
        }
        oldest->seen = -1;
        left--;
    }
}

bool session_begin(struct txn *t, const char *user, char token[SESSION_TEXT], struct error *e)
{
    if (!make_room(t, user, e)) {
        return false;
    }
    unsigned char secret[SESSION_TOKEN];
    unsigned char key[SESSION_KEY];
    name_prefix(user, secret);
    randombytes_buf(secret + 8, SESSION_TOKEN - 8);
    key_of(secret, key);
    sodium_bin2base64(token, SESSION_TEXT, secret, sizeof secret, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(secret, sizeof secret);
    return put(t, key, user, txn_now(t), txn_now(t), e);
}

bool session_find(struct view *v, struct arena *a, const char *token, instant now, struct session *out)
{
    unsigned char secret[SESSION_TOKEN];
    size_t length;
    if (sodium_base642bin(secret, sizeof secret, token, strlen(token), NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length != SESSION_TOKEN) {
        return false;
    }
    key_of(secret, out->key);
    const char *text;
    size_t size;
    return view_kv_get(v, a, SPACE, out->key, SESSION_KEY, &text, &size) && read_record(a, text, size, out) &&
           out->seen >= now - SESSION_IDLE;
}

bool session_end(struct txn *t, const unsigned char key[SESSION_KEY], struct error *e)
{
    return txn_kv_delete(t, SPACE, key, SESSION_KEY, e);
}

bool sessions_end_all(struct txn *t, const char *user, const unsigned char *but, struct error *e)
{
    arena_auto a = arena_new();
    g_autoptr(GArray) all = list_sessions(txn_view(t), a, user);
    for (guint i = 0; i < all->len; i++) {
        const struct session *s = &g_array_index(all, struct session, i);
        if ((but == NULL || memcmp(but, s->key, SESSION_KEY) != 0) && !session_end(t, s->key, e)) {
            return false;
        }
    }
    return true;
}

/* ---- in use ---- */

struct note_job {
    struct store_job job;
    unsigned char key[SESSION_KEY];
};

static bool note_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct note_job *n = (struct note_job *)job;
    arena_auto a = arena_new();
    const char *text;
    size_t length;
    struct session s;
    if (!view_kv_get(txn_view(t), a, SPACE, n->key, SESSION_KEY, &text, &length) ||
        !read_record(a, text, length, &s) || s.seen > txn_now(t) - SESSION_NOTE) {
        return true;
    }
    return put(t, n->key, s.user, s.created, txn_now(t), e);
}

static void note_done(struct store_job *job, const struct error *e)
{
    g_free(job);
}

void session_note(struct store *s, const struct session *session)
{
    struct note_job *n = g_new0(struct note_job, 1);
    n->job.apply = note_apply;
    n->job.done = note_done;
    memcpy(n->key, session->key, SESSION_KEY);
    if (!store_submit(s, &n->job, NULL)) {
        g_free(n); /* the next request tries again */
    }
}

static bool sweep_apply(struct store_job *job, struct txn *t, struct error *e)
{
    arena_auto a = arena_new();
    g_autoptr(GArray) all = list_sessions(txn_view(t), a, NULL);
    for (guint i = 0; i < all->len; i++) {
        const struct session *s = &g_array_index(all, struct session, i);
        if (s->seen < txn_now(t) - SESSION_IDLE && !session_end(t, s->key, e)) {
            return false;
        }
    }
    return true;
}

bool sessions_sweep(struct store *s, struct error *e)
{
    struct store_job job = {.apply = sweep_apply};
    return store_run(s, &job, e);
}
