"""Messages are delivered into a Maildir, which any mail program opens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.delivery.message import Message
from pipeline.delivery.transport import Outcome, Place
from pipeline.errors import OutsideError


@dataclass(frozen=True, slots=True)
class Maildir:
    """A folder of messages, each one whole and there once, however often it is delivered.

    The file is named after the Message-ID, so delivering again finds the first copy: in `new`, or
    in `cur` once a mail program has seen it. Raises OutsideError where it cannot be written.
    """

    folder: Path
    repeatable: ClassVar[bool] = True
    leaves: ClassVar[bool] = False
    window: ClassVar[int] = 50
    connections: ClassVar[int] = 1

    def connect(self) -> Shelf:
        try:
            for name in ("tmp", "new", "cur"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            seen = {entry.name.partition(":")[0] for entry in os.scandir(self.folder / "cur")}
        except OSError as error:
            raise unwritable("Maildir", self.folder, error) from error
        return Shelf(self.folder, seen)


class Shelf:
    """An opened Maildir; `seen` are the names of what a mail program has read."""

    def __init__(self, folder: Path, seen: Collection[str]) -> None:
        self._folder, self._seen = folder, seen

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        for message in messages:
            name = file_name(message)
            final = self._folder / "new" / name
            try:
                if name not in self._seen and not final.exists():
                    write(final, self._folder / "tmp", message.content.replace(b"\r\n", b"\n"))
            except OSError as error:
                raise unwritable("Maildir", self._folder, error) from error
            yield Outcome("accepted")

    def close(self) -> None:
        pass


def maildir(place: Place) -> Maildir:
    """The Maildir build/outbox."""
    return Maildir(place.outbox)


def write(final: Path, drafts: Path, content: bytes) -> None:
    """All of a message on the disk, or none of it."""
    draft = drafts / f"{final.name}.{os.getpid()}"
    with draft.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(final)
    _remember(final.parent)


def unwritable(kind: str, folder: Path, error: OSError) -> OutsideError:
    return OutsideError(f"the {kind} {folder} cannot be written: {error.strerror}")


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
