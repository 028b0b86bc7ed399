"""Whole answers, errors and usage of each wire in the other."""

from __future__ import annotations

import time
from typing import Any, Final

from hardened.resilience.translation.chat_to_messages import parsed_arguments
from hardened.resilience.translation.fields import items, mapping, refuse, refusing, text, written
from hardened_instrumentation.calls import Json
from hardened_instrumentation.wires.parts import as_dict

FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Anthropic's reason to stop → OpenAI's. One that is not here ends an answer that nobody asked for."""

STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""OpenAI's → Anthropic's. OpenAI does not say whether the model or a stop sequence has ended the answer."""

ERROR_CODES: Final = {
    "overloaded_error": "server_is_overloaded",
    "rate_limit_error": "rate_limit_exceeded",
    "billing_error": "insufficient_quota",
    "authentication_error": "invalid_api_key",
    "not_found_error": "model_not_found",
    "api_error": "server_error",
    "timeout_error": "server_error",
}
"""Anthropic's types of errors → OpenAI's codes."""

SILENT: Final = frozenset({"thinking", "redacted_thinking"})
"""Blocks of an answer that OpenAI's wire does not show: there too, reasoning is only counted."""


@refusing("answer")
def chat_answer(body: Json) -> Json:
    """An answer of Anthropic as one of OpenAI. Raises `Refused` for what is no answer, or has no translation."""
    if body.get("type") == "error":
        return chat_error(body)
    said: list[str] = []
    calls: list[Json] = []
    for value, path in items(_list(body.get("content"), "content"), "content"):
        block = mapping(value, path)
        if block.get("type") == "text":
            said.append(text(block.get("text"), path))
        elif block.get("type") == "tool_use":
            calls.append(chat_call(text(block.get("id"), path), text(block.get("name"), path), block.get("input")))
        elif block.get("type") not in SILENT:
            refuse(path, "it has no translation")
    message: Json = {"role": "assistant", "content": "".join(said) or (None if calls else ""), "refusal": None}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(body.get("stop_reason"))}
    return {**chat_head(body, "chat.completion"), "choices": [choice], "usage": chat_usage(as_dict(body.get("usage")))}


def chat_head(message: Json, kind: str) -> Json:
    """What stands in front of an answer and of each event of a stream."""
    return {"id": message.get("id"), "object": kind, "created": int(time.time()), "model": message.get("model")}


def chat_call(id: str, name: str, arguments: Any) -> Json:
    """A call of a tool. `arguments`: an object, or its JSON."""
    said = arguments if isinstance(arguments, str) else written(arguments or {})
    return {"id": id, "type": "function", "function": {"name": name, "arguments": said}}


def finish_reason(reason: Any) -> str | None:
    """Why OpenAI says that an answer ended; `None` where the provider said nothing. Raises `Refused`."""
    if reason is None:
        return None
    return FINISH_REASONS.get(reason) or refuse("stop_reason", "it has no translation")


def chat_usage(usage: Json) -> Json | None:
    """Tokens as OpenAI counts them: those from the cache are tokens of the prompt too."""
    if not usage:
        return None
    cached, kept = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    given = (usage.get("input_tokens") or 0) + cached + kept
    output = usage.get("output_tokens") or 0
    counts: Json = {"prompt_tokens": given, "completion_tokens": output, "total_tokens": given + output}
    of_cache = {"cached_tokens": cached, "cache_write_tokens": kept}
    details = {name: count for name, count in of_cache.items() if count}
    return {**counts, "prompt_tokens_details": details} if details else counts


def chat_error(body: Json) -> Json:
    """An error of Anthropic as OpenAI would say it."""
    error = as_dict(body.get("error"))
    kind = error.get("type")
    code = ERROR_CODES.get(kind) if isinstance(kind, str) else None
    return {"error": {"message": error.get("message") or "", "type": kind, "param": None, "code": code or kind}}


@refusing("answer")
def message_answer(body: Json) -> Json:
    """An answer of OpenAI as one of Anthropic. Raises `Refused` for what is no answer, or has no translation."""
    if body.get("error") and not body.get("choices"):
        return message_error(body)
    choices = _list(body.get("choices"), "choices")
    if len(choices) != 1:
        refuse("choices", "it is not one answer")
    choice = mapping(choices[0], "choices[0]")
    message = mapping(choice.get("message"), "choices[0].message")
    if message.get("audio") or message.get("function_call"):
        refuse("choices[0].message", "it has no translation")
    said = [message[name] for name in ("content", "refusal") if message.get(name)]
    content: list[Json] = [{"type": "text", "text": text(one, "choices[0].message")} for one in said]
    for value, path in items(message.get("tool_calls"), "choices[0].message.tool_calls"):
        content.append(tool_use(mapping(value, path), path))
    calls = any(block["type"] == "tool_use" for block in content)
    reason = stop_reason(choice.get("finish_reason"), calls=calls, refuses=bool(message.get("refusal")))
    return {
        **message_head(body),
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": message_usage(as_dict(body.get("usage"))),
    }


def message_head(body: Json) -> Json:
    """What stands in front of an answer, and in the first event of a stream."""
    return {"id": body.get("id"), "type": "message", "role": "assistant", "model": body.get("model")}


def tool_use(call: Json, path: str) -> Json:
    """A call of a tool. Raises `Refused` for one that is not whole."""
    function = mapping(call.get("function"), path)
    arguments = parsed_arguments(function.get("arguments") or "", path)
    return {
        "type": "tool_use",
        "id": text(call.get("id"), path),
        "name": text(function.get("name"), path),
        "input": arguments,
    }


def stop_reason(reason: Any, *, calls: bool, refuses: bool) -> str | None:
    """Why Anthropic says that an answer ended. Where a tool had to be called, OpenAI says `stop`. Raises `Refused`."""
    if reason is None:
        return None
    if reason == "stop" and (calls or refuses):
        return "tool_use" if calls else "refusal"
    return STOP_REASONS.get(reason) or refuse("finish_reason", "it has no translation")


def message_usage(usage: Json) -> Json:
    """Tokens as Anthropic counts them: those from the cache apart. What the provider has not counted is `None`."""
    details = as_dict(usage.get("prompt_tokens_details"))
    cached, kept = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    given = usage.get("prompt_tokens")
    return {
        "input_tokens": None if given is None else max(given - cached - kept, 0),
        "cache_creation_input_tokens": kept,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.get("completion_tokens"),
    }


def message_error(body: Json) -> Json:
    """An error of OpenAI as Anthropic would say it."""
    error = as_dict(body.get("error"))
    known = {code: kind for kind, code in ERROR_CODES.items() if kind != "timeout_error"}
    named = [known[name] for name in (error.get("code"), error.get("type")) if name in known]
    kind = named[0] if named else "api_error"
    return {"type": "error", "error": {"type": kind, "message": error.get("message") or ""}}


def _list(value: Any, path: str) -> list[Any]:
    return value if isinstance(value, list) else refuse(path, "it is no list")  # pyright: ignore[reportUnknownVariableType]
