"""An application answers on a socket until it is told to stop; who is slow, or says too much, is let go."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.web.limits import client

Log = Callable[[Mapping[str, Any]], None]
"""Takes one event; no event names an address, a client or a token."""

HEAD_BYTES = 32 << 10
"""Of the request line and its headers together."""
HEAD_SECONDS = 10.0
"""From the first byte of a request, or from the connection, to the end of its headers."""
BODY_SECONDS = 30.0
"""From there to the end of its body."""
STALL_SECONDS = 60.0
"""How long a client may take to make room for more of an answer."""
IDLE_SECONDS = 10
PROXIES = ("127.0.0.1", "::1")
CONNECTIONS = 1000
"""At a time; who comes above that is told to come again."""
EACH = 100
"""Of one client at a time, and no more than a quarter of all."""
FILES = 2 * CONNECTIONS + 200
"""Open at a time: each connection may be sent a file."""
BACKLOG = 1024


@dataclass(slots=True)
class Crowd:
    """Who is connected: so many in all, and so many of one client, that nobody keeps the others out.

    behind_proxy: a proxy on this machine connects for everybody.
    """

    most: int
    behind_proxy: bool
    inside: Counter[str] = field(default_factory=Counter)

    def let_in(self, host: str) -> bool:
        for_all = self.behind_proxy and host in PROXIES
        each = self.most if for_all else min(EACH, max(8, self.most // 4))
        if self.inside.total() >= self.most or self.inside[host] >= each:
            return False
        self.inside[host] += 1
        return True

    def let_out(self, host: str) -> None:
        self.inside[host] -= 1
        if not self.inside[host]:
            del self.inside[host]


class Connection(HttpToolsProtocol):
    """A connection with a deadline for each thing a client has to do; uvicorn has one for idleness alone."""

    crowd: Crowd
    _host: str | None = None
    _doing = "head"
    _awaited = ""
    _head = 0
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host = client(self.client[0]) if self.client else ""
        if not self.crowd.let_in(host):
            self._refuse(b"503 Service Unavailable")
            return
        self._host = host
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._host is not None:
            self.crowd.let_out(self._host)
            self._host = None
        self._doing = ""
        self._watch()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._doing == "head":
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._let_go(b"431 Request Header Fields Too Large")
                return
        if self._doing != self._awaited:
            self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._doing = "head"

    def on_headers_complete(self) -> None:
        self._doing, self._head = "body", 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._doing = ""
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALL_SECONDS, self._give_up)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch(self) -> None:
        """Set the deadline for what the client is doing now."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._awaited = self._doing
        if self._doing:
            seconds = HEAD_SECONDS if self._doing == "head" else BODY_SECONDS
            self._deadline = self.loop.call_later(seconds, self._let_go, b"408 Request Timeout")

    def _give_up(self) -> None:
        self.logger.warning("a client that took no more of its answer was let go")
        self.transport.abort()

    def _let_go(self, status: bytes) -> None:
        self._doing = ""
        self._watch()
        if self.transport.is_closing():
            return
        self.logger.warning("a client that did not finish its request was let go")
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._refuse(status)
        self.transport.close()

    def _refuse(self, status: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for another protocol is answered in this one, and nothing is to be said of it."""


def server(app: Any, *, log: Log, behind_proxy: bool = False, patience: int = 5) -> Server:
    """A server of an application, ready to `run(sockets=[…])`; `should_exit = True` stops it.

    behind_proxy: a proxy on this machine says for whom it asks, and is believed (X-Forwarded-For).
    patience: seconds that answers under way have to finish when it is stopped.
    """
    _listen_to_uvicorn(log)
    most = min(CONNECTIONS, (_files() - 200) // 2)

    class Counted(Connection):
        crowd = Crowd(most, behind_proxy)

    return Server(
        Config(
            app,
            http=Counted,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=behind_proxy,
            forwarded_allow_ips=",".join(PROXIES),
            backlog=BACKLOG,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=patience,
        )
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections at that address; port 0 is any that is free. Raises OSError."""
    return socket.create_server((host, port), backlog=BACKLOG, family=_family(host))


def _files() -> int:
    """How many files this process may have open; as many as it may need are asked of the system first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return FILES if soft == resource.RLIM_INFINITY else max(soft, wanted)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Telling(logging.Handler):
    """What uvicorn has to say, as events: of an error its kind and place, never its words."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, Any] = {"event": "warning", "about": str(record.msg).strip()}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            trace = error.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            code = trace.tb_frame.f_code if trace else None
            event = {"event": "error", "kind": type(error).__name__}
            event |= {"where": f"{code.co_name}:{trace.tb_lineno}"} if code and trace else {}
        self._log(event)


def _listen_to_uvicorn(log: Log) -> None:
    logger = logging.getLogger("uvicorn.error")
    for old in [one for one in logger.handlers if isinstance(one, _Telling)]:
        logger.removeHandler(old)
    logger.addHandler(_Telling(log))
    logger.setLevel(logging.WARNING)
    logger.propagate = False
