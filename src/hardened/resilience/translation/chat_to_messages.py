"""A request for OpenAI's chat completions as one for Anthropic's messages.

Sources: platform.openai.com/docs/api-reference/chat, platform.claude.com/docs/en/api/messages, and the types of openai
3.52 and anthropic 2.11.
"""

from __future__ import annotations

import re
from typing import Any, Final

from hardened.resilience.translation.fields import (
    Fields,
    Unsayable,
    below,
    is_given,
    items,
    mapping,
    number,
    refuse,
    refusing,
    text,
)
from hardened.spend.maxima import max_output
from hardened_instrumentation.calls import Json
from hardened_instrumentation.framing import parse_json

LONGEST: Final = 64_000
"""Tokens of an answer, where neither the request nor the policy says how long it may be. Anthropic must be told, and
models that can say more do so only with a beta, or in a stream."""

_PENALTY: Final = Unsayable("Anthropic has no penalties", (0,))
_AUDIO: Final = Unsayable("Anthropic speaks no audio")
_FUNCTIONS: Final = Unsayable("functions of this kind are obsolete: say tools")

REQUEST: Final = Fields(
    said=frozenset(
        {
            "model",
            "messages",
            "max_completion_tokens",
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "stream",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "response_format",
        }
    ),
    dropped={
        "seed": "OpenAI too only tries to repeat an answer",
        "reasoning_effort": "how long to think, not what to answer",
        "prediction": "only makes an answer quicker",
        "service_tier": "price and speed",
        "stream_options": "usage is sent as it asks",
        "store": "what OpenAI keeps",
        "metadata": "of what OpenAI keeps",
        "user": "who asks is nobody else's business",
        "safety_identifier": "the same",
        "prompt_cache_key": "OpenAI's cache",
        "prompt_cache_retention": "OpenAI's cache",
        "prompt_cache_options": "OpenAI's cache",
    },
    refused={
        "n": Unsayable("Anthropic gives one answer", (1,)),
        "logprobs": Unsayable("Anthropic has no token probabilities", (False,)),
        "top_logprobs": Unsayable("Anthropic has no token probabilities", (0,)),
        "logit_bias": Unsayable("Anthropic's tokens are others"),
        "frequency_penalty": _PENALTY,
        "presence_penalty": _PENALTY,
        "verbosity": Unsayable("Anthropic cannot be told how wordy to be", ("medium",)),
        "modalities": Unsayable("Anthropic answers in text only", (["text"],)),
        "audio": _AUDIO,
        "web_search_options": Unsayable("the search is OpenAI's own"),
        "moderation": Unsayable("the moderation is OpenAI's own"),
        "functions": _FUNCTIONS,
        "function_call": _FUNCTIONS,
    },
)

_SYSTEM: Final = Fields(frozenset({"role", "content"}), refused={"name": Unsayable("Anthropic's speakers have none")})
_USER: Final = _SYSTEM
_ASSISTANT: Final = Fields(
    frozenset({"role", "content", "refusal", "tool_calls"}),
    dropped={"annotations": "they point into the text"},
    refused={"audio": _AUDIO, "function_call": _FUNCTIONS, "name": Unsayable("Anthropic's speakers have none")},
)
_TOOL: Final = Fields(frozenset({"role", "content", "tool_call_id"}), dropped={"name": "the call has it"})
_TEXT: Final = Fields(frozenset({"type", "text"}), dropped={"prompt_cache_breakpoint": "OpenAI's cache"})
_IMAGE: Final = Fields(frozenset({"type", "image_url"}), dropped={"prompt_cache_breakpoint": "OpenAI's cache"})
_IMAGE_URL: Final = Fields(frozenset({"url"}), dropped={"detail": "how closely to look"})
_REFUSAL: Final = Fields(frozenset({"type", "refusal"}))
_CALL: Final = Fields(frozenset({"type", "id", "function"}), dropped={"index": "that of its stream"})
_CALLED: Final = Fields(frozenset({"name", "arguments"}))
_TOOLS: Final = Fields(frozenset({"type", "function"}))
_FUNCTION: Final = Fields(frozenset({"name", "description", "parameters", "strict"}))
_CHOICE: Final = Fields(frozenset({"type", "function"}))
_CHOSEN: Final = Fields(frozenset({"name"}))
_FORMAT: Final = Fields(frozenset({"type", "json_schema"}))
_SCHEMA: Final = Fields(frozenset({"name", "schema", "strict"}), dropped={"description": "the schema has its own"})

