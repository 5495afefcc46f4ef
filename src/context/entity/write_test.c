/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of writing in a store: modes, datasets, merge patches, records, what is skipped, late or refused. */
#include "context/entity/write.h"

#include <string.h>

#include <glib/gstdio.h>

#include "base/limits.h"
#include "context/entity/ingest.h"
#include "context/query/query.h"

#define ID "urn:ngsi-ld:T:1"

struct fixture {
    char *dir;
    struct store *store;
    struct arena *arena;
};

static void setup(struct fixture *f, gconstpointer unused)
{
    struct error e = {0};
    f->dir = g_dir_make_tmp("context-XXXXXX", NULL);
    f->store = store_open(f->dir, NULL, &e);
    f->arena = arena_new();
    g_assert_cmpstr(e.en, ==, "");
}

static void teardown(struct fixture *f, gconstpointer unused)
{
    store_close(f->store);
    g_autoptr(GDir) d = g_dir_open(f->dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(d)) != NULL;) {
        g_autofree char *path = g_build_filename(f->dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(f->dir);
    g_free(f->dir);
    arena_free(f->arena);
}

static struct json *parse(struct arena *a, const char *text)
{
    struct error e = {0};
    struct json *v = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return v;
}

/* ---- one job that writes one payload ---- */

struct job {
    struct store_job job;
    struct json *fragment;
    enum context_mode mode;
    int flags;
    uint64_t seq;
};

static bool apply(struct store_job *base, struct txn *t, struct error *e)
{
    struct job *j = (struct job *)base;
    arena_auto a = arena_new(); /* gone before the commit: what is kept must have been copied */
    return context_write(t, a, json_copy(a, j->fragment), j->mode, j->flags, "test", &j->seq, e);
}

/* Returns the error's code; members are the attributes of the entity ID, type T. */
static enum error_code write_as(struct fixture *f, enum context_mode mode, int flags, const char *members,
                                uint64_t *seq)
{
    struct error e = {0};
    int ingest = INGEST_NULLS | (mode == CONTEXT_MERGE ? INGEST_PARTIAL : 0);
    const char *text =
        arena_printf(f->arena, "{\"id\": \"" ID "\"%s%s}", members[0] != '\0' ? "," : "", members);
    struct job j = {.job.apply = apply, .mode = mode, .flags = flags};
    j.fragment = ingest_entity(f->arena, parse(f->arena, text), NULL, ingest, &e);
    g_assert_cmpstr(e.en, ==, "");
    store_run(f->store, &j.job, &e);
    if (seq != NULL) {
        *seq = j.seq;
    }
    return e.code;
}

static void write_ok(struct fixture *f, enum context_mode mode, const char *members)
{
    g_assert_cmpint(write_as(f, mode, 0, members, NULL), ==, ERROR_NONE);
}

static void strip_times(struct json *object)
{
    json_remove(object, "createdAt");
    json_remove(object, "modifiedAt");
    for (struct json *c = json_first(object); c != NULL; c = c->next) {
        if (c->type == JSON_OBJECT || c->type == JSON_ARRAY) {
            strip_times(c);
        }
    }
}

/* The attributes as stored, without times. */
static void assert_entity(struct fixture *f, const char *expected)
{
    view_auto v = view_begin(f->store);
    struct json *entity = context_get(v, f->arena, ID);
    g_assert_nonnull(entity);
    strip_times(entity);
    json_remove(entity, "id");
    json_remove(entity, "type");
    g_autofree char *got = g_strdup(json_text(f->arena, entity));
    if (!json_equal(entity, parse(f->arena, expected))) {
        g_assert_cmpstr(got, ==, expected);
    }
}

/* The log record with this number, without "at". */
static const char *record(struct fixture *f, uint64_t seq)
{
    struct error e = {0};
    struct log_batch *b = store_log_read(f->store, seq - 1, &e);
    g_assert_nonnull(b);
    struct json *r = json_copy(f->arena, b->records[seq - b->first]);
    g_assert_true(json_is(json_get(r, "at"), JSON_INT));
    json_remove(r, "at");
    json_remove(r, "type");
    json_remove(r, "id");
    json_remove(r, "by");
    static const char *const history[] = {"ended", "scope", "scopeBefore", "scopeSince"}; /* tested there */
    for (size_t i = 0; i < G_N_ELEMENTS(history); i++) {
        json_remove(r, history[i]);
    }
    log_batch_unref(b);
    return json_text(f->arena, r);
}

/* ---- modes ---- */

static void test_create(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": 1, \"scope\": \"/a\"");
    assert_entity(f, "{\"scope\":[\"/a\"],\"x\":{\"type\":\"Property\",\"value\":1}}");
    g_assert_cmpstr(record(f, 1), ==,
                    "{\"op\":\"create\",\"attrs\":{\"x\":{\"type\":\"Property\",\"value\":1}}}");
    g_assert_cmpint(write_as(f, CONTEXT_CREATE, 0, "\"type\": \"T\"", NULL), ==, ERROR_ALREADY_EXISTS);
    g_assert_cmpuint(store_log_end(f->store), ==, 1);
}

