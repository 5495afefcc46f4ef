/* SPDX-License-Identifier: Apache-2.0 */
/* One leaf for one change record. */
#include "ledger/leaf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/instant.h"

enum { SALT_BYTES = 16, ACTOR_BYTES = 16, HEX_DIGEST = 64 };

static bool has_type(const struct json *record, const char *type)
{
    const struct json *types = json_get(record, "type");
    for (const struct json *t = json_first(types); t != NULL; t = t->next) {
        if (json_streq(t, type)) {
            return true;
        }
    }
    return json_streq(types, type);
}

const char *leaf_kind(const struct json *record)
{
    if (json_get_bool(record, "late", false)) {
        return NULL;
    }
    return has_type(record, "Case") ? "case.action" : has_type(record, "Rule") ? "rule.change" : NULL;
}

static const char *hex(struct arena *a, const uint8_t *bytes, size_t n)
{
    char *out = arena_alloc(a, n * 2 + 1);
    for (size_t i = 0; i < n; i++) {
        g_snprintf(out + i * 2, 3, "%02x", bytes[i]);
    }
    return out;
}

/* "rule:NAME" stays, an account's name becomes its keyed hash. */
static const char *actor_of(struct arena *a, const char *by, const uint8_t *actor_key)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (by[0] == '\0' || strchr(by, ':') != NULL) {
        return by;
    }
    bool ok = HMAC(EVP_sha256(), actor_key, HASH_SIZE, (const uint8_t *)by, strlen(by), mac, &length) != NULL;
    g_assert(ok);
    return arena_printf(a, "user:%s", hex(a, mac, ACTOR_BYTES));
}

static bool is_hex_digest(const char *text)
{
    return text != NULL && strlen(text) == HEX_DIGEST && strspn(text, "0123456789abcdef") == HEX_DIGEST;
}

static bool add_digests(struct arena *a, const struct json *record, struct json *leaf)
{
    const char *sha256 = json_get_string(record, "digest");
    const char *sm3 = json_get_string(record, "sm3");
    if (!is_hex_digest(sha256) || !is_hex_digest(sm3)) {
        return false;
    }
    json_add(leaf, "sha256", json_string(a, sha256));
    json_add(leaf, "sm3", json_string(a, sm3));
    return true;
}

bool leaf_make(struct arena *a, const struct json *record, uint64_t seq, const uint8_t *actor_key,
               struct leaf *out, struct error *e)
{
    const char *op = json_get_string(record, "op");
    const char *subject = json_get_string(record, "id");
    const char *by = json_get_string(record, "by");
    char at[INSTANT_TEXT];
    uint8_t salt[SALT_BYTES];
    struct json *leaf = json_object(a);
    bool ok = RAND_bytes(salt, sizeof salt) == 1;
    g_assert(ok);
    json_add(leaf, "actor", json_string(a, actor_of(a, by != NULL ? by : "", actor_key)));
    json_add(leaf, "at", json_string(a, instant_format(json_get_int(record, "at", 0), at)));
    json_add(leaf, "kind", json_string(a, leaf_kind(record)));
    json_add(leaf, "op", json_string(a, op != NULL ? op : ""));
    json_add(leaf, "salt", json_string(a, hex(a, salt, sizeof salt)));
    json_add(leaf, "seq", json_int(a, (int64_t)seq));
    json_add(leaf, "subject", json_string(a, subject != NULL ? subject : ""));
    if (op == NULL || subject == NULL || (strcmp(op, "delete") != 0 && !add_digests(a, record, leaf))) {
        return error_set(e, ERROR_INTERNAL,
                         "Change record %" G_GUINT64_FORMAT " carries no digest of its entity",
                         "变更记录 %" G_GUINT64_FORMAT " 缺少实体摘要", seq);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_canonical(text, leaf);
    if (text->len > LEAF_MAX) {
        return error_set(e, ERROR_TOO_LARGE, "The leaf of change record %" G_GUINT64_FORMAT " is too long",
                         "变更记录 %" G_GUINT64_FORMAT " 的叶节点过长", seq);
    }
    *out = (struct leaf){.text = arena_strndup(a, text->str, text->len),
                         .length = text->len,
                         .subject = arena_strdup(a, subject)};
    return true;
}

bool leaf_read(struct arena *a, const char *text, size_t length, struct leaf_facts *out)
{
    struct error e = {0};
    const struct json *leaf = json_parse(a, text, length, &e);
    *out = (struct leaf_facts){.subject = json_get_string(leaf, "subject"),
                               .op = json_get_string(leaf, "op"),
                               .sha256 = json_get_string(leaf, "sha256"),
                               .sm3 = json_get_string(leaf, "sm3"),
                               .seq = (uint64_t)json_get_int(leaf, "seq", 0)};
    if (out->subject == NULL || out->op == NULL || out->seq == 0) {
        return false;
    }
    return strcmp(out->op, "delete") == 0 || (is_hex_digest(out->sha256) && is_hex_digest(out->sm3));
}
