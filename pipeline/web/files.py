"""The files of a folder as HTTP answers: whole, in part, compressed, or unchanged."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import re
import stat
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from pipeline.web.headers import NEVER, SQUEEZED, Headers, encoded, lasting, type_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SMALL = 1 << 20
"""Bytes up to which a file is kept in memory."""
SQUEEZABLE = 8 << 20
"""Bytes up to which a file is compressed."""
HELD = 128 << 20
"""Bytes of files in memory, in all."""
PIECE = 256 << 10
"""Bytes read and handed over at a time."""

CODINGS = ("br", "gzip")
SUFFIXES = {"br": ".br", "gzip": ".gz"}

_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a file, as it is or compressed; `body` is None where it is read from the disk each time."""

    etag: str
    whole: Headers
    unchanged: Headers
    body: bytes | None
    size: int


@dataclass(slots=True)
class Kept:
    """A file as it was when it was last looked at."""

    file: str
    name: str
    state: tuple[int, int, int]
    digest: str
    modified: str
    forms: dict[str, Form] = field(default_factory=dict)


@dataclass(slots=True)
class Asked:
    """What a request asks of a file, beside its name."""

    codings: str = ""
    none_match: str = ""
    modified_since: str = ""
    range: str = ""
    if_range: str = ""

    @classmethod
    def by(cls, headers: Headers) -> Asked:
        asked = cls()
        for name, value in headers:
            if name in _FIELDS:
                setattr(asked, _FIELDS[name], value.decode("latin-1"))
        return asked


_FIELDS = {
    b"accept-encoding": "codings",
    b"if-none-match": "none_match",
    b"if-modified-since": "modified_since",
    b"range": "range",
    b"if-range": "if_range",
}


