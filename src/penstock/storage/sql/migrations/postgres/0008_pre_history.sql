-- Ended jobs by age, to be deleted in the end. An entry is made once, when a job ends, at the end of the index.
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
