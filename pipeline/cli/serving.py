"""serve: the site, and what readers ask of it, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import OutsideError, SimulcastError

if TYPE_CHECKING:
    from pipeline.delivery.database import Database
    from pipeline.model import Publication
    from pipeline.web.files import Folder


@click.command()
@click.option("--host", default="127.0.0.1", help="The address to listen at; 0.0.0.0 is every one.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    help="Where to serve; 0 takes any free port.",
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="A proxy on this machine passes requests on; believe its X-Forwarded-For.",
)
@everywhere
def serve(session: Session, host: str, port: int, behind_proxy: bool) -> None:
    """Serve build/site, the subscribe form, the links of every mail and private feeds, until Ctrl-C.

    It works out of what was built and published; "simulcast publish" may run meanwhile. One process is meant to do: it
    counts in memory how often each client asks. How often an address is written to is counted in the ledger, for all
    processes and through every restart. Its log is a line of JSON an event on standard error and names no address.
    Secrets, borne as "Authorization: Bearer …": SIMULCAST_METRICS_SECRET opens /metrics; SIMULCAST_BOUNCE_SECRET lets a
    mail server hand in what came back, through a pipe:

    \b
        curl -sf --data-binary @- -H "Authorization: Bearer …" http://localhost:8000/bounces || exit 75
    """
    from pipeline import config
    from pipeline.web.serving import listening, server

    publication = config.publication(session.root)
    site = session.root / "build" / "site"
    if not site.is_dir():
        raise SimulcastError("there is nothing to serve yet; begin with: simulcast build")
    try:
        socket = listening(host, port)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0].lower()
        raise OutsideError(
            f"{host}:{port} cannot be listened at: {why}; choose another with --host or --port"
        ) from error
    address = f"http://{f'[{host}]' if ':' in host else host}:{socket.getsockname()[1]}/"
    log = Log(quiet=session.quiet)
    app, close = application(session, publication, site, publication.service.url or address, log)
    click.echo(f"{publication.title} is at {address} (Ctrl-C stops it)")
    if publication.lists and publication.email:
        click.echo(f"Readers subscribe at {publication.service.url or address}subscribe")
    if publication.lists and not publication.service.url:
        click.echo(
            f"Note: no [service] url in content/publication.toml, so its mails link to {address}",
            err=True,
        )
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as Ctrl-C: all is closed, exit code 0
    try:
        server(app, log=log, behind_proxy=behind_proxy).run(sockets=[socket])
    except KeyboardInterrupt:
        click.echo()
    finally:
        close()


@dataclass(frozen=True, slots=True)
class Log:
    """Writes a line of JSON an event; quiet: only what went wrong."""

    quiet: bool

    def __call__(self, event: Mapping[str, Any]) -> None:
        if self.quiet and event.get("event") == "request" and event.get("status", 0) < 500:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        sys.stderr.write(json.dumps({"at": at, **event}, ensure_ascii=False) + "\n")
        sys.stderr.flush()


def application(
    session: Session, publication: Publication, site: Path, service: str, log: Log
) -> Any:
    """The application, and what closes it: files alone where the publication has no list to subscribe to."""
    from pipeline.cli.mailing import dispatch
    from pipeline.cli.subscribing import OUTBOX, ledger
    from pipeline.delivery.bounces import take_in
    from pipeline.delivery.erasing import erase
    from pipeline.web.app import Alone
    from pipeline.web.app import site as files
    from pipeline.web.office import Desk
    from pipeline.web.pages import Pages
    from pipeline.web.service import Secrets, Service

    folder: Folder = files(site, service=service)
    if not publication.lists or publication.email is None:
        return Alone(folder), lambda: None
    clock = session.clock()

    def erased(address: str) -> None:
        erase(session.root / OUTBOX, address)

    book: Database = ledger(session, patience=3)
    how = dispatch(session, publication, book)
    pages = Pages(session.root, publication)
    desk = Desk(
        book,
        publication,
        service,
        how.transport,
        pages,
        lambda: datetime.fromtimestamp(clock(), UTC),
        erased,
        how.signers,
    )

    def close() -> None:
        desk.close()
        book.close()

    def bounced(content: bytes) -> str:
        return take_in(book, content, datetime.fromtimestamp(clock(), UTC)).kind or "nothing"

    secrets = Secrets(
        os.environ.get("SIMULCAST_BOUNCE_SECRET", ""),
        os.environ.get("SIMULCAST_METRICS_SECRET", ""),
    )
    service_app = Service(
        folder,
        site,
        desk,
        pages,
        seconds=time.monotonic,
        log=log,
        bounced=bounced,
        secrets=secrets,
    )
    return service_app, close
