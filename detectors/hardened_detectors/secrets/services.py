"""Keys that nothing but the name of their service gives away: `mailjet: 4f0c…`."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from hardened_detectors.entry import Entry

from .assignments import is_long_key

NAMES = (
    "abuseipdb", "adafruit", "aftership", "aircall", "airbrake", "airtable", "algolia", "alphavantage", "anypoint", "apiflash", "apollo graph", "appveyor", "asana",
    "assemblyai", "auth0", "authy", "aylien", "azure openai", "bitbucket", "bitly", "bitmex", "blynk", "browserstack", "bugherd", "bugsnag", "calendarific",
    "calendly", "centrifugo", "chartmogul", "clarifai", "clearbit", "clickhouse", "clickup", "clockify", "cloudant", "cloudflare", "cloudinary", "cloudsmith", "codacy", "codeclimate",
    "codecov", "codemagic", "cohere", "coinbase", "coinlayer", "coinmarketcap", "confluent", "convertkit", "coveralls", "currencylayer", "datadog", "deepai", "deepgram", "deepl",
    "detectlanguage", "digitalocean", "docusign", "dropbox", "drone ci", "dwolla", "dynatrace", "etherscan", "eventbrite", "paypal", "stripe", "openai", "anthropic", "mistral", "groq", "gemini", "deepseek", "openrouter", "elevenlabs", "exa ai", "fastly", "finnhub", "firebase", "fixer io",
    "flutterwave", "freshdesk", "freshbooks", "fullcontact", "fullstory", "geoapify", "getresponse", "giphy", "gitter", "gocardless", "godaddy", "graphcms", "gumroad",
    "happyscribe", "harvestapp", "hellosign", "helpscout", "heroku", "hetzner", "honeybadger", "honeycomb", "hubspot", "hunter io", "infobip", "infura", "instabot", "ipapi",
    "ipdata", "ipgeolocation", "ipinfo", "ipstack", "jumpcloud", "kucoin", "launchdarkly", "leadfeeder", "lemon squeezy", "linode", "livekit", "lokalise", "logdna", "logzio",
    "mailboxlayer", "mailchimp", "mailerlite", "mailgun", "mailjet", "mailmodo", "mailsac", "mapbox", "mapquest", "mattermost", "maxmind", "mediastack", "messagebird", "mixpanel",
    "mollie", "moonclerk", "netlify", "newsapi", "newscatcher", "ngrok", "nytimes", "okta", "onesignal", "opencagedata", "openweather", "opsgenie", "optimizely", "ory cloud", "owlbot",
    "pagerduty", "pandadoc", "paperspace", "papertrail", "parseur", "paystack", "pipedrive", "pivotaltracker", "plivo", "portkey", "postmark", "prefect", "pusher",
    "rapidapi", "raygun", "razorpay", "rebrandly", "recurly", "rollbar", "salesforce", "sauce labs", "scalr", "scraperapi", "scrapingbee", "screenshotlayer", "securitytrails",
    "sendbird", "sendgrid", "sendinblue", "serpapi", "shodan", "shopify", "sightengine", "signalwire", "simplesat", "sinch", "smartsheet", "snowflake", "snyk", "sonarcloud", "sonar.login",
    "sparkpost", "splunk", "spoonacular", "spotify", "statuspage", "stormglass", "storyblok", "stytch", "sumologic", "surveymonkey", "tatum io", "telnyx", "thousandeyes", "ticketmaster",
    "todoist", "toggl", "tomtom", "travis ci", "trello", "twelve data", "twilio", "twitch", "typeform", "ubidots", "unsplash", "upstash", "uptimerobot", "urlscan", "userstack",
    "vercel", "vimeo", "virustotal", "visualcrossing", "voiceflow", "vonage", "vultr", "wandb", "weatherbit", "weatherstack", "webflow", "wistia", "wit.ai", "woocommerce", "worldweather",
    "youneedabudget", "zendesk", "zenrows", "zenscrape", "zerobounce", "zipcodebase", "zoominfo",
)  # fmt: skip


ENTRIES = (
    Entry(
        category="service_api_key",
        before=r"(?<![A-Za-z])",
        # The name, then a word that says what the value is, then a sign or space: not `datadog trace` or `heroku app id`.
        lead="(?:" + "|".join(name.replace(".", r"\.").replace(" ", "[ _.-]?") for name in NAMES) + ")"
        r"(?>(?:[ _.-]?(?:api|app|auth|access|private|account|secret|token|key|pat)){0,4}[\"'`\]]{0,2}(?:\s{0,3}(?:=>|:=|[=:,])\s{0,3}|[ \t]{1,4}|[.-](?=[A-Za-z0-9]{20}))[\"'`(\[]{0,2})",
        lead_longest=70,
        body=r"[\w+/.=~-]{20,200}(?<![.=,])={0,2}",
        after="",
        longest=202,
        literals=tuple(name.replace(" ", gap) for name in NAMES for gap in (("", " ", "_", "-", ".") if " " in name else ("",))),
        ignore_case=True,
        check=is_long_key,
        score=0.7,
        examples=("mailjet: «{hex:32}»", "wandb «{hex:40}»", "HEROKU_API_KEY: «{uuid}»", "asana = '«{b62:36}»'", '"x-okta": 1, okta_api_token = "«00{b62:40}»"'),
        counterexamples=("heroku app id {uuid}", "datadog trace 9f86d081884c7d659a2feaa0c55ad015", "splunk: see docs/splunk-getting-started-guide.md", "twilio-python-release-2024-notes"),
    ),
)  # fmt: skip
