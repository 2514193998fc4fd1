"""A real server on this machine, for tests that ask it as a client does."""

from __future__ import annotations

import http.client
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.web.serving import listening, server

Events = queue.SimpleQueue[Mapping[str, Any]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Running:
    """A server and where it listens; `events` are what it logged."""

    port: int
    events: Events

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def told(self, about: str) -> Mapping[str, Any]:
        """The next event that says so, waited for; raises queue.Empty where none comes."""
        while True:
            event = self.events.get(timeout=20)
            if about in str(event):
                return event

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | str | None = None,
        **headers: str,
    ) -> Answer:
        """One request on a connection of its own; underscores in names of headers become hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            found = connection.getresponse()
            told = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, told, found.read())
        finally:
            connection.close()


@contextmanager
def running(app: Any, events: Events | None = None, **options: Any) -> Iterator[Running]:
    """The application on a free port, until the block is left."""
    events = events or Events()
    socket = listening("127.0.0.1", 0)
    one = server(app, log=events.put, **options)
    thread = threading.Thread(target=one.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        yield Running(socket.getsockname()[1], events)
    finally:
        one.should_exit = True
        thread.join(10)
        socket.close()
