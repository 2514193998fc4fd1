"""schedule: how a machine publishes by itself, as a file for cron, systemd or GitHub Actions."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@click.command()
@click.argument("how", type=click.Choice(["cron", "systemd", "github"]))
@everywhere
def schedule(session: Session, how: str) -> None:
    """Print a recipe that publishes every quarter of an hour: what is due goes out, the rest waits.

    An episode is due when its `published` is past; running publish when nothing is due does nothing.
    """
    command = str(Path(sys.executable).with_name("simulcast"))
    click.echo(RECIPES[how](command, str(session.root)), nl=False)


def cron(command: str, root: str) -> str:
    """A line of a crontab; a percent sign would end the command there."""
    words = shlex.join([command, "publish", "--yes", "--quiet", "--root", root]).replace("%", r"\%")
    return (
        "# crontab -e; secrets such as SIMULCAST_SMTP_URL stand above it, as NAME=value\n"
        f"*/15 * * * * {words}\n"
    )


def systemd(command: str, root: str) -> str:
    """A service and its timer, which makes up for the time the machine was off."""
    words = " ".join(
        _quoted(word) for word in (command, "publish", "--yes", "--quiet", "--root", root)
    )
    return f"""\
# ~/.config/systemd/user/simulcast.service; secrets stand in simulcast.env beside it, which only you can read
[Unit]
Description=Publish what is due

[Service]
Type=oneshot
EnvironmentFile=-%h/.config/systemd/user/simulcast.env
ExecStart={words}

# ~/.config/systemd/user/simulcast.timer; then: systemctl --user enable --now simulcast.timer
[Unit]
Description=Publish every quarter of an hour

[Timer]
OnCalendar=*:0/15
Persistent=true

[Install]
WantedBy=timers.target
"""


def _quoted(word: str) -> str:
    escaped = word.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(c in word for c in " \"'\\;") else escaped


def github(command: str, root: str) -> str:
    """A workflow; what was published and to whom must outlive the machine, so both are named."""
    return """\
# .github/workflows/publish.yml; secrets are set in the repository's settings. The ledger is the database that
# SIMULCAST_DATABASE_URL names: without one, a new machine would know nobody and what nobody had.
name: publish
on:
  schedule:
    - cron: "*/15 * * * *"
  push:
    branches: [main]
concurrency: publish
permissions:
  contents: write
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/cache@v4
        with:
          path: |
            .venv
            .simulcast/store
          key: simulcast-${{ hashFiles('requirements*.txt') }}-${{ github.run_id }}
          restore-keys: simulcast-${{ hashFiles('requirements*.txt') }}-
      - run: make publish ARGS=--yes
        env:
          SIMULCAST_DATABASE_URL: ${{ secrets.SIMULCAST_DATABASE_URL }}
          SIMULCAST_SECRET_KEY: ${{ secrets.SIMULCAST_SECRET_KEY }}
          SIMULCAST_SMTP_URL: ${{ secrets.SIMULCAST_SMTP_URL }}
          SIMULCAST_DKIM_KEY: ${{ secrets.SIMULCAST_DKIM_KEY }}
      - run: |
          git config user.name simulcast
          git config user.email simulcast@users.noreply.github.com
          git add content/published.json
          git diff --cached --quiet || git commit -m "Published"
          git push
"""


RECIPES: Mapping[str, Callable[[str, str], str]] = {
    "cron": cron,
    "systemd": systemd,
    "github": github,
}
