"""What a policy can say. Every setting is declared here once; environment variables, JSON schema and docs follow.

A `Policy` is declarative: what it leaves open (None) is as its preset says, see `presets`. The models are built on
first use, so that an application without any configuration does not pay for them.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, SecretStr, Tag

from hardened.guards.plan import MAX_VALUES, OperatorName
from hardened.policy.resilience import Resilience, Target
from hardened.policy.section import REFERABLE as REFERABLE
from hardened.policy.section import REFERENCE, Credential, SecretCredential, Section
from hardened.policy.spend import Budgets, Kill, Spend, Store

PresetName = Literal["observe", "balanced", "strict"]
StageAction = Literal["allow", "warn", "redact", "block"]


def _switch(value: object) -> object:
    """The words of YAML 1.1 and of environment variables for true and false; everything else as it is."""
    if isinstance(value, str):
        return {
            "true": True,
            "on": True,
            "yes": True,
            "1": True,
            "false": False,
            "off": False,
            "no": False,
            "0": False,
        }.get(value.lower(), value.lower())
    return value


Switch = Annotated[Literal["auto", True, False], BeforeValidator(_switch)]
Score = Annotated[float, Field(ge=0, le=1)]
MAX_TIMEOUT_MS: Final = 3_600_000  # an hour
MAX_CONTENT_BYTES: Final = 64 * 1024 * 1024
MAX_FILE_BYTES: Final = 1024**4
MAX_RETENTION_DAYS: Final = 36_500  # a century
MAX_KEPT: Final = 64
MAX_TTL_MINUTES: Final = 10_080  # a week
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Mask(Section):
    """How much of a masked value can still be read: never more than half of it, nor than a quarter of a credential."""

    keep_first: int = Field(0, ge=0, le=MAX_KEPT, description="Characters that stay at the beginning.")
    keep_last: int = Field(0, ge=0, le=MAX_KEPT, description="Characters that stay at the end.")
    char: str = Field(
        "*", pattern=r"^[^\s\[\]{}\"\\]$", description="What stands in the place of every other character."
    )


class Masked(Section):
    """The operator `mask` with parameters."""

    mask: Mask


def _form(value: object) -> str:
    """How an operator is written: as one word, or as a mapping from the word to its parameters."""
    return MAPPING if isinstance(value, Mapping | Section) else WORD


WORD: Final = "<word>"
MAPPING: Final = "<mapping>"
"""Both may stand in the locations of pydantic's errors."""
OperatorSetting = Annotated[Annotated[OperatorName, Tag(WORD)] | Annotated[Masked, Tag(MAPPING)], Discriminator(_form)]