PARTS: Final = {
    "input_audio": "Anthropic hears no audio",
    "file": "files are not translated",
    "refusal": "only an assistant refuses",
}
"""Parts of a content that are not translated."""

CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}

_DATA_URL: Final = re.compile(r"data:(image/(?:jpeg|png|gif|webp));base64,", re.IGNORECASE)
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


@refusing("body")
def request(body: Json, provider: str) -> Json:
    """The request in the other wire. Raises `Refused` for what cannot be said there.

    Args:
        body: with the model that shall answer.
        provider: who that is.
    """
    asked = REQUEST.of(body, "")
    model = text(asked.get("model"), "model")
    system, messages = _conversation(asked.get("messages"))
    said: Json = {"model": model, "max_tokens": _max_tokens(asked, model), "messages": messages}
    if system:
        said["system"] = system
    if "temperature" in asked:
        said["temperature"] = _temperature(asked["temperature"])
    if "stop" in asked:
        said["stop_sequences"] = _stops(asked["stop"])
    if "response_format" in asked:
        said |= _format(asked["response_format"])
    said |= {name: asked[name] for name in ("top_p", "stream") if name in asked}
    tools = [_tool(tool, path) for tool, path in items(asked.get("tools"), "tools")]
    if tools:
        said["tools"] = tools
        said |= _choice(asked.get("tool_choice"), parallel=asked.get("parallel_tool_calls") is not False)
    return said


def _max_tokens(asked: Json, model: str) -> int:
    given = [int(number(asked[name], name)) for name in ("max_completion_tokens", "max_tokens") if name in asked]
    return min(*given, max_output(model)) if given else min(LONGEST, max_output(model))


def _temperature(value: Any) -> float:
    given = number(value, "temperature")
    return given if given <= 1 else refuse("temperature", "Anthropic's goes up to 1")


def _stops(value: Any) -> list[str]:
    found = [value] if isinstance(value, str) else [text(stop, path) for stop, path in items(value, "stop")]
    return found if all(stop.strip() for stop in found) else refuse("stop", "Anthropic stops at no white space")


def _format(value: Any) -> Json:
    form = _FORMAT.of(value, "response_format")
    if form.get("type") == "text":
        return {}
    if form.get("type") != "json_schema":
        refuse("response_format", "Anthropic writes JSON only to a schema")
    path = "response_format.json_schema"
    schema = _SCHEMA.of(form.get("json_schema"), path)
    return {"output_config": {"format": {"type": "json_schema", "schema": mapping(schema.get("schema"), path)}}}


def _tool(value: Any, path: str) -> Json:
    kind = mapping(value, path).get("type")
    if kind != "function":
        refuse(below(path, "type"), "Anthropic has functions only")
    function = _FUNCTION.of(_TOOLS.of(value, path).get("function"), below(path, "function"))
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    said: Json = {"name": text(function.get("name"), below(path, "name")), "input_schema": parameters}
    return said | {name: function[name] for name in ("description", "strict") if name in function}


def _choice(value: Any, *, parallel: bool) -> Json:
    """Which tools the model may or must call, and whether several at a time."""
    choice: Json = {}
    if isinstance(value, str):
        choice["type"] = CHOICES.get(value) or refuse("tool_choice", "it is no choice that we know")
    elif is_given(value):
        chosen = _CHOICE.of(value, "tool_choice") if mapping(value, "tool_choice").get("type") == "function" else {}
        if not chosen:
            refuse("tool_choice", "Anthropic can be given all tools, one, or none")
        function = _CHOSEN.of(chosen.get("function"), "tool_choice.function")
        choice |= {"type": "tool", "name": text(function.get("name"), "tool_choice.function.name")}
    if not parallel and choice.get("type") != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    return {"tool_choice": choice} if choice else {}


def _conversation(value: Any) -> tuple[list[Json], list[Json]]:
    """What is said to the model before the conversation, and the conversation."""
    system: list[Json] = []
    turns: list[Json] = []
    for message, path in items(value, "messages"):
        role = mapping(message, path).get("role")
        if role in ("system", "developer"):
            if turns:
                refuse(path, "for Anthropic, instructions stand before the conversation")
            system += _texts(_SYSTEM.of(message, path).get("content"), below(path, "content"))
        elif role == "user":
            blocks = _content(_USER.of(message, path).get("content"), below(path, "content"))
            _add(turns, "user", blocks or refuse(path, "Anthropic takes no message without content"))
        elif role == "assistant":
            _add(turns, "assistant", _assistant(_ASSISTANT.of(message, path), path))
        elif role == "tool":
            _add(turns, "user", [_result(_TOOL.of(message, path), path)])
        else:
            refuse(below(path, "role"), "Anthropic knows users, assistants and tools")
    if not turns or turns[0]["role"] != "user":
        refuse("messages", "Anthropic's conversations begin with a user")
    if turns[-1]["role"] == "assistant":
        refuse("messages", "Anthropic would go on with the last answer instead of giving another")
    return system, turns


