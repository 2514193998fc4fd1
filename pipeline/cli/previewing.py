"""preview: the site as it would be deployed, in a browser."""

from __future__ import annotations

import click

from pipeline.cli.building import run, tell
from pipeline.cli.options import Session, everywhere


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
    import webbrowser

    from pipeline.cli.serving import server
    from pipeline.errors import OutsideError

    terminal = session.terminal()
    desk = session.desk(terminal)
    try:
        report = run(desk)
    finally:
        desk.close()
    if report.errors:
        tell(session, report)
    try:
        running = server(session.root / "build" / "site", port)
    except OSError as error:
        raise OutsideError(
            f"port {port} is taken ({error.strerror}); choose another with --port"
        ) from error
    address = f"http://127.0.0.1:{running.server_port}/"
    click.echo(f"{report.publication.title} is at {address} (Ctrl-C stops it)")
    if opens:
        webbrowser.open(address)
    with running:
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            click.echo()
