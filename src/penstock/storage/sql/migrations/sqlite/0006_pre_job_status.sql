-- When a job came into the status that it has; without it, the job has been as it is since it was made.
ALTER TABLE jobs ADD COLUMN status_at REAL;