static void test_update(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": {\"value\": 1, \"unitCode\": \"CEL\"}, \"y\": 2");
    write_ok(f, CONTEXT_UPDATE, "\"x\": 3, \"z\": 4, \"y\": \"urn:ngsi-ld:null\"");
    assert_entity(f, "{\"x\":{\"type\":\"Property\",\"value\":3},\"z\":{\"type\":\"Property\",\"value\":4}}");
    g_assert_cmpstr(record(f, 2), ==,
                    "{\"op\":\"update\",\"attrs\":{\"x\":{\"type\":\"Property\",\"value\":3},"
                    "\"z\":{\"type\":\"Property\",\"value\":4}},\"gone\":[\"y\"],\"made\":[\"z\"]}");
}

static void test_append_keeps(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": 1, \"scope\": \"/a\"");
    write_ok(f, CONTEXT_APPEND, "\"x\": 2, \"y\": 2, \"scope\": [\"/a\", \"/b\"]");
    assert_entity(f, "{\"scope\":[\"/a\",\"/b\"],\"x\":{\"type\":\"Property\",\"value\":1},"
                     "\"y\":{\"type\":\"Property\",\"value\":2}}");
}

static void test_replace(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": 1, \"y\": 2, \"scope\": \"/a\"");
    write_ok(f, CONTEXT_REPLACE, "\"type\": \"T\", \"y\": 3, \"z\": 4");
    assert_entity(f, "{\"y\":{\"type\":\"Property\",\"value\":3},\"z\":{\"type\":\"Property\",\"value\":4}}");
    g_assert_cmpstr(record(f, 2), ==,
                    "{\"op\":\"update\",\"attrs\":{\"y\":{\"type\":\"Property\",\"value\":3},"
                    "\"z\":{\"type\":\"Property\",\"value\":4}},\"gone\":[\"x\"],\"made\":[\"z\"]}");
}

static void test_merge(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE,
             "\"type\": \"T\", \"x\": {\"value\": {\"a\": 1, \"b\": {\"c\": 2, \"d\": 3}}, \"unitCode\": "
             "\"CEL\", \"s\": 1},"
             "\"t\": {\"languageMap\": {\"zh\": \"甲\", \"en\": \"a\"}}, \"r\": {\"object\": \"urn:b:1\"}");
    write_ok(f, CONTEXT_MERGE,
             "\"type\": \"U\", \"x\": {\"value\": {\"b\": {\"c\": \"urn:ngsi-ld:null\", \"e\": 4}}, \"s\": "
             "\"urn:ngsi-ld:null\", "
             "\"q\": 9}, \"t\": {\"languageMap\": {\"en\": \"b\"}}, \"r\": \"urn:b:2\"");
    assert_entity(
        f, "{\"x\":{\"type\":\"Property\",\"value\":{\"a\":1,\"b\":{\"d\":3,\"e\":4}},\"unitCode\":\"CEL\","
           "\"q\":{\"type\":\"Property\",\"value\":9}},"
           "\"t\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"甲\",\"en\":\"b\"}},"
           "\"r\":{\"type\":\"Relationship\",\"object\":\"urn:b:2\"}}");
    view_auto v = view_begin(f->store);
    g_assert_true(context_has_type(context_get(v, f->arena, ID), "U"));
}

