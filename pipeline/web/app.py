"""The whole service as one ASGI application: the site's files, and what may be asked beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pipeline.web.files import Folder, Receive, Scope, Send
from pipeline.web.headers import EVERYWHERE, INERT, OPEN, SURE, policy

SEARCH = "search/"
"""Where a page runs WebAssembly: the search of the archive."""


def site(folder: Path, *, frames: str = "'none'", service: str = "") -> Folder:
    """The files of build/site, as a browser, a feed reader and a podcast app may have them.

    service: where the subscribe form of a page is sent to, if that is another address.
    """
    forms = ("'self'", service) if service else ("'self'",)

    def headers(name: str) -> Mapping[str, str]:
        if PurePosixPath(name).suffix.lower() in INERT:
            return {**SURE, **OPEN}
        scripts = ("'self'", "'wasm-unsafe-eval'") if name.startswith(SEARCH) else ("'self'",)
        rules = policy(scripts=scripts, forms=forms, frames=frames)
        return {**EVERYWHERE, **OPEN, "Content-Security-Policy": rules}

    return Folder(folder, headers)


class Alone:
    """An application of files and nothing else."""

    def __init__(self, files: Folder) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._files(scope, receive, send)
        elif scope["type"] == "lifespan":
            await lives(receive, send)


async def lives(receive: Receive, send: Send) -> None:
    """An application that has nothing to begin or to end says so."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
