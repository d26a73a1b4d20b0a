"""Guards in what the ledger decides, beside those of its tables and statements in tests/ledger_mutants.py."""

from tests.mutants import of

INVARIANTS = "services/ledger/invariants.py"
RECORDERS = "services/ledger/recorders.py"
DOMAIN = "services/ledger/domain.py"
REGENERATION = "shared/regeneration.py"

DECISIONS = [
    *of(
        RECORDERS,
        (
            "a grant is posted only when its transfer is new",
            " for key, given in by_key.items() if key in new]",
            " for given in by_key.values()]",
        ),
        ("of grants with one key the first counts", "by_key.setdefault(given.key, given)", "by_key[given.key] = given"),
        ("a clock that another moved gives nothing", "(move for move in moves if move.account_id in moved)", "(moves)"),
        ("a run is asked for once in a batch", "list(by_run.values())", "holds"),
        ("an outcome counts once in a batch", "domain.outcomesof(outcomes)", "list(outcomes)"),
        (
            "a cancellation counts whatever came before it",
            "for outcome in outcomes if outcome.r",
            "for outcome in domain.outcomesof(outcomes) if outcome.r",
        ),
        ("what regenerated comes before all else", "[*opening, *regenerated]", "[*opening]"),
    ),
    *of(
        DOMAIN,
        ("cancelled wins in a batch", 'first.result == "succeeded" and settlement.result == "cancelled"', "False"),
        ("only what succeeded loses in a batch", 'first.result == "succeeded" and ', ""),
        (
            "opening tokens are for new accounts",
            "for name in sorted(opened) if tokens[name]",
            "for name in tokens if tokens[name]",
        ),
    ),
    *of(
        REGENERATION,
        (
            "regeneration ends at the cap",
            "min(room, self.periods(regenerated_at, now))",
            "self.periods(regenerated_at, now)",
        ),
        ("over the cap nothing is taken away", "max(0, self.tokens_max - posted)", "self.tokens_max - posted"),
        ("the clock never goes back", "max(0, (now - regenerated_at) //", "((now - regenerated_at) //"),
        (
            "the clock moves in whole periods",
            "return regenerated_at + self.periods(regenerated_at, now) * timedelta(seconds=self.seconds)",
            "return now if self.periods(regenerated_at, now) else regenerated_at",
        ),
    ),
    *of(
        INVARIANTS,
        *[
            (f"the audit looks for {name.replace('_', ' ').lower()}", f"    {name},\n", "")
            for name in (
                "UNBALANCED_TRANSFERS",
                "TRANSFERS_OF_ANOTHER_KIND",
                "BALANCES_THAT_DIFFER_FROM_ENTRIES",
                "BALANCES_THAT_DIFFER_FROM_HOLDS",
                "HOLDS_THAT_DIFFER_FROM_SETTLEMENTS",
                "HOLDS_THAT_DIFFER_FROM_CAPTURES",
                "CLOCKS_IN_THE_FUTURE",
            )
        ],
    ),
]
