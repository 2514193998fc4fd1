"""Promises of the engine: what is begun is taken to its end once, on this machine or on another."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.delivery.database import Database
from pipeline.delivery.engine import POLL, Durable, Engine
from pipeline.delivery.ledger.claims import LEASE
from pipeline.delivery.ledger.sums import sums_of
from pipeline.delivery.mailing import launch, look_after, take_up, works
from pipeline.delivery.sender import Clock, Dispatch
from pipeline.delivery.tokens import Tokens
from pipeline.delivery.transport import Outcome
from pipeline.errors import AuthorError, OutsideError, TemplateError
from tests.editions import (
    NOW,
    Answering,
    Time,
    dispatch,
    frozen,
    plan,
    planned,
    readers,
    subscribed,
)
from tests.sinks import ToSink, sink
from tests.test_killed import SENDER


@contextmanager
def durable(database: Path | str, folder: Path, worker: str, works: dict) -> Iterator[Durable]:  # type: ignore[type-arg]
    where = folder / "engine.db" if isinstance(database, Path) else database
    engine = Durable(where, worker, works, f"engine_{folder.name}")
    engine.launch()
    try:
        yield engine
    finally:
        engine.close()


def finished(ended: Callable[[], bool]) -> None:
    """Until something has ended, or it is clear that it never will."""
    latest = time.monotonic() + 60
    while not ended() and time.monotonic() < latest:
        time.sleep(POLL)
    assert ended()


def test_what_is_begun_twice_is_done_once(database: Path | str, tmp_path: Path) -> None:
    done: list[tuple[str, int, int]] = []

    def work(engine: Engine, key: str, first: int, second: int) -> None:
        engine.step("note", lambda: done.append((key, first, second)))

    with durable(database, tmp_path, "one", {"work": work}) as engine:
        for _ in range(3):
            engine.begin("the key", "work", 1, 2)
        finished(lambda: engine.ended("the key"))
    with durable(database, tmp_path, "one", {"work": work}) as engine:
        engine.begin("the key", "work", 1, 2)
        finished(lambda: engine.ended("the key"))
    assert done == [("the key", 1, 2)]


@pytest.mark.parametrize(
    "failure",
    [OutsideError("the server is away"), TemplateError("no"), AuthorError("a.md", 3, "wrong")],
)
def test_what_work_raises_is_raised_where_its_end_is_asked_for(
    tmp_path: Path, failure: Exception
) -> None:
    def work(engine: Engine, key: str, first: int, second: int) -> None:
        raise failure

    with durable(tmp_path, tmp_path, "one", {"work": work}) as engine:
        engine.begin("the key", "work", 1, 2)
        with pytest.raises(type(failure), match=str(failure)):
            finished(lambda: engine.ended("the key"))


def test_an_edition_goes_out_by_rounds_until_nothing_is_left(
    ledger: Database, database: Path | str, tmp_path: Path
) -> None:
    number, clock = planned(ledger, 20), Time()
    transport = Answering(Outcome("deferred", "later"), OutsideError("away"), connections=2)
    how = dispatch(transport, ledger, clock)
    with durable(database, tmp_path, "one", dict(works(ledger, how))) as engine:
        (first,) = take_up(ledger, how, engine, clock.moment)
        with pytest.raises(OutsideError, match="away"):
            finished(lambda: engine.ended(first))
        assert sums_of(ledger, number).state == "running"
        clock.wait(100_000)
        (second,) = take_up(ledger, how, engine, clock.moment)
        finished(lambda: engine.ended(second))
        assert (first, second) == ("edition-1-0", "edition-1-1")
        assert take_up(ledger, how, engine, clock.moment) == []
    sums = sums_of(ledger, number)
    assert (sums.accepted, sums.uncertain, sums.state) == (20, 0, "finished")
    assert len(transport.given) == 21


def test_a_machine_that_never_comes_back_is_noticed_and_its_work_is_done(
    database: Path | str, tmp_path: Path
) -> None:
    with Database.open(database) as book, sink(tmp_path) as found:
        subscribed(book, readers(300))
        number = plan(book, frozen(), (), NOW)
        assert number is not None
        schema = f"engine_{tmp_path.name}"
        where = tmp_path / "engine.db" if isinstance(database, Path) else database
        told = {
            "ledger": str(database),
            "engine": str(where),
            "schema": schema,
            "sink": str(found.path),
            "window": 4,
            "connections": 1,
            "hold": False,
        }
        child = subprocess.Popen([sys.executable, "-c", SENDER, json.dumps(told)])
        while found.total < 50 and child.poll() is None:
            pass
        child.send_signal(signal.SIGKILL)
        child.wait()
        later = Clock(lambda: time.time() + LEASE + 1, time.sleep)
        how = Dispatch(ToSink(found.path, 4), Tokens(book.secret), later, worker="another")
        engine = Durable(where, "another", works(book, how), schema)
        try:
            launch(book, how, engine)
            assert look_after(book, how, engine) == 1
            finished(lambda: engine.ended("edition-1-0"))
            assert look_after(book, how, engine) == 0
            (key,) = take_up(book, how, engine, later.moment()) or ("edition-1-0",)
            finished(lambda: engine.ended(key))
        finally:
            engine.close()
        sums = sums_of(book, number)
    assert (sums.accepted, sums.state, len(found.arrived)) == (300, "finished", 300)
    assert found.total - 300 <= sums.uncertain <= 4


def test_building_needs_no_engine() -> None:
    modules = "pipeline.cli.building, pipeline.cli.publishing, pipeline.cli.mailing, pipeline.delivery.sender"
    done = subprocess.run(
        [sys.executable, "-c", f"import {modules}, sys; print('dbos' in sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n"
