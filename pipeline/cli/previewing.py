"""preview: the site as it would be deployed, in a browser."""

from __future__ import annotations

import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import click

from pipeline.cli.building import run, tell
from pipeline.cli.options import Session, everywhere


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012  (the base class declares it so)
        **SimpleHTTPRequestHandler.extensions_map,
        ".xml": "application/xml; charset=utf-8",
        ".vtt": "text/vtt; charset=utf-8",
        ".mp3": "audio/mpeg",
        ".woff2": "font/woff2",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a preview's requests are its author's own."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    help="Where to serve; 0 takes any free port.",
)
@click.option("--open/--no-open", "opens", default=True, help="Open the browser.")
@everywhere
def preview(session: Session, port: int, opens: bool) -> None:
    """Build, then serve build/site on this machine alone until you stop it with Ctrl-C."""
    from pipeline.errors import OutsideError

    terminal = session.terminal()
    desk = session.desk(terminal)
    try:
        report = run(session, terminal, desk, None)
    finally:
        desk.close()
    if report.errors:
        tell(session, report)
    handler = partial(_Quiet, directory=str(session.root / "build" / "site"))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise OutsideError(
            f"port {port} is taken ({error.strerror}); choose another with --port"
        ) from error
    address = f"http://127.0.0.1:{server.server_port}/"
    click.echo(f"{report.publication.title} is at {address} (Ctrl-C stops it)")
    if opens:
        webbrowser.open(address)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()
