-- name: list_objects
SELECT account, bucket, key, version_id, last_modified, size, etag, file, content_type, metadata, headers,
       checksum_algorithm, checksum_value, checksum_kind, part_sizes, upload_id, is_latest, is_delete_marker, rank
FROM objects
WHERE account = :account AND bucket = :bucket AND key >= :start AND key < :end
  AND is_latest = 1 AND is_delete_marker = 0
ORDER BY key LIMIT :limit;

-- name: named_files
-- The OFFSETs keep the planner from gathering all files there are, to look the asked ones up among them.
SELECT asked.file
FROM json_array_elements_text(:files::json) AS asked (file)
WHERE EXISTS (SELECT 1 FROM objects WHERE objects.file = asked.file AND objects.file <> '' OFFSET 0)
   OR EXISTS (SELECT 1 FROM upload_parts WHERE upload_parts.file = asked.file OFFSET 0);
