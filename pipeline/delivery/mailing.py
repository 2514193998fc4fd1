"""Mailing an edition is the engine's work: begun once, and taken up where it was after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from pipeline.delivery.database import Database
from pipeline.delivery.engine import Engine, Work
from pipeline.delivery.ledger import claims, editions, publishings, workers
from pipeline.delivery.ledger.sums import sums_of
from pipeline.delivery.sender import Dispatch, begin, fill
from pipeline.errors import SimulcastError

SILENT = 60
"""Seconds without a word after which a worker is taken for dead."""

Told = Callable[[str], None]
"""Hears in words what went wrong and will be tried again."""


Publish = Callable[[str], None]
"""Publishes the episode of that slug, all of it; again, if it broke off."""


def works(
    ledger: Database, dispatch: Dispatch, publish: Publish | None = None
) -> Mapping[str, Work]:
    """The kinds of work that the engine is to know, by name."""
    return {
        "edition": partial(_edition, ledger, dispatch),
        "slot": partial(_slot, ledger, dispatch),
        "publish": partial(_publish, ledger, publish),
    }


def _publish(
    ledger: Database, publish: Publish | None, engine: Engine, key: str, number: int, _: int
) -> None:
    """An episode whose time has come goes out, in every medium."""
    slug = engine.step("look", partial(_slug, ledger, number))
    try:
        if slug and publish is not None:
            engine.step("publish", partial(publish, slug))
    finally:
        engine.step("note", partial(publishings.published, ledger, number))


def _slug(ledger: Database, number: int) -> str:
    """The episode that is to be published; "" if somebody took it back."""
    return next((one.slug for one in publishings.to_publish(ledger) if one.id == number), "")


def _edition(
    ledger: Database, dispatch: Dispatch, engine: Engine, key: str, number: int, which: int
) -> None:
    """One round of an edition: let it out, have this worker's slots send what can be sent now, and count."""
    try:
        if engine.step("begin", partial(begin, ledger, number, dispatch)):
            # Named in a step, since another worker that takes this up must find them by the names they were begun by.
            slots = engine.step("name", partial(_slots, dispatch, key))
            _begin_slots(engine, slots, number)
            _wait_for(engine, slots)
    finally:
        engine.step("count", partial(editions.end_round, ledger, number, which))


def _slot(
    ledger: Database, dispatch: Dispatch, engine: Engine, key: str, number: int, place: int
) -> None:
    """One sender of an edition; where it broke off, another goes on from the ledger."""
    engine.step("fill", partial(fill, ledger, number, dispatch))
    engine.step("finish", partial(editions.finish, ledger, number))


def _slots(dispatch: Dispatch, key: str) -> list[str]:
    """The keys of this worker's slots in a round."""
    return [f"{key}-{dispatch.worker}-{place}" for place in range(dispatch.transport.connections)]


def _begin_slots(engine: Engine, slots: list[str], number: int) -> None:
    for place, slot in enumerate(slots):
        engine.begin(slot, "slot", number, place)


def _wait_for(engine: Engine, keys: list[str]) -> None:
    """Until all have ended; then raises what the first of them raised."""
    failures: list[SimulcastError] = []
    for key in keys:
        try:
            engine.wait(key)
        except SimulcastError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def launch(ledger: Database, dispatch: Dispatch, engine: Engine) -> None:
    """Begin as this worker: what it left in hand when it died is unknown, and its work is taken up."""
    now = dispatch.clock.now()
    claims.reap(ledger, now, worker=dispatch.worker, hold=dispatch.hold)
    workers.seen(ledger, dispatch.worker, now)
    engine.launch()


def take_up(ledger: Database, dispatch: Dispatch, engine: Engine, at: datetime) -> list[str]:
    """Begin a round of each edition of which something can be sent, and help with those that others began; the keys."""
    keys = []
    for number in editions.to_send(ledger, at):
        key = f"edition-{number}-{editions.round_of(ledger, number)}"
        engine.begin(key, "edition", number, editions.round_of(ledger, number))
        keys.append(key)
        if sums_of(ledger, number).state == "running":
            _begin_slots(engine, _slots(dispatch, key), number)
    return keys


def take_up_publishings(ledger: Database, engine: Engine, at: datetime) -> list[str]:
    """Begin to publish each episode whose time has come; the keys."""
    keys = []
    for one in publishings.to_publish(ledger, at):
        keys.append(f"publish-{one.id}")
        engine.begin(keys[-1], "publish", one.id, 0)
    return keys


def look_after(ledger: Database, dispatch: Dispatch, engine: Engine) -> int:
    """Say that this worker lives, take slots whose lease ran out, and have the work of dead workers done; how many
    workers were dead. One worker at a time does it."""
    now = dispatch.clock.now()
    workers.seen(ledger, dispatch.worker, now)
    claims.reap(ledger, now, hold=dispatch.hold)
    dead = workers.silent(ledger, now - SILENT)
    if not dead or not workers.lease(ledger, "adoption", dispatch.worker, now, SILENT):
        return 0
    for worker in dead:
        engine.adopt(worker)
        claims.reap(ledger, now, worker=worker, hold=dispatch.hold)
        workers.gone(ledger, worker)
    return len(dead)
