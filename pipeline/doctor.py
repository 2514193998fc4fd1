"""What a publication stands on is looked at, one small named check a thing: machine, mail, DNS, web."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

from pipeline.delivery.dkim import Signer
from pipeline.errors import OutsideError, SimulcastError
from pipeline.model import Publication

State = Literal["good", "warning", "bad", "unreached", "idle"]

ROOM = 2_000_000_000
"""Bytes of disk below which an archive's audio may not fit."""

AWRY = timedelta(minutes=2)
EXPIRES = timedelta(days=14)
LOOKUPS = 10
"""DNS questions that a receiver asks for one SPF record, at most (RFC 7208 §4.6.4)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found; mend: what to do where it is not good. idle: there is nothing to check."""

    name: str
    state: State
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a web server says to one request; header names in lower case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """The outside, as check by check asks for it; whatever cannot be reached raises OutsideError.

    resolve: what DNS answers to a name and a kind of record ("TXT", "A", "PTR" …), as text; empty where there is none.
    fetch: method, address and headers of a request. certificate: until when that of a host and port is good, and
    trusted. log_in: to the SMTP server, None where there is none. free: bytes of disk. tools: the path of each program,
    "" where it is not there.
    """

    now: datetime
    resolve: Callable[[str, str], Sequence[str]]
    fetch: Callable[[str, str, Mapping[str, str]], Answer]
    certificate: Callable[[str, int], datetime]
    log_in: Callable[[], None] | None
    smtp: tuple[str, int] | None
    free: int
    tools: Mapping[str, str]
    secrets: Mapping[str, str]
    signers: Callable[[], Sequence[Signer]]


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: the settings, the domains of sender and bounces, the newest sound below the site."""

    publication: Publication
    domain: str = ""
    bounces: str = ""
    sound: str = ""


Check = Callable[[Patient, World], Verdict]


def examined(patient: Patient, world: World) -> Iterator[Verdict]:
    """Every check's verdict, in order; one that cannot reach what it asks says so."""
    for name, check in CHECKS.items():
        try:
            yield check(patient, world)
        except OutsideError as error:
            yield Verdict(name, "unreached", str(error), "look at the network, then run it again")
        except SimulcastError as error:
            yield Verdict(name, "bad", str(error), "correct it")


# --- this machine ----------------------------------------------------------------------------------


def _tools(patient: Patient, world: World) -> Verdict:
    lacking = [name for name, path in world.tools.items() if not path and name != "git"]
    if lacking:
        return Verdict("tools", "bad", f"not there: {', '.join(lacking)}", "run make install")
    if not world.tools.get("git"):
        return Verdict("tools", "warning", "git is not there", "install it: verify needs it")
    return Verdict("tools", "good", ", ".join(sorted(world.tools)))


def _secrets(patient: Patient, world: World) -> Verdict:
    """Links of subscribers are signed with a key; one made here is lost with the ledger."""
    if world.secrets.get("SIMULCAST_SECRET_KEY"):
        return Verdict("secrets", "good", "SIMULCAST_SECRET_KEY is set")
    if patient.publication.service.url:
        mend = "set it, on every machine the same: links in mails that were sent break without it"
        return Verdict("secrets", "warning", "SIMULCAST_SECRET_KEY is not set", mend)
    return Verdict("secrets", "good", "none is needed; the ledger keeps a key of its own")


def _disk(patient: Patient, world: World) -> Verdict:
    said = f"{world.free / 1e9:.1f} GB free"
    if world.free < ROOM:
        return Verdict("disk", "bad", said, f"make room: {ROOM / 1e9:.0f} GB are little enough")
    return Verdict("disk", "good", said)


def _clock(patient: Patient, world: World) -> Verdict:
    """Dates of feeds and signatures of mails are the clock's."""
    date = world.fetch("HEAD", patient.publication.url, {}).headers.get("date", "")
    try:
        awry = abs(world.now - parsedate_to_datetime(date))
    except (ValueError, TypeError):
        return Verdict("clock", "idle", "the site's server tells no time")
    said = f"{awry.total_seconds():.0f} seconds from the site's server"
    if awry > AWRY:
        return Verdict("clock", "bad", said, "set the clock, by NTP best")
    return Verdict("clock", "good", said)


