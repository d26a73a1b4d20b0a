-- Providers' keys, and how often each may be used: one budget for all replicas that outlives every one of them.

CREATE TABLE provider_keys (
    digest bytea PRIMARY KEY,                    -- SHA-256 of provider and key; the key itself is kept nowhere
    provider text NOT NULL,
    hint text NOT NULL,                          -- its last four characters
    allowance real NOT NULL CHECK (allowance >= 1), -- so many of its slots may be used now
    slowed_at timestamptz,                       -- when the allowance was last lowered
    resting_until timestamptz,                   -- no request before: a named Retry-After, a day's quota
    refused_until timestamptz,                   -- the provider does not take the key; then one request tries it
    configured_at timestamptz NOT NULL DEFAULT now()
);

-- A key has as many slots as requests in a window. Each is used at most once in any window, so the key is not either
-- used more often than that, whoever counts and from whenever.
CREATE TABLE provider_slots (
    key_digest bytea NOT NULL REFERENCES provider_keys (digest) ON DELETE CASCADE,
    slot integer NOT NULL,
    used_at timestamptz NOT NULL DEFAULT 'epoch', -- the latest that its last request can have reached the provider
    PRIMARY KEY (key_digest, slot)
) WITH (fillfactor = 50);

CREATE TABLE provider_usage (
    day date NOT NULL,                           -- in UTC
    key_digest bytea NOT NULL,
    provider text NOT NULL,
    key_hint text NOT NULL,
    requests bigint NOT NULL,
    refused bigint NOT NULL,                     -- of them: for the key's sake, its quota included
    images bigint NOT NULL,                      -- of them: analysed
    cost_micros bigint NOT NULL,                 -- millionths of a US dollar, by the prices in the settings
    PRIMARY KEY (day, key_digest)
);