static void test_partial(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE,
             "\"type\": \"T\", \"x\": {\"value\": {\"a\": 1, \"b\": 2}, \"unitCode\": \"CEL\"}");
    g_assert_cmpint(write_as(f, CONTEXT_MERGE, WRITE_PARTIAL | WRITE_INSTANCE_EXISTS,
                             "\"x\": {\"value\": {\"c\": 3}, \"observedAt\": \"2026-03-01T00:00:00Z\"}",
                             NULL),
                    ==, ERROR_NONE);
    assert_entity(f, "{\"x\":{\"type\":\"Property\",\"value\":{\"c\":3},\"unitCode\":\"CEL\","
                     "\"observedAt\":\"2026-03-01T00:00:00Z\"}}");
    g_assert_cmpint(
        write_as(f, CONTEXT_MERGE, WRITE_PARTIAL | WRITE_INSTANCE_EXISTS, "\"y\": {\"value\": 1}", NULL), ==,
        ERROR_NOT_FOUND);
    g_assert_cmpint(write_as(f, CONTEXT_MERGE, WRITE_PARTIAL, "\"x\": {\"object\": \"urn:b:1\"}", NULL), ==,
                    ERROR_BAD_REQUEST_DATA);
}

static void test_nulls_are_never_stored(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": {\"value\": 1, \"unitCode\": \"CEL\", \"s\": 1}");
    write_ok(f, CONTEXT_UPDATE,
             "\"x\": {\"value\": 2, \"unitCode\": \"urn:ngsi-ld:null\", \"s\": \"urn:ngsi-ld:null\"}");
    write_ok(f, CONTEXT_MERGE,
             "\"y\": {\"value\": {\"a\": \"urn:ngsi-ld:null\", \"b\": 1}, \"s\": \"urn:ngsi-ld:null\"}, "
             "\"z\": \"urn:ngsi-ld:null\"");
    assert_entity(
        f, "{\"x\":{\"type\":\"Property\",\"value\":2},\"y\":{\"type\":\"Property\",\"value\":{\"b\":1}}}");
}

static void test_datasets(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": 1");
    write_ok(f, CONTEXT_UPDATE, "\"x\": {\"value\": 2, \"datasetId\": \"urn:d:2\"}");
    assert_entity(f, "{\"x\":[{\"type\":\"Property\",\"value\":1},"
                     "{\"type\":\"Property\",\"value\":2,\"datasetId\":\"urn:d:2\"}]}");
    write_ok(f, CONTEXT_UPDATE,
             "\"x\": [{\"type\": \"Property\", \"value\": 5}, {\"type\": \"Property\", \"value\": 6, "
             "\"datasetId\": \"urn:d:2\"}]");
    g_assert_cmpstr(record(f, 3), ==,
                    "{\"op\":\"update\",\"attrs\":{\"x\":[{\"type\":\"Property\",\"value\":5},"
                    "{\"type\":\"Property\",\"value\":6,\"datasetId\":\"urn:d:2\"}]}}");
    write_ok(f, CONTEXT_UPDATE, "\"x\": {\"value\": \"urn:ngsi-ld:null\"}");
    assert_entity(f, "{\"x\":{\"type\":\"Property\",\"value\":6,\"datasetId\":\"urn:d:2\"}}");
    write_ok(f, CONTEXT_REPLACE, "\"x\": 7");
    assert_entity(f, "{\"x\":{\"type\":\"Property\",\"value\":7}}");
    g_assert_cmpstr(
        record(f, 5), ==,
        "{\"op\":\"update\",\"attrs\":{\"x\":{\"type\":\"Property\",\"value\":7}},\"gone\":[\"x urn:d:2\"]}");
}

static void test_missing(struct fixture *f, gconstpointer unused)
{
    g_assert_cmpint(write_as(f, CONTEXT_UPDATE, CONTEXT_MUST_EXIST, "\"x\": 1", NULL), ==, ERROR_NOT_FOUND);
    g_assert_cmpint(write_as(f, CONTEXT_UPDATE, 0, "\"x\": 1", NULL), ==,
                    ERROR_BAD_REQUEST_DATA); /* no type */
    g_assert_cmpuint(store_log_end(f->store), ==, 0);
}

/* ---- what a reading does ---- */

#define AT(value, time) "\"x\": {\"value\": " value ", \"observedAt\": \"2026-03-01T" time "\"}"

