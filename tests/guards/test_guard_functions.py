"""The guards for code of one's own."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
from guard_detectors import Whole, growing, guards

from hardened.errors import BlockedError
from hardened.guards import current
from hardened.guards.functions import LONG, acheck, check, detector, guard
from hardened.guards.plan import Rule
from hardened.guards.verdict import Stage
from hardened_detectors import registry

pytestmark = pytest.mark.usefixtures("own_guards")


@pytest.fixture(autouse=True)
def redacting(own_guards: None) -> None:
    current.use(guards({growing(): "redact", Whole("digits", r"\d+"): "block"}))


def test_check_tells_and_raises_nothing() -> None:
    assert check("say k-abc").text == "say [KEY_FOUND]"
    verdict = check("1", stage="output")
    assert (verdict.stage, verdict.ok) == ("output", False)


def test_a_stage_that_does_not_exist_is_refused_when_it_is_named() -> None:
    with pytest.raises(ValueError, match="no such stage: 'outptu'; one of input, output"):
        check("text", stage="outptu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no such stage"):
        guard("everything")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no such stage"):
        asyncio.run(acheck("text", stage="outptu"))  # type: ignore[arg-type]


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^hardened\.check: text must be a str, not bytes$"):
        check(b"text")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not int"):
        asyncio.run(acheck(7))  # type: ignore[arg-type]


def test_forgotten_parentheses_are_noticed_where_they_are_missing() -> None:
    with pytest.raises(TypeError, match="with parentheses"):
        guard(lambda: "text")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="with a name"):
        detector(lambda text: True)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-a"])
def test_a_name_that_could_not_stand_in_a_policy_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a detector"):
        detector(name)(lambda text: True)


def test_a_verdict_in_a_log_shows_no_text() -> None:
    assert "k-abc" not in repr(check("k-abc"))


def where(judge_text: str, rule: Rule | str) -> tuple[str, str]:
    """The verdict's text and the name of the thread in which the detector ran."""
    names: list[str] = []

    class Telling(Whole):
        def detect(self, text: str) -> list[Any]:
            names.append(threading.current_thread().name)
            return super().detect(text)

    current.use(guards({Telling("letters", "b"): rule}))  # type: ignore[dict-item]
    return asyncio.run(acheck(judge_text)).text, names[0]


def test_asynchronous_code_waits_for_long_texts_in_a_thread() -> None:
    assert where("ab", "redact") == ("a[LETTERS_FOUND]", "MainThread")
    text, thread = where("a" * LONG + "b", "redact")
    assert text.endswith("a[LETTERS_FOUND]")
    assert thread != "MainThread"


def test_asynchronous_code_waits_in_a_thread_for_detectors_with_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = guards({Whole("letters", "b"): Rule("letters", "redact", timeout=60)})
    threads: list[str] = []

    def telling(*args: Any, **kwargs: Any) -> Any:
        threads.append(threading.current_thread().name)
        return type(judge).check(judge, *args, **kwargs)

    monkeypatch.setattr(judge, "check", telling)
    current.use(judge)
    assert asyncio.run(acheck("b")).text == "[LETTERS_FOUND]"
    assert threads != ["MainThread"]


def test_results_are_judged_and_what_is_no_text_passes_untouched() -> None:
    @guard()
    def answer(value: object) -> object:
        """Answers."""
        return value

    assert answer("say k-abc") == "say [KEY_FOUND]"
    assert answer({"a": ["k-abc", 7, None], "k-abc": {"b": "fine"}}) == {
        "a": ["[KEY_FOUND]", 7, None],
        "k-abc": {"b": "fine"},
    }
    for same in ("fine", {"a": ["fine", 1.5]}, ("k-abc",), 12, None, object()):
        assert answer(same) is same
    with pytest.raises(BlockedError) as caught:
        answer(["fine", "12"])
    assert (caught.value.stage, caught.value.detector) == ("output", "digits")
    assert (answer.__name__, answer.__doc__) == ("answer", "Answers.")


@pytest.mark.parametrize("stage", ["input", "tool_call"])
def test_arguments_are_judged_and_results_are_not(stage: Stage) -> None:
    @guard(stage)
    def ask(*args: object, **kwargs: object) -> object:
        return args, kwargs, "k-abc"

    assert ask("k-abc", ["k-abc"], 3, to="k-abc") == (
        ("[KEY_FOUND]", ["[KEY_FOUND]"], 3),
        {"to": "[KEY_FOUND]"},
        "k-abc",
    )
    with pytest.raises(BlockedError, match=f"stage '{stage}'"):
        ask(to="12")


