/* SPDX-License-Identifier: Apache-2.0 */
/* The default space, from start to stop. */
#include "context/space.h"

#include "context/notifier.h"
#include "context/registry.h"
#include "context/subscription.h"

static struct space *home;

struct space *space_default(void)
{
    return home;
}

struct space *space_ref(struct space *s)
{
    g_atomic_int_inc(&s->references);
    return s;
}

void space_unref(struct space *s)
{
    if (s != NULL && g_atomic_int_dec_and_test(&s->references)) {
        notifier_stop(s->notifier);
        registry_close(s->registry);
        g_free(s);
    }
}

bool space_start(struct store *s, struct http_client *client, struct error *e)
{
    notification_senders_start();
    home = g_new0(struct space, 1);
    *home = (struct space){.name = "", .kind = SPACE_DEFAULT, .store = s, .references = 1};
    home->notifier = subscription_load(s, client);
    home->registry = registry_open(s, e);
    return home->registry != NULL;
}

void space_stop(void)
{
    if (home == NULL) {
        return;
    }
    notifier_stop(g_steal_pointer(&home->notifier));
    space_unref(g_steal_pointer(&home));
    notification_senders_stop();
}
