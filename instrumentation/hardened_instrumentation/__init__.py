"""The seams: turn the calls of provider SDKs into neutral `Call`s for one handler.

Knows neither telemetry nor policy, and imports no provider SDK: a seam is put in place when the application imports
the SDK, or at once if it has already done so. Clients, bound methods and raw-response objects made before are covered,
since the seam is in the base class that all of them call.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterable
from types import ModuleType

import wrapt

from hardened_instrumentation.calls import Handler
from hardened_instrumentation.dropped import Later, bodies
from hardened_instrumentation.patches import Patches, SeamMissing
from hardened_instrumentation.providers.base import Provider

__all__ = ["BUILT_IN", "instrument", "instrumented", "provider_named", "uninstrument"]

_log = logging.getLogger("hardened")

BUILT_IN = ("openai", "anthropic", "groq")
ENTRY_POINTS = "hardened.instrumentation"


class _State:
    """Which handler is in charge. One for the process, read by every seam on every call."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.native_spans = False
        self.seams: dict[str, _Seam] = {}
        self.wanted: dict[str, Provider] = {}
        self.hooked: set[str] = set()
        self.unknown: set[str] = set()  # names to leave alone that nobody has; each is said once


_state = _State()


class _Seam:
    """One SDK's seam: what a call finds there. Where a layer of it survives under somebody else's patch, it is off."""

    def __init__(self) -> None:
        self.patches = Patches()
        self.on = True

    @property
    def handler(self) -> Handler | None:
        return _state.handler if self.on else None

    @property
    def native_spans(self) -> bool:
        return _state.native_spans

    def remove(self) -> None:
        self.on = False
        self.patches.undo()


def instrument(
    handler: Handler,
    *,
    disable: Iterable[str] = (),
    also: Iterable[str] = (),
    native_spans: bool = False,
    later: Later | None = None,
) -> None:
    """Hand every call of every known provider SDK to `handler`. Idempotent; a second call replaces the handler.

    Args:
        handler: what to do with a call.
        disable: names of SDKs to leave alone.
        also: names of further providers, which installed packages offer by entry points. One that cannot be loaded is
            logged and left out.
        native_spans: let SDKs that trace themselves go on doing so; the handler then makes no spans for them.
        later: runs small work in the background, such as closing streams that were dropped; safe in a finaliser.
            Without it they are closed with the next call.
    """
    _state.handler = handler
    bodies.later = later
    _state.native_spans = native_spans
    left_alone, also = set(disable), tuple(also)
    _warn_of_unknown(left_alone - {*BUILT_IN, *also})
    for name in left_alone & _state.seams.keys():
        _state.seams.pop(name).remove()
    _state.wanted = {name: provider_named(name) for name in BUILT_IN if name not in left_alone}
    for name in also:
        try:
            _state.wanted[name] = provider_named(name)
        except Exception as error:  # noqa: BLE001 - a foreign package may raise anything
            reason = error if isinstance(error, LookupError) else f"its package failed with {type(error).__name__}"
            _log.error("hardened: provider %r is not instrumented: %s", name, reason)
    for provider in _state.wanted.values():
        _install_when_imported(provider)


def uninstrument() -> None:
    """Restore every attribute that was replaced. Streams in progress go on to their end."""
    _state.handler = None
    _state.wanted = {}
    while _state.seams:
        _state.seams.popitem()[1].remove()


def instrumented() -> tuple[str, ...]:
    """The SDKs whose seam is in place now."""
    return tuple(sorted(_state.seams))


def provider_named(name: str) -> Provider:
    """The provider of that name: a built-in one, or that of an installed package's entry point.

    Raises:
        LookupError: there is none; the message lists those there are.
    """
    if name in BUILT_IN:
        return importlib.import_module(f"hardened_instrumentation.providers.{name}").provider
    from importlib.metadata import entry_points

    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in points:
        return points[name].load()
    known = ", ".join(sorted({*BUILT_IN, *points}))
    raise LookupError(f"no provider is called {name!r}; known are {known}")


def _warn_of_unknown(names: set[str]) -> None:
    """A misspelt name in `disable` would leave an SDK patched that was to be left alone, and nobody would know."""
    for name in sorted(names - _state.unknown):
        _log.warning("hardened: disable: no provider is called %r; known are %s", name, ", ".join(BUILT_IN))
    _state.unknown |= names


def _install_when_imported(provider: Provider) -> None:
    module = sys.modules.get(provider.module)
    if module is not None:
        _install(module)
    elif provider.module not in _state.hooked:
        _state.hooked.add(provider.module)
        wrapt.register_post_import_hook(_install, provider.module)  # pyright: ignore[reportUnknownMemberType]


def _install(module: ModuleType) -> None:
    provider = next((wanted for wanted in _state.wanted.values() if wanted.module == module.__name__), None)
    if provider is None or provider.sdk in _state.seams:
        return
    seam = _Seam()
    try:
        provider.install(module, seam, seam.patches)
    except SeamMissing as missing:
        seam.remove()
        _log.warning(
            "hardened: %s is not instrumented: %s. Its calls are not traced and not guarded; update hardened or %s.",
            provider.sdk,
            missing,
            provider.sdk,
        )
    else:
        _state.seams[provider.sdk] = seam
