"""The commands: the only room that prints, reads the clock, the environment or the terminal."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from importlib.metadata import entry_points
from typing import Any, NoReturn

import click

from pipeline import __version__
from pipeline.errors import NO_ROOM, OutsideError, SimulcastError
from pipeline.stage import GROUP, installed

SECTIONS = {
    "Write": {
        "new": "beginning:new",
        "preview": "previewing:preview",
        "build": "building:build",
        "check": "building:check",
        "diff": "comparing:diff",
        "why": "building:why",
    },
    "Publish": {
        "publish": "publishing:publish",
        "schedule": "scheduling:schedule",
        "correct": "correcting:correct",
        "verify": "comparing:verify",
        "republish": "identifying:republish",
        "withdraw": "identifying:withdraw",
        "move": "identifying:move",
    },
    "Mail": {
        "send": "mailing:send",
        "status": "reporting:status",
        "pause": "mailing:pause",
        "resume": "mailing:resume",
        "cancel": "mailing:cancel",
        "worker": "working:worker",
        "subscribers": "subscribing:subscribers",
        "bounces": "bouncing:bounces",
    },
    "Run": {
        "serve": "serving:serve",
        "doctor": "doctoring:doctor",
        "stages": "building:stages",
    },
}
"""Where each command lies, as help groups them; loaded when asked for, so that none pays for another's imports."""

COMMANDS = {name: place for section in SECTIONS.values() for name, place in section.items()}

OUTSIDE = 3

UTF8 = "PYTHONUTF8"


class Commands(click.Group):
    """Our own commands, then one for every installed stage."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*COMMANDS, *_stage_names()]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            module, _, function = COMMANDS[name].partition(":")
            command = getattr(importlib.import_module(f"pipeline.cli.{module}"), function)
            assert isinstance(command, click.Command)
            return command
        if name in _stage_names():
            from pipeline.cli.building import stage_command

            return stage_command(installed()[name])
        return None

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(context, args[0]) is None:
            from pipeline.errors import suggestion

            context.fail(
                f'no command "{args[0]}"' + suggestion(args[0], self.list_commands(context))
            )
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for section, names in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(
                    [(name, _short(self.get_command(context, name))) for name in names]
                )
        with formatter.section("Stages"):
            formatter.write_text(
                "Each makes one thing of one episode or of all, and what that needs (simulcast audio 06): "
                + ", ".join(_stage_names())
            )

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command; what we refuse is said in one place, and sets the exit code."""
        given = next(iter(args), None) or extra.get("args")
        words = given or sys.argv[1:]
        try:
            if given is None:
                _take_any_name()
            return super().main(*args, **extra)
        except SimulcastError as error:
            _refuse(error, "--json" in words)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            _refuse(
                OutsideError(f"{error.filename or 'a file'}: {error.strerror}"), "--json" in words
            )


def _take_any_name() -> None:
    """Read names of files as UTF-8, as episodes write them, whatever the locale; print those that are not as they are.

    Begins the command again in Python's UTF-8 mode where it must. Raises OutsideError where Python does not heed that.
    """
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")
        return
    if os.environ.get(UTF8) == "1":
        raise OutsideError(
            f"names of files are read as {encoding} here, and episodes write them in UTF-8; "
            "set LC_ALL=C.UTF-8, or start Python without -E, -I and -X utf8=0"
        )
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, UTF8: "1"})


def _refuse(error: SimulcastError, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"errors": str(error).splitlines()}, ensure_ascii=False))
    else:
        click.secho(str(error), err=True, fg="red")
    sys.exit(OUTSIDE if isinstance(error, OutsideError) else 1)


def _short(command: click.Command | None) -> str:
    return command.get_short_help_str(limit=200) if command else ""


def _stage_names() -> list[str]:
    return sorted({point.name for point in entry_points(group=GROUP)} - set(COMMANDS))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="simulcast")
def main() -> None:
    """One episode file goes out at once as an email, a page, feeds and a podcast.

    Begin with "simulcast new publication DIR"; then "simulcast publish" does it all.
    """
