/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, said once, in both languages of the interface. */
#pragma once

#include <stdbool.h>

/* The kinds of failure. Each has one HTTP status and, where ETSI GS CIM 009 V1.9.1 clause 6.3.2 names one,
 * one error type URI; error_status() and error_type() hold that table. */
enum error_code {
    ERROR_NONE = 0,
    ERROR_BAD_REQUEST_DATA,    /* 400 the content is wrong */
    ERROR_INVALID_REQUEST,     /* 400 the form is wrong: syntax, unknown parameter */
    ERROR_UNAUTHENTICATED,     /* 401 */
    ERROR_FORBIDDEN,           /* 403 */
    ERROR_NOT_FOUND,           /* 404 ResourceNotFound */
    ERROR_METHOD_NOT_ALLOWED,  /* 405 */
    ERROR_NOT_ACCEPTABLE,      /* 406 */
    ERROR_ALREADY_EXISTS,      /* 409 */
    ERROR_CONFLICT,            /* 409 the thing is in another state than the request needs */
    ERROR_LENGTH_REQUIRED,     /* 411 */
    ERROR_TOO_LARGE,           /* 413 */
    ERROR_UNSUPPORTED_MEDIA,   /* 415 */
    ERROR_NOT_SUPPORTED,       /* 422 OperationNotSupported */
    ERROR_TOO_MANY_REQUESTS,   /* 429 */
    ERROR_INTERNAL,            /* 500 */
    ERROR_UNAVAILABLE,         /* 503 */
    ERROR_CONTEXT_UNAVAILABLE, /* 504 LdContextNotAvailable */
    ERROR_STORAGE_FULL,        /* 507 */
    ERROR_TOO_COMPLEX,         /* 403 TooComplexQuery */
    ERROR_TOO_MANY_RESULTS,    /* 403 TooManyResults */
    ERROR_NO_TENANT,           /* 404 NonexistentTenant */
    ERROR_BAD_GATEWAY,         /* 502 a context source failed */
    ERROR_GATEWAY_TIMEOUT,     /* 504 a context source did not answer in time */
    ERROR_LOOP,                /* 508 registrations lead in a circle */
};

/* The longest sentence kept; longer ones are cut at a character's border. */
enum { ERROR_MAX_TEXT = 480 };

/* One failure. Plain memory: copy it freely, nothing to free. All zero is "no error". */
struct error {
    enum error_code code;
    char en[ERROR_MAX_TEXT]; /* UTF-8, what was wrong and what to do */
    char zh[ERROR_MAX_TEXT];
};

/* Fills e (which may be NULL) and returns false, so that a function can `return error_set(...)`. Both formats
 * take the same arguments in the same order (use %2$s where the languages order them differently). Called
 * once, where the fault is seen; callers carry e up untouched. */
bool error_set(struct error *e, enum error_code code, const char *en, const char *zh, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));

/* Puts a place ("packs/air/types.yaml:12", "entity 3") before the sentence of an error that is already set.
 */
void error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

int error_status(enum error_code code);
/* The RFC 7807 "type" of the code, e.g. "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound". Static
 * memory. */
const char *error_type(enum error_code code);
/* The short title, in English or Chinese. Static memory. */
const char *error_title(enum error_code code, bool chinese);
