/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes: Ed25519, and SM2 with SM3. */
#include "ledger/note.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

enum { ED25519_BYTES = 32, SM2_POINT = 65, TYPE_ED25519 = 0x01, TYPE_OTHER = 0xff };
static const char sm2_name[] = "zhongshu/sm2-with-sm3";
static const char sm2_user[] = "1234567812345678"; /* the identity of GM/T 0009, 10 */
static const char dash[] = "\xe2\x80\x94 ";

/* ---- keys ---- */

/* Type and public key, as they are hashed into the id and written into the verifier key. */
static GByteArray *key_material(enum note_algorithm algorithm, EVP_PKEY *key)
{
    GByteArray *out = g_byte_array_new();
    uint8_t type = algorithm == NOTE_ED25519 ? TYPE_ED25519 : TYPE_OTHER;
    uint8_t public[SM2_POINT];
    size_t length = sizeof public;
    bool ok;
    g_byte_array_append(out, &type, 1);
    if (algorithm == NOTE_ED25519) {
        ok = EVP_PKEY_get_raw_public_key(key, public, &length) == 1 && length == ED25519_BYTES;
    } else {
        g_byte_array_append(out, (const uint8_t *)sm2_name, sizeof sm2_name - 1);
        ok = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, public, sizeof public, &length) ==
                 1 &&
             length == SM2_POINT;
    }
    g_assert(ok);
    g_byte_array_append(out, public, (guint)length);
    return out;
}

void note_key_init(struct note_key *k, enum note_algorithm algorithm, const char *name, EVP_PKEY *key)
{
    *k = (struct note_key){.algorithm = algorithm, .name = g_strdup(name), .key = key};
    g_autoptr(GByteArray) material = key_material(algorithm, key);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    uint8_t digest[HASH_SIZE];
    gsize length = sizeof digest;
    g_checksum_update(sum, (const guchar *)name, -1);
    g_checksum_update(sum, (const guchar *)"\n", 1);
    g_checksum_update(sum, material->data, material->len);
    g_checksum_get_digest(sum, digest, &length);
    memcpy(k->id, digest, sizeof k->id);
}

void note_key_clear(struct note_key *k)
{
    EVP_PKEY_free(k->key);
    g_free(k->name);
    *k = (struct note_key){0};
}

char *note_key_text(const struct note_key *k)
{
    g_autoptr(GByteArray) material = key_material(k->algorithm, k->key);
    g_autofree char *encoded = g_base64_encode(material->data, material->len);
    return g_strdup_printf("%s+%02x%02x%02x%02x+%s", k->name, k->id[0], k->id[1], k->id[2], k->id[3],
                           encoded);
}

static EVP_PKEY *sm2_public(const uint8_t *point)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"SM2", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, SM2_POINT),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    if (c != NULL && EVP_PKEY_fromdata_init(c) == 1) {
        EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params);
    }
    EVP_PKEY_CTX_free(c);
    return key;
}

static EVP_PKEY *read_material(const uint8_t *material, size_t length, enum note_algorithm *algorithm)
{
    size_t sm2_length = 1 + sizeof sm2_name - 1 + SM2_POINT;
    if (length == 1 + ED25519_BYTES && material[0] == TYPE_ED25519) {
        *algorithm = NOTE_ED25519;
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, material + 1, ED25519_BYTES);
    }
    if (length == sm2_length && material[0] == TYPE_OTHER &&
        memcmp(material + 1, sm2_name, sizeof sm2_name - 1) == 0) {
        *algorithm = NOTE_SM2;
        return sm2_public(material + length - SM2_POINT);
    }
    return NULL;
}

bool note_key_parse(struct note_key *k, const char *text, struct error *e)
{
    g_auto(GStrv) parts = g_strsplit(text, "+", 3);
    if (g_strv_length(parts) == 3 && note_name_is_valid(parts[0]) && parts[2][0] != '\0') {
        gsize length;
        g_autofree guchar *material = g_base64_decode(parts[2], &length);
        enum note_algorithm algorithm;
        EVP_PKEY *key = read_material(material, length, &algorithm);
        if (key != NULL) {
            note_key_init(k, algorithm, parts[0], key);
            g_autofree char *again = note_key_text(k);
            if (strcmp(again, text) == 0) {
                return true;
            }
            note_key_clear(k);
        }
    }
    return error_set(e, ERROR_BAD_REQUEST_DATA, "\"%.100s\" is no verifier key of Ed25519 or SM2",
                     "“%.100s”不是 Ed25519 或 SM2 的验证密钥", text);
}

bool note_name_is_valid(const char *name)
{
    if (name[0] == '\0' || strchr(name, '+') != NULL || !g_utf8_validate(name, -1, NULL)) {
        return false;
    }
    for (const char *p = name; *p != '\0'; p = g_utf8_next_char(p)) {
        if (g_unichar_isspace(g_utf8_get_char(p)) || g_unichar_iscntrl(g_utf8_get_char(p))) {
            return false;
        }
    }
    return true;
}

/* ---- signatures ---- */

static bool start(EVP_MD_CTX *c, const struct note_key *k, bool sign)
{
    OSSL_PARAM sm2[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_DIST_ID, (void *)sm2_user, sizeof sm2_user - 1),
        OSSL_PARAM_construct_end(),
    };
    const OSSL_PARAM *params = k->algorithm == NOTE_SM2 ? sm2 : NULL;
    const char *digest = k->algorithm == NOTE_SM2 ? "SM3" : NULL;
    return (sign ? EVP_DigestSignInit_ex(c, NULL, digest, NULL, NULL, k->key, params)
                 : EVP_DigestVerifyInit_ex(c, NULL, digest, NULL, NULL, k->key, params)) == 1;
}

