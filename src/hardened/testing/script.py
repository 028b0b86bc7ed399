"""What a fake provider shall answer, independent of any wire format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardened.testing.schedules import known


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that the model makes. `arguments` is JSON text or a value that is encoded as JSON."""

    name: str
    arguments: Any = field(default_factory=dict[str, Any])
    id: str | None = None

    @property
    def json(self) -> str:
        """The arguments as JSON text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of an answer. `input` includes `cached` and `cache_write`, `output` includes `reasoning`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer. Every field has a default that makes a plausible answer.

    Attributes:
        text: the answer; `None` echoes the last message of the request (unless there are tool calls or a refusal).
        choices: different texts for the choices of an OpenAI request with `n > 1`; by default all have `text`.
        tool_calls: calls that the model makes: `ToolCall`s, or mappings with `name`, `arguments` and perhaps `id`.
        reasoning: text of a thinking block or of a reasoning summary. Chat completions carry it as
            `reasoning_content`, as OpenAI-compatible servers do.
        refusal: the model declines, in the provider's own way.
        usage: token counts, as `Tokens` or as a mapping with its names. By default counted from the texts.
        finish_reason: the provider's own word; by default what fits the answer.
        chunks: the pieces of `text` in a stream; they also give the text if `text` is not set.
        chunk_size: characters in each piece of a streamed text where `chunks` does not say.
        delay: seconds before the answer starts.
        chunk_delay: seconds before each event of a stream.
        model: the model that the answer names; by default the one that was asked for.
        status: HTTP status; from 400 on, the body is an error of the provider's shape.
        headers: added to the response's headers.
        body: the whole body in place of a generated one: bytes, text, or a value that is encoded as JSON.
        fault: how the answer goes wrong: a name in `FAULTS`.
        fault_after: how many events of a stream arrive before the connection does what the fault says; by default two
            thirds of them.
    """

    text: str | None = None
    choices: Sequence[str] = ()
    tool_calls: Sequence[ToolCall | Mapping[str, Any]] = ()
    reasoning: str | None = None
    refusal: str | None = None
    usage: Tokens | Mapping[str, int] | None = None
    finish_reason: str | None = None
    chunks: Sequence[str] | None = None
    chunk_size: int = 4
    delay: float = 0.0
    chunk_delay: float = 0.0
    model: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    fault: str | None = None
    fault_after: int | None = None

    def __post_init__(self) -> None:
        if self.chunk_size < 1:
            raise ValueError("chunk_size must be at least 1")
        if self.text is not None and self.chunks is not None and "".join(self.chunks) != self.text:
            raise ValueError("text and chunks differ: give one of them")
        if self.fault is not None:
            known(self.fault)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls as `ToolCall`s."""
        return tuple(call if isinstance(call, ToolCall) else ToolCall(**call) for call in self.tool_calls)

    def answer(self, prompt: str) -> str:
        """The text of the answer to `prompt`; empty if the model only calls tools or refuses."""
        if self.text is not None:
            return self.text
        if self.chunks is not None:
            return "".join(self.chunks)
        return "" if self.tool_calls or self.refusal else f"You said: {prompt}"

    def pieces(self, text: str) -> list[str]:
        """`text` cut as a stream delivers it."""
        if self.chunks is not None and "".join(self.chunks) == text:
            return list(self.chunks)
        return [text[i : i + self.chunk_size] for i in range(0, len(text), self.chunk_size)]

    def tokens(self, prompt_characters: int, answer: str) -> Tokens:
        """The scripted usage, else an estimate from the lengths of the texts."""
        if isinstance(self.usage, Tokens):
            return self.usage
        if self.usage is not None:
            return Tokens(**self.usage)
        reasoning = count_tokens(len(self.reasoning)) if self.reasoning else 0
        written = len(answer) + len(self.refusal or "") + sum(len(call.name) + len(call.json) for call in self.calls)
        output = count_tokens(written) + reasoning
        return Tokens(input=count_tokens(prompt_characters), output=output, reasoning=reasoning)


def count_tokens(characters: int) -> int:
    """A plausible token count: four characters each, at least one (OpenAI's rule of thumb for English text)."""
    return max(1, -(-characters // 4))
