-- Which jobs are paused or cancelled, for services that must not spend on their images.

CREATE TABLE job_controls (
    job_id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('paused', 'running', 'cancelled')),
    version integer NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
