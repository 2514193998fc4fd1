"""What made a stage's results stale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.errors import SimulcastError
from pipeline.runner import DETAILED, Desk, details, task_of
from pipeline.stage import Stage


def why(desk: Desk, stages: Iterable[Stage], subject: str) -> Iterator[tuple[str, list[str]]]:
    """For each stage, what makes it stale for that subject; an empty list where it is fresh."""
    stale: set[str] = set()
    for stage in stages:
        waits = [name for name in stage.after if name in stale]
        try:
            reasons = [f"{name} is made anew" for name in waits] or _reasons(desk, stage, subject)
        except SimulcastError as error:
            reasons = [str(error)]
        if reasons:
            stale.add(stage.name)
        yield stage.name, reasons


def _reasons(desk: Desk, stage: Stage, subject: str) -> list[str]:
    wanted = task_of(desk, stage, subject)
    found = desk.store.recorded(stage.name, [wanted.key], desk.unchanged)
    if found:
        desk.made[stage.name, subject] = found[wanted.key].made
        return []
    before = desk.store.latest(stage.name, subject)
    if before is None:
        return ["it was never made"]
    changed = [name for name, now in wanted.inputs.items() if now != before.inputs.get(name, "")]
    reasons = [
        _named(one, desk, subject)
        for name in changed
        for one in _finer(desk, name, subject, before.inputs.get(name, ""))
    ]
    reasons += [
        f"{name} changed" for name, state in before.used.items() if desk.state(name) != state
    ]
    return reasons or ["what it made is no longer in the store"]


def _finer(desk: Desk, name: str, subject: str, before: str) -> list[str]:
    """The fields of an input that are not as they were ("publication.title"), or the input where that is not known."""
    then = desk.store.described(before) if name in DETAILED else {}
    now = details(desk, name, subject) if then else {}
    return [f"{name}.{one}" for one in now if now[one] != then.get(one, "")] or [name]


def _named(name: str, desk: Desk, subject: str) -> str:
    names = {
        "code": "its code changed",
        "episode": f"content/{subject}/episode.md changed",
        "place": "the episode before or after it, or the series index, changed",
        "episodes": "the list of episodes changed",
        "recording": "the recording changed",
        "templates": "the code of templates changed",
    }
    owner, _, key = name.partition(".")
    if key:
        table = {"listing": f"content/{subject}/episode.md", "publication": "publication.toml"}
        where = table.get(
            owner, f"publication.toml [{'audio' if owner == 'sound' else 'narration'}]"
        )
        return f"{where}: {key} changed"
    return names.get(name, f"{name} changed")
