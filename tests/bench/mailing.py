"""Messages a second into Postfix's smtp-sink: the whole way from the ledger, against smtp-source and nodemailer."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.delivery import people
from pipeline.delivery.database import Database
from pipeline.delivery.dkim import Signer
from pipeline.delivery.message import Letters, Recipient
from pipeline.delivery.people import Entry
from pipeline.delivery.sender import Clock, Dispatch, send
from pipeline.delivery.smtp import Smtp
from pipeline.delivery.tokens import Tokens
from tests.bench.rows import Row
from tests.editions import NOW, frozen, plan
from tests.keys import RSA
from tests.peers import node_module, peer

SERVICE = "https://letters.ground.example/"
CONNECTIONS = 10
"""Ours and a rival's: while one batch is settled, others are under way."""

SIGNING = 4
"""Ours where each message is signed: what signs keeps the interpreter, and more would only wait for it."""

WINDOW = 100
"""Messages claimed and settled together; the bound of second copies after a crash, for each connection."""

PARAGRAPH = (
    "<p>It was the best of mail, it was the worst of mail, and all of it arrived in time.</p>\n"
)
HTML = (
    "<p>Dear https://slot.invalid/name/reader/,</p>\n"
    + PARAGRAPH * 640
    + '<a href="https://slot.invalid/unsubscribe_url">Unsubscribe</a>'
)
TEXT = re.sub("<.*?>", "", PARAGRAPH) * 90 + "Unsubscribe: https://slot.invalid/unsubscribe_url\n"

POOL = """
const nodemailer = require("nodemailer");
const [port, count, connections, key, html, text] = JSON.parse(require("fs").readFileSync(0));
const pool = nodemailer.createTransport({
  pool: true, maxConnections: connections, maxMessages: Infinity, host: "127.0.0.1", port, ignoreTLS: true,
  dkim: { domainName: "ground.example", keySelector: "r2026", privateKey: key },
});
const began = process.hrtime.bigint();
Promise.all(Array.from({ length: count }, (_, n) => pool.sendMail({
  from: "Ground Truth <post@ground.example>", to: `reader${n}@example.org`, subject: "Episode 6",
  html: html.replace("https://slot.invalid/name/reader/", `Reader ${n}`), text,
}))).then(() => {
  console.log(Number(process.hrtime.bigint() - began) / 1e9);
  pool.close();
});
"""


@dataclass(frozen=True)
class Sink:
    """Postfix's smtp-sink, and the program that fills it as fast as it can be filled."""

    port: int
    source: Path
    counters: Path

    @property
    def messages(self) -> int:
        """How many it has taken, by its own count."""
        counted = re.findall(rb"mesg=(\d+)", self.counters.read_bytes())
        return int(counted[-1]) if counted else 0

    def filled(self, count: int, size: int) -> float:
        """Messages a second of smtp-source, over connections that it keeps."""
        words = ["-s", CONNECTIONS, "-d", "-l", size, "-m", count, f"127.0.0.1:{self.port}"]
        began = time.perf_counter()
        subprocess.run([str(word) for word in (self.source, *words)], check=True)
        return count / (time.perf_counter() - began)


@contextmanager
def sink(*, counts: bool = False) -> Iterator[Sink]:
    """counts: it says how many messages it took, which slows it down."""
    program, source = peer("Postfix's sink", "smtp-sink", "smtp-source")
    port = 2526
    with tempfile.NamedTemporaryFile() as counters:
        words = [program, *(["-c"] * counts), "-u", "nobody", f"127.0.0.1:{port}", "500"]
        running = subprocess.Popen(words, stdout=counters)
        try:
            time.sleep(0.5)
            yield Sink(port, source, Path(counters.name))
        finally:
            running.terminate()
            running.wait()


def sent(where: Sink, count: int, signers: tuple[Signer, ...]) -> float:
    """Messages a second of ours: planned before, then claimed, joined, signed, handed over and settled."""
    connections = SIGNING if signers else CONNECTIONS
    server = Smtp("127.0.0.1", where.port, "none", window=WINDOW, connections=connections)
    with tempfile.TemporaryDirectory() as folder, Database.open(Path(folder) / "ledger.db") as book:
        readers = (Entry(f"reader{n}@example.org", name=f"Reader {n}") for n in range(count))
        people.add(book, "readers", readers, NOW)
        number = plan(book, frozen(html=HTML, text=TEXT), (), NOW)
        assert number is not None
        how = Dispatch(
            server,
            Tokens(book.secret, SERVICE),
            Clock(time.time, time.sleep),
            signers=signers,
            bounces="bounces@ground.example",
        )
        began = time.perf_counter()
        sums = send(book, number, how)
        assert sums is not None and sums.accepted == count
        return count / (time.perf_counter() - began)


def compared(
    what: str, ours: Callable[[], float], theirs: Callable[[], float], rival: str, wanted: str
) -> Row:
    """Three runs of each, one after the other; the median of the three ratios."""
    pairs = [(ours(), theirs()) for _ in range(3)]
    ratio = statistics.median(a / b for a, b in pairs)
    first, second = (statistics.median(one) for one in zip(*pairs, strict=True))
    return Row(what, f"{first:,.0f}/s", f"{second:,.0f}/s {rival}", ratio, wanted)


def pooled(where: Sink, count: int) -> float:
    """Messages a second of nodemailer's pool, each with its own HTML and signed."""
    import json

    from cryptography.hazmat.primitives import serialization

    key = RSA.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    folder = node_module("nodemailer").parent
    ran = subprocess.run(
        ["node", "-e", POOL],
        input=json.dumps([where.port, count, CONNECTIONS, key, HTML, TEXT]),
        env={"NODE_PATH": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    return count / float(ran.stdout)


def rows(full: bool) -> Iterator[Row]:
    try:
        peer("Postfix's sink", "smtp-sink", "smtp-source")
    except pytest.skip.Exception as absent:
        yield Row(f"mailing: {absent}", "")
        return
    count = 20_000 if full else 4_000
    letters = Letters(frozen(html=HTML, text=TEXT), 1, b"secret", signers=(RSA,))
    size = len(letters.message(Recipient(1, "reader1@example.org")).content)
    with sink() as where:

        def source() -> float:
            return where.filled(count, size)

        for what, signers, wanted in (
            ("mail, each its own, unsigned", (), "≥ 0.9"),
            ("mail, each its own, RSA-signed", (RSA,), "≥ 0.4"),
        ):
            yield compared(
                what,
                lambda signers=signers: sent(where, count, signers),  # type: ignore[misc]
                source,
                "smtp-source",
                wanted,
            )
        try:
            yield compared(
                "mail, each its own, RSA-signed",
                lambda: sent(where, count // 2, (RSA,)),
                lambda: pooled(where, 300),
                "nodemailer's pool",
                "≥ 8",
            )
        except pytest.skip.Exception as absent:
            yield Row(f"mail against nodemailer's pool: {absent}", "")
