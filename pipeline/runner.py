"""Order, fingerprint, reuse or make, report."""

from __future__ import annotations

import json
import traceback
from collections import ChainMap
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from pipeline import config, identity, source
from pipeline.errors import WORLD, AuthorError, OutsideError, SimulcastError, StageError
from pipeline.fingerprint import code, digest, version
from pipeline.model import Episode, Listing, Place, Publication, Recording, SeriesEntry
from pipeline.results import Laid, Results, Within
from pipeline.stage import (
    EPISODE_GIVENS,
    GIVENS,
    TOOLS,
    Artifact,
    Artifacts,
    Made,
    Stage,
    installed,
)
from pipeline.store import AT_ONCE, BUILD, Latest, Store
from pipeline.templates import Templates, search_path

WHOLE = ""
"""The subject of a stage that is made once for the publication."""

AT_HAND = 256
"""How many episodes' bodies stay in memory, so that an archive of any size fits."""

PROMISED = "fragment"
"""The stage whose artifacts feeds are joined from: before they are, published audio must still be there."""

DETAILED = frozenset({"publication", "listing", "sound", "voice"})
"""Givens of which each field is remembered, so that it can be told which of them changed."""

PARALLEL_FROM = 8
"""Fewer stale episodes than this are made in this process: starting others would cost more."""


class Reporter(Protocol):
    """Told what a build does while it does it."""

    def begin(self, stage: str, subjects: int) -> None: ...

    def progress(self, stage: str, subject: str, done: float, total: float, unit: str) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self, stage: str) -> None: ...


