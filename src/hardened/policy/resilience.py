"""What a policy says about calls that fail: how often they are sent, how long they may take, who else is asked.

What is left open (None) is as the preset says, see `hardened.resilience.plan`.
"""

from typing import Annotated, Final

from pydantic import Field

from hardened.policy.section import Section

MAX_SECONDS: Final = 86_400.0  # a day
Seconds = Annotated[float, Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False)]


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
        None, description="Seconds for a whole call, with all its requests and pauses. Preset `strict`: 30."
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
