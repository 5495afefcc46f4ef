/* SPDX-License-Identifier: Apache-2.0 */
/* Files: the built front end, and reply_file with ETag and range. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/request.h"

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".geojson", "application/geo+json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".gif", "image/gif"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".woff", "font/woff"},
        {".ttf", "font/ttf"},
        {".pbf", "application/x-protobuf"},
        {".mvt", "application/vnd.mapbox-vector-tile"},
        {".wasm", "application/wasm"},
        {".mp4", "video/mp4"},
        {".pdf", "application/pdf"},
        {".txt", "text/plain; charset=utf-8"},
        {".csv", "text/csv; charset=utf-8"},
        {".md", "text/markdown; charset=utf-8"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_has_suffix(path, types[i][0])) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}

/* Opens a regular file; -1 with errno. */
static int open_file(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
        close(fd);
        errno = ENOENT;
        return -1;
    }
    return fd;
}

static const char *etag_of(struct arena *a, const struct stat *st, const char *variant)
{
    return arena_printf(a, "\"%" PRIx64 "-%" PRIx64 "%s\"",
                        (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec,
                        (uint64_t)st->st_size, variant);
}

/* "bytes=5-9", "bytes=5-", "bytes=-5" of a file of that size. 0 = no range that we serve (send all), -1 = a
 * range outside the file. */
static int parse_range(const char *text, int64_t size, int64_t *from, int64_t *to)
{
    if (text == NULL || !g_str_has_prefix(text, "bytes=") || strchr(text, ',') != NULL) {
        return 0;
    }
    const char *p = text + strlen("bytes=");
    const char *dash = strchr(p, '-');
    if (dash == NULL || strspn(p, "0123456789-") != strlen(p) || (dash == p && dash[1] == '\0')) {
        return 0;
    }
    int64_t first = g_ascii_strtoll(p, NULL, 10);
    int64_t last = dash[1] != '\0' ? g_ascii_strtoll(dash + 1, NULL, 10) : size - 1;
    if (dash == p) {
        *from = MAX(size - last, 0);
        *to = size - 1;
        return last > 0 && size > 0 ? 1 : -1;
    }
    *from = first;
    *to = MIN(last, size - 1);
    return first < size && first <= *to ? 1 : -1;
}

static bool is_unchanged(struct request *r, const char *etag)
{
    const char *known = request_header(r, "If-None-Match");
    return known != NULL && (strstr(known, etag) != NULL || strcmp(known, "*") == 0);
}

static void reply_range(struct request *r, int fd, int64_t size, const char *etag, const char *content_type)
{
    int64_t from = 0;
    int64_t to = size - 1;
    const char *condition = request_header(r, "If-Range");
    bool wanted = condition == NULL || strcmp(condition, etag) == 0;
    int partial = wanted ? parse_range(request_header(r, "Range"), size, &from, &to) : 0;
    reply_header(r, "Accept-Ranges", "bytes");
    if (partial < 0) {
        close(fd);
        reply_header(r, "Content-Range", arena_printf(r->arena, "bytes */%" PRId64, size));
        reply_empty(r, 416);
        return;
    }
    if (partial > 0) {
        reply_header(r, "Content-Range",
                     arena_printf(r->arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, from, to, size));
    } else {
        from = 0;
        to = size - 1;
    }
    counter_add(&http_counters[HTTP_BYTES_OUT], to - from + 1);
    reply_response(r, partial > 0 ? 206 : 200, content_type,
                   MHD_create_response_from_fd_at_offset64((uint64_t)(to - from + 1), fd, (uint64_t)from));
}

static void reply_open_file(struct request *r, int fd, const struct stat *st, const char *variant,
                            const char *content_type)
{
    const char *etag = etag_of(r->arena, st, variant);
    reply_header(r, "ETag", etag);
    if (is_unchanged(r, etag)) {
        close(fd);
        reply_empty(r, 304);
        return;
    }
    reply_range(r, fd, st->st_size, etag, content_type);
}

void reply_file(struct request *r, const char *path, const char *content_type)
{
    struct stat st;
    int fd = open_file(path, &st);
    if (fd < 0) {
        struct error e;
        bool missing = errno == ENOENT || errno == ENOTDIR;
        error_set(&e, missing ? ERROR_NOT_FOUND : ERROR_INTERNAL, "The file cannot be read: %s",
                  "无法读取文件：%s", g_strerror(errno));
        reply_error(r, &e);
        return;
    }
    reply_open_file(r, fd, &st, "", content_type);
}

/* Opens path.gz where the client takes it, else path. */
static int open_variant(struct request *r, const char *path, struct stat *st, const char **variant)
{
    if (request_accepts_gzip(r)) {
        g_autofree char *packed = g_strconcat(path, ".gz", NULL);
        int fd = open_file(packed, st);
        if (fd >= 0) {
            *variant = "-gz";
            return fd;
        }
    }
    *variant = "";
    return open_file(path, st);
}

static bool serve_path(struct request *r, const char *path)
{
    g_autofree char *file = g_build_filename(r->server->web_dir, path, NULL);
    struct stat st;
    const char *variant;
    int fd = open_variant(r, file, &st, &variant);
    if (fd < 0) {
        return false;
    }
    reply_header(r, "Cache-Control",
                 g_str_has_prefix(path, "/assets/") ? "public, max-age=31536000, immutable" : "no-cache");
    reply_header(r, "Vary", "Accept-Encoding");
    if (variant[0] != '\0') {
        reply_header(r, "Content-Encoding", "gzip");
    }
    reply_open_file(r, fd, &st, variant, type_of(path));
    return true;
}

/* A page of the front end's own router ("/cases/7"), not a missing file or an API path. */
static bool is_page(struct request *r)
{
    static const char *const machine[] = {"/api/", "/ngsi-ld/", "/log/", "/assets/"};
    for (size_t i = 0; i < G_N_ELEMENTS(machine); i++) {
        if (g_str_has_prefix(r->path, machine[i])) {
            return false;
        }
    }
    return request_accepts(r, "text/html");
}

bool files_serve(struct request *r)
{
    if (r->server->web_dir == NULL) {
        return false;
    }
    if (strcmp(r->path, "/") == 0) {
        return serve_path(r, "/index.html");
    }
    return (decode_is_plain_path(r->path) && serve_path(r, r->path)) ||
           (is_page(r) && serve_path(r, "/index.html"));
}
