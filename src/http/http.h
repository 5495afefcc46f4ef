/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: routes as tables, requests and replies, live streams, files; and a client for outgoing
 * calls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/instant.h"
#include "json/json.h"

struct http_server;
struct request;

/* ---- routes ---- */

enum route_flags {
    ROUTE_UPLOAD = 1, /* the body goes to a temporary file (at most LIMIT_UPLOAD): request_upload */
};
/* One line of a feature's API table; a table ends with a NULL method. */
struct route {
    const char *method; /* "GET"; HEAD and OPTIONS are answered by the server itself */
    const char *path;   /* "/api/v1/cases/{id}/actions/{action}"; a last "{rest*}" takes all that follows */
    const char
        *permission; /* "" = anyone signed in; NULL = public; else the name of a permission, "cases.act" */
    void (*handler)(struct request *r);
    const char *en; /* one sentence, for `zhongshu routes` and OpenAPI */
    const char *zh;
    int flags;
};

struct http_options {
    const char *listen; /* "127.0.0.1:8080", "[::1]:8080"; port 0 takes a free one */
    int threads;        /* 0 = one a core */
    /* Called for every request before its handler, public routes too: finds out who asks (request_set_user)
     * and whether permission is theirs. Returns false with e set to refuse. NULL = all are let in. */
    bool (*authorise)(struct request *r, const struct route *route, void *user, struct error *e);
    void *user;
    int64_t
        memory; /* bytes of bodies and replies that all clients together may hold; 0 = LIMIT_REQUEST_MEMORY */
    int reply_seconds;      /* a client's time to take each 2 MiB of a reply; 0 = LIMIT_REPLY_SECONDS */
    const char *web_dir;    /* the built front end, served at / with index.html for unknown paths that accept
                               HTML; NULL = none */
    const char *upload_dir; /* where the files of ROUTE_UPLOAD are kept, best on the disk that they are
                               renamed to; those of an earlier run are removed at the start. NULL = the
                               system's temporary folder */
};

/* Adds a route table (static memory) before http_server_start. */
struct http_server *http_server_new(void);
void http_server_routes(struct http_server *s, const struct route *routes);
/* Calls each for every route, in order of path. */
void http_server_each_route(struct http_server *s, void (*each)(void *user, const struct route *route),
                            void *user);
/* Listens. A taken port or a bad address is an error that names it. */
bool http_server_start(struct http_server *s, const struct http_options *options, struct error *e);
int http_server_port(struct http_server *s);
/* Ends all streams, answers what is being answered, stops the threads, frees. NULL is fine. */
void http_server_free(struct http_server *s);

/* ---- a request, inside its handler ---- */

/* Everything returned lives until the reply has been sent. Strings are UTF-8 (a request with invalid UTF-8 in
 * its path or query is refused before the handler). */
struct arena *request_arena(struct request *r);
const char *request_method(struct request *r);
const char *request_path(struct request *r); /* decoded, without the query */
const char *request_param(struct request *r,
                          const char *name); /* a {name} of the path, decoded; never NULL */
const char *request_query(struct request *r, const char *name);      /* a query parameter, or NULL */
const char *request_query_text(struct request *r, const char *name); /* the same; NULL for an empty one too */
/* Calls each for every query parameter in order, until it returns false. */
void request_each_query(struct request *r, bool (*each)(void *user, const char *name, const char *value),
                        void *user);
const char *request_header(struct request *r, const char *name); /* or NULL; NULL too when it is no UTF-8 */
bool request_has_header(struct request *r, const char *name);    /* whatever its bytes */
const char *request_body(struct request *r, size_t *length);
/* The body as JSON, parsed at the first call. NULL with e set when there is none or it is broken. */
struct json *request_json(struct request *r, struct error *e);
/* Path of the temporary file of a ROUTE_UPLOAD; the handler may rename it away. */
const char *request_upload(struct request *r, int64_t *length);
/* True when the client wants Chinese: ?lang=, else Accept-Language, else true. */
bool request_chinese(struct request *r);
const char *request_peer(struct request *r); /* the client's address */
/* Who asks: set by authorise; identity/identity.h gives it a type. */
void request_set_user(struct request *r, void *user, void (*free_user)(void *user));
void *request_user(struct request *r);
/* An int parameter within [low, high]; otherwise when absent; false with e set when it is no such number. */
bool request_query_int(struct request *r, const char *name, int64_t low, int64_t high, int64_t otherwise,
                       int64_t *value, struct error *e);

