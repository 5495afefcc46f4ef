/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments: looked at, digested, put in their place. */
#include "cases/attachments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/limits.h"

static const char SPACE[] = "cases.attachments";

bool attachment_is_image(const struct attachment *x)
{
    return g_str_has_prefix(x->type, "image/");
}

static bool sha256_valid(const char *text)
{
    return text != NULL && strlen(text) == ATTACHMENT_SHA256 &&
           strspn(text, "0123456789abcdef") == ATTACHMENT_SHA256;
}

const struct attachment *attachment_get(struct view *v, struct arena *a, const char *sha256)
{
    const char *text;
    size_t length;
    if (!sha256_valid(sha256) || !view_kv_get(v, a, SPACE, sha256, ATTACHMENT_SHA256, &text, &length)) {
        return NULL;
    }
    const struct json *o = json_parse(a, text, length, NULL);
    struct attachment *x = arena_new0(a, struct attachment);
    x->sha256 = json_get_string(o, "sha256");
    x->name = json_get_string(o, "name");
    x->type = json_get_string(o, "type");
    x->size = json_get_int(o, "size", 0);
    return x->sha256 != NULL && x->name != NULL && x->type != NULL ? x : NULL;
}

struct json *attachment_json(struct arena *a, const struct attachment *x)
{
    struct json *o = json_object(a);
    json_add(o, "sha256", json_string(a, x->sha256));
    json_add(o, "size", json_int(a, x->size));
    json_add(o, "name", json_string(a, x->name));
    json_add(o, "type", json_string(a, x->type));
    return o;
}

char *attachment_path(struct arena *a, const char *data_dir, const char *sha256)
{
    return arena_printf(a, "%s/attachments/%.2s/%s", data_dir, sha256, sha256);
}

/* ---- what it is ---- */

static bool starts(const void *bytes, size_t length, const char *magic, size_t n)
{
    return length >= n && memcmp(bytes, magic, n) == 0;
}

static bool is_plain_text(const char *bytes, size_t length, bool whole)
{
    const char *end;
    if (length == 0 || memchr(bytes, '\0', length) != NULL) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 && c != '\n' && c != '\r' && c != '\t') {
            return false;
        }
    }
    return g_utf8_validate(bytes, (gssize)length, &end) || (!whole && end > bytes + length - 4);
}

const char *media_type_of(const void *bytes, size_t length, bool whole)
{
    if (starts(bytes, length, "\xff\xd8\xff", 3)) {
        return "image/jpeg";
    }
    if (starts(bytes, length, "\x89PNG\r\n\x1a\n", 8)) {
        return "image/png";
    }
    if (starts(bytes, length, "GIF87a", 6) || starts(bytes, length, "GIF89a", 6)) {
        return "image/gif";
    }
    if (length >= 12 && starts(bytes, length, "RIFF", 4) && memcmp((const char *)bytes + 8, "WEBP", 4) == 0) {
        return "image/webp";
    }
    if (starts(bytes, length, "%PDF-", 5)) {
        return "application/pdf";
    }
    return is_plain_text(bytes, length, whole) ? "text/plain" : NULL;
}

/* A file name fit to be kept and to be sent in a header: no path, no control characters, bounded. */
static char *attachment_name_clean(struct arena *a, const char *name)
{
    g_autofree char *valid = g_utf8_make_valid(name != NULL ? name : "", -1);
    g_autoptr(GString) out = g_string_new(NULL);
    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c == '/' || c == '\\') {
            g_string_truncate(out, 0);
        } else if (!g_unichar_iscntrl(c) && c != '"' && g_unichar_type(c) != G_UNICODE_FORMAT) {
            g_string_append_unichar(out, c);
        }
    }
    while (out->len > ATTACHMENT_NAME) {
        const char *last = g_utf8_find_prev_char(out->str, out->str + out->len);
        g_string_truncate(out, (gsize)(last - out->str));
    }
    g_strstrip(out->str);
    return arena_strdup(a, out->str[0] != '\0' ? out->str : "file");
}

/* ---- taking one in ---- */

static bool file_error(struct error *e, const char *what)
{
    int code = errno;
    return error_set(e, code == ENOSPC || code == EDQUOT ? ERROR_STORAGE_FULL : ERROR_INTERNAL,
                     "The file cannot be kept (%s: %s)", "文件无法保存(%s:%s)", what, g_strerror(code));
}

struct digest {
    EVP_MD_CTX *context;
    int64_t size;
    char head[4096]; /* the first bytes, for the type */
    size_t head_length;
    bool text; /* no byte so far that plain text does not have */
};

