-- The gateway's view of the world: jobs, their images, and what became of both. All status comes from here.

CREATE TYPE image_state AS ENUM ('pending', 'succeeded', 'failed', 'cancelled');
CREATE TYPE job_state AS ENUM ('awaiting_tokens', 'open', 'cancelling', 'completed', 'failed', 'cancelled');

CREATE TABLE jobs (
    job_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    kind text NOT NULL,
    state job_state NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    problem text,                                -- why the job as a whole did not run, e.g. tokens_declined
    run integer NOT NULL DEFAULT 1,              -- a retry of the failed images is the next run
    recipe jsonb NOT NULL,
    price_tokens integer NOT NULL DEFAULT 0,
    webhook_url text,
    webhook_secret_sealed text,                  -- the job's own, where it brought one
    file_name text NOT NULL,
    traceparent text NOT NULL,
    images_total integer NOT NULL,
    items_total integer NOT NULL,
    next_seq integer NOT NULL DEFAULT 0,         -- images before it were let into the pipeline, or needed not be
    in_flight integer NOT NULL DEFAULT 0 CHECK (in_flight >= 0),
    images_succeeded integer NOT NULL DEFAULT 0,
    images_failed integer NOT NULL DEFAULT 0,
    images_cancelled integer NOT NULL DEFAULT 0,
    items_ended integer NOT NULL DEFAULT 0,
    source_bytes bigint NOT NULL DEFAULT 0,
    rendition_bytes bigint NOT NULL DEFAULT 0,
    control_version integer NOT NULL DEFAULT 0,  -- counts pauses, resumptions and cancellations
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    CHECK (images_succeeded + images_failed + images_cancelled <= images_total),
    CHECK (items_ended <= items_total)
) WITH (fillfactor = 50);                        -- counters change with every gathered commit
CREATE INDEX jobs_to_dispatch ON jobs (created_at) WHERE state IN ('open', 'cancelling');
CREATE INDEX jobs_by_account ON jobs (account_id, created_at);

CREATE TABLE images (
    image_id uuid PRIMARY KEY,
    job_id uuid NOT NULL,
    seq integer NOT NULL,
    item integer NOT NULL,
    item_key text NOT NULL,
    item_name text NOT NULL,
    position integer NOT NULL,
    item_size integer NOT NULL,
    source_url text NOT NULL,
    repeated boolean NOT NULL DEFAULT false,     -- other images of the job name the same source
    run integer NOT NULL DEFAULT 1,
    state image_state NOT NULL DEFAULT 'pending',
    digest text,
    format text,
    width integer,
    height integer,
    source_bytes bigint,
    rendition_bytes bigint,
    cache_hit boolean,
    problem text,
    detail text,
    attempts integer NOT NULL DEFAULT 0,
    fetch_seconds real,
    enhance_seconds real,
    ended_at timestamptz,
    UNIQUE (job_id, seq)
) WITH (fillfactor = 70);                        -- each image is updated once, on its own page
