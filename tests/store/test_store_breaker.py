"""Breakers: count and ratio in a window, probes one by one over all processes, no lock-out by the dead or the late."""

import random

import pytest
from clocks import Clock

from hardened.store.api import Store
from hardened.store.breaker import Breaker, BreakerRule, Breakers, Event, Gate
from hardened.store.memory import MemoryStore

RULE = BreakerRule(failures=3, ratio=0.5, window=60, probe=1, recovery=30, successes=2, lease=20)
CAREFUL = BreakerRule(failures=3, ratio=0.5, window=60, probe=1, recovery=30, successes=1, lease=20)


def say(store: Store, event: Event, owner: str = "a", rule: BreakerRule = RULE) -> Gate:
    return store.run(Breaker("target", event, rule, owner))


def opened(store: Store) -> int:
    """How many failures it took."""
    failed = 1
    while say(store, "fail").state != "open":
        failed += 1
    return failed


def probe(store: Store, event: Event, rule: BreakerRule = RULE) -> Gate:
    """The gate after a probe that ends so."""
    assert say(store, "allow", "prober", rule).probing
    return say(store, event, "prober", rule)


def test_closed_until_there_are_enough_failures(store: Store) -> None:
    assert say(store, "allow") == Gate("closed", "closed")
    assert say(store, "fail").state == "closed"
    assert say(store, "fail").state == "closed"
    assert say(store, "fail") == Gate("open", "closed")
    gate = say(store, "allow")
    assert not gate.allowed
    assert 0.5 < gate.wait <= 1
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


def test_of_many_requests_only_the_last_hundred_count(store: Store) -> None:
    for _ in range(300):
        say(store, "ok")
    assert opened(store) == 50


def test_a_rule_that_asks_for_many_failures_can_open_too(store: Store) -> None:
    rule = BreakerRule(failures=150, ratio=0.9)
    for _ in range(149):
        assert say(store, "fail", rule=rule).state == "closed"
    assert say(store, "fail", rule=rule).state == "open"


def test_neutral_counts_for_nothing(store: Store) -> None:
    for _ in range(10):
        assert say(store, "neutral").state == "closed"
    assert say(store, "fail").state == "closed"


def test_one_probe_at_a_time(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(2)
    assert say(store, "allow", "a") == Gate("half_open", "open", probing=True)
    second = say(store, "allow", "b")
    assert (second.state, second.allowed) == ("half_open", False)
    assert 0 < second.wait <= 0.5
    assert say(store, "ok", "a").state == "half_open"
    assert say(store, "allow", "b").probing
    assert say(store, "ok", "b") == Gate("closed", "half_open")
    assert say(store, "allow", "c") == Gate("closed", "closed")


def test_a_probe_that_is_silent_does_not_hold_up_the_next(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(2)
    say(store, "allow", "slow")
    assert not say(store, "allow", "b").allowed
    clock.advance(0.6)
    assert say(store, "allow", "b").probing
    clock.advance(1.5)
    third = say(store, "allow", "c")  # as many are out as can decide
    assert (third.allowed, third.wait > 1) == (False, True)
    assert say(store, "ok", "b").state == "half_open"
    assert say(store, "ok", "slow").state == "closed"


def test_the_first_that_agree_decide(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(2)
    assert probe(store, "fail").state == "half_open"
    assert probe(store, "ok").state == "half_open"
    assert probe(store, "fail") == Gate("open", "half_open")
    assert not say(store, "allow", "b").allowed


def test_it_waits_for_a_tenth_of_the_outage(store: Store, clock: Clock) -> None:
    opened(store)
    for elapsed, wait in ((5, 1), (40, 4), (400, 30)):  # seconds since it opened, and until the next probe
        clock.advance(elapsed)
        assert probe(store, "fail", CAREFUL).state == "open"
        assert say(store, "allow").wait == pytest.approx(wait, abs=1)
    clock.advance(31)
    assert probe(store, "ok", CAREFUL).state == "closed"
    opened(store)
    assert say(store, "allow").wait == pytest.approx(30, abs=1), "it was not over"
    clock.advance(31)
    assert probe(store, "ok", CAREFUL).state == "closed"
    clock.advance(61)
    opened(store)
    assert say(store, "allow").wait == pytest.approx(1, abs=0.5), "another one"


def test_who_shares_no_store_does_not_probe_at_the_same_moment(store: Store) -> None:
    for name, spread in (("early", 0.5), ("late", 1.5)):
        for _ in range(3):
            store.run(Breaker(name, "fail", RULE, "a", spread))
        assert store.run(Breaker(name, "allow", RULE, "a")).wait == pytest.approx(spread, abs=0.3)


def test_late_news_from_before_it_opened_is_no_news(store: Store, clock: Clock) -> None:
    opened(store)
    assert say(store, "ok", "late").state == "open"
    assert say(store, "fail", "late").state == "open"
    clock.advance(2)
    say(store, "allow", "a")
    for _ in range(3):
        assert say(store, "ok", "late").state == "half_open"
        assert say(store, "fail", "late").state == "half_open"
    assert not say(store, "allow", "b").allowed


def test_a_probe_that_gives_up_frees_the_place(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(2)
    say(store, "allow", "a")
    assert say(store, "neutral", "a").state == "half_open"
    assert say(store, "allow", "b").probing


def test_probes_that_died_lose_their_places(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(2)
    say(store, "allow", "a")
    clock.advance(2)
    say(store, "allow", "b")
    clock.advance(2)
    assert not say(store, "allow", "c").allowed
    clock.advance(17)
    assert say(store, "allow", "c").probing
    for _ in range(2):
        assert say(store, "fail", "a").state == "half_open"


def test_after_it_closed_it_has_the_credit_of_ten_good_answers(store: Store, clock: Clock) -> None:
    assert opened(store) == 3
    clock.advance(2)
    for _ in range(2):
        probe(store, "ok")
    assert opened(store) == 10


def test_a_clock_that_steps_back_does_not_lock_out(store: Store, clock: Clock) -> None:
    opened(store)
    clock.advance(-300)
    gate = say(store, "allow")
    assert 0 < gate.wait <= 30
    clock.advance(302)
    say(store, "allow", "a")
    clock.advance(-300)
    assert say(store, "allow", "b").probing


def test_targets_are_apart(store: Store) -> None:
    opened(store)
    assert store.run(Breaker("other", "allow", RULE, "a")).allowed


@pytest.mark.parametrize("seed", range(8))
def test_all_stores_agree(store: Store, clock: Clock, seed: int) -> None:
    """Whatever happens, and in whatever order: as the memory store says, whose meaning is that of `apply`."""
    chance = random.Random(seed)
    model = MemoryStore(clock)
    rule = BreakerRule(failures=4, window=40, probe=2.3, recovery=9.1, successes=chance.choice([1, 2, 3]), lease=15.7)
    bad = 0.5
    for step in range(300):
        if step % 40 == 0:
            bad = chance.choice([0.05, 0.5, 0.95])
        if chance.random() < 0.2:
            clock.advance(chance.choice([0.611, 3.137, 17.219, 41.703, -2.909]))
        told: Event = chance.choice(["neutral", "fail" if chance.random() < bad else "ok"])
        event: Event = chance.choice(["allow", told, told])
        operation = Breaker("target", event, rule, chance.choice("abcdef"), chance.choice([0.9, 1.1]))
        gate, right = store.run(operation), model.run(operation)
        assert (gate.state, gate.before, gate.allowed, gate.probing) == (
            right.state,
            right.before,
            right.allowed,
            right.probing,
        )
        assert gate.wait == pytest.approx(right.wait, abs=0.5)
