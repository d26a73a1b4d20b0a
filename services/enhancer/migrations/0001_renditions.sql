-- What was made already: the same source and recipe give the same output, whoever asks.

CREATE TABLE renditions (
    source_digest bytea NOT NULL,
    fingerprint bytea NOT NULL,                  -- of the recipe and the engine's version
    rendition jsonb NOT NULL,                    -- the blob as in the event
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_digest, fingerprint)
);
