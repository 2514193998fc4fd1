"""doctor: whether this machine, its mail, its DNS and its site are as a publication needs them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import OutsideError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pipeline.delivery.smtp import Smtp
    from pipeline.doctor import Answer, Verdict, World
    from pipeline.model import Publication

TIMEOUT = 10
MARKS = {"good": "✓", "warning": "!", "bad": "✗", "unreached": "?", "idle": "–"}
COLOURS = {"good": "green", "warning": "yellow", "bad": "red", "unreached": "yellow"}


@click.command()
@everywhere
def doctor(session: Session) -> None:
    """Look at tools, secrets, disk, clock, mail server, DNS and web server; nothing is sent or changed."""
    from dataclasses import asdict

    from pipeline import config
    from pipeline.cli.terminal import answer
    from pipeline.doctor import Patient, examined

    publication = config.publication(session.root)
    email = publication.email
    sender, bounces = (email.sender, email.bounces or email.sender) if email else ("", "")
    patient = Patient(publication, _domain(sender), _domain(bounces), _newest_sound(session))
    found = []
    for verdict in examined(patient, _world(session, publication)):
        found.append(verdict)
        if not session.json and (not session.quiet or verdict.state in ("bad", "unreached")):
            _show(verdict)
    if session.json:
        answer({"checks": [asdict(one) for one in found]})
    states = {one.state for one in found}
    if "bad" in states:
        raise SystemExit(1)
    if "unreached" in states:
        raise SystemExit(3)


def _show(verdict: Verdict) -> None:
    mark = click.style(MARKS[verdict.state], fg=COLOURS.get(verdict.state))
    mend = f"; {verdict.mend}" if verdict.mend else ""
    click.echo(f"{mark} {verdict.name:<17}{verdict.said}{mend}")


def _domain(written: str) -> str:
    from pipeline.delivery.addresses import mailbox

    return mailbox(written).domain if written else ""


def _newest_sound(session: Session) -> str:
    folder = session.root / "build" / "site" / "audio"
    names = sorted(file.name for file in folder.glob("*.mp3")) if folder.is_dir() else []
    return f"audio/{names[-1]}" if names else ""


def _world(session: Session, publication: Publication) -> World:
    """The outside as it is."""
    import shutil

    from pipeline.delivery.dkim import signers
    from pipeline.doctor import World

    server = _server(session)
    email = publication.email
    domain = _domain(email.sender) if email else ""
    return World(
        now=session.now,
        resolve=_resolve,
        fetch=_fetch,
        certificate=lambda host, port: _certificate(host, port, server),
        log_in=_log_in(server),
        smtp=(server.host, server.port) if server else None,
        free=shutil.disk_usage(session.root).free,
        tools={"ffmpeg": _ffmpeg(), "git": shutil.which("git") or ""},
        secrets=os.environ,
        signers=lambda: signers(os.environ, domain, email.dkim if email else {}),
    )


def _server(session: Session) -> Smtp | None:
    from pipeline.delivery.smtp import URL, smtp
    from pipeline.delivery.transport import Place

    return smtp(Place(session.root, os.environ)) if os.environ.get(URL) else None


def _log_in(server: Smtp | None) -> Callable[[], None] | None:
    from pipeline.delivery.smtp import log_in

    return (lambda: log_in(server)) if server else None


def _ffmpeg() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return ""


def _resolve(name: str, kind: str) -> Sequence[str]:
    import dns.exception
    import dns.resolver
    import dns.reversename

    wanted = dns.reversename.from_address(name) if kind == "PTR" else name
    try:
        answer = dns.resolver.resolve(wanted, kind, lifetime=TIMEOUT)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        raise OutsideError(f"DNS does not answer for {name}: {type(error).__name__}") from error
    if kind == "TXT":
        return [b"".join(one.strings).decode("utf-8", "replace") for one in answer]
    return [one.to_text() for one in answer]


def _fetch(method: str, address: str, headers: Mapping[str, str]) -> Answer:
    import urllib.error
    import urllib.request

    from pipeline.doctor import Answer

    request = urllib.request.Request(address, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()})
    except urllib.error.HTTPError as error:
        return Answer(error.code, {k.lower(): v for k, v in error.headers.items()})
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise OutsideError(f"{address} cannot be reached: {reason}") from error


def _certificate(host: str, port: int, server: Smtp | None) -> datetime:
    import smtplib
    import socket
    import ssl
    from datetime import UTC, datetime

    trust = ssl.create_default_context()
    try:
        if server and (host, port) == (server.host, server.port) and server.tls == "starttls":
            with smtplib.SMTP(host, port, timeout=TIMEOUT) as mail:
                mail.starttls(context=trust)
                shown = mail.sock.getpeercert()  # type: ignore[union-attr]
        else:
            with (
                socket.create_connection((host, port), TIMEOUT) as plain,
                trust.wrap_socket(plain, server_hostname=host) as safe,
            ):
                shown = safe.getpeercert()
    except (OSError, smtplib.SMTPException) as error:
        raise OutsideError(f"{host}:{port} shows no certificate to be trusted: {error}") from error
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str((shown or {})["notAfter"])), UTC)
