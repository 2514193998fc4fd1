"""GUIDs, dates and addresses that were published once and never change again: content/published.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from pipeline.errors import AuthorError
from pipeline.model import Listing, Publication

NAME = "content/published.json"
PODCAST_NAMESPACE = UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
"""Podcasting 2.0: a feed's guid is the UUIDv5 of its address, less scheme and trailing slashes, in this namespace."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the world knows an episode by."""

    guid: str
    podcast_guid: str
    published: str
    url: str


@dataclass(frozen=True, slots=True)
class Identities:
    """All that was ever published; `podcast_guid` is the show's own."""

    podcast_guid: str = ""
    episodes: Mapping[str, Identity] = field(default_factory=dict)


def recorded(root: Path) -> Identities:
    """What content/published.json remembers; nothing where there is no such file yet."""
    file = root / NAME
    if not file.exists():
        return Identities()
    try:
        data = json.loads(file.read_text("utf-8"))
        episodes = {slug: Identity(**entry) for slug, entry in data["episodes"].items()}
        return Identities(data["podcast_guid"], episodes)
    except json.JSONDecodeError as error:
        raise AuthorError(
            NAME, error.lineno, f"is not JSON: {error.msg}; restore it from git", code="E160"
        ) from None
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, OSError) as error:
        raise AuthorError(
            NAME, None, f"is not as publish wrote it ({error}); restore it from git", code="E160"
        ) from None


def podcast_guid(publication: Publication) -> str:
    """The show's guid, from the first address of its feed; once published it is remembered, not made again."""
    address = publication.link("podcast.xml").partition("://")[2].rstrip("/")
    return str(uuid5(PODCAST_NAMESPACE, address))


def of(publication: Publication, listing: Listing) -> Identity:
    """The identity of an episode that has none yet, unless its front matter brings one from elsewhere.

    Article and podcast GUIDs differ: some readers key entries across feeds and would empty one of two.
    """
    url = publication.link(f"{listing.slug}/index.html")
    return Identity(
        listing.guid or uuid5(NAMESPACE_URL, url).urn,
        listing.podcast_guid or uuid5(NAMESPACE_URL, f"{url}#podcast").urn,
        listing.published.isoformat(),
        url,
    )


def refuse_changes(
    remembered: Identities, publication: Publication, episodes: Iterable[Listing]
) -> None:
    """Raise AuthorError where a published episode is gone, or its GUID, date or address would change."""
    now = {listing.slug: listing for listing in episodes}
    for slug, old in remembered.episodes.items():
        where = f"content/{slug}/episode.md"
        if slug not in now:
            raise AuthorError(
                where,
                None,
                f"was published as {old.url} and is gone; give its folder back, under that name",
                code="E162",
            )
        new = of(publication, now[slug])
        for name in ("published", "url"):
            before, after = getattr(old, name), getattr(new, name)
            if before != after:
                raise AuthorError(
                    where,
                    None,
                    f"{name} was {before} when it was published and would become {after}; put it back",
                    code="E163",
                )


def with_published(
    remembered: Identities, publication: Publication, episodes: Iterable[Listing]
) -> Identities:
    """What is remembered, and the episodes published now."""
    fresh = {
        one.slug: of(publication, one) for one in episodes if one.slug not in remembered.episodes
    }
    return Identities(
        remembered.podcast_guid or publication.podcast_guid or podcast_guid(publication),
        {**remembered.episodes, **fresh},
    )


def record(root: Path, identities: Identities) -> bool:
    """Write content/published.json, whole or not at all; False where it already says so."""
    episodes = {slug: asdict(entry) for slug, entry in sorted(identities.episodes.items())}
    text = (
        json.dumps({"podcast_guid": identities.podcast_guid, "episodes": episodes}, indent=2) + "\n"
    )
    file = root / NAME
    if file.exists() and file.read_text("utf-8") == text:
        return False
    partial = file.with_suffix(".json.partial")
    partial.write_text(text, "utf-8")
    partial.replace(file)
    return True
