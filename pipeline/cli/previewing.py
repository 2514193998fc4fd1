"""preview: every medium of an episode on one page, made again whenever a file is saved."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.building import run
from pipeline.cli.options import Session, everywhere
from pipeline.errors import OutsideError, SimulcastError

if TYPE_CHECKING:
    from pipeline.cli.terminal import Terminal
    from pipeline.runner import Desk
    from pipeline.stage import Artifacts, Stage

SHOWN = ("page", "email", "entry")
"""What changes on the preview with each saved word; the voice reads it afterwards."""
LOOKS = "site"
"""Makes what the pages are dressed in."""
APART = ".simulcast/preview"
"""What is still to come must not lie in build/, which is served and deployed."""
BUSY = "making and checking the rest"
SLOW = "narration"
EVERYTHING = "import os; os.nice(5); from pipeline.cli import main; main()"
"""The whole build gives way to the server and the browser that show the words."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    help="Where to serve; 0 takes any free port.",
)
@click.option("--open/--no-open", "opens", default=True, help="Open the browser.")
@click.option(
    "--phone/--no-phone", default=True, help="Let a phone look in that has scanned the code."
)
@everywhere
def preview(session: Session, port: int, opens: bool, phone: bool) -> None:
    """Show every medium side by side, those still to come too, and follow what you save, until Ctrl-C."""
    import threading
    import webbrowser

    from pipeline.web.preview.app import preview as application
    from pipeline.web.preview.following import follow
    from pipeline.web.preview.seen import Seen
    from pipeline.web.serving import listening, server

    workshop = Workshop(session)
    seen = Seen(workshop.build, workshop.begin())
    elsewhere = own_address() if phone else ""
    key = secrets.token_urlsafe(9)
    try:
        ours = listening("127.0.0.1", port)
        port = ours.getsockname()[1]
        sockets = [ours, *_besides(elsewhere, port)]
    except OSError as error:
        raise OutsideError(
            f"port {port} is taken ({error.strerror}); choose another with --port"
        ) from error

    async def following() -> None:
        await asyncio.gather(
            asyncio.to_thread(workshop.warm),
            follow(seen, workshop.folders(), workshop.quick, workshop.whole),
        )

    app = application(seen, follow=following, key=key)
    address = f"http://127.0.0.1:{port}/~/"
    click.echo(f"{seen.now.publication.title} is at {address} (Ctrl-C stops it)")
    if len(sockets) > 1:
        _show_code(f"http://{elsewhere}:{port}/~/?key={key}")
    if opens:
        # Beside us: a browser of the terminal comes back only when it is closed.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    running = server(app, log=lambda event: None, patience=0)
    try:
        running.run(sockets=sockets)
    except KeyboardInterrupt:
        click.echo()


