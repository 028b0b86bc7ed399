"""The same models through Azure OpenAI, Amazon Bedrock and Google Vertex AI."""

from __future__ import annotations

import anthropic
import openai
import pytest

from hardened.testing import FakeProvider

ASK = {"max_tokens": 64, "messages": [{"role": "user", "content": "Hello out there"}]}


def test_azure(provider: FakeProvider) -> None:
    client = openai.AzureOpenAI(
        azure_endpoint=provider.url, api_key="test", api_version="2024-10-21", azure_deployment="prod", max_retries=0
    )
    completion = client.chat.completions.create(model="prod", messages=ASK["messages"])
    assert completion.choices[0].message.content == "You said: Hello out there"
    chunks = list(client.chat.completions.create(model="prod", messages=ASK["messages"], stream=True))
    assert chunks[0].choices == [], "Azure begins with a chunk about the prompt"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[1:]) == "You said: Hello out there"
    assert provider.requests[0].path == "/openai/deployments/prod/chat/completions"
    assert provider.requests[0].query == "api-version=2024-10-21"


def bedrock(provider: FakeProvider) -> anthropic.AnthropicBedrock:
    pytest.importorskip("botocore", reason="anthropic[bedrock] is not installed")
    return anthropic.AnthropicBedrock(
        base_url=provider.url,
        aws_region="eu-central-1",
        aws_access_key="test",
        aws_secret_key="test",
        max_retries=0,
    )


def test_bedrock(provider: FakeProvider) -> None:
    client = bedrock(provider)
    model = "eu.anthropic.claude-sonnet-4-6-v1:0"
    message = client.messages.create(model=model, **ASK)
    assert message.content[0].text == "You said: Hello out there"
    assert provider.requests[0].model == model
    provider.reply(text="Hi", tool_calls=[{"name": "f", "arguments": {"a": 1}}])
    with client.messages.stream(model=model, **ASK) as stream:
        final = stream.get_final_message()
    assert (final.content[0].text, final.content[1].input) == ("Hi", {"a": 1})
    assert provider.requests[1].path.endswith("/invoke-with-response-stream")


def test_vertex(provider: FakeProvider) -> None:
    pytest.importorskip("google.auth", reason="anthropic[vertex] is not installed")
    client = anthropic.AnthropicVertex(
        base_url=provider.url + "/v1", region="europe-west1", project_id="p", access_token="test", max_retries=0
    )
    message = client.messages.create(model="claude-sonnet-4-6", **ASK)
    assert message.content[0].text == "You said: Hello out there"
    assert provider.requests[0].model == "claude-sonnet-4-6"
    with client.messages.stream(model="claude-sonnet-4-6", **ASK) as stream:
        assert stream.get_final_text() == "You said: Hello out there"
    count = client.messages.count_tokens(model="claude-sonnet-4-6", messages=ASK["messages"])
    assert count.input_tokens == 4
