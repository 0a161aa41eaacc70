-- What a listing shows of a pipeline's declaration, in the form of the version's document, and of which version that is: where it is
-- not the newest, it does not count.
ALTER TABLE pipelines ADD COLUMN listed_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipelines ADD COLUMN listed BLOB;
UPDATE pipelines SET (listed_version, listed) = (
    SELECT
        number,
        CAST(
            json_object(
                'declaration', json_object(
                    'pipelineType', json_extract(CAST(document AS TEXT), '$.declaration.pipelineType'),
                    'executionMode', json_extract(CAST(document AS TEXT), '$.declaration.executionMode')
                )
            ) AS BLOB
        )
    FROM pipeline_versions
    WHERE pipeline_versions.account = pipelines.account AND pipeline_versions.pipeline_id = pipelines.id
        AND pipeline_versions.number = pipelines.version
)
WHERE EXISTS (
    SELECT 1 FROM pipeline_versions
    WHERE pipeline_versions.account = pipelines.account AND pipeline_versions.pipeline_id = pipelines.id
        AND pipeline_versions.number = pipelines.version AND json_valid(CAST(document AS TEXT))
);
