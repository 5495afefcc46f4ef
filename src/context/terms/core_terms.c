/* SPDX-License-Identifier: Apache-2.0 */
/* The terms of the NGSI-LD core context V1.9 as data, and look-ups in both directions. */
#include <string.h>

#include "context/terms/core_terms.h"
#include "context/terms/ld_context.h"

#define GEOJSON "https://purl.org/geojson/vocab#"

/* Terms whose IRI is the core vocabulary followed by the term. */
static const char plain_terms[] =
    "Attribute AttributeList ContextSourceIdentity ContextSourceNotification ContextSourceRegistration "
    "Date DateTime EntityMap EntityType EntityTypeInfo EntityTypeList ExecutionResultDetails GeoProperty "
    "JsonProperty LanguageProperty ListProperty ListRelationship Notification Property Relationship "
    "Snapshot SnapshotNotification Subscription TemporalProperty Time VocabProperty accept aggrMethods "
    "aggrParams aggrPeriodDuration attributeCount attributeDetails attributeList attributeName "
    "attributeNames attributeTypes attributes attrs avg cacheDuration collation contextSourceAlias "
    "contextSourceExtras contextSourceInfo contextSourceTimeAt contextSourceUptime cooldown createdAt csf "
    "data datasetId deletedAt detail distinctCount endAt endTimeAt endpoint entities entity entityCount "
    "entityId entityList error errors expandValues expiresAt format geoQ geoproperty georel idPattern "
    "information instanceId isActive join jsonKeys jsonldContext jsons lang lastFailure lastN "
    "lastNotification lastSuccess lastUsedAt linkedMaps localOnly location management managementInterval "
    "max min mode modifiedAt ngsildConformance ngsildproof notUpdated notification notificationTrigger "
    "notifiedAt notifierInfo observationInterval observationSpace observedAt omit operationSpace "
    "operations orderBy ordering pick problemDetails propertyNames q reason receiverInfo refreshRate "
    "registrationId registrationName relationshipNames resultStatus scope scopeQ showChanges snapshotId "
    "snapshotLifetime snapshotPriority snapshotQueries snapshotQueriesDetails snapshotStatus "
    "snapshotTemporalQueries snapshotTemporalQueriesDetails startAt status stddev subscriptionId "
    "subscriptionName success sum sumsq sysAttrs temporalQ tenant throttling timeAt timeInterval timeout "
    "timeproperty timerel timesFailed timesSent totalCount triggerReason typeList typeName typeNames "
    "unchanged unitCode updated uri watchedAttributes ";

/* Terms whose IRI is the GeoJSON vocabulary followed by the term. */
static const char geojson_terms[] =
    "Feature FeatureCollection GeometryCollection LineString MultiLineString MultiPoint MultiPolygon "
    "Point Polygon bbox coordinates features geometry properties ";

