-- What images of batches showed, as reports tell it; jobs that take over results of others, and jobs that are gone.

ALTER TABLE jobs
    ADD COLUMN columns jsonb NOT NULL DEFAULT '[]';  -- names of what the job's images carry

ALTER TABLE results
    DROP CONSTRAINT results_check,               -- an analysed image succeeds without a rendition
    ADD CONSTRAINT results_rendition CHECK (
        (blob IS NULL) = (format IS NULL) AND (state = 'succeeded' OR blob IS NULL)
    );

ALTER TABLE exports
    ALTER COLUMN job_id DROP NOT NULL,           -- NULL: a report, that may be about many jobs
    ALTER COLUMN run DROP NOT NULL;
CREATE INDEX exports_of_job ON exports (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX deliveries_of_job ON deliveries (job_id);

-- A table of its own, so that results of other kinds cost nothing more, and because a finding outlives the
-- cancellation of a later run.
CREATE TABLE findings (
    job_id uuid NOT NULL,
    seq integer NOT NULL,
    run integer NOT NULL,                        -- which run it is from; 0: taken over by a clone
    account_id text NOT NULL,
    image_id uuid NOT NULL,
    url text NOT NULL,
    success boolean NOT NULL,
    store_image boolean NOT NULL,
    text_content text NOT NULL,
    store_name text NOT NULL,
    business_contact text NOT NULL,
    image_description text NOT NULL,
    problem text,
    detail text,
    provider text,
    model text,
    key_hint text,                               -- last characters of the provider's key
    cost_micros bigint NOT NULL,                 -- millionths of a US dollar
    cache_hit boolean NOT NULL,
    processing_seconds double precision NOT NULL,
    carried jsonb NOT NULL,                      -- texts, by the job's columns
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, seq)
);
CREATE INDEX findings_in_time ON findings (job_id, ended_at, seq) INCLUDE (run);

CREATE TABLE clones (
    job_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    original_id uuid NOT NULL,
    results_copied integer NOT NULL,             -- results that the original must have before they are copied
    stretches int4multirange,                    -- of `seq`, where these are; NULL: wherever there are some
    copied_seq integer NOT NULL DEFAULT -1,      -- how far they were
    created_at timestamptz NOT NULL DEFAULT now(),
    next_copy_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX clones_of_original ON clones (original_id);

CREATE TABLE deleted_jobs (
    job_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,                       -- from when on nothing of it is taken in any more
    swept_seq integer NOT NULL DEFAULT 0,        -- how far the present sweep is
    next_sweep_at timestamptz DEFAULT now()      -- NULL: nothing is left of it
);
CREATE INDEX deleted_jobs_to_sweep ON deleted_jobs (next_sweep_at) WHERE next_sweep_at IS NOT NULL;
