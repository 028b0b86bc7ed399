"""Tokens of model providers and of what is built around models: tracing, search, vectors, sandboxes.

Written from the providers' own documentation of their formats. A format that a provider lengthens still matches: upper
bounds are generous, and only where a provider guarantees one length is it required.
"""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from .randomness import is_shuffled, is_stand_in
from .token import B62, B64, END, HEX, URL, URL_END, marked, token

ENTRIES = (
    token("openai_api_key", "sk-", rf"(?!ant-|or-v1-|lf-)(?:(?:proj|svcacct|admin|None)-)?{URL}{{20,250}}", 264,
          "key «sk-proj-{url:60}»,", "«sk-{b62:48}»", "OPENAI_API_KEY=«sk-svcacct-{url:80}»",
          counterexamples=("sk-your-api-key-goes-here-please", "task-0a1b2c3d4e5f6a7b8c9d0e1f", "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk-learn",
                           "disk-{-}usage-of-the-whole-cluster-2024", "sk-{-}learn-tutorial-part-2-of-the-series")),
    token("openai_session_key", "sess-", rf"{B62}{{40,48}}", 53, "«sess-{b62:40}»", after=END),
    token("anthropic_api_key", "sk-ant-", rf"{URL}{{20,250}}", 260, "«sk-ant-api03-{url:93}AA»", "«sk-ant-oat01-{url:60}»",
          counterexamples=("sk-ant-your-key-goes-in-here-0000",)),
    token("openrouter_api_key", "sk-or-v1-", r"[0-9a-f]{64}", 73, "«sk-or-v1-{hex:64}»", after=END),
    token("langfuse_secret_key", "sk-lf-", r"[0-9a-f-]{36}", 42, "LANGFUSE_SECRET_KEY=«sk-lf-{uuid}»"),
    token("huggingface_token", "hf_ api_org_", rf"{B62}{{30,60}}", 70, "«hf_{b62:34}»", "«hf_{abc:34}»",
          check=lambda value: len(set(value)) > 12 and not is_stand_in(value) and is_shuffled(value[3:]), after=END,
          counterexamples=("hf_hub_download", "hf_transformedSequenceOutputsForTraining")),
    token("groq_api_key", "gsk_", rf"{B62}{{40,80}}", 90, "«gsk_{b62:52}»", after=END),
    token("xai_api_key", "xai-", r"\w{60,100}", 110, "«xai-{b62:80}»"),
    token("perplexity_api_key", "pplx-", rf"{B62}{{40,64}}", 70, "«pplx-{b62:48}»", after=END),
    token("replicate_api_token", "r8_", rf"{B62}{{37,40}}", 45, "«r8_{b62:37}»", after=END),
    token("langsmith_api_key", "lsv2_pt_ lsv2_sk_", r"[0-9a-f]{32}_[0-9a-f]{10}", 51, "«lsv2_pt_{hex:32}_{hex:10}»"),
    token("pinecone_api_key", "pcsk_", r"\w{50,90}", 95, "«pcsk_{b62:6}_{b62:62}»"),
    token("tavily_api_key", "tvly-", rf"{URL}{{20,64}}", 70, "«tvly-{b62:32}»"),
    token("together_api_key", "tgp_v1_", rf"{URL}{{40,48}}", 56, "«tgp_v1_{url:43}»"),
    token("nvidia_api_key", "nvapi-", rf"{URL}{{60,80}}", 86, "NVIDIA_API_KEY=«nvapi-{url:64}»"),
    token("cerebras_api_key", "csk-", rf"{B62}{{40,64}}", 68, "«csk-{low:48}»", after=END),
    token("fireworks_api_key", "fw_", rf"{B62}{{20,32}}", 35, "«fw_{b62:24}»", after=END, counterexamples=("fw_update_check", "fw_version12")),
    token("llamacloud_api_key", "llx-", rf"{B62}{{40,64}}", 68, "«llx-{b62:48}»", after=END),
    token("jina_api_key", "jina_", rf"{URL}{{40,80}}", 85, "«jina_{hex:32}{url:28}»"),
    token("voyage_api_key", "pa-", rf"{URL}{{40,50}}", 53, "«pa-{url:43}»", after=URL_END),
    token("bedrock_api_key", "ABSK bedrock-api-key-", rf"{B64}{{32,1500}}={{0,2}}", 1520, "AWS_BEARER_TOKEN_BEDROCK=«ABSK{b64:128}=»", "«bedrock-api-key-{b64:300}»"),
    token("wandb_api_key", "wandb_v1_", r"\w{60,100}", 110, "«wandb_v1_{b62:77}»"),
    token("logfire_token", "pylf_v1_us_ pylf_v1_eu_", rf"{B62}{{40,64}}", 75, "«pylf_v1_eu_{b62:43}»", after=END, counterexamples=("pylf_v1_us_my_first_write_token",)),
    token("firecrawl_api_key", "fc-", rf"{HEX}{{32}}", 35, "«fc-{hex:32}»", after=END),
    token("e2b_api_key", "e2b_", rf"{HEX}{{40}}", 44, "«e2b_{hex:40}»", after=END),
    token("runpod_api_key", "rpa_", rf"{B62}{{40,56}}", 60, "«rpa_{upp:40}{low:6}»", after=END),
    token("anyscale_api_key", "esecret_", rf"{B62}{{24,48}}", 56, "«esecret_{b62:26}»", after=END),
    token("friendli_api_key", "flp_", rf"{B62}{{40,56}}", 60, "«flp_{b62:46}»", after=END),
    token("kaggle_api_token", "KGAT_", rf"{HEX}{{32}}", 37, "«KGAT_{hex:32}»", after=END),
    marked("elevenlabs_api_key", "sk_[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]", rf"sk_{HEX}{{48}}", 51, "xi-api-key: «sk_{hex:48}»"),
)  # fmt: skip
