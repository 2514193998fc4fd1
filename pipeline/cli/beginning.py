"""new: a publication, or an episode of one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import SimulcastError

if TYPE_CHECKING:
    from datetime import datetime


@click.group()
def new() -> None:
    """Begin a publication, or an episode of one."""


@new.command()
@click.argument("title")
@everywhere
def episode(session: Session, title: str) -> None:
    """Begin the next episode: content/07-title/episode.md, with its front matter."""
    from pipeline import config, identity, source
    from pipeline.store import write_whole

    title = " ".join(title.split())
    if not title:
        raise click.BadParameter("is empty", param_hint="TITLE")
    publication = config.publication(session.root)
    contents = source.contents(session.root, publication, identity.recorded(session.root))
    taken = [listing.number for listing in contents.listings] + [
        entry.number for entry in publication.series.entries
    ]
    folders = [
        int(folder.name[:2])
        for folder in (session.root / "content").glob("[0-9][0-9]-*")
        if folder.is_dir()
    ]
    number = max([0, *taken, *folders]) + 1
    slug = f"{number:02}-{source.ascii_slug(title)[:60].strip('-') or 'untitled'}"
    file = session.root / "content" / slug / "episode.md"
    if file.exists():
        raise SimulcastError(f"{file.relative_to(session.root)} is there already")
    write_whole(file, _episode(number, title, session.now).encode("utf-8"))
    click.echo(
        f"{file.relative_to(session.root)} begins episode {number}. Write it, then: simulcast preview"
    )


def _episode(number: int, title: str, now: datetime) -> str:
    import json

    return f"""---
number: {number}
title: {json.dumps(title, ensure_ascii=False)}
subtitle: ""
published: {now:%Y-%m-%dT08:00:00Z}
summary: TK one or two sentences that make a reader open it
keywords: []
---

TK the first paragraph.

## TK the first heading

TK
"""


@new.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@everywhere
def publication(session: Session, folder: Path) -> None:
    """Begin a publication in DIR: settings, artwork to replace, and a first episode."""
    from pipeline.begin import begin

    where = session.root / folder
    begin(where, session.now)
    command = shlex.join(["simulcast", "preview", "--root", str(folder)])
    click.echo(
        f"{folder} is a publication. Edit {folder}/content/publication.toml, then: {command}"
    )
