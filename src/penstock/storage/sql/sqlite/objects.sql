-- name: list_objects
-- Without the hint the planner walks the table, and with it all old versions and delete markers.
SELECT account, bucket, key, version_id, last_modified, size, etag, file, content_type, metadata, headers,
       checksum_algorithm, checksum_value, checksum_kind, part_sizes, upload_id, is_latest, is_delete_marker, rank
FROM objects INDEXED BY objects_current
WHERE account = :account AND bucket = :bucket AND key >= :start AND key < :end
  AND is_latest = 1 AND is_delete_marker = 0
ORDER BY key LIMIT :limit;

-- name: named_files
SELECT asked.value
FROM json_each(:files) AS asked
WHERE EXISTS (SELECT 1 FROM objects WHERE file = asked.value AND file <> '')
   OR EXISTS (SELECT 1 FROM upload_parts WHERE file = asked.value);
