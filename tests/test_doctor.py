"""Promises of doctor: each thing that is not as it must be is named, without a network and without sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.cli import main
from pipeline.delivery.dkim import Signer
from pipeline.doctor import CHECKS, Answer, Patient, Verdict, World, examined
from pipeline.errors import OutsideError
from pipeline.model import Email, Feeds, Person, Podcast, Publication, Series, Service
from tests.publications import small

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PUBLICATION = Publication(
    title="Harbour Letter",
    url="https://harbour.example/",
    description="News",
    people=(Person("ada", "Ada"),),
    series=Series("Harbour Letter"),
    podcast=Podcast("Ada", "ada@harbour.example", "cover.png"),
    email=Email("Harbour Letter <post@harbour.example>"),
    feeds=Feeds(hub="https://hub.example/"),
)
PATIENT = Patient(PUBLICATION, "harbour.example", "harbour.example", "audio/01-first.mp3")
SIGNER = Signer("harbour.example", "s1", "ed25519", Ed25519PrivateKey.generate())

DNS: dict[tuple[str, str], Sequence[str]] = {
    ("harbour.example", "TXT"): ["v=spf1 include:mail.example -all", "unrelated"],
    ("mail.example", "TXT"): ["v=spf1 ip4:192.0.2.7 -all"],
    ("s1._domainkey.harbour.example", "TXT"): [SIGNER.record()],
    ("_dmarc.harbour.example", "TXT"): ["v=DMARC1; p=reject"],
    ("smtp.example", "A"): ["192.0.2.7"],
    ("192.0.2.7", "PTR"): ["smtp.example."],
}


def fetch(method: str, address: str, headers: Mapping[str, str]) -> Answer:
    if "Range" in headers:
        return Answer(206, {"content-range": "bytes 0-1/1000"})
    return Answer(200, {"content-type": "application/rss+xml", "date": format_datetime(NOW)})


WORLD = World(
    now=NOW,
    resolve=lambda name, kind: DNS.get((name, kind), ()),
    fetch=fetch,
    certificate=lambda host, port: NOW + timedelta(days=60),
    log_in=lambda: None,
    smtp=("smtp.example", 587),
    free=50_000_000_000,
    tools={"ffmpeg": "/bin/ffmpeg", "git": "/bin/git"},
    secrets={"SIMULCAST_SECRET_KEY": "x"},
    signers=lambda: (SIGNER,),
)


def verdicts(world: World = WORLD, patient: Patient = PATIENT) -> dict[str, Verdict]:
    return {one.name: one for one in examined(patient, world)}


def test_where_all_is_well_every_check_is_good() -> None:
    found = verdicts()
    assert list(found) == list(CHECKS)
    assert {one.state for one in found.values()} == {"good"}, found


def dns(name: str, *texts: str) -> World:
    """The world where a name has these TXT records."""
    table = DNS | {(name, "TXT"): texts}
    return replace(WORLD, resolve=lambda name, kind: table.get((name, kind), ()))


def lost(name: str, kind: str) -> Sequence[str]:
    return ["elsewhere."] if kind == "PTR" else DNS.get((name, kind), ())


def answering(status: int, **headers: str) -> Callable[[str, str, Mapping[str, str]], Answer]:
    return lambda *_: Answer(status, headers)


def refused() -> None:
    raise OutsideError("the server refuses the user or the password")


MANY = " ".join(f"include:s{n}.example" for n in range(11))


@pytest.mark.parametrize(
    ("name", "world", "said"),
    [
        ("tools", replace(WORLD, tools={"ffmpeg": "", "git": "x"}), "not there: ffmpeg"),
        ("disk", replace(WORLD, free=1_000_000), "0.0 GB free"),
        ("clock", replace(WORLD, now=NOW + timedelta(minutes=5)), "300 seconds"),
        ("spf", dns("harbour.example"), "has no SPF record"),
        ("spf", dns("harbour.example", "v=spf1 -all", "v=spf1 -all"), "has 2 SPF records"),
        ("spf", dns("harbour.example", "v=spf1 +all"), "lets everybody send"),
        ("spf", dns("harbour.example", f"v=spf1 {MANY} -all"), "11 DNS questions"),
        ("dkim", dns("s1._domainkey.harbour.example"), "is not in DNS"),
        ("dkim", dns("s1._domainkey.harbour.example", "v=DKIM1; p=AAAA"), "another key"),
        ("dkim", replace(WORLD, signers=lambda: ()), "is not signed"),
        ("dmarc", dns("_dmarc.harbour.example"), "is not in DNS"),
        ("ptr", replace(WORLD, resolve=lambda n, k: DNS[n, k] if k == "A" else ()), "no name (PTR)"),
        ("ptr", replace(WORLD, resolve=lost), "leads elsewhere"),
        ("https", replace(WORLD, certificate=lambda h, p: NOW + timedelta(days=3)), "2026-06-04"),
        ("smtp certificate", replace(WORLD, certificate=lambda h, p: NOW), "2026-06-01"),
        ("feed", replace(WORLD, fetch=answering(404)), "answered with 404"),
        ("byte ranges", replace(WORLD, fetch=answering(200)), "answered with 200, not 206"),
        ("hub", replace(WORLD, fetch=answering(503)), "answers with 503"),
    ],
)  # fmt: skip
def test_what_is_amiss_is_named_with_what_to_do(name: str, world: World, said: str) -> None:
    found = verdicts(world)[name]
    assert found.state == "bad" and said in found.said and found.mend, found


def test_a_site_without_https_is_refused() -> None:
    patient = replace(PATIENT, publication=replace(PUBLICATION, url="http://harbour.example/"))
    assert verdicts(patient=patient)["https"].state == "bad"


def test_a_service_needs_a_key_that_lasts() -> None:
    service = replace(PUBLICATION, service=Service("https://letters.harbour.example/"))
    found = verdicts(replace(WORLD, secrets={}), replace(PATIENT, publication=service))
    assert found["secrets"].state == "warning"


def test_bounces_at_another_domain_need_a_signature() -> None:
    elsewhere = replace(PATIENT, bounces="bounces.example")
    assert verdicts(patient=elsewhere)["dmarc"].state == "good"
    assert verdicts(replace(WORLD, signers=lambda: ()), elsewhere)["dmarc"].state == "bad"


def test_what_cannot_be_reached_says_so_and_the_rest_goes_on() -> None:
    found = verdicts(replace(WORLD, log_in=refused))
    assert found["smtp login"].state == "unreached"
    assert found["hub"].state == "good"


def test_without_a_mail_server_its_checks_are_idle() -> None:
    found = verdicts(replace(WORLD, smtp=None, log_in=None, signers=lambda: ()))
    assert {found[name].state for name in ("smtp login", "smtp certificate", "ptr", "dkim")} == {
        "idle"
    }


@pytest.mark.parametrize(
    ("world", "code"),
    [(WORLD, 0), (replace(WORLD, free=1), 1), (replace(WORLD, log_in=refused), 3)],
)
def test_the_command_tells_each_check_and_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World, code: int
) -> None:
    def resolve(name: str, kind: str) -> Sequence[str]:
        return world.resolve(name.replace("small.example", "harbour.example"), kind)

    here = replace(world, resolve=resolve)
    monkeypatch.setattr("pipeline.cli.doctoring._world", lambda *_: here)
    ran = CliRunner().invoke(main, ["doctor", "--root", str(small(tmp_path))])
    assert ran.exit_code == code, ran.output
    assert all(name in ran.output for name in CHECKS)
