-- A pipeline's own watches, for whoever changes or deletes it.
CREATE INDEX watches_of_pipeline ON watches (account, pipeline_id);
