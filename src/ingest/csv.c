/* SPDX-License-Identifier: Apache-2.0 */
/* A scanner over a sliding buffer. Commas, quotes and line ends are never part of a character in UTF-8 or
 * GB18030, whose trailing bytes begin at 0x30 ('0'), so that rows are cut before they are decoded. */
#include "ingest/csv.h"

#include <glib.h>
#include <string.h>

#include "base/limits.h"

enum { CHUNK = 1 << 16 };

struct csv_reader {
    csv_source *source;
    void *user;
    enum csv_encoding encoding;
    GIConv converter; /* of GB18030 */
    char *buffer;
    size_t start, end, size; /* what is not dealt with yet */
    int64_t offset, line;    /* of buffer[start] */
    bool at_end;
};

/* ---- encodings ---- */

bool csv_encoding_parse(const char *name, enum csv_encoding *encoding)
{
    static const struct {
        const char *name;
        enum csv_encoding encoding;
    } names[] = {{"utf-8", CSV_UTF8},
                 {"utf8", CSV_UTF8},
                 {"gb18030", CSV_GB18030},
                 {"gbk", CSV_GB18030},
                 {"gb2312", CSV_GB18030}};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_ascii_strcasecmp(name, names[i].name) == 0) {
            *encoding = names[i].encoding;
            return true;
        }
    }
    return false;
}

const char *csv_encoding_name(enum csv_encoding encoding)
{
    return encoding == CSV_GB18030 ? "gb18030" : "utf-8";
}

static bool is_utf16(const char *bytes, size_t length)
{
    return length >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0);
}

/* Bytes of a character that may have been cut at the end of a piece. */
static size_t cut_character(const char *text, size_t length)
{
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char c = (unsigned char)text[length - back];
        if (c >= 0xc0) {
            size_t wants = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            return wants > back ? back : 0;
        }
        if (c < 0x80) {
            return 0;
        }
    }
    return 0;
}

bool csv_detect(csv_source *source, void *user, enum csv_encoding *encoding, int64_t *total, struct error *e)
{
    g_autofree char *buffer = g_malloc(CHUNK + 4);
    size_t kept = 0;
    bool utf8 = true;
    ssize_t got;
    *total = 0;
    while ((got = source(user, buffer + kept, CHUNK)) > 0) {
        if (*total == 0 && is_utf16(buffer, (size_t)got)) {
            return error_set(e, ERROR_UNSUPPORTED_MEDIA, "the file is UTF-16; save it as UTF-8 CSV",
                             "文件为 UTF-16 编码，请另存为 UTF-8 编码的 CSV");
        }
        *total += got;
        size_t length = kept + (size_t)got;
        kept = utf8 ? cut_character(buffer, length) : 0;
        utf8 = utf8 && g_utf8_validate_len(buffer, length - kept, NULL);
        memmove(buffer, buffer + length - kept, kept);
    }
    if (got < 0) {
        return error_set(e, ERROR_INTERNAL, "the file cannot be read", "无法读取文件");
    }
    *encoding = utf8 && kept == 0 ? CSV_UTF8 : CSV_GB18030;
    return true;
}

/* ---- the buffer ---- */

struct csv_reader *csv_reader_new(csv_source *source, void *user, enum csv_encoding encoding, int64_t offset,
                                  int64_t line)
{
    struct csv_reader *r = g_new0(struct csv_reader, 1);
    r->source = source;
    r->user = user;
    r->encoding = encoding;
    r->converter = encoding == CSV_GB18030 ? g_iconv_open("UTF-8", "GB18030") : (GIConv)-1;
    r->offset = offset;
    r->line = line;
    r->size = 4 * CHUNK;
    r->buffer = g_malloc(r->size);
    return r;
}

void csv_reader_free(struct csv_reader *r)
{
    if (r != NULL) {
        if (r->converter != (GIConv)-1) {
            g_iconv_close(r->converter);
        }
        g_free(r->buffer);
        g_free(r);
    }
}

