"""Values and flags."""

from clocks import Clock

from hardened.store.api import Store
from hardened.store.values import Mark, Marks, Put


def test_the_first_to_put_a_new_value_wins(store: Store, clock: Clock) -> None:
    assert store.run(Put("alert", "wört", 30, new=True)) is True
    assert store.run(Put("alert", "2", 30, new=True)) is False
    assert store.run(Put("alert", "3", 30)) is True
    clock.advance(31)
    assert store.run(Put("alert", "4", 30, new=True)) is True


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
