"""A place that counts what arrives, and a way there: it lives on when the sender is killed."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.delivery.message import Message
from pipeline.delivery.transport import Outcome
from pipeline.errors import OutsideError


@dataclass(slots=True)
class Sink:
    """How often each Message-ID arrived, and what came with it."""

    path: Path
    arrived: Counter[str] = field(default_factory=Counter)
    contents: dict[str, set[int]] = field(default_factory=dict)
    total: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, named: str, content: bytes) -> None:
        with self._lock:
            self.arrived[named] += 1
            self.contents.setdefault(named, set()).add(hash(content))
            self.total += 1


@contextmanager
def sink(folder: Path) -> Iterator[Sink]:
    """Counts until this is left; each message is counted, and only then answered."""
    found = Sink(folder / "sink")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(found.path))
        listening.listen()
        threading.Thread(target=_serve, args=(listening, found), daemon=True).start()
        yield found


def _serve(listening: socket.socket, found: Sink) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_take_all, args=(connection, found), daemon=True).start()


def _take_all(connection: socket.socket, found: Sink) -> None:
    try:
        with connection, connection.makefile("rwb") as line:
            while head := line.readline():
                if not head.endswith(b"\n"):
                    return
                named, length = head.split()
                content = line.read(int(length))
                if len(content) < int(length):
                    return  # the sender died in the midst of it
                found.take(named.decode(), content)
                line.write(b"taken\n")
                line.flush()
    except OSError:  # closing flushes, and so fails too where the sender is dead
        return


@dataclass(frozen=True, slots=True)
class ToSink:
    """A transport into a sink, with a window of messages under way."""

    path: Path
    window: int = 1
    connections: int = 1
    repeatable: bool = False
    leaves: bool = True

    def connect(self) -> _Line:
        return _Line(self.path)


class _Line:
    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            raise OutsideError(f"no sink: {error}") from error
        self._file = self._socket.makefile("rb")

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        sent = 0
        for message in messages:  # all under way before the first answer is read
            self._socket.sendall(b"%s %d\n" % (message.id.encode(), len(message.content)))
            self._socket.sendall(message.content)
            sent += 1
        for _ in range(sent):
            assert self._file.readline() == b"taken\n"
            yield Outcome("accepted")

    def close(self) -> None:
        self._file.close()
        self._socket.close()
