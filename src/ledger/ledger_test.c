/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the evidence log over a real store: appending, serving, and finding what was tampered with. */
#include <glib.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <string.h>

#include "ledger/ledger.h"
#include "ledger/private.h"

enum { BENCH_BATCHES = 20, BENCH_BATCH = 1000 };

struct fixture {
    char *dir;
    struct store *store;
    struct ledger *ledger;
};

static void open_all(struct fixture *f)
{
    struct error e = {0};
    struct store_options so = {0};
    struct ledger_options lo = {.origin = "test.example/log"};
    f->store = store_open(f->dir, &so, &e);
    g_assert_nonnull(f->store);
    f->ledger = ledger_open(f->store, &lo, &e);
    g_assert_nonnull(f->ledger);
}

static void close_all(struct fixture *f)
{
    ledger_close(g_steal_pointer(&f->ledger));
    store_close(g_steal_pointer(&f->store));
}

static void set_up(struct fixture *f, const void *unused)
{
    f->dir = g_dir_make_tmp("zhongshu-ledger-XXXXXX", NULL);
    open_all(f);
}

static void tear_down(struct fixture *f, const void *unused)
{
    close_all(f);
    g_autoptr(GDir) d = g_dir_open(f->dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(d)) != NULL;) {
        g_autofree char *path = g_build_filename(f->dir, name, NULL);
        g_remove(path);
    }
    g_rmdir(f->dir);
    g_free(f->dir);
}

/* ---- writing cases as the context does ---- */

struct change {
    struct store_job job;
    const char *op, *type;
    int from, count;
    const char *state;
    bool past_the_log; /* no record: what an intruder would do */
};

static char *digest(const EVP_MD *algorithm, const char *text)
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    GString *out = g_string_new(NULL);
    g_assert_true(EVP_Digest(text, strlen(text), bytes, &n, algorithm, NULL));
    for (unsigned i = 0; i < n; i++) {
        g_string_append_printf(out, "%02x", bytes[i]);
    }
    return g_string_free(out, FALSE);
}

static bool change_one(const struct change *c, struct txn *t, int number, struct error *e)
{
    arena_auto a = arena_new();
    struct store_entity row = {0};
    struct store_index index = {.types = &c->type, .types_count = 1};
    const char *id = arena_printf(a, "urn:ngsi-ld:%s:%d", c->type, number);
    const char *body = arena_printf(
        a, "{\"id\":\"%s\",\"state\":{\"type\":\"Property\",\"value\":\"%s\"},\"type\":[\"%s\"]}", id,
        c->state, c->type);
    view_entity(txn_view(t), a, id, &row);
    g_autofree char *sha256 = digest(EVP_sha256(), body);
    g_autofree char *sm3 = digest(EVP_sm3(), body);
    bool gone = strcmp(c->op, "delete") == 0;
    const char *digests = gone ? "" : arena_printf(a, ",\"digest\":\"%s\",\"sm3\":\"%s\"", sha256, sm3);
    const char *record = arena_printf(a,
                                      "{\"op\":\"%s\",\"id\":\"%s\",\"type\":[\"%s\"],\"at\":"
                                      "1772323200000000,\"attrs\":{}%s,\"by\":\"zhangmin\"}",
                                      c->op, id, c->type, digests);
    if (!c->past_the_log) {
        txn_log(t, record, strlen(record));
    }
    return gone ? txn_entity_delete(t, row.eid, e)
                : txn_entity_put(t, &row.eid, id, body, strlen(body), &index, STORE_INDEX_ALL, e);
}

static bool apply_change(struct store_job *job, struct txn *t, struct error *e)
{
    const struct change *c = (const struct change *)job;
    for (int i = 0; i < c->count; i++) {
        if (!change_one(c, t, c->from + i, e)) {
            return false;
        }
    }
    return true;
}

static void change(struct fixture *f, const char *op, const char *type, int from, int count,
                   const char *state)
{
    struct error e = {0};
    struct change c = {
        .job.apply = apply_change, .op = op, .type = type, .from = from, .count = count, .state = state};
    g_assert_true(store_run(f->store, &c.job, &e));
}

