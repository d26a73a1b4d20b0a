-- Pages of results by what they are (failed, a success, a shop), each read off one index; what a later run brought.

DROP INDEX results_of_job_by_success;            -- the next one does its work too
CREATE INDEX results_of_job_by_kind ON results (job_id, success, store_image, created_at, seq);
DROP INDEX results_of_account;                   -- an account's results are found by its batches
CREATE INDEX results_of_later_runs ON results (job_id, run) WHERE run > 1;
CREATE INDEX reports_waiting ON reports (account_id, requested_at) WHERE state = 'requested';
