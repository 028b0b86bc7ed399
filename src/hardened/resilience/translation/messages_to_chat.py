"""A request for Anthropic's messages as one for OpenAI's chat completions.

Sources: as in `chat_to_messages`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from hardened.resilience.limit_names import limit_name
from hardened.resilience.translation.fields import (
    Fields,
    Unsayable,
    below,
    items,
    mapping,
    number,
    refuse,
    refusing,
    text,
    written,
)
from hardened.spend.maxima import max_output
from hardened_instrumentation.calls import Json

_CACHE: Final = {"cache_control": "Anthropic's cache"}
_ELSEWHERE: Final = Unsayable("it runs at Anthropic only")

REQUEST: Final = Fields(
    said=frozenset(
        {
            "model",
            "messages",
            "system",
            "max_tokens",
            "temperature",
            "top_p",
            "stop_sequences",
            "stream",
            "tools",
            "tool_choice",
            "output_config",
        }
    ),
    dropped={
        **_CACHE,
        "metadata": "who asks is nobody else's business",
        "service_tier": "price and speed",
        "speed": "price and speed",
        "diagnostics": "what Anthropic tells about its cache",
        "user_profile_id": "of the account at Anthropic",
    },
    refused={
        "top_k": Unsayable("OpenAI has no top_k"),
        "thinking": Unsayable("OpenAI does not show what a model thinks", ({"type": "disabled"},)),
        "inference_geo": Unsayable("OpenAI cannot be told where to work"),
        "container": _ELSEWHERE,
        "mcp_servers": _ELSEWHERE,
        "context_management": _ELSEWHERE,
    },
)
_CONFIG: Final = Fields(frozenset({"format"}), dropped={"effort": "how long to think, not what to answer"})
_FORMAT: Final = Fields(frozenset({"type", "schema"}))
_MESSAGE: Final = Fields(frozenset({"role", "content"}))
_TEXT: Final = Fields(
    frozenset({"type", "text"}),
    dropped=_CACHE,
    refused={"citations": Unsayable("OpenAI's texts do not cite documents")},
)
_IMAGE: Final = Fields(frozenset({"type", "source"}), dropped=_CACHE)
_SOURCE: Final = Fields(frozenset({"type", "media_type", "data", "url"}))
_USE: Final = Fields(
    frozenset({"type", "id", "name", "input"}),
    dropped=_CACHE,
    refused={"caller": Unsayable("only the model itself calls tools at OpenAI", ({"type": "direct"},))},
)
_RESULT: Final = Fields(frozenset({"type", "tool_use_id", "content", "is_error"}), dropped=_CACHE)
_TOOL: Final = Fields(
    frozenset({"type", "name", "description", "input_schema", "strict"}),
    dropped={**_CACHE, "eager_input_streaming": "in how many pieces arguments come"},
    refused={
        "input_examples": Unsayable("OpenAI's tools have no examples"),
        "defer_loading": Unsayable("OpenAI's models see all their tools", (False,)),
        "allowed_callers": Unsayable("only the model itself calls tools at OpenAI", (["direct"],)),
    },
)
_CHOICE: Final = Fields(frozenset({"type", "name", "disable_parallel_tool_use"}))

BLOCKS: Final = {
    "document": "documents are not translated",
    "search_result": "search results are not translated",
    "thinking": "it is signed for Anthropic's models",
    "redacted_thinking": "it is encrypted for Anthropic's models",
    "server_tool_use": _ELSEWHERE.why,
    "container_upload": _ELSEWHERE.why,
    "compaction": _ELSEWHERE.why,
}
"""Blocks of a content that are not translated."""

CHOICES: Final = {"auto": "auto", "none": "none", "any": "required"}

STOPS: Final = 4
"""So many sequences OpenAI takes at most."""

FAILED: Final = "Error: "
"""Stands before the result of a tool that has failed: OpenAI's wire has no mark for that but the text itself."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@refusing("body")
def request(body: Json, provider: str) -> Json:
    """The request in the other wire. Raises `Refused` for what cannot be said there.

    Args:
        body: with the model that shall answer.
        provider: who that is.
    """
    asked = REQUEST.of(body, "")
    model = text(asked.get("model"), "model")
    messages = _conversation(asked)
    limit = min(int(number(asked.get("max_tokens"), "max_tokens")), max_output(model))
    said: Json = {
        "model": model,
        "messages": messages,
        limit_name("chat/completions", provider): limit,
    }
    if "stop_sequences" in asked:
        said["stop"] = _stops(asked["stop_sequences"])
    if asked.get("stream"):
        said |= {"stream": True, "stream_options": {"include_usage": True}}
    if "output_config" in asked:
        said |= _format(_CONFIG.of(asked["output_config"], "output_config").get("format"))
    said |= {name: asked[name] for name in ("temperature", "top_p") if name in asked}
    tools = [_tool(tool, path) for tool, path in items(asked.get("tools"), "tools")]
    if tools:
        said["tools"] = tools
        said |= _choice(asked.get("tool_choice"))
    return said


def _stops(value: Any) -> list[str]:
    found = [text(stop, path) for stop, path in items(value, "stop_sequences")]
    return found if len(found) <= STOPS else refuse("stop_sequences", f"OpenAI takes {STOPS} of them at most")


