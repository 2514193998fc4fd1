"""What each stage made of each subject: in this run, or before and settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pipeline.model import Listing
from pipeline.stage import Artifacts, Made
from pipeline.store import SettledPage

Key = tuple[str, str]
"""A stage and a subject."""


class Results(Mapping[Key, Artifacts]):
    """Artifacts by stage and subject; those of settled pages are read when they are asked for."""

    def __init__(self, stages: Sequence[str] = ()) -> None:
        """stages: those of which pages are settled."""
        self._stages = stages
        self._own: dict[Key, Artifacts] = {}
        self._page_of: dict[str, SettledPage] = {}
        self._read: dict[tuple[str, str], Mapping[str, Artifacts]] = {}
        self.pages: dict[str, SettledPage] = {}
        self.held: dict[str, SettledPage] = {}
        """The settled page of each path that one has."""

    def take(self, page: SettledPage, slugs: Sequence[str]) -> None:
        """All that is settled of a page and of the episodes on it."""
        self.pages[page.name] = page
        self._page_of |= dict.fromkeys((*slugs, page.name), page)
        self.held |= dict.fromkeys(page.paths, page)

    def settled(self, subject: str) -> bool:
        return subject in self._page_of

    def _of_page(self, page: SettledPage, stage: str) -> Mapping[str, Artifacts]:
        key = (page.name, stage)
        if key not in self._read:
            self._read[key] = page.made(stage) if stage in self._stages else {}
        return self._read[key]

    def __getitem__(self, key: Key) -> Artifacts:
        found = self._own.get(key)
        return self._of_page(self._page_of[key[1]], key[0])[key[1]] if found is None else found

    def __setitem__(self, key: Key, made: Artifacts) -> None:
        self._own[key] = made

    def __iter__(self) -> Iterator[Key]:
        for page in self.pages.values():
            for stage in self._stages:
                yield from ((stage, subject) for subject in self._of_page(page, stage))
        yield from self.own()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def fill(self, known: Mapping[Key, Artifacts]) -> None:
        """What was made before, where nothing else is at hand."""
        self._own = {**known, **self._own}

    def all(self) -> dict[Key, Artifacts]:
        """Everything, settled or not: to be kept when the store is closed."""
        found = dict(self._own)
        for page in self.pages.values():
            for stage in self._stages:
                for subject, made in self._of_page(page, stage).items():
                    found[stage, subject] = made
        return found

    def own(self) -> Iterator[Key]:
        """Those that were looked at in this run, one by one."""
        return (key for key in self._own if key[1] not in self._page_of)


class Within(Mapping[str, Artifacts]):
    """What a stage made of some episodes, by slug, in their order: it costs nothing until it is asked."""

    def __init__(
        self, made: Mapping[Key, Artifacts], stage: str, listings: Sequence[Listing]
    ) -> None:
        self._made, self._stage, self._listings = made, stage, listings

    def __getitem__(self, slug: str) -> Artifacts:
        return self._made[self._stage, slug]

    def __iter__(self) -> Iterator[str]:
        return (one.slug for one in self._listings)

    def __len__(self) -> int:
        return len(self._listings)


class Laid(Mapping[str, Made]):
    """All that was made, by path below build/: of settled pages nothing is read until it is asked for."""

    def __init__(self, results: Results, build: Path) -> None:
        self.own = {one.path: one for key in results.own() for one in results[key]}
        self._pages, self._held, self._build = results.pages.values(), results.held, build

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """What everything hashes to, by path."""
        found = {path: digest for page in self._pages for path, digest in page.hashes.items()}
        return found | {path: one.sha256 for path, one in self.own.items()}

    def __getitem__(self, path: str) -> Made:
        if path in self.own:
            return self.own[path]
        digest, file = self._held[path].hashes[path], self._build / path
        return Made(path, digest, file.stat().st_size, str(file))

    def read(self, digest: str) -> bytes | None:
        """The bytes that hash so; None where nothing does."""
        path = next((path for path, one in self.hashes.items() if one == digest), None)
        return self[path].read() if path else None

    def __contains__(self, path: object) -> bool:
        return path in self.own or path in self._held

    def __iter__(self) -> Iterator[str]:
        yield from self._held
        yield from self.own

    def __len__(self) -> int:
        return len(self._held) + len(self.own)
