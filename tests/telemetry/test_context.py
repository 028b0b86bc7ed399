"""Who asks and for what: on every span inside, through tasks, threads and generators, and never in anybody's way."""

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.baggage import get_all
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hardened.telemetry.context import (
    MAX_METADATA,
    MAX_TAGS,
    Ambient,
    StampProcessor,
    context,
    current,
    detach,
    prompt_hash,
    propagate,
    with_ambient,
)

EVERYTHING: dict[str, Any] = {
    "user_id": "u-17",
    "session_id": "s-9",
    "feature": "support",
    "tenant": "acme",
    "prompt": ("greeting", 3),
    "tags": ["beta", "web"],
    "metadata": {"region": "eu", "attempt": 2, "share": 0.5, "paid": True},
}
STAMPED = {
    "user.id": "u-17",
    "session.id": "s-9",
    "hardened.feature": "support",
    "hardened.tenant": "acme",
    "gen_ai.prompt.name": "greeting",
    "gen_ai.prompt.version": "3",
    "hardened.tags": ("beta", "web"),
    "hardened.metadata.region": "eu",
    "hardened.metadata.attempt": 2,
    "hardened.metadata.share": 0.5,
    "hardened.metadata.paid": True,
}


class Spans:
    """A tracer of some library in a process where the stamp is installed, and what it has recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(StampProcessor())
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("somebody")

    def attributes(self, name: str) -> dict[str, Any]:
        (span,) = (one for one in self._exporter.get_finished_spans() if one.name == name)
        return dict(span.attributes or {})


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    before = otel_context.get_current()
    with caplog.at_level(logging.WARNING):
        yield
    assert otel_context.get_current() == before
    assert [record.getMessage() for record in caplog.records] == []


def test_every_span_inside_carries_everything(spans: Spans) -> None:
    with context(**EVERYTHING), spans.tracer.start_as_current_span("parent"):
        spans.tracer.start_span("child").end()
    spans.tracer.start_span("outside").end()
    assert spans.attributes("parent") == spans.attributes("child") == STAMPED
    assert spans.attributes("outside") == {}


def test_what_a_span_has_already_is_left_as_it_is(spans: Spans) -> None:
    with context(user_id="u-17", feature="support"):
        spans.tracer.start_span("own", attributes={"user.id": "mine", "a": 1}).end()
    assert spans.attributes("own") == {"user.id": "mine", "a": 1, "hardened.feature": "support"}


def test_a_span_with_a_parent_given_explicitly(spans: Spans) -> None:
    parent = spans.tracer.start_span("parent")
    with context(user_id="u-17"):
        here = otel_context.get_current()
        restored = trace.set_span_in_context(parent, Context())  # as frameworks do that keep the parent themselves
        spans.tracer.start_span("restored", context=restored).end()
    spans.tracer.start_span("kept", context=here).end()
    assert spans.attributes("restored") == spans.attributes("kept") == {"user.id": "u-17"}


def test_the_inner_context_wins_and_tags_and_metadata_add_up() -> None:
    with context(**EVERYTHING):
        with context(user_id="u-2", prompt="farewell", tags=["web", "new"], metadata={"region": "us", "x": "y"}):
            inner = current()
        outer = current()
    assert inner == Ambient(
        user_id="u-2",
        session_id="s-9",
        feature="support",
        tenant="acme",
        prompt_name="farewell",
        prompt_version=None,  # not the version of another prompt
        tags=("beta", "web", "new"),
        metadata={"region": "us", "attempt": 2, "share": 0.5, "paid": True, "x": "y"},
    )
    assert outer.user_id == "u-17"
    assert outer.prompt_version == "3"
    assert current() == Ambient()


def test_an_empty_string_takes_the_outer_value_away() -> None:
    with context(user_id="u-17", prompt=("a", 1)), context(user_id="", prompt=""):
        assert current().attributes == {}


def test_nothing_given_is_nothing_stamped() -> None:
    with context():
        assert current().attributes == {}


def test_the_values_never_become_baggage() -> None:
    with context(**EVERYTHING):
        assert get_all() == {}


def test_sizes_are_bounded() -> None:
    with context(
        user_id="u" * 5000,
        tags=(f"tag {number}" for number in range(100)),
        metadata={f"key {number}": "v" * 5000 for number in range(100)},
    ):
        ambient = current()
        with context(tags=["last"], metadata={"last": 1}):
            inner = current()
    assert ambient.user_id == "u" * 200
    assert len(ambient.tags) == MAX_TAGS
    assert len(ambient.metadata) == MAX_METADATA
    assert inner.tags[-1] == "last"
    assert inner.metadata["last"] == 1
    assert len(inner.attributes) <= 7 + MAX_METADATA < 128


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": 17},
        {"session_id": b"s"},
        {"feature": ["support"]},
        {"tenant": object()},
        {"prompt": 3},
        {"prompt": ("a",)},
        {"prompt": ("a", 1.5)},
        {"prompt": ("a", True)},
        {"prompt": ("a", None)},
        {"prompt": (1, "a")},
        {"tags": "beta"},
        {"tags": 7},
        {"tags": ["beta", 7]},
        {"metadata": ["a"]},
        {"metadata": {"a": None}},
        {"metadata": {"a": ["b"]}},
        {"metadata": {1: "a"}},
    ],
)
def test_wrong_types_are_refused_where_they_are_given(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(TypeError, match=f"hardened.context: .*{name.rstrip('s')}"):
        context(**wrong)


def test_the_result_of_a_function_is_no_function() -> None:
    with pytest.raises(TypeError, match="not str: wrap the function, not its result"):
        propagate("the result")  # type: ignore[call-overload]


def test_a_message_never_holds_the_value() -> None:
    with pytest.raises(TypeError) as refused:
        context(metadata={"address": ["12 Private Road"]})  # type: ignore[dict-item]
    assert "Private" not in str(refused.value)


@given(st.dictionaries(st.sampled_from(sorted(EVERYTHING)), st.from_type(object)))
def test_every_argument_is_either_accepted_or_a_type_error(arguments: dict[str, Any]) -> None:
    try:
        made = context(**arguments)
    except TypeError:
        return
    with made:
        current()


def test_tasks_inherit_and_do_not_disturb_each_other() -> None:
    async def ask(user: str) -> str | None:
        with context(user_id=user):
            await asyncio.sleep(0)
            return (await asyncio.create_task(inner())).user_id

    async def inner() -> Ambient:
        return current()

    async def main() -> list[str | None]:
        with context(tenant="acme"):
            return await asyncio.gather(*(ask(f"u-{number}") for number in range(5)))

    assert asyncio.run(main()) == [f"u-{number}" for number in range(5)]


def test_one_object_can_be_entered_again_and_by_several_threads_at_once() -> None:
    shared = context(feature="support")
    inside, leave = threading.Barrier(2, timeout=10), threading.Barrier(2, timeout=10)

    def enter() -> tuple[str | None, str | None]:
        with shared:
            inside.wait()
            with shared:
                found = current().feature
            leave.wait()
        return found, current().feature

    with ThreadPoolExecutor(2) as pool:
        for result in [pool.submit(enter), pool.submit(enter)]:
            assert result.result() == ("support", None)
    assert shared._tokens == []


def test_an_exception_passes_and_the_context_ends() -> None:
    with pytest.raises(ZeroDivisionError), context(user_id="u-17"):
        raise ZeroDivisionError
    assert current() == Ambient()


def test_a_generator_finalised_elsewhere_is_silent() -> None:
    def produce() -> Iterator[str | None]:
        with context(user_id="u-17"):
            yield current().user_id

    generator = produce()
    assert copy_context().run(next, generator) == "u-17"
    generator.close()  # in another contextvars.Context than the one in which it was begun


def test_an_abandoned_async_generator_is_silent() -> None:
    async def produce() -> AsyncIterator[str | None]:
        with context(user_id="u-17"):
            yield current().user_id
            yield None

    async def begin() -> None:
        async for found in produce():
            assert found == "u-17"
            break

    async def main() -> None:
        await asyncio.create_task(begin())  # the loop finalises the generator in a task of its own
        gc.collect()
        await asyncio.sleep(0)
        assert current() == Ambient()

    asyncio.run(main())


def test_detach_says_whether_there_was_something_to_take_back() -> None:
    token = otel_context.attach(with_ambient(Ambient(user_id="u-17")))
    assert not copy_context().run(detach, token)
    assert current().user_id == "u-17"
    assert detach(token)


def test_propagate_carries_the_trace_and_the_values_into_a_thread(spans: Spans) -> None:
    def work(name: str) -> int:
        with spans.tracer.start_as_current_span(name) as span:
            return span.get_span_context().trace_id

    with ThreadPoolExecutor(2) as pool, context(user_id="u-17"), spans.tracer.start_as_current_span("parent") as parent:
        plain = pool.submit(work, "plain").result()
        carried = list(pool.map(propagate(work), ["one", "two"]))
        assert pool.submit(current).result() == Ambient(), "nothing stays in the thread"
    assert plain != parent.get_span_context().trace_id
    assert carried == [parent.get_span_context().trace_id] * 2
    assert spans.attributes("plain") == {}
    assert spans.attributes("one") == spans.attributes("two") == {"user.id": "u-17"}


def test_propagate_as_a_decorator_and_for_coroutines() -> None:
    with context(user_id="u-17"):

        @propagate()
        async def work(suffix: str) -> str:
            """Documented."""
            await asyncio.sleep(0)
            return f"{current().user_id}{suffix}"

    assert work.__doc__ == "Documented."
    assert asyncio.run(work("!")) == "u-17!"
    assert current() == Ambient()


def test_the_hash_of_a_prompt_is_short_and_depends_on_the_text_only() -> None:
    assert prompt_hash("You are a helpful assistant.") == "75357d685f23"
    assert prompt_hash("") != prompt_hash(" ")
    assert len(prompt_hash("\ud800")) == 12


def test_a_broken_span_is_not_the_application_s_problem(caplog: pytest.LogCaptureFixture) -> None:
    with context(user_id="u-17"):
        StampProcessor().on_start(object())  # type: ignore[arg-type]
    (record,) = caplog.records
    assert "stamping a span" in record.getMessage()
    caplog.clear()
