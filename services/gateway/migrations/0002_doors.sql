-- What the doors keep beside jobs: files asked for, webhook messages sent, secrets to sign with, answers to repeat.

CREATE TABLE exports (
    export_id uuid PRIMARY KEY,
    job_id uuid NOT NULL,
    account_id text NOT NULL,
    run integer NOT NULL,
    format text NOT NULL,
    layout text NOT NULL,
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'completed', 'failed')),
    digest text,
    size_bytes bigint,
    rows integer,
    problem text,
    detail text,
    requested_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (job_id, run, format, layout)
);

CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    job_id uuid NOT NULL,
    message_id text NOT NULL,
    url text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'delivered', 'abandoned')),
    next_attempt_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deliveries_by_job ON deliveries (job_id);

CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL,
    attempt integer NOT NULL,
    attempted_at timestamptz NOT NULL,
    status integer,
    problem text,
    detail text,
    PRIMARY KEY (delivery_id, attempt)
);

CREATE TABLE webhook_secrets (
    account_id text PRIMARY KEY,
    version integer NOT NULL DEFAULT 1,
    sealed text NOT NULL,
    previous_sealed text,
    rotated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE idempotency_keys (
    account_id text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,                  -- SHA-256 of the request's fields and file contents
    owner uuid NOT NULL,                         -- the request that is working on it
    started_at timestamptz NOT NULL DEFAULT now(),
    status integer,
    answer jsonb,
    PRIMARY KEY (account_id, operation, key)
);
CREATE INDEX idempotency_keys_started ON idempotency_keys (started_at);

CREATE TABLE balances (
    account_id text PRIMARY KEY,
    balance bigint NOT NULL,
    held bigint NOT NULL,
    version bigint NOT NULL
);
