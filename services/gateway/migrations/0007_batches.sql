-- Batches: jobs that are started, steered and looked into by chunks; what each of their images showed; reports of that.

ALTER TYPE job_state ADD VALUE 'pending' BEFORE 'awaiting_tokens';  -- accepted, and not started yet

ALTER TABLE images
    ADD COLUMN carried text[];                   -- what else the image's row says, by the batch's `columns`

CREATE TABLE batches (
    job_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    name text NOT NULL,
    description text,
    chunk_size integer NOT NULL CHECK (chunk_size > 0),
    chunks_total integer NOT NULL,
    columns text[] NOT NULL DEFAULT '{}',        -- names of what its images carry
    queued_at timestamptz,                       -- when it was last started, resumed or restarted
    started_at timestamptz,                      -- when the first image of the present run was let in
    processed_before integer NOT NULL DEFAULT 0, -- images that had ended by then
    note text,                                   -- what happened to it as a whole: the door's error_message
    retries integer NOT NULL DEFAULT 0,
    cloned_from uuid,
    results_succeeded integer NOT NULL DEFAULT 0,  -- rows in results: those of earlier runs stay until replaced
    results_failed integer NOT NULL DEFAULT 0,
    results_store_images integer NOT NULL DEFAULT 0,
    hidden_at timestamptz,                       -- soft-deleted
    delete_at timestamptz,                       -- when a soft-deleted one is deleted
    deleted_at timestamptz,                      -- gone for everybody; its rows are being removed
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX batches_by_account ON batches (account_id, created_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX batches_to_delete ON batches (delete_at) WHERE delete_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX batches_deleted ON batches (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE chunks (
    chunk_id uuid PRIMARY KEY,
    job_id uuid NOT NULL,
    number integer NOT NULL,                     -- from 1
    first_seq integer NOT NULL,
    images_total integer NOT NULL,
    images_succeeded integer NOT NULL DEFAULT 0,
    images_failed integer NOT NULL DEFAULT 0,
    images_cancelled integer NOT NULL DEFAULT 0,
    started_at timestamptz,
    completed_at timestamptz,
    UNIQUE (job_id, number),
    CHECK (images_succeeded + images_failed + images_cancelled <= images_total)
) WITH (fillfactor = 50);

CREATE TABLE results (
    image_id uuid PRIMARY KEY,
    job_id uuid NOT NULL,
    account_id text NOT NULL,
    seq integer NOT NULL,
    run integer NOT NULL,                        -- which run of the batch it is from; 0: taken over by a clone
    url text NOT NULL,
    success boolean NOT NULL,
    store_image boolean NOT NULL DEFAULT false,
    text_content text NOT NULL DEFAULT '',
    store_name text NOT NULL DEFAULT '',
    business_contact text NOT NULL DEFAULT '',
    image_description text NOT NULL DEFAULT '',
    problem text,
    detail text,
    provider text,
    model text,
    key_hint text,                               -- last characters of the provider's key
    cost_micros bigint NOT NULL DEFAULT 0,       -- millionths of a US dollar
    cache_hit boolean NOT NULL DEFAULT false,
    processing_seconds real,
    created_at timestamptz NOT NULL
);
CREATE INDEX results_of_job ON results (job_id, created_at, seq);
CREATE INDEX results_of_job_by_success ON results (job_id, success, created_at, seq);
CREATE INDEX results_of_account ON results (account_id, created_at);

CREATE TABLE problem_counts (
    job_id uuid NOT NULL,
    problem text NOT NULL,
    images integer NOT NULL CHECK (images >= 0), -- that have failed so in their latest run
    PRIMARY KEY (job_id, problem)
);

CREATE TABLE reports (
    export_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    fingerprint bytea NOT NULL,                  -- SHA-256 of what was asked for and of how far the results were
    format text NOT NULL,
    bundled boolean NOT NULL,
    file_name text NOT NULL,
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'completed', 'failed')),
    digest text,
    size_bytes bigint,
    rows integer,
    problem text,
    detail text,
    requested_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, fingerprint)
);

CREATE TABLE downloads (
    account_id text NOT NULL,
    format text NOT NULL,
    size_bytes bigint NOT NULL,
    downloaded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX downloads_by_account ON downloads (account_id, downloaded_at);

-- A batch as its callers see it. It is active while it is pending, queued or processing.
CREATE VIEW batch_overviews AS
SELECT job_id, batches.account_id, batches.name, description, chunk_size, chunks_total, columns, queued_at, started_at,
       processed_before, note, retries, cloned_from, results_succeeded, results_failed, results_store_images,
       hidden_at, delete_at, batches.created_at, jobs.updated_at, jobs.run, jobs.recipe, jobs.file_name,
       jobs.webhook_url, jobs.images_total, jobs.images_succeeded, jobs.images_failed, jobs.images_cancelled,
       jobs.in_flight, jobs.next_seq, jobs.state::text AS job_state,
       CASE
           WHEN hidden_at IS NOT NULL OR jobs.state IN ('cancelling', 'cancelled') THEN 'cancelled'
           WHEN jobs.state IN ('completed', 'failed') THEN 'completed'
           WHEN jobs.state::text = 'pending' THEN 'pending'  -- as text: the value is new in this transaction
           WHEN jobs.paused THEN 'paused'
           WHEN jobs.in_flight > 0 OR jobs.advanced_at >= queued_at THEN 'processing'
           ELSE 'queued'
       END AS status,
       CASE WHEN jobs.state = 'cancelling' THEN jobs.updated_at ELSE jobs.completed_at END AS completed_at
FROM batches JOIN jobs USING (job_id)
WHERE deleted_at IS NULL;
