-- Grants say what for, and accounts regenerate tokens: every change of an account has a version of its own.

ALTER TABLE transfers
    ADD COLUMN note text NOT NULL DEFAULT '',    -- an operator's words
    ADD CONSTRAINT transfers_reason CHECK (
        reason IN ('opening', 'regeneration', 'purchase', 'bonus', 'capture', 'refund')
    ),
    ADD CONSTRAINT transfers_of_runs CHECK (
        (reason IN ('capture', 'refund')) = (job_id IS NOT NULL) AND (job_id IS NULL) = (run IS NULL)
    );

ALTER TABLE accounts ADD COLUMN regenerated_at timestamptz DEFAULT now();  -- up to when regeneration is credited
UPDATE accounts SET regenerated_at = NULL WHERE system;
ALTER TABLE accounts ADD CONSTRAINT accounts_system_has_no_clock CHECK (system = (regenerated_at IS NULL));

-- For the look-out that credits what is due. Nothing in it changes with a balance: those updates stay in their page.
CREATE INDEX accounts_regenerated ON accounts (regenerated_at);

CREATE FUNCTION refuse_going_back() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'account % can only go forward', OLD.account_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_go_forward';
END
$$;
CREATE TRIGGER accounts_go_forward BEFORE UPDATE ON accounts
FOR EACH ROW WHEN (
    NEW.version < OLD.version
    OR NEW.regenerated_at < OLD.regenerated_at
    OR (NEW.version = OLD.version AND (NEW.posted <> OLD.posted OR NEW.held <> OLD.held))
) EXECUTE FUNCTION refuse_going_back();

-- Both entries are written with their transfer: one without any moves nothing, and says that it did.
CREATE OR REPLACE FUNCTION refuse_unbalanced_transfer() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT sum(amount) FROM entries WHERE transfer_id = NEW.transfer_id) IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'the entries of transfer % do not sum to zero', NEW.transfer_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_sum_to_zero';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER transfers_have_entries
AFTER INSERT ON transfers
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced_transfer();
