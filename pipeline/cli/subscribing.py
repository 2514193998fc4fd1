"""subscribers: who gets the emailed episode."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import Session, everywhere


@click.group()
def subscribers() -> None:
    """Who gets the emailed episode: add, import, export, list, remove."""
