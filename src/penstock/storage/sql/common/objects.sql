-- name: create_bucket
INSERT INTO buckets (account, name, region, created_at, versioning)
VALUES (:account, :name, :region, :created_at, :versioning)
ON CONFLICT (account, name) DO NOTHING;

-- name: find_bucket
SELECT account, region, name, created_at, versioning
FROM buckets
WHERE account = :account AND name = :name;

-- name: list_buckets
SELECT account, region, name, created_at, versioning
FROM buckets
WHERE account = :account AND name >= :start AND name < :end
ORDER BY name LIMIT :limit;

-- name: set_versioning
UPDATE buckets SET versioning = :versioning WHERE account = :account AND name = :name;

-- name: delete_bucket
DELETE FROM buckets WHERE account = :account AND name = :name;

-- name: bucket_has_objects
SELECT EXISTS (SELECT 1 FROM objects WHERE account = :account AND bucket = :name);

-- name: find_current
SELECT account, bucket, key, version_id, last_modified, size, etag, file, content_type, metadata, headers,
       checksum_algorithm, checksum_value, checksum_kind, part_sizes, upload_id, is_latest, is_delete_marker, rank
FROM objects
WHERE account = :account AND bucket = :bucket AND key = :key
ORDER BY rank LIMIT 1;

-- name: find_version
SELECT account, bucket, key, version_id, last_modified, size, etag, file, content_type, metadata, headers,
       checksum_algorithm, checksum_value, checksum_kind, part_sizes, upload_id, is_latest, is_delete_marker, rank
FROM objects
WHERE account = :account AND bucket = :bucket AND key = :key AND version_id = :version_id;

-- name: list_versions
SELECT account, bucket, key, version_id, last_modified, size, etag, file, content_type, metadata, headers,
       checksum_algorithm, checksum_value, checksum_kind, part_sizes, upload_id, is_latest, is_delete_marker, rank
FROM objects
WHERE account = :account AND bucket = :bucket AND (key, rank) > (:start, :rank) AND key < :end
ORDER BY key, rank LIMIT :limit;

-- name: rank_of_version
-- Version ids grow with time: if the version itself has gone, the oldest one newer than it stands in for it.
SELECT max(rank)
FROM objects
WHERE account = :account AND bucket = :bucket AND key = :key
  AND (version_id = :version_id
       OR (version_id > :version_id AND version_id <> 'null' AND :version_id <> 'null'));

-- name: insert_object
INSERT INTO objects (account, bucket, key, version_id, last_modified, size, etag, file, content_type, metadata, headers,
       checksum_algorithm, checksum_value, checksum_kind, part_sizes, upload_id, is_latest, is_delete_marker, rank)
VALUES (:account, :bucket, :key, :version_id, :last_modified, :size, :etag, :file, :content_type, :metadata, :headers,
        :checksum_algorithm, :checksum_value, :checksum_kind, :part_sizes, :upload_id, 1, :is_delete_marker, :rank);

-- name: supersede_version
UPDATE objects SET is_latest = 0
WHERE account = :account AND bucket = :bucket AND key = :key AND rank = :rank;

-- name: promote_version
UPDATE objects SET is_latest = 1
WHERE account = :account AND bucket = :bucket AND key = :key
  AND rank = (SELECT min(o.rank) FROM objects AS o
              WHERE o.account = :account AND o.bucket = :bucket AND o.key = :key);

-- name: delete_version
DELETE FROM objects
WHERE account = :account AND bucket = :bucket AND key = :key AND version_id = :version_id
RETURNING file, is_latest, is_delete_marker;

-- name: create_upload
INSERT INTO uploads (account, bucket, key, upload_id, initiated_at, content_type, metadata, headers, checksum_algorithm, checksum_kind)
VALUES (:account, :bucket, :key, :upload_id, :initiated_at, :content_type, :metadata, :headers, :checksum_algorithm,
        :checksum_kind);

-- name: is_full_of_uploads
SELECT 1 FROM uploads WHERE account = :account AND bucket = :bucket LIMIT 1 OFFSET :allowed;

-- name: is_key_full_of_uploads
SELECT 1 FROM uploads WHERE account = :account AND bucket = :bucket AND key = :key LIMIT 1 OFFSET :allowed;

-- name: stale_uploads
SELECT account, bucket, key, upload_id, initiated_at, content_type, metadata, headers, checksum_algorithm, checksum_kind
FROM uploads
WHERE initiated_at < :before
ORDER BY initiated_at LIMIT :limit;

-- name: find_upload
SELECT account, bucket, key, upload_id, initiated_at, content_type, metadata, headers, checksum_algorithm, checksum_kind
FROM uploads
WHERE account = :account AND bucket = :bucket AND key = :key AND upload_id = :upload_id;

-- name: list_uploads
SELECT account, bucket, key, upload_id, initiated_at, content_type, metadata, headers, checksum_algorithm, checksum_kind
FROM uploads
WHERE account = :account AND bucket = :bucket AND (key, upload_id) > (:start, :after) AND key < :end
ORDER BY key, upload_id LIMIT :limit;

-- name: delete_upload
DELETE FROM uploads
WHERE account = :account AND bucket = :bucket AND key = :key AND upload_id = :upload_id;

-- name: find_part_file
SELECT file FROM upload_parts WHERE account = :account AND upload_id = :upload_id AND number = :number;

-- name: put_part
INSERT INTO upload_parts (account, upload_id, number, size, etag, file, last_modified, checksum_algorithm, checksum_value, checksum_kind)
VALUES (:account, :upload_id, :number, :size, :etag, :file, :last_modified, :checksum_algorithm, :checksum_value,
        :checksum_kind)
ON CONFLICT (account, upload_id, number) DO UPDATE SET
    size = excluded.size, etag = excluded.etag, file = excluded.file, last_modified = excluded.last_modified,
    checksum_algorithm = excluded.checksum_algorithm, checksum_value = excluded.checksum_value,
    checksum_kind = excluded.checksum_kind;

-- name: list_parts
SELECT upload_id, number, size, etag, file, last_modified, checksum_algorithm, checksum_value, checksum_kind
FROM upload_parts
WHERE account = :account AND upload_id = :upload_id AND number > :after
ORDER BY number LIMIT :limit;

-- name: part_files
SELECT file FROM upload_parts WHERE account = :account AND upload_id = :upload_id;

-- name: delete_parts
DELETE FROM upload_parts WHERE account = :account AND upload_id = :upload_id;

-- name: bucket_part_files
SELECT p.file
FROM uploads AS u JOIN upload_parts AS p ON p.account = u.account AND p.upload_id = u.upload_id
WHERE u.account = :account AND u.bucket = :name;

-- name: delete_bucket_parts
DELETE FROM upload_parts
WHERE account = :account
  AND upload_id IN (SELECT upload_id FROM uploads WHERE account = :account AND bucket = :name);

-- name: delete_bucket_uploads
DELETE FROM uploads WHERE account = :account AND bucket = :name;
