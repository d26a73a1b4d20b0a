-- Tokens as callers see them: a statement line for everything that the ledger said, and the audits it was asked for.

CREATE TABLE transactions (
    account_id text NOT NULL,
    version bigint NOT NULL,                     -- the account's, after it; with `line` the order of the statement
    line integer NOT NULL,
    type text NOT NULL,
    amount bigint NOT NULL,                      -- negative: spent
    balance_after bigint NOT NULL,               -- what is available then
    source text NOT NULL,
    source_id text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, version, line)
);
CREATE INDEX transactions_by_source ON transactions (source_id);

ALTER TABLE balances
    ADD COLUMN regenerated_at timestamptz,
    ADD COLUMN spent bigint NOT NULL DEFAULT 0,
    ADD COLUMN earned bigint NOT NULL DEFAULT 0,
    ADD COLUMN refunded bigint NOT NULL DEFAULT 0,
    ADD COLUMN transactions bigint NOT NULL DEFAULT 0;

CREATE TABLE audits (
    audit_id uuid PRIMARY KEY,
    requested_at timestamptz NOT NULL DEFAULT now(),
    answer jsonb
);
