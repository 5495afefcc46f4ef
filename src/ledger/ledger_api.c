/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the evidence log. */
#include <string.h>

#include "base/limits.h"
#include "ledger/private.h"
#include "ledger/tile_path.h"

static struct ledger *bound;

void ledger_bind(struct ledger *l)
{
    bound = l;
}

/* False when there is no log; then the request has been answered. */
static bool is_bound(struct request *r)
{
    struct error e;
    if (bound != NULL) {
        return true;
    }
    error_set(&e, ERROR_UNAVAILABLE, "The evidence log is not open", "存证日志未打开");
    reply_error(r, &e);
    return false;
}

static void not_there(struct request *r)
{
    struct error e;
    error_set(&e, ERROR_NOT_FOUND, "The evidence log has no such tile, or not that wide yet",
              "存证日志没有这个数据块，或其宽度不足");
    reply_error(r, &e);
}

/* Public data: scripts of other sites may check it. */
static void set_caching(struct request *r, bool immutable)
{
    reply_header(r, "Cache-Control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
    reply_header(r, "Access-Control-Allow-Origin", "*");
}

static void get_checkpoint(struct request *r)
{
    if (!is_bound(r)) {
        return;
    }
    view_auto v = view_begin(bound->store);
    const char *text = ledger_state(v, request_arena(r), "checkpoint");
    set_caching(r, false);
    reply_text(r, 200, "text/plain; charset=utf-8", text, strlen(text));
}

static void get_key(struct request *r)
{
    if (!is_bound(r)) {
        return;
    }
    g_autofree char *text = signer_key_texts(&bound->signer);
    set_caching(r, false);
    reply_text(r, 200, "text/plain; charset=utf-8", text, strlen(text));
}

struct bundle {
    GString *text;
    int left;
};

static bool add_entry(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct bundle *b = user;
    g_string_append_c(b->text, (char)(length >> 8));
    g_string_append_c(b->text, (char)length);
    g_string_append_len(b->text, value, (gssize)length);
    return --b->left > 0;
}

static void reply_entries(struct request *r, struct view *v, const struct tile_address *at)
{
    struct bundle b = {.text = g_string_new(NULL), .left = at->width};
    unsigned char key[8];
    kv_key_u64(at->n * TILE_WIDTH, key);
    view_kv_scan(v, SPACE_LEAF, key, sizeof key, false, add_entry, &b);
    if (b.left > 0) {
        g_string_free(b.text, TRUE);
        not_there(r);
        return;
    }
    set_caching(r, true);
    reply_string(r, 200, "application/octet-stream", b.text);
}

static void get_tile(struct request *r)
{
    struct tile_address at;
    if (!is_bound(r)) {
        return;
    }
    if (!tile_path_parse(request_param(r, "rest"), &at)) {
        not_there(r);
        return;
    }
    view_auto v = view_begin(bound->store);
    if (at.entries) {
        reply_entries(r, v, &at);
        return;
    }
    struct tile_view from = {.view = v, .arena = request_arena(r)};
    struct tile tile = {.level = at.level, .n = at.n};
    if (!ledger_load_tile(&from, &tile) || tile.count < at.width) {
        not_there(r);
        return;
    }
    set_caching(r, true);
    reply_text(r, 200, "application/octet-stream", (const char *)tile.hashes, (size_t)at.width * HASH_SIZE);
}

/* ---- proofs ---- */

struct indices {
    const char *subject;
    size_t length; /* its NUL included */
    GArray *found; /* of uint64_t */
};

static bool add_index(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct indices *i = user;
    if (key_length != i->length + 8 || memcmp(key, i->subject, i->length) != 0) {
        return false;
    }
    uint64_t index = kv_u64_key((const char *)key + i->length);
    g_array_append_val(i->found, index);
    return i->found->len < LIMIT_PAGE;
}

static GArray *leaves_of(struct view *v, const char *subject)
{
    struct indices i = {.subject = subject,
                        .length = strlen(subject) + 1,
                        .found = g_array_new(FALSE, FALSE, sizeof(uint64_t))};
    view_kv_scan(v, SPACE_SUBJECT, subject, i.length, false, add_index, &i);
    return i.found;
}

/* {index, leaf, inclusion}: leaf is the very text that was hashed, the hashes are base64. */
static bool add_proof(struct arena *a, struct view *v, struct tree *tree, uint64_t index, struct json *out)
{
    struct hash path[MAX_PROOF];
    unsigned char key[8];
    const char *leaf;
    size_t length;
    int count;
    kv_key_u64(index, key);
    if (!view_kv_get(v, a, SPACE_LEAF, key, sizeof key, &leaf, &length) || index >= tree->size ||
        !tree_inclusion(tree, index, path, &count, NULL)) {
        return false;
    }
    struct json *item = json_append(out, json_object(a));
    struct json *inclusion = json_array(a);
    for (int i = 0; i < count; i++) {
        g_autofree char *text = g_base64_encode(path[i].bytes, HASH_SIZE);
        json_append(inclusion, json_string(a, text));
    }
    json_add(item, "index", json_int(a, (int64_t)index));
    json_add(item, "leaf", json_stringn(a, leaf, length));
    json_add(item, "inclusion", inclusion);
    return true;
}

static bool write_proof(struct arena *a, struct view *v, const char *subject, struct json *out,
                        struct error *e)
{
    struct tile_view tiles = {.view = v, .arena = a};
    struct checkpoint c;
    struct tree tree;
    g_autoptr(GArray) found = leaves_of(v, subject);
    bool ok = ledger_checkpoint(v, a, &c, e);
    struct json *leaves = json_add(out, "leaves", json_array(a));
    tree_init(&tree, c.size, ledger_load_tile, &tiles);
    for (guint i = 0; ok && i < found->len; i++) {
        uint64_t index = g_array_index(found, uint64_t, i);
        ok = add_proof(a, v, &tree, index, leaves) ||
             error_set(e, ERROR_INTERNAL, "Leaf %" G_GUINT64_FORMAT " of the evidence log cannot be proven",
                       "存证日志的第 %" G_GUINT64_FORMAT " 个叶节点无法证明", index);
    }
    tree_clear(&tree);
    return ok;
}

static void get_proof(struct request *r)
{
    struct arena *a = request_arena(r);
    struct error e = {0};
    const char *id = request_param(r, "id");
    if (!is_bound(r)) {
        return;
    }
    const char *subject = g_str_has_prefix(id, "urn:") ? id : arena_printf(a, "urn:ngsi-ld:Case:%s", id);
    view_auto v = view_begin(bound->store);
    struct json *out = json_object(a);
    g_autofree char *keys = signer_key_texts(&bound->signer);
    if (!write_proof(a, v, subject, out, &e)) {
        reply_error(r, &e);
        return;
    }
    if (json_first(json_get(out, "leaves")) == NULL &&
        !view_entity(v, a, subject, &(struct store_entity){0})) {
        error_set(&e, ERROR_NOT_FOUND, "There is no case %.300s", "没有案件 %.300s", subject);
        reply_error(r, &e);
        return;
    }
    json_add(out, "checkpoint", json_string(a, ledger_state(v, a, "checkpoint")));
    json_add(out, "keys", json_string(a, keys));
    reply_json(r, 200, out);
}

const struct route ledger_routes[] = {
    {"GET", "/log/checkpoint", NULL, get_checkpoint,
     "The signed head of the evidence log (C2SP checkpoint: Ed25519, and SM2 with SM3)",
     "存证日志的签名检查点（C2SP checkpoint：Ed25519 与 SM2/SM3 双签名）", 0},
    {"GET", "/log/tile/{rest*}", NULL, get_tile, "Hashes and entries of the evidence log (C2SP tlog-tiles)",
     "存证日志的哈希与条目数据块（C2SP tlog-tiles）", 0},
    {"GET", "/log/key", NULL, get_key, "The verifier keys of the evidence log, one a line",
     "存证日志的验证公钥，每行一个", 0},
    {"GET", "/api/v1/cases/{id}/proof", "", get_proof,
     "The leaves of a case in the evidence log (none yet in the moment after a change), each with its "
     "inclusion proof, and the checkpoint",
     "案件在存证日志中的叶节点、包含证明及检查点", 0},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0},
};
