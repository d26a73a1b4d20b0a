-- A cancelled image is never paid for: what was captured for it is given back, once, and nothing else is rewritten.

ALTER TABLE settlements ADD CONSTRAINT settlements_amount CHECK (amount >= 0);

CREATE FUNCTION refuse_other_outcome() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the outcome of image % stands', OLD.image_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'settlements_outcome_stands';
END
$$;
CREATE TRIGGER settlements_outcome_stands BEFORE UPDATE ON settlements
FOR EACH ROW WHEN (
    NOT (OLD.result = 'succeeded' AND NEW.result = 'cancelled')
    OR (NEW.image_id, NEW.run, NEW.job_id, NEW.amount, NEW.settled_at)
        IS DISTINCT FROM (OLD.image_id, OLD.run, OLD.job_id, OLD.amount, OLD.settled_at)
) EXECUTE FUNCTION refuse_other_outcome();

CREATE TRIGGER settlements_kept BEFORE DELETE OR TRUNCATE ON settlements
FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER holds_kept BEFORE DELETE OR TRUNCATE ON holds
FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- The price and size of a run are what its images are settled by.
CREATE FUNCTION refuse_other_terms() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the terms of job % run % stand', OLD.job_id, OLD.run
        USING ERRCODE = 'check_violation', CONSTRAINT = 'holds_terms_stand';
END
$$;
CREATE TRIGGER holds_terms_stand BEFORE UPDATE ON holds
FOR EACH ROW WHEN (
    (NEW.job_id, NEW.run, NEW.account_id, NEW.images_total, NEW.price_tokens, NEW.amount)
        IS DISTINCT FROM (OLD.job_id, OLD.run, OLD.account_id, OLD.images_total, OLD.price_tokens, OLD.amount)
    OR (NEW.state <> OLD.state AND NOT (OLD.state = 'held' AND NEW.state = 'settled'))
    OR NEW.captured + NEW.voided < OLD.captured + OLD.voided
) EXECUTE FUNCTION refuse_other_terms();
