"""Promises that real post offices keep: Postfix takes mail, Dovecot shows it over IMAP, and the judges believe it."""

from __future__ import annotations

import imaplib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from pipeline.delivery import people
from pipeline.delivery.bounces import take_in
from pipeline.delivery.database import Database
from pipeline.delivery.ledger.sums import reasons, sums_of
from pipeline.delivery.people import Entry
from pipeline.delivery.sender import send
from pipeline.delivery.smtp import smtp
from pipeline.delivery.transport import Place
from tests.editions import NOW, dispatch, frozen, plan
from tests.keys import ED25519, RSA, dns
from tests.peers import absent, peer
from tests.publications import small

MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/spool
data_directory = {home}/data
mail_owner = postfix
myhostname = mx.example.org
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
recipient_delimiter = +
alias_maps =
local_recipient_maps =
maillog_file = {home}/log
maillog_file_prefixes = {home}
smtpd_reject_unlisted_recipient = no
virtual_mailbox_domains = example.org, ground.example
virtual_mailbox_maps = texthash:{home}/boxes
virtual_mailbox_base = {home}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/dovecot.log
protocols = imap
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{home}/mail/%n/
first_valid_uid = 1
passdb {{
  driver = static
  args = password=read
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""

READERS = ("ada", "bob")
BOXES = (*(f"{name}@example.org" for name in READERS), "bounces@ground.example")


@dataclass
class Office:
    """Where Postfix takes mail and Dovecot gives it."""

    home: Path
    port: int
    imap: int

    def count(self, name: str) -> int:
        """How many messages are there."""
        with imaplib.IMAP4("127.0.0.1", self.imap) as box:
            box.login(name, "read")
            return int((box.select("INBOX")[1][0] or b"0").decode())

    def box(self, name: str, count: int) -> list[tuple[str, bytes]]:
        """The return path and the bytes of so many messages, as IMAP gives them once they are there."""
        with imaplib.IMAP4("127.0.0.1", self.imap) as box:
            box.login(name, "read")
            while int((box.select("INBOX")[1][0] or b"0").decode()) < count:
                box.noop()
            found = []
            for number in range(1, count + 1):
                content = box.fetch(str(number), "(BODY.PEEK[])")[1][0]
                assert isinstance(content, tuple)
                back = message_from_bytes(content[1])["Return-Path"]
                found.append((str(back).strip("<>"), content[1]))
        return found


def free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that stays in front."""
    with subprocess.Popen([str(word) for word in command]) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    postfix, dovecot = peer("Postfix and Dovecot", "postfix", "dovecot")
    if os.getuid() != 0:
        absent("Postfix", "only root can run it")
    home = Path(tempfile.mkdtemp(prefix="office"))
    home.chmod(0o755)
    found = Office(home, free_port(), free_port())
    _furnish(found)
    subprocess.run([postfix, "-c", home / "etc", "start"], check=True, capture_output=True)
    try:
        with running(dovecot, "-F", "-c", home / "dovecot.conf") as server:
            for port in (found.port, found.imap):
                while not _listens(port):
                    assert server.poll() is None, (home / "dovecot.log").read_text()
            yield found
    finally:
        subprocess.run([postfix, "-c", home / "etc", "stop"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def _furnish(office: Office) -> None:
    import pwd

    nobody, home = pwd.getpwnam("nobody"), office.home
    values = {"home": home, "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    for name in ("etc", "spool", "data", "mail", "run"):
        (home / name).mkdir()
    (home / "etc/main.cf").write_text(MAIN.format(**values))
    (home / "etc/master.cf").write_text(MASTER.format(port=office.port))
    (home / "boxes").write_text("".join(f"{to} {to.partition('@')[0]}/\n" for to in BOXES))
    (home / "dovecot.conf").write_text(DOVECOT.format(**values, imap=office.imap))
    shutil.chown(home / "data", "postfix")
    shutil.chown(home / "mail", "nobody")


def test_a_reader_finds_it_in_their_mailbox_and_the_judges_believe_it(
    office: Office, tmp_path: Path
) -> None:
    import dkim
    from authheaders import authenticate_message

    before = office.count("bounces")
    url = f"smtp://127.0.0.1:{office.port}?window=8&chunking=yes"
    transport = smtp(Place(tmp_path, {"SIMULCAST_SMTP_URL": url}))
    with Database.open(tmp_path / "ledger.db") as book:
        gone = "nobody.there@example.org"
        entries = [Entry(f"{one}@example.org", name=one.title()) for one in READERS]
        people.add(book, "readers", [*entries, Entry(gone)], NOW)
        number = plan(book, frozen(), (), NOW)
        assert number is not None
        how = dispatch(transport, book, signers=(RSA, ED25519), bounces="bounces@ground.example")
        sums = send(book, number, how)
        assert sums is not None and sums.accepted == 3
        for name in READERS:
            ((back, content),) = office.box(name, 1)
            made = message_from_bytes(content, policy=policy.default)
            assert isinstance(made, EmailMessage)
            assert made["Subject"] == "Episode 6"
            assert all("Grüße 🚀" in part.get_content() for part in made.iter_parts())
            assert back.startswith("bounces+") and back.endswith("@ground.example")
            assert dkim.DKIM(content).verify(dnsfunc=dns)
            said = authenticate_message(
                content, "mx.example.org", spf=False, dkim=True, arc=False, dmarc=True, dnsfunc=dns
            )
            assert "dkim=pass" in said and "dmarc=pass" in said
        _, returned = office.box("bounces", before + 1)[-1]
        assert take_in(book, returned, NOW).kind == "hard"
        after = sums_of(book, number)
        assert (after.accepted, after.refused) == (2, 1)
        assert people.count(book, "readers") == 2
        assert not any("@" in reason for reason in reasons(book, number))


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Where `simulcast serve` of a publication listens while it runs."""
    command = [
        sys.executable,
        "-c",
        "from pipeline.cli import main; main()",
        "serve",
        "--port",
        "0",
    ]
    with subprocess.Popen(
        [*command, "--quiet", "--root", str(root)],
        env={**os.environ, "SIMULCAST_BOUNCE_SECRET": "only the post office knows"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().partition(" is at ")[2].partition(" ")[0]
        finally:
            process.terminate()
            process.wait(20)


def test_what_postfix_brings_back_is_posted_to_the_service_and_ends_all_mail_to_the_address(
    office: Office, tmp_path: Path
) -> None:
    import httpx

    small(tmp_path)
    (tmp_path / "build/site").mkdir(parents=True)
    before = office.count("bounces")
    url = f"smtp://127.0.0.1:{office.port}"
    with Database.open(tmp_path / ".simulcast/ledger.db") as book:
        people.add(book, "readers", [Entry("nobody.here@example.org")], NOW)
        number = plan(book, frozen(), (), NOW)
        assert number is not None
        transport = smtp(Place(tmp_path, {"SIMULCAST_SMTP_URL": url}))
        send(book, number, dispatch(transport, book, bounces="bounces@ground.example"))
    _, returned = office.box("bounces", before + 1)[-1]
    with served(tmp_path) as address:
        for secret, status in (("wrong", 404), ("only the post office knows", 200)):
            answer = httpx.post(
                f"{address}bounces",
                content=returned,
                headers={"Authorization": f"Bearer {secret}"},
                trust_env=False,
            )
            assert answer.status_code == status
        assert answer.json() == {"understood": "hard"}
    with Database.open(tmp_path / ".simulcast/ledger.db") as book:
        assert people.count(book, "readers") == 0
        assert sums_of(book, number).refused == 1
        (reason,) = reasons(book, number)
        assert reason.startswith("5.1.1") and "@" not in reason
