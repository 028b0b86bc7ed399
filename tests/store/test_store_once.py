"""Claims of actions that are done once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from clocks import Clock
from test_store_sturdy import Bench

from hardened.store.api import Store, StoreBusy, StoreError
from hardened.store.once import Claim, Claimed, Disclaim, Finish
from hardened.store.sturdy import FAILURES, PAUSE

TTL = 1000.0


def claim(owner: str, *, take_over: bool = False) -> Claim:
    return Claim("mail", owner, 30, TTL, take_over)


def test_one_is_at_it_and_the_others_are_told(store: Store) -> None:
    assert store.run(claim("a")) == Claimed("mine")
    other = store.run(claim("b"))
    assert (other.state, other.result, 0 < other.wait <= 30) == ("running", None, True)
    assert store.run(Finish("mail", "a", '{"id": "é"}', TTL)) is True
    assert store.run(claim("b")) == Claimed("done", '{"id": "é"}')
    assert store.run(Claim("other", "b", 30, TTL)) == Claimed("mine")


def test_a_result_need_not_be_kept(store: Store) -> None:
    store.run(claim("a"))
    store.run(Finish("mail", "a", None, TTL))
    assert store.run(claim("b")) == Claimed("done", None)


def test_what_failed_can_be_claimed_anew(store: Store) -> None:
    store.run(claim("a"))
    assert store.run(Disclaim("mail", "b", TTL)) is False
    assert store.run(Disclaim("mail", "a", TTL)) is True
    assert store.run(Disclaim("mail", "a", TTL)) is False
    assert store.run(claim("b")) == Claimed("mine")


@pytest.mark.parametrize("said", [True, False])
def test_who_died_leaves_an_unknown_outcome(store: Store, clock: Clock, said: bool) -> None:
    store.run(claim("a"))
    if said:
        store.run(Disclaim("mail", "a", TTL, unknown=True))
    else:
        clock.advance(31)
    assert store.run(claim("b")) == Claimed("unknown")
    assert store.run(claim("b", take_over=True)) == Claimed("mine", again=True)
    assert store.run(claim("c", take_over=True)).state == "running"


def test_who_is_late_may_still_tell_unless_somebody_else_is_at_it(store: Store, clock: Clock) -> None:
    store.run(claim("a"))
    clock.advance(31)
    assert store.run(Finish("mail", "a", "1", TTL)) is True
    assert store.run(claim("b")) == Claimed("done", "1")
    assert store.run(Disclaim("mail", "a", TTL)) is False  # what is done stays so
    clock.advance(TTL + 1)
    store.run(claim("a"))
    clock.advance(31)
    store.run(claim("b", take_over=True))
    assert store.run(Finish("mail", "a", "1", TTL)) is False
    assert store.run(Disclaim("mail", "a", TTL)) is False
    assert store.run(claim("c")).state == "running"


def test_all_of_it_is_forgotten_in_time(store: Store, clock: Clock) -> None:
    store.run(claim("a"))
    store.run(Finish("mail", "a", "1", TTL))
    clock.advance(TTL + 1)
    assert store.run(claim("b")) == Claimed("mine")
    clock.advance(30 + TTL + 1)
    assert store.run(claim("c")) == Claimed("mine")


def test_of_many_at_once_one_has_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        states = list(threads.map(lambda owner: store.run(claim(str(owner))).state, range(40)))
    assert sorted(states) == ["mine"] + ["running"] * 39


def test_while_the_store_is_away_nothing_can_be_claimed() -> None:
    bench = Bench()
    bench.store.run(claim("a"))
    bench.shared.away = StoreError
    with pytest.raises(StoreError, match="whether this was done before is not known"):
        asyncio.run(bench.store.arun(Claim("other", "b", 30, TTL)))
    assert bench.store.run(Finish("mail", "a", "1", TTL)) is True
    bench.shared.away = None
    assert bench.store.run(claim("b")) == Claimed("done", "1")


def test_a_claim_whose_answer_was_lost_is_given_back() -> None:
    bench = Bench()
    bench.shared.loses_answers = True
    with pytest.raises(StoreError):
        bench.store.run(claim("a"))
    bench.shared.loses_answers = False
    assert bench.store.run(claim("b")) == Claimed("mine")


def test_a_store_that_is_busy_has_claimed_nothing() -> None:
    bench = Bench()
    bench.shared.away = StoreBusy
    for _ in range(FAILURES + 1):
        with pytest.raises(StoreError):
            bench.store.run(claim("a"))
    bench.shared.away, bench.now = None, PAUSE
    assert bench.store.run(claim("b")) == Claimed("mine")
