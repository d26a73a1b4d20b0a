-- What was fetched for sources that several images of a job name, so that each is fetched once.

CREATE TABLE fetches (
    job_id uuid NOT NULL,
    run integer NOT NULL,
    url_digest bytea NOT NULL,                   -- SHA-256 of the URL: URLs are long
    claimed_by uuid NOT NULL,                    -- the image on whose behalf it is fetched
    claimed_until timestamptz NOT NULL,          -- another image may take over after that
    blob jsonb,                                  -- what was found, as in the event
    problem text,                                -- or why nothing was
    detail text,
    PRIMARY KEY (job_id, run, url_digest)
);
