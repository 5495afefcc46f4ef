/* SPDX-License-Identifier: Apache-2.0 */
/* The limit for reads: a bare libmicrohttpd, set up as the hub's, that answers every request with the same
 * bytes from memory. Usage: bench_http PORT BYTES THREADS; serves until its standard input ends. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct MHD_Response *response;

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data, size_t *data_size,
                              void **state)
{
    if (*state == NULL) {
        *state = response; /* the body, if any, comes with the next calls */
        return MHD_YES;
    }
    if (*data_size > 0) {
        *data_size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static struct MHD_Response *make_response(size_t length)
{
    char *bytes = malloc(length + 1);
    memset(bytes, 'x', length);
    struct MHD_Response *r = MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(r, "Content-Type", "application/json");
    MHD_add_response_header(r, "Link",
                            "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; "
                            "rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
    return r;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: bench_http PORT BYTES THREADS\n", stderr);
        return 2;
    }
    int threads = atoi(argv[3]);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    response = make_response((size_t)atol(argv[2]));
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, threads, NULL}, {MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR,
                         &at, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_CONNECTION_LIMIT,
                         2000u, MHD_OPTION_ARRAY, threads > 1 ? pool : pool + 1, MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf(stderr, "cannot serve at port %s\n", argv[1]);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