class Folder:
    """The files below a folder, each at its own path; a folder's path, ending in "/", is its index.html.

    extra: gives the headers that a file's answers have besides, by its name, "" for no file. missing: the page shown
    where there is nothing.
    A file that changes on the disk changes here with the next request.
    """

    def __init__(
        self, folder: Path, extra: Callable[[str], Mapping[str, str]], missing: str = "404.html"
    ) -> None:
        self._top = os.path.realpath(folder)
        self._extra = extra
        self._missing = missing
        self._kept: dict[str, Kept] = {}
        self._held = 0
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await self._say(send, 405, encoded({"Allow": "GET, HEAD"}))
            return
        path, asked = scope["path"], Asked.by(scope["headers"])
        kept = self._kept.get(path)
        if kept is None or _state(kept.file) != kept.state:
            kept = await self._look(path)
        if kept is None:
            await self._absent(scope, send)
        else:
            await self._answer(kept, asked, scope["method"], send)

    async def _answer(self, kept: Kept, asked: Asked, method: str, send: Send) -> None:
        wanted = "" if asked.range else coding(asked.codings)
        form = kept.forms.get(wanted) or await self._once(kept, wanted)
        if unchanged(asked, form.etag, kept.modified):
            await send({"type": "http.response.start", "status": 304, "headers": form.unchanged})
            await send({"type": "http.response.body"})
        elif asked.range and method == "GET" and holds(asked, form.etag, kept.modified):
            await self._part(kept, form, asked.range, send)
        elif form.body is not None or method == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": form.whole})
            await send({"type": "http.response.body", "body": form.body or b""})
        else:
            await self._read(kept, 200, form.whole, 0, form.size, send)

    async def _part(self, kept: Kept, form: Form, asked: str, send: Send) -> None:
        """One range of a file (RFC 9110 §14). Several at once may be ignored, and are: the whole is sent once."""
        wanted = span(asked, form.size)
        if wanted is None:
            await self._read(kept, 200, form.whole, 0, form.size, send)
            return
        first, end = wanted
        shared = [one for one in form.whole if one[0] != b"content-length"]
        if first >= end:
            about = encoded({"Content-Range": f"bytes */{form.size}", "Content-Length": "0"})
            await send({"type": "http.response.start", "status": 416, "headers": shared + about})
            await send({"type": "http.response.body"})
            return
        about = encoded(
            {
                "Content-Range": f"bytes {first}-{end - 1}/{form.size}",
                "Content-Length": str(end - first),
            }
        )
        await self._read(kept, 206, shared + about, first, end, send)

    async def _read(
        self, kept: Kept, status: int, headers: Headers, first: int, end: int, send: Send
    ) -> None:
        """Bytes `first` to `end` of a file, in pieces, as fast as the other side takes them."""
        descriptor = _opened(kept)
        if descriptor is None:
            await self._say(send, 503, encoded({"Retry-After": "1", "Cache-Control": NEVER}))
            return
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            while first < end:
                piece = os.pread(descriptor, min(PIECE, end - first), first)
                if not piece:
                    raise ConnectionResetError("the file ended before its end")
                first += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": first < end})
        finally:
            os.close(descriptor)

    # --- what is there

    async def _look(self, path: str) -> Kept | None:
        """The file at a path, read anew; None where there is none, or none that may be seen."""
        self._forget(path)
        name = self._name(path)
        found = await asyncio.to_thread(self._found, name) if name else None
        if found is not None:
            self._forget(path)  # another request may have been as quick
            self._kept[path] = found
            self._hold(found.forms[""])
        return found

    def _found(self, name: str) -> Kept | None:
        file = f"{self._top}/{name}"
        try:
            if os.path.realpath(file) != file:  # no link leads out of the folder, nor about in it
                return None
            with Path(file).open("rb") as stream:
                seen = os.fstat(stream.fileno())
                if not stat.S_ISREG(seen.st_mode):
                    return None
                body = stream.read() if seen.st_size <= SMALL else None
                digest = (
                    hashlib.file_digest(stream, "sha256") if body is None else hashlib.sha256(body)
                )
        except (OSError, ValueError):
            return None
        modified = formatdate(int(seen.st_mtime), usegmt=True)
        kept = Kept(file, name, _state_of(seen), digest.hexdigest()[:32], modified)
        kept.forms[""] = self._shaped(kept, "", body, seen.st_size)
        return kept

    def _name(self, path: str) -> str:
        """The name below the folder of what a path means; "" where it means nothing that may be seen."""
        parts = path.split("/")
        if parts[0] != "" or len(path) > 1024 or any(c in path for c in "\0\\"):
            return ""
        below = parts[1:-1] if path.endswith("/") else parts[1:]
        if any(not part or part.startswith(".") for part in below):
            return ""
        return "/".join([*below, "index.html"] if path.endswith("/") else below)

    async def _once(self, kept: Kept, wanted: str) -> Form:
        """A compressed form of a file, made once however many ask for it at the same time."""
        whole = kept.forms[""]
        if not _squeezable(kept.name, whole.size):
            kept.forms[wanted] = whole
            return whole
        async with self._making:
            if wanted not in kept.forms:
                body = await asyncio.to_thread(_squeezed, kept, wanted)
                form = whole if body is None else self._shaped(kept, wanted, body, len(body))
                kept.forms[wanted] = form
                if form is not whole and any(one is kept for one in self._kept.values()):
                    self._hold(form)
            return kept.forms[wanted]

    def _shaped(self, kept: Kept, wanted: str, body: bytes | None, size: int) -> Form:
        etag = f'"{kept.digest}{"-" + wanted if wanted else ""}"'
        about = {"ETag": etag, "Last-Modified": kept.modified, "Cache-Control": lasting(kept.name)}
        if _squeezable(kept.name, 1):
            about["Vary"] = "Accept-Encoding"
        shape = {"Content-Type": type_of(kept.name), "Content-Length": str(size)}
        shape |= {"Content-Encoding": wanted} if wanted else {"Accept-Ranges": "bytes"}
        extra = self._extra(kept.name)
        return Form(etag, encoded(about, shape, extra), encoded(about, extra), body, size)

    def _hold(self, form: Form) -> None:
        """Count what is in memory; where it is too much, what came first goes first."""
        self._held += len(form.body or b"")
        while self._held > HELD and self._kept:
            self._forget(next(iter(self._kept)))

    def _forget(self, path: str) -> None:
        gone = self._kept.pop(path, None)
        if gone is not None:
            forms = {id(form): form for form in gone.forms.values()}
            self._held -= sum(len(form.body or b"") for form in forms.values())

    # --- what is not there

    async def _absent(self, scope: Scope, send: Send) -> None:
        """The way to a folder whose "/" was left out, else the page that says there is nothing."""
        path = scope["path"]
        name = self._name(path + "/")
        if name and not path.endswith("/") and Path(self._top, name).is_file():
            where = quote(path.rpartition("/")[2]) + "/"
            await self._say(
                send, 308, encoded({"Location": f"./{where}", "Cache-Control": "no-cache"})
            )
            return
        page = await asyncio.to_thread(self._found, self._missing)
        form = page.forms[""] if page else None
        body = form.body or b"" if form else b"There is nothing at this address.\n"
        kind = type_of(self._missing if form else "x.txt")
        about = encoded({"Content-Type": kind, "Cache-Control": NEVER})
        await self._say(send, 404, about, b"" if scope["method"] == "HEAD" else body, len(body))

    async def _say(
        self, send: Send, status: int, headers: Headers, body: bytes = b"", size: int = 0
    ) -> None:
        length = encoded({"Content-Length": str(size)})
        head = headers + length + encoded(self._extra(""))
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})