class DetectorPolicy(Section):
    """What follows a finding of one detector, by stage. What is left open is as the preset says."""

    enabled: bool = Field(True, description="Whether the detector runs at all.")
    input: StageAction | None = Field(None, description="Action on what users say to the model.")
    output: StageAction | None = Field(None, description="Action on what the model answers.")
    retrieval: StageAction | None = Field(None, description="Action on documents given to the model.")
    tool_call: StageAction | None = Field(None, description="Action on the arguments of a tool that the model calls.")
    tool_result: StageAction | None = Field(None, description="Action on what a tool returned to the model.")
    on_error: Literal["open", "closed"] | None = Field(
        None, description="When the detector fails: `open` lets the text pass, `closed` takes all of it for a finding."
    )
    timeout_ms: int | None = Field(
        None,
        gt=0,
        le=MAX_TIMEOUT_MS,
        description="Longest run in milliseconds; then it counts as failed. Without it the detector runs in place.",
    )
    min_score: Score | None = Field(None, description="Findings below this score are ignored.")
    block_score: Score | None = Field(
        None, description="Where the action is `block`: findings below this score are only warned about."
    )
    operator: OperatorSetting | None = Field(
        None,
        description="Where the action is `redact`: what takes the place of a finding. Default: `replace`. "
        "`mask` may have parameters: `{mask: {keep_last: 4}}`.",
    )
    operators: dict[str, OperatorSetting] = Field(
        default_factory=dict[str, OperatorSetting], description="Other operators for some categories, by category."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of the detector itself.")


class Pseudonyms(Section):
    """The operator `pseudonym`: `[EMAIL_1]` for the model, the value for the caller."""

    scope: Literal["call", "session"] = Field(
        "call",
        description="What shares pseudonyms: all texts of a call, or all calls with the same "
        "`hardened.context(session_id=…)`, user and tenant.",
    )
    ttl_minutes: int = Field(
        60, gt=0, le=MAX_TTL_MINUTES, description="So long after its last use a session's values are forgotten."
    )
    max_values: int = Field(
        MAX_VALUES, gt=0, le=100_000, description="Most values with a pseudonym; others are replaced as by `replace`."
    )
    tools: tuple[str, ...] = Field(
        (), description="Tools whose arguments get the values back; those of all others keep the pseudonyms."
    )


class Redaction(Section):
    """How redacted values are replaced, whichever detector found them."""

    key: SecretCredential | None = Field(
        None,
        description="What hashes and ciphertexts are keyed with: 16 characters or more, better as `env:HARDENED_…`. "
        "Without it hashes are keyed with a random value of the process, and `encrypt` is refused.",
    )
    pseudonyms: Pseudonyms = Field(default_factory=Pseudonyms.model_construct)


class TraceFile(Section):
    """The local trace file: OTLP/JSON lines."""

    enabled: bool = Field(True, description="Whether traces are written to local files.")
    path: str = Field(".hardened/traces", min_length=1, pattern=r"^[^\x00]*$", description="Directory of the files.")
    max_bytes: int = Field(
        64 * 1024 * 1024, gt=0, le=MAX_FILE_BYTES, description="Size in bytes at which a new file is begun."
    )
    retention_days: int = Field(14, gt=0, le=MAX_RETENTION_DAYS, description="Older files are deleted.")


class Otlp(Section):
    """Export over OTLP/HTTP; where to is said by OpenTelemetry's own variables."""

    enabled: Switch = Field("auto", description="`auto`: when `OTEL_EXPORTER_OTLP_ENDPOINT` or its traces twin is set.")
    content: bool | None = Field(
        None,
        description="Whether messages are sent. Default: `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` decides.",
    )


class Langfuse(Section):
    """Export to Langfuse; what is left open is taken from Langfuse's own variables."""

    enabled: Switch = Field("auto", description="`auto`: when both keys are known, from here or from `LANGFUSE_*`.")
    content: bool = Field(True, description="Whether (scrubbed) messages are sent.")
    public_key: Credential | None = Field(
        None, description="The public key, or `env:LANGFUSE_…`. Default: `LANGFUSE_PUBLIC_KEY`."
    )
    secret_key: SecretCredential | None = Field(
        None, description="The secret key, better as `env:LANGFUSE_…`. Default: `LANGFUSE_SECRET_KEY`."
    )
    host: str | None = Field(
        None,
        pattern="^https?://",
        description="Address of the server; of a policy that was found only together with both keys. "
        "Default: `LANGFUSE_BASE_URL` or `LANGFUSE_HOST`.",
    )
    environment: str | None = Field(None, description="Default: `LANGFUSE_TRACING_ENVIRONMENT`.")
    release: str | None = Field(None, description="Version of your application. Default: `LANGFUSE_RELEASE`.")


class Telemetry(Section):
    """What is recorded of a call, and where it goes."""

    content: bool | None = Field(
        None, description="Whether messages are recorded at all, scrubbed. Preset `strict`: no."
    )
    max_content_bytes: int = Field(65536, gt=0, le=MAX_CONTENT_BYTES, description="Most bytes of messages on one span.")
    native_spans: Literal["replace", "keep"] = Field(
        "replace", description="What becomes of the spans that a provider SDK emits by itself for the same call."
    )
    metrics: bool = Field(True, description="Whether metrics are recorded.")
    file: TraceFile = Field(default_factory=TraceFile.model_construct)
    otlp: Otlp = Field(default_factory=Otlp.model_construct)
    langfuse: Langfuse = Field(default_factory=Langfuse.model_construct)


class Price(Section):
    """What a model costs, in USD per million tokens."""

    input: Dollars = Field(description="Input tokens.")
    output: Dollars = Field(description="Output tokens, reasoning included.")
    cache_read: Dollars | None = Field(None, description="Input tokens read from the cache. Default: as `input`.")
    cache_write: Dollars | None = Field(None, description="Input tokens written to the cache. Default: as `input`.")


class Policy(Section):
    """Everything that can be configured. `Policy()` is zero configuration."""

    preset: PresetName = Field("balanced", description="What holds where this policy says nothing.")
    mode: Literal["enforce", "shadow", "off"] = Field(
        "enforce", description="`shadow` decides and records but changes nothing; `off` runs no detector."
    )
    stream: Literal["incremental", "buffer", "observe"] = Field(
        "incremental",
        description="Streamed answers: release what is decided, hold all until the end, or only look.",
    )
    service_name: str | None = Field(None, description="Name of your service in traces. Default: `OTEL_SERVICE_NAME`.")
    providers: tuple[str, ...] = Field(
        (), description="Further providers, by the names under which installed packages offer them."
    )
    disable: tuple[str, ...] = Field((), description="Providers that are left alone, for example `[openai]`.")
    detectors: dict[str, DetectorPolicy] = Field(
        default_factory=dict[str, DetectorPolicy], description="Detectors by name: `pii`, `secrets`, or your own."
    )
    redaction: Redaction = Field(default_factory=Redaction.model_construct)
    telemetry: Telemetry = Field(default_factory=Telemetry.model_construct)
    resilience: Resilience = Field(default_factory=Resilience.model_construct)
    targets: dict[str, Target] = Field(
        default_factory=dict[str, Target], description="Who else can answer, by names of your choice."
    )
    routes: dict[str, tuple[str, ...]] = Field(
        default_factory=dict[str, tuple[str, ...]],
        description="Targets to ask, in order, when the client's own service fails: by feature, or `default`.",
    )
    residency: dict[str, tuple[str, ...]] = Field(
        default_factory=dict[str, tuple[str, ...]],
        description="Regions of targets to which data may go: by tenant, or `default`.",
    )
    budgets: Budgets = Field(default_factory=Budgets.model_construct)
    spend: Spend = Field(default_factory=Spend.model_construct)
    store: Store = Field(default_factory=Store.model_construct)
    kill: Kill = Field(default_factory=Kill.model_construct)
    prices: dict[str, Price] = Field(
        default_factory=dict[str, Price], description="Your own prices by model name; `*` stands for any characters."
    )

    @property
    def captures_content(self) -> bool:
        """Whether messages are recorded on spans: as the policy says, else as its preset does."""
        from hardened.policy.presets import CONTENT

        return CONTENT[self.preset] if self.telemetry.content is None else self.telemetry.content


def reveal(value: str | SecretStr | None, env: Mapping[str, str] = os.environ) -> str | None:
    """The credential that a setting holds or, for `env:NAME`, refers to; None if there is none or NAME is not set."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if plain and plain.startswith(REFERENCE):
        plain = env.get(plain.removeprefix(REFERENCE))
    return plain or None
