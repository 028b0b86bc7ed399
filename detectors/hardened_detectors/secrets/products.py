"""Tokens of chat, mail, payment, commerce and other products.

Written from the providers' own documentation of their formats; see `models`.
"""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from .randomness import is_stand_in
from .token import B62, B64, END, HEX, URL, URL_END, UUID, marked, token


def _not_placeholder(value: str) -> bool:
    return not is_stand_in(value)


ENTRIES = (
    # Messages
    token("slack_token", "xoxb- xoxp- xoxa- xoxe- xoxe. xoxo- xoxr- xoxs- xoxc- xoxd- xapp-", r"[\w%.-]{24,250}", 260, "«xoxb-{dig:12}-{dig:13}-{b62:24}»",
          "«xapp-1-A{upp:10}-{dig:13}-{hex:64}»", counterexamples=("xoxb-your-token-goes-here", "xoxp-1-ARANDOMSTRINGHERE")),
    token("slack_webhook", "https://hooks.slack.com/ http://hooks.slack.com/", r"(?:services|workflows|triggers)/[\w/+-]{20,120}", 180, "POST «https://hooks.slack.com/services/T{upp:8}/B{upp:8}/{b62:24}»",
          counterexamples=("https://hooks.slack.com/services/XXXXXXXX/XXXXXXXX/XXXXXXXXXXXX",)),
    token("discord_webhook", "https://discord.com/api/webhooks/ https://discordapp.com/api/webhooks/", rf"\d{{15,20}}/{URL}{{60,72}}", 135,
          "«https://discord.com/api/webhooks/{dig:18}/{url:68}»"),
    # The first part is the decimal id of the bot in base64.
    marked("discord_bot_token", r"(?:M[TDjz]|N[DTjz]|O[DT])[A-Za-z0-9]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]", rf"[MNO][A-Za-z0-9]{{22,27}}\.{URL}{{6}}\.{URL}{{27,40}}", 76,
           "bot «MTk4{b62:20}.{url:6}.{url:38}»", after=URL_END),
    marked("teams_webhook", r"/webhook(?:b2)?/", r"https://[A-Za-z0-9-]{1,40}(?:\.webhook)?\.office\.com/webhook(?:b2)?/[\w@/-]{60,200}", 290,
           "«https://outlook.office.com/webhook/{uuid}@{uuid}/IncomingWebhook/{hex:32}»", "«https://contoso.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{hex:32}/{uuid}»", after=""),
    token("google_chat_webhook", "https://chat.googleapis.com/v1/spaces/", rf"{URL}{{8,20}}/messages\?[\w%&=-]{{60,200}}", 270, "«https://chat.googleapis.com/v1/spaces/{b62:11}/messages?key={url:39}&token={url:43}»"),
    token("zapier_webhook", "https://hooks.zapier.com/hooks/catch/", r"[\w/]{12,64}", 101, "«https://hooks.zapier.com/hooks/catch/{dig:8}/{low:7}/»", check=_not_placeholder),
    marked("telegram_bot_token", r"\d:AA", rf"\d{{8,10}}:AA{URL}{{32,36}}", 50, "«{dig:10}:AA{url:33}»", after=URL_END),
    token("twilio_api_key", "SK", rf"{HEX}{{32}}", 34, "«SK{hex:32}»", after=END),
    token("twilio_account_sid", "AC", rf"{HEX}{{32}}", 34, "«AC{hex:32}»", after=END),
    marked("twitch_stream_key", r"live_\d+_", rf"live_\d{{6,12}}_{B62}{{28,40}}", 60, "«live_{dig:9}_{b62:30}»"),
    token("facebook_token", "EAAM EAAC EAAB EAAG EAAD EAAA", rf"{B62}{{100,300}}", 304, "«EAAG{b62:160}»", after=END),
    marked("facebook_app_token", r"\d\d\d\d\d\d\d\d\d\d\d\d\d\|", rf"\d{{13,17}}\|{URL}{{27}}", 45, "facebook «{dig:16}|{url:27}»", after=URL_END),
    token("instagram_token", "IGQV IGAA", rf"{URL}{{80,300}}", 304, "«IGQVJ{url:150}»"),
    token("twitter_bearer_token", "AAAAAAAAAAAAAAAAAAAA", r"[A-Za-z0-9%]{60,120}", 140, "«AAAAAAAAAAAAAAAAAAAAA{b62:20}%3D{b62:50}»",
          check=lambda value: len(set(value)) > 16, after=END),
    token("intercom_token", "dG9rOj", rf"{B64}{{50,80}}={{0,2}}", 90, "«dG9rOj{b64:54}=»"),
    # Mail
    token("sendgrid_api_key", "SG.", rf"{URL}{{16,32}}\.{URL}{{16,64}}", 100, "«SG.{url:22}.{url:43}»"),
    token("mailgun_api_key", "key-", rf"{HEX}{{32}}", 36, "«key-{hex:32}»", after=END),
    marked("mailchimp_api_key", r"-us\d", rf"{HEX}{{32}}-us\d{{1,2}}", 38, "«{hex:32}-us12»"),
    token("brevo_api_key", "xkeysib- xsmtpsib-", rf"{HEX}{{64}}-{B62}{{16}}", 90, "«xkeysib-{hex:64}-{b62:16}»", after=END),
    token("resend_api_key", "re_", rf"{B62}{{8}}_{B62}{{20,30}}", 42, "«re_{b62:8}_{b62:24}»", after=END, counterexamples=("re_compiled_patterns", "more_expensive_alternatives1")),
    token("mailersend_token", "mlsn.", rf"{HEX}{{64}}", 69, "«mlsn.{hex:64}»", after=END),
    token("klaviyo_api_key", "pk_", rf"{HEX}{{34}}", 37, "«pk_{hex:34}»", after=END),
    # Money and commerce
    token("stripe_api_key", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", rf"{B62}{{15,250}}", 260, "«sk_live_{b62:24}»", "«rk_test_{b62:99}»",
          after=END, counterexamples=("sk_test_4eC39HqLyjWD{-}arjtT1zdp7dc", "sk_live_your_key")),
    token("stripe_webhook_secret", "whsec_", r"[A-Za-z0-9+/=]{24,80}", 90, "«whsec_{b62:32}»"),
    token("square_token", "sq0csp- sq0atp- sq0idp- EAAA", rf"{URL}{{22,64}}", 75, "«sq0csp-{url:43}»"),
    token("shopify_token", "shpat_ shpca_ shppa_ shpss_ shptka_", r"[0-9a-fA-F]{32}", 39, "«shpat_{hex:32}»", after=END),
    token("paypal_braintree_token", "access_token$production$ access_token$sandbox$", r"[0-9a-z]{16}\$[0-9a-f]{32}", 75, "«access_token$production${low:16}${hex:32}»"),
    token("razorpay_key", "rzp_live_ rzp_test_", rf"{B62}{{14,20}}", 30, "«rzp_live_{b62:14}»", after=END),
    token("plaid_token", "access-sandbox- access-development- access-production- public-production-", UUID, 58, "«access-production-{uuid}»", after=END),
    token("paddle_api_key", "pdl_live_apikey_ pdl_sdbx_apikey_", r"\w{40,70}", 86, "«pdl_live_apikey_{low:26}_{b62:22}_{b62:3}»"),
    token("polar_token", "polar_oat_ polar_pat_ polar_at_u_ polar_rt_u_", rf"{B62}{{36,64}}", 78, "«polar_oat_{b62:43}»", after=END),
    token("adyen_api_key", "AQE", rf"{B64}{{100,250}}={{0,2}}-?[\w+/=!-]{{0,80}}", 340, "«AQE{b64:150}»"),
    token("flutterwave_key", "FLWSECK_TEST- FLWSECK-", r"\w{12,64}(?:-X)?", 80, "«FLWSECK-{low:32}-X»"),
    token("pagarme_key", "ak_live_ ak_test_", rf"{B62}{{24,40}}", 48, "«ak_live_{b62:30}»", after=END),
    token("shippo_token", "shippo_live_ shippo_test_", r"[0-9A-Fa-f]{40}", 52, "«shippo_live_{hex:40}»", after=END),
    token("easypost_key", "EZAK EZTK", r"\w{54}", 58, "«EZAK{b62:54}»", after=END),
    token("duffel_token", "duffel_test_ duffel_live_", rf"{URL}{{43}}", 55, "«duffel_live_{url:43}»"),
    token("flexport_token", "shltm_", rf"{URL}{{36,64}}", 70, "«shltm_{url:40}»"),
    token("fleetbase_key", "flb_live_ flb_test_", rf"{B62}{{20}}", 29, "«flb_live_{b62:20}»", after=END),
    token("mercury_token", "mercury_production_ mercury_sandbox_", r"\w{40,90}", 110, "secret-token:«mercury_production_rma_{b62:50}_yrucrem»"),
    # Other products
    token("linear_api_key", "lin_api_ lin_oauth_", rf"{B62}{{32,64}}", 75, "«lin_api_{b62:40}»", after=END),
    token("notion_token", "ntn_ secret_", rf"{B62}{{40,50}}", 58, "«ntn_{b62:46}»", after=END),
    token("figma_token", "figd_ figu_ figor_", rf"{URL}{{40,44}}", 51, "«figd_{url:40}»"),
    token("airtable_token", "pat", rf"{B62}{{14}}\.{HEX}{{64}}", 82, "«pat{b62:14}.{hex:64}»", after=END),
    marked("asana_token", r"\d/\d+[/:]", rf"[0-2]/\d{{13,19}}(?:/\d{{13,19}})?:{HEX}{{32}}", 75, "«1/{dig:16}:{hex:32}»", "«2/{dig:16}/{dig:16}:{hex:32}»"),
    token("contentful_token", "CFPAT-", rf"{URL}{{43}}", 49, "«CFPAT-{url:43}»"),
    token("clickup_token", "pk_", r"\d{5,10}_[A-Z0-9]{32}", 46, "«pk_{dig:8}_{upp:32}»", after=END),
    token("hubspot_token", "pat-na1- pat-na2- pat-na3- pat-eu1- pat-ap1-", UUID, 44, "«pat-na1-{uuid}»", after=END),
    marked("salesforce_token", "00D[A-Za-z0-9]+!", rf"00D{B62}{{12,15}}![A-Za-z0-9._]{{80,120}}", 140, "«00D{b62:12}!{b62:96}»"),
    token("dropbox_token", "sl.", r"(?:u\.)?[\w-]{100,1400}", 1406, "«sl.{url:136}»"),
    token("mapbox_secret_token", "sk.eyJ", rf"{URL}{{40,200}}\.{URL}{{20,30}}", 240, "«sk.eyJ{url:80}.{url:22}»"),
    token("typeform_token", "tfp_", rf"{URL}{{40,64}}", 68, "«tfp_{b62:44}»"),
    token("readme_api_key", "rdme_", r"[a-z0-9]{64,80}", 85, "«rdme_{low:70}»", after=END),
    token("frameio_token", "fio-u-", rf"{URL}{{60,68}}", 74, "«fio-u-{url:64}»"),
    token("stytch_secret", "secret-live- secret-test-", rf"{URL}{{36}}=?", 49, "«secret-live-{url:36}»"),
    token("onesignal_key", "os_v2_app_ os_v2_org_", r"[a-z0-9]{80,120}", 130, "«os_v2_app_{low:103}»", after=END),
    token("apify_token", "apify_api_", rf"{B62}{{30,40}}", 50, "«apify_api_{b62:36}»", after=END),
    token("scrapfly_key", "scp-live- scp-test-", rf"{HEX}{{32}}", 41, "«scp-live-{hex:32}»", after=END),
    token("trigger_dev_key", "tr_dev_ tr_prod_ tr_stg_ tr_pat_", rf"{B62}{{20,48}}", 57, "«tr_prod_{b62:24}»", after=END),
    token("inngest_signing_key", "signkey-prod- signkey-test- signkey-branch-", rf"{HEX}{{32,64}}", 80, "«signkey-prod-{hex:64}»", after=END),
    token("retool_token", "retool_", rf"{B62}{{26,48}}", 55, "«retool_{b62:28}»", after=END),
    token("wakatime_key", "waka_", UUID, 41, "«waka_{uuid}»", after=END),
    token("ionic_token", "ion_", rf"{B62}{{42}}", 46, "«ion_{b62:42}»", after=END),
    token("pubnub_key", "sec-c- pub-c- sub-c-", r"[\w=+/-]{36,64}", 70, "«sec-c-{b64:48}»", "«pub-c-{uuid}»"),
    token("ubidots_token", "BBFF- BBUS-", rf"{B62}{{30,40}}", 45, "«BBFF-{b62:35}»", after=END),
    token("teamwork_token", "tkn.v1_", r"[\w=+/-]{40,100}", 110, "«tkn.v1_{b64:71}=»"),
    token("supernotes_key", "supernotes_sk_", rf"{URL}{{20,48}}", 62, "«supernotes_sk_{b62:28}»"),
    token("intra42_secret", "s-s4t2ud- s-s4t2af-", rf"{HEX}{{64}}", 73, "«s-s4t2ud-{hex:64}»", after=END),
    marked("maxmind_license_key", "_mmk", rf"{B62}{{6}}_{B62}{{29}}_mmk", 40, "«{b62:6}_{b62:29}_mmk»"),
    token("canva_secret", "cnvca", r"[\w-]{40,70}", 75, "«cnvca{b62:50}»"),
)  # fmt: skip
