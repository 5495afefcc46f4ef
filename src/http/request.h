/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this module know of a server and a request. */
#pragma once

#include <microhttpd.h>

#include "base/counters.h"
#include "http/decode.h"
#include "http/http.h"
#include "http/router.h"

enum http_counter {
    HTTP_REQUESTS,
    HTTP_CLIENT_ERRORS,
    HTTP_SERVER_ERRORS,
    HTTP_BYTES_IN,
    HTTP_BYTES_OUT,
    HTTP_STREAMS,
    HTTP_ACTIVE,
    HTTP_HELD,
    HTTP_CUT_OFF,
    HTTP_COUNTERS
};
extern struct counter http_counters[HTTP_COUNTERS];

struct http_server {
    struct router *router;
    struct http_options options;
    char *web_dir, *upload_dir;
    struct MHD_Daemon *daemon;
    int listen_fd;
    int port;
    int stopping;  /* atomic */
    int active;    /* atomic: requests begun and not yet completed */
    int suspended; /* atomic: requests that another thread has */
    GMutex lock;   /* of drained, streams, sending */
    GCond drained;
    GHashTable *streams; /* id → struct stream */
    uint64_t last_stream;
    GThread *watcher; /* sees when the client of a sleeping stream goes away */
    int watch_fd, watch_stop_fd;
    int64_t memory, held; /* bytes of bodies and replies: allowed, and now (atomic) */
    int reply_seconds;
    GQueue sending; /* requests whose larger reply is on its way */
};

/* Life of a request: BEGUN (its line is known) → RECEIVING (headers known, the body comes) → HANDLED (the
 * handler has been called; perhaps suspended) → QUEUED (the reply is with libmicrohttpd) → freed. */
enum request_phase { REQUEST_BEGUN, REQUEST_RECEIVING, REQUEST_HANDLED, REQUEST_QUEUED };

struct reply_field {
    const char *name, *value;
    struct reply_field *next;
};

struct request {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct arena *arena;
    enum request_phase phase;
    const char *method, *raw_path, *raw_query, *path;
    struct route_match match;
    struct query_parameter *query;
    struct error refusal; /* set: the body is thrown away and this is replied */
    const char *allow;    /* for 405 */
    const char *peer;
    char *body;
    size_t length, room;
    int64_t received;
    struct json *json;
    int upload_fd; /* -1 = none */
    char *upload;  /* path */
    bool suspended;
    gint holds;     /* atomic: suspensions that have not been resumed */
    bool malformed; /* the connection ends with the reply: what follows cannot be trusted */
    void *user;
    void (*free_user)(void *user);
    struct reply_field *fields;
    struct MHD_Response *response;
    int status;
    struct stream *stream;
    int64_t held;     /* its part of the server's */
    int64_t deadline; /* monotonic, µs: its client is cut off; 0 = not in sending */
    GList link;       /* in sending */
};

bool request_accepts_gzip(struct request *r);
/* True when a header of a list of types has the type ("text/html"). */
bool request_accepts(struct request *r, const char *type);

/* Checks the names of headers, and that it is clear where the body ends. Marks the request malformed
 * otherwise. */
bool framing_check(struct request *r, struct error *e);

/* Serves the front end; false when there is nothing at that path. */
bool files_serve(struct request *r);

/* The one reply of the request; takes response. content_type may be NULL. */
void reply_response(struct request *r, int status, const char *content_type, struct MHD_Response *response);

/* Hands the reply made so far to libmicrohttpd. */
enum MHD_Result reply_queue(struct request *r);

/* The connection's socket. */
int request_socket(struct request *r);

/* ---- budget.c ---- */
void budget_init(struct http_server *s);
/* Counts bytes of a body or a reply as the request's; false with ERROR_TOO_MANY_REQUESTS when all clients
 * together hold too many. */
bool budget_take(struct request *r, size_t bytes, struct error *e);
/* A reply of so many bytes is ready: its client has a time to take it. */
void budget_expect(struct request *r, size_t bytes);
/* The request ends. */
void budget_return(struct request *r);
/* Cuts off the clients whose time is up; called about once a second. */
void budget_cut_off(struct http_server *s);

void stream_start_watcher(struct http_server *s);
void stream_end_all(struct http_server *s);
void stream_stop_watcher(struct http_server *s);
/* The connection has ended: calls closed. */
void stream_finish(struct request *r);
