"""bounces: what comes back is read, and the ledger acts on it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere
from pipeline.cli.subscribing import ledger
from pipeline.errors import OutsideError, SimulcastError

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {
    "hard": "came back: nobody is there",
    "soft": "came back for now",
    "policy": "turned away by a policy",
    "complaint": "complained",
    "unsubscribe": "asked to leave",
    "delayed": "late, and still on the way",
    "nothing": "not understood",
}


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--maildir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read what is new in a Maildir, and mark it as read.",
)
@everywhere
def bounces(session: Session, file: Path | None, maildir: Path | None) -> None:
    """Read mail that came back, complaints, and mail that asks to leave; FILE is one message, "-" what is piped in.

    A mail server pipes each message in: |simulcast bounces --root … -
    """
    if (file is None) == (maildir is None):
        raise SimulcastError(
            'name one message, "-" for what is piped in, or a Maildir by --maildir'
        )
    from pipeline.delivery.bounces import take_in

    kinds: Counter[str] = Counter()
    with ledger(session) as book:
        for content in _new(maildir) if maildir else [_message(file)]:
            kinds[take_in(book, content, session.now).kind] += 1
    _tell(session, kinds)


def _message(file: Path | None) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    assert file is not None
    try:
        return file.read_bytes()
    except OSError as error:
        raise SimulcastError(f"{file} cannot be read: {error.strerror}") from None


def _new(maildir: Path) -> Iterator[bytes]:
    """The new messages of a Maildir; each is moved to `cur` as read once the ledger has it."""
    try:
        for message in sorted((maildir / "new").iterdir()):
            yield message.read_bytes()
            (maildir / "cur").mkdir(exist_ok=True)
            message.rename(maildir / "cur" / f"{message.name}:2,S")
    except OSError as error:
        raise OutsideError(f"the Maildir {maildir} cannot be read: {error.strerror}") from None


def _tell(session: Session, kinds: Counter[str]) -> None:
    from pipeline.cli.terminal import answer, count

    if session.json:
        answer({"messages": kinds.total(), **{kind: kinds[kind] for kind in KINDS}})
    elif not session.quiet:
        known = [f"{kinds[kind]:,} {words}" for kind, words in KINDS.items() if kinds[kind]]
        click.echo(
            f"{count(kinds.total(), 'message')} read{': ' if known else ''}{', '.join(known)}."
        )
