/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a picture with a palette of three colours and packs it as PNG (ISO/IEC 15948). */
#include "demo/picture.h"

#include <string.h>

#include <zlib.h>

#include "demo/world.h"

enum { WIDTH = 320, HEIGHT = 240, GLYPH = 16, SCALE = 7, COLOURS = 3, STRIPE = 24 };

static const char *const words[2][GLYPH] = {
    {"........#.......", ".##.....##......", "..##.##########.", ".....#........#.", "##...#.######.#.",
     ".##......#......", ".....#########..", ".....#...#...#..", "..#..#########..", "..#..#...#...#..",
     ".##..#########..", ".#.....#...#....", "##....##...##...", "#....##.....##..", "................",
     "................"},
    {"................", "..###########...", "................", "................", ".##############.",
     ".......##.......", ".......##.......", "...##..##..##...", "...##..##..##...", "..##...##...##..",
     "..##...##...##..", ".##....##....##.", ".##....##....##.", ".......##.......", ".....####.......",
     "................"},
};

static bool is_ink(int x, int y)
{
    x -= (WIDTH - 2 * GLYPH * SCALE) / 2;
    y -= (HEIGHT - GLYPH * SCALE) / 2;
    if (x < 0 || y < 0 || x >= 2 * GLYPH * SCALE || y >= GLYPH * SCALE) {
        return false;
    }
    return words[x / (GLYPH * SCALE)][y / SCALE][x / SCALE % GLYPH] == '#';
}

/* Stripes that lean with the key. */
static int pattern(uint64_t key, int x, int y)
{
    int lean = (int)(key % 5) - 2;
    return (x * 2 + y * lean + 4 * HEIGHT) / (2 * STRIPE) % 2;
}

static void draw(uint64_t key, uint8_t *rows)
{
    for (int y = 0; y < HEIGHT; y++) {
        uint8_t *row = rows + y * (WIDTH + 1);
        row[0] = 0; /* no filter */
        for (int x = 0; x < WIDTH; x++) {
            row[x + 1] = (uint8_t)(is_ink(x, y) ? COLOURS - 1 : pattern(key, x, y));
        }
    }
}

static void add_number(GByteArray *out, uint32_t n)
{
    uint32_t big = GUINT32_TO_BE(n);
    g_byte_array_append(out, (const guint8 *)&big, sizeof big);
}

static void add_chunk(GByteArray *out, const char *name, const void *data, size_t length)
{
    guint start = out->len + 4;
    add_number(out, (uint32_t)length);
    g_byte_array_append(out, (const guint8 *)name, 4);
    g_byte_array_append(out, data, (guint)length);
    add_number(out, (uint32_t)crc32(0, out->data + start, out->len - start));
}

/* Two light colours and a dark one. */
static void add_palette(GByteArray *out, uint64_t key)
{
    uint8_t colours[3 * COLOURS];
    for (int i = 0; i < 3; i++) {
        uint8_t light = (uint8_t)(170 + (chance_mix(key, 1) >> 8 * i) % 60);
        colours[i] = light;
        colours[3 + i] = (uint8_t)(light + 25);
        colours[6 + i] = (uint8_t)(20 + (chance_mix(key, 2) >> 8 * i) % 70);
    }
    add_chunk(out, "PLTE", colours, sizeof colours);
}

GByteArray *picture_png(uint64_t key)
{
    static const guint8 signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    /* 8 bits, palette, deflate, no interlace */
    const guint8 header[] = {0, 0, WIDTH >> 8, WIDTH & 0xff, 0, 0, HEIGHT >> 8, HEIGHT & 0xff, 8, 3, 0, 0, 0};
    enum { RAW = (WIDTH + 1) * HEIGHT };
    g_autofree uint8_t *rows = g_malloc(RAW);
    uLongf length = compressBound(RAW);
    g_autofree Bytef *packed = g_malloc(length);
    GByteArray *out = g_byte_array_new();
    draw(key, rows);
    int result = compress2(packed, &length, rows, RAW, Z_BEST_COMPRESSION);
    g_assert(result == Z_OK);
    g_byte_array_append(out, signature, sizeof signature);
    add_chunk(out, "IHDR", header, sizeof header);
    add_palette(out, key);
    add_chunk(out, "IDAT", packed, length);
    add_chunk(out, "IEND", "", 0);
    return out;
}
