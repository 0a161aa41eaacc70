-- name: begin
BEGIN

-- name: schema
SELECT max(number) FROM migrations

-- name: tables
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> 'migrations'
ORDER BY name

-- name: columns
SELECT name FROM pragma_table_info(:table_name) ORDER BY cid

-- name: in_flight
-- Not those that a deleted pipeline has left.
SELECT count(*) FROM executions
WHERE status IN ('InProgress', 'Stopping')
    AND EXISTS (SELECT 1 FROM pipelines WHERE pipelines.account = executions.account AND pipelines.id = pipeline_id)

-- name: files
SELECT file FROM objects WHERE file <> '' AND bucket <> :reserved
UNION
SELECT file FROM upload_parts

-- name: needed_sealing_keys
SELECT id FROM sealing_keys WHERE unused_since IS NULL ORDER BY since, id

-- name: open_pipelines
SELECT account, id FROM pipelines
WHERE EXISTS (
    SELECT 1 FROM executions
    WHERE executions.account = pipelines.account AND pipeline_id = pipelines.id AND status IN ('InProgress', 'Stopping')
)
ORDER BY account, region, name
