-- Batches that count for the limit of active ones are found without a look at the others.

CREATE INDEX jobs_active_batches ON jobs (account_id) WHERE kind = 'batch' AND state = 'open' AND NOT paused;
