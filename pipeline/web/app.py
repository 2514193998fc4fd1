"""The whole service as one ASGI application: the site's files, and what may be asked beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.web.files import Folder, Receive, Scope, Send
from pipeline.web.headers import EVERYWHERE, OPEN, policy


def site(folder: Path, *, frames: str = "'none'") -> Folder:
    """The files of build/site, as a browser, a feed reader and a podcast app may have them."""
    extra: Mapping[str, str] = {
        **EVERYWHERE,
        **OPEN,
        "Content-Security-Policy": policy(frames=frames),
    }
    return Folder(folder, extra)


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
