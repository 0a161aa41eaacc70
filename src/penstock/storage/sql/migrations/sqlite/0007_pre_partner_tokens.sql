-- A client has several tokens while one of them takes the place of another. The hash in `links` is no longer read.
CREATE TABLE client_tokens (
    client_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    token_hash BLOB NOT NULL,
    created_at REAL NOT NULL,
    valid_until REAL,
    PRIMARY KEY (client_id, number)
) WITHOUT ROWID;
INSERT INTO client_tokens (client_id, number, token_hash, created_at) SELECT client_id, 1, token_hash, created_at FROM links;
UPDATE links SET token_hash = x'';
