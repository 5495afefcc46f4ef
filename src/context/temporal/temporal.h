/* SPDX-License-Identifier: Apache-2.0 */
/* The history of entities over HTTP: /ngsi-ld/v1/temporal (ETSI GS CIM 009 V1.9.1, 5.6.11 –
 * .16, 5.7.3, 5.7.4). */
#pragma once

/* Starts the threads that read histories. */
void temporal_start(void);
/* After the HTTP server has stopped. Does nothing when not started. */
void temporal_stop(void);
