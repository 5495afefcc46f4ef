/* SPDX-License-Identifier: Apache-2.0 */
/* Reading demo sections, between the files that do it. */
#pragma once

#include "demo/world.h"

/* A reading in progress. */
struct reader {
    struct arena *a;
    struct world *w;
    const struct pack *only; /* whose mistakes are told; NULL = all */
    const struct pack *pack; /* being read */
    const struct pack *const *packs;
    struct pack_report *report;
    struct json *every_entity;
    int mistakes;
};

/* Tells a mistake at a node of the pack being read. */
#define mistake(r, where, ...)                                       \
    do {                                                             \
        (r)->mistakes++;                                             \
        if ((r)->only == NULL || (r)->only == (r)->pack) {           \
            (r)->report->mistake((r)->report, (where), __VA_ARGS__); \
        }                                                            \
    } while (0)

/* As json_read, but tells every mistake, each at its line, and goes on. False when there was one. */
bool read_fields(struct reader *r, const struct json *object, const struct json_field *fields, void *out);
/* A list of so many numbers. */
bool read_numbers(struct reader *r, const struct json *list, int count, double *out);
/* A number, or [low, high]; NULL leaves out as it is. */
void read_range(struct reader *r, const struct json *v, struct range *out);
/* [shortest, longest] as spans. */
void read_spans(struct reader *r, const struct json *list, int64_t *shortest, int64_t *longest);
bool read_every(struct reader *r, const struct json *where, int64_t every);

/* Each adds to the world what its part of a section says. */
void read_drivers(struct reader *r, const struct json *from);
struct signal read_signal(struct reader *r, const struct json *from);
void read_group(struct reader *r, const struct json *from);
void read_links(struct reader *r, struct group *g); /* once all groups are known */
void read_along(struct reader *r, struct group *g); /* once all links are known */
void read_incident(struct reader *r, const struct json *from);
void read_crew(struct reader *r, const struct json *from);

/* What a name stands for; a name that stands for nothing is a mistake at where. */
struct group *need_group(struct reader *r, const struct json *where, const char *name);
int need_link(struct reader *r, const struct json *where, const struct group *g, const char *name);
