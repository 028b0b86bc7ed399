"""What a policy says about money and limits: budgets, how they are counted, where the counts live, and the kill switch.

What is left open (None) is as the preset says, see `hardened.spend.plan`.
"""

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, GetJsonSchemaHandler, create_model, model_validator
from pydantic_core import CoreSchema

from hardened.policy.section import SecretCredential, Section

MAX_USD: Final = 9_000_000.0
"""Nano-dollars above are not exact in the numbers of Lua and JSON."""
MAX_COUNT: Final = 10**15

_AMOUNT: Final = re.compile(
    r"(?P<dollar>\$)?\s*(?P<number>[0-9][0-9_]*(\.[0-9]+)?)\s*(?P<times>k|m)?\s*(?P<unit>usd|tokens?|requests?)?", re.I
)
_UNITS: Final = {"usd": "usd", "token": "tokens", "request": "requests"}
_TIMES: Final = {"k": 1_000, "m": 1_000_000}


def _amounts(text: str) -> dict[str, float]:
    """`50 USD`, `$50`, `60 requests, 100k tokens` by unit. Raises for what does not say its unit, once."""
    found: dict[str, float] = {}
    for part in text.split(","):
        amount = _AMOUNT.fullmatch(part.strip())
        word = amount and ("usd" if amount["dollar"] else (amount["unit"] or "").lower())
        unit = _UNITS.get(word.rstrip("s") if word else "")
        if amount is None or unit is None or unit in found or (amount["dollar"] and amount["unit"]):
            from pydantic_core import PydanticCustomError

            raise PydanticCustomError("amount", "not an amount with its unit")
        found[unit] = float(amount["number"].replace("_", "")) * _TIMES.get((amount["times"] or "").lower(), 1)
    return found


class Amount(BaseModel):
    """How much may be used: `50 USD`, `60 requests, 100k tokens`, or a mapping by unit. One setting, not a section."""

    model_config = Section.model_config

    usd: float | None = Field(None, ge=0, le=MAX_USD, allow_inf_nan=False, description="US dollars.")
    tokens: int | None = Field(None, ge=0, le=MAX_COUNT, description="Input and output tokens.")
    requests: int | None = Field(None, ge=0, le=MAX_COUNT, description="Calls.")

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return _amounts(str(value)) if isinstance(value, str | int | float) else value  # a number lacks its unit

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        mapping = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [{"type": "string"}, mapping], "title": "Amount"}


class Windows(Section):
    """How much may be used in a minute, an hour, a day and a month."""

    minute: Amount | None = Field(None, description="In a minute.")
    hour: Amount | None = Field(None, description="In an hour.")
    day: Amount | None = Field(None, description="In a calendar day.")
    month: Amount | None = Field(None, description="In a calendar month.")


class Each(Windows):
    """The same for each user, feature or tenant, and what some of them have instead."""

    named: dict[str, Windows] = Field(
        default_factory=dict[str, Windows], description="Windows of single ones by name, in place of the general ones."
    )


class _Scopes(Section):
    request: Amount | None = Field(None, description="A single call.")
    run: Amount | None = Field(None, description="A run: all calls with the same `run_id` of the context.")
    conversation: Amount | None = Field(None, description="All calls with the same `session_id`.")
    user: Each = Field(default_factory=Each.model_construct)
    feature: Each = Field(default_factory=Each.model_construct)
    tenant: Each = Field(default_factory=Each.model_construct)


if TYPE_CHECKING:

    class Budgets(_Scopes):
        """Budgets and limits by scope; `global` is one of them, which as a keyword of Python no class body can say."""
else:
    Budgets = create_model(
        "Budgets",
        __base__=_Scopes,
        __doc__="Budgets and limits by scope.",
        **{"global": (Windows, Field(default_factory=Windows.model_construct))},
    )


def _zone(name: str) -> str:
    from hardened.spend.calendar import zone

    try:
        zone(name)
    except (KeyError, OSError, ValueError):  # unknown, a directory, a path
        from pydantic_core import PydanticCustomError

        raise PydanticCustomError("time_zone", "no time zone that this machine knows") from None
    return name


class Alerts(Section):
    """When somebody is told: once for each budget and window."""

    at: tuple[Annotated[int, Field(gt=0, le=1000)], ...] = Field(
        (80, 100), description="Percentages of a budget at whose reaching an alert is given."
    )
    forecast: float | None = Field(
        None, gt=0, le=1000, description="An alert at so many times the mean spend of the last seven days."
    )
    projected: bool = Field(
        True,
        description="An alert when the spend so far, projected to the end of the day or month, is above the budget.",
    )
    webhook: SecretCredential | None = Field(
        None,
        description="Address that gets a Slack-shaped JSON (`https://`, or loopback), better as `env:HARDENED_…`.",
    )


class Spend(Section):
    """How spend is counted."""

    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="Where a day and a month begin, as `Europe/Berlin`."
    )
    unknown_price: Literal["warn", "estimate", "deny"] | None = Field(
        None,
        description="A model without a price: it costs nothing (`warn`), as much as a dear one, or is refused. "
        "Default: `warn`, preset `strict`: `deny`.",
    )
    worst_case: bool | None = Field(
        None,
        description="Reserve the most that a call can cost, a byte as a token, so that caps are never passed. "
        "Preset `strict`: yes.",
    )
    track: bool | None = Field(
        None, description="Count spend for `hardened spend`. Default: when a budget or a store is configured."
    )
    alerts: Alerts = Field(default_factory=Alerts.model_construct)


class Store(Section):
    """Where counts, breakers and the kill switch are shared."""

    url: SecretCredential | None = Field(
        None,
        description="`memory`, a SQLite file, or `redis://…`, `rediss://…` (better as `env:HARDENED_…`). "
        "Default: `.hardened/state.db` if a budget is configured, else memory.",
    )
    namespace: str = Field(
        "hardened", min_length=1, max_length=100, description="Redis: applications with the same one share budgets."
    )
    durability: Literal["normal", "full"] = Field(
        "normal", description="SQLite: `full` loses nothing in a power cut either, and is a hundred times slower."
    )
    timeout_ms: int = Field(50, gt=0, le=60_000, description="Redis: milliseconds for an answer; no second try.")
    replicas: int = Field(
        20, gt=0, le=100_000, description="While the store is away, a process may use this fraction of what was left."
    )
    budgets_when_down: Literal["local", "closed", "open"] = Field(
        "local", description="While the store is away: a share of what was left, nothing, or no limit."
    )
    limits_when_down: Literal["local", "closed", "open"] = Field(
        "local", description="The same for limits of a minute or hour."
    )


class Kill(Section):
    """The kill switch."""

    file: str = Field(
        ".hardened/kill", min_length=1, pattern=r"^[^\x00]*$", description="File whose lines say what is stopped."
    )
    static: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="A text that is the answer of stopped calls: by feature, or `default`. Others raise `KilledError`.",
    )