static void intrude(struct fixture *f, const char *op, int number, const char *state)
{
    struct error e = {0};
    struct change c = {.job.apply = apply_change,
                       .op = op,
                       .type = "Case",
                       .from = number,
                       .count = 1,
                       .state = state,
                       .past_the_log = true};
    g_assert_true(store_run(f->store, &c.job, &e));
}

/* What the log reader does, from the stored cursor. */
static void follow(struct fixture *f)
{
    struct error e = {0};
    uint64_t after;
    {
        view_auto v = view_begin(f->store);
        after = view_cursor(v, LEDGER_READER);
    }
    for (struct log_batch *b; (b = store_log_read(f->store, after, &e)) != NULL;) {
        if (!ledger_take(f->ledger, b, after, &e)) {
            g_error("%s", e.en);
        }
        after = b->first + (uint64_t)b->count - 1;
        log_batch_unref(b);
    }
    g_assert_cmpint(e.code, ==, ERROR_NONE);
}

/* Ten cases with two actions each, a rule and a sensor. */
static void make_history(struct fixture *f)
{
    change(f, "create", "Case", 0, 10, "opened");
    change(f, "update", "Case", 0, 10, "closed");
    change(f, "create", "Rule", 1, 1, "on");
    change(f, "create", "AirQualityObserved", 1, 5, "x");
    follow(f);
}

/* ---- verifying ---- */

static void collect(void *user, const char *en, const char *zh)
{
    g_assert_cmpstr(zh, !=, "");
    g_string_append_printf(user, "%s\n", en);
}

/* Checks the closed store; the failures' sentences. */
static char *verify(struct fixture *f, const char *keys, struct ledger_verification *r)
{
    struct error e = {0};
    struct store_options so = {.read_only = true};
    GString *said = g_string_new(NULL);
    close_all(f);
    struct store *ro = store_open(f->dir, &so, &e);
    g_assert_nonnull(ro);
    if (!ledger_verify(ro, keys, collect, said, r, &e)) {
        g_error("%s", e.en);
    }
    store_close(ro);
    open_all(f);
    return g_string_free(said, FALSE);
}

static void expect_whole(struct fixture *f, int leaves, int entities, int pending)
{
    struct ledger_verification r;
    g_autofree char *said = verify(f, NULL, &r);
    g_assert_cmpstr(said, ==, "");
    g_assert_cmpint(r.leaves, ==, leaves);
    g_assert_cmpint(r.entities, ==, entities);
    g_assert_cmpint(r.pending, ==, pending);
    g_assert_cmpint(r.failures, ==, 0);
}

/* Exactly one failure, with that text in it. */
static void expect_fault(struct fixture *f, const char *part)
{
    struct ledger_verification r;
    g_autofree char *said = verify(f, NULL, &r);
    if (r.failures != 1 || strstr(said, part) == NULL) {
        g_error("expected one failure with \"%s\", got %d:\n%s", part, (int)r.failures, said);
    }
}

static void an_empty_log_is_whole(struct fixture *f, const void *unused)
{
    expect_whole(f, 0, 0, 0);
}

static void each_change_has_one_leaf(struct fixture *f, const void *unused)
{
    make_history(f);
    expect_whole(f, 21, 11, 0);
    follow(f); /* from the stored cursor: the sensors' records are seen again, harmlessly */
    expect_whole(f, 21, 11, 0);
    change(f, "delete", "Case", 3, 1, "");
    follow(f);
    expect_whole(f, 22, 10, 0);
    change(f, "create", "Case", 1000, 600, "opened");
    follow(f);
    expect_whole(f, 622, 610, 0);
}

static void records_without_a_leaf_are_pending(struct fixture *f, const void *unused)
{
    make_history(f);
    change(f, "update", "Case", 2, 1, "reopened");
    change(f, "delete", "Case", 4, 1, "");
    change(f, "create", "Case", 50, 1, "opened");
    expect_whole(f, 21, 11, 3);
    intrude(f, "update", 2, "forged");
    expect_fault(f, "urn:ngsi-ld:Case:2 was changed: its content is not that of record 27");
}