static void test_keep_newer(struct fixture *f, gconstpointer unused)
{
    uint64_t seq;
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", " AT("1", "10:00:00Z"));
    g_assert_cmpint(
        write_as(f, CONTEXT_UPDATE, CONTEXT_KEEP_NEWER, AT("2", "09:59:59.5Z") ", \"y\": 3", NULL), ==,
        ERROR_NONE);
    assert_entity(f, "{\"x\":{\"type\":\"Property\",\"value\":1,\"observedAt\":\"2026-03-01T10:00:00Z\"},"
                     "\"y\":{\"type\":\"Property\",\"value\":3}}");
    g_assert_cmpstr(
        record(f, 2), ==,
        "{\"op\":\"update\",\"attrs\":{\"y\":{\"type\":\"Property\",\"value\":3}},\"made\":[\"y\"]}");
    g_assert_cmpstr(record(f, 3), ==,
                    "{\"op\":\"update\",\"attrs\":{\"x\":{\"type\":\"Property\",\"value\":2,"
                    "\"observedAt\":\"2026-03-01T09:59:59.500Z\"}},\"late\":true}");
    write_as(f, CONTEXT_UPDATE, CONTEXT_KEEP_NEWER, AT("4", "10:00:00.5Z"), &seq);
    g_assert_cmpuint(seq, ==, 4);
    g_assert_null(strstr(record(f, 4), "late"));
}

static void test_skip_equal(struct fixture *f, gconstpointer unused)
{
    uint64_t seq;
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": 1, \"y\": {\"value\": 2, \"unitCode\": \"CEL\"}");
    write_as(f, CONTEXT_UPDATE, CONTEXT_SKIP_EQUAL,
             "\"x\": 1.0, \"y\": {\"value\": 2, \"unitCode\": \"CEL\"}", &seq);
    g_assert_cmpuint(seq, ==, 0);
    g_assert_cmpuint(store_log_end(f->store), ==, 1);
    write_as(f, CONTEXT_UPDATE, CONTEXT_SKIP_EQUAL, "\"x\": 1, \"y\": 2", &seq);
    g_assert_cmpstr(record(f, seq), ==,
                    "{\"op\":\"update\",\"attrs\":{\"y\":{\"type\":\"Property\",\"value\":2}}}");
    write_as(f, CONTEXT_REPLACE, CONTEXT_SKIP_EQUAL, "\"x\": 1, \"y\": 2", &seq);
    g_assert_cmpuint(seq, ==, 0);
}

static void test_times(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"T\", \"x\": 1, \"y\": 1");
    write_ok(f, CONTEXT_UPDATE, "\"x\": 2");
    view_auto v = view_begin(f->store);
    const struct json *entity = context_get(v, f->arena, ID), *x = json_get(entity, "x"),
                      *y = json_get(entity, "y");
    int64_t created = json_get_int(entity, "createdAt", 0), modified = json_get_int(entity, "modifiedAt", 0);
    g_assert_cmpint(created, <, modified);
    g_assert_null(json_get(x, "createdAt")); /* both are the entity's */
    g_assert_null(json_get(x, "modifiedAt"));
    g_assert_null(json_get(y, "createdAt"));
    g_assert_cmpint(json_get_int(y, "modifiedAt", 0), ==, created);
    write_ok(f, CONTEXT_UPDATE, "\"y\": 2, \"z\": 3");
    view_auto later = view_begin(f->store);
    entity = context_get(later, f->arena, ID);
    g_assert_cmpint(json_get_int(json_get(entity, "x"), "modifiedAt", 0), ==, modified);
    g_assert_null(json_get(json_get(entity, "y"), "modifiedAt"));
    int64_t now = json_get_int(entity, "modifiedAt", 0);
    g_assert_cmpint(json_get_int(json_get(entity, "z"), "createdAt", 0), ==, now);
}

/* ---- limits, digests, jobs ---- */

