"""Reserve and settle: never above a cap, all lines or none, every hold accounted for exactly once."""

from uuid import uuid4

import pytest
from clocks import Clock

from hardened.store.amounts import (
    Bucket,
    Charge,
    Count,
    Counts,
    Denied,
    Extend,
    Levels,
    Line,
    Release,
    Reserve,
    Reserved,
    Settle,
    Settled,
    Tallies,
    Tally,
)
from hardened.store.api import Store

END = 4e9
"""The end of a window that none of these tests reaches."""


def take(store: Store, *buckets: Bucket) -> Denied | None:
    """Take from all buckets, as a call does; `None` if it was taken."""
    answer = store.run(Reserve(uuid4().hex, (), buckets))
    return answer if isinstance(answer, Denied) else None


def line(key: str, amount: int, cap: int, until: float = END) -> Line:
    return Line(key, amount, cap, until)


def counts(store: Store) -> dict[str, tuple[int, int]]:
    return {key: (count.used, count.held) for key, count in store.run(Counts()).items()}


def test_what_is_held_becomes_what_was_used(store: Store) -> None:
    assert store.run(Reserve("h", (line("day", 60, 100),))) == Reserved("h", (60,))
    assert counts(store) == {"day": (0, 60)}
    assert store.run(Settle("h", {"day": 25})) == Settled({"day": 25})
    assert counts(store) == {"day": (25, 0)}


def test_a_hold_takes_room_until_it_is_settled(store: Store) -> None:
    store.run(Reserve("h", (line("day", 60, 100),)))
    denied = store.run(Reserve("i", (line("day", 41, 100),)))
    assert isinstance(denied, Denied)
    assert (denied.key, denied.used, denied.cap) == ("day", 60, 100)
    assert denied.wait > 0
    store.run(Settle("h", {"day": 59}))
    assert store.run(Reserve("i", (line("day", 41, 100),))) == Reserved("i", (100,))


def test_all_lines_or_none(store: Store) -> None:
    buckets = (Bucket("rpm", 1, 10, 60.0),)
    denied = store.run(Reserve("h", (line("user", 5, 100), line("all", 5, 4)), buckets))
    assert isinstance(denied, Denied)
    assert denied.key == "all"
    assert counts(store) == {}
    assert store.run(Levels()) == {}
    assert store.run(Settle("h", {})) is None


def test_a_full_bucket_denies_before_any_line_is_held(store: Store) -> None:
    denied = store.run(Reserve("h", (line("user", 5, 100),), (Bucket("rpm", 11, 10, 60.0),)))
    assert isinstance(denied, Denied)
    assert denied.key == "rpm"
    assert counts(store) == {}


def test_settling_twice_charges_once(store: Store) -> None:
    store.run(Reserve("h", (line("day", 60, 100),)))
    store.run(Settle("h", {"day": 30}))
    assert store.run(Settle("h", {"day": 30})) is None
    assert store.run(Release("h")) is False
    assert counts(store) == {"day": (30, 0)}


def test_an_unknown_hold_changes_nothing(store: Store) -> None:
    assert store.run(Settle("never", {"day": 30}, (Tally("g", "m", (1,), END),))) is None
    assert store.run(Release("never")) is False
    assert store.run(Extend("never", (line("day", 1, 100),))) is None
    assert counts(store) == {}
    assert store.run(Tallies("g")) == {}


def test_what_settle_does_not_name_is_charged_as_held(store: Store) -> None:
    store.run(Reserve("h", (line("usd", 60, 100), line("requests", 1, 10))))
    store.run(Settle("h", {"usd": 7}))
    assert counts(store) == {"usd": (7, 0), "requests": (1, 0)}


def test_more_than_was_held_is_charged_all_the_same(store: Store) -> None:
    store.run(Reserve("h", (line("day", 60, 100),)))
    assert store.run(Settle("h", {"day": 130})) == Settled({"day": 130})
    assert isinstance(store.run(Reserve("i", (line("day", 0, 100),))), Denied)


def test_a_released_hold_leaves_nothing(store: Store) -> None:
    buckets = (Bucket("rpm", 1, 10, 60.0), Bucket("tpm", 500, 1000, 60.0))
    store.run(Reserve("h", (line("day", 60, 100),), buckets))
    assert store.run(Release("h")) is True
    assert counts(store) == {"day": (0, 0)}
    assert set(store.run(Levels()).values()) <= {0}


