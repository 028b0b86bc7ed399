"""Whether the addresses in a policy can be read and used. No message repeats one: it may hold a password or a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from hardened.errors import PolicyError
from hardened.policy.problems import dotted, origin
from hardened.policy.schema import Policy, reveal

if TYPE_CHECKING:
    from hardened.policy.settings import KeyPath

REDIS: Final = ("redis", "rediss", "unix")
UNREADABLE: Final = "cannot be read as an address; in a password, write / as %2F, # as %23, @ as %40 and : as %3A"


def check(policy: Policy, source: str, origins: Mapping[KeyPath, str]) -> None:
    """Raises PolicyError for the first that cannot be used."""
    for path, problem in _problems(policy):
        raise PolicyError(f"{origin(path, origins, source)}: {dotted(path)}: {problem}")


def _problems(policy: Policy) -> Iterator[tuple[tuple[str, ...], str]]:
    said: list[tuple[tuple[str, ...], str | None, Callable[[str], str | None]]] = [
        (("targets", name, "base_url"), target.base_url, of_target)
        for name, target in policy.targets.items()
        if target.base_url is not None
    ]
    if policy.store.url is not None:
        said.append((("store", "url"), reveal(policy.store.url), of_store))
    if policy.spend.alerts.webhook is not None:
        said.append((("spend", "alerts", "webhook"), reveal(policy.spend.alerts.webhook), of_webhook))
    for path, address, problem_of in said:
        problem = "the variable that it names is not set" if address is None else problem_of(address)
        if problem is not None:
            yield path, problem


def of_store(url: str) -> str | None:
    """What is wrong with the address of a store; `None` for `memory`, a file, and a Redis server that can be named."""
    scheme, colon, _ = url.partition(":")
    if "://" not in url:
        looks_like_one = colon and (scheme.lower() in REDIS or scheme.lower() in ("sqlite", "file"))
        return "an address needs `://` after its scheme; a file is named by its path alone" if looks_like_one else None
    if scheme not in REDIS:
        return "expected memory, the path of a file, or an address that begins with redis:// or rediss://"
    parts = _parts(url)
    if parts is None or not (parts.hostname or scheme == "unix"):
        return UNREADABLE
    return _of_options(url) if parts.query else None


def of_webhook(url: str) -> str | None:
    """What is wrong with the address of a webhook; `None` for https, and for this machine."""
    from hardened.telemetry.http_post import UnsafeAddressError, safe_base

    if not url.isascii() or not url.isprintable() or " " in url or _parts(url) is None:
        return "cannot be read as an address; write what is not ASCII in it as %…"
    try:
        safe_base(url)
    except UnsafeAddressError as error:
        return str(error)
    return None


def of_target(url: str) -> str | None:
    """What is wrong with the address of a target: it is shown where its health is."""
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return "cannot be read as an address"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or password; give the key as api_key"
    if parts.query or parts.fragment:
        return "must end with its path: the SDK puts that of each call behind it"
    return None


def _parts(url: str) -> SplitResult | None:
    """`None` for what is no address; the messages of `urllib` would repeat parts of it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _of_options(url: str) -> str | None:
    """What is wrong with the options behind `?`. Only its client knows them; nothing is connected for that."""
    from importlib.util import find_spec

    if find_spec("redis") is None:
        return None  # said when it is needed
    from redis import Redis

    try:
        Redis.from_url(url).connection_pool.make_connection()  # pyright: ignore[reportUnknownMemberType]
    except (TypeError, ValueError):
        return "has an option after `?` that redis-py does not know, or not with this value"
    return None