# --- mail ------------------------------------------------------------------------------------------

_NO_MAIL = "mail goes into the Maildir: SIMULCAST_SMTP_URL is not set"


def _smtp_login(patient: Patient, world: World) -> Verdict:
    if world.log_in is None:
        return Verdict("smtp login", "idle", _NO_MAIL)
    world.log_in()
    return Verdict("smtp login", "good", "the server lets us in; nothing was sent")


def _smtp_certificate(patient: Patient, world: World) -> Verdict:
    if world.smtp is None:
        return Verdict("smtp certificate", "idle", _NO_MAIL)
    return _expiry("smtp certificate", world, *world.smtp)


def _expiry(name: str, world: World, host: str, port: int) -> Verdict:
    until = world.certificate(host, port)
    said = f"good until {until:%Y-%m-%d}"
    if until - world.now < EXPIRES:
        return Verdict(name, "bad", said, "renew it")
    return Verdict(name, "good", said)


def _spf(patient: Patient, world: World) -> Verdict:
    if not patient.domain:
        return Verdict("spf", "idle", "there is no [email] table")
    found = _records(world, patient.domain, "v=spf1")
    if len(found) != 1:
        said = f"{patient.domain} has {len(found) or 'no'} SPF record{'s' * (len(found) != 1)}"
        return Verdict(
            "spf", "bad", said, f'publish one: {patient.domain} TXT "v=spf1 include:… -all"'
        )
    if re.search(r"(?:^| )\+?all\b", found[0]):
        return Verdict("spf", "bad", "it lets everybody send", 'end it with "-all" or "~all"')
    asked = _lookups(world, found[0], set())
    if asked > LOOKUPS:
        said = f"it takes {asked} DNS questions (allowed: {LOOKUPS})"
        return Verdict("spf", "bad", said, "include fewer")
    return Verdict("spf", "good", found[0])


def _lookups(world: World, record: str, seen: set[str]) -> int:
    asked = 0
    for word in record.split()[1:]:
        kind, _, value = word.lstrip("+-~?").partition(":")
        if kind.startswith("redirect="):
            kind, value = "include", kind.partition("=")[2]
        if kind.partition("/")[0] in ("a", "mx", "ptr", "exists", "include"):
            asked += 1
        if kind == "include" and value not in seen:
            seen.add(value)
            asked += sum(_lookups(world, one, seen) for one in _records(world, value, "v=spf1"))
    return asked


def _records(world: World, name: str, begins: str) -> list[str]:
    return [text for text in world.resolve(name, "TXT") if text.lower().startswith(begins)]


def _dkim(patient: Patient, world: World) -> Verdict:
    """The published key equals the private one."""
    signers = world.signers()
    if not signers:
        if world.smtp is None:
            return Verdict("dkim", "idle", _NO_MAIL)
        mend = "set SIMULCAST_DKIM_KEY, and [email.dkim] rsa = a selector"
        return Verdict("dkim", "bad", "mail is not signed: there is no key", mend)
    for one in signers:
        name, mine = f"{one.selector}._domainkey.{one.domain}", _tags(one.record())
        theirs = [_tags(text) for text in world.resolve(name, "TXT") if "p=" in text]
        if not theirs:
            return Verdict("dkim", "bad", f"{name} is not in DNS", f'publish TXT "{one.record()}"')
        if theirs[0].get("p") != mine["p"]:
            said = f"{name} holds another key than SIMULCAST_DKIM_KEY"
            return Verdict("dkim", "bad", said, f'publish TXT "{one.record()}"')
    return Verdict(
        "dkim",
        "good",
        f"{', '.join(one.selector for one in signers)}: published and private key agree",
    )


def _tags(record: str) -> dict[str, str]:
    parts = (part.partition("=") for part in record.split(";"))
    return {name.strip(): re.sub(r"\s", "", value) for name, _, value in parts}


