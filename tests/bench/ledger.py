"""Whether a longer list needs no more memory, from its import to Postfix's sink, and processes keep a pace together."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.delivery.database import Database
from tests.bench.mailing import sink as smtp_sink
from tests.bench.rows import Row, Spent, spent
from tests.editions import NOW, frozen, plan, readers, subscribed
from tests.peers import peer
from tests.sinks import sink

IMPORT = """
import sys
from pathlib import Path
from pipeline.delivery.database import Database
from pipeline.delivery.ledger.sums import sums_of
from pipeline.delivery.subscribers import import_csv
from tests.editions import NOW, frozen, plan
with Database.open(Path(sys.argv[1])) as book, open(sys.argv[2]) as rows:
    done = import_csv(book, "readers", rows, NOW)
    assert plan(book, frozen(), (), NOW) == 1
    assert sums_of(book, 1).audience == done.subscribers.added
"""

SEND = """
import sys, time
from pathlib import Path
from pipeline.delivery.database import Database
from pipeline.delivery.sender import Clock, Dispatch, send
from pipeline.delivery.smtp import Smtp
from pipeline.delivery.tokens import Tokens
with Database.open(Path(sys.argv[1])) as book:
    to = Smtp("127.0.0.1", int(sys.argv[2]), "none", window=50, connections=4)
    sums = send(book, 1, Dispatch(to, Tokens(book.secret), Clock(time.time, time.sleep)))
    assert sums.accepted == sums.audience and sums.hold
"""

PACED = """
import json, sys, time
from pathlib import Path
from pipeline.delivery.database import Database
from pipeline.delivery.pace import Pace, Paces
from pipeline.delivery.sender import Clock, Dispatch, send
from pipeline.delivery.tokens import Tokens
from tests.sinks import ToSink
told = json.loads(sys.argv[1])
with Database.open(Path(told["ledger"])) as book:
    pace = Paces(Pace(per_second=told["per_second"]), {}, {})
    to = ToSink(Path(told["sink"]), told["window"])
    send(book, 1, Dispatch(to, Tokens(book.secret), Clock(time.time, time.sleep), pace))
"""


def rows(full: bool) -> Iterator[Row]:
    try:
        peer("Postfix's sink", "smtp-sink", "smtp-source")
        yield from _memory(1_000_000 if full else 20_000)
    except pytest.skip.Exception as absent:
        yield Row(f"a long list: {absent}", "")
    yield _pace(50, seconds=20 if full else 6)


def _memory(many: int) -> Iterator[Row]:
    """Import, plan and send, each in a process of its own, of a list and of a tenth of it."""
    with tempfile.TemporaryDirectory() as name:
        (few_in, few_out), (in_, out) = (
            _through(Path(name) / str(count), count) for count in (many // 10, many)
        )
    for what, ours, tenth in (
        ("imported and planned", in_, few_in),
        ("sent to Postfix's sink", out, few_out),
    ):
        yield Row(
            f"{many:,} {what} · a tenth of them (memory)",
            f"{ours.peak:.0f} MB, {many / ours.wall:,.0f}/s",
            f"{tenth.peak:.0f} MB",
            ours.peak / tenth.peak,
            "≤ 1.15",
        )


def _through(folder: Path, count: int) -> tuple[Spent, Spent]:
    folder.mkdir()
    with (folder / "list.csv").open("w", newline="") as out:
        written = csv.writer(out)
        written.writerow(["email", "name"])
        for number in range(count):
            written.writerow([f"reader{number}@d{number % 997}.example", ""])
            if number % 20 == 0:  # and some of them in other case
                written.writerow([f"READER{number}@D{number % 997}.Example", ""])
    python = [sys.executable, "-c"]
    came_in = spent([*python, IMPORT, str(folder / "ledger.db"), str(folder / "list.csv")])
    with smtp_sink(counts=True) as found:
        went = spent([*python, SEND, str(folder / "ledger.db"), str(found.port)])
        assert found.messages == count
    return came_in, went


def _pace(per_second: int, seconds: int) -> Row:
    """Two processes that send one edition at a rate."""
    count = per_second * seconds
    with tempfile.TemporaryDirectory() as name, sink(Path(name)) as found:
        file = Path(name) / "ledger.db"
        with Database.open(file) as book:
            subscribed(book, readers(count))
            plan(book, frozen(), (), NOW)
        told = {"ledger": str(file), "sink": str(found.path)}
        words = json.dumps({**told, "per_second": per_second, "window": 4})
        both = [subprocess.Popen([sys.executable, "-c", PACED, words]) for _ in range(2)]
        while found.total == 0:
            time.sleep(0.001)
        began = time.perf_counter()
        for one in both:
            if one.wait():
                raise subprocess.CalledProcessError(one.returncode, "a sender")
            ended = time.perf_counter()
        rate = count / (ended - began)
    off = max(rate / per_second, per_second / rate)
    return Row(
        "a rate kept by two processes · as it was set",
        f"{rate:.1f}/s",
        f"{per_second}/s",
        off,
        "≤ 1.05",
    )