class Workshop:
    """Makes what the preview shows: at once what is looked at, then everything, in a process beside this one."""

    def __init__(self, session: Session) -> None:
        self._session, self._now = replace(session, build=APART), session.now
        self.build = session.root / APART
        self._made: dict[tuple[str, str], Artifacts] = {}

    def _open(self, terminal: Terminal | None = None) -> Desk:
        """The publication as it will be when all of it is out: what is still to come is what one looks at."""
        desk = self._session.desk(terminal)
        if desk.scheduled:
            desk.close()
            last = max(one.published for one in desk.scheduled)
            desk = replace(self._session, now=last).desk(terminal)
        self._now = desk.now
        return desk

    def begin(self) -> Any:
        """All that is read and seen, with its progress told; what was spoken before is there, too."""
        from pipeline.web.preview.seen import Build

        desk = self._open(self._session.terminal())
        try:
            self._made = _known(desk)
            stages = self._at_once(
                desk, [one.slug for one in desk.listings], (*SHOWN, "backlist", LOOKS)
            )
            report = run(desk, None, stages)
            self._made = desk.made.all()
        finally:
            desk.close()
        return Build(
            desk.publication,
            desk.listings,
            tuple(map(str, report.errors)),
            busy=BUSY,
            broken=tuple(report.broken),
            ahead=self._ahead(desk),
        )

    def _ahead(self, desk: Desk) -> tuple[str, ...]:
        return tuple(one.slug for one in desk.listings if one.published > self._session.now)

    def warm(self) -> None:
        """Load what the first saved word needs: the stages' libraries, and the templates they fill."""
        desk = self._open()
        try:
            desk.made.fill(self._made)
            for listing in desk.listings[-1:]:
                for stage in at_once(desk.stages)[0]:
                    if (stage.name, listing.slug) in desk.made:
                        desk.call(stage, listing.slug)
        finally:
            desk.close()

    def folders(self) -> Sequence[Path]:
        """Where a saved file makes something stale."""
        from pipeline.templates import themes_folder

        root = self._session.root
        return (root / "content", root / "audio", root / "templates", themes_folder())

    def quick(self, slugs: Sequence[str]) -> Mapping[str, Any]:
        """What is shown of these episodes, made with the audio there is; and what could not be."""
        try:
            desk = self._open()
        except SimulcastError as error:
            return {"errors": (str(error),), "busy": ""}
        try:
            errors = list(self._made_at_once(desk, slugs))
        finally:
            desk.close()
        return {
            "publication": desk.publication,
            "listings": desk.listings,
            "broken": tuple(desk.contents.errors),
            "errors": tuple(dict.fromkeys(errors)),
            "busy": BUSY,
            "ahead": self._ahead(desk),
        }

    def _made_at_once(self, desk: Desk, slugs: Sequence[str]) -> Iterable[str]:
        new = {one.slug for one in desk.listings if ("page", one.slug) not in self._made}
        wanted = [one.slug for one in desk.listings if one.slug in {*slugs, *new}]
        stages = self._at_once(desk, wanted, SHOWN)
        yield from (str(error) for error in desk.contents.errors.values())
        for slug in wanted:
            yield from map(str, run(desk, slug, stages).errors)
        desk.made.fill(self._made)
        if all(
            (name, one.slug) in desk.made for name in self._dressed(desk) for one in desk.listings
        ):
            yield from map(str, run(desk, None, [desk.stages[LOOKS]]).errors)
        self._made = desk.made.all()

    def _dressed(self, desk: Desk) -> list[str]:
        """What the looks are made of that is made of each episode."""
        return [name for name in desk.stages[LOOKS].after if desk.stages[name].per == "episode"]

    def _at_once(self, desk: Desk, slugs: Iterable[str], shown: Sequence[str]) -> list[Stage]:
        """The stages that do not wait for the voice; they receive what it said last."""
        from pipeline.stage import Artifacts

        stages, held = at_once(desk.stages, shown)
        for name in held:
            for slug in slugs:
                desk.made[name, slug] = self._made.get((name, slug), Artifacts())
        return stages

    async def whole(self) -> Mapping[str, Any]:
        """Everything made and checked in a process of its own, which ends when this is cancelled."""
        now = self._now.isoformat()
        words = ["check", "--root", str(self._session.root), "--now", now, "--json"]
        words += ["--into", self._session.build]
        beside = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", EVERYTHING, *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            out, _ = await beside.communicate()
        except asyncio.CancelledError:
            beside.terminate()
            await beside.wait()
            raise
        told = _answered(out)
        if not told["errors"]:
            await asyncio.to_thread(self._remember)
        return told

    def _remember(self) -> None:
        """Know what was made beside this process; nothing is made here."""
        desk = self._open()
        try:
            self._made = _known(desk)
        finally:
            desk.close()


def _known(desk: Desk) -> dict[tuple[str, str], Artifacts]:
    """What is there of each episode, and is still what it would be made to."""
    from pipeline.why import why

    stages = [one for one in desk.stages.values() if one.per == "episode"]
    desk.take_settled()
    for listing in desk.listings:
        if not desk.made.settled(listing.slug):
            list(why(desk, stages, listing.slug))
    return desk.made.all()


def at_once(
    stages: Mapping[str, Stage], shown: Sequence[str] = SHOWN
) -> tuple[list[Stage], list[str]]:
    """The stages that make what is shown, in order; and those they receive from that wait for the voice."""
    spoken = {SLOW}
    for one in stages.values():
        if spoken & set(one.after) and one.name not in shown:
            spoken.add(one.name)
    wanted, held, asked = set[str](), set[str](), [name for name in shown if name in stages]
    while asked:
        name = asked.pop()
        if name in spoken:
            held.add(name)
        else:
            wanted.add(name)
            asked += stages[name].after
    return [one for one in stages.values() if one.name in wanted], sorted(held)


def _answered(out: bytes) -> dict[str, Any]:
    try:
        told = json.loads(out)
    except ValueError:
        return {"errors": ("the build ended without a word; try simulcast build",)}
    return {"errors": tuple(told["errors"]), "findings": tuple(told.get("findings", ()))}


def own_address() -> str:
    """This machine's address in its own network; "" where it is in none. Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect(("192.0.2.1", 9))  # an address that nobody has (RFC 5737)
            found: str = asking.getsockname()[0]
    except OSError:
        return ""
    return "" if found.startswith(("127.", "0.")) else found


def _besides(address: str, port: int) -> list[socket.socket]:
    from pipeline.web.serving import listening

    try:
        return [listening(address, port)] if address else []
    except OSError:
        return []


def _show_code(address: str) -> None:
    """A QR code for the phone, as large as it must be; its address below it."""
    import io

    import segno

    drawn = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(out=drawn, border=2, compact=True)
    click.echo(drawn.getvalue().rstrip("\n"))
    click.echo(f"On a phone in the same network: {address}")
