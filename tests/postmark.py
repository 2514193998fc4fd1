"""A fake of Postmark's API, written from its documentation: it shows how we speak, not how the real one answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-of-the-fake"


def taken(_: dict[str, Any]) -> dict[str, Any]:
    return {"ErrorCode": 0, "Message": "OK", "MessageID": "0a129aee"}


@dataclass
class Fake:
    """What the fake does; `status` says of each call, by its place, what is answered as a whole: 0 breaks off unheard.

    each: what it says of a message. kept: the messages of calls that were answered by 200.
    """

    each: Callable[[dict[str, Any]], dict[str, Any]] = taken
    status: Callable[[int], int] = lambda _: 200
    says: bytes | None = None
    kept: list[dict[str, Any]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    connections: int = 0
    closes: bool = False

    def answer(self, told: list[dict[str, Any]], token: str | None) -> tuple[int, bytes]:
        status = self.status(len(self.calls)) if token == TOKEN else 401
        self.calls.append(len(told))
        if status != 200:
            return status, json.dumps({"ErrorCode": 10, "Message": "no, a@b.example"}).encode()
        results = [self.each(one) for one in told]
        self.kept += [
            one for one, is_ in zip(told, results, strict=True) if is_.get("ErrorCode") == 0
        ]
        return 200, json.dumps(results).encode() if self.says is None else self.says


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Fake

    def setup(self) -> None:
        self.fake.connections += 1
        super().setup()

    def do_POST(self) -> None:
        assert self.path == "/email/batch"
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, body = self.fake.answer(told, self.headers["X-Postmark-Server-Token"])
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.fake.closes

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def postmark(fake: Fake) -> Iterator[dict[str, str]]:
    """The environment of a sender, while the fake runs."""
    handler = type("Handler", (_Handler,), {"fake": fake})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            where = f"http://127.0.0.1:{server.server_address[1]}/?timeout=20"
            yield {"SIMULCAST_POSTMARK_TOKEN": TOKEN, "SIMULCAST_POSTMARK_URL": where}
        finally:
            server.shutdown()
            thread.join()
