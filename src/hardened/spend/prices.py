"""What a call cost, in US dollars: from prices in the policy, else from the table of genai-prices.

The table is part of the installed package; nothing is fetched. Reading it takes about 0.2 s and 10 MB, and finding a
model in it about 0.1 ms, so both are done in the background, once for each model. What is kept are plain rates.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

from hardened.telemetry import semconv
from hardened.telemetry.faults import report
from hardened.worker import worker
from hardened_instrumentation.calls import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

PROVIDERS: Final = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""What genai-prices calls the providers whose `gen_ai.provider.name` is another."""

MAX_MODELS: Final = 1024
"""So many models are remembered, those used last; the names may come from the application's users."""

REFRESH_SECONDS: Final = 60.0
"""After so long the table's rates are read again: some prices depend on the date or on the hour."""

_KINDS: Final = {
    # what is counted        when it has no price of its own   where it belongs
    "input_mtok": (None, "input"),
    "cache_read_mtok": ("input_mtok", "input"),
    "cache_write_mtok": ("input_mtok", "input"),
    "cache_write_1h_mtok": ("cache_write_mtok", "input"),
    "input_audio_mtok": ("input_mtok", "input"),
    "input_image_mtok": ("input_mtok", "input"),
    "output_mtok": (None, "output"),
    "output_reasoning_mtok": ("output_mtok", "output"),
    "output_audio_mtok": ("output_mtok", "output"),
}
"""The kinds of tokens that usage tells apart, by their names in genai-prices."""

_FEES: Final = ("web_searches_kcount", "requests_kcount")  # free where they have no price


class PriceLike(Protocol):
    """A price of the policy, in US dollars for a million tokens."""

    @property
    def input(self) -> float: ...
    @property
    def output(self) -> float: ...
    @property
    def cache_read(self) -> float | None: ...
    @property
    def cache_write(self) -> float | None: ...


class Cost(NamedTuple):
    """US dollars. `total` also has the fees that are neither: of web searches, and for a request as such."""

    total: float
    input: float
    output: float
    source: str  # genai-prices, or policy


class Rates(NamedTuple):
    """US dollars for one token of each kind, in levels that begin above so many input tokens; the first above -1."""

    levels: tuple[tuple[int, Mapping[str, float]], ...]
    source: str

    def cost(self, usage: Usage) -> Cost | None:
        """The cost of `usage`; `None` if it has tokens that have no price, or does not say how many there were."""
        if usage.input is None:
            return None
        rates = next(rates for above, rates in reversed(self.levels) if usage.input > above)
        if usage.output is None and rates.get("output_mtok"):
            return None
        parts = {"input": 0.0, "output": 0.0}
        for kind, count in _tokens(usage).items():
            if count:
                if kind not in rates:
                    return None
                parts[_KINDS[kind][1]] += rates[kind] * count
        searches = _number(usage.raw, "server_tool_use", "web_search_requests")
        fees = rates.get("requests_kcount", 0.0) + rates.get("web_searches_kcount", 0.0) * searches
        return Cost(parts["input"] + parts["output"] + fees, parts["input"], parts["output"], self.source)


Pricer = Callable[[Usage, "str | None"], "Cost | None"]
"""The cost of a usage at a service tier (`None`: the standard one), for one model."""


class PriceBook:
    """Finds prices. Those of the policy go first, in their order; they match the model by name or by glob pattern."""

    def __init__(self, overrides: Mapping[str, PriceLike] | None = None) -> None:
        self._overrides = [(pattern.lower(), _own_rates(price)) for pattern, price in (overrides or {}).items()]
        self._pricers: OrderedDict[tuple[str, str, str | None], Pricer] = OrderedDict()
        self._lock = threading.Lock()

    def prefetch(self, provider: str, model: str) -> None:
        """Look for the price of a model in the background, so that it is there when the call ends."""
        if (provider, model, None) not in self._pricers:
            worker.post(lambda: self._find(provider, model, None))

    def when_ready(
        self, provider: str, model: str, then: Callable[[Pricer], object], *, requested: str | None = None
    ) -> None:
        """Call `then` with the model's pricer: now if the price is known, else soon, in the background.

        `model` is the name in the response; `requested`, if it is another, is the name in the request, which stands in
        where the former has no price. It may be the only one that the policy can know: the name of a deployment.
        """
        requested = None if requested == model else requested
        pricer = self._known((provider, model, requested))
        if pricer is not None:
            then(pricer)
        else:
            worker.post(lambda: then(self._find(provider, model, requested)))

    def cost(self, provider: str, model: str, usage: Usage, *, service_tier: str | None = None) -> Cost | None:
        """The cost of a call; `None` if nobody knows the price. The first call for a model may take 0.3 s."""
        return self._find(provider, model, None)(usage, service_tier)

    def known(self, provider: str, model: str) -> Pricer | None:
        """The pricer of a model, if it has been looked for."""
        return self._known((provider, model, None))

    def find(self, provider: str, model: str) -> Pricer:
        """The pricer of a model. The first time may take 0.3 s."""
        return self._find(provider, model, None)

    def _known(self, key: tuple[str, str, str | None]) -> Pricer | None:
        with self._lock:
            pricer = self._pricers.get(key)
            if pricer is not None:
                self._pricers.move_to_end(key)
            return pricer

    def _find(self, provider: str, model: str, requested: str | None) -> Pricer:
        key = (provider, model, requested)
        pricer = self._known(key)
        if pricer is None:
            names = (model,) if requested is None else (model, requested)
            pricer = self._own(names) or _listed(provider, names) or _unknown
            with self._lock:
                self._pricers[key] = pricer
                while len(self._pricers) > MAX_MODELS:
                    self._pricers.popitem(last=False)
        return pricer

    def _own(self, names: tuple[str, ...]) -> Pricer | None:
        for pattern, rates in self._overrides:
            if any(name.lower() == pattern or fnmatchcase(name.lower(), pattern) for name in names):
                return lambda usage, _tier: rates.cost(usage)
        return None


