/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence log: opened, and appended to from the change log. */
#include "ledger/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "base/counters.h"
#include "base/log.h"
#include "ledger/leaf.h"
#include "ledger/private.h"

enum {
    CURSOR_STEP = 20000, /* records without a leaf after which the cursor is written all the same */
    GATHERED = 2000,     /* leaves under one checkpoint, about */
};
static const char default_origin[] = "zhongshu.local/log";

static struct counter counters[] = {
    {"zhongshu_ledger_leaves_total", COUNTER_COUNTER, "Leaves appended to the evidence log since the start",
     "启动以来追加到存证日志的叶节点数"},
    {"zhongshu_ledger_size", COUNTER_GAUGE, "Leaves in the evidence log", "存证日志的叶节点总数"},
};

/* ---- reading what is stored ---- */

void ledger_tile_key(int level, uint64_t n, unsigned char out[TILE_KEY])
{
    out[0] = (unsigned char)level;
    kv_key_u64(n, out + 1);
}

const char *ledger_state(struct view *v, struct arena *a, const char *key)
{
    const char *value = NULL;
    size_t length;
    return view_kv_get(v, a, SPACE_STATE, key, strlen(key), &value, &length) ? value : NULL;
}

bool ledger_checkpoint(struct view *v, struct arena *a, struct checkpoint *c, struct error *e)
{
    const char *text = ledger_state(v, a, "checkpoint");
    struct note note;
    *c = (struct checkpoint){.origin = ""};
    return text == NULL || (note_parse(a, text, strlen(text), &note, e) && checkpoint_parse(a, &note, c, e));
}

bool ledger_load_tile(void *user, struct tile *t)
{
    struct tile_view *from = user;
    unsigned char key[TILE_KEY];
    const char *value;
    size_t length;
    ledger_tile_key(t->level, t->n, key);
    if (!view_kv_get(from->view, from->arena, SPACE_TILE, key, sizeof key, &value, &length) || length == 0 ||
        length > TILE_BYTES || length % HASH_SIZE != 0) {
        return false;
    }
    t->count = (int)(length / HASH_SIZE);
    memcpy(t->hashes, value, length);
    return true;
}

/* ---- appending ---- */

struct append {
    struct store_job job;
    struct ledger *ledger;
    struct tree tree;
    const struct leaf *leaves;
    size_t count;
    uint64_t first; /* index of leaves[0] */
    const GString *signed_note;
    uint64_t cursor;
    struct txn *txn; /* inside apply */
    struct error *error;
};

static bool put_leaf(struct append *j, uint64_t index, const struct leaf *leaf)
{
    unsigned char key[8];
    size_t subject = strlen(leaf->subject);
    g_autofree char *by_subject = g_malloc(subject + 1 + sizeof key);
    kv_key_u64(index, key);
    memcpy(by_subject, leaf->subject, subject + 1);
    memcpy(by_subject + subject + 1, key, sizeof key);
    return txn_kv_put(j->txn, SPACE_LEAF, key, sizeof key, leaf->text, leaf->length, j->error) &&
           txn_kv_put(j->txn, SPACE_SUBJECT, by_subject, subject + 1 + sizeof key, "", 0, j->error);
}

static bool put_tile(void *user, const struct tile *t)
{
    struct append *j = user;
    unsigned char key[TILE_KEY];
    ledger_tile_key(t->level, t->n, key);
    return !t->dirty ||
           txn_kv_put(j->txn, SPACE_TILE, key, sizeof key, t->hashes, (size_t)t->count * HASH_SIZE, j->error);
}

static bool put_state(struct txn *t, const char *key, const char *text, struct error *e)
{
    return txn_kv_put(t, SPACE_STATE, key, strlen(key), text, strlen(text), e);
}

static bool apply_append(struct store_job *job, struct txn *txn, struct error *e)
{
    struct append *j = (struct append *)job;
    struct error failure = {0};
    j->txn = txn;
    j->error = &failure;
    for (size_t i = 0; i < j->count && failure.code == ERROR_NONE; i++) {
        put_leaf(j, j->first + i, &j->leaves[i]);
    }
    tree_each_tile(&j->tree, put_tile, j);
    if (failure.code != ERROR_NONE) {
        *e = failure;
        return false;
    }
    return put_state(txn, "checkpoint", j->signed_note->str, e) &&
           txn_cursor(txn, LEDGER_READER, j->cursor, e);
}