class Silent:
    """A reporter for those who only want the result."""

    def begin(self, stage: str, subjects: int) -> None: ...

    def progress(self, stage: str, subject: str, done: float, total: float, unit: str) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self, stage: str) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What became of one stage: subjects made and reused; those that failed, with why; those skipped."""

    made: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: dict[str, SimulcastError] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What a build did, stage by stage, and what changed below build/."""

    publication: Publication
    listings: tuple[Listing, ...]
    scheduled: tuple[Listing, ...]
    outcomes: Mapping[str, Outcome]
    broken: Mapping[str, AuthorError]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def errors(self) -> list[SimulcastError]:
        """Every failure once, in order."""
        found: dict[str, SimulcastError] = {str(error): error for error in self.broken.values()}
        for outcome in self.outcomes.values():
            found |= {str(error): error for error in outcome.failed.values()}
        return list(found.values())

    @property
    def made(self) -> int:
        return sum(len(outcome.made) for outcome in self.outcomes.values())

    @property
    def reused(self) -> int:
        return sum(len(outcome.reused) for outcome in self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Task:
    """One stage for one subject, with what it receives."""

    stage: Stage
    subject: str
    key: str
    inputs: Mapping[str, str]


class Desk:
    """A publication opened for one run: its contents, its templates, its store, and what was made so far."""

    def __init__(
        self,
        root: Path,
        now: datetime,
        *,
        jobs: int = 1,
        reporter: Reporter | None = None,
        stages: Mapping[str, Stage] | None = None,
        build: str = BUILD,
    ) -> None:
        self.root, self.now, self.jobs = root, now, max(1, jobs)
        self.reporter: Reporter = reporter or Silent()
        self.stages = installed() if stages is None else dict(stages)
        for stage in self.stages.values():
            code(stage.function.__module__)  # now: an edit while we work is not what we ran
        self.remembered = identity.recorded(root)
        self.publication = _identified(config.publication(root), self.remembered)
        self.store = Store(root, build=build)
        try:
            self.contents = self._read()
        except BaseException:
            self.store.close()
            raise
        self.listings = source.published(self.contents.listings, now)
        self.scheduled = self.contents.listings[len(self.listings) :]
        self.templates = Templates(
            search_path(root, self.publication.theme), self.store.home / "templates"
        )
        self.used: dict[str, set[str]] = {}
        self._episodes: dict[str, Episode] = {}
        self.notes: list[str] = []
        self._states: dict[str, str] = {}
        self._unchanged: dict[str, bool] = {}
        self.described: set[str] = set()
        self._shared: dict[str, dict[str, str]] = {}
        self._recordings: dict[str, list[Path]] | None = None
        self._fingerprints: dict[str, dict[str, str]] = {}
        self.listing_by_slug = {listing.slug: listing for listing in self.listings}
        self.pages = {
            f"page {page.number}": page
            for page in source.pages(self.listings, self.publication.feeds.page)
        }
        self.newest = self.listings[len(self.pages) * self.publication.feeds.page :]
        self.lasting = [one for one in self.stages.values() if one.per != "publication"]
        self.made = Results([one.name for one in self.lasting])
        self.laid = Laid(self.made, self.store.build)
        self.page_of = {
            subject: name
            for name, page in self.pages.items()
            for subject in (name, *(one.slug for one in page.listings))
        }
        self._places: dict[str, Place] = {}

    def _read(self) -> source.Contents:
        """The episodes; of those whose files are as they were, as they were read before."""
        readings = self.store.readings(code("pipeline.source"))
        found = source.contents(self.root, self.publication, self.remembered, readings)
        self.store.keep_readings(readings)
        if not found.errors:
            identity.refuse_changes(self.remembered, self.publication, found.listings)
        return found

    # --- givens

    def given(self, name: str, subject: str) -> Any:
        """The value of a given, for a stage to work with."""
        match name:
            case "publication":
                return self.publication
            case "episodes":
                return self.listings
            case "sound":
                return self.publication.audio
            case "voice":
                return self.publication.narration
            case "listing":
                return self.listing_by_slug[subject]
            case "place":
                return self._place(subject)
            case "full_page":
                return self.pages[subject]
            case "episode":
                return self.episode(subject)
            case "recording":
                return self.recording(subject)
        raise AssertionError(name)

    def episode(self, slug: str) -> Episode:
        """An episode with its body; the latest ones read stay at hand."""
        found = self._episodes.pop(slug, None) or source.episode(
            self.contents.sources[slug], self.root
        )
        self._episodes[slug] = found
        if len(self._episodes) > AT_HAND:
            del self._episodes[next(iter(self._episodes))]
        return found

    def _place(self, slug: str) -> Place:
        """Where an episode stands; that of its neighbours on the same page is found with it."""
        if slug not in self._places:
            page = self.pages.get(self.page_of.get(slug, ""))
            first = (page.number - 1 if page else len(self.pages)) * self.publication.feeds.page
            own = page.listings if page else self.listings[first:]
            before, after = self._around(first, len(own))
            shown = self._indexes[page.number - 1 if page else -1]
            self._places |= source.places(own, shown, before, after)
        return self._places[slug]

    def _around(self, first: int, count: int) -> tuple[Listing | None, Listing | None]:
        """The episodes before and after so many that begin there."""
        last = first + count
        return (
            self.listings[first - 1] if first else None,
            self.listings[last] if last < len(self.listings) else None,
        )

    @cached_property
    def _indexes(self) -> list[tuple[SeriesEntry, ...]]:
        """The series index as it stands before each page, and before the newest episodes."""
        found = [source.index(self.publication)]
        for page in self.pages.values():
            found.append(source.index_after(found[-1], page.listings))
        return found

    def recording(self, slug: str) -> Recording | None:
        if self._recordings is None:
            self._recordings = source.recordings(self.root)
        file = source.recording(self.listing_by_slug[slug], self.root, self._recordings)
        if file is None:
            return None
        return Recording(file.relative_to(self.root).as_posix(), self.store.hashed(file), str(file))

    # --- fingerprints

    def fingerprint(self, name: str, subject: str) -> str:
        """What an input hashes to now, without reading an episode's body into blocks."""
        if name == "templates":
            return code("pipeline.templates")
        if name == "files":
            return ""
        if name == "episode":
            return digest(self.contents.sources[subject].sha256, code("pipeline.source"))
        if name == "recording":
            found = self.recording(subject)
            return digest(found.path, found.sha256) if found else ""
        if name in self.stages and subject in self.listing_by_slug:
            return self._hashed(name, subject)
        known = self._fingerprints.setdefault(name, {})
        of = WHOLE if name in GIVENS else subject
        if of not in known:
            known[of] = self._hashed(name, of)
        return known[of]

    def _hashed(self, name: str, subject: str) -> str:
        """What many stages ask for is hashed once, and what is made of many of one kind in one go."""
        if name == "episodes":
            found = [self.fingerprint("full_page", page) for page in self.pages]
            return digest(*found, *(self.fingerprint("listing", one.slug) for one in self.newest))
        if name == "full_page":
            known = self._fingerprints.setdefault("listing", {})
            slugs = [one.slug for one in self.pages[subject].listings]
            found = [known.get(slug) or self.fingerprint("listing", slug) for slug in slugs]
            return digest(subject, *found)
        if name in GIVENS or name in EPISODE_GIVENS:
            return digest(repr(self.given(name, subject)))
        if self.stages[name].per == "episode" and subject == WHOLE:
            newest = [self.made[name, one.slug] for one in self.newest]
            return digest(*(self.fingerprint(name, page) for page in self.pages), _told(newest))
        if self.stages[name].per == "episode" and subject in self.pages:
            return digest(
                _told([self.made[name, one.slug] for one in self.pages[subject].listings])
            )
        if self.stages[name].per == "page" and subject == WHOLE:
            return digest(*(self.fingerprint(name, page) for page in self.pages))
        return digest(_told([self.made[name, subject]]))

    def _parts(self, name: str, subject: str) -> Artifacts | Mapping[Any, Artifacts]:
        """What a stage made of a subject, or of all that lies in it: episodes of a page, all of a publication."""
        per = self.stages[name].per
        if per == "episode" and (subject == WHOLE or subject in self.pages):
            within = self.listings if subject == WHOLE else self.pages[subject].listings
            return Within(self.made, name, within)
        if per == "page" and subject == WHOLE:
            return {page.number: self.made[name, key] for key, page in self.pages.items()}
        return self.made[name, subject]

    def inputs(self, stage: Stage, subject: str) -> dict[str, str]:
        """The fingerprint of everything a stage depends on, by name."""
        own = [name for name in stage.parameters if name not in GIVENS and name not in TOOLS]
        return self._of_all(stage) | {name: self.fingerprint(name, subject) for name in own}

    def _of_all(self, stage: Stage) -> dict[str, str]:
        """The fingerprints of what a stage depends on, whatever its subject."""
        if stage.name not in self._shared:
            found = {"code": stage.version or code(stage.function.__module__)}
            found |= {f"library {name}": version(name) for name in stage.libraries}
            found |= {
                name: self.fingerprint(name, WHOLE) for name in stage.parameters if name in GIVENS
            }
            self._shared[stage.name] = found
        return self._shared[stage.name]

    def state(self, name: str) -> str:
        """What a looked-up file is now: "template web/page.html" or "file audio/intro.flac"."""
        if name not in self._states:
            kind, _, path = name.partition(" ")
            self._states[name] = (
                self.templates.state(path)
                if kind == "template"
                else self.store.hashed(self.root / path)
            )
        return self._states[name]

    def unchanged(self, used: str) -> bool:
        """Whether all that was looked up is still as it was; many episodes look up the same."""
        if used not in self._unchanged:
            told = json.loads(used).items()
            self._unchanged[used] = all(self.state(name) == state for name, state in told)
        return self._unchanged[used]

    # --- pages that are settled

    def take_settled(self) -> None:
        """Know the pages of which nothing is to be made, without a look at each result of each episode."""
        if not self.made.pages:
            for name, page in self.store.settled(self._keys, self.unchanged).items():
                self.made.take(page, [one.slug for one in self.pages[name].listings])
                for what, fingerprint in page.told.items():
                    self._fingerprints.setdefault(what, {})[name] = fingerprint

    def settle(self) -> None:
        """Remember the full pages of which all was made or found in this run."""
        for name, key in self._keys.items():
            subjects = {"page": [name], "episode": [one.slug for one in self.pages[name].listings]}
            if self.made.settled(name):
                continue
            try:
                made = {
                    stage.name: {one: self.made[stage.name, one] for one in subjects[stage.per]}
                    for stage in self.lasting
                }
            except KeyError:  # something failed
                continue
            used = dict(one for each in self.used[name] for one in json.loads(each).items())
            names = ["full_page", *made]
            told = {one: self.fingerprint(one, name) for one in names}
            self.store.settle(name, key, json.dumps(used, sort_keys=True), told, made)

    @cached_property
    def _keys(self) -> dict[str, str]:
        """What all results of each full page follow from; a page with a recording at fault has none."""
        if any("episodes" in stage.parameters for stage in self.lasting):
            return {}
        common = digest(
            code("pipeline.source"),
            *(f"{stage.name} {self._of_all(stage)}" for stage in self.lasting),
        )
        found = {}
        for page, shown in zip(self.pages.items(), self._indexes, strict=False):
            name, own = page[0], page[1].listings
            around = self._around((page[1].number - 1) * len(own), len(own))
            beside = [self.fingerprint("listing", one.slug) if one else "" for one in around]
            with suppress(SimulcastError):
                heard = [self.fingerprint("recording", one.slug) for one in own]
                lines = [self._known_by(one) for one in own]
                found[name] = digest(common, name, repr(shown), *beside, *heard, *lines)
        return found

    def _known_by(self, listing: Listing) -> str:
        """What an episode's listing and its body follow from: the bytes of its file, and its identity."""
        guids = (listing.guid, listing.podcast_guid, listing.atom_guid, listing.first_guid)
        return " ".join((listing.slug, self.contents.sources[listing.slug].sha256, *guids))

    # --- making

    def call(self, stage: Stage, subject: str) -> tuple[Artifacts, dict[str, str], list[str]]:
        """Make one stage for one subject: what it made, the files it looked up, what it had to say."""
        used: dict[str, str] = {}
        notes: list[str] = []
        self.templates.used = {}

        def files(path: str) -> Path:
            used[f"file {path}"] = self.state(f"file {path}")
            file = self.root / path
            if not file.is_file():
                raise AuthorError(path, None, f'is missing; stage "{stage.name}" needs it')
            return file

        with self.store.scratch() as scratch:
            tools = {
                "kept": self.store,
                "scratch": scratch,
                "jobs": self.jobs,
                "files": files,
                "templates": self.templates,
                "progress": _Progress(self.reporter, stage.name, subject, notes),
            }
            values = {name: self._value(name, subject, tools) for name in stage.parameters}
            try:
                made = Artifacts(
                    one
                    if isinstance(one, Made)
                    else self.store.keep(_artifact(stage, one), scratch)
                    for one in stage.function(**values)
                )
            except SimulcastError:
                raise
            except (Exception, SystemExit) as error:
                if isinstance(error, OSError) and error.errno in WORLD:
                    raise OutsideError(f"{_of(stage, subject)}: {error.strerror}") from error
                raise StageError(_unexpected(stage, subject, error)) from error
        used |= {f"template {name}": state for name, state in self.templates.used.items()}
        return made, used, notes

    def keep(self, task: Task, made: Artifacts, used: str) -> None:
        """Have what was made at hand, and what was looked up for it."""
        self.made[task.stage.name, task.subject] = made
        if task.subject in self.page_of:
            self.used.setdefault(self.page_of[task.subject], set()).add(used)

    def _value(self, name: str, subject: str, tools: Mapping[str, Any]) -> Any:
        if name in tools:
            return tools[name]
        if name not in self.stages:
            return self.given(name, subject)
        return self._parts(name, subject)

    def close(self) -> None:
        self.store.close()


def _told(artifacts: Iterable[Artifacts]) -> str:
    """Paths and hashes of artifacts, as one text to be hashed in one go."""
    return "\n".join(
        [word for made in artifacts for one in made for word in (one.path, one.sha256)]
    )


class _Progress:
    def __init__(self, reporter: Reporter, stage: str, subject: str, notes: list[str]) -> None:
        self.reporter, self.stage, self.subject, self.notes = reporter, stage, subject, notes

    def __call__(self, done: float, total: float, unit: str) -> None:
        self.reporter.progress(self.stage, self.subject, done, total, unit)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.reporter.note(text)


def build(desk: Desk, stages: Iterable[Stage] | None = None, only: str | None = None) -> Report:
    """Make what is stale, reuse the rest, and lay it below build/.

    stages: those wanted, in order (default: all). only: the slug of the one episode wanted; then those made per page
    or once for the publication are left alone. One failed episode does not stop the others; what waits for it is
    skipped, and nothing that speaks for a page or the publication is made while an episode is broken.
    """
    chosen = list(desk.stages.values() if stages is None else stages)
    outcomes = {stage.name: Outcome() for stage in chosen if stage.per == "episode" or only is None}
    failed: dict[str, str] = dict.fromkeys(desk.contents.errors, "its source")
    changed: list[str] = []
    owners: dict[str, str] = {}
    if only is None:
        desk.take_settled()
    held = desk.made.held
    for stage in chosen:
        if stage.name not in outcomes:
            continue
        outcome = outcomes[stage.name]
        if PROMISED in stage.after and stage.per != "episode":
            failed |= _broken_promises(desk, ChainMap[str, Any](owners, held), failed, outcome)
        made = _make(desk, stage, subjects(desk, stage, only), failed, outcome)
        _refuse_shared_paths(desk, stage, made, owners, held)
        changed += desk.store.lay(made)
    if stages is None and only is None:
        desk.settle()
    desk.laid = Laid(desk.made, desk.store.build)
    whole = stages is None and only is None and not failed
    removed = desk.store.sweep({*held, *owners}) if whole else []
    return Report(
        desk.publication,
        desk.listings,
        desk.scheduled,
        outcomes,
        desk.contents.errors,
        tuple(changed),
        tuple(removed),
        tuple(desk.notes),
    )


def subjects(desk: Desk, stage: Stage, only: str | None = None) -> list[str]:
    """What a stage is made for, in order: slugs of episodes, names of pages, or the whole of it."""
    if stage.per == "episode":
        return [one.slug for one in desk.listings if only in (None, one.slug)]
    return list(desk.pages) if stage.per == "page" else [WHOLE]


def _broken_promises(
    desk: Desk, made: Container[str], failed: Mapping[str, str], outcome: Outcome
) -> dict[str, str]:
    """Published audio that was not made again: a feed without it would lose what its readers were promised."""
    lost = {
        error.where.split("/")[1]: error
        for error in identity.lost(desk.remembered, desk.publication, made)
    }
    found = {
        slug: lost[slug] for slug in lost if slug in desk.listing_by_slug and slug not in failed
    }
    outcome.failed |= found
    return dict.fromkeys(found, "its audio")


def _make(
    desk: Desk, stage: Stage, subjects: Sequence[str], failed: dict[str, str], outcome: Outcome
) -> list[Any]:
    """One stage for all its subjects: what it made of those that are not settled.

    failed: which subjects are beyond it; grows.
    """
    stale: list[Task] = []
    if not failed or stage.per == "episode":
        outcome.reused += filter(desk.made.settled, subjects)
        subjects = [one for one in subjects if not desk.made.settled(one)]
    for begun in range(0, len(subjects), AT_ONCE):
        tasks = list(_tasks(desk, stage, subjects[begun : begun + AT_ONCE], failed, outcome))
        keys = [task.key for task in tasks]
        found = desk.store.recorded(stage.name, keys, desk.unchanged)
        for task in tasks:
            if task.key in found:
                desk.keep(task, *found[task.key])
                outcome.reused.append(task.subject)
            elif _readable(desk, task, failed, outcome):
                stale.append(task)
    if stale:
        desk.reporter.begin(stage.name, len(stale))
        for task, result in _results(desk, stale):
            _settle(desk, task, result, outcome, failed)
        desk.reporter.end(stage.name)
    return [
        made
        for subject in subjects
        if not desk.made.settled(subject)
        for made in desk.made.get((stage.name, subject), ())
    ]


def _tasks(
    desk: Desk, stage: Stage, subjects: Sequence[str], failed: dict[str, str], outcome: Outcome
) -> Iterator[Task]:
    """The stage for each subject that is not beyond it."""
    for subject in subjects:
        if failed and (subject in failed or stage.per != "episode"):
            outcome.skipped[subject] = _waits(subject, failed)
            continue
        try:
            yield task_of(desk, stage, subject)
        except SimulcastError as error:
            outcome.failed[subject] = error
            failed[subject] = stage.name


def _readable(desk: Desk, task: Task, failed: dict[str, str], outcome: Outcome) -> bool:
    """Whether the body of an episode that is to be made can be read into blocks."""
    try:
        if task.stage.per == "episode":
            desk.episode(task.subject)
    except SimulcastError as error:
        outcome.failed[task.subject] = error
        failed[task.subject] = task.stage.name
        return False
    return True


Result = tuple[Artifacts, dict[str, str], list[str]] | SimulcastError


def _settle(
    desk: Desk, task: Task, result: Result, outcome: Outcome, failed: dict[str, str]
) -> None:
    name, subject = task.stage.name, task.subject
    if isinstance(result, SimulcastError):
        outcome.failed[subject] = result
        failed[subject] = name
        return
    made, used, notes = result
    looked_up = json.dumps(used, sort_keys=True)
    desk.keep(task, made, looked_up)
    desk.notes += notes
    desk.store.record(name, task.key, made, looked_up)
    desk.store.remember(name, subject, Latest(task.inputs, used))
    _describe(desk, task)
    outcome.made.append(subject)


def _waits(subject: str, failed: Mapping[str, str]) -> str:
    if subject in failed:
        return f"{failed[subject]} failed"
    return f"waits for {', '.join(sorted(failed))}"


def task_of(desk: Desk, stage: Stage, subject: str) -> Task:
    """A stage for a subject, with the fingerprint of what it would be made from now."""
    inputs = desk.inputs(stage, subject)
    key = digest(*(f"{name}={value}" for name, value in sorted(inputs.items())))
    return Task(stage, subject, key, inputs)


def _results(desk: Desk, tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
    """Each task with what came of it; many are made by several processes at once."""
    if desk.jobs > 1 and len(tasks) >= PARALLEL_FROM:
        yield from _in_processes(desk, tasks)
    else:
        for done, task in enumerate(tasks):
            yield task, _result(desk, task)
            if len(tasks) > 1:
                desk.reporter.progress(task.stage.name, "", done + 1, len(tasks), _unit(task.stage))


def _result(desk: Desk, task: Task) -> Result:
    try:
        return desk.call(task.stage, task.subject)
    except SimulcastError as error:
        return error


def _unit(stage: Stage) -> str:
    return f"{stage.per}s"


_AT_WORK: list[tuple[Desk, Sequence[Task]]] = []
_INHERITED: list[Store] = []


def _in_processes(desk: Desk, tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
    """The tasks in forked processes, which share what was read; in this one where the system cannot fork."""
    import multiprocessing

    from pipeline.processes import pool

    if "fork" not in multiprocessing.get_all_start_methods():
        yield from ((task, _result(desk, task)) for task in tasks)
        return
    _AT_WORK.append((desk, tasks))
    try:
        with pool(desk.jobs, "fork", _alone) as workers:
            size = max(1, min(64, len(tasks) // (desk.jobs * 4)))
            for done, result in enumerate(workers.map(_at_work, range(len(tasks)), chunksize=size)):
                stage = tasks[done].stage
                yield tasks[done], result
                desk.reporter.progress(stage.name, "", done + 1, len(tasks), _unit(stage))
    finally:
        _AT_WORK.pop()


def _alone() -> None:
    """A forked process makes its share alone; the parent's database connection is left as it is, and not used."""
    desk, _ = _AT_WORK[-1]
    desk.jobs, desk.reporter = 1, Silent()
    _INHERITED.append(desk.store)
    desk.store = Store(desk.root, records=False)


def _at_work(index: int) -> Result:
    desk, tasks = _AT_WORK[-1]
    return _result(desk, tasks[index])


def _artifact(stage: Stage, found: Any) -> Artifact:
    if not isinstance(found, Artifact):
        raise StageError(
            f'stage "{stage.name}" yields a {type(found).__name__}; it must yield Artifact(path, content)'
        )
    return found


def _refuse_shared_paths(
    desk: Desk, stage: Stage, made: Iterable[Any], owners: dict[str, str], held: Container[str]
) -> None:
    """Raise StageError where a path is made twice; `held` are those of settled pages."""
    for one in made:
        owner = owners.get(one.path) or (_holder(desk, one.path) if one.path in held else None)
        if owner == stage.name:
            raise StageError(f'stage "{stage.name}" makes build/{one.path} twice')
        if owner is not None:
            raise StageError(f'stages "{owner}" and "{stage.name}" both make build/{one.path}')
        owners[one.path] = stage.name


def _holder(desk: Desk, path: str) -> str:
    """The stage that made a path of a settled page."""
    return next(
        stage for (stage, _), made in desk.made.items() if any(one.path == path for one in made)
    )


def _unexpected(stage: Stage, subject: str, error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"{_of(stage, subject)} failed: {type(error).__name__}: {error} ({place})"


def _of(stage: Stage, subject: str) -> str:
    return f'stage "{stage.name}"' + (f" of {subject}" if subject else "")


def _describe(desk: Desk, task: Task) -> None:
    """Keep finer fingerprints of what a task was made from, so that `why` can name the key that changed."""
    for name in DETAILED & task.inputs.keys():
        if task.inputs[name] not in desk.described:
            desk.described.add(task.inputs[name])
            desk.store.describe(task.inputs[name], details(desk, name, task.subject))


def details(desk: Desk, name: str, subject: str) -> dict[str, str]:
    """The fingerprint of each field of a given."""
    value = desk.given(name, subject)
    return {one.name: digest(repr(getattr(value, one.name))) for one in fields(value)}


def _identified(publication: Publication, remembered: identity.Identities) -> Publication:
    """The publication with its show's guid: the one published, else its own, else the one it will be known by."""
    identity.refuse_another_show(remembered, publication)
    guid = remembered.podcast_guid or publication.podcast_guid or identity.podcast_guid(publication)
    moved = tuple(dict.fromkeys((*publication.moved_from, *remembered.moved)))
    return replace(publication, podcast_guid=guid, moved_from=moved)
