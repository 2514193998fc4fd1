"""Messages are delivered as files that a person can open or pass on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.delivery.maildir import file_name, unwritable, write
from pipeline.delivery.message import Message
from pipeline.delivery.transport import Outcome, Place


@dataclass(frozen=True, slots=True)
class Files:
    """A folder of .eml files, one a message, each there once however often it is delivered."""

    folder: Path
    repeatable: ClassVar[bool] = True
    leaves: ClassVar[bool] = False
    window: ClassVar[int] = 50
    connections: ClassVar[int] = 1

    def connect(self) -> Files:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable("folder", self.folder, error) from error
        return self

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        for message in messages:
            final = self.folder / f"{file_name(message).removesuffix('.simulcast')}.eml"
            try:
                if not final.exists():
                    write(final, self.folder, message.content)
            except OSError as error:
                raise unwritable("folder", self.folder, error) from error
            yield Outcome("accepted")

    def close(self) -> None:
        pass


def eml(place: Place) -> Files:
    """The folder `eml` in build/outbox."""
    return Files(place.outbox / "eml")