static GString *signed_checkpoint(const struct ledger *l, struct tree *tree)
{
    GString *out = g_string_new(NULL);
    struct checkpoint c = {.origin = l->origin, .size = tree->size};
    bool ok = tree_root(tree, &c.root, NULL);
    g_assert(ok); /* it was whole before these leaves came */
    checkpoint_write(out, &c);
    note_sign(out, l->signer.keys, NOTE_ALGORITHMS);
    return out;
}

/* A log never signs what does not follow from its last checkpoint. */
static bool check_root(struct tree *tree, const struct checkpoint *c, struct error *e)
{
    struct hash root;
    if (tree_root(tree, &root, NULL) && hash_equal(&root, &c->root)) {
        return true;
    }
    return error_set(e, ERROR_CONFLICT,
                     "The evidence log's tiles do not agree with its checkpoint of %" PRIu64
                     " leaves: nothing is appended. Run `zhongshu verify`",
                     "存证日志的数据与其检查点（%" PRIu64
                     " 个叶节点）不一致，已停止追加。请运行 `zhongshu verify`",
                     c->size);
}

static bool append(struct ledger *l, struct arena *a, const struct leaf *leaves, size_t count,
                   uint64_t cursor, struct error *e)
{
    view_auto v = view_begin(l->store);
    struct tile_view tiles = {.view = v, .arena = a};
    struct checkpoint c;
    struct append j = {
        .job.apply = apply_append, .ledger = l, .leaves = leaves, .count = count, .cursor = cursor};
    if (!ledger_checkpoint(v, a, &c, e)) {
        return false;
    }
    j.first = c.size;
    tree_init(&j.tree, c.size, ledger_load_tile, &tiles);
    bool ok = check_root(&j.tree, &c, e);
    if (ok) {
        struct hash *hashes = arena_array(a, struct hash, count);
        for (size_t i = 0; i < count; i++) {
            hash_leaf(leaves[i].text, leaves[i].length, &hashes[i]);
        }
        tree_append(&j.tree, hashes, count);
        g_autoptr(GString) text = signed_checkpoint(l, &j.tree);
        j.signed_note = text;
        ok = store_run(l->store, &j.job, e);
    }
    if (ok) {
        l->cursor = cursor;
        counter_add(&counters[0], (int64_t)count);
        counter_set(&counters[1], (int64_t)j.tree.size);
    }
    tree_clear(&j.tree);
    return ok;
}

/* ---- records without a leaf ---- */

struct advance {
    struct store_job job;
    uint64_t cursor;
};

static bool apply_advance(struct store_job *job, struct txn *txn, struct error *e)
{
    return txn_cursor(txn, LEDGER_READER, ((struct advance *)job)->cursor, e);
}

static bool advance(struct ledger *l, uint64_t cursor, struct error *e)
{
    struct advance j = {.job.apply = apply_advance, .cursor = cursor};
    if (cursor < l->cursor + CURSOR_STEP) {
        return true;
    }
    if (!store_run(l->store, &j.job, e)) {
        return false;
    }
    l->cursor = cursor;
    return true;
}

/* Makes the leaves of the records after `after`. */
static bool gather(struct ledger *l, struct arena *a, const struct log_batch *b, uint64_t after,
                   GArray *leaves, struct error *e)
{
    for (int i = 0; i < b->count; i++) {
        uint64_t seq = b->first + (uint64_t)i;
        struct leaf leaf;
        if (seq <= after || leaf_kind(b->records[i]) == NULL) {
            continue;
        }
        if (!leaf_make(a, b->records[i], seq, l->signer.actor_key, &leaf, e)) {
            return false;
        }
        g_array_append_val(leaves, leaf);
    }
    return true;
}

/* Under load many small runs wait: they share one checkpoint, since the signatures cost more than the leaves.
 * A failure to read them is left to the log reader. */
static bool gather_more(struct ledger *l, struct arena *a, uint64_t *last, GArray *leaves, struct error *e)
{
    bool ok = true;
    while (ok && leaves->len < GATHERED && store_log_end(l->store) > *last) {
        struct log_batch *b = store_log_read(l->store, *last, NULL);
        if (b == NULL) {
            break;
        }
        ok = gather(l, a, b, *last, leaves, e);
        *last = b->first + (uint64_t)b->count - 1;
        log_batch_unref(b);
    }
    return ok;
}