static GByteArray *sign(const char *text, size_t length, const struct note_key *k)
{
    GByteArray *out = g_byte_array_new();
    uint8_t signature[256];
    size_t n = sizeof signature;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = start(c, k, true) && EVP_DigestSign(c, signature, &n, (const uint8_t *)text, length) == 1;
    EVP_MD_CTX_free(c);
    g_assert(ok);
    g_byte_array_append(out, k->id, sizeof k->id);
    g_byte_array_append(out, signature, (guint)n);
    return out;
}

void note_sign(GString *text, const struct note_key *keys, int count)
{
    size_t length = text->len;
    g_assert(length > 0 && text->str[length - 1] == '\n');
    g_string_append_c(text, '\n');
    for (int i = 0; i < count; i++) {
        g_autoptr(GByteArray) signature = sign(text->str, length, &keys[i]);
        g_autofree char *encoded = g_base64_encode(signature->data, signature->len);
        g_string_append_printf(text, "%s%s %s\n", dash, keys[i].name, encoded);
    }
}

bool note_verify(const struct note *note, const struct note_key *key, bool *present)
{
    bool found = false;
    bool ok = false;
    for (int i = 0; i < note->count; i++) {
        const struct note_signature *s = &note->signatures[i];
        if (strcmp(s->name, key->name) == 0 && memcmp(s->id, key->id, sizeof s->id) == 0) {
            EVP_MD_CTX *c = EVP_MD_CTX_new();
            found = true;
            ok = start(c, key, false) &&
                 EVP_DigestVerify(c, s->bytes, s->length, (const uint8_t *)note->text, note->length) == 1;
            EVP_MD_CTX_free(c);
            if (!ok) {
                break; /* one bad signature of a known key spoils the note */
            }
        }
    }
    if (present != NULL) {
        *present = found;
    }
    return ok;
}

/* ---- reading ---- */

static bool bad_note(struct error *e)
{
    return error_set(e, ERROR_BAD_REQUEST_DATA, "This is no signed note",
                     "不是有效的签名文本（signed note）");
}

/* "— name base64", without its newline. */
static bool parse_signature(struct arena *a, const char *line, size_t length, struct note_signature *s)
{
    size_t dash_length = sizeof dash - 1;
    if (length < dash_length || memcmp(line, dash, dash_length) != 0) {
        return false;
    }
    char *copy = arena_strndup(a, line + dash_length, length - dash_length);
    char *space = strchr(copy, ' ');
    if (space == NULL) {
        return false;
    }
    *space = '\0';
    gsize n = 0;
    g_autofree guchar *bytes = g_base64_decode(space + 1, &n);
    g_autofree char *again = n > 4 ? g_base64_encode(bytes, n) : NULL;
    if (again == NULL || strcmp(again, space + 1) != 0 || !note_name_is_valid(copy)) {
        return false;
    }
    s->name = copy;
    memcpy(s->id, bytes, sizeof s->id);
    s->bytes = (const uint8_t *)arena_strndup(a, (const char *)bytes + 4, n - 4);
    s->length = n - 4;
    return true;
}

static bool has_control(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' && text[i] != '\n') {
            return true;
        }
    }
    return false;
}

bool note_parse(struct arena *a, const char *bytes, size_t length, struct note *note, struct error *e)
{
    const char *blank = length <= MAX_NOTE ? g_strrstr_len(bytes, (gssize)length, "\n\n") : NULL;
    *note = (struct note){0};
    if (blank == NULL || !g_utf8_validate(bytes, (gssize)length, NULL) || has_control(bytes, length)) {
        return bad_note(e);
    }
    note->length = (size_t)(blank - bytes) + 1;
    note->text = arena_strndup(a, bytes, note->length);
    const char *end = bytes + length;
    for (const char *p = blank + 2; p < end;) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        if (line_end == NULL || note->count == MAX_SIGNATURES ||
            !parse_signature(a, p, (size_t)(line_end - p), &note->signatures[note->count])) {
            return bad_note(e);
        }
        note->count++;
        p = line_end + 1;
    }
    return note->count > 0 || bad_note(e);
}

void checkpoint_write(GString *out, const struct checkpoint *c)
{
    g_autofree char *root = g_base64_encode(c->root.bytes, HASH_SIZE);
    g_string_append_printf(out, "%s\n%" G_GUINT64_FORMAT "\n%s\n", c->origin, c->size, root);
}

static bool bad_checkpoint(struct error *e)
{
    return error_set(e, ERROR_BAD_REQUEST_DATA, "This is no checkpoint", "不是有效的检查点（checkpoint）");
}

bool checkpoint_parse(struct arena *a, const struct note *note, struct checkpoint *c, struct error *e)
{
    g_auto(GStrv) lines = g_strsplit(note->text, "\n", 5);
    guint64 size;
    if (g_strv_length(lines) < 4 || lines[0][0] == '\0' ||
        !g_ascii_string_to_unsigned(lines[1], 10, 0, G_MAXINT64, &size, NULL) ||
        (lines[1][0] == '0' && lines[1][1] != '\0') || lines[2][0] == '\0') {
        return bad_checkpoint(e);
    }
    gsize n;
    g_autofree guchar *root = g_base64_decode(lines[2], &n);
    g_autofree char *again = g_base64_encode(root, n);
    if (n != HASH_SIZE || strcmp(again, lines[2]) != 0) {
        return bad_checkpoint(e);
    }
    c->origin = arena_strdup(a, lines[0]);
    c->size = size;
    memcpy(c->root.bytes, root, HASH_SIZE);
    return true;
}
