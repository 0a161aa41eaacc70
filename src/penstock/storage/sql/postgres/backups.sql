-- name: begin
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: patience
-- Rows are fetched as fast as the disk takes them, however long that is.
SELECT set_config('statement_timeout', '0', false), set_config('idle_in_transaction_session_timeout', '0', false)

-- name: applied
SELECT number, name FROM migrations ORDER BY number

-- name: columns
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = to_regclass(format('%I', :table_name::text)) AND attnum > 0 AND NOT attisdropped ORDER BY attnum

-- name: in_flight
-- Not those that a deleted pipeline has left.
SELECT count(*) FROM executions
WHERE status IN ('InProgress', 'Stopping')
    AND EXISTS (SELECT 1 FROM pipelines WHERE pipelines.account = executions.account AND pipelines.id = pipeline_id)

-- name: files
SELECT file FROM objects WHERE file <> '' AND bucket <> :reserved
UNION
SELECT file FROM upload_parts

-- name: tables_there
-- Whatever there is under the names that this connection would use, but for what extensions have brought.
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND NOT EXISTS (
        SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
    )
ORDER BY relname
