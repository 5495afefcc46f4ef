/* SPDX-License-Identifier: Apache-2.0 */
/* The feature: its section, its start and stop, and the mapping in force. */
#include "ingest/ingest.h"

#include "ingest/import.h"
#include "ingest/inside.h"

static struct hub *hub;
static struct subscriber *subscriber;
static GMutex lock; /* of mapping */
static struct mapping *mapping;

struct hub *ingest_hub(void)
{
    return hub;
}

struct mapping *ingest_mapping(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    return mapping_ref(mapping);
}

bool ingest_subscriber_state(struct subscriber_state *state)
{
    if (subscriber == NULL) {
        return false;
    }
    subscriber_state(subscriber, state);
    return true;
}

static bool load(struct hub *h, const struct pack *const *packs, struct error *e)
{
    struct mapping *m = mapping_compile(packs, e);
    if (m == NULL) {
        return false;
    }
    hub = h;
    g_mutex_lock(&lock);
    struct mapping *old = mapping;
    mapping = m;
    g_mutex_unlock(&lock);
    mapping_unref(old);
    if (subscriber != NULL) {
        subscriber_map(subscriber, m);
    }
    return true;
}

static bool start(struct hub *h, struct error *e)
{
    hub = h;
    counters_register(subscriber_counters, SUBSCRIBER_COUNTERS);
    if (h->mqtt_host != NULL) {
        subscriber = subscriber_new(h);
        subscriber_map(subscriber, mapping);
    }
    return importer_start(h, e);
}

static void stop(void)
{
    importer_stop();
    subscriber_free(subscriber);
    subscriber = NULL;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    g_clear_pointer(&mapping, mapping_unref);
}

static const struct pack_section sections[] = {
    {"inputs", inputs_check, "How MQTT messages and CSV rows become entities: topic, fields, units, bounds",
     "MQTT 消息与 CSV 行如何成为实体：主题、字段、单位、界限"},
    {NULL},
};

const struct feature ingest_feature = {
    .name = "ingest",
    .en = "Readings over MQTT and rows of CSV files become entities",
    .zh = "MQTT 读数与 CSV 行转为实体",
    .routes = ingest_routes,
    .sections = sections,
    .load = load,
    .start = start,
    .stop = stop,
};
