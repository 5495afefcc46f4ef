/* SPDX-License-Identifier: Apache-2.0 */
/* The list of modules: what the program is made of. */
#include "cases/cases.h"
#include "context/context.h"
#include "demo/demo.h"
#include "indicators/indicators.h"
#include "ingest/ingest.h"
#include "ledger/ledger.h"
#include "packs/packs.h"
#include "rules/rules.h"
#include "server/commands.h"

/* packs stands last: its watch begins after all others have started and ends before they stop. */
const struct feature *const server_features[] = {
    &ingest_feature, &rules_feature, &indicators_feature, &cases_feature, &demo_feature, &packs_feature, NULL,
};

void server_routes(struct http_server *s)
{
    http_server_routes(s, health_routes);
    http_server_routes(s, identity_routes);
    http_server_routes(s, context_routes);
    http_server_routes(s, temporal_routes);
    http_server_routes(s, subscription_routes);
    http_server_routes(s, subscription_state_routes);
    http_server_routes(s, registration_routes);
    http_server_routes(s, source_subscription_routes);
    http_server_routes(s, source_identity_routes);
    http_server_routes(s, stream_routes);
    http_server_routes(s, tenant_routes);
    http_server_routes(s, snapshot_routes);
    http_server_routes(s, explain_routes);
    http_server_routes(s, ledger_routes);
    for (int i = 0; server_features[i] != NULL; i++) {
        if (server_features[i]->routes != NULL) {
            http_server_routes(s, server_features[i]->routes);
        }
    }
}
