"""What a stage is, and which are installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal, Protocol

from pipeline.errors import StageError, suggestion

GROUP = "simulcast.stages"

GIVENS = frozenset({"publication", "episodes", "templates", "files", "sound", "voice"})
EPISODE_GIVENS = frozenset({"episode", "listing", "place", "recording"})
PAGE_GIVENS = frozenset({"full_page"})
TOOLS = frozenset({"kept", "scratch", "progress", "jobs"})
"""Tools help a stage work and never change what it makes, so they are not part of its fingerprint."""


TAKEN = frozenset({"outbox"})
LONGEST = 200
"""Bytes of a file's name; most systems take 255, and we add to it while we write."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a stage yields: a path below build/, and its content (text, bytes, or a file to take over)."""

    path: str
    content: str | bytes | Path

    def __post_init__(self) -> None:
        parts = [part for part in self.path.split("/") if part not in ("", ".")]
        if not parts or self.path.startswith("/") or ".." in parts or "\0" in self.path:
            raise StageError(f'an artifact is a relative path below build/, not "{self.path}"')
        if parts[0] in TAKEN:
            raise StageError(
                f'no stage makes build/{parts[0]}, as "{self.path}" would; mail goes there'
            )
        if any(len(part.encode("utf-8")) > LONGEST for part in parts):
            raise StageError(f'a name in "{self.path[:80]}…" is longer than {LONGEST} bytes')


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact after it was kept: where it goes in build/, what it hashes to, where its bytes lie."""

    path: str
    sha256: str
    size: int
    file: str = field(compare=False, repr=False)

    def read(self) -> bytes:
        with open(self.file, "rb", buffering=0) as file:  # noqa: PTH123  (a Path costs as much as the reading)
            return file.read()

    def text(self) -> str:
        return self.read().decode("utf-8")


class Artifacts(tuple[Made, ...]):
    """All that one stage made, of one episode or of the publication."""

    __slots__ = ()

    def ending(self, suffix: str) -> Made | None:
        """The first artifact whose path ends so, if there is one."""
        for made in self:
            if made.path.endswith(suffix):
                return made
        return None

    def __getitem__(self, suffix: str) -> Made:  # type: ignore[override]
        made = self.ending(suffix)
        if made is None:
            have = ", ".join(m.path for m in self) or "nothing"
            raise StageError(f'no artifact ends in "{suffix}"; there is {have}')
        return made


class Shelf(Protocol):
    """Expensive pieces kept by content: `kept(key, make)` returns the file `make` wrote for that key, ever."""

    def __call__(self, key: str, make: Callable[[Path], None]) -> Path: ...

    def find(self, key: str) -> Path | None:
        """The file kept for this key, if there is one."""

    def artifacts(self, key: str, make: Callable[[], Iterable[Artifact]]) -> Artifacts:
        """What `make` once yielded for this key, ever: to be yielded as it is."""


class Progress(Protocol):
    """Told how far long work has come: `progress(done, total, unit)`, e.g. `progress(12, 140, "sentences")`."""

    def __call__(self, done: float, total: float, unit: str) -> None: ...

    def note(self, text: str) -> None:
        """Something the author should know though nothing failed: "no Kokoro here; the light voice reads"."""


class Files(Protocol):
    """Files of the publication by path below its root: `files("audio/intro.flac")`; each one asked for is an input.

    Raises AuthorError, naming what asked, where there is no such file.
    """

    def __call__(self, path: str) -> Path: ...


Per = Literal["episode", "page", "publication"]
HEIGHTS: Mapping[Per, int] = {"episode": 0, "page": 1, "publication": 2}
"""How much a stage speaks for: it may ask for stages that speak for as much, or for less."""

Function = Callable[..., Iterable[Artifact | Made]]


@dataclass(frozen=True, slots=True)
class Stage:
    """A function with what the runner must know about it."""

    name: str
    per: Per
    function: Function
    parameters: tuple[str, ...]
    version: str = ""
    libraries: tuple[str, ...] = ()
    shown: str = ""

    @property
    def help(self) -> str:
        return inspect.getdoc(self.function) or self.name

    @property
    def after(self) -> tuple[str, ...]:
        """The stages whose artifacts it receives."""
        given = GIVENS | EPISODE_GIVENS | PAGE_GIVENS | TOOLS
        return tuple(name for name in self.parameters if name not in given)


def stage(
    *, per: Per, version: str = "", libraries: Sequence[str] = (), shown: str = ""
) -> Callable[[Function], Stage]:
    """Declare a function as a stage, made per "episode", per "page" or per "publication".

    Its parameters are its inputs: names of givens (publication, episodes, templates, files, sound, voice;
    per episode also episode, listing, place, recording; per page also full_page), of tools (kept, scratch,
    progress, jobs) or of other stages. A page is a full page of the archive, counted from the oldest
    episode, so that it never changes: what is made per page costs nothing when one more episode is out.
    Of a stage per episode, a page receives what was made for its own episodes, a publication all, by slug;
    of a stage per page, a publication receives all, by number. `version` stands for the code in its
    fingerprint: without it any edit of the code remakes everything. `libraries` are distributions whose
    version changes what is made; the name of a group of entry points stands for all that register under it.
    `shown` is the ending of the artifact, a text for people, that the stage's own command prints.
    """

    if per not in HEIGHTS:
        raise StageError(
            f'a stage is made per "episode", per "page" or per "publication", not per "{per}"'
        )

    def declare(function: Function) -> Stage:
        parameters = tuple(inspect.signature(function).parameters)
        return Stage(function.__name__, per, function, parameters, version, tuple(libraries), shown)

    return declare


def installed(points: Iterable[EntryPoint] | None = None) -> dict[str, Stage]:
    """Every stage registered under the entry-point group, checked, in the order they run."""
    stages: dict[str, Stage] = {}
    for point in sorted(
        entry_points(group=GROUP) if points is None else points, key=lambda p: (p.name, p.value)
    ):
        found = _loaded(point)
        if found.name in stages:
            raise StageError(
                f'two stages are named "{found.name}"; one comes from {point.value}: '
                "uninstall one of the packages"
            )
        stages[found.name] = found
    return in_order(stages)


def _loaded(point: EntryPoint) -> Stage:
    try:
        found = point.load()
    except Exception as error:  # a third party's module may fail in any way
        raise StageError(f"stage {point.name} ({point.value}) does not load: {error}") from error
    if not isinstance(found, Stage):
        raise StageError(
            f"stage {point.name} ({point.value}) is a {type(found).__name__}; "
            "decorate the function with pipeline.stage.stage"
        )
    if found.name != point.name:
        raise StageError(f'stage "{found.name}" is registered as "{point.name}"; use one name')
    return found


_OWN: Mapping[Per, frozenset[str]] = {"episode": EPISODE_GIVENS, "page": PAGE_GIVENS}
_MADE: Mapping[Per, str] = {
    "episode": "per episode",
    "page": "per page",
    "publication": "once for the publication",
}


def in_order(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """The stages so that each comes after those it receives from; an unknown name or a circle is refused."""
    for one in stages.values():
        for name in one.after:
            if name not in stages:
                allowed = GIVENS | TOOLS | set(stages) | _OWN.get(one.per, frozenset())
                raise StageError(
                    f'stage "{one.name}" asks for "{name}", which is neither a given nor a stage'
                    + suggestion(name, allowed)
                )
            if HEIGHTS[stages[name].per] > HEIGHTS[one.per]:
                raise StageError(
                    f'stage "{one.name}" is made {_MADE[one.per]} and cannot ask for "{name}", '
                    f"which is made {_MADE[stages[name].per]}"
                )
        for name in (EPISODE_GIVENS | PAGE_GIVENS) & set(one.parameters):
            if name not in _OWN.get(one.per, ()):
                raise StageError(
                    f'stage "{one.name}" is made {_MADE[one.per]} and cannot ask for "{name}"'
                )
    try:
        sorter = TopologicalSorter({name: sorted(stages[name].after) for name in sorted(stages)})
        return {name: stages[name] for name in sorter.static_order()}
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise StageError(f"these stages wait for each other in a circle: {circle}") from error


def chosen(stages: Mapping[str, Stage], name: str) -> Iterator[Stage]:
    """The stage of that name and all it needs, in order."""
    wanted = {name}
    for one in reversed(list(stages.values())):
        if one.name in wanted:
            wanted.update(one.after)
    return (one for one in stages.values() if one.name in wanted)
