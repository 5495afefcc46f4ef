/* SPDX-License-Identifier: Apache-2.0 */
/* The offline check of the evidence log against itself and against the entities it vouches for. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>

#include "ledger/leaf.h"
#include "ledger/private.h"

enum { MAX_TOLD = 1000, HEX_DIGEST_SIZE = 65 };

/* What the newest leaf or pending record says of one subject. */
struct newest {
    uint64_t index; /* of the leaf; unused when pending */
    uint64_t seq;
    bool pending, deleted, seen;
    char sha256[HEX_DIGEST_SIZE], sm3[HEX_DIGEST_SIZE];
};

struct check {
    struct store *store;
    struct view *view;
    struct arena *arena;   /* for the whole check */
    struct arena *scratch; /* for one row */
    struct ledger_verification *result;
    void (*failed)(void *user, const char *en, const char *zh);
    void *user;
    struct checkpoint checkpoint;
    struct tile_view stored;
    struct tree tree; /* made again from the leaves */
    struct tile tile; /* the stored tile of the leaf at hand */
    bool has_tile;
    bool has_root;     /* the checkpoint could be read */
    uint64_t last_seq; /* of the leaf before */
    uint64_t cursor;
    GArray *strangers;  /* of uint64_t: leaves whose hash is not the stored tile's */
    GHashTable *newest; /* subject → struct newest */
};