def _dmarc(patient: Patient, world: World) -> Verdict:
    if not patient.domain:
        return Verdict("dmarc", "idle", "there is no [email] table")
    found = _records(world, f"_dmarc.{patient.domain}", "v=dmarc1")
    if not found:
        mend = f'publish _dmarc.{patient.domain} TXT "v=DMARC1; p=none; rua=mailto:…"'
        return Verdict("dmarc", "bad", f"_dmarc.{patient.domain} is not in DNS", mend)
    tags = _tags(found[0])
    bounces = patient.bounces or patient.domain
    if not _aligned(bounces, patient.domain, tags.get("aspf", "r")) and not world.signers():
        said = f"bounces go to {bounces}, which SPF does not align with {patient.domain}"
        return Verdict(
            "dmarc", "bad", said, "sign with DKIM, or take bounces at the sender's domain"
        )
    return Verdict("dmarc", "good", f"p={tags.get('p', 'none')}, aligned")


def _aligned(one: str, other: str, mode: str) -> bool:
    """Relaxed alignment lets either be a subdomain of the other."""
    if mode == "s":
        return one == other
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _ptr(patient: Patient, world: World) -> Verdict:
    if world.smtp is None:
        return Verdict("ptr", "idle", _NO_MAIL)
    host = world.smtp[0]
    for address in world.resolve(host, "A"):
        names = world.resolve(address, "PTR")
        if not names:
            mend = "have whoever gave you the address name it"
            return Verdict("ptr", "bad", f"{address} of {host} has no name (PTR)", mend)
        if not any(address in world.resolve(name.rstrip("."), "A") for name in names):
            said = f"{address} is named {names[0]}, which leads elsewhere"
            return Verdict("ptr", "bad", said, "let the name lead back to the address")
    return Verdict("ptr", "good", f"{host} and its addresses name each other")


# --- the web ---------------------------------------------------------------------------------------


def _https(patient: Patient, world: World) -> Verdict:
    url = urlsplit(patient.publication.url)
    if url.scheme != "https":
        mend = "serve the site by https, and write so in publication.toml; podcast apps ask for it"
        return Verdict("https", "bad", f"{patient.publication.url} is not https", mend)
    return _expiry("https", world, url.hostname or "", url.port or 443)


def _head(patient: Patient, world: World) -> Verdict:
    """Directories ask for a feed's headers first."""
    address = patient.publication.link("podcast.xml")
    answer = world.fetch("HEAD", address, {})
    if answer.status != 200:
        said = f"HEAD {address} is answered with {answer.status}"
        return Verdict(
            "feed", "bad", said, "deploy the site; let the server answer HEAD as it does GET"
        )
    kind = answer.headers.get("content-type", "")
    if "xml" not in kind:
        said = f'{address} is served as "{kind}"'
        return Verdict(
            "feed", "warning", said, "let the server send application/rss+xml or text/xml"
        )
    return Verdict("feed", "good", f"{address} is there, as {kind}")


def _range(patient: Patient, world: World) -> Verdict:
    """Players fetch sound in parts; Apple refuses a show whose server cannot."""
    if not patient.sound:
        return Verdict("byte ranges", "idle", "there is no sound yet")
    address = patient.publication.link(patient.sound)
    answer = world.fetch("GET", address, {"Range": "bytes=0-1"})
    if answer.status != 206 or not answer.headers.get("content-range", "").startswith("bytes 0-1/"):
        said = f"a part of {address} is answered with {answer.status}, not 206"
        return Verdict("byte ranges", "bad", said, "serve sound from a host that knows byte ranges")
    return Verdict("byte ranges", "good", "sound can be fetched in parts")


def _hub(patient: Patient, world: World) -> Verdict:
    hub = patient.publication.feeds.hub
    if not hub:
        return Verdict("hub", "idle", "feeds.hub names none")
    answer = world.fetch("GET", hub, {})
    if answer.status >= 500:
        said = f"{hub} answers with {answer.status}"
        return Verdict("hub", "bad", said, "name another in publication.toml, feeds.hub")
    return Verdict("hub", "good", f"{hub} answers")


CHECKS: Mapping[str, Check] = {
    "tools": _tools,
    "secrets": _secrets,
    "disk": _disk,
    "clock": _clock,
    "smtp login": _smtp_login,
    "smtp certificate": _smtp_certificate,
    "spf": _spf,
    "dkim": _dkim,
    "dmarc": _dmarc,
    "ptr": _ptr,
    "https": _https,
    "feed": _head,
    "byte ranges": _range,
    "hub": _hub,
}
