-- How every image ended, and the files that were built from that.

CREATE TABLE jobs (
    job_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    kind text NOT NULL,
    run integer NOT NULL,                        -- the newest that was submitted
    images_total integer NOT NULL,
    webhook_url text,
    secrets_sealed text,                         -- the job's own, as in endpoints; NULL: the account's sign
    completed_run integer NOT NULL DEFAULT 0     -- the newest whose results are all here
);

CREATE TABLE results (
    job_id uuid NOT NULL,
    seq integer NOT NULL,
    run integer NOT NULL,                        -- which run of the job ended so
    account_id text NOT NULL,
    image_id uuid NOT NULL,
    item integer NOT NULL,
    item_key text NOT NULL,
    item_name text NOT NULL,
    position integer NOT NULL,
    item_size integer NOT NULL,
    source_url text NOT NULL,
    state text NOT NULL CHECK (state IN ('succeeded', 'failed', 'cancelled')),
    blob text,                                   -- the rendition's digest
    format text,                                 -- the rendition's
    problem text,
    detail text,
    attempts integer NOT NULL,
    source_bytes bigint,
    output_bytes bigint,
    PRIMARY KEY (job_id, seq),
    CHECK ((state = 'succeeded') = (blob IS NOT NULL AND format IS NOT NULL))
);

CREATE TABLE exports (
    export_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    job_id uuid NOT NULL,
    run integer NOT NULL,
    format text NOT NULL,
    layout text NOT NULL,
    digest text NOT NULL,
    size_bytes bigint NOT NULL,
    rows integer NOT NULL,
    built_at timestamptz NOT NULL DEFAULT now()
);
