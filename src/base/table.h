/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for spreadsheets: CSV (RFC 4180) that Excel and WPS open as UTF-8 and never run. */
#pragma once

#include <glib.h>

/* A new table: a byte order mark and nothing else. The caller frees it or hands it to a reply. */
GString *table_new(void);
/* Appends a cell to the row at the end of out; text NULL is an empty cell. Quoted where it must be. A text
 * that a spreadsheet would run as a formula (=, +, -, @, tab in front of something that is no number) gets an
 * apostrophe. */
void table_cell(GString *out, const char *text);
/* Ends the row. */
void table_end(GString *out);
/* A whole row; texts end with NULL. */
void table_row(GString *out, const char *const *texts);