@pytest.mark.parametrize(("sent", "used"), [(True, 60), (False, 0)])
def test_a_hold_that_nobody_settles_is_charged_if_it_was_sent(
    store: Store, clock: Clock, sent: bool, used: int
) -> None:
    store.run(Reserve("h", (line("day", 60, 100),), ttl=30, sent=sent))
    clock.advance(31)
    store.run(Reserve("next", (line("other", 1, 100),)))
    assert counts(store)["day"] == (used, 0)


def test_a_call_that_ends_after_its_hold_expired_is_set_right(store: Store, clock: Clock) -> None:
    store.run(Reserve("h", (line("day", 60, 100),), ttl=30))
    clock.advance(31)
    store.run(Reserve("next", (line("other", 1, 100),)))
    assert store.run(Settle("h", {"day": 20})) == Settled({"day": 20})
    assert store.run(Settle("h", {"day": 20})) is None
    assert counts(store)["day"] == (20, 0)


def test_an_expired_hold_that_nobody_swept_still_counts_once(store: Store, clock: Clock) -> None:
    store.run(Reserve("h", (line("day", 60, 100),), ttl=30))
    clock.advance(31)
    store.run(Settle("h", {"day": 20}))
    store.run(Reserve("next", (line("other", 1, 100),)))
    assert counts(store)["day"] == (20, 0)


def test_a_hold_can_grow_and_live_longer(store: Store, clock: Clock) -> None:
    store.run(Reserve("h", (line("day", 30, 100),), ttl=30, sent=False))
    assert store.run(Extend("h", (line("day", 20, 100),), ttl=100)) == Reserved("h", (50,))
    clock.advance(60)
    store.run(Reserve("next", (line("other", 1, 100),)))
    assert counts(store)["day"] == (0, 50)
    denied = store.run(Extend("h", (line("day", 51, 100),)))
    assert isinstance(denied, Denied)
    store.run(Settle("h", {"day": 45}))
    assert counts(store)["day"] == (45, 0)


def test_many_expired_holds_are_cleared_away_step_by_step(store: Store, clock: Clock) -> None:
    for number in range(200):
        store.run(Reserve(f"h{number}", (line("day", 1, 1000),), ttl=30))
    clock.advance(31)
    for number in range(10):
        store.run(Reserve(f"n{number}", (line("other", 1, 100),)))
    assert counts(store)["day"] == (200, 0)


def test_nothing_can_be_held_and_given_back(store: Store) -> None:
    store.run(Reserve("h", (line("day", 0, 100),)))
    assert store.run(Release("h")) is True
    store.run(Reserve("i", (line("day", 0, 100),)))
    assert store.run(Settle("i")) == Settled({"day": 0})


def test_windows_have_counts_of_their_own(store: Store) -> None:
    store.run(Reserve("h", (line("usd/2026-10-24", 100, 100),)))
    assert isinstance(store.run(Reserve("i", (line("usd/2026-10-25", 100, 100),))), Reserved)
    store.run(Settle("h", {"usd/2026-10-24": 90}))
    assert counts(store) == {"usd/2026-10-24": (90, 0), "usd/2026-10-25": (0, 100)}


def test_amounts_up_to_the_largest_cap_are_exact(store: Store) -> None:
    cap = 9_000_000_000_000_000
    store.run(Reserve("h", (line("month", cap - 1, cap),)))
    assert isinstance(store.run(Reserve("i", (line("month", 2, cap),))), Denied)
    assert store.run(Reserve("i", (line("month", 1, cap),))) == Reserved("i", (cap,))
    assert store.run(Settle("h", {"month": 8_999_999_999_999_998})) == Settled({"month": 8_999_999_999_999_998})


def test_charges_ignore_the_cap(store: Store) -> None:
    for _ in range(2):  # an answer may be lost, and the charge be sent again
        store.run(Charge("c", (line("day", 130, 100),), (Tally("g", "m", (130, 2), END),)))
    assert counts(store) == {"day": (130, 0)}
    assert store.run(Tallies("g")) == {"m": (130, 2)}


