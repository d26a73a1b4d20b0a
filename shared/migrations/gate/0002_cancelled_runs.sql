-- A cancellation says up to which run it holds: a job that is restarted goes on with the next one.

ALTER TABLE job_controls
    ADD COLUMN cancelled_run integer NOT NULL DEFAULT 0;  -- this run and earlier ones are cancelled
UPDATE job_controls SET cancelled_run = 2147483647 WHERE state = 'cancelled';
