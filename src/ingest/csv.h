/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180) read as a stream: quotes, line breaks inside quotes, CRLF or LF, UTF-8 or GB18030. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

enum csv_encoding { CSV_UTF8, CSV_GB18030 };
/* "utf-8", "gb18030" (also gbk, gb2312), in any case; false for another name. */
bool csv_encoding_parse(const char *name, enum csv_encoding *encoding);
const char *csv_encoding_name(enum csv_encoding encoding);

/* Gives the next bytes: how many were put into buffer, 0 at the end, -1 when reading failed. */
typedef ssize_t csv_source(void *user, char *buffer, size_t max);

/* Reads all of a source and says which encoding it has: UTF-8 when all of it is valid, else GB18030. UTF-16
 * (by its mark) is an error that says what to do. total gets the number of bytes. */
bool csv_detect(csv_source *source, void *user, enum csv_encoding *encoding, int64_t *total, struct error *e);

struct csv_field {
    const char *text; /* UTF-8, NUL-terminated */
    size_t length;
};

/* One row, or a stretch that is none. */
struct csv_row {
    int64_t line;   /* of its first byte, from 1 */
    int64_t offset; /* of its first byte */
    int64_t next;   /* offset of what follows */
    int64_t next_line;
    int count;
    struct csv_field *fields;
    bool broken; /* fields are not to be used; fault says why */
    struct error fault;
    const char *raw; /* the bytes as they stand, without the line's end; valid until the next call */
    size_t raw_length;
};

struct csv_reader;
/* Reads from a source that stands at the given offset and line of its file (0 and 1 at its start, where a
 * byte order mark is skipped). */
struct csv_reader *csv_reader_new(csv_source *source, void *user, enum csv_encoding encoding, int64_t offset,
                                  int64_t line);
void csv_reader_free(struct csv_reader *r); /* NULL is fine */
/* The next row, empty lines left out; its fields live in the arena. A row that is broken (a quote that never
 * closes, text after a closing quote, bytes that are no text, too long) is given as such, and reading goes on
 * in the line after its first. Returns false at the end, or with e set when the source failed. */
bool csv_next(struct csv_reader *r, struct arena *a, struct csv_row *row, struct error *e);