static const struct {
    const char *term;
    const char *iri;
} other_terms[] = {
    {"containedBy", "https://uri.etsi.org/ngsi-ld/isContainedBy"},
    {"dataset", "https://uri.etsi.org/ngsi-ld/hasDataset"},
    {"description", "http://purl.org/dc/terms/description"},
    {"entityMap", "https://uri.etsi.org/ngsi-ld/hasEntityMap"},
    {"entityMapLifetime", "https://uri.etsi.org/ngsi-ld/hasEntityMapLifetime"},
    {"joinLevel", "https://uri.etsi.org/ngsi-ld/hasJoinLevel"},
    {"json", "https://uri.etsi.org/ngsi-ld/hasJSON"},
    {"key", "https://uri.etsi.org/ngsi-ld/hasKey"},
    {"langString", "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"},
    {"languageMap", "https://uri.etsi.org/ngsi-ld/hasLanguageMap"},
    {"languageMaps", "https://uri.etsi.org/ngsi-ld/hasLanguageMaps"},
    {"object", "https://uri.etsi.org/ngsi-ld/hasObject"},
    {"objectList", "https://uri.etsi.org/ngsi-ld/hasObjectList"},
    {"objectLists", "https://uri.etsi.org/ngsi-ld/hasObjectLists"},
    {"objectType", "https://uri.etsi.org/ngsi-ld/hasObjectType"},
    {"objects", "https://uri.etsi.org/ngsi-ld/hasObjects"},
    {"previousJson", "https://uri.etsi.org/ngsi-ld/hasPreviousJson"},
    {"previousLanguageMap", "https://uri.etsi.org/ngsi-ld/hasPreviousLanguageMap"},
    {"previousObject", "https://uri.etsi.org/ngsi-ld/hasPreviousObject"},
    {"previousObjectList", "https://uri.etsi.org/ngsi-ld/hasPreviousObjectList"},
    {"previousValue", "https://uri.etsi.org/ngsi-ld/hasPreviousValue"},
    {"previousValueList", "https://uri.etsi.org/ngsi-ld/hasPreviousValueList"},
    {"previousVocab", "https://uri.etsi.org/ngsi-ld/hasPreviousVocab"},
    {"splitEntities", "https://uri.etsi.org/ngsi-ld/hasSplitEntities"},
    {"title", "http://purl.org/dc/terms/title"},
    {"value", "https://uri.etsi.org/ngsi-ld/hasValue"},
    {"valueList", "https://uri.etsi.org/ngsi-ld/hasValueList"},
    {"valueLists", "https://uri.etsi.org/ngsi-ld/hasValueLists"},
    {"valueType", "https://uri.etsi.org/ngsi-ld/hasValueType"},
    {"values", "https://uri.etsi.org/ngsi-ld/hasValues"},
    {"vocab", "https://uri.etsi.org/ngsi-ld/hasVocab"},
    {"vocabs", "https://uri.etsi.org/ngsi-ld/hasVocabs"},
};

struct core_terms {
    GHashTable *iri_of;  /* term to IRI */
    GHashTable *term_of; /* IRI to term */
};

static void add_term(struct core_terms *c, char *term, char *iri)
{
    g_hash_table_insert(c->iri_of, term, iri);
    g_hash_table_insert(c->term_of, iri, term);
}

static void add_terms(struct core_terms *c, const char *names, const char *vocabulary)
{
    g_auto(GStrv) list = g_strsplit(names, " ", -1);
    for (char **name = list; *name != NULL; name++) {
        if (**name != '\0') {
            add_term(c, g_strdup(*name), g_strconcat(vocabulary, *name, NULL));
        }
    }
}

/* Made at the first use and kept for good. */
static const struct core_terms *core_terms(void)
{
    static struct core_terms terms;
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        terms.iri_of = g_hash_table_new(g_str_hash, g_str_equal);
        terms.term_of = g_hash_table_new(g_str_hash, g_str_equal);
        add_terms(&terms, plain_terms, LD_CORE_VOCABULARY);
        add_terms(&terms, geojson_terms, GEOJSON);
        for (size_t i = 0; i < G_N_ELEMENTS(other_terms); i++) {
            add_term(&terms, g_strdup(other_terms[i].term), g_strdup(other_terms[i].iri));
        }
        g_once_init_leave(&ready, 1);
    }
    return &terms;
}

const char *ld_core_iri(const char *name)
{
    return g_hash_table_lookup(core_terms()->iri_of, name);
}

const char *core_term_of_iri(const char *iri)
{
    return g_hash_table_lookup(core_terms()->term_of, iri);
}

const char *core_prefix(const char *name, size_t length)
{
    if (length == strlen("ngsi-ld") && memcmp(name, "ngsi-ld", length) == 0) {
        return LD_CORE_VOCABULARY;
    }
    if (length == strlen("geojson") && memcmp(name, "geojson", length) == 0) {
        return GEOJSON;
    }
    return NULL;
}
