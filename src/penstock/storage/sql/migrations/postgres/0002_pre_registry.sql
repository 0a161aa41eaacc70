-- Action types, tags, and who may call. Partner types are everybody's, and a type key, an access key and a client id are looked
-- for by those who do not know the account.

CREATE TABLE action_types (
    type_key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    deleted_at DOUBLE PRECISION,
    document BYTEA NOT NULL
);

CREATE TABLE tags (
    account TEXT COLLATE "C" NOT NULL,
    arn TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, arn, key)
);

CREATE TABLE links (
    account TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, provider, version)
);
CREATE INDEX links_by_client ON links (client_id);

-- A client has several tokens while one of them takes the place of another.
CREATE TABLE client_tokens (
    client_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    token_hash BYTEA NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    valid_until DOUBLE PRECISION,
    PRIMARY KEY (client_id, number)
);

-- Principals apart from their keys: a role has none. The id is never given again, though the name may be.
CREATE TABLE principals (
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    arn TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('user', 'role')),
    policies BYTEA NOT NULL,
    trust BYTEA NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, name)
);
CREATE UNIQUE INDEX principals_by_id ON principals (id);

CREATE TABLE keys (
    access_key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    created_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX keys_by_name ON keys (account, name);

-- The keys that have sealed what is in this database, by their ids; the keys themselves lie elsewhere.
CREATE TABLE sealing_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since DOUBLE PRECISION NOT NULL,
    unused_since DOUBLE PRECISION
);

-- Sealed secrets of the installation's own.
CREATE TABLE server_secrets (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    secret TEXT COLLATE "C" NOT NULL
);
