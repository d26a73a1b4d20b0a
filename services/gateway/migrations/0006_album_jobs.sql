-- What albums' jobs need beside: their sources whatever becomes of the uploads, what was put away, answers to repeat.

ALTER TABLE images
    ADD COLUMN source_blob jsonb,                -- its bytes as in the event, where they were here already: an upload's
    ADD COLUMN hidden_at timestamptz;            -- its owner deleted it from his lists; the books keep it

ALTER TABLE idempotency_keys
    ADD COLUMN job_id uuid;                      -- the job that its answer is told from
CREATE INDEX idempotency_keys_of_job ON idempotency_keys (job_id) WHERE job_id IS NOT NULL;
