"""Output limits and context windows of models."""

import pytest
from genai_prices.data_snapshot import get_snapshot

from hardened.spend.maxima import UNKNOWN, context_window, max_output

PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "google": "gcp.gemini", "groq": "groq", "aws": "aws.bedrock"}


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("gpt-4o-mini-2024-07-18", 16_384),
        ("gpt-4-0613", 8_192),
        ("openai/gpt-4.1", 32_768),
        ("gpt-5-mini", 128_000),
        ("gpt-5-pro-2025-10-06", 272_000),
        ("o3-mini", 100_000),
        ("claude-3-5-haiku-20241022", 8_192),
        ("claude-opus-4-20250514", 32_000),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 64_000),
        ("claude-opus-4-6", 128_000),
        ("gemini-2.5-pro", 65_536),
        ("a-model-of-tomorrow", UNKNOWN),
    ],
)
def test_output_limits(model: str, most: int) -> None:
    assert max_output(model) == most


def test_without_a_documented_limit_an_answer_can_fill_the_window() -> None:
    assert max_output("grok-4.5", "x_ai") == context_window("grok-4.5", "x_ai") == 500_000
    assert max_output("a-model-of-tomorrow", "x_ai") == UNKNOWN


def test_windows() -> None:
    assert context_window("gpt-4o-mini", "openai") == 128_000
    assert context_window("gpt-4.1-nano", "openai") == 1_047_576, "genai-prices says 1,000,000"
    assert context_window("claude-sonnet-4-5", "anthropic") == 1_000_000, "a beta of it has as many"
    assert context_window("claude-haiku-4-5-20251001", "anthropic") == 200_000
    assert context_window("production-chat", "azure.ai.openai") is None, "the name of a deployment says nothing"
    assert context_window("gpt-4o-mini", "a-provider-of-tomorrow") is None


def test_both_tables_agree() -> None:
    """No answer is longer than its model's window, and no window is smaller than what genai-prices has."""
    checked = 0
    for provider in get_snapshot().providers:
        name = PROVIDERS.get(provider.id)
        for model in provider.models if name else ():
            window = context_window(model.id, name or "")
            if model.context_window and window:
                checked += 1
                assert window >= model.context_window, model.id
                assert max_output(model.id, name or "") <= window * 1.03, model.id  # 16,000 may be 16,384 rounded
    assert checked > 200