def _unknown(_usage: Usage, _tier: str | None) -> None:
    return None


def _listed(provider: str, names: tuple[str, ...]) -> Pricer | None:
    """The pricer of the first model of these names that the table of genai-prices has."""
    for name in names:
        found = _find_listed(provider, name)
        if found is not None:
            model, own = found
            return _ListedModel(model, tiers=own).cost
    return None


def listed_model(provider: str, name: str) -> ModelInfo | None:
    """What the table of genai-prices has about a model; `None` if it has not got it."""
    found = _find_listed(provider, name)
    return found[0] if found is not None else None


def _find_listed(provider: str, name: str) -> tuple[ModelInfo, bool] | None:
    """A model of the table, and whether it is the provider's own; else it is another's, and may have no tiers here."""
    try:
        from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

        providers = get_snapshot().providers
        found = find_provider_by_id(providers, PROVIDERS.get(provider, provider))
        model = None if found is None else found.find_model(name, all_providers=providers)
        if found is None or model is None:
            return None
        return model, any(model is one for one in found.models)
    except Exception as error:  # noqa: BLE001 - a table that cannot be read is as good as one without the model
        report("reading the prices", error)
        return None


class _ListedModel:
    """Prices of one model of the table, which depend on the service tier and on the time."""

    def __init__(self, model: ModelInfo, *, tiers: bool) -> None:
        self._model = model
        self._tiers = tiers
        self._rates: dict[tuple[tuple[str, str], ...], tuple[float, Rates]] = {}  # by context: expiry and rates

    def cost(self, usage: Usage, tier: str | None) -> Cost | None:
        context = _context(usage, tier) if self._tiers else ()
        now = time.monotonic()
        expiry, rates = self._rates.get(context, (0.0, None))
        if rates is None or now > expiry:
            prices = self._model.get_prices(datetime.now(UTC), dict(context) or None)
            rates = _listed_rates(prices)
            self._rates[context] = (now + REFRESH_SECONDS, rates)
        return rates.cost(usage)


_TIERS: Final = frozenset({"default", "flex", "priority", "fast"})  # others are the standard price


def _context(usage: Usage, tier: str | None) -> tuple[tuple[str, str], ...]:
    """What the table's variants of a price are chosen by. Anthropic tells tier and speed in the usage."""
    raw = usage.raw or {}
    tier = tier or raw.get("service_tier")
    context: list[tuple[str, str]] = []
    if tier == "batch":
        context.append(("processing", "batch"))
    elif isinstance(tier, str) and tier in _TIERS:
        context.append(("service_tier", tier))
    if raw.get("speed") == "fast":
        context.append(("speed", "fast"))
    return tuple(context)


def _listed_rates(prices: ModelPrice) -> Rates:
    """The prices of a model as plain rates, a level for each threshold of input tokens that some price has."""
    given: dict[str, Any] = {
        key: value for key in (*_KINDS, *_FEES) if (value := getattr(prices, key, None)) is not None
    }
    starts = sorted({tier.start for price in given.values() for tier in getattr(price, "tiers", ())})
    levels = [(start, _complete({kind: _at(price, start) for kind, price in given.items()})) for start in (-1, *starts)]
    return Rates(tuple(levels), semconv.COST_FROM_TABLE)


def _at(price: Any, start: int) -> float:
    """A price of the table where there are more than `start` input tokens."""
    if not hasattr(price, "tiers"):
        return float(price)
    return float(next((tier.price for tier in reversed(price.tiers) if tier.start <= start), price.base))


def _own_rates(price: PriceLike) -> Rates:
    given = {
        "input_mtok": price.input,
        "output_mtok": price.output,
        "cache_read_mtok": price.cache_read,
        "cache_write_mtok": price.cache_write,
    }
    level = _complete({kind: rate for kind, rate in given.items() if rate is not None})
    return Rates(((-1, level),), semconv.COST_FROM_POLICY)


def _complete(prices: dict[str, float]) -> Mapping[str, float]:
    """Prices by million tokens or thousand events as rates for one, each kind without a price at that of its like."""
    for kind, (like, _) in _KINDS.items():
        if kind not in prices and like in prices:
            prices[kind] = prices[like]
    return {kind: price / (1e3 if kind in _FEES else 1e6) for kind, price in prices.items()}


def _tokens(usage: Usage) -> dict[str, int]:
    """Usage as disjoint counts."""
    read, written, reasoning = usage.cache_read or 0, usage.cache_write or 0, usage.reasoning or 0
    audio, spoken = usage.input_audio or 0, usage.output_audio or 0
    images = _number(usage.raw, "input_tokens_details", "image_tokens")
    long = min(_number(usage.raw, "cache_creation", "ephemeral_1h_input_tokens"), written)
    return {
        "input_mtok": max((usage.input or 0) - read - written - audio - images, 0),
        "cache_read_mtok": read,
        "cache_write_mtok": written - long,
        "cache_write_1h_mtok": long,
        "input_audio_mtok": audio,
        "input_image_mtok": images,
        "output_mtok": max((usage.output or 0) - reasoning - spoken, 0),
        "output_reasoning_mtok": reasoning,
        "output_audio_mtok": spoken,
    }


def _number(raw: Mapping[str, Any] | None, group: str, name: str) -> int:
    """`raw[group][name]` if there is such a number, else 0."""
    inner: Any = (raw or {}).get(group)
    value: Any = cast("dict[str, Any]", inner).get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, int) else 0
