"""Killed at any moment, nobody is lost, and who is mailed twice was caught in a window that is bounded and named."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.cli.subscribing import LEDGER
from pipeline.delivery.database import Database
from pipeline.delivery.ledger.sums import sums_of
from tests.editions import HTML, NOW, frozen, plan, readers, subscribed
from tests.peers import MUST, peer
from tests.publications import small
from tests.sinks import Sink, sink

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")

SENDER = """
import json, sys, time
from pathlib import Path
from pipeline.delivery.engine import Durable
from pipeline.delivery.database import Database
from pipeline.delivery.mailing import launch, take_up, works
from pipeline.delivery.sender import Clock, Dispatch
from pipeline.delivery.tokens import Tokens
from tests.sinks import ToSink
told = json.loads(sys.argv[1])
def place(where):
    return Path(where) if where.startswith("/") else where
with Database.open(place(told["ledger"])) as book:
    how = Dispatch(
        ToSink(Path(told["sink"]), told["window"], told["connections"]),
        Tokens(book.secret), Clock(time.time, time.sleep), worker="the one", hold=told["hold"],
    )
    engine = Durable(place(told["engine"]), "the one", works(book, how), told["schema"])
    launch(book, how, engine)
    keys = take_up(book, how, engine, how.clock.moment())
    while not all(engine.ended(key) for key in keys):
        time.sleep(0.1)
    engine.close()
"""


def run(told: dict[str, object], found: Sink, kill_at: int | None) -> int:
    """A sender in a process of its own, killed once the sink has so many messages; its exit code."""
    child = subprocess.Popen([sys.executable, "-c", SENDER, json.dumps(told)])
    while child.poll() is None:
        if kill_at is not None and found.total >= kill_at:
            child.send_signal(signal.SIGKILL)
            break
    return child.wait()


@pytest.mark.parametrize(("window", "connections", "hold"), [(8, 2, False), (8, 1, True)])
def test_killed_at_any_moment_nobody_is_lost_and_the_sums_are_the_sink_s(
    database: Path | str, tmp_path: Path, window: int, connections: int, hold: bool
) -> None:
    count, kills = 300, 1 if hold else 2
    with Database.open(database) as book, sink(tmp_path) as found:
        subscribed(book, readers(count))
        number = plan(book, frozen(html=HTML * 20), (), NOW)
        assert number is not None
        told: dict[str, object] = {
            "ledger": str(database),
            "engine": str(tmp_path / "engine.db" if isinstance(database, Path) else database),
            "schema": f"engine_{tmp_path.name}",
            "sink": str(found.path),
            "window": window,
            "connections": connections,
            "hold": hold,
        }
        killed = 0
        for moment in sorted(random.Random(window).sample(range(1, count * 9 // 10), kills)):
            killed += run(told, found, moment) == -signal.SIGKILL
            sums = sums_of(book, number)
            assert sums.hold and sums.accepted <= len(found.arrived)
        assert killed == kills, "the sender was not killed as often as was meant"
        assert run(told, found, None) == 0
        sums = sums_of(book, number)
    twice = found.total - len(found.arrived)
    bound = kills * connections * window
    print(f"{count} messages, {kills} kills: {twice} twice (at most {bound}), {sums}")
    assert sums.state == "finished"
    assert (sums.planned, sums.sending, sums.deferred, sums.refused) == (0, 0, 0, 0)
    assert sums.accepted + sums.unknown == count and sums.uncertain <= bound
    assert all(len(one) == 1 for one in found.contents.values())  # a second copy is the same bytes
    if hold:
        assert twice == 0
        # Those held are the only ones of whom nobody knows; some of them arrived.
        assert sums.accepted <= found.total <= count and sums.unknown == sums.uncertain
    else:
        assert sums.unknown == 0
        assert len(found.arrived) == sums.accepted == count  # nobody is lost
        again = sum(copies > 1 for copies in found.arrived.values())
        assert twice <= bound and again <= sums.uncertain <= bound


# --- into Postfix's sink, by the command ------------------------------------------------------------


class Dump:
    """What smtp-sink took whole, as it appends it to a file."""

    def __init__(self, file: Path) -> None:
        self.file, self._at, self.total = file, 0, 0

    def look(self) -> int:
        """How many messages there are by now."""
        if self.file.exists():
            with self.file.open("rb") as taken:
                taken.seek(self._at)
                fresh = taken.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._at += len(whole)
            self.total += whole.count(b"X-Client-Addr:")
        return self.total

    def messages(self) -> Iterator[tuple[bytes, bytes]]:
        """The Message-ID of each, and its bytes without what the sink wrote above them."""
        for one in self.file.read_bytes().split(b"X-Client-Addr: ")[1:]:
            content = one.partition(b"(UTC)\n")[2]
            named = re.search(rb"^Message-ID: (\S+)$", content, re.M)
            assert named is not None
            yield named[1], content


@contextmanager
def smtp_sink(folder: Path) -> Iterator[tuple[str, Dump]]:
    """Postfix's smtp-sink on a port of this machine, and what it takes."""
    (program,) = peer("Postfix's sink", "smtp-sink")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir()
    folder.chmod(0o777)
    command = [program, "-D", "dump", f"127.0.0.1:{port}", "100"]
    if os.getuid() == 0:  # it gives root up, and so must be able to write there as another
        command[1:1] = ["-u", "nobody", "-R", folder]
        for above in folder.parents:
            if above.owner() == "root" and above != above.parent and above.stat().st_mode & 1 == 0:
                above.chmod(above.stat().st_mode | 0o011)
    sink = subprocess.Popen([str(word) for word in command], cwd=folder)
    try:
        while not _listens(port):
            assert sink.poll() is None
        yield f"smtp://127.0.0.1:{port}?window=8&connections=2", Dump(folder / "dump")
    finally:
        sink.kill()
        sink.wait()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_killed_at_any_moment_the_sums_are_those_of_postfix_s_sink(tmp_path: Path) -> None:
    count, kills = (20_000, 60) if os.environ.get(MUST) else (400, 2)
    root = small(tmp_path / "letter")
    with (
        Database.open(root / LEDGER) as book,
        smtp_sink(tmp_path / "sink") as (address, found),
    ):
        subscribed(book, readers(count))
        number = plan(book, frozen(html=HTML * 20), (), NOW)
        assert number is not None
        command = [sys.executable, "-c", "from pipeline.cli import main; main()"]
        command += ["worker", "--once", "--quiet", "--root", str(root)]

        def worker(kill_at: int | None) -> int:
            child = subprocess.Popen(command, env={**os.environ, "SIMULCAST_SMTP_URL": address})
            while child.poll() is None:
                if kill_at is not None and found.look() >= kill_at:
                    child.send_signal(signal.SIGKILL)
                    break
            return child.wait()

        moments = sorted(random.Random(60).sample(range(1, count * 9 // 10), kills))
        killed = sum(worker(moment) == -signal.SIGKILL for moment in moments)
        assert killed == kills and worker(None) == 0
        sums = sums_of(book, number)
    arrived = list(found.messages())
    twice = len(arrived) - len({named for named, _ in arrived})
    bound = kills * 2 * 8
    print(f"{count} messages, {kills} kills: {twice} twice (at most {bound}), {sums}")
    assert (sums.state, sums.accepted, sums.hold) == ("finished", count, True)
    assert len({named for named, _ in arrived}) == sums.accepted  # nobody is lost
    assert len(set(arrived)) == count  # a second copy is the same bytes
    again = sum(copies > 1 for copies in Counter(named for named, _ in arrived).values())
    assert twice <= bound and again <= sums.uncertain <= bound
