-- What the log of a run takes up with this piece: so its size is known without adding up. Logs from before count as empty.
ALTER TABLE job_logs ADD COLUMN total_bytes INTEGER NOT NULL DEFAULT 0;
