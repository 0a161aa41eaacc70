-- What the log of a run takes up with this piece: so its size is known without adding up.
ALTER TABLE job_logs ADD COLUMN total_bytes BIGINT NOT NULL DEFAULT 0;

-- Uploads that nobody has completed for long, of all accounts.
CREATE INDEX uploads_by_age ON uploads (initiated_at);
