"""Which job's images go next, how many at once, and how progress reads."""

from collections import Counter
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from services.gateway.domain import Demand, Pace, percentage, share_out

PORTION = 32
PLENTY = 100_000


def job(number: int, account: str, pending: int, *, in_flight: int = 0, window: int = PLENTY) -> Demand:
    return Demand(UUID(int=number), account, pending, in_flight, window)


@st.composite
def demand_lists(draw: st.DrawFn, accounts: st.SearchStrategy[str] | None = None) -> list[Demand]:
    """Jobs of several accounts, some with nothing to do, some with full windows."""
    count = draw(st.integers(0, 12))
    return [
        job(
            number,
            draw(accounts or st.sampled_from("abcd")),
            draw(st.integers(0, 300)),
            in_flight=draw(st.integers(0, 200)),
            window=draw(st.integers(0, 300)),
        )
        for number in range(count)
    ]


rooms = st.integers(-50, 2_000)
portions = st.integers(1, 64)


@given(demand_lists(), rooms, portions)
def test_never_more_than_there_is_room(demands: list[Demand], room: int, portion: int) -> None:
    assert sum(share_out(demands, room, portion).values()) <= max(0, room)


@given(demand_lists(), rooms, portions)
def test_never_more_than_a_job_has_or_may_have(demands: list[Demand], room: int, portion: int) -> None:
    by_id = {demand.job_id: demand for demand in demands}
    for job_id, dealt in share_out(demands, room, portion).items():
        assert 0 < dealt <= by_id[job_id].pending
        assert by_id[job_id].in_flight + dealt <= by_id[job_id].window


@given(demand_lists(), rooms, portions)
def test_no_place_stays_empty_while_somebody_waits(demands: list[Demand], room: int, portion: int) -> None:
    dealt = sum(share_out(demands, room, portion).values())
    assert dealt == min(max(0, room), sum(demand.room for demand in demands))


@given(demand_lists(), rooms, portions)
def test_of_the_accounts_first_jobs_none_is_passed_over(demands: list[Demand], room: int, portion: int) -> None:
    first: dict[str, Demand] = {}
    for demand in demands:
        if demand.room:
            first.setdefault(demand.account_id, demand)
    dealt = share_out(demands, room, portion)
    if room >= portion * len(first):
        assert all(dealt[demand.job_id] >= min(portion, demand.room) for demand in first.values())


@given(st.lists(st.integers(1, 500), min_size=2, max_size=8), rooms, portions)
def test_accounts_that_still_wait_have_got_the_same_to_a_portion(pending: list[int], room: int, portion: int) -> None:
    demands = [job(number, f"account {number}", images) for number, images in enumerate(pending)]
    dealt = Counter(share_out(demands, room, portion))
    least = min((dealt[each.job_id] for each in demands if dealt[each.job_id] < each.room), default=None)
    if least is not None:
        assert max(dealt[each.job_id] for each in demands) <= least + portion


@given(st.integers(1, 40), st.integers(1, 1_000_000))
def test_a_small_job_is_not_starved_by_however_many_large_ones_of_another(large: int, images: int) -> None:
    demands = [job(number, "large", images, window=1_024) for number in range(large)]
    small = job(999, "small", 3)
    assert share_out([*demands, small], 2 * PORTION)[small.job_id] == 3


def test_jobs_of_one_account_take_turns() -> None:
    first, second, third = job(1, "a", 1_000), job(2, "a", 1_000), job(3, "a", 1_000)
    assert share_out([first, second, third], 5 * PORTION) == {
        first.job_id: 2 * PORTION,
        second.job_id: 2 * PORTION,
        third.job_id: PORTION,
    }


def test_an_account_gains_nothing_by_splitting_its_work() -> None:
    split = [job(number, "a", 1_000) for number in range(10)]
    whole = job(99, "b", 1_000)
    dealt = share_out([*split, whole], 20 * PORTION)
    assert dealt[whole.job_id] == sum(dealt[each.job_id] for each in split) == 10 * PORTION


@given(st.integers(1, 2_000), st.floats(0.1, 10))
def test_a_steady_pace_is_learnt(images_per_second: int, step_seconds: float) -> None:
    pace = Pace()
    for tick in range(300):
        pace.observe(tick * step_seconds, round(tick * step_seconds * images_per_second))
    assert pace.images_per_second == pytest.approx(images_per_second, rel=0.05, abs=1 / step_seconds)


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(-50, 5_000)), max_size=30), st.floats(0.1, 10), st.integers(1, 500)
)
def test_a_window_stays_within_its_bounds(steps: list[tuple[float, int]], target: float, least: int) -> None:
    pace, now, ended = Pace(), 0.0, 0
    for seconds, images in steps:
        now, ended = now + seconds, ended + images
        pace.observe(now, ended)
        assert pace.images_per_second >= 0
        assert least <= pace.window(target, least, least + 1_000) <= least + 1_000


def test_a_window_holds_what_ends_in_the_target_time() -> None:
    pace = Pace()
    pace.observe(0, 0)
    pace.observe(1, 400)
    assert pace.window(1.0, 128, 1_024) == 400
    assert pace.window(0.5, 128, 1_024) == 200


def test_looking_twice_within_a_moment_changes_nothing() -> None:
    pace = Pace()
    pace.observe(0, 0)
    pace.observe(1, 100)
    pace.observe(1.05, 100)
    assert pace.images_per_second == 100


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_progress_is_complete_only_when_all_has_ended(ended: int, total: int) -> None:
    shown = percentage(ended, total)
    assert 0 <= shown <= 100
    assert (shown == 100) == (ended >= total)


@given(st.lists(st.integers(0, 10_000), min_size=2), st.integers(1, 10_000))
def test_progress_never_goes_back(counts: list[int], total: int) -> None:
    shown = [percentage(ended, total) for ended in sorted(counts)]
    assert all(earlier <= later for earlier, later in pairwise(shown))


@pytest.mark.parametrize(
    ("ended", "total", "shown"), [(0, 3, 0.0), (1, 3, 33.33), (2, 3, 66.67), (3, 3, 100.0), (999_999, 1_000_000, 99.99)]
)
def test_progress_reads_in_hundredths_of_a_percent(ended: int, total: int, shown: float) -> None:
    assert percentage(ended, total) == shown
