-- The two ends of exactly-once effects, in every service's schema: what is still to be said, and what was already done.

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    traceparent text NOT NULL,
    body bytea NOT NULL,
    queue text,                                  -- straight to this queue (a retry, a dead letter); NULL: to the exchange
    attempt integer NOT NULL DEFAULT 1,
    first_attempt_at timestamptz,
    reason text,                                 -- why it is tried again or was given up
    waiting_for text,                            -- a job that must be resumed first
    available_at timestamptz NOT NULL
);
CREATE INDEX outbox_available ON outbox (available_at);
CREATE INDEX outbox_waiting ON outbox (waiting_for) WHERE waiting_for IS NOT NULL;

CREATE TABLE inbox (
    event_id uuid PRIMARY KEY,
    handled_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_handled ON inbox USING brin (handled_at);
