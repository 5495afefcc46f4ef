/* SPDX-License-Identifier: Apache-2.0 */
/* Topic filters (MQTT 3.1.1, 4.7). */
#include <string.h>

#include "mqtt/mqtt.h"

bool mqtt_topic_matches(const char *filter, const char *topic)
{
    if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) {
        return false; /* [MQTT-4.7.2-1] */
    }
    for (;;) {
        size_t f = strcspn(filter, "/");
        size_t t = strcspn(topic, "/");
        if (f == 1 && filter[0] == '#') {
            return filter[1] == '\0';
        }
        bool any = f == 1 && filter[0] == '+';
        if (!any && (f != t || strncmp(filter, topic, f) != 0)) {
            return false;
        }
        if (filter[f] == '\0') {
            return topic[t] == '\0';
        }
        if (topic[t] == '\0') {
            return strcmp(filter + f, "/#") == 0; /* "sport/#" takes "sport" too */
        }
        filter += f + 1;
        topic += t + 1;
    }
}
