"""GUIDs, dates and addresses that were published once and never change again: content/published.json."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pipeline.errors import AuthorError
from pipeline.model import Listing, Publication

NAME = "content/published.json"
PODCAST_NAMESPACE = UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
"""Podcasting 2.0: a feed's guid is the UUIDv5 of its address, less scheme and trailing slashes, in this namespace."""


ADDRESSES = ("url", "enclosure")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the world knows an episode by.

    guid: in RSS and JSON Feed. atom_guid: in Atom; "" where it was published there with the same, before the two
    differed. enclosure: the address of its audio, "" while it has none. first_guid: the guid of its first publication,
    where it was given a new one since. withdrawn: when it was taken back, "" while it is out.
    """

    guid: str
    podcast_guid: str
    published: str
    url: str
    atom_guid: str = ""
    enclosure: str = ""
    first_guid: str = ""
    withdrawn: str = ""


@dataclass(frozen=True, slots=True)
class Identities:
    """All that was ever published; `podcast_guid` is the show's own, `moved` the addresses it had before."""

    podcast_guid: str = ""
    episodes: Mapping[str, Identity] = field(default_factory=dict)
    moved: tuple[str, ...] = ()

    @property
    def withdrawn(self) -> frozenset[str]:
        """The slugs of episodes that were taken back."""
        return frozenset(slug for slug, one in self.episodes.items() if one.withdrawn)


