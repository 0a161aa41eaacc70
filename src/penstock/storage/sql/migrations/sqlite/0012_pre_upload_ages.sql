-- Uploads that nobody has completed for long, of all accounts.
CREATE INDEX uploads_by_age ON uploads (initiated_at);
