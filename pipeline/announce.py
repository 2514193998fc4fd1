"""The WebSub hub is told which feeds changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from pipeline.errors import AuthorError, OutsideError
from pipeline.store import write_whole

TIMEOUT = 10.0
"""Seconds a hub has to answer."""


class AnnounceError(OutsideError):
    """The hub did not take some feeds; `announced` are those it did take."""

    def __init__(self, message: str, announced: tuple[str, ...]) -> None:
        self.announced = announced
        super().__init__(message)


def announce(hub: str, feeds: Iterable[str], timeout: float = TIMEOUT) -> tuple[str, ...]:
    """Tell the hub that these feeds changed (WebSub §6); returns their addresses.

    Without a hub nobody is told. Raises AnnounceError when any was not taken: tell it next time.
    """
    if not hub:
        return ()
    if urlsplit(hub).scheme not in ("http", "https"):
        raise AuthorError(
            "content/publication.toml",
            None,
            f'feeds.hub: "{hub}" is not an address; write https://…',
        )
    announced: list[str] = []
    failures: list[str] = []
    for feed in feeds:
        failure = _failure(hub, feed, timeout)
        if failure:
            failures.append(f"{feed}: {failure}")
        else:
            announced.append(feed)
    if failures:
        raise AnnounceError(f"the hub {hub} did not take {'; '.join(failures)}", tuple(announced))
    return tuple(announced)


def announce_changed(
    hub: str, feeds: Mapping[str, str], memory: Path, timeout: float = TIMEOUT
) -> tuple[str, ...]:
    """Tell the hub of the feeds whose hash is not the one it was last told of.

    feeds: the SHA-256 of each, by address. memory: the file that remembers what was told. Raises AnnounceError as
    `announce` does; what the hub did take is remembered.
    """
    told = _told(memory)
    announced: tuple[str, ...] = ()
    try:
        announced = announce(hub, (one for one in feeds if told.get(one) != feeds[one]), timeout)
    except AnnounceError as error:
        announced = error.announced
        raise
    finally:
        if announced:
            known = {**told, **{one: feeds[one] for one in announced}}
            write_whole(memory, json.dumps(known, indent=2, sort_keys=True).encode("utf-8"))
    return announced


def _told(memory: Path) -> dict[str, str]:
    """What the hub was told before; a memory that cannot be read is none, and it is told again."""
    try:
        found = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(hub: str, feed: str, timeout: float) -> str:
    """Tell the hub of one feed; why it did not work, or nothing."""
    body = urlencode({"hub.mode": "publish", "hub.url": feed}).encode()
    request = Request(hub, body, {"User-Agent": "Simulcast"})
    try:
        with urlopen(request, timeout=timeout):
            return ""
    except HTTPError as error:
        with error:
            return f"it answered {error.code} {error.reason}"
    except (OSError, HTTPException, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
