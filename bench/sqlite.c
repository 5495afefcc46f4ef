/* SPDX-License-Identifier: Apache-2.0 */
/* The limit for durable upserts: a bare SQLite program that writes the same rows with the same commits, and
 * nothing else.
 *
 * For each entity it looks the row up by its id, reads the body and writes a body of the same size; for each
 * commit it appends one log row of the size that the hub's had; at the end it writes as many chunk rows as
 * the hub wrote. Usage: bench_sqlite DIR ENTITIES UPSERTS UPSERTS_PER_COMMIT BODY_BYTES LOG_BYTES CHUNKS
 * CHUNK_BYTES Prints the seconds that it took. */
#include <glib.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *open_database(const char *dir, const char *name, const char *schema)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    sqlite3 *db;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA wal_autocheckpoint=16384;"
                     "PRAGMA cache_size=-65536",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
        exit(1);
    }
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
    return st;
}

static void step(sqlite3_stmt *st, int expected)
{
    if (sqlite3_step(st) != expected) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(sqlite3_db_handle(st)));
        exit(1);
    }
}

static void done(sqlite3_stmt *st)
{
    step(st, SQLITE_DONE);
    sqlite3_reset(st);
}

static char *noise(size_t n)
{
    char *bytes = g_malloc(n + 1);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)('a' + rand() % 26);
    }
    bytes[n] = '\0';
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fputs("usage: bench_sqlite DIR ENTITIES UPSERTS PER_COMMIT BODY LOG CHUNKS CHUNK_BYTES\n", stderr);
        return 2;
    }
    int entities = atoi(argv[2]), upserts = atoi(argv[3]), per_commit = atoi(argv[4]), chunks = atoi(argv[7]);
    size_t body_size = (size_t)atoi(argv[5]), log_size = (size_t)atoi(argv[6]),
           chunk_size = (size_t)atoi(argv[8]);
    sqlite3 *db =
        open_database(argv[1], "bare.db",
                      "CREATE TABLE entity(eid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
                      " body BLOB NOT NULL);"
                      "CREATE TABLE log(first INTEGER PRIMARY KEY, count INTEGER, body BLOB NOT NULL)");
    sqlite3 *history =
        open_database(argv[1], "bare-history.db",
                      "CREATE TABLE chunk(sid INTEGER, start INTEGER, stop INTEGER, count INTEGER,"
                      " body BLOB, PRIMARY KEY(sid, start)) WITHOUT ROWID");
    g_autofree char *body = noise(body_size);
    g_autofree char *log = noise(log_size);
    g_autofree char *chunk = noise(chunk_size);
    sqlite3_stmt *insert = prepare(db, "INSERT INTO entity(id, body) VALUES (?1, ?2)");
    sqlite3_stmt *get = prepare(db, "SELECT eid, body FROM entity WHERE id = ?1");
    sqlite3_stmt *update = prepare(db, "UPDATE entity SET body = ?2 WHERE eid = ?1");
    sqlite3_stmt *append = prepare(db, "INSERT INTO log(count, body) VALUES (?1, ?2)");
    sqlite3_stmt *put = prepare(history, "INSERT INTO chunk VALUES (?1, 0, 0, 1, ?2)");
    char id[64];
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    for (int i = 0; i < entities; i++) {
        snprintf(id, sizeof id, "urn:ngsi-ld:AirQualityObserved:%06d", i);
        sqlite3_bind_text(insert, 1, id, -1, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 2, body, (int)body_size, SQLITE_STATIC);
        done(insert);
    }
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    gint64 start = g_get_monotonic_time();
    for (int n = 0; n < upserts;) {
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (int i = 0; i < per_commit && n < upserts; i++, n++) {
            snprintf(id, sizeof id, "urn:ngsi-ld:AirQualityObserved:%06d", rand() % entities);
            sqlite3_bind_text(get, 1, id, -1, SQLITE_STATIC);
            step(get, SQLITE_ROW);
            memcpy(body, sqlite3_column_blob(get, 1), body_size);
            sqlite3_bind_int64(update, 1, sqlite3_column_int64(get, 0));
            sqlite3_reset(get);
            body[rand() % (int)body_size] = (char)('a' + n % 26);
            sqlite3_bind_blob(update, 2, body, (int)body_size, SQLITE_STATIC);
            done(update);
        }
        sqlite3_bind_int(append, 1, per_commit);
        sqlite3_bind_blob(append, 2, log, (int)log_size, SQLITE_STATIC);
        done(append);
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    sqlite3_exec(history, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (int i = 0; i < chunks; i++) {
        sqlite3_bind_int(put, 1, i);
        sqlite3_bind_blob(put, 2, chunk, (int)chunk_size, SQLITE_STATIC);
        done(put);
    }
    sqlite3_exec(history, "COMMIT", NULL, NULL, NULL);
    printf("%.3f\n", (double)(g_get_monotonic_time() - start) / 1e6);
    return 0;
}