bool ledger_take(struct ledger *l, const struct log_batch *b, uint64_t after, struct error *e)
{
    arena_auto a = arena_new();
    g_autoptr(GArray) leaves = g_array_new(FALSE, FALSE, sizeof(struct leaf));
    uint64_t last = b->first + (uint64_t)b->count - 1;
    after = MAX(after, l->cursor); /* this run may have been gathered with an earlier one */
    if (last <= after) {
        return true;
    }
    if (!gather(l, a, b, after, leaves, e) || (leaves->len > 0 && !gather_more(l, a, &last, leaves, e))) {
        return false;
    }
    const struct leaf *first = (const struct leaf *)(void *)leaves->data;
    return leaves->len > 0 ? append(l, a, first, leaves->len, last, e) : advance(l, last, e);
}

/* ---- opening ---- */

struct begin {
    struct store_job job;
    const char *origin, *keys, *checkpoint;
};

static bool apply_begin(struct store_job *job, struct txn *txn, struct error *e)
{
    struct begin *j = (struct begin *)job;
    return put_state(txn, "origin", j->origin, e) && put_state(txn, "keys", j->keys, e) &&
           put_state(txn, "checkpoint", j->checkpoint, e);
}

static bool choose_origin(struct ledger *l, const char *stored, const char *wanted, uint64_t size,
                          struct error *e)
{
    if (wanted != NULL && !note_name_is_valid(wanted)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "\"%.100s\" cannot be the name of the evidence log: no spaces, no '+'",
                         "“%.100s”不能作为存证日志名称：不得含空格或“+”", wanted);
    }
    if (size > 0 && stored != NULL && wanted != NULL && strcmp(stored, wanted) != 0) {
        return error_set(e, ERROR_CONFLICT,
                         "The evidence log is named %.100s and has leaves: it cannot become %.100s",
                         "存证日志名为 %.100s 且已有记录，不能改名为 %.100s", stored, wanted);
    }
    l->origin = g_strdup(wanted != NULL ? wanted : stored != NULL ? stored : default_origin);
    return true;
}

/* Signs the checkpoint of a new log, or the current one anew when the keys have changed. */
static bool sign_first(struct ledger *l, struct view *v, struct arena *a, const struct checkpoint *c,
                       struct error *e)
{
    struct tile_view tiles = {.view = v, .arena = a};
    struct tree tree;
    g_autofree char *keys = signer_key_texts(&l->signer);
    const char *stored = ledger_state(v, a, "keys");
    if (g_strcmp0(stored, keys) == 0) {
        return true;
    }
    if (c->size > 0) {
        log_warning("ledger", "the evidence log of %" PRIu64 " leaves goes on under new keys", c->size);
    }
    tree_init(&tree, c->size, ledger_load_tile, &tiles);
    bool ok = c->size == 0 || check_root(&tree, c, e);
    if (ok) {
        g_autoptr(GString) text = signed_checkpoint(l, &tree);
        struct begin j = {
            .job.apply = apply_begin, .origin = l->origin, .keys = keys, .checkpoint = text->str};
        ok = store_run(l->store, &j.job, e);
    }
    tree_clear(&tree);
    return ok;
}

static bool open_log(struct ledger *l, const struct ledger_options *o, struct error *e)
{
    arena_auto a = arena_new();
    view_auto v = view_begin(l->store);
    struct checkpoint c;
    bool made;
    g_autofree char *path = o->key_file != NULL ? g_strdup(o->key_file)
                                                : g_build_filename(store_dir(l->store), "ledger.key", NULL);
    if (!ledger_checkpoint(v, a, &c, e) ||
        !choose_origin(l, ledger_state(v, a, "origin"), o->origin, c.size, e) ||
        !signer_open(&l->signer, path, l->origin, &made, e)) {
        return false;
    }
    if (made) {
        log_info("ledger", "new keys of the evidence log %s in %s: keep a copy in a safe place", l->origin,
                 path);
    }
    l->cursor = view_cursor(v, LEDGER_READER);
    counter_set(&counters[1], (int64_t)c.size);
    return sign_first(l, v, a, &c, e);
}

struct ledger *ledger_open(struct store *s, const struct ledger_options *options, struct error *e)
{
    struct ledger *l = g_new0(struct ledger, 1);
    l->store = s;
    counters_register(counters, G_N_ELEMENTS(counters));
    if (!open_log(l, options, e)) {
        g_clear_pointer(&l, ledger_close);
    }
    return l;
}

void ledger_close(struct ledger *l)
{
    if (l != NULL) {
        signer_clear(&l->signer);
        g_free(l->origin);
        g_free(l);
    }
}