# --- what a request means (RFC 9110) ---------------------------------------------------------------


@lru_cache(256)
def _coding(accepted: str) -> str:
    weights = {}
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        weights[name.strip()] = weight.replace(" ", "")
    for wanted in CODINGS:
        if wanted in weights and not re.fullmatch(r"q=0(\.0*)?", weights[wanted]):
            return wanted
    return ""


def coding(accepted: str) -> str:
    """The compression to use of those a client takes: the best, or none."""
    return _coding(accepted) if 0 < len(accepted) <= 256 else ""


def unchanged(asked: Asked, etag: str, modified: str) -> bool:
    """Whether the client has this form already; If-None-Match goes before If-Modified-Since (§13.2.2)."""
    if asked.none_match:
        have = asked.none_match.split(",", 64)
        return any(one.strip().removeprefix("W/") in (etag, "*") for one in have)
    return bool(asked.modified_since) and _not_later(modified, asked.modified_since)


def holds(asked: Asked, etag: str, modified: str) -> bool:
    """Whether what the client has a part of is still this (If-Range, §13.1.5)."""
    return not asked.if_range or asked.if_range in (etag, modified)


def _not_later(modified: str, moment: str) -> bool:
    if modified == moment:
        return True
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(moment)
    except (TypeError, ValueError, OverflowError):
        return False


def span(asked: str, size: int) -> tuple[int, int] | None:
    """The first byte and the end of what a Range header asks for; empty where it lies outside, None to ignore it."""
    found = _RANGE.fullmatch(asked.strip()) if len(asked) <= 64 else None
    if found is None:
        return None
    first, last, tail = found.groups()
    if tail is not None:
        return (max(0, size - int(tail)), size) if int(tail) else (size, size)
    begin, end = int(first), int(last) + 1 if last else size
    if last and end <= begin:
        return None
    return (begin, min(end, size)) if begin < size else (size, size)


# --- the disk --------------------------------------------------------------------------------------


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        return _state_of(os.stat(file))  # noqa: PTH116
    except OSError:
        return None


def _opened(kept: Kept) -> int | None:
    """The file, if it is still as it was; a new one may lie in its place since."""
    try:
        descriptor = os.open(kept.file, os.O_RDONLY)
    except OSError:
        return None
    if _state_of(os.fstat(descriptor)) == kept.state:
        return descriptor
    os.close(descriptor)
    return None


def _state_of(seen: os.stat_result) -> tuple[int, int, int]:
    return (seen.st_size, seen.st_mtime_ns, seen.st_ino)


def _squeezable(name: str, size: int) -> bool:
    return 0 < size <= SQUEEZABLE and PurePosixPath(name).suffix.lower() in SQUEEZED


def _squeezed(kept: Kept, wanted: str) -> bytes | None:
    """A file compressed: as it lies beside it, if it lies there and is no older; None where that is no gain."""
    beside = Path(kept.file + SUFFIXES[wanted])
    try:
        if beside.stat().st_mtime_ns >= kept.state[1]:
            return beside.read_bytes()
    except OSError:
        pass
    whole = kept.forms[""].body
    body = whole if whole is not None else Path(kept.file).read_bytes()
    made = _brotli(body) if wanted == "br" else gzip.compress(body, 9, mtime=0)
    return made if len(made) < len(body) else None


def _brotli(body: bytes) -> bytes:
    import brotli

    made: bytes = brotli.compress(body, quality=11 if len(body) <= SMALL else 6)
    return made
