"""Tokens of clouds, databases, code hosting, CI, package registries, secret stores and monitoring.

Written from the providers' own documentation of their formats; see `models`.
"""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from .randomness import is_stand_in
from .token import B62, B64, END, HEX, URL, URL_END, UUID, marked, token


def _is_aws_key_id(value: str) -> bool:
    return not is_stand_in(value) and (any(c.isdigit() for c in value[4:]) or len(set(value[4:])) > 9)


ENTRIES = (
    # Clouds
    token("aws_access_key_id", "AKIA ASIA ABIA ACCA A3T", r"[A-Z0-9]{16,17}", 21, "id «AKIA{b32:16}»", after=END, check=_is_aws_key_id,
          counterexamples=("AKIA{-}IOSFODNN7EXAMPLE", "AKIAAAAAAAAAAAAAAAAA")),
    token("aws_session_token", "IQoJb3JpZ2lu FwoGZXIvYXdz", rf"{B64}{{100,2000}}={{0,2}}", 2014, "AWS_SESSION_TOKEN=«IQoJb3JpZ2lu{b64:300}==»"),
    token("aws_signature", "X-Amz-Signature= X-Amz-Security-Token=", r"[\w%+/-]{64,2000}", 2025, "&«X-Amz-Signature={hex:64}»"),
    token("google_api_key", "AIza", rf"{URL}{{35}}", 39, "«AIza{url:35}»", after=URL_END),
    token("google_oauth_token", "ya29.", rf"{URL}{{20,1000}}", 1010, "«ya29.{url:120}»"),
    token("google_refresh_token", "1//0", rf"{URL}{{40,150}}", 155, '"refresh_token": "«1//0g{url:90}»"'),
    token("google_oauth_client_secret", "GOCSPX-", rf"{URL}{{28}}", 35, "«GOCSPX-{url:28}»"),
    token("firebase_server_key", "AAAA", rf"{URL}{{7}}:{URL}{{134,180}}", 195, "«AAAA{url:7}:{url:140}»"),
    token("azure_storage_key", "AccountKey=", rf"{B64}{{80,90}}={{0,2}}", 105, "«AccountKey={b64:86}==»;"),
    token("azure_shared_access_key", "SharedAccessKey=", rf"{B64}{{40,90}}={{0,2}}", 110, "«SharedAccessKey={b64:43}=»"),
    token("azure_sas_signature", "sig=", r"[A-Za-z0-9%+/]{40,100}(?:%3D|=){0,2}", 115, "&se=2030&«sig={b64:43}%3D»&sp=r"),
    marked("azure_client_secret", r"\dQ~", r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}", 40, "secret «{b62:3}8Q~{b62:34}»",
           before=r"(?<![A-Za-z0-9_~.-])", after=r"(?![A-Za-z0-9_~-])"),
    # Microsoft's common annotated security keys: the mark has a fixed place, the two lengths are 84 and 52.
    marked("azure_service_key", r"JQQJ99|AZDO|\+ACR|APIM|AzFu|AzCa|\+AMC|AzSe", rf"{B62}{{52}}JQQJ99{B62}{{26}}|{B62}{{76}}(?:AZDO|APIM){B62}{{4}}|{B64}{{40,44}}(?:\+ACR|AzFu|AzCa|\+AMC|AzSe){B62}{{4,6}}={{0,2}}", 88,
           "«{b62:52}JQQJ99{b62:26}»", "pat «{b62:76}AZDO{b62:4}»", "«{b64:42}+ACR{b62:6}»", before=r"(?<![A-Za-z0-9+/])", after=r"(?![A-Za-z0-9+/])"),
    token("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", rf"{HEX}{{64}}", 71, "«dop_v1_{hex:64}»", after=END),
    token("databricks_token", "dapi", rf"{HEX}{{32}}(?:-\d)?", 38, "«dapi{hex:32}»", after=END),
    token("cloudflare_token", "cfk_ cfut_ cfat_ v1.0-", rf"{URL}{{40,180}}", 190, "«cfut_{b62:48}»"),
    token("alibaba_access_key_id", "LTAI", rf"{B62}{{12,26}}", 30, "«LTAI5t{b62:18}»", after=END),
    token("tencent_secret_id", "AKID", rf"{B62}{{32}}", 36, "«AKID{b62:32}»", after=END),
    token("yandex_cloud_key", "AQVN", rf"{URL}{{35,40}}", 44, "«AQVN{url:36}»", after=URL_END),
    token("yandex_oauth_token", "y0_", rf"{URL}{{50,70}}", 73, "«y0_{url:55}»", after=URL_END),
    token("scaleway_access_key", "SCW", r"[A-Z0-9]{17}", 20, "«SCW{upp:17}»", after=END),
    token("heroku_api_key", "HRKU-", rf"{URL}{{36,70}}", 75, "«HRKU-{uuid}»", "«HRKU-AA{url:58}»"),
    token("fly_token", "fm2_ fm1a_ fm1r_ fo1_", r"[A-Za-z0-9+/_-]{40,2000}={0,2}", 2010, "FlyV1 «fm2_{b64:200}==»"),
    token("render_api_key", "rnd_", rf"{B62}{{24,40}}", 44, "«rnd_{b62:28}»", after=END),
    token("vercel_token", "vcp_ vci_ vca_ vcr_ vck_", rf"{B62}{{24,64}}", 68, "«vcp_{b62:56}»", after=END),
    token("netlify_token", "nfp_ nfo_ nfu_ nfc_", rf"{B62}{{36,44}}", 50, "«nfp_{b62:36}»", after=END),
    token("tailscale_key", "tskey-", r"(?:api|auth|client|scim|webhook)-[\w-]{16,80}", 100, "«tskey-auth-{b62:11}CNTRL-{b62:32}»"),
    token("dnsimple_token", "dnsimple_a_ dnsimple_u_ dnsimple_o_", rf"{B62}{{20,48}}", 60, "«dnsimple_a_{b62:32}»", after=END),
    token("porkbun_key", "pk1_ sk1_", rf"{HEX}{{64}}", 68, "«sk1_{hex:64}»", after=END),
    # Databases
    token("supabase_token", "sbp_ sb_secret_", rf"{URL}{{25,60}}", 72, "«sbp_{hex:40}»"),
    token("planetscale_token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{32,64}", 80, "«pscale_tkn_{url:43}»"),
    token("neon_api_key", "napi_", rf"{B62}{{60,80}}", 85, "«napi_{low:64}»", after=END),
    token("mongodb_service_secret", "mdb_sa_sk_", rf"{URL}{{36,48}}", 60, "«mdb_sa_sk_{url:40}»"),
    token("cockroach_api_key", "CCDB1_", rf"{B62}{{22}}_{B62}{{40}}", 69, "«CCDB1_{b62:22}_{b62:40}»", after=END),
    token("aiven_password", "AVNS_", rf"{URL}{{16,24}}", 30, "«AVNS_{b62:19}»"),
    token("confluent_secret", "cflt", rf"{B64}{{60}}", 64, "«cflt{b64:60}»", after=r"(?![A-Za-z0-9+/])"),
    token("elastic_token", "essu_", rf"{B64}{{40,120}}={{0,2}}", 130, "«essu_{b64:72}==»"),
    token("tinybird_token", "p.eyJ", rf"{URL}{{30,400}}\.{URL}{{20,60}}", 470, "«p.eyJ{url:120}.{url:43}»"),
    # Secret stores and infrastructure as code
    token("vault_token", "hvs. hvb. hvr.", rf"{URL}{{24,300}}", 305, "«hvs.{url:90}»"),
    token("doppler_token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{40,64}", 75, "«dp.pt.{b62:43}»"),
    token("pulumi_token", "pul-", rf"{HEX}{{40}}", 44, "«pul-{hex:40}»", after=END),
    marked("terraform_token", r"\.atlasv1\.", rf"{B62}{{14}}\.atlasv1\.{URL}{{60,70}}", 93, "«{b62:14}.atlasv1.{b62:67}»"),
    token("onepassword_token", "ops_eyJ", rf"{URL}{{200,4000}}", 4010, "«ops_eyJ{url:300}»"),
    token("age_secret_key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{58}", 74, "«AGE-SECRET-KEY-1{upp:58}»", after=END),
    # Code and CI
    token("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"{B62}{{36,251}}", 256, "token «ghp_{b62:36}».", "https://x:«gho_{b62:36}»@h", after=END,
          counterexamples=("ghp_short", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")),
    token("github_fine_grained_token", "github_pat_", r"\w{40,255}", 270, "«github_pat_{b62:22}_{b62:59}»"),
    token("gitlab_token", "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glffct- glsoat- glimt- glagent- gloas- glwt-", r"[\w.-]{20,300}", 310, "«glpat-{url:20}»"),
    token("gitlab_runner_token", "GR1348941", rf"{URL}{{20,24}}", 33, "«GR1348941{url:20}»"),
    token("gitlab_session", "_gitlab_session=", rf"{HEX}{{32}}", 48, "Cookie: «_gitlab_session={hex:32}»", after=END),
    token("atlassian_token", "ATATT ATCTT ATBB ATTA ATOA", r"[\w=-]{28,240}(?:%3D\w{8})?", 257, "«ATATT3{url:186}»"),
    token("bitbucket_token", "BBDC-", rf"{B64}{{40,60}}={{0,2}}", 67, "«BBDC-{b64:44}»"),
    token("circleci_token", "CCIPAT_ CCIPRJ_", r"\w{20,100}", 110, "«CCIPAT_{b62:22}_{hex:40}»"),
    token("buildkite_token", "bkua_ bkaj_ bkct_ bkpt_", rf"{B62}{{40,64}}", 70, "«bkua_{hex:40}»", after=END),
    token("sonarqube_token", "squ_ sqp_ sqa_", rf"{HEX}{{40}}", 44, "«squ_{hex:40}»", after=END),
    token("sourcegraph_token", "sgp_ slk_", r"(?!local_)\w{40,90}", 94, "«sgp_{hex:16}_{hex:40}»", after=END),
    token("postman_api_key", "PMAK-", rf"{HEX}{{24}}-{HEX}{{34}}", 64, "«PMAK-{hex:24}-{hex:34}»"),
    token("prefect_api_key", "pnu_ pnb_", rf"{B62}{{36}}", 40, "«pnu_{b62:36}»", after=END),
    token("wundergraph_api_key", "cosmo_", rf"{HEX}{{32}}", 38, "«cosmo_{hex:32}»", after=END),
    # Packages
    token("npm_token", "npm_", rf"{B62}{{36}}", 40, "//registry/:_authToken=«npm_{b62:36}»", after=END),
    token("pypi_token", "pypi-", rf"{URL}{{50,1000}}", 1005, "«pypi-AgEIcHlwaS5vcmc{url:120}»"),
    token("rubygems_token", "rubygems_", rf"{HEX}{{48}}", 57, "«rubygems_{hex:48}»", after=END),
    token("crates_token", "cio", rf"{B62}{{32}}", 35, "«cio{b62:32}»", after=END),
    token("clojars_token", "CLOJARS_", rf"{HEX}{{60}}", 68, "«CLOJARS_{hex:60}»", after=END),
    token("docker_token", "dckr_pat_ dckr_oat_", rf"{URL}{{24,64}}", 75, "«dckr_pat_{url:27}»"),
    token("artifactory_token", "AKCp cmVmdGtuOj", rf"{B62}{{50,73}}", 85, "«AKCp{b62:69}»", after=END),
    token("nuget_api_key", "oy2", r"[a-z0-9]{43}", 46, "«oy2{low:43}»", after=END),
    # Monitoring
    token("grafana_token", "glsa_ glc_ eyJrIjoi", r"[\w=+/-]{30,400}", 410, "«glsa_{b62:32}_{hex:8}»"),
    token("sentry_token", "sntrys_ sntryu_", r"[\w=+/-]{40,300}", 310, "«sntryu_{hex:64}»"),
    token("new_relic_key", "NRAK- NRII- NRAA- NRJS- NRBR- NRIQ- NRSP-", rf"{URL}{{19,40}}", 48, "«NRAK-{upp:27}»"),
    marked("new_relic_license_key", "NRAL", r"[0-9a-z]{32,36}(?:FFFF)?NRAL", 44, "«{hex:36}NRAL»"),
    token("posthog_key", "phx_ phr_ pha_ phs_", rf"{B62}{{40,64}}", 70, "«phx_{b62:43}»", after=END),
    token("dynatrace_token", "dt0c01. dt0s01. dt0s02. dt0s04. dt0s06. dt0s08. dt0s16.", r"[A-Z0-9]{24}\.[A-Z0-9]{64}", 97, "«dt0c01.{b32:24}.{b32:64}»", after=END),
    token("honeycomb_key", "hcaik_ hcbik_ hcxik_ hcalk_ hcamk_", rf"{B62}{{40,64}}", 70, "«hcaik_{low:58}»", after=END),
    token("axiom_token", "xaat- xapt-", UUID, 41, "«xaat-{uuid}»", after=END),
    token("statsig_key", "secret-", rf"{B62}{{40,48}}", 55, "«secret-{b62:43}»", after=END),
    marked("launchdarkly_key", "(?:api|sdk)-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-", f"(?:api|sdk)-{UUID}", 40, "«sdk-{uuid}»"),
    token("checkly_key", "cu_", rf"{HEX}{{32}}", 35, "«cu_{hex:32}»", after=END),
    token("kong_token", "kpat_ spat_", rf"{B62}{{40,64}}", 70, "«kpat_{b62:48}»", after=END),
    token("zuplo_key", "zpka_", rf"{HEX}{{32}}_{HEX}{{8}}", 46, "«zpka_{hex:32}_{hex:8}»", after=END),
    token("unkey_root_key", "unkey_", rf"{B62}{{20,48}}", 55, "«unkey_{b62:24}»", after=END),
)  # fmt: skip
