"""Killed at any moment, nobody is lost, and who is mailed twice was caught in a window that is bounded and named."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.delivery.ledger import Ledger
from tests.editions import HTML, NOW, frozen, readers, subscribed
from tests.peers import MUST
from tests.sinks import Sink, sink

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")

SENDER = """
import json, sys, time
from pathlib import Path
from pipeline.delivery.engine import Durable, until
from pipeline.delivery.ledger import Ledger
from pipeline.delivery.mailing import launch, take_up, works
from pipeline.delivery.sender import Clock, Dispatch
from pipeline.delivery.tokens import Tokens
from tests.sinks import ToSink
told = json.loads(sys.argv[1])
def place(where):
    return Path(where) if where.startswith("/") else where
with Ledger.open(place(told["ledger"])) as book:
    how = Dispatch(
        ToSink(Path(told["sink"]), told["window"], told["connections"]),
        Tokens(book.secret), Clock(time.time, time.sleep), worker="the one", hold=told["hold"],
    )
    engine = Durable(place(told["engine"]), "the one", works(book, how), told["schema"])
    launch(book, how, engine)
    keys = take_up(book, how, engine, how.clock.moment())
    until(lambda: all(engine.ended(key) for key in keys))
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
    whole = bool(os.environ.get(MUST)) and isinstance(database, Path) and not hold
    count, kills = (20_000, 60) if whole else (400, 2)
    with Ledger.open(database) as book, sink(tmp_path) as found:
        subscribed(book, readers(count))
        number = book.plan(frozen(html=HTML * 20), (), NOW)
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
            sums = book.sums(number)
            assert sums.hold and sums.accepted <= len(found.arrived)
        assert killed == kills, "the sender was not killed as often as was meant"
        assert run(told, found, None) == 0
        sums = book.sums(number)
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
        assert twice <= sums.uncertain <= bound
