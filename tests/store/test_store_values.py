"""Leases, values and flags."""

from clocks import Clock

from hardened.store.api import Store
from hardened.store.values import Delete, Get, Lease, Leased, Mark, Marks, Put, Unlease


def test_permits_are_counted(store: Store) -> None:
    assert store.run(Lease("gpt", "a", 2, 30)) == Leased(True, 1)
    assert store.run(Lease("gpt", "b", 2, 30)) == Leased(True, 2)
    refused = store.run(Lease("gpt", "c", 2, 30))
    assert (refused.granted, refused.taken) == (False, 2)
    assert 0 < refused.wait <= 30
    assert store.run(Unlease("gpt", "a")) is True
    assert store.run(Unlease("gpt", "a")) is False
    assert store.run(Lease("gpt", "c", 2, 30)).granted


def test_a_permit_that_nobody_renews_ends(store: Store, clock: Clock) -> None:
    store.run(Lease("gpt", "dead", 1, 30))
    clock.advance(20)
    assert not store.run(Lease("gpt", "b", 1, 30)).granted
    clock.advance(11)
    assert store.run(Lease("gpt", "b", 1, 30)).granted
    assert store.run(Unlease("gpt", "dead")) is False


def test_the_owner_renews_its_permit(store: Store, clock: Clock) -> None:
    store.run(Lease("gpt", "a", 1, 30))
    clock.advance(20)
    assert store.run(Lease("gpt", "a", 1, 30)) == Leased(True, 1)
    clock.advance(20)
    assert not store.run(Lease("gpt", "b", 1, 30)).granted
    clock.advance(11)
    assert store.run(Lease("gpt", "b", 1, 30)).granted
    assert not store.run(Lease("gpt", "a", 1, 30)).granted  # too late to renew


def test_values_end(store: Store, clock: Clock) -> None:
    assert store.run(Get("k")) is None
    assert store.run(Put("k", "wört", 30)) is True
    assert store.run(Get("k")) == "wört"
    clock.advance(31)
    assert store.run(Get("k")) is None


def test_the_first_to_put_a_new_value_wins(store: Store, clock: Clock) -> None:
    assert store.run(Put("alert", "1", 30, new=True)) is True
    assert store.run(Put("alert", "2", 30, new=True)) is False
    assert store.run(Get("alert")) == "1"
    clock.advance(31)
    assert store.run(Put("alert", "3", 30, new=True)) is True


def test_values_can_be_replaced_and_removed(store: Store) -> None:
    store.run(Put("k", "1", 30))
    store.run(Put("k", "2", 30))
    assert store.run(Get("k")) == "2"
    assert store.run(Delete("k")) is True
    assert store.run(Delete("k")) is False
    assert store.run(Get("k")) is None


def test_flags(store: Store, clock: Clock) -> None:
    assert store.run(Marks("kill")) == frozenset()
    for member in ("*", "feature:support", "user:a\nb"):
        store.run(Mark("kill", member, True))
    store.run(Mark("kill", "*", True))
    store.run(Mark("other", "x", True))
    clock.advance(10 * 365 * 86_400)
    assert store.run(Marks("kill")) == {"*", "feature:support", "user:a\nb"}
    store.run(Mark("kill", "feature:support", False))
    store.run(Mark("kill", "never set", False))
    assert store.run(Marks("kill")) == {"*", "user:a\nb"}
