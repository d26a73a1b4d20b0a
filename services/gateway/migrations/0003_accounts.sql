-- Who may call: accounts, the digests of their keys, and how often they have called of late.

CREATE TABLE accounts (
    account_id text PRIMARY KEY CHECK (account_id ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    key_id uuid PRIMARY KEY,
    account_id text NOT NULL REFERENCES accounts,
    handle text NOT NULL UNIQUE,                 -- the key's first characters: they find it, and people know it by them
    digest bytea NOT NULL,                       -- SHA-256 of the whole key, which is kept nowhere
    label text NOT NULL DEFAULT '',
    admin boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_by_account ON api_keys (account_id, created_at);

-- Lost when the database server crashes, which forgives the calls of the last hour.
CREATE UNLOGGED TABLE rate_windows (
    account_id text NOT NULL,
    policy text NOT NULL,
    started_at timestamptz NOT NULL,
    calls integer NOT NULL,
    PRIMARY KEY (account_id, policy)
);
