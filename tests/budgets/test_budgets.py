"""What is reserved, charged and refused, as the provider and the application see it."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import openai
import pytest
from budget_bench import Configure

import hardened
from hardened.store.amounts import Counts, Tallies
from hardened.store.sqlite import SqliteStore
from hardened.testing import Reply, Tokens

# Of one call by default: 10 input and 20 output tokens, at 1,000 and 10,000 nano-dollars.
USAGE = Tokens(input=10, output=20)
COST = 10 * 1_000 + 20 * 10_000


def test_nothing_is_counted_or_created_without_a_budget(configure: Configure, tmp_path: Path) -> None:
    bench = configure()
    bench.ask()
    assert bench.counts() == {}
    assert not (tmp_path / ".hardened").exists()


def test_who_has_no_budget_and_no_other_wire_does_not_pay_for_their_import(tmp_path: Path) -> None:
    spared = {"hardened.spend.ledger", "hardened.store.amounts", "hardened.resilience.translation.pairs"}
    code = f"import sys, hardened.auto; print(sorted({spared!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_call_is_charged_what_it_used(configure: Configure) -> None:
    bench = configure(budgets={"global": {"day": "1 USD, 1M tokens, 100 requests"}})
    bench.provider.reply(usage=USAGE)
    bench.ask()
    assert bench.counts() == {
        "global day usd": (COST, 0),
        "global day tokens": (30, 0),
        "global day requests": (1, 0),
    }


def test_every_scope_counts_for_itself(configure: Configure) -> None:
    windows = {"month": "1 USD"}
    bench = configure(
        budgets={"global": windows, "user": windows, "feature": windows, "tenant": windows, "run": "1 USD"}
        | {"conversation": "1 USD"}
    )
    for user in ("ann", "bob"):
        bench.provider.reply(usage=USAGE)
        with hardened.context(user_id=user, feature="chat", tenant="acme", session_id="s", run_id="r"):
            bench.ask()
    assert bench.counts() == {
        "user month usd ann": (COST, 0),
        "user month usd bob": (COST, 0),
        "feature month usd chat": (2 * COST, 0),
        "tenant month usd acme": (2 * COST, 0),
        "run all usd r": (2 * COST, 0),
        "conversation all usd s": (2 * COST, 0),
        "global month usd": (2 * COST, 0),
    }


def test_a_call_that_does_not_fit_is_not_sent(configure: Configure) -> None:
    bench = configure(budgets={"user": {"day": "0.0015 USD"}, "global": {"day": "1 USD"}})
    bench.provider.reply(usage=Tokens(input=10, output=99))
    with hardened.context(user_id="ann"):
        bench.ask("secret question")
        before = bench.counts()
        with pytest.raises(hardened.BudgetExceeded) as caught:
            bench.ask("secret question")
    error = caught.value
    assert (error.scope, error.window, error.unit, error.cap) == ("user", "day", "usd", 0.0015)
    assert error.used == pytest.approx(0.001)
    assert error.needed > 0.001
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 86_400
    assert "secret" not in str(error)
    assert "ann" not in str(error)
    assert len(bench.provider.requests) == 1
    assert bench.counts() == before  # all scopes or none


def test_errors_can_be_copied(configure: Configure) -> None:
    bench = configure(budgets={"request": "10 tokens"})
    with pytest.raises(hardened.BudgetExceeded) as caught:
        bench.ask()
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert str(again) == str(caught.value)
        assert vars(again) == vars(caught.value)


def test_a_single_request_has_a_cap_that_needs_no_store(configure: Configure, tmp_path: Path) -> None:
    bench = configure(budgets={"request": "0.0005 USD"})
    with pytest.raises(hardened.BudgetExceeded) as caught:
        bench.ask()
    assert caught.value.retry_after is None
    bench.ask(max_tokens=20)
    assert not (tmp_path / ".hardened").exists()


def test_a_rate_refuses_and_recovers(configure: Configure) -> None:
    bench = configure(budgets={"user": {"minute": "2 requests"}})
    with hardened.context(user_id="ann"):
        bench.ask()
        bench.ask()
        for _ in range(5):  # asking again does not make it later
            with pytest.raises(hardened.RateLimited) as caught:
                bench.ask()
    assert (caught.value.scope, caught.value.window, caught.value.unit) == ("user", "minute", "requests")
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 30  # seconds, not an epoch
    with hardened.context(user_id="bob"):
        bench.ask()
    bench.ask()  # of nobody


def test_tokens_of_a_rate_are_settled(configure: Configure) -> None:
    bench = configure(budgets={"global": {"hour": "1k tokens"}})
    for _ in range(5):
        bench.provider.reply(usage=USAGE)
        bench.ask(max_tokens=800)
    assert 145 <= bench.levels()["global hour tokens"] <= 150


def test_single_ones_have_budgets_of_their_own(configure: Configure) -> None:
    user = {"minute": "1 requests", "day": "1 USD", "named": {"importer": {"minute": "3 requests"}}}
    bench = configure(budgets={"user": user})
    with hardened.context(user_id="importer"):
        for _ in range(3):
            bench.ask()
        with pytest.raises(hardened.RateLimited):
            bench.ask()
    assert "user day usd importer" in bench.counts()


@pytest.mark.parametrize("count", [20])
def test_a_cap_holds_for_many_at_once(configure: Configure, count: int) -> None:
    """A check before and an addition after, as a widespread playbook has it, let 50 of 50 through a cap of 10."""
    bench = configure(budgets={"global": {"day": "10 requests"}})
    bench.provider.default = lambda _: Reply(delay=0.05)

    async def main() -> list[object]:
        return await asyncio.gather(*(bench.aask() for _ in range(count)), return_exceptions=True)

    outcomes = asyncio.run(main())
    assert sum(isinstance(one, hardened.BudgetExceeded) for one in outcomes) == count - 10
    assert len(bench.provider.requests) == 10


def test_threads_share_a_cap(configure: Configure) -> None:
    bench = configure(budgets={"global": {"day": "10 requests"}})
    refused: list[object] = []

    def work() -> None:
        try:
            bench.ask()
        except hardened.BudgetExceeded as error:
            refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), len(bench.provider.requests)) == (10, 10)


def test_calls_in_sequence_wait_for_the_ends_of_others(configure: Configure) -> None:
    """Each reserves nearly all of the budget and uses little: what is being given back counts."""
    bench = configure(budgets={"global": {"day": "0.0022 USD"}})
    for _ in range(5):
        bench.provider.reply(usage=Tokens(input=1, output=1))
        bench.ask(max_tokens=200)
    assert len(bench.provider.requests) == 5


BUDGET = {"global": {"day": "1 USD, 100k tokens"}}


class TestEndings:
    """However a call ends, nothing stays held, and nothing that may have been billed is free."""

    def test_a_refused_request_is_free(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.provider.reply(status=400)
        with pytest.raises(openai.BadRequestError):
            bench.ask()
        assert bench.counts() == {"global day usd": (0, 0), "global day tokens": (0, 0)}

    def test_a_blocked_request_is_not_even_reserved(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET, detectors={"secrets": {"input": "block"}})
        with pytest.raises(hardened.BlockedError):
            bench.ask("postgres://admin:" + "hunter2hunter2" + "@db.internal/prod")
        assert bench.counts() == {}

    def test_a_provider_that_is_not_there_is_free(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.provider.close()
        with pytest.raises(openai.APIConnectionError):
            bench.ask()
        assert bench.counts() == {"global day usd": (0, 0), "global day tokens": (0, 0)}

    def test_an_answer_that_was_lost_is_charged(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.provider.reply(fault="cut")
        with pytest.raises(openai.APIConnectionError):
            bench.ask()
        used, held = bench.counts()["global day tokens"]
        assert (used > 100, held) == (True, 0)

    def test_every_attempt_that_was_lost_is_charged(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.openai = bench.openai.with_options(max_retries=2)
        bench.provider.reply(fault="cut")
        bench.provider.reply(fault="cut")
        bench.provider.reply(usage=USAGE)
        bench.ask()
        used, held = bench.counts()["global day tokens"]
        assert held == 0
        assert used > 30 + 2 * 100

    def test_attempts_that_were_refused_are_not(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.openai = bench.openai.with_options(max_retries=2)
        bench.provider.reply(status=503, headers={"retry-after-ms": "1"})
        bench.provider.reply(usage=USAGE)
        bench.ask()
        assert bench.counts()["global day tokens"] == (30, 0)

    def test_an_attempt_that_does_not_fit_any_more_is_not_made(self, configure: Configure) -> None:
        bench = configure(budgets={"global": {"day": "250 tokens"}})
        bench.openai = bench.openai.with_options(max_retries=5)
        bench.provider.default = lambda _: Reply(fault="cut")
        with pytest.raises(hardened.BudgetExceeded):
            bench.ask()
        assert len(bench.provider.requests) == 2
        used, held = bench.counts()["global day tokens"]
        assert (200 < used <= 250, held) == (True, 0)

    def test_a_stream_is_charged_by_its_usage(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.provider.reply(usage=USAGE)
        for _ in bench.ask(stream=True, stream_options={"include_usage": True}):
            pass
        assert bench.counts()["global day usd"] == (COST, 0)

    def test_a_stream_without_usage_is_charged_by_estimate(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.provider.reply(text="word " * 50)
        for _ in bench.ask("hello there", stream=True):
            pass
        used, held = bench.counts()["global day tokens"]
        assert (50 <= used <= 70, held) == (True, 0)

    @pytest.mark.parametrize("how", ["closed", "dropped", "never read"])
    def test_a_stream_that_is_left_is_charged_for_what_came(self, configure: Configure, how: str) -> None:
        bench = configure(budgets=BUDGET)
        bench.provider.reply(text="word " * 50)
        stream = bench.ask("hello there", stream=True)
        if how != "never read":
            for _ in range(5):
                next(iter(stream))
        if how == "closed":
            stream.close()
        del stream
        for _ in range(3):  # what a finaliser ends is itself collected by the next
            gc.collect()
        used, held = bench.counts()["global day tokens"]
        assert (used > 0, held) == (True, 0)

    def test_a_broken_stream_is_charged_for_what_came(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET)
        bench.provider.reply(text="word " * 50, fault="cut", fault_after=10)
        with pytest.raises(Exception):  # noqa: B017 - whatever the SDK makes of it
            for _ in bench.ask(stream=True):
                pass
        used, held = bench.counts()["global day tokens"]
        assert (used > 0, held) == (True, 0)

    @pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 21])
    def test_a_cancelled_call_leaves_no_hold(self, configure: Configure, steps: int) -> None:
        bench = configure(budgets=BUDGET)

        async def main() -> None:
            task = asyncio.ensure_future(bench.aask())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())
        assert all(held == 0 for _, held in bench.counts().values())

    def test_an_answer_that_was_blocked_was_paid_for(self, configure: Configure) -> None:
        bench = configure(budgets=BUDGET, detectors={"secrets": {"output": "block"}})
        bench.provider.reply(text="postgres://admin:" + "hunter2hunter2" + "@db.internal/prod", usage=USAGE)
        with pytest.raises(hardened.BlockedError):
            bench.ask()
        assert bench.counts()["global day usd"] == (COST, 0)


class TestPrices:
    def test_a_model_without_a_price_costs_nothing_by_default(self, configure: Configure) -> None:
        bench = configure(budgets={"global": {"day": "1 USD"}})
        bench.ask(model="some-private-model")
        assert bench.counts() == {"global day usd": (0, 0)}

    def test_it_can_count_as_a_dear_one(self, configure: Configure) -> None:
        bench = configure(budgets={"global": {"day": "1 USD"}}, spend={"unknown_price": "estimate"})
        bench.provider.reply(usage=USAGE)
        bench.ask(model="some-private-model")
        assert bench.counts() == {"global day usd": (10 * 15_000 + 20 * 75_000, 0)}

    def test_it_can_be_refused(self, configure: Configure) -> None:
        bench = configure(budgets={"global": {"day": "1 USD"}}, spend={"unknown_price": "deny"})
        with pytest.raises(hardened.UnknownPrice, match="some-private-model"):
            bench.ask(model="some-private-model")
        bench.ask()

    def test_where_no_money_is_limited_nobody_asks_for_a_price(self, configure: Configure) -> None:
        bench = configure(budgets={"global": {"day": "10 requests"}}, spend={"unknown_price": "deny"})
        bench.ask(model="some-private-model")


class TestModes:
    def test_shadow_counts_and_refuses_nothing(self, configure: Configure) -> None:
        bench = configure(mode="shadow", budgets={"global": {"day": "1 requests", "minute": "1 requests"}})
        bench.ask()
        bench.ask()
        assert bench.counts() == {"global day requests": (2, 0)}

    def test_the_worst_case_is_never_passed(self, configure: Configure) -> None:
        """A provider that counts a token for each byte, and answers as long as it may."""
        bench = configure(budgets={"global": {"day": "3000 tokens"}}, spend={"worst_case": True})
        text = "日本語のテキスト" * 10
        bench.provider.default = lambda request: Reply(usage=Tokens(input=len(text.encode()), output=100))
        while True:
            try:
                bench.ask(text)
            except hardened.BudgetExceeded:
                break
            used, held = bench.counts()["global day tokens"]
            assert used + held <= 3000
        assert len(bench.provider.requests) >= 5

    def test_without_a_limit_of_tokens_the_worst_case_is_the_models_own(self, configure: Configure) -> None:
        bench = configure(budgets={"request": "16k tokens"}, spend={"worst_case": True})
        with pytest.raises(hardened.BudgetExceeded) as caught:
            bench.ask(max_tokens=openai.NOT_GIVEN)
        assert caught.value.needed > 16_384

    def test_else_it_is_learned(self, configure: Configure) -> None:
        bench = configure(budgets={"global": {"day": "10M tokens"}, "request": "300 tokens"})
        with pytest.raises(hardened.BudgetExceeded):
            bench.ask(max_tokens=openai.NOT_GIVEN)
        for _ in range(20):
            bench.provider.reply(usage=Tokens(input=5, output=100))
            bench.ask()
        bench.counts()
        bench.ask(max_tokens=openai.NOT_GIVEN)


def test_other_providers_and_embeddings_are_counted_too(configure: Configure) -> None:
    bench = configure(budgets={"global": {"day": "10 requests"}})
    bench.anthropic.messages.create(
        model="claude-sonnet-4-6", max_tokens=50, messages=[{"role": "user", "content": "hi"}]
    )
    bench.openai.embeddings.create(model="text-embedding-3-small", input="hi")
    bench.openai.models.list()
    assert bench.counts() == {"global day requests": (2, 0)}


def test_the_books_are_kept_by_feature_user_model_and_prompt(configure: Configure, tmp_path: Path) -> None:
    bench = configure(budgets={"global": {"day": "1 USD"}})
    bench.provider.reply(usage=USAGE)
    with hardened.context(user_id="ann", feature="chat", prompt=("greeting", 3)):
        bench.ask()
    bench.counts()
    store = SqliteStore(tmp_path / ".hardened" / "state.db")
    day = next(iter(store.run(Counts()))).split("/")[3]
    for dimension, member in (("total", "all"), ("feature", "chat"), ("user", "ann"), ("prompt", "greeting@3")):
        assert store.run(Tallies(f"{day}/{dimension}")) == {member: (COST, 30, 1)}
    assert store.run(Tallies(f"{day}/model")) == {"gpt-4o-mini": (COST, 30, 1)}


def test_while_the_store_is_away_a_refusal_says_what_this_process_may_use(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "place").write_text("no directory")
    store = {"url": str(tmp_path / "place" / "state.db"), "replicas": 4}
    bench = configure(store=store, budgets={"global": {"day": "1 USD"}})
    with pytest.raises(
        hardened.BudgetExceeded, match=r"while the store of the counts is away, 0\.25 USD are"
    ) as raised:
        bench.ask(max_tokens=30_000)  # 0.30 USD
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.alone, error.used, error.cap, error.retry_after) == (True, 0, 0.25, None)
