/* SPDX-License-Identifier: Apache-2.0 */
/* Removing all entities that a query finds (ETSI GS CIM 009 V1.9.1, 5.6.21). */
#pragma once

/* The threads that purge, while their requests sleep. */
void purge_start(void);
/* After the HTTP server has stopped. Does nothing when not started. */
void purge_stop(void);
