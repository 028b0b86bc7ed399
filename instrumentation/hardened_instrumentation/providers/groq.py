"""groq: the OpenAI chat format, under its own client."""

from __future__ import annotations

from types import ModuleType

from hardened_instrumentation import stainless
from hardened_instrumentation.patches import Patches
from hardened_instrumentation.providers import openai
from hardened_instrumentation.providers.base import Provider, describer
from hardened_instrumentation.stainless import Active

ROUTES = {f"openai/v1/{path}": route for path, route in openai.ROUTES.items()}


def _install(base_client: ModuleType, current: Active, patches: Patches) -> None:
    stainless.install(base_client, describer("groq", "groq", ROUTES, {}), current, patches)


provider = Provider("groq", "groq._base_client", _install)
