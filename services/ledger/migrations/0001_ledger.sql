-- Money must add up: double entry that nobody can rewrite, and limits that hold whatever the code above them does.

CREATE TABLE accounts (
    account_id text PRIMARY KEY,
    system boolean NOT NULL DEFAULT false,       -- the other side of grants and captures: see below
    posted bigint NOT NULL DEFAULT 0,            -- tokens that belong to the account, held ones included
    held bigint NOT NULL DEFAULT 0,              -- tokens set aside for runs
    version bigint NOT NULL DEFAULT 0,           -- one more with every change
    opened_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT accounts_held_within_posted CHECK (0 <= held AND held <= posted),
    CONSTRAINT accounts_system_keeps_no_balance CHECK (NOT system OR (posted = 0 AND held = 0))
);

-- Their balance is the sum of their entries: a running one would be a row that every replica queues for.
INSERT INTO accounts (account_id, system) VALUES ('system:issuance', true), ('system:revenue', true);

CREATE TABLE transfers (
    transfer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_key text NOT NULL,                  -- the same key again is the same transfer
    reason text NOT NULL,
    job_id uuid,
    run integer,
    made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT transfers_once UNIQUE (transfer_key)
);

CREATE TABLE entries (
    transfer_id bigint NOT NULL REFERENCES transfers,
    account_id text NOT NULL REFERENCES accounts,
    amount bigint NOT NULL,
    PRIMARY KEY (transfer_id, account_id),
    CONSTRAINT entries_move_something CHECK (amount <> 0)
);
CREATE INDEX entries_account ON entries (account_id, transfer_id);

CREATE FUNCTION refuse_unbalanced_transfer() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT sum(amount) FROM entries WHERE transfer_id = NEW.transfer_id) <> 0 THEN
        RAISE EXCEPTION 'the entries of transfer % do not sum to zero', NEW.transfer_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_sum_to_zero';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER entries_sum_to_zero
AFTER INSERT ON entries
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced_transfer();

-- A trigger, because a table's owner cannot be kept out by REVOKE.
CREATE FUNCTION refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

CREATE TABLE holds (
    job_id uuid NOT NULL,
    run integer NOT NULL,
    account_id text NOT NULL REFERENCES accounts,
    images_total integer NOT NULL,
    price_tokens integer NOT NULL,               -- what each image of the run costs when it succeeds
    amount bigint NOT NULL,
    captured bigint NOT NULL DEFAULT 0,
    voided bigint NOT NULL DEFAULT 0,
    state text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT holds_one_per_run PRIMARY KEY (job_id, run),
    CONSTRAINT holds_amount CHECK (
        price_tokens > 0 AND images_total >= 0 AND amount = images_total::bigint * price_tokens
    ),
    CONSTRAINT holds_state CHECK (
        0 <= captured AND 0 <= voided AND CASE state
            WHEN 'held' THEN captured + voided < amount
            WHEN 'settled' THEN captured + voided = amount
            WHEN 'declined' THEN captured + voided = 0
            ELSE false
        END
    )
);
CREATE INDEX holds_account ON holds (account_id, opened_at);

-- No foreign key: settlements are inserted from holds, which nobody deletes, and checking each cost half of the insert.
CREATE TABLE settlements (
    image_id uuid NOT NULL,
    run integer NOT NULL,
    job_id uuid NOT NULL,
    result text NOT NULL,
    amount bigint NOT NULL,                      -- 0 when the run was declined
    settled_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT settlements_once PRIMARY KEY (image_id, run),
    CONSTRAINT settlements_result CHECK (result IN ('succeeded', 'failed', 'cancelled'))
);

CREATE TABLE usage (
    account_id text NOT NULL,
    day date NOT NULL,                           -- in UTC
    images_succeeded bigint NOT NULL DEFAULT 0,
    images_failed bigint NOT NULL DEFAULT 0,
    images_cancelled bigint NOT NULL DEFAULT 0,
    source_bytes bigint NOT NULL DEFAULT 0,
    rendition_bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, day)
);