static void digest_add(struct digest *d, const char *bytes, size_t n)
{
    EVP_DigestUpdate(d->context, bytes, n);
    size_t room = MIN(sizeof d->head - d->head_length, n);
    memcpy(d->head + d->head_length, bytes, room);
    d->head_length += room;
    d->size += (int64_t)n;
    for (size_t i = 0; d->text && i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        d->text = c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
    }
}

static bool digest_file(int fd, struct digest *d, struct error *e)
{
    char buffer[65536];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return file_error(e, "read");
        }
        digest_add(d, buffer, (size_t)n);
        if (d->size > LIMIT_ATTACHMENT) {
            return error_set(e, ERROR_TOO_LARGE, "An attachment has at most %d MiB", "附件不超过 %d MiB",
                             LIMIT_ATTACHMENT >> 20);
        }
    }
    return true;
}

static char *hex_digest(struct arena *a, EVP_MD_CTX *context)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(context, bytes, &n);
    char *hex = arena_alloc(a, 2 * n + 1);
    for (unsigned i = 0; i < n; i++) {
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    return hex;
}

static struct attachment *examine(struct arena *a, int fd, const char *name, struct error *e)
{
    struct digest d = {.context = EVP_MD_CTX_new(), .text = true};
    EVP_DigestInit_ex(d.context, EVP_sha256(), NULL);
    struct attachment *x = NULL;
    if (digest_file(fd, &d, e)) {
        x = arena_new0(a, struct attachment);
        x->sha256 = hex_digest(a, d.context);
        x->size = d.size;
        x->name = attachment_name_clean(a, name);
        x->type = media_type_of(d.head, d.head_length, d.size == (int64_t)d.head_length);
    }
    EVP_MD_CTX_free(d.context);
    if (x != NULL && (x->type == NULL || (strcmp(x->type, "text/plain") == 0 && !d.text))) {
        error_set(e, x->size == 0 ? ERROR_BAD_REQUEST_DATA : ERROR_UNSUPPORTED_MEDIA,
                  "Attachments are JPEG, PNG, GIF or WebP images, PDF, or plain UTF-8 text, and not empty",
                  "附件须为 JPEG、PNG、GIF、WebP 图片、PDF 或 UTF-8 纯文本,且不能为空");
        return NULL;
    }
    return x;
}

static bool sync_directory(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* When rename cannot: the temporary file is on another file system. */
static bool copy_file(int from, const char *path, struct error *e)
{
    g_autofree char *part = g_strdup_printf("%s.%d.part", path, g_random_int_range(0, G_MAXINT32));
    int to = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    char buffer[65536];
    ssize_t n = to >= 0 && lseek(from, 0, SEEK_SET) == 0 ? 1 : -1;
    while (n > 0 && (n = read(from, buffer, sizeof buffer)) > 0) {
        if (write(to, buffer, (size_t)n) != n) {
            n = -1;
        }
    }
    bool good = n == 0 && fsync(to) == 0;
    if (to >= 0) {
        close(to);
    }
    if (!good || rename(part, path) != 0) {
        file_error(e, "write");
        unlink(part);
        return false;
    }
    return true;
}

static bool place(struct arena *a, int fd, const char *from, const char *data_dir, const char *sha256,
                  struct error *e)
{
    const char *path = attachment_path(a, data_dir, sha256);
    g_autofree char *dir = g_path_get_dirname(path);
    if (g_mkdir_with_parents(dir, 0750) != 0) {
        return file_error(e, "mkdir");
    }
    if (access(path, F_OK) == 0) {
        return true; /* the same bytes are there already */
    }
    if (fsync(fd) != 0) {
        return file_error(e, "fsync");
    }
    if (rename(from, path) != 0 && (errno != EXDEV || !copy_file(fd, path, e))) {
        return (e != NULL && e->code != ERROR_NONE) ? false : file_error(e, "rename");
    }
    chmod(path, 0640);
    return sync_directory(path) || file_error(e, "fsync");
}

const struct attachment *attachment_take(struct arena *a, const char *data_dir, const char *path,
                                         const char *name, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        file_error(e, "open");
        return NULL;
    }
    struct attachment *x = examine(a, fd, name, e);
    if (x != NULL && !place(a, fd, path, data_dir, x->sha256, e)) {
        x = NULL;
    }
    close(fd);
    return x;
}

bool attachment_put(struct txn *t, struct arena *a, const struct attachment *x, const char *by,
                    struct error *e)
{
    if (attachment_get(txn_view(t), a, x->sha256) != NULL) {
        return true;
    }
    char at[INSTANT_TEXT];
    struct json *o = attachment_json(a, x);
    json_add(o, "by", json_string(a, by));
    json_add(o, "at", json_string(a, instant_format(txn_now(t), at)));
    const char *text = json_text(a, o);
    return txn_kv_put(t, SPACE, x->sha256, ATTACHMENT_SHA256, text, strlen(text), e);
}
