"""What each stage made of each subject: in this run, or before and settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence

from pipeline.model import Listing
from pipeline.stage import Artifacts
from pipeline.store import SettledPage

Key = tuple[str, str]
"""A stage and a subject."""


class Results(MutableMapping[Key, Artifacts]):
    """Artifacts by stage and subject; those of settled pages are read when they are asked for."""

    def __init__(self, stages: Sequence[str] = ()) -> None:
        """stages: those of which pages are settled."""
        self._stages = stages
        self._own: dict[Key, Artifacts] = {}
        self._pages: list[tuple[SettledPage, tuple[str, ...]]] = []
        self._page_of: dict[str, SettledPage] = {}

    def take(self, page: SettledPage, slugs: Sequence[str]) -> None:
        """All that is settled of a page and of the episodes on it."""
        subjects = (*slugs, page.name)
        self._pages.append((page, subjects))
        self._page_of |= dict.fromkeys(subjects, page)

    def settled(self, subject: str) -> bool:
        return subject in self._page_of

    def __getitem__(self, key: Key) -> Artifacts:
        found = self._own.get(key)
        if found is None:
            stage, subject = key
            found = self._page_of[subject].made(stage)[subject]
        return found

    def __setitem__(self, key: Key, made: Artifacts) -> None:
        self._own[key] = made

    def __delitem__(self, key: Key) -> None:
        del self._own[key]

    def __contains__(self, key: object) -> bool:
        return key in self._own or super().__contains__(key)

    def __iter__(self) -> Iterator[Key]:
        for page, subjects in self._pages:
            for stage in self._stages:
                made = page.made(stage)
                yield from ((stage, one) for one in subjects if one in made)
        yield from (key for key in self._own if key[1] not in self._page_of)

    def __len__(self) -> int:
        return sum(1 for _ in self)


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
