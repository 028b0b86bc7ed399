"""Tokens that say by their first characters who issued them.

Written from the providers' own documentation of their formats. A format that a provider lengthens still matches: upper
bounds are generous, and only where a provider guarantees one length is it required.
"""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

import re
from collections.abc import Callable

from hardened_detectors.entry import Context, Entry

from .randomness import is_stand_in, looks_random


def _token(
    category: str,
    literals: str,
    rest: str,
    longest: int,
    *examples: str,
    check: Callable[[str], bool] = looks_random,
    before: str = r"(?<![A-Za-z0-9_])",
    after: str = "",
    context: Context | None = None,
    counterexamples: tuple[str, ...] = (),
) -> Entry:
    """An entry whose match begins with one of `literals` (separated by spaces) and goes on with `rest`."""
    beginnings = tuple(literals.split())
    either = "|".join(map(re.escape, beginnings))
    return Entry(
        category=category,
        before=before,
        body=f"(?:{either}){rest}",
        after=after,
        longest=longest,
        literals=beginnings,
        check=check,
        context=context,
        score=0.98 if context is None else 0.9,
        examples=examples,
        counterexamples=counterexamples,
    )


def _not_placeholder(value: str) -> bool:
    return not is_stand_in(value)


_END = r"(?![A-Za-z0-9_])"
_URL = "[A-Za-z0-9_-]"
_B62 = "[A-Za-z0-9]"

