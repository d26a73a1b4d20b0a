"""The ledger's guards, each with what it becomes when it is taken away; tests/ledger_mutations.py tries them all."""

from tests.ledger_decision_mutants import DECISIONS
from tests.mutants import of

STORE = "services/ledger/store"
FIRST = "services/ledger/migrations/0001_ledger.sql"
SECOND = "services/ledger/migrations/0002_grants_and_regeneration.sql"
THIRD = "services/ledger/migrations/0003_cancelled_wins.sql"
INVARIANTS = "services/ledger/invariants.py"
RECORDERS = "services/ledger/recorders.py"
DOMAIN = "services/ledger/domain.py"
REGENERATION = "shared/regeneration.py"

ACCOUNTS = of(
    f"{STORE}/accounts.py",
    ("an account is opened once", "        ON CONFLICT DO NOTHING\n", ""),
    (
        "accounts are opened in one order",
        "sorted(account_ids)",
        "sorted(account_ids, key=lambda name: hash((name, id(connection))))",
    ),
    (
        "accounts are locked",
        "        ORDER BY account_id\n        FOR NO KEY UPDATE\n",
        "        ORDER BY account_id\n",
    ),
    ("accounts are locked in one order", "        ORDER BY account_id\n        FOR", "        FOR"),
    ("only the accounts that are named are locked", "WHERE account_id = ANY($1::text[])", "WHERE $1::text[] <> '{}'"),
    ("the books' own accounts have no clock to read", "          AND NOT system\n", ""),
    ("the look-out takes only clocks that are due", "regenerated_at <= now() - make_interval(secs => $1)", "$1 > 0"),
    ("the look-out leaves out accounts at the cap", "AND posted < $2", "AND $2 > 0"),
    ("the look-out takes those first that wait longest", "        ORDER BY regenerated_at\n", ""),
    ("the look-out takes a part at a time", "        LIMIT $3\n", "        LIMIT $3 + 1000\n"),
    ("the look-out waits for nobody", "FOR NO KEY UPDATE SKIP LOCKED", "FOR NO KEY UPDATE"),
    ("the look-out locks what it takes", "        FOR NO KEY UPDATE SKIP LOCKED\n", ""),
    ("a clock is moved only where it stands", "          AND accounts.regenerated_at = move.since\n", ""),
    ("only the account's own clock is moved", "accounts.account_id = move.account_id\n          AND ", ""),
    ("only the account's own balance changes", "        WHERE accounts.account_id = change.account_id\n", ""),
    ("each change has a version of its own", "accounts.version + change.changes", "accounts.version + 1"),
)

TRANSFERS = of(
    f"{STORE}/transfers.py",
    ("a transfer's key is made once", "            ON CONFLICT (transfer_key) DO NOTHING\n", ""),
    ("the audit counts no accounts of the books' own", "FROM accounts WHERE NOT system)", "FROM accounts)"),
    ("the audit tells apart what was granted", " WHERE account_id = 'system:issuance'", ""),
    ("the audit tells apart what was captured", " WHERE account_id = 'system:revenue'", ""),
)

HOLDS = of(
    f"{STORE}/holds.py",
    (
        "a run is held once",
        "            WHERE NOT EXISTS (SELECT FROM holds WHERE holds.job_id = hold.job_id AND holds.run = hold.run)\n",
        "",
    ),
    ("runs of a job are held apart", " AND holds.run = hold.run", ""),
    ("a hold must fit", "                amount <= free\n", "                true\n"),
    ("a hold leaves less for the next", "THEN free - amount ELSE free END", "THEN free ELSE free END"),
    ("what is held is not free", "posted - held AS free", "posted AS free"),
    ("the oldest job comes first", "PARTITION BY account_id ORDER BY job_id, run", "PARTITION BY account_id"),
    ("each account's holds are decided apart", "PARTITION BY account_id ORDER BY", "ORDER BY"),
    ("holds are decided one after the other", "wanted.place = decided.place + 1", "wanted.place > decided.place"),
    ("what does not fit is declined", "CASE WHEN NOT fits THEN 'declined' WHEN", "CASE WHEN"),
    ("a run without images is settled at once", "WHEN amount = 0 THEN 'settled' ", ""),
    (
        "an outcome waits for its hold",
        "WHERE NOT EXISTS (SELECT FROM holds WHERE holds.job_id = wanted.job_id AND holds.run = wanted.run)",
        "WHERE false",
    ),
    ("an outcome waits for the hold of its run", " AND holds.run = wanted.run", ""),
    ("an outcome waits for the hold of its job", "holds.job_id = wanted.job_id AND ", ""),
)

