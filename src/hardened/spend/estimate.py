"""The most that a call will probably use, or surely: what is held of the budgets while it runs."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from typing import Any, Final, NamedTuple

from hardened.spend import tokens
from hardened.spend.maxima import max_output
from hardened.spend.plan import NANO
from hardened.spend.prices import Cost, Pricer
from hardened.telemetry import semconv
from hardened_instrumentation.calls import Call, Json, RequestView, Usage

MARGIN: Final = 1.15
"""The estimate of input tokens is within 15 % for most texts, see `tokens`."""

DEAR_INPUT, DEAR_OUTPUT = 15_000, 75_000
"""Nano-dollars per token, where a model without a price is counted as a dear one: 15 and 75 USD per million."""

UNSEEN: Final = 4_096
"""Output tokens of a model of which little is known, where the call sets no limit."""

REMOTE: Final = 16_384
"""Worst case: tokens of an image or file that the request only refers to."""

HISTORY: Final = 400_000
"""Worst case: tokens of a conversation that the provider keeps, of which the request has only the name."""

_REFERENCES: Final = ("previous_response_id", "conversation", "cached_content", "prompt_id", "prompt")
_LINKS: Final = ("url", "image_url", "file_id", "file_url", "file_uri")

_SAMPLES, _ENOUGH, _QUANTILE, _AMPLE = 256, 20, 0.95, 1.2


class Estimate(NamedTuple):
    """Tokens, and nano-dollars; `None` if nobody knows the price."""

    input: int
    output: int
    usd: int | None

    @property
    def tokens(self) -> int:
        return self.input + self.output

    def plus(self, other: Estimate) -> Estimate:
        return Estimate(self.input + other.input, self.output + other.output, (self.usd or 0) + (other.usd or 0))

    def beyond(self, other: Estimate) -> Estimate:
        """What it has more than another."""
        pairs = zip(self, other, strict=True)
        return Estimate(*(max((one or 0) - (less or 0), 0) for one, less in pairs))


NOTHING: Final = Estimate(0, 0, 0)


class Learned:
    """How long the answers of a model are, from those that this process has seen."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, deque[int]] = OrderedDict()
        self._lock = threading.Lock()

    def saw(self, model: str, output: int) -> None:
        with self._lock:
            self._seen.setdefault(model, deque(maxlen=_SAMPLES)).append(output)
            self._seen.move_to_end(model)
            while len(self._seen) > _SAMPLES:
                self._seen.popitem(last=False)

    def expect(self, model: str) -> int | None:
        """More than 19 of 20 answers had, and a fifth on top; `None` before enough were seen."""
        with self._lock:
            seen = sorted(self._seen.get(model, ()))
        return int(seen[int(len(seen) * _QUANTILE)] * _AMPLE) + 1 if len(seen) >= _ENOUGH else None


def estimate(call: Call, view: RequestView, price: Pricer, learned: Learned, *, worst_case: bool) -> Estimate:
    """What to hold for a call. `worst_case`: no call of this body can use more."""
    body = call.body or {}
    model = view.model or ""
    given = _most_input(body) if worst_case else int(tokens.estimate_request(view) * MARGIN) + 1
    output = 0 if call.operation == semconv.EMBEDDINGS else _output(view, model, call.provider, learned, worst_case)
    return Estimate(given, output, _price(price, given, output, body, worst_case))


def nano(cost: Cost) -> int:
    """A cost in nano-dollars."""
    return round(cost.total * NANO)


def dear(given: int, output: int) -> int:
    """What the tokens of a dear model cost, in nano-dollars."""
    return given * DEAR_INPUT + output * DEAR_OUTPUT


def _output(view: RequestView, model: str, provider: str, learned: Learned, worst_case: bool) -> int:
    choices = view.parameters.get(semconv.REQUEST_CHOICE_COUNT) or 1
    limit = view.parameters.get(semconv.REQUEST_MAX_TOKENS)
    if not isinstance(limit, int):
        most = max_output(model, provider)
        limit = most if worst_case else min(learned.expect(model) or UNSEEN, most)
    return limit * max(choices, 1) if isinstance(choices, int) else limit


def _price(price: Pricer, given: int, output: int, body: Json, worst_case: bool) -> int | None:
    tier = body.get("service_tier")
    usages = [Usage(input=given, output=output)]
    if worst_case:  # as if all of it were of the dearest kind
        usages.append(
            Usage(
                input=given,
                output=output,
                cache_write=given,
                raw={"cache_creation": {"ephemeral_1h_input_tokens": given}},
            )
        )
        usages.append(Usage(input=given, output=output, input_audio=given, output_audio=output))
    costs = [price(usage, tier if isinstance(tier, str) else None) for usage in usages]
    known = [nano(cost) for cost in costs if cost is not None]
    return max(known) if known and costs[0] is not None else None


def _most_input(body: Json) -> int:
    """No tokenizer makes more tokens than a text has bytes; the syntax around it is a reserve for what it adds."""
    count = len(json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
    history = HISTORY if any(body.get(name) for name in _REFERENCES) else 0
    return count + history + REMOTE * _links(body)


def _links(value: Any) -> int:
    """How many images and files the request refers to without containing them."""
    if isinstance(value, dict):
        found = 0
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            if key in _LINKS and isinstance(inner, str):
                found += not inner.startswith("data:")
            else:
                found += _links(inner)
        return found
    if isinstance(value, list):
        return sum(map(_links, value))  # pyright: ignore[reportUnknownArgumentType]
    return 0
