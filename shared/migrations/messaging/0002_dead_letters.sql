-- What operators ask of an outbox: since when a letter is due, and whether a dead letter's failure was said.

ALTER TABLE outbox
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT now(),  -- when it was to go out first; available_at moves with leases
    ADD COLUMN told boolean NOT NULL DEFAULT false;        -- a dead letter whose event has failed for good: others know
