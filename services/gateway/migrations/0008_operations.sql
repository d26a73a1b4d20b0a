-- What operators see: each service's processes as they last reported themselves.

CREATE TABLE service_reports (
    instance_id uuid PRIMARY KEY,
    service text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    reported_at timestamptz NOT NULL,            -- by the process' own clock
    outbox_rows integer NOT NULL,
    outbox_oldest_at timestamptz,
    retries_waiting integer NOT NULL,
    settings jsonb NOT NULL,
    heard_at timestamptz NOT NULL DEFAULT now()
);
