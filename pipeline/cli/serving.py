"""The preview's server: files of build/site, for this machine alone."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012  (the base class declares it so)
        **SimpleHTTPRequestHandler.extensions_map,
        ".xml": "application/xml; charset=utf-8",
        ".vtt": "text/vtt; charset=utf-8",
        ".mp3": "audio/mpeg",
        ".woff2": "font/woff2",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a preview's requests are its author's own."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the files in a folder, at 127.0.0.1. Raises OSError where the port is taken."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