static void fail(struct check *c, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
static void fail(struct check *c, const char *en, const char *zh, ...)
{
    if (c->result->failures++ >= MAX_TOLD) {
        return;
    }
    va_list args;
    va_start(args, zh);
    g_autofree char *english = g_strdup_vprintf(en, args);
    va_end(args);
    va_start(args, zh);
    g_autofree char *chinese = g_strdup_vprintf(zh, args);
    va_end(args);
    c->failed(c->user, english, chinese);
}

/* ---- the checkpoint ---- */

static void check_signature(struct check *c, const struct note *note, const char *key_text)
{
    struct note_key key;
    struct error e = {0};
    bool present;
    if (!note_key_parse(&key, key_text, &e)) {
        fail(c, "verifier key \"%.100s\" cannot be read", "无法读取验证公钥“%.100s”", key_text);
        return;
    }
    const char *name = key.algorithm == NOTE_SM2 ? "SM2" : "Ed25519";
    bool ok = note_verify(note, &key, &present);
    if (!ok && !present) {
        fail(c, "checkpoint: it has no %s signature of %s", "检查点：缺少 %2$s 的 %1$s 签名", name, key.name);
    } else if (!ok) {
        fail(c, "checkpoint: the %s signature of %s is wrong: the checkpoint was changed",
             "检查点：%2$s 的 %1$s 签名无效，检查点已被改动", name, key.name);
    } else if (strcmp(key.name, c->checkpoint.origin) != 0) {
        fail(c, "checkpoint: it is of the log %s, not of %s", "检查点：属于日志 %s，而不是 %s",
             c->checkpoint.origin, key.name);
    }
    note_key_clear(&key);
}

/* The keys to trust: those given, else those in the store, which must be the key file's where there is one.
 */
static const char *trusted_keys(struct check *c, const char *given, struct error *e)
{
    const char *stored = ledger_state(c->view, c->arena, "keys");
    g_autofree char *path = g_build_filename(store_dir(c->store), "ledger.key", NULL);
    struct signer signer;
    bool made;
    if (given != NULL || stored == NULL || !g_file_test(path, G_FILE_TEST_EXISTS)) {
        return given != NULL ? given : stored;
    }
    const char *origin = ledger_state(c->view, c->arena, "origin");
    if (!signer_open(&signer, path, origin != NULL ? origin : "", &made, e)) {
        return NULL;
    }
    g_autofree char *own = signer_key_texts(&signer);
    signer_clear(&signer);
    if (strcmp(own, stored) != 0) {
        fail(c, "the verifier keys in the store are not those of the key file",
             "数据库中的验证公钥与密钥文件不符");
    }
    return arena_strdup(c->arena, own);
}

static void check_checkpoint(struct check *c, const char *keys)
{
    const char *text = ledger_state(c->view, c->arena, "checkpoint");
    struct note note;
    struct error e = {0};
    if (text == NULL || keys == NULL) {
        fail(c, "checkpoint: there is none: the evidence log was removed, or never begun",
             "检查点：不存在，存证日志被删除或从未启用");
        return;
    }
    if (!note_parse(c->arena, text, strlen(text), &note, &e) ||
        !checkpoint_parse(c->arena, &note, &c->checkpoint, &e)) {
        fail(c, "checkpoint: it cannot be read: %s", "检查点：无法解析（%s）", e.en);
        return;
    }
    c->has_root = true;
    g_auto(GStrv) lines = g_strsplit(keys, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (**line != '\0') {
            check_signature(c, &note, *line);
        }
    }
}

/* ---- the leaves ---- */

static struct newest *newest_of(struct check *c, const char *subject)
{
    struct newest *n = g_hash_table_lookup(c->newest, subject);
    if (n == NULL) {
        n = g_new0(struct newest, 1);
        g_hash_table_insert(c->newest, g_strdup(subject), n);
    }
    return n;
}

static void remember(struct newest *n, const char *op, const char *sha256, const char *sm3, uint64_t seq)
{
    n->seq = seq;
    n->deleted = strcmp(op, "delete") == 0;
    g_strlcpy(n->sha256, sha256 != NULL ? sha256 : "", sizeof n->sha256);
    g_strlcpy(n->sm3, sm3 != NULL ? sm3 : "", sizeof n->sm3);
}

/* The hash that the stored tile has for a leaf, or NULL. */
static const struct hash *stored_hash(struct check *c, uint64_t index)
{
    uint64_t n = index / TILE_WIDTH;
    if (!c->has_tile || c->tile.n != n) {
        c->tile = (struct tile){.n = n};
        arena_clear(c->scratch);
        c->stored.arena = c->scratch;
        if (!ledger_load_tile(&c->stored, &c->tile)) {
            c->tile.count = 0;
        }
        c->has_tile = true;
    }
    return (int)(index % TILE_WIDTH) < c->tile.count ? &c->tile.hashes[index % TILE_WIDTH] : NULL;
}

static void missing_leaf(struct check *c)
{
    static const struct hash nothing;
    const struct hash *known = stored_hash(c, c->tree.size);
    fail(c, "leaf %" PRIu64 " is missing", "缺少第 %" PRIu64 " 个叶节点", c->tree.size);
    tree_append(&c->tree, known != NULL ? known : &nothing, 1);
}

static void read_leaf(struct check *c, uint64_t index, const char *text, size_t length)
{
    struct leaf_facts facts;
    arena_clear(c->scratch);
    if (!leaf_read(c->scratch, text, length, &facts)) {
        fail(c, "leaf %" PRIu64 " cannot be read", "第 %" PRIu64 " 个叶节点无法解析", index);
        return;
    }
    if (facts.seq <= c->last_seq) {
        fail(c, "leaf %" PRIu64 " is out of order: record %" PRIu64 " after record %" PRIu64,
             "第 %" PRIu64 " 个叶节点次序错误：记录 %" PRIu64 " 位于记录 %" PRIu64 " 之后", index, facts.seq,
             c->last_seq);
    }
    c->last_seq = facts.seq;
    struct newest *n = newest_of(c, facts.subject);
    n->index = index;
    remember(n, facts.op, facts.sha256, facts.sm3, facts.seq);
}

static bool check_leaf(void *user, const void *key, size_t key_length, const char *text, size_t length)
{
    struct check *c = user;
    uint64_t index = key_length == 8 ? kv_u64_key(key) : UINT64_MAX;
    while (c->tree.size < MIN(index, c->checkpoint.size)) {
        missing_leaf(c);
    }
    if (index >= c->checkpoint.size) {
        fail(c, "leaf %" PRIu64 " is beyond the checkpoint of %" PRIu64 " leaves",
             "第 %" PRIu64 " 个叶节点超出检查点范围（共 %" PRIu64 " 个）", index, c->checkpoint.size);
        return false;
    }
    const struct hash *known = stored_hash(c, index);
    struct hash hash;
    hash_leaf(text, length, &hash);
    if (known == NULL || !hash_equal(known, &hash)) {
        g_array_append_val(c->strangers, index);
    }
    tree_append(&c->tree, &hash, 1);
    c->result->leaves++;
    read_leaf(c, index, text, length);
    return true;
}

static bool check_tile(void *user, const struct tile *made)
{
    struct check *c = user;
    struct tile tile = {.level = made->level, .n = made->n};
    arena_clear(c->scratch);
    if (!ledger_load_tile(&c->stored, &tile) || tile.count != made->count ||
        memcmp(tile.hashes, made->hashes, (size_t)made->count * HASH_SIZE) != 0) {
        fail(c, "tile %d/%" PRIu64 " does not agree with its leaves",
             "数据块 %d/%" PRIu64 " 与其叶节点不一致", made->level, made->n);
    }
    return true;
}

static bool root_is(struct tree *tree, const struct hash *root)
{
    struct hash found;
    return tree_root(tree, &found, NULL) && hash_equal(&found, root);
}

static bool stored_root_is_right(struct check *c)
{
    struct tree tree;
    c->stored.arena = c->arena;
    tree_init(&tree, c->checkpoint.size, ledger_load_tile, &c->stored);
    bool ok = root_is(&tree, &c->checkpoint.root);
    tree_clear(&tree);
    return ok;
}

/* The leaves give the signed root: then they are right, and a tile that differs is wrong. Else the tiles tell
 * which leaf was changed, unless they were changed with it. */
static void check_tree(struct check *c)
{
    if (!c->has_root || root_is(&c->tree, &c->checkpoint.root)) {
        c->stored.arena = c->scratch;
        tree_each_tile(&c->tree, check_tile, c);
        return;
    }
    for (guint i = 0; i < c->strangers->len; i++) {
        uint64_t index = g_array_index(c->strangers, uint64_t, i);
        fail(c, "leaf %" PRIu64 " was changed: its hash is not the one in the tree",
             "第 %" PRIu64 " 个叶节点已被改动：其哈希与默克尔树不符", index);
    }
    if (c->strangers->len == 0 || !stored_root_is_right(c)) {
        fail(c, "checkpoint: the root of its %" PRIu64 " leaves is another one",
             "检查点：%" PRIu64 " 个叶节点计算出的根哈希与检查点不符", c->checkpoint.size);
    }
}

static void check_leaves(struct check *c)
{
    c->stored = (struct tile_view){.view = c->view, .arena = c->scratch};
    if (!c->has_root) {
        c->checkpoint.size = (uint64_t)view_kv_count(c->view, SPACE_LEAF);
    }
    tree_init(&c->tree, 0, NULL, NULL);
    view_kv_scan(c->view, SPACE_LEAF, NULL, 0, false, check_leaf, c);
    while (c->tree.size < c->checkpoint.size) {
        missing_leaf(c);
    }
    check_tree(c);
    int64_t indexed = view_kv_count(c->view, SPACE_SUBJECT);
    if (indexed != (int64_t)c->checkpoint.size) {
        fail(c, "the index by subject has %" PRId64 " entries for %" PRIu64 " leaves",
             "主题索引有 %" PRId64 " 条，叶节点有 %" PRIu64 " 个", indexed, c->checkpoint.size);
    }
    tree_clear(&c->tree);
}

/* ---- records that have no leaf yet ---- */

static void take_pending(struct check *c, const struct log_batch *b)
{
    for (int i = 0; i < b->count; i++) {
        const struct json *record = b->records[i];
        uint64_t seq = b->first + (uint64_t)i;
        const char *id = json_get_string(record, "id");
        const char *op = json_get_string(record, "op");
        if (seq > c->cursor && leaf_kind(record) != NULL && id != NULL && op != NULL) {
            struct newest *n = newest_of(c, id);
            n->pending = true;
            remember(n, op, json_get_string(record, "digest"), json_get_string(record, "sm3"), seq);
            c->result->pending++;
        }
    }
}

static bool check_pending(struct check *c, struct error *e)
{
    c->cursor = view_cursor(c->view, LEDGER_READER);
    if (c->cursor < c->last_seq) {
        fail(c, "the cursor stands at record %" PRIu64 ", before record %" PRIu64 " of the last leaf",
             "游标位于记录 %" PRIu64 "，早于最后一个叶节点的记录 %" PRIu64, c->cursor, c->last_seq);
        c->cursor = c->last_seq;
    }
    for (uint64_t after = c->cursor; after < store_log_end(c->store);) {
        struct log_batch *b = store_log_read(c->store, after, e);
        if (b == NULL) {
            return e->code == ERROR_NONE;
        }
        take_pending(c, b);
        after = b->first + (uint64_t)b->count - 1;
        log_batch_unref(b);
    }
    return true;
}

/* ---- the entities ---- */

static void hex_digest(const EVP_MD *algorithm, const GString *text, char out[HEX_DIGEST_SIZE])
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    bool ok = EVP_Digest(text->str, text->len, bytes, &length, algorithm, NULL) == 1 && length == HASH_SIZE;
    g_assert(ok);
    for (unsigned i = 0; i < length; i++) {
        g_snprintf(out + i * 2, 3, "%02x", bytes[i]);
    }
}