static void test_size(struct fixture *f, gconstpointer unused)
{
    g_autofree char *big = g_strnfill(LIMIT_ENTITY / 2, 'a');
    const char *members = arena_printf(f->arena, "\"type\": \"T\", \"x\": \"%s\"", big);
    write_ok(f, CONTEXT_CREATE, members);
    write_ok(f, CONTEXT_UPDATE,
             members); /* as long as before: the bound is counted exactly when it matters */
    members = arena_printf(f->arena, "\"y\": \"%s\"", big);
    g_assert_cmpint(write_as(f, CONTEXT_UPDATE, 0, members, NULL), ==, ERROR_TOO_LARGE);
    g_assert_cmpuint(store_log_end(f->store), ==, 2);
}

static void test_digest(struct fixture *f, gconstpointer unused)
{
    write_ok(f, CONTEXT_CREATE, "\"type\": \"Case\", \"state\": \"open\"");
    const struct json *r = parse(f->arena, record(f, 1));
    view_auto v = view_begin(f->store);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_canonical(text, context_get(v, f->arena, ID));
    g_autofree char *sha = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
    g_assert_cmpstr(json_get_string(r, "digest"), ==, sha);
    g_assert_cmpuint(strlen(json_get_string(r, "sm3")), ==, 64);
}

struct many {
    struct store_job job;
    bool fail;
};

/* Writes one entity three times, reads it back in between, deletes and makes another. */
static bool apply_many(struct store_job *base, struct txn *t, struct error *e)
{
    struct many *m = (struct many *)base;
    arena_auto a = arena_new();
    for (int i = 0; i < 3; i++) {
        struct json *entity = context_entity(a, ID, "T");
        context_set_property(a, entity, "x", json_int(a, i));
        g_assert_true(context_write(t, a, entity, CONTEXT_UPDATE, 0, NULL, NULL, e));
        g_assert_cmpfloat(context_number(context_get_txn(t, a, ID), "x", -1), ==, i);
    }
    struct json *other = context_entity(a, "urn:ngsi-ld:T:2", "T");
    g_assert_true(context_write(t, a, other, CONTEXT_CREATE, 0, NULL, NULL, e));
    g_assert_true(context_delete(t, "urn:ngsi-ld:T:2", NULL, NULL, e));
    g_assert_null(context_get_txn(t, a, "urn:ngsi-ld:T:2"));
    return !m->fail || error_set(e, ERROR_CONFLICT, "on purpose", "故意");
}

static void test_many_in_one_job(struct fixture *f, gconstpointer unused)
{
    struct error e = {0};
    struct many bad = {.job.apply = apply_many, .fail = true}, good = {.job.apply = apply_many};
    g_assert_false(store_run(f->store, &bad.job, &e));
    g_assert_cmpint(e.code, ==, ERROR_CONFLICT);
    {
        view_auto v = view_begin(f->store);
        g_assert_null(context_get(v, f->arena, ID));
    }
    g_assert_true(store_run(f->store, &good.job, &e));
    assert_entity(f, "{\"x\":{\"type\":\"Property\",\"value\":2}}");
    g_assert_cmpuint(store_log_end(f->store), ==, 5);
    g_assert_cmpstr(record(f, 5), ==, "{\"op\":\"delete\"}");
}

/* ---- find ---- */

static bool count_one(void *user, const struct json *entity)
{
    ++*(int *)user;
    return true;
}

static int found(struct fixture *f, struct context_query q)
{
    struct error e = {0};
    int n = 0;
    view_auto v = view_begin(f->store);
    g_assert_true(context_find(v, &q, count_one, &n, &e));
    return n;
}

