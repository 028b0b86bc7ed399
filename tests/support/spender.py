"""A process that spends from a shared store with several threads, half of them through event loops.

    python spender.py STORE THREADS TASKS CAP SEED JOURNAL

Every reservation must leave used plus held at or below the cap. The journal has a line for each intent (`r hold
amount`), written before, and for each settlement (`s hold actual`), written after: so whoever kills this process knows
what is open.
"""

import asyncio
import os
import random
import sys
import threading

from hardened.store.amounts import Line, Reserve, Reserved, Settle
from hardened.store.api import Store

END = 4e9
USERS = 3


def open_store(spec: str) -> Store:
    if spec.startswith("redis:"):
        from hardened.store.redis import RedisStore

        return RedisStore(spec, namespace="spender", timeout=30)
    from hardened.store.sqlite import SqliteStore

    return SqliteStore(spec)


def lines(user: int, amount: int, cap: int) -> tuple[Line, ...]:
    return (Line(f"user/{user}", amount, cap // 2, END), Line("global", amount, cap, END))


def main(spec: str, threads: int, tasks: int, cap: int, seed: int, path: str) -> None:
    store = open_store(spec)
    journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    faults: list[str] = []

    def plan(worker: int):
        chance = random.Random(f"{seed}-{worker}")
        for number in range(tasks):
            amount = chance.randint(1, 50)
            hold = f"{os.getpid()}-{worker}-{number}"
            os.write(journal, f"r {hold} {amount}\n".encode())
            held = lines(chance.randrange(USERS), amount, cap)
            answer = yield Reserve(hold, held, ttl=60)
            if isinstance(answer, Reserved):
                if any(total > line.cap for total, line in zip(answer.totals, held, strict=True)):
                    faults.append(f"above the cap: {answer.totals}")
                actual = chance.randint(0, amount)
                yield Settle(hold, {line.key: actual for line in held})
                os.write(journal, f"s {hold} {actual}\n".encode())
            else:
                os.write(journal, f"s {hold} 0\n".encode())

    def blocking(worker: int) -> None:
        steps, answer = plan(worker), None
        while (operation := _next(steps, answer)) is not None:
            answer = store.run(operation)

    async def awaiting(worker: int) -> None:
        steps, answer = plan(worker), None
        while (operation := _next(steps, answer)) is not None:
            if store.has_twin:
                answer = await store.arun(operation)
            else:
                answer = await asyncio.to_thread(store.run, operation)

    async def loop(worker: int) -> None:
        await asyncio.gather(awaiting(worker), awaiting(worker + 1000))

    def run(worker: int) -> None:
        try:
            blocking(worker) if worker % 2 else asyncio.run(loop(worker))
        except BaseException as error:
            faults.append(f"{type(error).__name__}: {error}")

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if faults:
        sys.exit("\n".join(faults))


def _next(steps, answer):
    try:
        return steps.send(answer)
    except StopIteration:
        return None


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:6]), sys.argv[6])
