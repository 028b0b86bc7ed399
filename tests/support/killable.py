"""A process that calls a model again and again, and says whenever that begins or ends to be refused.

    python killable.py BASE_URL        # ends when its stdin is closed

Prints `open TIME`, `stopped TIME` or `static TIME`, with the time of the monotonic clock, which processes share.
"""

import select
import sys
import time

import openai

import hardened.auto

PAUSE = 0.02
SORRY = "We are closed."


def main(base_url: str) -> None:
    client = openai.OpenAI(base_url=base_url, api_key="test", max_retries=0)
    before = None
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        try:
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
            state = "static" if answer.choices[0].message.content == SORRY else "open"
        except hardened.KilledError:
            state = "stopped"
        if state != before:
            before = state
            print(state, time.monotonic(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
