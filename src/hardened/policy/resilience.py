"""What a policy says about calls that fail: how often they are sent, how long they may take, who else is asked.

What is left open (None) is as the preset says, see `hardened.resilience.plan`.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from hardened.policy.section import SecretCredential, Section

MAX_SECONDS: Final = 86_400.0  # a day
Seconds = Annotated[float, Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False)]


class BreakerPolicy(Section):
    """When a target that fails is left alone for a while."""

    enabled: bool | None = Field(None, description="Whether targets have breakers. Preset `observe`: no.")
    failures: int = Field(5, gt=0, le=100_000, description="So many failures within `window` open it…")
    ratio: float = Field(0.5, gt=0, le=1, description="…if they are at least this share of the requests in it.")
    window: Seconds = Field(60.0, description="Seconds that count, up to now.")
    probe: Seconds = Field(
        0.5, description="Seconds until the first probe is let through, and over which a round of them is spread."
    )
    recovery: Seconds = Field(30.0, description="Seconds between later probes at most: a tenth of the outage so far.")
    successes: int = Field(
        3, gt=0, le=1000, description="So many good probes close it; as many bad ones leave it open for longer."
    )


class Concurrency(Section):
    """How many requests one target gets from this process at a time."""

    limit: int | None = Field(None, gt=0, le=1_000_000, description="Most requests at once. Default: no limit.")
    queue: int = Field(50, ge=0, le=1_000_000, description="Most calls that wait; further ones are refused at once.")
    wait: Seconds = Field(9.0, description="Seconds that a call waits at most; then it is refused.")


class Target(Section):
    """Somebody who can answer when the client's own service does not."""

    provider: Literal["openai", "anthropic", "groq"] | None = Field(
        None, description="The SDK whose wire it speaks; required unless it is a `static` text."
    )
    base_url: str | None = Field(
        None,
        pattern="^https?://",
        description="Where it is. Default: where the client's own service is, or the provider of another wire.",
    )
    api_key: SecretCredential | None = Field(
        None,
        description="Its key, as `env:HARDENED_…`. Required with `base_url`, or for another wire.",
    )
    model: str | None = Field(
        None, description="The model to ask for. Required for another wire; default: that of the request."
    )
    region: str | None = Field(None, description="Where it keeps data, in your own words; see `residency`.")
    static: str | None = Field(
        None, min_length=1, description="A text that is the answer, in place of everything above."
    )


class Resilience(Section):
    """Calls that fail, take too long, or bring no answer."""

    retries: int | None = Field(
        None, ge=0, le=100, description="How often a request is sent again. Default: as the client of the SDK says."
    )
    retry_budget: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Most retries of the process, as a share of its calls. Preset `strict`: 0.1.",
    )
    deadline: Seconds | None = Field(
        None, description="Seconds for a whole call: its guards, requests and pauses. Preset `strict`: 30."
    )
    attempt_timeout: Seconds | None = Field(
        None, description="Seconds for one request without a stream. Preset `strict`: 8. Never more than the SDK's own."
    )
    first_token_timeout: Seconds | None = Field(
        None, description="Seconds until a stream brings content. Preset `strict`: 8."
    )
    stream_idle_timeout: Seconds | None = Field(
        None, description="Seconds between two pieces of a stream. Preset `strict`: 10."
    )
    validate_answers: bool | None = Field(
        None, description="Whether what is no answer (HTML, a stream that broke off) is an error. Preset `observe`: no."
    )
    max_tokens: dict[str, Annotated[int, Field(gt=0)]] = Field(
        default_factory=dict[str, Annotated[int, Field(gt=0)]],
        description="Most tokens of an answer where the application says nothing: by feature, or `default`.",
    )
    max_input_tokens: int | None = Field(
        None, gt=0, description="Requests with more tokens, by estimate, are refused before they are sent."
    )
    max_message_chars: int | None = Field(
        None,
        gt=0,
        description="Requests with a message of the user that has more characters are refused before they are sent.",
    )
    context_window: bool | None = Field(
        None,
        description="Whether requests that no model of the route can take, by estimate, are refused before they are "
        "sent. Preset `strict`: yes.",
    )
    pins: dict[str, tuple[str, ...]] = Field(
        default_factory=dict[str, tuple[str, ...]],
        description="By requested model: the models and fingerprints that may answer. Others are recorded as drift.",
    )
    concurrency: Concurrency = Field(default_factory=Concurrency.model_construct)
    breaker: BreakerPolicy = Field(default_factory=BreakerPolicy.model_construct)