/* The same for a time with a zone, or without one (district time), or a day. */
bool request_query_time(struct request *r, const char *name, instant otherwise, instant *at, struct error *e);
/* What all lists of ours understand: limit (50, at most LIMIT_PAGE), offset, and format=csv for a table,
 * which has LIMIT_EXPORT rows when no limit is given. */
struct list_page {
    bool csv;
    int64_t offset, limit;
};
bool request_page(struct request *r, struct list_page *page, struct error *e);

/* ---- exactly one reply to each request ---- */

void reply_header(struct request *r, const char *name, const char *value); /* before the reply; copied */
void reply_headers_clear(struct request *r); /* for a handler that begins again */
void reply_json(struct request *r, int status,
                const struct json *body); /* Content-Type application/json unless set before */
void reply_text(struct request *r, int status, const char *content_type, const char *text,
                size_t length);                                                            /* copies */
void reply_string(struct request *r, int status, const char *content_type, GString *text); /* takes text */
/* A table (base/table.h) as a file NAME.csv; takes it. */
void reply_table(struct request *r, const char *name, GString *table);
void reply_empty(struct request *r, int status);
/* An RFC 7807 problem document in the client's language: {type, title, status, detail}. */
void reply_error(struct request *r, const struct error *e);
void reply_file(struct request *r, const char *path, const char *content_type); /* with ETag and range */

/* A reply that comes in pieces. produce fills at most max bytes and returns how many; 0 = nothing now, call
 * again after stream_wake; -1 = the end; STREAM_BROKEN_OFF = the client is to see that the reply is not
 * whole. closed is called once, when the reply has ended for whatever reason. produce runs on a server
 * thread; it must not block. closed is called too when the client has gone or the server stops. NULL when
 * LIMIT_STREAMS are open or the server stops: 503 has been replied and neither callback will be called. */
struct stream;
enum { STREAM_BROKEN_OFF = -2 };
struct stream *reply_stream(struct request *r, const char *content_type,
                            ssize_t (*produce)(void *user, char *buffer, size_t max),
                            void (*closed)(void *user), void *user);
void stream_wake(struct stream *s); /* from any thread, until closed has been called */

/* For handlers that answer later: suspend, hand the request to another thread, which replies and then
 * resumes; after request_resume the request must not be touched. The thread that has it may suspend it once
 * more and hand it on: it goes on when it was resumed as often. */
void request_suspend(struct request *r);
void request_resume(struct request *r);

/* ---- client ---- */

/* Outgoing requests on one background thread. */
struct http_client;
struct http_client *http_client_new(void);
/* The same with so many connections in all and to one host (0 = no limit of its own), so that a slow host
 * cannot take all of them. */
struct http_client *http_client_new_sized(int connections, int to_one_host);
void http_client_free(struct http_client *c);
/* Sends; done is called once on the client's thread: status 0 and a reason when there was no answer. headers
 * are "Name: value", NULL-terminated, may be NULL. body may be NULL. At most 64 KiB of the answer are kept.
 */
void http_client_send(struct http_client *c, const char *method, const char *url, const char *const *headers,
                      const char *body, size_t length, int timeout_ms,
                      void (*done)(void *user, int status, const char *reason, const char *body,
                                   size_t length),
                      void *user);

/* The same with all that can be said and learnt. */
struct http_answer {
    int status;         /* 0 = there was no answer, see reason */
    const char *reason; /* what curl says; "" with a status */
    bool timed_out;
    const char *body; /* NUL-terminated */
    size_t length;
    bool cut;            /* the body was longer than what was to be kept */
    const char *headers; /* as they came, a line each */
};
/* The value of a header of the answer, or NULL; g_free it. */
char *http_answer_header(const struct http_answer *answer, const char *name);
/* A moment as HTTP headers write it, in seconds since 1970; -1 when it is none. */
int64_t http_date(const char *text);
struct http_exchange {
    const char *method, *url;
    const char *const *headers; /* as for http_client_send */
    const char *body;
    size_t length;
    int timeout_ms;
    size_t keep;      /* bytes of the answer's body */
    bool public_only; /* refuses to connect to addresses that are not on the public internet */
    void (*done)(void *user, const struct http_answer *answer); /* on the client's thread; must not block */
    void *user;
};
void http_client_exchange(struct http_client *c, const struct http_exchange *x);
