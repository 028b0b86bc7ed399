"""Who can answer a call: the client's own service, and those that the policy names for when it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from hardened.resilience.statics import unfit
from hardened_instrumentation.calls import Call, Destination

PRIMARY: Final = "primary"
"""The name of the client's own service."""

WORDS: Final = frozenset({"chat", "text_completion"})
"""Operations in which another model can take over. Vectors of another one are near nothing that was stored before, and
who talks cannot draw."""

ELSEWHERE_UNKNOWN: Final = frozenset(
    {"previous_response_id", "conversation", "container", "file_id", "file_ids", "vector_store_ids", "batch_id"}
)
"""Keys of a request that speak of something that only one account has."""


@dataclass(frozen=True, slots=True)
class Target:
    """One that can serve a call.

    Attributes:
        name: as the policy calls it.
        provider: the SDK whose wire it speaks; `None` for a text, which fits every wire.
        destination: where it is; `None` if it is where the client's own service is, with the same key.
        model: the model to ask for; `None`: the one of the request.
        region: where it keeps its data, for residency.
        static: the text that it answers.
    """

    name: str
    provider: str | None = None
    destination: Destination | None = None
    model: str | None = None
    region: str | None = None
    static: str | None = None

    def health_name(self, call: Call) -> str:
        """What its health is kept under: same service, same model, same account."""
        base_url = self.destination.base_url if self.destination else None
        host = urlsplit(base_url).netloc if base_url else f"{call.server_address}:{call.server_port}"
        model = self.model or (call.body or {}).get("model") or "-"
        return f"{self.name}/{call.sdk}/{host}/{model}"[:200]


def unservable(call: Call, target: Target, regions: tuple[str, ...] | None) -> str | None:
    """Why `target` cannot serve `call`; `None` if it can.

    Args:
        call: with the body that will be sent.
        target: one that the policy names.
        regions: where the data may go; `None`: anywhere.
    """
    if call.body is None or call.operation in (None, "fetch_response"):
        return "this is no call of a model"
    if target.static is not None:
        return unfit(call, target.static)
    if regions is not None and target.region not in regions:
        return "its region is not allowed"
    if target.provider != call.sdk:
        return f"it speaks {target.provider}, the call {call.sdk}"
    if call.operation not in WORDS and target.model not in (None, call.body.get("model")):
        return f"only the model that was asked for can serve {call.route}"
    if target.destination is not None:
        bound = next((key for key in _keys(call.body) if key in ELSEWHERE_UNKNOWN), None)
        if bound is not None:
            return f"the request has {bound}, which only one account knows"
    return None


def _keys(value: Any, depth: int = 8) -> Iterator[str]:
    """The keys in a body that have a value; some SDKs also put there what was left out, as an object of their own."""
    if depth == 0:
        return
    if isinstance(value, Mapping):
        said: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        for key, inner in said.items():
            if isinstance(inner, str | int | float | list | Mapping):
                yield key
                yield from _keys(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _keys(inner, depth - 1)
