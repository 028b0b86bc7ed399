"""Values and flags."""

from clocks import Clock

from hardened.store.api import Store
from hardened.store.values import Delete, Get, Mark, Marks, Put


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
