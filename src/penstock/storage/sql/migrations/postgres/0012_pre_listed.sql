-- What a listing shows of pipelines that were there before. Servers are at work meanwhile, and wait for what is locked here. So
-- pipelines that one of them holds are left as they are, and those beyond the first ten thousand; so are those whose declaration has
-- the character that PostgreSQL has no place for. Until its next version, such a pipeline's declaration is read for each listing.
WITH taken AS MATERIALIZED (
    SELECT account, id, version FROM pipelines WHERE listed_version <> version
    ORDER BY account, id LIMIT 10000
    FOR NO KEY UPDATE SKIP LOCKED
), known AS MATERIALIZED (
    SELECT taken.account, taken.id, taken.version, convert_from(document, 'UTF8')::jsonb -> 'declaration' AS declaration
    FROM taken
    JOIN pipeline_versions ON pipeline_versions.account = taken.account AND pipeline_versions.pipeline_id = taken.id
        AND pipeline_versions.number = taken.version
    WHERE position('\x5c7530303030'::bytea IN document) = 0
)
UPDATE pipelines
SET listed_version = known.version,
    listed = convert_to(
        jsonb_build_object(
            'declaration', jsonb_build_object(
                'pipelineType', declaration -> 'pipelineType', 'executionMode', declaration -> 'executionMode'
            )
        )::text,
        'UTF8'
    )
FROM known WHERE pipelines.account = known.account AND pipelines.id = known.id;
