"""Whether a request fits into a model's context window, found out before anything is sent.

What is too large by estimate may still fit, and what is too large by the count of its words does not. So a target is
passed over for the next one by the count alone, and by the estimate only where the policy wants that
(`resilience.context_window`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from hardened.errors import InputTooLong, as_sdk_error
from hardened.resilience.targets import Target
from hardened.spend.maxima import context_window
from hardened.spend.tokens import estimate_request, fewest, size
from hardened_instrumentation.calls import Call, Effect, Json, RequestView, Work, perform
from hardened_instrumentation.routes import provider_of_host

SMALLEST: Final = 4_096
"""Characters up to which a request fits into every model: none has a smaller window, in tokens."""

CHECKED: Final = frozenset({"chat", "text_completion"})
"""Operations whose texts are one context; of embeddings each text is one."""

SHORTENED: Final = ("truncation", "context_management", "transforms")
"""What tells a service to make a request fit that does not."""


class Size(NamedTuple):
    """How large a request is, in tokens, by whatever decides, and the known windows by the names of targets."""

    tokens: int
    windows: Mapping[str, int | None]

    def exceeds(self, target: Target) -> int | None:
        """The window of the target's model, if the request does not fit into it."""
        window = self.windows.get(target.name)
        return window if window is not None and self.tokens > window else None


def measure(
    call: Call, view: RequestView, targets: Sequence[Target], *, by_estimate: bool
) -> Generator[Effect[Any], Any, Size | None]:
    """The size of a request that is too large for some of `targets`; `None` if it is for none, or for all of them.

    Raises InputTooLong where the estimate decides and all of them are too small.
    """
    if call.operation not in CHECKED or _is_shortened(call.body or {}):
        return None
    characters = size(view)
    if characters <= SMALLEST:
        return None
    windows = yield from perform(Work(lambda: {target.name: _window(call, target) for target in targets}))
    known = [window for window in windows.values() if window is not None]
    if not known or characters <= min(known):
        return None
    tokens = yield from perform(Work(lambda: estimate_request(view) if by_estimate else fewest(view)))
    if len(known) < len(windows) or tokens <= max(known):
        return Size(tokens, windows)
    if by_estimate:
        raise as_sdk_error(InputTooLong, call.sdk)(size=tokens, limit=max(known), setting="context_window")
    return None  # the client's own service shall say so


def _is_shortened(body: Json) -> bool:
    """Whether the service will make it fit; some SDKs also put there what was left out, as an object of their own."""
    return any(isinstance(body.get(key), str | list | dict) and body[key] != "disabled" for key in SHORTENED)


def _window(call: Call, target: Target) -> int | None:
    """The context window of the model that a target asks; `None` if it has none, or nobody knows."""
    model = target.model or (call.body or {}).get("model")
    if target.static is not None or not isinstance(model, str):
        return None
    address = target.destination.base_url if target.destination is not None else None
    host = urlsplit(address).hostname if address else None
    at_home = call.provider if target.provider in (None, call.sdk) else target.provider
    provider = provider_of_host(host, target.provider or call.provider) if host else at_home
    return context_window(model, provider)