static void leaves_hold_no_account_names(struct fixture *f, const void *unused)
{
    arena_auto a = arena_new();
    unsigned char key[8];
    const char *text;
    size_t length;
    make_history(f);
    view_auto v = view_begin(f->store);
    kv_key_u64(10, key);
    g_assert_true(view_kv_get(v, a, SPACE_LEAF, key, sizeof key, &text, &length));
    g_assert_null(strstr(text, "zhangmin"));
    g_assert_nonnull(strstr(text, "\"actor\":\"user:"));
    g_assert_nonnull(strstr(text, "\"kind\":\"case.action\",\"op\":\"update\""));
    g_assert_nonnull(strstr(text, "\"seq\":11,"));
    g_assert_nonnull(strstr(text, "\"subject\":\"urn:ngsi-ld:Case:0\"}"));
}

static void a_changed_case_is_named(struct fixture *f, const void *unused)
{
    make_history(f);
    intrude(f, "update", 7, "never happened");
    expect_fault(f, "urn:ngsi-ld:Case:7 was changed: its content is not that of leaf 17");
}

static void a_removed_case_is_named(struct fixture *f, const void *unused)
{
    make_history(f);
    intrude(f, "delete", 7, "");
    expect_fault(f, "urn:ngsi-ld:Case:7 is gone from the store without a deletion");
}

static void an_inserted_case_is_named(struct fixture *f, const void *unused)
{
    make_history(f);
    intrude(f, "create", 99, "slipped in");
    expect_fault(f, "urn:ngsi-ld:Case:99 has no leaf");
}

/* ---- changes to the log itself ---- */

struct edit {
    struct store_job job;
    const char *space;
    unsigned char key[TILE_KEY];
    size_t key_length;
    const char *named;      /* instead of key */
    const char *find, *put; /* NULL: flip the last byte; put NULL: delete */
};

static bool apply_edit(struct store_job *job, struct txn *t, struct error *e)
{
    arena_auto a = arena_new();
    const struct edit *d = (const struct edit *)job;
    const void *key = d->named != NULL ? (const void *)d->named : d->key;
    size_t key_length = d->named != NULL ? strlen(d->named) : d->key_length;
    const char *value;
    size_t length;
    g_assert_true(view_kv_get(txn_view(t), a, d->space, key, key_length, &value, &length));
    if (d->find == NULL) {
        ((char *)value)[length - 1] ^= 1;
    } else if (d->put == NULL) {
        return txn_kv_delete(t, d->space, key, key_length, e);
    } else {
        g_assert_nonnull(strstr(value, d->find));
        memcpy(strstr(value, d->find), d->put, strlen(d->put));
    }
    return txn_kv_put(t, d->space, key, key_length, value, length, e);
}

static void edit(struct fixture *f, struct edit d)
{
    struct error e = {0};
    d.job.apply = apply_edit;
    g_assert_true(store_run(f->store, &d.job, &e));
}

static struct edit at_leaf(uint64_t index, const char *find, const char *put)
{
    struct edit d = {.space = SPACE_LEAF, .key_length = 8, .find = find, .put = put};
    kv_key_u64(index, d.key);
    return d;
}

static void a_changed_leaf_is_named(struct fixture *f, const void *unused)
{
    make_history(f);
    edit(f, at_leaf(5, "\"op\":\"create\"", "\"op\":\"update\""));
    expect_fault(f, "leaf 5 was changed");
}

static void a_removed_leaf_is_named(struct fixture *f, const void *unused)
{
    make_history(f);
    edit(f, at_leaf(6, "", NULL));
    expect_fault(f, "leaf 6 is missing");
}

static void a_changed_tile_is_named(struct fixture *f, const void *unused)
{
    struct edit d = {.space = SPACE_TILE, .key_length = TILE_KEY};
    make_history(f);
    change(f, "create", "Case", 1000, 600, "opened");
    follow(f);
    ledger_tile_key(0, 1, d.key);
    edit(f, d);
    expect_fault(f, "tile 0/1 does not agree with its leaves");
}

static void a_changed_checkpoint_is_named(struct fixture *f, const void *unused)
{
    struct ledger_verification r;
    make_history(f);
    struct edit d = {.space = SPACE_STATE, .named = "checkpoint", .find = "\n21\n", .put = "\n20\n"};
    edit(f, d);
    g_autofree char *said = verify(f, NULL, &r);
    g_assert_nonnull(strstr(said, "checkpoint: the Ed25519 signature of test.example/log is wrong"));
    g_assert_nonnull(strstr(said, "checkpoint: the SM2 signature of test.example/log is wrong"));
}

