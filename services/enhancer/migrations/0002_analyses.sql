-- What was analysed already: the same picture, asked in the same way, is not paid for twice by an account.

CREATE TABLE analyses (
    account_id text NOT NULL,
    source_digest bytea NOT NULL,
    fingerprint bytea NOT NULL,                  -- of the recipe, the provider and its model
    analysis jsonb NOT NULL,                     -- as in the event
    provider text NOT NULL,
    model text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, source_digest, fingerprint)
);
