"""An SMTP server for tests that answers as it is told to: the awkward ones of the world, in one."""

from __future__ import annotations

import asyncio
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Behaviour:
    """What a server says at each step; `drops` says after which messages, by place, it breaks off unheard."""

    mail: str = "250 OK"
    rcpt: Callable[[str], str] = lambda _: "250 OK"
    data: Callable[[int], str] = lambda _: "250 2.0.0 OK"
    drops: Callable[[int], bool] = lambda _: False
    kept: list[tuple[str, str, bytes]] = field(default_factory=list)
    connections: int = 0


class Handler:
    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        envelope.mail_from = address
        return self.behaviour.mail

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        said = self.behaviour.rcpt(address)
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        one = (str(envelope.mail_from), envelope.rcpt_tos[0], envelope.content)
        place = len(self.behaviour.kept)
        if self.behaviour.drops(place):
            self.behaviour.kept.append(one)
            server.transport.abort()
            return "250 never heard"
        said = self.behaviour.data(place)
        self.behaviour.kept.append(one)
        return said


class Counting(SMTP):
    """Counts who connects; aiosmtpd offers no PIPELINING, and no CHUNKING."""

    def connection_made(self, transport: Any) -> None:
        self.event_handler.behaviour.connections += 1
        super().connection_made(transport)


@contextmanager
def awkward(
    behaviour: Behaviour, ssl_context: ssl.SSLContext | None = None, **settings: Any
) -> Iterator[str]:
    """Where such a server of aiosmtpd listens while it runs; ssl_context: TLS from the start."""
    loop = asyncio.new_event_loop()
    made = loop.create_server(
        lambda: Counting(Handler(behaviour), loop=loop, hostname="localhost", **settings),
        "127.0.0.1",
        0,
        ssl=ssl_context,
    )
    server = loop.run_until_complete(made)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(_ended(), loop).result(9)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended() -> None:
    """The end of every connection that is still served."""
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


class _Lines(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.server.script(self.rfile, self.wfile)  # type: ignore[attr-defined]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    script: Callable[[Any, Any], None]


@contextmanager
def scripted(script: Callable[[Any, Any], None]) -> Iterator[str]:
    """A server whose every connection is played by `script(lines in, bytes out)`."""
    with _Server(("127.0.0.1", 0), _Lines) as server:
        server.script = script
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Chunking:
    """A script that offers PIPELINING and CHUNKING, and keeps what it is given.

    answers: to each message in turn, by its place; None breaks off there, and "" says nothing for the rest.
    """

    answer: Callable[[int], str | None] = lambda _: "250 2.0.0 OK"
    rcpt: Callable[[str], str] = lambda _: "250 OK"
    kept: list[bytes] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    connections: int = 0

    def __call__(self, lines: Any, out: Any) -> None:
        self.connections += 1
        out.write(b"220 here\r\n")
        refused = ""
        while line := lines.readline().decode():
            verb = line[:4].upper()
            self.verbs.append(verb)
            if verb == "EHLO":
                out.write(b"250-here\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
            elif verb == "RCPT":
                said = self.rcpt(line)
                refused = "" if said.startswith("2") else said
                out.write(said.encode() + b"\r\n")
            elif verb == "BDAT":
                content = lines.read(int(line.split()[1]))
                if refused:
                    out.write(b"554 no valid recipients\r\n")
                    continue
                said = self.answer(len(self.kept))
                self.kept.append(content)
                if said is None:
                    return
                out.write(said.encode() + b"\r\n")
                if said.startswith("421"):
                    self.kept.pop()
                    return
            else:
                out.write(b"250 OK\r\n")


def certificate() -> tuple[bytes, bytes]:
    """A certificate for localhost that vouches for itself, and its key: PEM."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    begin = datetime.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
