-- Of an object in a store that does not tell of changes: what was seen there last, empty before the first look, and when to look
-- again.
ALTER TABLE watches ADD COLUMN seen TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE watches ADD COLUMN look_at DOUBLE PRECISION NOT NULL DEFAULT 0;
CREATE INDEX watches_by_look ON watches (look_at);
