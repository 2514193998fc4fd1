"""Promises of the transports: each message is there once, or the reason why not is known."""

from __future__ import annotations

import mailbox
from collections import Counter
from pathlib import Path

import pytest

from pipeline.delivery.maildir import Maildir
from pipeline.delivery.message import Letters, Message, Recipient
from pipeline.delivery.transport import Outcome
from pipeline.errors import OutsideError
from tests.editions import frozen, readers


def letter(subscriber: int, address: str) -> Message:
    return Letters(frozen(), 6, b"the ledger's").message(Recipient(subscriber, address))


@pytest.fixture
def outbox(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "outbox")


def received(folder: Path) -> Counter[str]:
    """Who got how many messages, as a mail program reads the Maildir."""
    box = mailbox.Maildir(folder, create=False)
    return Counter(str(one["To"]) for one in box)


# --- the Maildir ----------------------------------------------------------------------------------


def test_a_mail_program_reads_the_outbox(outbox: Maildir) -> None:
    messages = [letter(place, to) for place, to in enumerate(readers(3))]
    assert list(outbox.connect().deliver(messages)) == [Outcome("accepted")] * 3
    assert received(outbox.folder) == Counter(readers(3))
    assert not list((outbox.folder / "tmp").iterdir())


def test_a_message_delivered_again_is_there_once(outbox: Maildir) -> None:
    one = letter(1, "ada@example.org")
    list(outbox.connect().deliver([one, one]))
    assert received(outbox.folder) == Counter(["ada@example.org"])


def test_a_message_that_was_read_is_not_delivered_again(outbox: Maildir) -> None:
    one = letter(1, "ada@example.org")
    list(outbox.connect().deliver([one]))
    (file,) = (outbox.folder / "new").iterdir()
    file.rename(outbox.folder / "cur" / f"{file.name}:2,S")
    list(outbox.connect().deliver([one]))
    assert received(outbox.folder) == Counter(["ada@example.org"])


def test_an_outbox_that_cannot_be_written_is_an_outside_failure(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file, not a folder")
    with pytest.raises(OutsideError, match="cannot be written"):
        Maildir(tmp_path / "outbox").connect()