def _format(value: Any) -> Json:
    if value is None:
        return {}
    path = "output_config.format"
    form = _FORMAT.of(value, path)
    if form.get("type") != "json_schema":
        refuse(path, "it is no format that we know")
    schema: Json = {"name": "answer", "schema": mapping(form.get("schema"), path), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _tool(value: Any, path: str) -> Json:
    if mapping(value, path).get("type") not in (None, "custom"):
        refuse(below(path, "type"), _ELSEWHERE.why)
    tool = _TOOL.of(value, path)
    function: Json = {"name": _name(tool.get("name"), below(path, "name"))}
    function |= {name: tool[name] for name in ("description", "strict") if name in tool}
    function["parameters"] = mapping(tool.get("input_schema"), below(path, "input_schema"))
    return {"type": "function", "function": function}


def _name(value: Any, path: str) -> str:
    name = text(value, path)
    return name if _NAME.fullmatch(name) else refuse(path, "OpenAI's names of tools have 64 characters at most")


def _choice(value: Any) -> Json:
    """Which tools the model may or must call, and whether several at a time."""
    if value is None:
        return {}
    choice = _CHOICE.of(value, "tool_choice")
    kind = text(choice.get("type"), "tool_choice.type")
    said: Json = {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") is True else {}
    if kind == "tool":
        function = {"name": _name(choice.get("name"), "tool_choice.name")}
        return {**said, "tool_choice": {"type": "function", "function": function}}
    return {**said, "tool_choice": CHOICES.get(kind) or refuse("tool_choice", "it is no choice that we know")}


def _conversation(asked: Json) -> list[Json]:
    messages = [_system(asked["system"], "system")] if "system" in asked else []
    role = None
    for value, path in items(asked.get("messages"), "messages"):
        message = _MESSAGE.of(value, path)
        role, content, inner = message.get("role"), message.get("content"), below(path, "content")
        if role == "user":
            messages += _user(content, inner)
        elif role == "assistant":
            messages.append(_assistant(content, inner))
        elif role == "system":
            messages.append(_system(content, inner))
        else:
            refuse(below(path, "role"), "OpenAI knows users, assistants and instructions")
    if role is None:
        refuse("messages", "there is no message")
    if role == "assistant":
        refuse("messages", "OpenAI would give another answer instead of going on with the last")
    return messages


def _system(value: Any, path: str) -> Json:
    return {"role": "system", "content": _joined(_texts(value, path))}


def _user(value: Any, path: str) -> list[Json]:
    """One message of the user as one, with the results of tools as messages of their own, in order."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    messages: list[Json] = []
    parts: list[Json] = []
    for block, inner in items(value, path):
        if mapping(block, inner).get("type") == "tool_result":
            messages += _spoken(parts)
            messages.append(_result(_RESULT.of(block, inner), inner))
            parts = []
        else:
            parts.append(_part(block, inner))
    return messages + _spoken(parts)


def _spoken(parts: list[Json]) -> list[Json]:
    return [{"role": "user", "content": _joined(parts)}] if parts else []


def _joined(parts: list[Json]) -> Any:
    """A content: a text alone stands for itself."""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(block: Any, path: str) -> Json:
    kind = mapping(block, path).get("type")
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _url(_IMAGE.of(block, path).get("source"), path)}}
    if kind != "text":
        refuse(below(path, "type"), BLOCKS.get(str(kind), "it has no translation"))
    return {"type": "text", "text": text(_TEXT.of(block, path).get("text", ""), below(path, "text"))}


def _url(value: Any, path: str) -> str:
    inner = below(path, "source")
    source = _SOURCE.of(value, inner)
    if source.get("type") == "base64":
        return f"data:{text(source.get('media_type'), inner)};base64,{text(source.get('data'), inner)}"
    return text(source.get("url"), inner) if source.get("type") == "url" else refuse(inner, "files are not translated")


def _texts(value: Any, path: str) -> list[Json]:
    """A content of nothing but text."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    parts = [_part(block, inner) for block, inner in items(value, path)]
    return parts if all(part["type"] == "text" for part in parts) else refuse(path, "only text can stand here")


def _result(block: Json, path: str) -> Json:
    parts = _texts(block.get("content", ""), below(path, "content"))
    if block.get("is_error") is True:
        parts = [{"type": "text", "text": FAILED + (parts[0]["text"] if parts else "")}, *parts[1:]]
    return {
        "role": "tool",
        "tool_call_id": text(block.get("tool_use_id"), below(path, "tool_use_id")),
        "content": _joined(parts),
    }


def _assistant(value: Any, path: str) -> Json:
    if isinstance(value, str):
        return {"role": "assistant", "content": value}
    parts: list[Json] = []
    calls: list[Json] = []
    for block, inner in items(value, path):
        if mapping(block, inner).get("type") == "tool_use":
            calls.append(_call(_USE.of(block, inner), inner))
        elif calls:
            refuse(inner, "OpenAI's calls of tools come after the text")
        else:
            parts.append(_part(block, inner))
    message: Json = {"role": "assistant", "content": _joined(parts) or ""}
    return {**message, "tool_calls": calls} if calls else message


def _call(use: Json, path: str) -> Json:
    arguments = written(use.get("input", {}))
    return {
        "id": text(use.get("id"), below(path, "id")),
        "type": "function",
        "function": {"name": _name(use.get("name"), below(path, "name")), "arguments": arguments},
    }
