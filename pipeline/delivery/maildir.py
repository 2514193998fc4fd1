"""Messages are delivered into a Maildir, which any mail program opens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from pipeline.delivery.message import Message
from pipeline.delivery.transport import Outcome
from pipeline.errors import OutsideError


class Maildir:
    """A folder of messages, each one whole and there once, however often it is delivered.

    The file is named after the Message-ID, so delivering again finds the first copy: in `new`, or
    in `cur` once a mail program has seen it. Raises OutsideError where it cannot be written.
    """

    repeatable = True
    leaves = False
    window = 50
    connections = 1

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for name in ("tmp", "new", "cur"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            self._seen = {entry.name.partition(":")[0] for entry in os.scandir(folder / "cur")}
        except OSError as error:
            raise self._failure(error) from error

    def connect(self) -> Self:
        return self

    def close(self) -> None:
        """Nothing is held open."""

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        for message in messages:
            yield self._deliver(message)

    def _deliver(self, message: Message) -> Outcome:
        name = file_name(message)
        final = self.folder / "new" / name
        try:
            if name not in self._seen and not final.exists():
                self._write(final, message.content.replace(b"\r\n", b"\n"))
        except OSError as error:
            raise self._failure(error) from error
        return Outcome("accepted")

    def _write(self, final: Path, content: bytes) -> None:
        draft = self.folder / "tmp" / f"{final.name}.{os.getpid()}"
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(final)
        _remember(final.parent)

    def _failure(self, error: OSError) -> OutsideError:
        return OutsideError(f"the Maildir {self.folder} cannot be written: {error.strerror}")


def file_name(message: Message) -> str:
    """What a mail program never changes of the name: the date, and the Message-ID, hashed."""
    digest = hashlib.sha256(message.id.encode()).hexdigest()[:32]
    return f"{int(message.date.timestamp())}.{digest}.simulcast"


def _remember(folder: Path) -> None:
    """Have the disk keep the folder's entries, where the system lets a folder be synced."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
