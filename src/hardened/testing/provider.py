"""A provider of language models that runs inside a test."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Literal

from hardened.testing.faults import FAULTS
from hardened.testing.message import Answer, Request, encode
from hardened.testing.routes import error_answer, wire_for
from hardened.testing.schedules import Schedule, known
from hardened.testing.script import Reply
from hardened.testing.server import Delivery, LoopbackServer
from hardened.testing.wires.turn import Ids, Turn

Predicate = Callable[[Request], bool]
Script = Reply | Callable[[Request], Reply]
Unreachable = Literal["dns_failure", "connection_refused", "tls_failure"]

FAULT_HEADER: Final = "x-hardened-fault"
FAULT_MODEL: Final = "fault-"
"""What a request asks with for a fault."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request as the log has it.

    Attributes:
        time: when it came, in seconds of `time.monotonic`.
        request: what came.
        fault: what was wrong with its answer; `None` for a good one, and for one that is scripted without `fault`.
    """

    time: float
    request: Request
    fault: str | None

    @property
    def idempotency_key(self) -> str | None:
        """The same for all requests of a call, if the SDK sends one."""
        return self.request.headers.get("idempotency-key")


class FakeProvider:
    """Speaks the wire formats of OpenAI and Anthropic on a loopback address, with answers that a test scripts.

        with FakeProvider() as provider:
            provider.reply(text="Hello!")
            client = openai.OpenAI(base_url=provider.openai_base_url, api_key="test")
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
            assert provider.requests[-1].json["messages"][0]["content"] == "Hi"

    Knows OpenAI's chat completions, responses, completions, embeddings, images, audio, moderations, batches, files and
    models (also under Azure OpenAI's paths), Anthropic's messages, token counts and message batches (also under Amazon
    Bedrock's and Google Vertex AI's paths). Any other path answers 404, unless a reply with a `body` is scripted.

    A request is answered by the first of: a rule of `when` that matches it, the next queued `reply`, the default, which
    echoes the last message. What is wrong with the answer, if anything, says the first of: the request itself, by the
    header `x-hardened-fault` or a model named `fault-<name>`; the reply; a schedule of `disturb`.

    Safe to use from several threads and event loops at once. It listens on loopback addresses only and raises
    `ValueError` for any other host. With `record=False` it keeps no requests: for one that runs for long.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, gzip: bool = False, record: bool = True) -> None:
        self.requests: list[Request] = []
        """Every request received so far, in order, as it came."""
        self.default: Script = Reply()
        """What answers a request when nothing else was scripted for it."""
        self.attempts: list[Attempt] = []
        """The same requests, with time and fault."""
        self._record = record
        self._schedules: tuple[Schedule, ...] = ()
        self._rules: list[tuple[Predicate, Script]] = []
        self._queue: deque[Script] = deque()
        self._ids = Ids()
        self._batches: dict[str, Any] = {}
        self._host = host
        self._deaf: socket.socket | None = None
        self._server = LoopbackServer(self._deliver, host=host, port=port, gzip=gzip)

    def __enter__(self) -> FakeProvider:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> FakeProvider:
        """Start without a `with` block; end with `close()`."""
        return self.__enter__()

    def close(self) -> None:
        """Stop listening and drop every open connection."""
        self._server.close()
        if self._deaf is not None:
            self._deaf.close()
            self._deaf = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the start unless one was asked for."""
        return self._server.port

    @property
    def url(self) -> str:
        """The root of the server. Base of Azure, Bedrock and Vertex clients. Raises `RuntimeError` before the start."""
        if not self.port:
            raise RuntimeError("the provider has no address yet: use it in a `with` block, or call start() first")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def openai_base_url(self) -> str:
        """`base_url` for `openai.OpenAI`."""
        return f"{self.url}/v1"

    @property
    def anthropic_base_url(self) -> str:
        """`base_url` for `anthropic.Anthropic`."""
        return self.url

    def nowhere(self, why: Unreachable) -> str:
        """An address where nobody can be reached, to use as `url` is used.

        `dns_failure`: the name does not exist (RFC 6761 reserves it for that); `connection_refused`: nobody listens at
        the port, as long as this provider runs; `tls_failure`: who listens there does not speak TLS.
        """
        if why == "dns_failure":
            return "http://provider.invalid"
        if why == "tls_failure":
            return self.url.replace("http:", "https:")
        if self._deaf is None:
            self._deaf = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
            self._deaf.bind((self._host, 0))  # taken, so that nobody else gets it
        return self.url.replace(f":{self.port}", f":{self._deaf.getsockname()[1]}")

    def env(self) -> dict[str, str]:
        """Environment variables that point the SDKs of a subprocess to this provider, with made-up credentials.

        They also keep the requests away from a proxy that the environment names.
        """
        direct = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), self._host)))
        return {
            "NO_PROXY": direct,
            "no_proxy": direct,
            "OPENAI_BASE_URL": self.openai_base_url,
            "OPENAI_API_KEY": "fake-key-for-tests",
            "ANTHROPIC_BASE_URL": self.anthropic_base_url,
            "ANTHROPIC_API_KEY": "fake-key-for-tests",
        }

    def reply(self, reply: Script | None = None, /, **fields: Any) -> None:
        """Queue an answer for the next request: a `Reply`, a function of the request, or the fields of a `Reply`."""
        self._queue.append(_script(reply, fields))

    def when(self, predicate: Predicate, reply: Script | None = None, /, **fields: Any) -> None:
        """Answer every request for which `predicate` holds with `reply`, given as for `reply`. Earlier rules win."""
        self._rules.append((predicate, _script(reply, fields)))

    def disturb(self, *schedules: Schedule) -> None:
        """From now on answers go wrong as these say: `Mix`, `Outage`, `Flapping`, or functions of your own.

        The first that names a fault counts. They take the place of those before; without any, all is well again.
        """
        self._schedules = schedules

    @contextmanager
    def unreachable(self) -> Generator[None]:
        """Inside, connections are refused, open ones are dropped. Afterwards it listens on the same port again."""
        self._server.close()
        try:
            yield
        finally:
            self._server = self._server.again()
            self._server.start()

    def reset(self) -> None:
        """Forget all scripts, schedules and recorded requests."""
        self.requests.clear()
        self.attempts.clear()
        self._schedules = ()
        self._rules.clear()
        self._queue.clear()
        self.default = Reply()

    def _deliver(self, request: Request) -> Delivery:
        if self._record:
            self.requests.append(request)
        came = time.monotonic()
        request_id = self._ids.next("req_")
        name: str | None = None
        try:
            reply = self._choose(request)
            name = self._fault(request, reply)
            fault = FAULTS[name] if name else None
            if fault and fault.fields:
                reply = replace(reply, **fault.fields(request))
            answer = self._answer(request, reply, request_id)
            if fault and fault.spoil:
                fault.spoil(request, answer)
        except Exception as error:  # noqa: BLE001 - a fault in a test's script must reach the test, not end the server
            message = f"FakeProvider: the script for this request raised {type(error).__name__}: {error}"
            reply, fault, answer = Reply(), None, error_answer(request, 500, message, request_id)
            answer.headers["x-should-retry"] = "false"
        if self._record:
            self.attempts.append(Attempt(came, request, name))
        scripted = {name.lower(): value for name, value in reply.headers.items()}
        answer.headers = {"x-request-id": request_id, "request-id": request_id, **answer.headers, **scripted}
        return Delivery(answer, reply.delay, reply.chunk_delay, fault.travel if fault else None, reply.fault_after)

    def _fault(self, request: Request, reply: Reply) -> str | None:
        """The name of the fault that the answer has."""
        name = request.headers.get(FAULT_HEADER)
        if name is None and request.model.startswith(FAULT_MODEL):
            name = request.model.removeprefix(FAULT_MODEL)
        if name is not None:
            known(name)
        scheduled = (schedule(request) for schedule in self._schedules)
        name = name or reply.fault or next((name for name in scheduled if name is not None), None)
        return name if name and FAULTS[known(name)].happens_to(request) else None

    def _choose(self, request: Request) -> Reply:
        script = next((script for predicate, script in self._rules if predicate(request)), None)
        if script is None:
            script = self._queue.popleft() if self._queue else self.default
        return script if isinstance(script, Reply) else script(request)

    def _answer(self, request: Request, reply: Reply, request_id: str) -> Answer:
        if reply.body is not None:
            return _verbatim(reply)
        if reply.status >= 400:
            message = reply.text or f"The fake provider was told to answer {reply.status}."
            return error_answer(request, reply.status, message, request_id)
        wire = wire_for(request.path)
        if wire is None:
            message = f"FakeProvider does not know {request.method} {request.path}; script a reply with a body for it."
            return error_answer(request, 404, message, request_id)
        answer = wire(Turn(request, reply, self._ids, self._batches))
        answer.status = reply.status
        return answer


def _script(reply: Script | None, fields: Mapping[str, Any]) -> Script:
    if reply is None:
        return Reply(**fields)
    if fields:
        raise TypeError("give a reply or its fields, not both")
    return reply


def _verbatim(reply: Reply) -> Answer:
    if isinstance(reply.body, bytes):
        return Answer("application/octet-stream", reply.body, status=reply.status)
    if isinstance(reply.body, str):
        return Answer("text/plain; charset=utf-8", reply.body.encode(), status=reply.status)
    return Answer("application/json", encode(reply.body), status=reply.status)
