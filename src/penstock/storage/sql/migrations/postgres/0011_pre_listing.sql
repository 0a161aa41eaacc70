-- What a listing shows of a pipeline's declaration, in the form of the version's document, and of which version that is: where it is
-- not the newest, since a server of an earlier release has made that, it does not count.
ALTER TABLE pipelines ADD COLUMN listed_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pipelines ADD COLUMN listed BYTEA;