static bool is_as_recorded(struct check *c, const struct store_entity *row, const struct newest *n)
{
    char sha256[HEX_DIGEST_SIZE], sm3[HEX_DIGEST_SIZE];
    struct error e = {0};
    arena_clear(c->scratch);
    const struct json *body = json_parse(c->scratch, row->body, row->body_length, &e);
    g_autoptr(GString) text = g_string_new(NULL);
    if (body == NULL) {
        return false;
    }
    json_write_canonical(text, body);
    hex_digest(EVP_sha256(), text, sha256);
    hex_digest(EVP_sm3(), text, sm3);
    return strcmp(sha256, n->sha256) == 0 && strcmp(sm3, n->sm3) == 0;
}

static bool check_entity(void *user, const struct store_entity *row)
{
    struct check *c = user;
    struct newest *n = g_hash_table_lookup(c->newest, row->id);
    c->result->entities++;
    if (n == NULL) {
        fail(c, "%s has no leaf: it was put into the store past the hub",
             "%s 没有叶节点：绕过系统写入了数据库", row->id);
        return true;
    }
    n->seen = true;
    if (n->deleted) {
        fail(c, "%s is in the store, but record %" PRIu64 " deleted it",
             "%s 仍在数据库中，但记录 %" PRIu64 " 已将其删除", row->id, n->seq);
    } else if (!is_as_recorded(c, row, n) && n->pending) {
        fail(c,
             "%s was changed: its content is not that of record %" PRIu64 ", the newest of it (no leaf yet)",
             "%s 已被改动：内容与其最新记录 %" PRIu64 "（尚无叶节点）不符", row->id, n->seq);
    } else if (!is_as_recorded(c, row, n)) {
        fail(c, "%s was changed: its content is not that of leaf %" PRIu64,
             "%s 已被改动：内容与第 %" PRIu64 " 个叶节点不符", row->id, n->index);
    }
    return true;
}

