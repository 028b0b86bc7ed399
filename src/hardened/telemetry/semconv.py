"""Every name that our telemetry uses: attributes, spans, metrics, and their well-known values.

The conventions of OpenTelemetry for generative AI have no stable release and no Python package that holds all of them,
so the names are kept here, in one place. They are those that readers know today, which is what
opentelemetry-semantic-conventions 0.66b2 and opentelemetry-util-genai 1.3b0 contain, with one choice between the two
(`USAGE_CACHE_CREATION_INPUT_TOKENS`). What has no convention is named `hardened.*`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SCOPE: Final = "hardened"
"""Name of our tracer and our meter."""

# --- OpenTelemetry GenAI conventions: the call and its request -----------------------------------------------------

OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
REQUEST_PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
OUTPUT_TYPE: Final = "gen_ai.output.type"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"

# --- OpenTelemetry GenAI conventions: the response -----------------------------------------------------------------

RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"  # seconds since the request, streams only

# Token counts. Never add a name of ours under `gen_ai.usage.`: Langfuse adds every number there to the total.
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"  # cached tokens included
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"  # reasoning tokens included
USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_CREATION_INPUT_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
"""The released name, the only one that Langfuse and Phoenix subtract from the input. Newer drafts and util-genai 1.3b0
call it `gen_ai.usage.cache_write.input_tokens`, which those readers would add as further tokens."""
USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # on the metric of tokens: input or output

# --- OpenTelemetry GenAI conventions: content, as JSON text --------------------------------------------------------

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"

CONTENT_ATTRIBUTES: Final = frozenset({INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS, TOOL_DEFINITIONS})
"""What is taken off our spans for a destination that did not ask for content."""

# --- OpenTelemetry conventions: OpenAI -----------------------------------------------------------------------------

OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"

# --- OpenTelemetry conventions: general ----------------------------------------------------------------------------

ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_REQUEST_RESEND_COUNT: Final = "http.request.resend_count"
USER_ID: Final = "user.id"
SESSION_ID: Final = "session.id"

# --- Ours: who asked, and for what ---------------------------------------------------------------------------------

FEATURE: Final = "hardened.feature"
TENANT: Final = "hardened.tenant"
RUN_ID: Final = "hardened.run.id"
TAGS: Final = "hardened.tags"  # string[]
METADATA_PREFIX: Final = "hardened.metadata."  # and the key
PROMPT_HASH: Final = "hardened.prompt.hash"  # of the system prompt, where no version is given

# --- Ours: cost ----------------------------------------------------------------------------------------------------

COST_USD: Final = "hardened.cost.usd"
COST_INPUT_USD: Final = "hardened.cost.input_usd"
COST_OUTPUT_USD: Final = "hardened.cost.output_usd"
COST_KNOWN: Final = "hardened.cost.known"  # false: nobody knows the price, and no cost is given
COST_SOURCE: Final = "hardened.cost.source"  # genai-prices, or policy
USAGE_ESTIMATED: Final = "hardened.usage.estimated"  # true: the provider gave no usage, tokens are our estimate

# --- Ours: the requests of a call, as events of its span ------------------------------------------------------------

ATTEMPT_FAILED: Final = "hardened.attempt.failed"  # name of the event
ATTEMPT_NUMBER: Final = "hardened.attempt.number"  # from 1
ATTEMPT_WAIT: Final = "hardened.attempt.wait"  # seconds until the next request to the same target
TARGET_SKIPPED: Final = "hardened.target.skipped"  # name of the event
TARGET: Final = "hardened.target"  # as the policy calls it; `primary` is the client's own service
TARGET_REASON: Final = "hardened.target.reason"  # why it was not asked
SERVED_BY: Final = "hardened.served_by"  # the target that answered, where there are several
DEGRADED: Final = "hardened.degraded"  # true: a fixed text was the answer
MODEL_DRIFT: Final = "hardened.model.drift"  # true: another model answered than was asked for
MODEL_DRIFTED: Final = "hardened.model.drifted"  # name of the event, with both models
REFUSAL: Final = "hardened.refusal"  # refusal (the model declined), or content_filter (its provider did)
REFUSED: Final = "hardened.refused"  # name of the event
MAX_TOKENS_INJECTED: Final = "hardened.max_tokens.injected"  # the policy's limit, where the application gave none
MAX_TOKENS_CUT: Final = "hardened.max_tokens.cut"  # true: the answer ended at that limit
BREAKER_STATE: Final = "hardened.breaker.state"  # closed, open, half_open
ERROR_CLASS: Final = "hardened.error.class"  # throttle, provider, client, policy, transport, invalid

# --- Ours: budgets and limits, labels of metrics; the event of an alert ----------------------------------------------

SPEND_SCOPE: Final = "hardened.spend.scope"  # request, run, conversation, user, feature, tenant, global
SPEND_UNIT: Final = "hardened.spend.unit"  # usd, tokens, requests
SPEND_ALERT: Final = "hardened.spend.alert"  # used, projected, forecast; the event's name too
SPEND_WINDOW: Final = "hardened.spend.window"  # day, month, …
SPEND_USED: Final = "hardened.spend.used"
SPEND_CAP: Final = "hardened.spend.cap"  # of a forecast the mean
SPEND_VALUE: Final = "hardened.spend.value"  # the percentage, the projected amount, or how many times the mean

# --- Ours: streams and content -------------------------------------------------------------------------------------

ROUTE: Final = "hardened.route"  # low-cardinality endpoint: chat/completions
STREAM_OUTCOME: Final = "hardened.stream.outcome"  # one of the outcomes below
STREAM_HOLD_CHARS: Final = "hardened.stream.hold_chars"  # most characters held back at once
CONTENT_TRUNCATED: Final = "hardened.content.truncated"

STREAM_COMPLETED: Final = "completed"  # the provider said that the answer is complete
STREAM_INCOMPLETE: Final = "incomplete"  # the provider's stream ended without saying so
STREAM_ABORTED: Final = "aborted"  # the application stopped reading: closed, dropped or cancelled
STREAM_BLOCKED: Final = "blocked"  # a guard stopped it
STREAM_ERROR: Final = "error"

# --- Ours: guard decisions on the span of the call ------------------------------------------------------------------

GUARD_DECISIONS: Final = "hardened.guard.decisions"  # string[] of stage:detector:action:outcome:category
GUARD_OUTCOME: Final = "hardened.guard.outcome"  # the gravest outcome
GUARD_UNSCANNED: Final = "hardened.guard.unscanned"  # string[]: modalities that no detector has read
GUARD_DURATION: Final = "hardened.guard.duration"  # seconds

# --- Ours: the child span of a check that was not passed --------------------------------------------------------------
# After the open proposal for a span `run_guardrail` (semantic-conventions-genai#427), whose own names are not settled.

GUARD_STAGE: Final = "hardened.guard.stage"
GUARD_DETECTOR: Final = "hardened.guard.detector"
GUARD_ACTION: Final = "hardened.guard.action"
GUARD_CATEGORIES: Final = "hardened.guard.categories"  # string[]
GUARD_FINDINGS: Final = "hardened.guard.findings"  # how many
GUARD_SCORE: Final = "hardened.guard.score"  # the highest
GUARD_REASONS: Final = "hardened.guard.reasons"  # string[]: why, in the detector's words
GUARD_ENFORCED: Final = "hardened.guard.enforced"  # false: nothing was changed (shadow mode, or too late)

# --- Values --------------------------------------------------------------------------------------------------------

CHAT: Final = "chat"
TEXT_COMPLETION: Final = "text_completion"
EMBEDDINGS: Final = "embeddings"
GENERATE_CONTENT: Final = "generate_content"
RUN_GUARDRAIL: Final = "run_guardrail"

TOKEN_TYPE_INPUT: Final = "input"  # noqa: S105
TOKEN_TYPE_OUTPUT: Final = "output"  # noqa: S105

COST_FROM_TABLE: Final = "genai-prices"
COST_FROM_POLICY: Final = "policy"


def call_span_name(operation: str | None, route: str, model: str | None) -> str:
    """The name of a call's span: `chat gpt-4o-mini`; the route alone where it is not a model call."""
    if operation is None:
        return route
    return f"{operation} {model}" if model else operation