SETTLEMENTS = of(
    f"{STORE}/settlements.py",
    (
        "an image of a declined run costs nothing",
        "CASE holds.state WHEN 'declined' THEN 0 ELSE price_tokens END",
        "price_tokens",
    ),
    ("an image is settled once", "            ON CONFLICT (image_id, run) DO NOTHING\n", ""),
    ("only what succeeded is captured", "sum(amount) FILTER (WHERE result = 'succeeded'), 0)", "sum(amount), 0)"),
    ("only what did not succeed is voided", "sum(amount) FILTER (WHERE result <> 'succeeded'), 0)", "sum(amount), 0)"),
    (
        "images of declined runs move nothing",
        "            FROM settled\n            WHERE amount > 0\n",
        "            FROM settled\n",
    ),
    (
        "settling moves the hold of its job",
        "        WHERE holds.job_id = sums.job_id\n"
        "          AND holds.run = sums.run\n        RETURNING account_id, holds.job_id, holds.run, price_tokens, s",
        "        WHERE holds.run = sums.run\n        RETURNING account_id, holds.job_id, holds.run, price_tokens, s",
    ),
    (
        "settling moves the hold of its run",
        "          AND holds.run = sums.run\n        RETURNING account_id, holds.job_id, holds.run, price_tokens, s",
        "        RETURNING account_id, holds.job_id, holds.run, price_tokens, s",
    ),
    (
        "a hold is settled with its last image",
        "sums.captured + sums.voided = amount THEN",
        "sums.captured = amount THEN",
    ),
    ("only the image itself is reversed", "settlements.image_id = cancelled.image_id\n              AND ", ""),
    ("only the run itself is reversed", "              AND settlements.run = cancelled.run\n", ""),
    ("only what succeeded is reversed", "              AND settlements.result = 'succeeded'\n", ""),
    (
        "of declined runs nothing is reversed",
        "            FROM reversed\n            WHERE amount > 0\n",
        "            FROM reversed\n",
    ),
    (
        "a reversal moves the hold of its job",
        "        WHERE holds.job_id = sums.job_id\n"
        "          AND holds.run = sums.run\n        RETURNING account_id, holds.job_id, holds.run, price_tokens, i",
        "        WHERE holds.run = sums.run\n        RETURNING account_id, holds.job_id, holds.run, price_tokens, i",
    ),
    (
        "a reversal moves the hold of its run",
        "          AND holds.run = sums.run\n        RETURNING account_id, holds.job_id, holds.run, price_tokens, i",
        "        RETURNING account_id, holds.job_id, holds.run, price_tokens, i",
    ),
)

USAGE = of(
    f"{STORE}/usage.py",
    (
        "meters are written in one order",
        "        ORDER BY account_id\n",
        "        ORDER BY md5(account_id || random())\n",
    ),
)

