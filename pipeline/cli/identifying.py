"""republish, withdraw, move: deliberate changes to what the world knows the publication by."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import AuthorError, SimulcastError, suggestion

if TYPE_CHECKING:
    from pipeline.identity import Identities, Identity


@click.command()
@click.argument("episode")
@click.option("--new-guid", is_flag=True, help="New GUIDs: readers take it for a new episode.")
@click.option("--new-date", is_flag=True, help="The date that its front matter says now.")
@click.option("--no-audio", is_flag=True, help="It is heard no longer.")
@everywhere
def republish(
    session: Session, episode: str, new_guid: bool, new_date: bool, no_audio: bool
) -> None:
    """Change what a published EPISODE (06) is known by, or bring a withdrawn one back.

    content/published.json is rewritten; the next publish brings it out. It is mailed to nobody again.
    """
    from pipeline import identity

    remembered = identity.recorded(session.root)
    slug, old = _published(remembered, episode)
    if not (new_guid or new_date or no_audio or old.withdrawn):
        raise click.UsageError("say what shall change: --new-guid, --new-date or --no-audio")
    changed = replace(identity.renewed(old) if new_guid else old, withdrawn="")
    if no_audio:
        changed = replace(changed, enclosure="")
    if new_date:
        out = identity.with_episode(remembered, slug, changed)
        changed = replace(changed, published=_date(session, out, slug))
    identity.record(session.root, identity.with_episode(remembered, slug, changed))
    _tell(session, slug, "comes out anew with the next publish", new_guid=new_guid)


@click.command()
@click.argument("episode")
@everywhere
def withdraw(session: Session, episode: str) -> None:
    """Take a published EPISODE (06) back: the next publish leaves it out of every feed and off the site.

    Mail that was sent is sent. "simulcast republish" brings it back, under the same GUIDs.
    """
    from pipeline import identity

    remembered = identity.recorded(session.root)
    slug, old = _published(remembered, episode)
    if old.withdrawn:
        raise SimulcastError(f"{slug} was withdrawn already, {old.withdrawn}")
    gone = replace(old, withdrawn=session.now.isoformat(timespec="seconds"))
    identity.record(session.root, identity.with_episode(remembered, slug, gone))
    _tell(session, slug, "is withdrawn: the next publish leaves it out", withdrawn=True)


@click.command()
@click.argument("url")
@everywhere
def move(session: Session, url: str) -> None:
    """Move the whole publication to another URL: every GUID stays, and the feeds say where they are now.

    Rewrites `url` in content/publication.toml. The next build writes the rules for the old host to build/moved.
    """
    from pipeline import config, identity

    if not re.fullmatch(r"https://[^\s/]+(/[^\s?#]*)?/", url):
        raise click.BadParameter(f'"{url}" is not an https address that ends in "/"')
    remembered = identity.recorded(session.root)
    now = config.publication(session.root).url
    old = _address(remembered) or now
    if old == url:
        raise SimulcastError(f"it is at {url} already")
    file = session.root / config.NAME
    text = file.read_bytes().decode("utf-8-sig")
    changed, found = re.subn(
        r"(?m)\A((?:(?!\[).*\n)*?url\s*=\s*)([\"\']).*?\2", rf'\1"{url}"', text
    )
    if not found:
        raise AuthorError(config.NAME, None, f'write its url there by hand: url = "{url}"')
    file.write_text(changed, "utf-8", newline="")
    identity.record(session.root, identity.moved(remembered, old, url))
    _tell(session, url, f"is where it lives now; {old} was before", moved_from=old)


def _published(remembered: Identities, name: str) -> tuple[str, Identity]:
    """The episode that "06", "6" or its slug means, of those that were published."""
    name = name.rstrip("/").rpartition("/")[2]
    for slug, one in remembered.episodes.items():
        number = slug.partition("-")[0]
        if name == slug or (name.isdecimal() and number.isdecimal() and int(name) == int(number)):
            return slug, one
    raise SimulcastError(
        f'no episode "{name}" was ever published' + suggestion(name, remembered.episodes)
    )


def _address(remembered: Identities) -> str:
    """Where the publication was published, as its episodes know it."""
    for slug, one in remembered.episodes.items():
        if one.url.endswith(f"/{slug}/"):
            return one.url.removesuffix(f"{slug}/")
    return ""


def _date(session: Session, remembered: Identities, slug: str) -> str:
    from pipeline import config, source

    contents = source.contents(session.root, config.publication(session.root), remembered)
    if slug in contents.errors:
        raise contents.errors[slug]
    if slug not in contents.sources:
        raise AuthorError(f"content/{slug}/episode.md", None, "is missing; bring it back first")
    return contents.sources[slug].listing.published.isoformat()


def _tell(session: Session, what: str, words: str, **more: object) -> None:
    from pipeline.cli.terminal import answer

    if session.json:
        answer({"changed": what, **more})
    elif not session.quiet:
        click.echo(f"{what} {words}.")