def guard_span_name(detector: str) -> str:
    """The name of the child span of a check: `run_guardrail pii`."""
    return f"{RUN_GUARDRAIL} {detector}"


# --- Metrics -------------------------------------------------------------------------------------------------------


class Instrument(NamedTuple):
    """A metric. With `buckets` it is a histogram, without a counter."""

    name: str
    unit: str
    description: str
    buckets: tuple[float, ...] = ()


# The conventions' boundaries: 10 ms to 82 s, doubling, and 1 to 67 million tokens, times four.
_SECONDS: Final = tuple(0.01 * 2**step for step in range(14))
_TOKENS: Final = tuple(float(4**step) for step in range(14))

OPERATION_DURATION: Final = Instrument(
    "gen_ai.client.operation.duration", "s", "Duration of a call, retries included.", _SECONDS
)
TOKEN_USAGE: Final = Instrument("gen_ai.client.token.usage", "{token}", "Input and output tokens of a call.", _TOKENS)
TIME_TO_FIRST_CHUNK: Final = Instrument(
    "gen_ai.client.operation.time_to_first_chunk", "s", "Time from the request to the first chunk.", _SECONDS
)
COST: Final = Instrument(
    "hardened.cost",
    "{USD}",
    "Cost of a call whose price is known.",
    (0.00001, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
)
ATTEMPTS: Final = Instrument(
    "hardened.attempts", "{request}", "Requests sent for calls; divided by the calls, the amplification."
)
BREAKERS: Final = Instrument("hardened.breaker.transitions", "{transition}", "Changes of the state of breakers.")
DECISIONS: Final = Instrument("hardened.guard.decisions", "{decision}", "Decisions of guards.")
CHECK_DURATION: Final = Instrument(
    "hardened.guard.duration",
    "s",
    "Duration of the check of one text.",
    (0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
)
DROPPED: Final = Instrument(
    "hardened.telemetry.dropped", "{item}", "Spans, logs and scores that could not be exported."
)
REFUSALS: Final = Instrument("hardened.spend.refusals", "{call}", "Calls that did not fit into a budget or limit.")
ALERTS: Final = Instrument("hardened.spend.alerts", "{alert}", "Alerts about spend.")
OUTAGES: Final = Instrument("hardened.store.outages", "{outage}", "How often the store went away.")