TABLES = [
    *of(
        FIRST,
        ("an account stands once", "account_id text PRIMARY KEY", "account_id text"),
        ("nothing below zero is held", "CHECK (0 <= held AND held <= posted)", "CHECK (held <= posted)"),
        ("no more is held than is there", "CHECK (0 <= held AND held <= posted)", "CHECK (0 <= held)"),
        ("the books' own accounts keep no balance", "CHECK (NOT system OR (posted = 0 AND held = 0))", "CHECK (true)"),
        ("a transfer's key stands once", "CONSTRAINT transfers_once UNIQUE (transfer_key)", "CHECK (true)"),
        ("an entry has a transfer", "transfer_id bigint NOT NULL REFERENCES transfers", "transfer_id bigint NOT NULL"),
        (
            "an entry has an account",
            "    account_id text NOT NULL REFERENCES accounts,\n    amount bigint NOT NULL,\n    PRIMARY",
            "    account_id text NOT NULL,\n    amount bigint NOT NULL,\n    PRIMARY",
        ),
        ("an account has one entry in a transfer", "PRIMARY KEY (transfer_id, account_id)", "CHECK (true)"),
        ("an entry moves something", "CHECK (amount <> 0)", "CHECK (true)"),
        ("entries sum to zero", "AFTER INSERT ON entries\n", "AFTER DELETE ON entries\n"),
        (
            "entries are not changed",
            "BEFORE UPDATE OR DELETE OR TRUNCATE ON entries",
            "BEFORE DELETE OR TRUNCATE ON entries",
        ),
        (
            "entries are not deleted",
            "BEFORE UPDATE OR DELETE OR TRUNCATE ON entries",
            "BEFORE UPDATE OR TRUNCATE ON entries",
        ),
        (
            "entries are not emptied",
            "BEFORE UPDATE OR DELETE OR TRUNCATE ON entries",
            "BEFORE UPDATE OR DELETE ON entries",
        ),
        ("transfers are not changed", "UPDATE OR DELETE OR TRUNCATE ON transfers", "DELETE OR TRUNCATE ON transfers"),
        ("transfers are not deleted", "UPDATE OR DELETE OR TRUNCATE ON transfers", "UPDATE OR TRUNCATE ON transfers"),
        ("transfers are not emptied", "UPDATE OR DELETE OR TRUNCATE ON transfers", "UPDATE OR DELETE ON transfers"),
        (
            "a hold has an account",
            "    account_id text NOT NULL REFERENCES accounts,\n    images_total",
            "    account_id text NOT NULL,\n    images_total",
        ),
        ("a run's hold stands once", "CONSTRAINT holds_one_per_run PRIMARY KEY (job_id, run)", "CHECK (true)"),
        ("a hold has a price", "price_tokens > 0 AND", ""),
        ("a hold has no less than no images", "images_total >= 0 AND", ""),
        ("a hold's amount is its images' price", "AND amount = images_total::bigint * price_tokens", ""),
        ("nothing below zero is captured", "0 <= captured AND 0 <= voided AND CASE", "0 <= voided AND CASE"),
        ("nothing below zero is voided", "0 <= captured AND 0 <= voided AND CASE", "0 <= captured AND CASE"),
        ("a hold has less settled than it holds", "THEN captured + voided < amount", "THEN true"),
        ("a settled run has nothing left", "THEN captured + voided = amount", "THEN captured + voided <= amount"),
        ("a declined run moves nothing", "THEN captured + voided = 0", "THEN true"),
        ("a hold is in a known state", "            ELSE false\n", "            ELSE true\n"),
        (
            "an image's settlement stands once",
            "CONSTRAINT settlements_once PRIMARY KEY (image_id, run)",
            "CHECK (true)",
        ),
        ("an image ends somehow", "CHECK (result IN ('succeeded', 'failed', 'cancelled'))", "CHECK (true)"),
        ("a day's meter stands once", "    PRIMARY KEY (account_id, day)\n", "    CHECK (true)\n"),
    ),
    *of(
        SECOND,
        (
            "a transfer has a reason",
            "        reason IN ('opening', 'regeneration', 'purchase', 'bonus', 'capture', 'refund')\n",
            "        true\n",
        ),
        (
            "captures and refunds are of runs, and nothing else is",
            "(reason IN ('capture', 'refund')) = (job_id IS NOT NULL) AND ",
            "",
        ),
        ("a job is named with its run", " AND (job_id IS NULL) = (run IS NULL)", ""),
        ("accounts have clocks, the books' own have none", "CHECK (system = (regenerated_at IS NULL))", "CHECK (true)"),
        ("versions go forward", "    NEW.version < OLD.version\n    OR ", "    "),
        ("clocks go forward", "    OR NEW.regenerated_at < OLD.regenerated_at\n", ""),
        ("what is posted changes with a version", "NEW.posted <> OLD.posted OR ", ""),
        ("what is held changes with a version", " OR NEW.held <> OLD.held", ""),
        ("a transfer has entries", "AFTER INSERT ON transfers\n", "AFTER DELETE ON transfers\n"),
        ("no entries are not zero", "IS DISTINCT FROM 0 THEN", "<> 0 THEN"),
    ),
    *of(
        THIRD,
        ("an image costs no less than nothing", "CHECK (amount >= 0)", "CHECK (true)"),
        ("an outcome stands", "    NOT (OLD.result = 'succeeded' AND NEW.result = 'cancelled')\n    OR ", "    "),
        ("only what succeeded can be cancelled later", "OLD.result = 'succeeded' AND ", ""),
        ("what succeeded can only be cancelled later", " AND NEW.result = 'cancelled')", ")"),
        (
            "nothing else of a settlement changes",
            "    OR (NEW.image_id, NEW.run, NEW.job_id, NEW.amount, NEW.settled_at)\n"
            "        IS DISTINCT FROM (OLD.image_id, OLD.run, OLD.job_id, OLD.amount, OLD.settled_at)\n",
            "",
        ),
        ("settlements are not deleted", "DELETE OR TRUNCATE ON settlements", "TRUNCATE ON settlements"),
        ("settlements are not emptied", "DELETE OR TRUNCATE ON settlements", "DELETE ON settlements"),
        ("holds are not deleted", "DELETE OR TRUNCATE ON holds", "TRUNCATE ON holds"),
        ("holds are not emptied", "DELETE OR TRUNCATE ON holds", "DELETE ON holds"),
        (
            "a run's terms stand",
            "    (NEW.job_id, NEW.run, NEW.account_id, NEW.images_total, NEW.price_tokens, NEW.amount)\n"
            "        IS DISTINCT FROM"
            " (OLD.job_id, OLD.run, OLD.account_id, OLD.images_total, OLD.price_tokens, OLD.amount)\n    OR ",
            "    ",
        ),
        (
            "a hold's state goes forward",
            "    OR (NEW.state <> OLD.state AND NOT (OLD.state = 'held' AND NEW.state = 'settled'))\n",
            "",
        ),
        ("what is settled is not unsettled", "    OR NEW.captured + NEW.voided < OLD.captured + OLD.voided\n", ""),
    ),
]

MUTANTS = [*ACCOUNTS, *TRANSFERS, *HOLDS, *SETTLEMENTS, *USAGE, *TABLES, *DECISIONS]