static void check_vanished(struct check *c)
{
    GHashTableIter i;
    void *subject, *value;
    g_hash_table_iter_init(&i, c->newest);
    while (g_hash_table_iter_next(&i, &subject, &value)) {
        const struct newest *n = value;
        if (!n->seen && !n->deleted) {
            fail(c, "%s is gone from the store without a deletion (record %" PRIu64 " left it there)",
                 "%s 已从数据库消失，且没有删除记录（记录 %" PRIu64 " 时仍存在）", (const char *)subject,
                 n->seq);
        }
    }
}

static bool check_entities(struct check *c, struct error *e)
{
    static const char *const types[] = {"Case", "Rule"};
    struct store_query q = {.types = types, .types_count = G_N_ELEMENTS(types)};
    if (!view_entities(c->view, &q, check_entity, c, e)) {
        return false;
    }
    check_vanished(c);
    return true;
}

bool ledger_verify(struct store *ro, const char *keys,
                   void (*failed)(void *user, const char *en, const char *zh), void *user,
                   struct ledger_verification *result, struct error *e)
{
    arena_auto a = arena_new();
    arena_auto scratch = arena_new();
    view_auto v = view_begin(ro);
    g_autoptr(GArray) strangers = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GHashTable) newest = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct check c = {.store = ro,
                      .view = v,
                      .arena = a,
                      .scratch = scratch,
                      .result = result,
                      .failed = failed,
                      .user = user,
                      .checkpoint = {.origin = ""},
                      .strangers = strangers,
                      .newest = newest};
    struct error failure = {0};
    *result = (struct ledger_verification){0};
    const char *trusted = trusted_keys(&c, keys, &failure);
    if (failure.code == ERROR_NONE) {
        check_checkpoint(&c, trusted);
        check_leaves(&c);
    }
    if (failure.code != ERROR_NONE || !check_pending(&c, &failure) || !check_entities(&c, &failure)) {
        *e = failure;
        return false;
    }
    return true;
}