static void test_find(struct fixture *f, gconstpointer unused)
{
    static const char *const t[] = {"T"}, *const u[] = {"U", "V"};
    static const double around[] = {106, 29, 107, 30}, away[] = {0, 0, 1, 1};
    write_ok(f, CONTEXT_CREATE,
             "\"type\": [\"T\", \"V\"], \"x\": 5, \"scope\": \"/a/b\", "
             "\"location\": {\"type\": \"Point\", \"coordinates\": [106.5, 29.5]}");
    g_assert_cmpint(found(f, (struct context_query){0}), ==, 1);
    g_assert_cmpint(found(f, (struct context_query){.types = t, .types_count = 1}), ==, 1);
    g_assert_cmpint(found(f, (struct context_query){.types = u, .types_count = 2}), ==, 1);
    g_assert_cmpint(found(f, (struct context_query){.types = u, .types_count = 1}), ==, 0);
    g_assert_cmpint(found(f, (struct context_query){.q = "x>4"}), ==, 1);
    g_assert_cmpint(found(f, (struct context_query){.q = "x>5"}), ==, 0);
    g_assert_cmpint(found(f, (struct context_query){.scope = "/a/#"}), ==, 1);
    g_assert_cmpint(found(f, (struct context_query){.scope = "/a"}), ==, 0);
    g_assert_cmpint(found(f, (struct context_query){.box = around}), ==, 1);
    g_assert_cmpint(found(f, (struct context_query){.box = away}), ==, 0);
    write_ok(f, CONTEXT_UPDATE, "\"location\": {\"type\": \"Point\", \"coordinates\": [0.5, 0.5]}");
    g_assert_cmpint(found(f, (struct context_query){.box = away}), ==, 1);
    write_ok(f, CONTEXT_UPDATE, "\"location\": \"urn:ngsi-ld:null\"");
    g_assert_cmpint(found(f, (struct context_query){.box = away}), ==, 0);
}

/* ---- the text that reaches the disk is that of the tree, whatever was kept from records ---- */

struct random_job {
    struct store_job job;
    GRand *random;
    char *last; /* of the entity, as the transaction has it at its end */
};

static struct json *random_fragment(struct arena *a, GRand *r)
{
    struct json *e = json_object(a);
    json_add(e, "id", json_string(a, ID));
    json_append(json_add(e, "type", json_array(a)), json_string(a, "T"));
    for (int i = 0; i < 4; i++) {
        if (g_rand_boolean(r)) {
            continue;
        }
        struct json *one = json_object(a);
        json_add(one, "type", json_string(a, "Property"));
        json_add(one, "value", json_int(a, g_rand_int_range(r, 0, 1000)));
        if (g_rand_int_range(r, 0, 4) == 0) {
            json_add(one, "datasetId", json_string(a, g_rand_boolean(r) ? "urn:d:1" : "urn:d:2"));
        }
        if (g_rand_int_range(r, 0, 6) == 0) {
            json_set(a, one, "value", json_string(a, "urn:ngsi-ld:null"));
        }
        json_add(e, arena_printf(a, "p%d", i), one);
    }
    return e;
}

static bool apply_random(struct store_job *base, struct txn *t, struct error *e)
{
    static const enum context_mode modes[] = {CONTEXT_UPDATE, CONTEXT_UPDATE, CONTEXT_MERGE, CONTEXT_APPEND,
                                              CONTEXT_REPLACE};
    struct random_job *j = (struct random_job *)base;
    arena_auto a = arena_new();
    for (int n = g_rand_int_range(j->random, 1, 5); n > 0; n--) {
        enum context_mode mode = modes[g_rand_int_range(j->random, 0, G_N_ELEMENTS(modes))];
        if (!context_write(t, a, random_fragment(a, j->random), mode, 0, "test", NULL, e)) {
            return false;
        }
    }
    j->last = g_strdup(json_text(a, context_get_txn(t, a, ID)));
    return true;
}

static void test_random_jobs(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    for (int n = 0; n < 300; n++) {
        struct error e = {0};
        struct random_job j = {.job.apply = apply_random, .random = random};
        g_assert_true(store_run(f->store, &j.job, &e));
        view_auto v = view_begin(f->store);
        struct store_entity row;
        g_assert_true(view_entity(v, f->arena, ID, &row));
        g_assert_cmpstr(row.body, ==, j.last);
        g_free(j.last);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add("/write/" name, struct fixture, NULL, setup, function, teardown)
    TEST("create", test_create);
    TEST("update", test_update);
    TEST("append-keeps", test_append_keeps);
    TEST("replace", test_replace);
    TEST("merge", test_merge);
    TEST("partial", test_partial);
    TEST("nulls", test_nulls_are_never_stored);
    TEST("datasets", test_datasets);
    TEST("missing", test_missing);
    TEST("keep-newer", test_keep_newer);
    TEST("skip-equal", test_skip_equal);
    TEST("times", test_times);
    TEST("size", test_size);
    TEST("digest", test_digest);
    TEST("many-in-one-job", test_many_in_one_job);
    TEST("random-jobs", test_random_jobs);
    TEST("find", test_find);
    return g_test_run();
}
