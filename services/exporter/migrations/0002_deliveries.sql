-- Webhook messages, who signs them, and every attempt to hand them over.

CREATE TABLE endpoints (
    account_id text PRIMARY KEY,
    version integer NOT NULL,
    secrets_sealed text NOT NULL,                -- Fernet tokens, the newest first, separated by spaces
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    job_id uuid NOT NULL,
    run integer NOT NULL,
    is_resend boolean NOT NULL DEFAULT false,    -- asked for by hand: the same message once more
    message_id text NOT NULL,
    url text NOT NULL,
    body bytea NOT NULL,
    secrets_sealed text,                         -- the job's own; NULL: the account's sign
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'abandoned')),
    attempts integer NOT NULL DEFAULT 0,         -- that were recorded
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX deliveries_one_per_run ON deliveries (job_id, run) WHERE NOT is_resend;
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'pending';

CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL REFERENCES deliveries,
    attempt integer NOT NULL,
    attempted_at timestamptz NOT NULL,
    seconds double precision NOT NULL,
    status integer,
    problem text,
    detail text NOT NULL,
    PRIMARY KEY (delivery_id, attempt)
);