def _add(turns: list[Json], role: str, blocks: list[Json]) -> None:
    """Messages of the same speaker in a row are one: Anthropic reads them so, and results must follow their calls."""
    if blocks and turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    elif blocks:
        turns.append({"role": role, "content": blocks})


def _texts(value: Any, path: str) -> list[Json]:
    """A content of nothing but text. Anthropic takes no blank text, and none says nothing."""
    return [block for part, inner in items(_parts(value), path) for block in _text(part, inner)]


def _parts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(part: Any, path: str) -> list[Json]:
    if mapping(part, path).get("type") != "text":
        refuse(below(path, "type"), "only text can stand here")
    said = text(_TEXT.of(part, path).get("text", ""), below(path, "text"))
    return [{"type": "text", "text": said}] if said.strip() else []


def _content(value: Any, path: str) -> list[Json]:
    """A content of texts and images."""
    if isinstance(value, str):
        return _texts(value, path)
    blocks: list[Json] = []
    for part, inner in items(value, path):
        kind = mapping(part, inner).get("type")
        if kind == "image_url":
            blocks.append(_image(_IMAGE.of(part, inner).get("image_url"), below(inner, "image_url")))
        elif kind in PARTS:
            refuse(below(inner, "type"), PARTS[kind])
        else:
            blocks += _text(part, inner)
    return blocks


def _image(value: Any, path: str) -> Json:
    url = text(_IMAGE_URL.of(value, path).get("url"), below(path, "url"))
    data = _DATA_URL.match(url)
    if data is not None:
        source = {"type": "base64", "media_type": data[1].lower(), "data": url[data.end() :]}
    elif url.startswith("https://"):
        source = {"type": "url", "url": url}
    else:
        refuse(below(path, "url"), "Anthropic takes https addresses, and JPEG, PNG, GIF and WebP in base64")
    return {"type": "image", "source": source}


def _assistant(message: Json, path: str) -> list[Json]:
    inner = below(path, "content")
    blocks = [block for part, place in items(_parts(message.get("content")), inner) for block in _said(part, place)]
    if "refusal" in message:
        blocks += _texts(message["refusal"], below(path, "refusal"))
    return blocks + [_call(call, place) for call, place in items(message.get("tool_calls"), below(path, "tool_calls"))]


def _said(part: Any, path: str) -> list[Json]:
    """A part of what an assistant has said. A refusal is text too."""
    if mapping(part, path).get("type") == "refusal":
        return _texts(_REFUSAL.of(part, path).get("refusal"), below(path, "refusal"))
    return _text(part, path)


def _call(value: Any, path: str) -> Json:
    call = _CALL.of(value, path)
    if call.get("type", "function") != "function":
        refuse(below(path, "type"), "Anthropic calls functions only")
    inner = below(path, "function")
    called = _CALLED.of(call.get("function"), inner)
    return {
        "type": "tool_use",
        "id": _id(call.get("id"), below(path, "id")),
        "name": text(called.get("name"), below(inner, "name")),
        "input": parsed_arguments(called.get("arguments", ""), below(inner, "arguments")),
    }


def parsed_arguments(value: Any, path: str) -> Json:
    """The object that stands in a text of JSON. Nothing at all is an empty one. Raises `Refused`."""
    said = text(value, path)
    parsed: Any = parse_json(said) if said.strip() else {}
    return parsed if isinstance(parsed, dict) else refuse(path, "it is no JSON object")  # pyright: ignore[reportUnknownVariableType]


def _result(message: Json, path: str) -> Json:
    content = _texts(message.get("content"), below(path, "content"))
    block: Json = {
        "type": "tool_result",
        "tool_use_id": _id(message.get("tool_call_id"), below(path, "tool_call_id")),
    }
    return block | ({"content": content} if content else {})


def _id(value: Any, path: str) -> str:
    id = text(value, path)
    return id if _ID.fullmatch(id) else refuse(path, "Anthropic's names of calls have letters, digits, _ and - only")
