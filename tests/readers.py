"""A publication whose service runs, and a reader of it who fills in the form, reads mail, and follows links."""

from __future__ import annotations

import atexit
import email
import email.policy
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlencode

from click.testing import CliRunner

from pipeline import config
from pipeline.cli import main
from pipeline.delivery import people
from pipeline.delivery.database import Database
from pipeline.delivery.erasing import erase
from pipeline.delivery.maildir import Maildir
from pipeline.web.app import site
from pipeline.web.office import Desk
from pipeline.web.pages import Pages
from pipeline.web.service import Limits, Secrets, Service
from tests.publications import BODY, SETTINGS, front_matter, small
from tests.served import Answer, Events, Running, running

NOW = datetime(2026, 6, 1, tzinfo=UTC)
URL = "https://letters.small.example/"
SILENT = (
    SETTINGS.replace('narrator = "nanotts"', 'narrator = "none"') + f'\n[service]\nurl = "{URL}"\n'
)
HOST = "letters.small.example"
PLENTY = (10**6, 10**9)


@cache
def _built(settings: str) -> Path:
    root = Path(mkdtemp(prefix="letter"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    small(root, settings, e01_first=front_matter() + BODY)
    command(root, "build")
    return root


def built(root: Path, settings: str = SILENT) -> Path:
    """A publication of one episode, built once however many tests want one."""
    shutil.copytree(_built(settings), root, dirs_exist_ok=True)
    return root


def command(root: Path, *words: str, now: datetime = NOW) -> str:
    """What a command says; an error of it is the test's."""
    given = [*words, "--root", str(root), "--now", now.isoformat()]
    ran = CliRunner().invoke(main, given, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


@dataclass
class Letter:
    """The publication's service as it runs, with its ledger and its outbox at hand; `now` can be moved."""

    root: Path
    book: Database
    served: Running
    desk: Desk
    service: Service
    time: dict[str, datetime] = field(default_factory=lambda: {"now": NOW})

    # --- what a reader does

    def post(self, path: str, fields: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        given = {"Host": HOST, "Content_Type": "application/x-www-form-urlencoded"} | headers
        return self.served.ask(path, "POST", urlencode(fields or {}, doseq=True), **given)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return self.served.ask(path, method, **{"Host": HOST} | headers)

    def subscribe(self, address: str, **more: str) -> Answer:
        """Fill in the form a second later, and wait until the mail it causes is written, or is not to be."""
        self.later(seconds=1)
        answer = self.post("/subscribe", {"email": address, **more})
        if answer.status == 202:
            self.served.told("'mail'")
        return answer

    # --- what came of it

    def mails(self, to: str = "") -> list[EmailMessage]:
        """What lies in the outbox, oldest first."""
        found = [
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            for file in (self.root / "build/outbox/new").glob("*")
        ]
        return sorted(
            (one for one in found if not to or one["To"] == to),
            key=lambda one: one["Date"].datetime,
        )

    def state(self, address: str, name: str = "readers") -> str:
        known = {one.mailing_list: one.state for one in people.known(self.book, address)}
        return known.get(name, "")

    def later(self, **span: float) -> None:
        self.time["now"] += timedelta(**span)


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    content = part.get_content()
    assert isinstance(content, str)
    return content


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert isinstance(part, EmailMessage)
    content = part.get_content()
    assert isinstance(content, str)
    return content


def links(message: EmailMessage) -> list[str]:
    """The paths of the service that a message leads to: in its text, its HTML and its headers."""
    whole = text_of(message) + html_of(message) + str(message.get("List-Unsubscribe", ""))
    return sorted({f"/{path}" for path in re.findall(rf"{re.escape(URL)}([^\s\"'<>]+)", whole)})


def link(message: EmailMessage, purpose: str) -> str:
    (found,) = [one for one in links(message) if one.startswith(f"/{purpose}/")]
    return found


@contextmanager
def serving(root: Path, limits: Limits | None = None, **options: Any) -> Iterator[Letter]:
    """The service of a built publication, on a real server."""
    publication = config.publication(root)
    events, time = Events(), {"now": NOW}
    outbox = root / "build/outbox"
    with Database.open(root / ".simulcast/ledger.db") as book:
        pages = Pages(root, publication)

        def erased(address: str) -> None:
            erase(outbox, address)

        per_address = options.pop("per_address", PLENTY)
        desk = Desk(
            book,
            publication,
            URL,
            Maildir(outbox),
            pages,
            lambda: time["now"],
            erased,
            per_address=per_address,
        )
        folder = root / "build/site"
        app = Service(
            site(folder, service=URL),
            folder,
            desk,
            pages,
            seconds=lambda: time["now"].timestamp(),
            log=events.put,
            bounced=options.pop("bounced", None),
            secrets=Secrets("a-bounce-secret", "a-metrics-secret"),
            limits=limits or Limits(PLENTY, PLENTY, PLENTY),
        )
        with running(app, events, **options) as served:
            yield Letter(root, book, served, desk, app, time)


def as_json(answer: Answer) -> dict[str, Any]:
    found = json.loads(answer.body)
    assert isinstance(found, dict)
    return found
