/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes subscriptions and registrations of context sources: the same JSON is tried as either. */
#include "context/sources/registration.h"
#include "context/subscriptions/subscription.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct error e = {0};
    const struct json *body = json_parse(a, (const char *)data, size, &e);
    if (body == NULL) {
        return 0;
    }
    subscription_auto s = subscription_parse(body, json_get(body, "@context"), &e);
    g_assert(s != NULL ? s->id != NULL && s->body != NULL : e.code != ERROR_NONE && e.zh[0] != '\0');
    e.code = ERROR_NONE;
    registration_auto r = registration_parse(body, NULL, NULL, &e);
    g_assert(r != NULL ? json_is(registration_show(a, r, NULL, true), JSON_OBJECT)
                       : e.code != ERROR_NONE && e.zh[0] != '\0');
    return 0;
}