def recorded(root: Path) -> Identities:
    """What content/published.json remembers; nothing where there is no such file yet."""
    file = root / NAME
    if not file.exists():
        return Identities()
    try:
        data = json.loads(file.read_text("utf-8"))
        episodes = {slug: Identity(**entry) for slug, entry in data["episodes"].items()}
        return Identities(data["podcast_guid"], episodes, tuple(data.get("moved", ())))
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

    The GUIDs of article, Atom and podcast feed differ: some readers key entries across feeds and would empty all but
    one. What comes from elsewhere has been read there in each form, and keeps its one GUID.
    """
    url = publication.link(f"{listing.slug}/index.html")
    return Identity(
        listing.guid or uuid5(NAMESPACE_URL, url).urn,
        listing.podcast_guid or uuid5(NAMESPACE_URL, f"{url}#podcast").urn,
        listing.published.isoformat(),
        url,
        listing.atom_guid or ("" if listing.guid else uuid5(NAMESPACE_URL, f"{url}#atom").urn),
    )


def refuse_changes(
    remembered: Identities, publication: Publication, episodes: Iterable[Listing]
) -> None:
    """Raise AuthorError where a published episode is gone, or its date or address would change.

    GUIDs are compared where front matter is read (source), audio where it is made (`lost`).
    """
    now = {listing.slug: listing for listing in episodes}
    for slug, old in remembered.episodes.items():
        if old.withdrawn:
            continue
        where = f"content/{slug}/episode.md"
        if slug not in now:
            raise AuthorError(
                where,
                None,
                f"was published as {old.url} and is gone; give its folder back, under that name, "
                f"or take it back for good: simulcast withdraw {slug}",
                code="E162",
            )
        url = publication.link(f"{slug}/index.html")
        if old.url != url:
            raise AuthorError(
                where,
                None,
                f"url was {old.url} when it was published and would become {url}; put it back, "
                "or move the whole publication: simulcast move URL",
                code="E163",
            )
        published = now[slug].published.isoformat()
        if old.published != published:
            raise AuthorError(
                where,
                None,
                f"published was {old.published} when it was published and would become {published}; "
                f"put it back, or mean it: simulcast republish {slug} --new-date",
                code="E163",
            )


def lost(
    remembered: Identities, publication: Publication, made: Container[str]
) -> Iterator[AuthorError]:
    """For each published episode whose audio would no longer be at its address: what to do.

    made: the paths below build/ that the episodes' own stages made.
    """
    for slug, old in remembered.episodes.items():
        path = old.enclosure.removeprefix(publication.url)
        if old.enclosure and not old.withdrawn and f"site/{path}" not in made:
            yield AuthorError(
                f"content/{slug}/episode.md",
                None,
                f"its audio was published as {old.enclosure}, which is no longer made; give its recording or its voice "
                f"back, or mean it: simulcast republish {slug} --no-audio",
                code="E166",
            )


def refuse_another_show(remembered: Identities, publication: Publication) -> None:
    """Raise AuthorError where publication.toml names another `podcast_guid` than the one published."""
    if publication.podcast_guid not in ("", remembered.podcast_guid or publication.podcast_guid):
        raise AuthorError(
            "content/publication.toml",
            None,
            f'podcast_guid: "{publication.podcast_guid}", but the show was published as '
            f'"{remembered.podcast_guid}", which never changes; put it back, or delete the line',
            code="E161",
        )


def with_published(
    remembered: Identities,
    publication: Publication,
    episodes: Iterable[Listing],
    enclosures: Mapping[str, str] | None = None,
) -> Identities:
    """What is remembered, and the episodes published now; `enclosures` are addresses of audio, by slug."""
    known = dict(remembered.episodes)
    for one in episodes:
        found = known.get(one.slug) or of(publication, one)
        heard = (enclosures or {}).get(one.slug, "")
        known[one.slug] = (
            replace(found, enclosure=heard) if heard and not found.enclosure else found
        )
    return Identities(
        remembered.podcast_guid or publication.podcast_guid or podcast_guid(publication),
        known,
        remembered.moved,
    )


# --- deliberate changes ----------------------------------------------------------------------------


def renewed(old: Identity) -> Identity:
    """The episode under new GUIDs, so that every reader takes it for a new one."""
    return replace(
        old,
        guid=_next(old.guid),
        podcast_guid=_next(old.podcast_guid),
        atom_guid=_next(old.atom_guid or f"{old.guid}#atom"),
        first_guid=old.first_guid or old.guid,
    )


def _next(guid: str) -> str:
    return uuid5(NAMESPACE_URL, f"{guid}#again").urn


def with_episode(remembered: Identities, slug: str, changed: Identity) -> Identities:
    """What is remembered, one episode of it changed."""
    return replace(remembered, episodes={**remembered.episodes, slug: changed})


def moved(remembered: Identities, old: str, new: str) -> Identities:
    """What is remembered, at another address: every GUID stays, every address below the old one follows."""

    def follows(one: Identity) -> Identity:
        changes: dict[str, str] = {
            name: new + getattr(one, name).removeprefix(old)
            for name in ADDRESSES
            if getattr(one, name).startswith(old)
        }
        return replace(one, **changes)

    episodes = {slug: follows(one) for slug, one in remembered.episodes.items()}
    before = tuple(url for url in (*remembered.moved, old) if url != new)
    return Identities(remembered.podcast_guid, episodes, tuple(dict.fromkeys(before)))


def record(root: Path, identities: Identities) -> bool:
    """Write content/published.json, whole or not at all; False where it already says so."""
    text = _written(identities)
    file = root / NAME
    if file.exists() and file.read_text("utf-8") == text:
        return False
    partial = file.with_suffix(".json.partial")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return True


_NAMES = tuple(one.name for one in fields(Identity))


def _written(identities: Identities) -> str:
    """As JSON, indented by two spaces; put together here, for json's own way to indent takes ten times as long."""
    told: dict[str, Any] = {"podcast_guid": identities.podcast_guid}
    told |= {"moved": list(identities.moved)} if identities.moved else {}
    entries = ",\n".join(
        f"    {_quoted(slug)}: {{\n{_entry(one)}\n    }}"
        for slug, one in sorted(identities.episodes.items())
    )
    head = json.dumps({**told, "episodes": {}}, indent=2)
    return head.replace("{}\n}", f"{{\n{entries}\n  }}\n}}" if entries else "{}\n}") + "\n"


def _entry(one: Identity) -> str:
    return ",\n".join(
        f'      "{name}": {_quoted(value)}' for name in _NAMES if (value := getattr(one, name))
    )