def test_sums_for_the_books(store: Store) -> None:
    for hold, member, amount in (("h", "support", 5), ("i", "search", 7), ("j", "support", 2)):
        store.run(Reserve(hold, (line("day", 1, 100),)))
        store.run(Settle(hold, {}, (Tally("2026-11-21/feature", member, (amount, 1), END),)))
    assert store.run(Tallies("2026-11-21/feature")) == {"support": (7, 2), "search": (7, 1)}
    assert store.run(Tallies("2026-11-21")) == {}


def test_any_text_can_be_a_member(store: Store) -> None:
    members = ["", "a/b", "ünï 😀", "*", "{x}", "a\nb", "%_"]
    store.run(Charge("c", (), tuple(Tally("g", member, (1,), END) for member in members)))
    assert store.run(Tallies("g")) == dict.fromkeys(members, (1,))


def test_counts_by_prefix(store: Store) -> None:
    for key in ("user/a", "user/b*", "user/b", "usex"):
        store.run(Charge(key, (line(key, 1, 100),)))
    assert set(store.run(Counts("user/"))) == {"user/a", "user/b*", "user/b"}
    assert store.run(Counts("user/b*")) == {"user/b*": Count(1, 0)}


def test_a_bucket_empties_and_refills(store: Store, clock: Clock) -> None:
    one = Bucket("rpm", 1, 3, 60.0)
    assert [take(store, one) for _ in range(3)] == [None, None, None]
    denied = take(store, one)
    assert isinstance(denied, Denied)
    assert 15 < denied.wait <= 20
    clock.advance(20)
    assert take(store, one) is None
    assert isinstance(take(store, one), Denied)


def test_denied_requests_do_not_consume(store: Store, clock: Clock) -> None:
    """Unlike the limiter of a widespread playbook, where a client that keeps asking never recovers."""
    one = Bucket("rpm", 1, 5, 60.0)
    assert [take(store, one) is None for _ in range(12)] == [True] * 5 + [False] * 7
    assert store.run(Levels()) == {"rpm": 5}
    clock.advance(12.5)
    assert take(store, one) is None


def test_requests_at_the_same_moment_are_all_counted(store: Store) -> None:
    """Members of a sorted set that are named by the time would collide."""
    assert sum(take(store, Bucket("rpm", 1, 50, 3600.0)) is None for _ in range(60)) == 50


def test_all_buckets_or_none(store: Store) -> None:
    assert isinstance(take(store, Bucket("rpm", 1, 10, 60.0), Bucket("tpm", 2000, 1000, 60.0)), Denied)
    assert store.run(Levels()) == {}


def test_what_was_used_counts_even_where_there_is_no_room(store: Store) -> None:
    store.run(Reserve("h", (), (Bucket("tpm", 900, 1000, 3600.0),)))
    store.run(Settle("h", {"tpm": 2200}))
    denied = take(store, Bucket("tpm", 1, 1000, 3600.0))
    assert isinstance(denied, Denied)
    assert denied.wait > 3600


def test_tokens_of_a_rate_are_settled_with_the_call(store: Store) -> None:
    store.run(Reserve("h", (), (Bucket("tpm", 900, 1000, 3600.0),)))
    store.run(Settle("h", {"tpm": 100}))
    assert 99 <= store.run(Levels())["tpm"] <= 100


def test_an_extension_holds_more_of_a_rate_too(store: Store) -> None:
    one = Bucket("tpm", 300, 1000, 3600.0)
    store.run(Reserve("h", (), (one,)))
    assert store.run(Extend("h", (), (one,))) == Reserved("h")
    assert 599 <= store.run(Levels())["tpm"] <= 600
    denied = store.run(Extend("h", (line("day", 5, 100),), (one._replace(amount=500),)))
    assert isinstance(denied, Denied)
    assert denied.key == "tpm"
    assert counts(store) == {}, "all or nothing"
    store.run(Settle("h", {"tpm": 100}))
    assert 99 <= store.run(Levels())["tpm"] <= 100


def test_a_clock_that_steps_back_neither_refills_nor_locks(store: Store, clock: Clock) -> None:
    one = Bucket("rpm", 1, 2, 60.0)
    take(store, one)
    clock.advance(-600)
    assert take(store, one) is None
    assert isinstance(take(store, one), Denied)
    clock.advance(31)
    assert take(store, one) is None