ENTRIES = (
    # Models
    _token("openai_api_key", "sk-", rf"(?!ant-|or-v1-|lf-)(?:(?:proj|svcacct|admin|None)-)?{_URL}{{20,250}}", 264,
           "key «sk-proj-{url:60}»,", "«sk-{b62:48}»", "OPENAI_API_KEY=«sk-svcacct-{url:80}»",
           counterexamples=("sk-your-api-key-goes-here-please", "task-0a1b2c3d4e5f6a7b8c9d0e1f", "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk-learn",
                            "disk-usage-of-the-whole-cluster-2024")),
    _token("anthropic_api_key", "sk-ant-", rf"{_URL}{{20,250}}", 260, "«sk-ant-api03-{url:93}AA»", "«sk-ant-oat01-{url:60}»",
           counterexamples=("sk-ant-your-key-goes-in-here-0000",)),
    _token("openrouter_api_key", "sk-or-v1-", r"[0-9a-f]{64}", 73, "«sk-or-v1-{hex:64}»", after=_END),
    _token("langfuse_secret_key", "sk-lf-", r"[0-9a-f-]{36}", 42, "LANGFUSE_SECRET_KEY=«sk-lf-{uuid}»"),
    _token("huggingface_token", "hf_ api_org_", rf"{_B62}{{30,60}}", 70, "«hf_{b62:34}»", "«hf_{abc:34}»",
           check=lambda value: len(set(value)) > 12 and not is_stand_in(value), after=_END, counterexamples=("hf_hub_download",)),
    _token("groq_api_key", "gsk_", rf"{_B62}{{40,80}}", 90, "«gsk_{b62:52}»", after=_END),
    _token("xai_api_key", "xai-", rf"{_B62}{{60,100}}", 110, "«xai-{b62:80}»", after=_END),
    _token("perplexity_api_key", "pplx-", rf"{_B62}{{40,64}}", 70, "«pplx-{b62:48}»", after=_END),
    _token("replicate_api_token", "r8_", rf"{_B62}{{37,40}}", 45, "«r8_{b62:37}»", after=_END),
    _token("langsmith_api_key", "lsv2_pt_ lsv2_sk_", r"[0-9a-f]{32}_[0-9a-f]{10}", 51, "«lsv2_pt_{hex:32}_{hex:10}»"),
    _token("pinecone_api_key", "pcsk_", r"\w{50,90}", 95, "«pcsk_{b62:6}_{b62:62}»"),
    _token("tavily_api_key", "tvly-", rf"{_URL}{{20,64}}", 70, "«tvly-{b62:32}»"),
    # Clouds
    _token("aws_access_key_id", "AKIA ASIA ABIA ACCA", r"[A-Z2-7]{16}", 20, "id «AKIA{b32:16}»", after=_END,
           check=lambda value: (any(c.isdigit() for c in value) and not is_stand_in(value)) or (len(set(value[4:])) > 9 and not is_stand_in(value)),
           counterexamples=("AKIA{-}IOSFODNN7EXAMPLE", "AKIAAAAAAAAAAAAAAAAA")),
    _token("google_api_key", "AIza", rf"{_URL}{{35}}", 39, "«AIza{url:35}»", after="(?![A-Za-z0-9_-])"),
    _token("google_oauth_token", "ya29.", rf"{_URL}{{20,1000}}", 1010, "«ya29.{url:120}»"),
    _token("google_oauth_client_secret", "GOCSPX-", rf"{_URL}{{28}}", 35, "«GOCSPX-{url:28}»"),
    _token("firebase_server_key", "AAAA", rf"{_URL}{{7}}:{_URL}{{134,180}}", 195, "«AAAA{url:7}:{url:140}»"),
    _token("azure_storage_key", "AccountKey=", r"[A-Za-z0-9+/]{80,90}={0,2}", 105, "«AccountKey={b64:86}==»;", before="(?<![A-Za-z0-9_])"),
    _token("azure_shared_access_key", "SharedAccessKey=", r"[A-Za-z0-9+/]{40,90}={0,2}", 110, "«SharedAccessKey={b64:43}=»"),
    _token("azure_sas_signature", "sig=", r"[A-Za-z0-9%+/]{40,100}(?:%3D|=){0,2}", 115, "&se=2030&«sig={b64:43}%3D»&sp=r"),
    _token("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{64}", 71, "«dop_v1_{hex:64}»", after=_END),
    _token("databricks_token", "dapi", r"[0-9a-f]{32}(?:-\d)?", 38, "«dapi{hex:32}»", after=_END),
    _token("cloudflare_token", "cfk_ cfut_ cfat_ v1.0-", rf"{_URL}{{40,180}}", 190, "«cfut_{b62:48}»"),
    _token("vault_token", "hvs. hvb. hvr.", rf"{_URL}{{24,300}}", 305, "«hvs.{url:90}»"),
    _token("doppler_token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{40,64}", 75, "«dp.pt.{b62:43}»"),
    _token("pulumi_token", "pul-", r"[0-9a-f]{40}", 44, "«pul-{hex:40}»", after=_END),
    _token("terraform_token", ".atlasv1.", rf"{_URL}{{60,70}}", 80, "{b62:14}«.atlasv1.{b62:67}»", before=r"(?<=[A-Za-z0-9])"),
    # Code and packages
    _token("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"{_B62}{{36,251}}", 256, "token «ghp_{b62:36}».", "https://x:«gho_{b62:36}»@h", after=_END,
           counterexamples=("ghp_short", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")),
    _token("github_fine_grained_token", "github_pat_", r"\w{40,255}", 270, "«github_pat_{b62:22}_{b62:59}»"),
    _token("gitlab_token", "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent- gloas-", r"[\w.-]{20,300}", 310, "«glpat-{url:20}»"),
    _token("npm_token", "npm_", rf"{_B62}{{36}}", 40, "//registry/:_authToken=«npm_{b62:36}»", after=_END),
    _token("pypi_token", "pypi-", rf"{_URL}{{50,1000}}", 1005, "«pypi-AgEIcHlwaS5vcmc{url:120}»"),
    _token("rubygems_token", "rubygems_", r"[0-9a-f]{48}", 57, "«rubygems_{hex:48}»", after=_END),
    _token("docker_token", "dckr_pat_ dckr_oat_", rf"{_URL}{{24,64}}", 75, "«dckr_pat_{url:27}»"),
    _token("atlassian_token", "ATATT3 ATCTT3 ATBB", r"[\w=-]{28,240}", 250, "«ATATT3{url:186}»"),
    _token("artifactory_token", "AKCp", rf"{_B62}{{66,73}}", 80, "«AKCp{b62:69}»", after=_END),
    _token("circleci_token", "CCIPAT_ CCIPRJ_", r"\w{20,100}", 110, "«CCIPAT_{b62:22}_{hex:40}»"),
    _token("netlify_token", "nfp_", rf"{_B62}{{36,44}}", 50, "«nfp_{b62:36}»", after=_END),
    _token("supabase_token", "sbp_ sb_secret_", rf"{_URL}{{25,60}}", 72, "«sbp_{hex:40}»"),
    _token("planetscale_token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{32,64}", 80, "«pscale_tkn_{url:43}»"),
    # Messages
    _token("slack_token", "xoxb- xoxp- xoxa- xoxe- xoxo- xoxr- xoxs- xapp-", rf"{_URL}{{10,250}}", 260, "«xoxb-{dig:12}-{dig:13}-{b62:24}»",
           "«xapp-1-A{upp:10}-{dig:13}-{hex:64}»", counterexamples=("xoxb-your-token-goes-here",)),
    _token("slack_webhook", "https://hooks.slack.com/services/ https://hooks.slack.com/workflows/ https://hooks.slack.com/triggers/",
           r"[\w/+-]{20,120}", 170, "POST «https://hooks.slack.com/services/T{upp:8}/B{upp:8}/{b62:24}»",
           counterexamples=("https://hooks.slack.com/services/XXXXXXXX/XXXXXXXX/XXXXXXXXXXXX",)),
    _token("discord_webhook", "https://discord.com/api/webhooks/ https://discordapp.com/api/webhooks/", rf"\d{{15,20}}/{_URL}{{60,72}}", 135,
           "«https://discord.com/api/webhooks/{dig:18}/{url:68}»"),
    _token("teams_webhook", "https://outlook.office.com/webhook/", r"[\w@/-]{60,200}", 240, "«https://outlook.office.com/webhook/{uuid}@{uuid}/IncomingWebhook/{hex:32}»"),
    _token("telegram_bot_token", ":AA", rf"{_URL}{{32,36}}", 40, "{dig:10}«:AA{url:33}»", before=r"(?<=\d{8})", after="(?![A-Za-z0-9_-])"),
    _token("sendgrid_api_key", "SG.", rf"{_URL}{{16,32}}\.{_URL}{{16,64}}", 100, "«SG.{url:22}.{url:43}»"),
    _token("mailgun_api_key", "key-", r"[0-9a-f]{32}", 36, "«key-{hex:32}»", after=_END),
    _token("mailchimp_api_key", "-us", r"\d{1,2}", 5, "{hex:32}«-us12»", before=r"(?<=[0-9a-f]{32})", after=_END, check=_not_placeholder),
    _token("twilio_api_key", "SK", r"[0-9a-f]{32}", 34, "«SK{hex:32}»", after=_END),
    _token("twilio_account_sid", "AC", r"[0-9a-f]{32}", 34, "«AC{hex:32}»", after=_END),
    # Money and commerce
    _token("stripe_api_key", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", rf"{_B62}{{16,250}}", 260, "«sk_live_{b62:24}»", "«rk_test_{b62:99}»",
           after=_END, counterexamples=("sk_test_4eC39HqLyjWD{-}arjtT1zdp7dc", "sk_live_your_key")),
    _token("stripe_webhook_secret", "whsec_", r"[A-Za-z0-9+/=]{24,80}", 90, "«whsec_{b62:32}»"),
    _token("square_token", "sq0csp- sq0atp- sq0idp- EAAA", rf"{_URL}{{22,64}}", 75, "«sq0csp-{url:43}»"),
    _token("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{32}", 38, "«shpat_{hex:32}»", after=_END),
    _token("paypal_braintree_token", "access_token$production$", r"[0-9a-z]{16}\$[0-9a-f]{32}", 75, "«access_token$production${low:16}${hex:32}»",
           before=r"(?<![A-Za-z0-9_])"),
    # Operations and products
    _token("grafana_token", "glsa_ glc_", r"[\w=+/-]{30,250}", 260, "«glsa_{b62:32}_{hex:8}»"),
    _token("sentry_token", "sntrys_ sntryu_", r"[\w=+/-]{40,300}", 310, "«sntryu_{hex:64}»"),
    _token("new_relic_key", "NRAK- NRII- NRAA- NRJS-", rf"{_URL}{{20,40}}", 48, "«NRAK-{upp:27}»"),
    _token("posthog_key", "phx_", rf"{_B62}{{40,60}}", 66, "«phx_{b62:43}»", after=_END),
    _token("postman_api_key", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}", 64, "«PMAK-{hex:24}-{hex:34}»"),
    _token("linear_api_key", "lin_api_ lin_oauth_", rf"{_B62}{{32,64}}", 75, "«lin_api_{b62:40}»", after=_END),
    _token("notion_token", "ntn_ secret_", rf"{_B62}{{40,50}}", 58, "«ntn_{b62:46}»", after=_END),
    _token("figma_token", "figd_", rf"{_URL}{{40,44}}", 50, "«figd_{url:40}»"),
    _token("airtable_token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}", 82, "«pat{b62:14}.{hex:64}»", after=_END),
    _token("contentful_token", "CFPAT-", rf"{_URL}{{43}}", 49, "«CFPAT-{url:43}»"),
    _token("onepassword_token", "ops_eyJ", rf"{_URL}{{200,4000}}", 4010, "«ops_eyJ{url:300}»"),
    _token("age_secret_key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{58}", 74, "«AGE-SECRET-KEY-1{upp:58}»", after=_END),
    _token("easypost_key", "EZAK EZTK", r"\w{54}", 58, "«EZAK{b62:54}»", after=_END),
    _token("duffel_token", "duffel_test_ duffel_live_", rf"{_URL}{{43}}", 55, "«duffel_live_{url:43}»"),
    _token("flutterwave_key", "FLWSECK_TEST- FLWSECK-", r"\w{12,64}(?:-X)?", 80, "«FLWSECK-{low:32}-X»"),
    # More
    _token("gitlab_runner_token", "GR1348941", rf"{_URL}{{20,24}}", 33, "«GR1348941{url:20}»"),
    _token("sonarqube_token", "squ_ sqp_ sqa_", r"[0-9a-f]{40}", 44, "«squ_{hex:40}»", after=_END),
    _token("sourcegraph_token", "sgp_ slk_", r"\w{40,90}", 94, "«sgp_{hex:16}_{hex:40}»", after=_END),
    _token("together_api_key", "tgp_v1_", rf"{_URL}{{40,48}}", 56, "«tgp_v1_{url:43}»"),
    _token("nuget_api_key", "oy2", r"[a-z0-9]{43}", 46, "«oy2{low:43}»", after=_END),
    _token("zapier_webhook", "https://hooks.zapier.com/hooks/catch/", r"[\w/]{12,64}", 101, "«https://hooks.zapier.com/hooks/catch/{dig:8}/{low:7}/»",
           check=_not_placeholder),
    _token("facebook_token", "EAAM EAAC EAAB EAAG EAAD", rf"{_B62}{{100,300}}", 304, "«EAAG{b62:160}»", after=_END),
    Entry(
        category="azure_client_secret", before=r"(?<![A-Za-z0-9_~.-])", body=r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}", after=r"(?![A-Za-z0-9_~-])",
        longest=40, gate=r"\dQ~", check=looks_random, score=0.98, examples=("secret «{b62:3}8Q~{b62:34}»",),
    ),
)  # fmt: skip
