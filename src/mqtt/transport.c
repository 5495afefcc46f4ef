/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and TLS connections to brokers. */
#include "mqtt/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

enum { OPENING_S = 10, STEP_MS = 100 };

/* Who asks whether to give up, and when it is too late. */
struct patience {
    bool (*stopping)(void *user);
    void *user;
    gint64 deadline;
};

/* Says why; always false. */
static bool fail(struct transport *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct transport *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->reason, sizeof t->reason, format, args);
    va_end(args);
    return false;
}

static bool wait_for(struct transport *t, short events, const struct patience *p)
{
    struct pollfd fd = {.fd = t->fd, .events = events};
    while (poll(&fd, 1, STEP_MS) <= 0) {
        if (p->stopping(p->user) || g_get_monotonic_time() > p->deadline) {
            return fail(t, "no answer");
        }
    }
    return true;
}

/* ---- TCP ---- */

static bool connect_to(struct transport *t, const struct addrinfo *at, const struct patience *p)
{
    int one = 1, failure = 0;
    socklen_t size = sizeof failure;
    t->fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) {
        return fail(t, "no socket: %s", g_strerror(errno));
    }
    setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(t->fd, at->ai_addr, at->ai_addrlen) == 0) {
        return true;
    }
    if (errno != EINPROGRESS) {
        return fail(t, "%s", g_strerror(errno));
    }
    if (!wait_for(t, POLLOUT, p)) {
        return false;
    }
    getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    return failure == 0 || fail(t, "%s", g_strerror(failure));
}

static bool dial(struct transport *t, const char *host, int port, const struct patience *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    g_autofree char *service = g_strdup_printf("%d", port);
    int failure = getaddrinfo(host, service, &hints, &found);
    if (failure != 0) {
        return fail(t, "%s", gai_strerror(failure));
    }
    bool ok = false;
    for (const struct addrinfo *at = found; at != NULL && !ok; at = at->ai_next) {
        transport_close(t);
        ok = connect_to(t, at, p);
    }
    freeaddrinfo(found);
    return ok;
}

/* ---- TLS ---- */

static SSL_CTX *tls_context(void)
{
    static SSL_CTX *context; /* one for all, for ever */
    static gsize once;
    if (g_once_init_enter(&once)) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_default_verify_paths(context);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        g_once_init_leave(&once, 1);
    }
    return context;
}

static bool tls_failed(struct transport *t)
{
    long verdict = SSL_get_verify_result(t->ssl);
    unsigned long code = ERR_peek_last_error();
    const char *why = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                      : code != 0          ? ERR_reason_error_string(code)
                                           : "the connection was closed";
    return fail(t, "TLS: %s", why != NULL ? why : "failed");
}

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool start_tls(struct transport *t, const char *host, const struct patience *p)
{
    t->ssl = SSL_new(tls_context());
    SSL_set_fd(t->ssl, t->fd);
    SSL_set_connect_state(t->ssl);
    if (is_address(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host);
    } else {
        SSL_set1_host(t->ssl, host);
        SSL_set_tlsext_host_name(t->ssl, host);
    }
    for (;;) {
        ERR_clear_error();
        int done = SSL_do_handshake(t->ssl);
        int error = SSL_get_error(t->ssl, done);
        if (done == 1) {
            return true;
        }
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            return tls_failed(t);
        }
        if (!wait_for(t, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, p)) {
            return false;
        }
    }
}

/* Bytes moved by an SSL call that returned n. */
static ssize_t tls_moved(struct transport *t, int n)
{
    int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, n);
    if (n > 0) {
        return n;
    }
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return 0;
    }
    tls_failed(t);
    return -1;
}

/* ---- the stream ---- */

bool transport_open(struct transport *t, const char *host, int port, bool tls, bool (*stopping)(void *user),
                    void *user)
{
    struct patience p = {stopping, user, g_get_monotonic_time() + OPENING_S * G_TIME_SPAN_SECOND};
    if (dial(t, host, port, &p) && (!tls || start_tls(t, host, &p))) {
        return true;
    }
    transport_close(t);
    return false;
}

void transport_close(struct transport *t)
{
    if (t->ssl != NULL) {
        SSL_free(t->ssl);
        t->ssl = NULL;
    }
    if (t->fd >= 0) {
        close(t->fd);
        t->fd = -1;
    }
}

/* n as a system call gave it. */
static ssize_t moved(struct transport *t, ssize_t n)
{
    if (n > 0) {
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    fail(t, "%s", n == 0 ? "the broker closed the connection" : g_strerror(errno));
    return -1;
}

ssize_t transport_read(struct transport *t, uint8_t *data, size_t size)
{
    if (t->ssl != NULL) {
        ERR_clear_error();
        return tls_moved(t, SSL_read(t->ssl, data, (int)MIN(size, G_MAXINT)));
    }
    return moved(t, recv(t->fd, data, size, 0));
}

ssize_t transport_write(struct transport *t, const uint8_t *data, size_t size)
{
    if (t->ssl != NULL) {
        ERR_clear_error();
        return tls_moved(t, SSL_write(t->ssl, data, (int)MIN(size, G_MAXINT)));
    }
    return moved(t, send(t->fd, data, size, MSG_NOSIGNAL));
}

bool transport_pending(const struct transport *t)
{
    return t->ssl != NULL && SSL_pending(t->ssl) > 0;
}
