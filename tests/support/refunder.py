"""A process that books refunds, each at most once, from threads and event loops, and may be killed in the middle.

    python refunder.py STORE JOURNAL ORDERS [die]

The journal has a line for each booking that was really done; the last line on stdout is `OK`.
"""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import hardened


def main(store: str, journal: str, orders: int, *, dies: bool) -> None:
    hardened.configure({"store": {"url": store, "timeout_ms": 30_000}})
    book = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @hardened.idempotent(key="{order}", name="refund", wait=60, lease=0.01 if dies else 600)
    def refund(order: int) -> dict[str, int]:
        os.write(book, f"{order}\n".encode())
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"order": order, "pid": os.getpid()}

    @hardened.idempotent(key="{order}", name="refund", wait=60)
    async def arefund(order: int) -> dict[str, int]:
        os.write(book, f"{order}\n".encode())
        await asyncio.sleep(0)
        return {"order": order, "pid": os.getpid()}

    async def several() -> None:
        answers = await asyncio.gather(*(arefund(order) for order in range(orders) for _ in range(2)))
        faults.extend(
            f"wrong: {one}" for one, order in zip(answers[::2], range(orders), strict=True) if one["order"] != order
        )

    def run(number: int) -> None:
        try:
            if number % 2:
                asyncio.run(several())
            else:
                for order in range(orders):
                    assert refund(order)["order"] == order
        except BaseException as error:
            faults.append(f"{type(error).__name__}: {error}")

    faults: list[str] = []
    threads = [threading.Thread(target=run, args=(number,)) for number in range(1 if dies else 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*faults, sep="\n")
    print("OK" if not faults and Path(journal).exists() else "FAULTS")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), dies="die" in sys.argv)
