"""Breakers: count and ratio in a window, one probe over all processes, no lock-out by the dead or the late."""

from clocks import Clock

from hardened.store.api import Store
from hardened.store.breaker import Breaker, BreakerRule, Breakers, Event, Gate

RULE = BreakerRule(failures=3, ratio=0.5, window=60, recovery=30, successes=2, lease=20)


def say(store: Store, event: Event, owner: str = "a", rule: BreakerRule = RULE) -> Gate:
    return store.run(Breaker("target", event, rule, owner))


def opened(store: Store) -> None:
    for _ in range(3):
        say(store, "fail")


def test_closed_until_there_are_enough_failures(store: Store) -> None:
    assert say(store, "allow") == Gate("closed", "closed")
    assert say(store, "fail").state == "closed"
    assert say(store, "fail").state == "closed"
    assert say(store, "fail") == Gate("open", "closed")
    gate = say(store, "allow")
    assert not gate.allowed
    assert 29 < gate.wait <= 30
    assert store.run(Breakers()) == {"target": "open"}


def test_a_few_failures_among_many_answers_do_not_open(store: Store) -> None:
    for _ in range(7):
        say(store, "ok")
    for _ in range(6):
        assert say(store, "fail").state == "closed"
    assert say(store, "fail").state == "open"  # 7 of 14


def test_only_the_window_counts(store: Store, clock: Clock) -> None:
    say(store, "fail")
    say(store, "fail")
    clock.advance(61)
    assert say(store, "fail").state == "closed"
    assert say(store, "fail").state == "closed"
    assert say(store, "fail").state == "open"


def test_neutral_counts_for_nothing(store: Store) -> None:
    for _ in range(10):
        assert say(store, "neutral").state == "closed"
    assert say(store, "fail").state == "closed"


def test_one_probe_at_a_time(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(31)
    assert say(store, "allow", "a") == Gate("half_open", "open", probing=True)
    second = say(store, "allow", "b")
    assert (second.state, second.allowed) == ("half_open", False)
    assert 0 < second.wait <= 20
    assert say(store, "ok", "a").state == "half_open"
    assert say(store, "allow", "b").probing
    assert say(store, "ok", "b") == Gate("closed", "half_open")
    assert say(store, "allow", "c") == Gate("closed", "closed")


def test_a_failed_probe_opens_again(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(31)
    say(store, "allow", "a")
    assert say(store, "fail", "a") == Gate("open", "half_open")
    assert not say(store, "allow", "b").allowed


def test_late_news_from_before_it_opened_is_no_news(store: Store, clock: Clock) -> None:
    opened(store)
    assert say(store, "ok", "late").state == "open"
    assert say(store, "fail", "late").state == "open"
    clock.advance(31)
    say(store, "allow", "a")
    assert say(store, "ok", "late").state == "half_open"
    assert say(store, "fail", "late").state == "half_open"
    assert not say(store, "allow", "b").allowed


def test_a_probe_that_gives_up_frees_the_place(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(31)
    say(store, "allow", "a")
    assert say(store, "neutral", "a").state == "half_open"
    assert say(store, "allow", "b").probing


def test_a_probe_that_died_loses_the_place(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(31)
    say(store, "allow", "a")
    clock.advance(21)
    assert say(store, "allow", "b").probing
    assert say(store, "fail", "a").state == "half_open"


def test_after_it_closed_it_counts_anew(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(31)
    for owner in "ab":
        say(store, "allow", owner)
        say(store, "ok", owner)
    assert say(store, "fail").state == "closed"
    assert say(store, "fail").state == "closed"
    assert say(store, "fail").state == "open"


def test_a_clock_that_steps_back_does_not_lock_out(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(-3600)
    gate = say(store, "allow")
    assert 0 < gate.wait <= 30


def test_targets_are_apart(store: Store) -> None:
    opened(store)
    assert store.run(Breaker("other", "allow", RULE, "a")).allowed