static void other_keys_are_noticed(struct fixture *f, const void *unused)
{
    struct ledger_verification r;
    g_autofree char *before = signer_key_texts(&f->ledger->signer);
    g_autofree char *path = g_build_filename(f->dir, "ledger.key", NULL);
    make_history(f);
    g_autofree char *fine = verify(f, before, &r);
    g_assert_cmpstr(fine, ==, "");
    g_remove(path);
    close_all(f);
    open_all(f); /* goes on under new keys, and signs again */
    expect_whole(f, 21, 11, 0);
    g_autofree char *said = verify(f, before, &r);
    g_assert_cmpint(r.failures, ==, 2);
    g_assert_nonnull(strstr(said, "checkpoint: it has no Ed25519 signature of test.example/log"));
    g_assert_nonnull(strstr(said, "checkpoint: it has no SM2 signature of test.example/log"));
}

static void nothing_is_signed_over_a_broken_tree(struct fixture *f, const void *unused)
{
    struct edit d = {.space = SPACE_TILE, .key_length = TILE_KEY};
    struct error e = {0};
    make_history(f);
    ledger_tile_key(0, 0, d.key);
    edit(f, d);
    uint64_t end = store_log_end(f->store);
    change(f, "update", "Case", 1, 1, "later");
    struct log_batch *b = store_log_read(f->store, end, &e);
    g_assert_false(ledger_take(f->ledger, b, end, &e));
    g_assert_cmpint(e.code, ==, ERROR_CONFLICT);
    log_batch_unref(b);
}

static void a_log_with_leaves_keeps_its_name(struct fixture *f, const void *unused)
{
    struct error e = {0};
    struct ledger_options o = {.origin = "other.example/log"};
    make_history(f);
    g_assert_null(ledger_open(f->store, &o, &e));
    g_assert_cmpint(e.code, ==, ERROR_CONFLICT);
    o.origin = "with space";
    g_assert_null(ledger_open(f->store, &o, &e));
    g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
}

/* ---- over HTTP ---- */

struct answer {
    GMutex lock;
    GCond changed;
    int status;
    GString *body;
};

static void answered(void *user, int status, const char *reason, const char *body, size_t length)
{
    struct answer *a = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&a->lock);
    a->status = status;
    g_string_append_len(a->body, body, (gssize)length);
    g_cond_signal(&a->changed);
}

static int fetch(struct http_client *c, int port, const char *path, GString *body)
{
    struct answer a = {.status = -1, .body = body};
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d%s", port, path);
    g_string_truncate(body, 0);
    g_mutex_init(&a.lock);
    g_cond_init(&a.changed);
    http_client_send(c, "GET", url, NULL, NULL, 0, 20000, answered, &a);
    g_mutex_lock(&a.lock);
    while (a.status == -1) {
        g_cond_wait(&a.changed, &a.lock);
    }
    g_mutex_unlock(&a.lock);
    return a.status;
}

/* What an outsider does with the proof of a case. */
static void check_proof(const GString *body)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct note note;
    struct checkpoint c;
    const struct json *proof = json_parse(a, body->str, body->len, &e);
    const char *signed_note = json_get_string(proof, "checkpoint");
    g_assert_true(note_parse(a, signed_note, strlen(signed_note), &note, &e) &&
                  checkpoint_parse(a, &note, &c, &e));
    g_assert_cmpuint(json_get(proof, "leaves")->length, ==, 2);
    for (const struct json *l = json_first(json_get(proof, "leaves")); l != NULL; l = l->next) {
        struct hash leaf;
        struct hash path[MAX_PROOF];
        int count = 0;
        const char *entry = json_get_string(l, "leaf");
        hash_leaf(entry, strlen(entry), &leaf);
        for (const struct json *p = json_first(json_get(l, "inclusion")); p != NULL; p = p->next) {
            gsize n;
            g_autofree guchar *bytes = g_base64_decode(p->string, &n);
            g_assert_cmpuint(n, ==, HASH_SIZE);
            memcpy(path[count++].bytes, bytes, n);
        }
        uint64_t index = (uint64_t)json_get_int(l, "index", -1);
        g_assert_true(tree_check_inclusion(&leaf, index, c.size, path, count, &c.root));
    }
}

