/* SPDX-License-Identifier: Apache-2.0 */
/* The named maximum of everything that a peer can make grow. docs/limits.md is held against this file by a
 * test. */
#pragma once

enum {
    LIMIT_BODY = 16 << 20,       /* bytes of one HTTP request body */
    LIMIT_UPLOAD = 512 << 20,    /* bytes of one uploaded file (CSV import); streamed to disk */
    LIMIT_ATTACHMENT = 20 << 20, /* bytes of one attachment of a case */
    LIMIT_JSON_DEPTH = 64,       /* nesting of arrays and objects */
    LIMIT_MQTT_PACKET = 1 << 20, /* bytes of one MQTT packet */
    LIMIT_ID = 2048,             /* bytes of an entity id (a URI) */
    LIMIT_NAME = 512,            /* bytes of an attribute or type name as sent */
    LIMIT_ENTITY = 1 << 20,      /* bytes of one stored entity */
    LIMIT_ATTRIBUTES = 1000,     /* attributes of one entity */
    LIMIT_BATCH = 10000,         /* entities of one batch operation */
    LIMIT_PAGE = 1000,           /* results of one page */
    LIMIT_PAGE_DEFAULT = 20,
    LIMIT_ORDER_KEYS = 10,            /* keys of one orderBy */
    LIMIT_ORDERED = 100000,           /* offset + limit of an ordered query */
    LIMIT_ORDER_BYTES = 64 << 20,     /* bytes that ordering one query may keep */
    LIMIT_ORDER_TEXT = 1024,          /* bytes of a text that ordering looks at */
    LIMIT_JOIN_LEVEL = 10,            /* joinLevel */
    LIMIT_LINKED = 5000,              /* linked entities in one answer */
    LIMIT_LINKED_BYTES = 64 << 20,    /* bytes of linked entities read for one answer */
    LIMIT_EXPORT = 100000,            /* rows of one list as CSV */
    LIMIT_QUERY_NODES = 200,          /* terms of one q expression */
    LIMIT_COORDINATES = 100000,       /* positions of one geometry */
    LIMIT_WRITE_QUEUE = 4096,         /* write jobs waiting; beyond it 429 with Retry-After */
    LIMIT_REQUEST_MEMORY = 512 << 20, /* bytes of bodies and replies under way, of all clients together */
    LIMIT_REPLY_SECONDS = 30,         /* for a client to take 2 MiB of a reply; more for a longer one */
    LIMIT_STREAMS = 2000,             /* live streams open at once */
    LIMIT_SUBSCRIPTIONS = 20000,
    LIMIT_SOURCE_SUBSCRIPTIONS = 1000,
    LIMIT_REGISTRATIONS = 10000,    /* context source registrations of one space */
    LIMIT_DELIVERIES = 20,          /* attempts to notify that are remembered of one subscription */
    LIMIT_DELIVERIES_ALL = 50000,   /* and of all of a space; the oldest go first */
    LIMIT_PACK_FILE = 1 << 20,      /* bytes of one YAML file */
    LIMIT_PACK_NODES = 100000,      /* nodes of one YAML file, aliases expanded */
    LIMIT_TEXT = 20000,             /* bytes of one comment or form field */
    LIMIT_TEMPORAL_POINTS = 100000, /* instances in one temporal answer */
    LIMIT_TEMPORAL_FILTER =
        1000000,        /* instances of one entity that q, georel and scopeQ of a temporal query look at */
    LIMIT_EXPORTS = 16, /* files of histories being made at once */
    LIMIT_EXPORT_COLUMNS = 500,        /* columns of one of them */
    LIMIT_TYPES = 100,                 /* types of one entity, scopes of one entity */
    LIMIT_ATTRIBUTE_DEPTH = 5,         /* levels of attributes of attributes */
    LIMIT_SCAN_SILENT = 1000,          /* entities that a query may look at in vain without saying so */
    LIMIT_INDEXES = 500,               /* indexed attributes of all packs together */
    LIMIT_QUERY_IDS = 1000,            /* ids in one query */
    LIMIT_SELECTORS = 100,             /* elements of "entities" in one query */
    LIMIT_PATTERN = 500,               /* bytes of one idPattern */
    LIMIT_CONTEXTS = 1000,             /* kept @contexts */
    LIMIT_CONTEXTS_FETCHED = 500,      /* of them, fetched from other servers; the least used goes first */
    LIMIT_CONTEXT_LENGTH = 1 << 20,    /* bytes of one hosted @context */
    LIMIT_CONTEXT_TERMS = 20000,       /* terms of one @context */
    LIMIT_CONTEXT_PARTS = 100,         /* elements of one @context array */
    LIMIT_REJECTIONS = 1000000,        /* rejected MQTT messages kept; the oldest go first */
    LIMIT_PACKS = 200,                 /* packs of one hub */
    LIMIT_PACK_FILES = 200,            /* YAML files of one pack */
    LIMIT_PACK_MISTAKES = 500,         /* mistakes of a set of packs that are listed */
    LIMIT_CSV_ROW = 1 << 20,           /* bytes of one CSV row */
    LIMIT_CSV_FIELDS = 1000,           /* fields of one CSV row */
    LIMIT_IMPORTS = 500,               /* finished imports that are remembered; the oldest go first */
    LIMIT_IMPORT_REJECTED = 100000,    /* rejected rows of one import that are listed; all are counted */
    LIMIT_TENANTS = 200,               /* tenants beside the default one */
    LIMIT_TENANT_NAME = 64,            /* bytes of the name of one */
    LIMIT_SNAPSHOTS = 100,             /* snapshots of all tenants */
    LIMIT_SNAPSHOT_QUERIES = 20,       /* queries of one, and entries of its receiverInfo */
    LIMIT_SNAPSHOT_ENTITIES = 1000000, /* entities of one */
    LIMIT_SNAPSHOT_DAYS = 30,          /* of its lifetime; what asks for more gets this */
    LIMIT_OPEN_SPACES = 32,            /* tenants and snapshots kept open though nothing is at work in them */

    LIMIT_FORWARD_ANSWER = 8 << 20,  /* bytes of one answer of a context source */
    LIMIT_GATHERED = 64 << 20,       /* bytes of the answers of sources that one request gathers */
    LIMIT_GATHERED_ALL = 512 << 20,  /* and of all requests at one time */
    LIMIT_FORWARD_CACHE = 32 << 20,  /* bytes of answers kept for registrations with a cacheDuration */
    LIMIT_FORWARD_CACHED = 2000,     /* and how many */
    LIMIT_GATHERED_ENTITIES = 10000, /* entities read from one source for one query */
    LIMIT_ENTITY_MAP = 100000,       /* entities of one entity map, or of one query over several sources */
    LIMIT_ENTITY_MAPS_ALL = 1000000, /* entities of all entity maps; the oldest maps go first */
    LIMIT_ENTITY_MAPS = 1000,        /* entity maps */
};
