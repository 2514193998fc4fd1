"""Work of many steps goes on after a crash where it was, on this machine or on another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.errors import OutsideError

_T = TypeVar("_T")

Work = Callable[["Engine", str, int, int], None]
"""Receives the engine, the key it was begun under, and two numbers."""

POLL = 0.1
"""Seconds between two looks for work, and for its end."""

SCHEMA = "simulcast_engine"
"""Where PostgreSQL keeps the engine's own tables."""


class Engine(Protocol):
    """What is begun is taken to its end once; a step that was done is not done again, one that broke off is."""

    def launch(self) -> None:
        """Take up what this worker left when it died, and whatever is begun from now on."""
        ...

    def begin(self, key: str, work: str, first: int, second: int) -> None:
        """Do this beside what is under way; under a key that was used, by whomever, nothing is begun."""
        ...

    def step(self, name: str, what: Callable[[], _T]) -> _T:
        """Inside of work: do this, unless it was done before a crash; its result."""
        ...

    def wait(self, key: str) -> None:
        """Inside of work: until that which was begun under a key has ended. Raises what it raised."""
        ...

    def ended(self, key: str) -> bool:
        """Whether that which was begun under a key has ended. Raises what it raised."""
        ...

    def adopt(self, worker: str) -> int:
        """Have the work of a worker that is dead done by those that live; how many pieces."""
        ...

    def close(self) -> None:
        """Stop taking work; what is under way is left for the next launch."""
        ...


class Durable:
    """The engine of DBOS. Its traps, each met here:

    a worker's name is its own alone, else work is done twice; SQLite needs WAL, else it is slow; its queues are slow to
    begin and one worker's poll takes all, hence none is used; the version is pinned, else a new release orphans work;
    it recovers a machine's work on that machine only, hence `adopt`; its rate limiter is bursty, hence the ledger's
    pace; it takes half a second to import, hence it is imported where it is made.
    """

    def __init__(
        self,
        where: Path | str,
        worker: str,
        works: Mapping[str, Work],
        schema: str = SCHEMA,
    ) -> None:
        """where: a file, or the address of a PostgreSQL. worker: a name that no other living process has."""
        from dbos import DBOS

        from pipeline.delivery.database import durable, engine_at

        self._dbos = DBOS
        self._engine = durable(where) if isinstance(where, Path) else engine_at(where)
        self._works = {name: self._registered(name, work) for name, work in works.items()}
        DBOS(
            config={
                "name": "simulcast",
                "system_database_engine": self._engine,
                "dbos_system_schema": schema,
                "application_version": "1",
                "executor_id": worker,
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": POLL,
                "log_level": "CRITICAL",
                "console_log_level": "CRITICAL",
            }
        )

    def launch(self) -> None:
        try:
            self._dbos.launch()
        except Exception as error:
            self.close()
            why = str(error).partition("\n")[0]
            raise OutsideError(f"the engine of work could not be launched: {why}") from error

    def begin(self, key: str, work: str, first: int, second: int) -> None:
        from dbos import SetWorkflowID

        with SetWorkflowID(key):
            self._dbos.start_workflow(self._works[work], key, first, second)

    def step(self, name: str, what: Callable[[], _T]) -> _T:
        return self._dbos.run_step({"name": name}, what)

    def wait(self, key: str) -> None:
        self._dbos.retrieve_workflow(key).get_result(polling_interval_sec=POLL)

    def ended(self, key: str) -> bool:
        found = self._dbos.get_workflow_status(key)
        if found is None or found.status in ("PENDING", "ENQUEUED", "DELAYED"):
            return False
        if found.error is not None:
            raise found.error
        return True

    def adopt(self, worker: str) -> int:
        found = self._dbos.list_workflows(status="PENDING", executor_id=worker)
        for one in found:
            self._dbos.resume_workflow(one.workflow_id)
        return len(found)

    def close(self) -> None:
        self._dbos.destroy(destroy_registry=True)
        self._engine.dispose()

    def _registered(self, name: str, work: Work) -> Callable[[str, int, int], None]:
        def run(key: str, first: int, second: int) -> None:
            work(self, key, first, second)

        run.__qualname__ = name
        registered: Any = self._dbos.workflow(name=f"simulcast_{name}")(run)
        return registered  # type: ignore[no-any-return]