static void routes_serve_what_outsiders_need(struct fixture *f, const void *unused)
{
    struct error e = {0};
    struct http_options o = {.listen = "127.0.0.1:0", .threads = 1};
    g_autoptr(GString) body = g_string_new(NULL);
    make_history(f);
    change(f, "create", "Case", 1000, 600, "opened");
    follow(f);
    struct http_server *s = http_server_new();
    struct http_client *c = http_client_new();
    http_server_routes(s, ledger_routes);
    ledger_bind(f->ledger);
    g_assert_true(http_server_start(s, &o, &e));
    int port = http_server_port(s);
    g_assert_cmpint(fetch(c, port, "/log/checkpoint", body), ==, 200);
    g_assert_true(g_str_has_prefix(body->str, "test.example/log\n621\n"));
    g_assert_cmpint(fetch(c, port, "/log/key", body), ==, 200);
    g_assert_true(g_str_has_prefix(body->str, "test.example/log+"));
    g_assert_cmpint(fetch(c, port, "/log/tile/0/001", body), ==, 200);
    g_assert_cmpuint(body->len, ==, TILE_BYTES);
    g_assert_cmpint(fetch(c, port, "/log/tile/0/002.p/109", body), ==, 200);
    g_assert_cmpuint(body->len, ==, 109 * HASH_SIZE);
    g_assert_cmpint(fetch(c, port, "/log/tile/1/000.p/2", body), ==, 200);
    g_assert_cmpint(fetch(c, port, "/log/tile/entries/002.p/109", body), ==, 200);
    g_assert_cmpint(body->str[2], ==, '{');
    g_assert_cmpint(fetch(c, port, "/log/tile/0/002", body), ==, 404);
    g_assert_cmpint(fetch(c, port, "/log/tile/0/002.p/110", body), ==, 404);
    g_assert_cmpint(fetch(c, port, "/log/tile/entries/003", body), ==, 404);
    g_assert_cmpint(fetch(c, port, "/log/tile/nonsense", body), ==, 404);
    g_assert_cmpint(fetch(c, port, "/api/v1/cases/urn:ngsi-ld:Case:7/proof", body), ==, 200);
    check_proof(body);
    g_assert_cmpint(fetch(c, port, "/api/v1/cases/nobody/proof", body), ==, 404);
    http_client_free(c);
    http_server_free(s);
    ledger_bind(NULL);
}

static void appending_is_fast(struct fixture *f, const void *unused)
{
    for (int i = 0; i < BENCH_BATCHES; i++) {
        change(f, "create", "Case", i * BENCH_BATCH, BENCH_BATCH, "opened");
    }
    gint64 begin = g_get_monotonic_time();
    follow(f);
    double seconds = (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_SECOND;
    g_test_message("%d leaves in batches of %d in %.2f s: %.0f leaves/s", BENCH_BATCHES * BENCH_BATCH,
                   BENCH_BATCH, seconds, BENCH_BATCHES * BENCH_BATCH / seconds);
    begin = g_get_monotonic_time();
    expect_whole(f, BENCH_BATCHES * BENCH_BATCH, BENCH_BATCHES * BENCH_BATCH, 0);
    seconds = (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_SECOND;
    g_test_message("verified in %.2f s", seconds);
}

#define TEST(name) g_test_add("/ledger/" #name, struct fixture, NULL, set_up, name, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(an_empty_log_is_whole);
    TEST(each_change_has_one_leaf);
    TEST(records_without_a_leaf_are_pending);
    TEST(leaves_hold_no_account_names);
    TEST(a_changed_case_is_named);
    TEST(a_removed_case_is_named);
    TEST(an_inserted_case_is_named);
    TEST(a_changed_leaf_is_named);
    TEST(a_removed_leaf_is_named);
    TEST(a_changed_tile_is_named);
    TEST(a_changed_checkpoint_is_named);
    TEST(other_keys_are_noticed);
    TEST(nothing_is_signed_over_a_broken_tree);
    TEST(a_log_with_leaves_keeps_its_name);
    TEST(routes_serve_what_outsiders_need);
    TEST(appending_is_fast);
    return g_test_run();
}
