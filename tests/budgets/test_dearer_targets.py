"""What is held grows with what the next request may really cost; who is too dear is not asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from budget_bench import MODEL, PRICES, Bench, Configure

import hardened
from hardened.store import current as store_module
from hardened.store.amounts import Counts
from hardened.store.breaker import Breaker, BreakerRule
from hardened.testing import Reply, Request, Tokens

DEAR = "gpt-4.1"
OUTPUT = 100 * 10_000  # nano-dollars of the hundred tokens that `ask` allows
TIMES = 50
TARGETS = {"dear": {"provider": "openai", "model": DEAR}, "cheap": {"provider": "openai", "model": MODEL}}
ANSWER = Reply(usage=Tokens(input=10, output=20))
SERVER = Reply(status=503, headers={"retry-after-ms": "1"})


def policy(route: list[str], usd: float = 1, **more: Any) -> dict[str, Any]:
    return {
        "prices": {**PRICES, DEAR: {"input": 1.0 * TIMES, "output": 10.0 * TIMES}},
        "targets": {name: target for name, target in TARGETS.items() if name in route} | more.pop("targets", {}),
        "routes": {"default": route},
        "budgets": {"global": {"day": {"usd": usd}}},
        "resilience": {"retries": 0},
        **more,
    }


def watch(bench: Bench, first: Reply) -> list[tuple[str, int]]:
    """Which models were asked, and what was held while they were."""
    seen: list[tuple[str, int]] = []

    def answer(request: Request) -> Reply:
        (count,) = store_module.current().run(Counts()).values()
        seen.append((str(request.model), count.held))
        return first if len(seen) == 1 else ANSWER

    bench.provider.default = answer
    return seen


@pytest.mark.parametrize(("first", "lost"), [(SERVER, 0), (Reply(fault="cut"), 1)])
def test_the_hold_covers_the_target_that_is_asked(configure: Configure, first: Reply, lost: int) -> None:
    bench = configure(**policy(["dear"]))
    seen = watch(bench, first)
    bench.ask()
    (asked, held), (then, extended) = seen
    assert (asked, then) == (MODEL, DEAR)
    assert extended == held * TIMES + held * lost, "what was lost may be charged too"
    used, left = bench.counts()["global day usd"]
    assert left == 0
    assert used == TIMES * (10 * 1_000 + 20 * 10_000) + held * lost, "charged at the price of who answered"


def test_a_cheaper_one_needs_no_more(configure: Configure) -> None:
    bench = configure(**policy(["cheap"]))
    seen = watch(bench, SERVER)
    bench.ask(model=DEAR)
    (_, held), (_, then) = seen
    assert then == held
    assert bench.counts()["global day usd"] == (10 * 1_000 + 20 * 10_000, 0)


def test_one_that_is_too_dear_is_passed_over(configure: Configure) -> None:
    bench = configure(**policy(["dear", "cheap"], usd=OUTPUT * 3 / 1e9))
    seen = watch(bench, SERVER)
    bench.ask()
    assert [model for model, _ in seen] == [MODEL, MODEL]
    assert hardened.last_call().served_by == "cheap"


def test_if_it_is_the_last_the_own_services_error_says_so(configure: Configure) -> None:
    bench = configure(**policy(["dear"], usd=OUTPUT * 3 / 1e9))
    watch(bench, SERVER)
    with pytest.raises(openai.InternalServerError) as raised:
        bench.ask()
    assert any("a fallback was not asked" in note and "budgets.global.day" in note for note in raised.value.__notes__)
    assert len(bench.provider.requests) == 1
    assert bench.counts()["global day usd"] == (0, 0)


def test_if_nobody_was_asked_it_is_the_budget(configure: Configure) -> None:
    """The own service is left alone by its breaker, and the other one is too dear."""
    bench = configure(**policy(["dear"], usd=OUTPUT * 3 / 1e9))
    place = urlsplit(bench.provider.openai_base_url).netloc
    for _ in range(5):
        store_module.current().run(Breaker(f"primary/openai/{place}/{MODEL}", "fail", BreakerRule(), "x"))
    with pytest.raises(hardened.BudgetExceeded) as raised:
        bench.ask()
    assert raised.value.needed > OUTPUT * (TIMES - 1) / 1e9
    assert bench.provider.requests == []
    assert bench.counts()["global day usd"] == (0, 0)


def test_a_model_without_a_price_is_passed_over_where_that_is_denied(configure: Configure) -> None:
    unknown = {"unknown": {"provider": "openai", "model": "nobody-knows"}}
    bench = configure(**policy(["unknown", "cheap"], targets=unknown, spend={"unknown_price": "deny"}))
    seen = watch(bench, SERVER)
    bench.ask()
    assert [model for model, _ in seen] == [MODEL, MODEL]


def test_a_second_try_that_does_not_fit_leaves_room_for_a_cheaper_target(configure: Configure) -> None:
    settings = {"retries": 2}
    bench = configure(**policy(["cheap"], usd=OUTPUT * TIMES * 1.3 / 1e9, resilience=settings))
    seen = watch(bench, Reply(fault="cut"))
    bench.ask(model=DEAR)
    assert [model for model, _ in seen] == [DEAR, MODEL]


def test_what_was_not_sent_costs_nothing(configure: Configure) -> None:
    """A call that found no place is refused, not charged."""
    bench = configure(**policy([], routes={}, targets={}, resilience={"concurrency": {"limit": 1, "queue": 0}}))

    def answer(_: Request) -> Reply:
        with pytest.raises(hardened.Overloaded):
            bench.ask()
        return ANSWER

    bench.provider.default = answer
    bench.ask()
    assert bench.counts()["global day usd"] == (10 * 1_000 + 20 * 10_000, 0)


def test_what_was_lost_takes_its_place_in_a_rate(configure: Configure) -> None:
    """A rate of an hour with room for one such request: it would take half an hour until there is any for another."""
    bench = configure(budgets={"global": {"hour": "150 tokens"}}, resilience={"retries": 1})
    bench.provider.default = Reply(fault="cut")
    with pytest.raises(hardened.RateLimited):
        bench.ask()
    assert len(bench.provider.requests) == 1
