"""Who can answer a call: the client's own service, and those that the policy names for when it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from hardened.resilience.statics import unfit
from hardened.resilience.translation import Refused
from hardened_instrumentation.calls import Call, Destination, Json
from hardened_instrumentation.routes import provider_of_host

if TYPE_CHECKING:
    from hardened.resilience.translation.pairs import Translation

PRIMARY: Final = "primary"
"""The name of the client's own service."""

WORDS: Final = frozenset({"chat", "text_completion"})
"""Operations in which another model can take over. Vectors of another one are near nothing that was stored before, and
who talks cannot draw."""

ELSEWHERE_UNKNOWN: Final = frozenset(
    {
        "previous_response_id",
        "conversation",
        "thread",
        "container",
        "file_id",
        "file_ids",
        "vector_store_ids",
        "batch_id",
    }
)
"""Keys of a request that speak of something that only one account has."""

_OWN_WORDS: Final = frozenset({"parameters", "input_schema", "schema", "metadata"})
"""What stands below these is the application's: an argument of a tool may be called `file_id` too."""

ADDRESSES: Final[Mapping[str, str]] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "groq": "https://api.groq.com",
}
"""Where a provider is asked that speaks another wire than the call, if the policy does not say it."""


class Unservable(Exception):
    """Why a target cannot serve a call; its text has nothing of the request but names of fields."""


class Foreign(NamedTuple):
    """A call in the wire of the one who shall answer it.

    Attributes:
        body: the request.
        translation: how its answer becomes one for the application.
    """

    body: Json
    translation: Translation


class Target(NamedTuple):
    """One that can serve a call.

    Attributes:
        name: as the policy calls it.
        provider: the SDK whose wire it speaks; `None` for a text, which fits every wire.
        destination: where it is; `None` if it is where the client's own service is, with the same key.
        model: the model to ask for; `None`: the one of the request.
        region: where it keeps its data, for residency.
        static: the text that it answers.
        foreign: the request that it gets, if it speaks another wire than the call.
    """

    name: str
    provider: str | None = None
    destination: Destination | None = None
    model: str | None = None
    region: str | None = None
    static: str | None = None
    foreign: Foreign | None = None

    def health_name(self, call: Call) -> str:
        """What its health is kept under: same service, same model, same account."""
        base_url = self.destination.base_url if self.destination else None
        host = urlsplit(base_url).netloc if base_url else f"{call.server_address}:{call.server_port}"
        model = self.model or (call.body or {}).get("model") or "-"
        return f"{self.name}/{self.provider or call.sdk}/{host}/{model}"[:200]


def prepared(call: Call, target: Target, regions: tuple[str, ...] | None) -> Target:
    """`target` as it can serve `call`. Raises `Unservable` with the reason if it cannot.

    Args:
        call: with the body that will be sent.
        target: one that the policy names.
        regions: where the data may go; `None`: anywhere.
    """
    if call.body is None or call.operation in (None, "fetch_response"):
        raise Unservable("this is no call of a model")
    if target.static is not None:
        reason = unfit(call, target.static)
        if reason is not None:
            raise Unservable(reason)
        return target
    if regions is not None and target.region not in regions:
        raise Unservable("its region is not allowed")
    provider = target.provider or ""
    if provider != call.sdk:
        from hardened.resilience.translation.pairs import between  # eight modules that hardly any process needs

        translation = between(call.route, provider)
        if translation is None:
            raise Unservable(f"it speaks {provider}, the call {call.sdk}")
        return _translated(call.body, target, provider, translation)
    if call.operation not in WORDS and target.model not in (None, call.body.get("model")):
        raise Unservable(f"only the model that was asked for can serve {call.route}")
    if target.destination is not None:
        bound = next((key for key in _keys(call.body) if key in ELSEWHERE_UNKNOWN), None)
        if bound is not None:
            raise Unservable(f"the request has {bound}, which only one account knows")
    return target


def _translated(body: Json, target: Target, provider: str, translation: Translation) -> Target:
    """A target that speaks another wire, with the request in that wire. Raises `Unservable`."""
    key = target.destination.api_key if target.destination else None
    if key is None:
        raise Unservable(f"it speaks {provider}, and has no api_key for that")
    if target.model is None:
        raise Unservable(f"it speaks {provider}, and has no model of its own")
    address = (target.destination.base_url if target.destination else None) or ADDRESSES[provider]
    service = provider_of_host(urlsplit(address).hostname or "", provider)
    try:
        foreign = Foreign(translation.request({**body, "model": target.model}, service), translation)
    except Refused as refused:
        raise Unservable(f"the request cannot be said to {provider}: {refused}") from None
    return target._replace(destination=Destination(address, key, provider), foreign=foreign)


def _keys(value: Any, depth: int = 8) -> Iterator[str]:
    """The keys in a body that have a value; some SDKs also put there what was left out, as an object of their own."""
    if depth == 0:
        return
    if isinstance(value, Mapping):
        said: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        for key, inner in said.items():
            if isinstance(inner, str | int | float | list | Mapping):
                yield key
                arguments = key == "input" and isinstance(inner, Mapping)  # of a call; what a model is given is a list
                if key not in _OWN_WORDS and not arguments:
                    yield from _keys(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _keys(inner, depth - 1)