/* Reads a piece more. False when there is none or reading failed (then e is set). */
static bool fill(struct csv_reader *r, struct error *e)
{
    if (r->at_end) {
        return false;
    }
    if (r->start > 0 && r->size - r->end < CHUNK) {
        memmove(r->buffer, r->buffer + r->start, r->end - r->start);
        r->end -= r->start;
        r->start = 0;
    }
    if (r->size - r->end < CHUNK) {
        r->size *= 2;
        r->buffer = g_realloc(r->buffer, r->size);
    }
    ssize_t got = r->source(r->user, r->buffer + r->end, CHUNK);
    if (got < 0) {
        return error_set(e, ERROR_INTERNAL, "the file cannot be read", "无法读取文件");
    }
    r->at_end = got == 0;
    r->end += (size_t)got;
    return got > 0;
}

static void advance(struct csv_reader *r, size_t length)
{
    for (const char *p = r->buffer + r->start, *end = p + length;
         (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++) {
        r->line++;
    }
    r->start += length;
    r->offset += (int64_t)length;
}

/* ---- scanning ---- */

enum scan_state { IN_PLAIN, AT_FIELD, IN_QUOTES, AFTER_QUOTE };

/* Where a field stands in the row, by offset from the row's start. */
struct span {
    size_t from, to;
    bool quoted;
};

struct scan {
    enum scan_state state;
    size_t at; /* from the row's start */
    struct span spans[LIMIT_CSV_FIELDS];
    int count;
    const char *en, *zh; /* what is wrong */
};

static bool scan_fault(struct scan *s, const char *en, const char *zh)
{
    s->en = en;
    s->zh = zh;
    return true;
}

static bool end_field(struct scan *s, size_t to)
{
    if (!s->spans[s->count].quoted) {
        s->spans[s->count].to = to;
    }
    if (++s->count == LIMIT_CSV_FIELDS) {
        return scan_fault(s, "the row has too many fields", "该行字段过多");
    }
    s->spans[s->count] = (struct span){s->at + 1, 0, false};
    s->state = AT_FIELD;
    return false;
}

/* One byte. True when the row ends with it (or is broken). */
static bool scan_byte(struct scan *s, char c)
{
    switch (s->state) {
    case AT_FIELD:
    case IN_PLAIN:
        if (c == '"' && s->state == AT_FIELD) {
            s->state = IN_QUOTES;
            s->spans[s->count] = (struct span){s->at + 1, 0, true};
        } else if (c == ',') {
            return end_field(s, s->at);
        } else if (c == '\n') {
            end_field(s, s->at);
            return true;
        } else {
            s->state = IN_PLAIN;
        }
        return false;
    case IN_QUOTES:
        if (c == '"') {
            s->spans[s->count].to = s->at;
            s->state = AFTER_QUOTE;
        }
        return false;
    case AFTER_QUOTE:
        if (c == '"') {
            s->state = IN_QUOTES;
            return false;
        }
        if (c == ',' || c == '\n') {
            end_field(s, s->at);
            return c == '\n' || s->en != NULL;
        }
        return c == '\r' ? false : scan_fault(s, "there is text after a closing quote", "右引号之后还有文字");
    }
    return false;
}

/* Finds the end of the row that begins at start. False when the source failed or has ended before anything.
 */
static bool scan_row(struct csv_reader *r, struct scan *s, struct error *e)
{
    s->state = AT_FIELD;
    s->at = 0;
    s->count = 0;
    s->en = s->zh = NULL;
    s->spans[0] = (struct span){0, 0, false};
    for (;;) {
        for (size_t length = r->end - r->start; s->at < length; s->at++) {
            if (scan_byte(s, r->buffer[r->start + s->at])) {
                s->at++;
                return true;
            }
        }
        if (s->at > LIMIT_CSV_ROW) {
            return scan_fault(s, "the row is too long; is a quote not closed?",
                              "该行过长，是否有引号没有闭合？");
        }
        struct error failure = {0};
        if (fill(r, &failure)) {
            continue;
        }
        if (failure.code != ERROR_NONE || s->at == 0) {
            if (e != NULL) {
                *e = failure;
            }
            return false;
        }
        if (s->state == IN_QUOTES) {
            return scan_fault(s, "a quote is opened and never closed", "引号没有闭合");
        }
        end_field(s, s->at);
        return true;
    }
}

/* ---- decoding ---- */

/* Doubled quotes become single ones. */
static size_t undouble(char *text, size_t length)
{
    size_t out = 0;
    for (size_t i = 0; i < length; i++) {
        text[out++] = text[i];
        i += text[i] == '"' && i + 1 < length && text[i + 1] == '"';
    }
    return out;
}

static bool decode(struct csv_reader *r, struct arena *a, const char *bytes, size_t length,
                   struct csv_field *field)
{
    if (r->encoding == CSV_GB18030) {
        gsize read = 0, written = 0;
        g_autofree char *text =
            g_convert_with_iconv(bytes, (gssize)length, r->converter, &read, &written, NULL);
        if (text == NULL || memchr(text, '\0', written) != NULL) {
            return false;
        }
        field->text = arena_strndup(a, text, written);
        field->length = written;
        return true;
    }
    field->text = arena_strndup(a, bytes, length);
    field->length = length;
    return g_utf8_validate_len(bytes, length, NULL) && memchr(bytes, '\0', length) == NULL;
}

static bool take_field(struct csv_reader *r, struct arena *a, const struct span *span,
                       struct csv_field *field)
{
    const char *bytes = r->buffer + r->start + span->from;
    size_t length = span->to - span->from;
    if (!span->quoted && length > 0 && bytes[length - 1] == '\r') {
        length--;
    }
    if (!span->quoted || memchr(bytes, '"', length) == NULL) {
        return decode(r, a, bytes, length, field);
    }
    char *copy = arena_strndup(a, bytes, length);
    return decode(r, a, copy, undouble(copy, length), field);
}

static void take_fields(struct csv_reader *r, struct arena *a, const struct scan *s, struct csv_row *row)
{
    row->count = s->count;
    row->fields = arena_array(a, struct csv_field, s->count);
    for (int i = 0; i < s->count; i++) {
        if (!take_field(r, a, &s->spans[i], &row->fields[i])) {
            row->broken = true;
            error_set(&row->fault, ERROR_BAD_REQUEST_DATA, "field %d is not %s text",
                      "第 %d 个字段不是 %s 编码的文字", i + 1, csv_encoding_name(r->encoding));
            return;
        }
    }
}

/* Bytes of the first line of what is buffered, with its end. */
static size_t first_line(const struct csv_reader *r)
{
    const char *at = r->buffer + r->start;
    const char *newline = memchr(at, '\n', r->end - r->start);
    return newline != NULL ? (size_t)(newline - at) + 1 : r->end - r->start;
}

static bool is_empty(const struct csv_reader *r, const struct scan *s)
{
    return s->en == NULL && s->count == 1 && !s->spans[0].quoted &&
           (s->spans[0].to == s->spans[0].from ||
            (s->spans[0].to == s->spans[0].from + 1 && r->buffer[r->start + s->spans[0].from] == '\r'));
}

static void skip_mark(struct csv_reader *r)
{
    while (r->offset == 0 && r->end - r->start < 3 && fill(r, NULL)) {
    }
    if (r->offset == 0 && r->end - r->start >= 3 && memcmp(r->buffer + r->start, "\xef\xbb\xbf", 3) == 0) {
        advance(r, 3);
    }
}

static size_t without_line_end(const char *text, size_t length)
{
    length -= length > 0 && text[length - 1] == '\n';
    length -= length > 0 && text[length - 1] == '\r';
    return length;
}

bool csv_next(struct csv_reader *r, struct arena *a, struct csv_row *row, struct error *e)
{
    struct scan s;
    skip_mark(r);
    do {
        if (!scan_row(r, &s, e)) {
            return false;
        }
        if (is_empty(r, &s)) {
            advance(r, s.at);
            s.at = 0;
        }
    } while (s.at == 0);
    *row = (struct csv_row){.line = r->line, .offset = r->offset, .broken = s.en != NULL};
    size_t length = s.at;
    if (row->broken) {
        error_set(&row->fault, ERROR_BAD_REQUEST_DATA, "%s%.0s", "%.0s%s", s.en, s.zh);
        length = first_line(r);
    } else {
        take_fields(r, a, &s, row);
    }
    row->raw = r->buffer + r->start;
    row->raw_length = without_line_end(row->raw, length);
    advance(r, length);
    row->next = r->offset;
    row->next_line = r->line;
    return true;
}