def test_methods_can_be_guarded() -> None:
    class Bot:
        @guard()
        def answer(self, text: str) -> str:
            return text

    assert Bot().answer("k-abc") == "[KEY_FOUND]"


def test_coroutine_functions() -> None:
    @guard()
    async def answer(text: str) -> str:
        return text

    @guard("input")
    async def ask(text: str) -> str:
        return text + " k-abc"

    assert inspect.iscoroutinefunction(answer)
    assert asyncio.run(answer("k-abc")) == "[KEY_FOUND]"
    assert asyncio.run(ask("k-abc")) == "[KEY_FOUND] k-abc"


PIECES: list[object] = ["say k", "-ab", None, "c", " now"]


def test_pieces_of_a_generator_are_one_text() -> None:
    @guard()
    def answer() -> Iterator[object]:
        yield from PIECES

    assert inspect.isgeneratorfunction(answer)
    assert list(answer()) == ["say ", None, "[KEY_FOUND] now"]


def test_pieces_of_an_asynchronous_generator_are_one_text() -> None:
    @guard()
    async def answer(last: str) -> AsyncIterator[object]:
        for piece in PIECES:
            yield piece
        yield last

    async def read() -> list[object]:
        return [piece async for piece in answer(" k-xyz")]

    assert inspect.isasyncgenfunction(answer)
    assert asyncio.run(read()) == ["say ", None, "[KEY_FOUND] now", " ", "[KEY_FOUND]"]


def test_arguments_of_generators() -> None:
    @guard("input")
    def echo(text: str) -> Generator[str, str, str]:
        return text + (yield text + " k-abc")

    generator = echo("k-abc")
    assert next(generator) == "[KEY_FOUND] k-abc"
    with pytest.raises(StopIteration) as stop:
        generator.send("!")
    assert stop.value.value == "[KEY_FOUND]!"

    @guard("input")
    async def aecho(text: str) -> AsyncIterator[str]:
        yield text + " k-abc"

    async def read() -> list[str]:
        return [piece async for piece in aecho("k-abc")]

    assert asyncio.run(read()) == ["[KEY_FOUND] k-abc"]


def test_a_stream_that_is_blocked_or_left_closes_its_source() -> None:
    current.use(guards({growing(): "block"}))
    closed: list[str] = []

    @guard()
    def answer(name: str) -> Iterator[str]:
        try:
            yield from ("say ", "k-abc", " now", "more")
        finally:
            closed.append(name)

    read: list[str] = []
    with pytest.raises(BlockedError) as caught:
        read.extend(answer("blocked"))
    assert caught.value.released_chars == 4
    left = answer("left")
    next(left)
    left.close()
    assert closed == ["blocked", "left"]


@pytest.fixture
def registered() -> Iterator[Callable[[str], Any]]:
    names: list[str] = []

    def register(name: str) -> Any:
        names.append(name)
        return detector(name)

    yield register
    for name in names:
        registry.unregister(name)


def test_a_function_becomes_a_detector_with_options(registered: Callable[[str], Any]) -> None:
    @registered("ticket_id")
    def tickets(text: str, prefix: str = "T-") -> list[tuple[int, int]]:
        at = text.find(prefix)
        return [(at, at + len(prefix) + 3)] if at >= 0 else []

    assert tickets("T-123") == [(0, 5)], "the function stays a function"
    from hardened.guards.engine import Guards
    from hardened.guards.plan import Plan

    rules = {"output": (Rule("ticket_id", "redact"),)}
    current.use(Guards(Plan(rules=rules)))
    assert check("see T-123", "output").text == "see [TICKET_ID]"
    current.use(Guards(Plan(rules=rules, options={"ticket_id": {"prefix": "JIRA-"}})))
    assert check("see T-123 or JIRA-123", "output").text == "see T-123 or [TICKET_ID]"


def test_a_built_in_name_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="secrets"):
        detector("secrets")(lambda text: False)


def test_without_a_choice_the_active_policy_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    from hardened.guards.plan import Plan
    from hardened.policy import active

    current.use(None)
    plans = [Plan(version="1"), Plan(version="2")]
    monkeypatch.setattr(active, "active_plan", lambda: plans[0])
    first = current.current()
    assert first.plan is plans[0]
    assert current.current() is first
    plans.pop(0)
    assert current.current().plan.version == "2"


def test_partial_functions_are_functions() -> None:
    assert guard()(functools.partial(str.upper, "k"))() == "K"
