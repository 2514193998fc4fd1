"""Makes .venv hold what the lock files name, in few words, and does nothing when it already does.

install.py [--again] PART …   parts: core, voice, test, align, piper; `--again` retries a voice that could not be had.
"""

import ast
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
INSTALLED = VENV / "installed.json"
NEEDED = (3, 11)
PIP = (str(VENV / "bin" / "python"), "-m", "pip")

PARTS = {
    "build": "requirements-build.txt",
    "core": "requirements.txt",
    "project": "pyproject.toml",
    "voice": "requirements-voice.txt",
    "test": "requirements-test.txt",
    "align": "requirements-align.txt",
    "piper": "requirements-piper.txt",
}
WITHOUT = {"voice": "the light voice will read. To try again: make voice"}
"""Parts that one can do without, and what happens then."""

NETWORK = (
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host"),
    *("cert", "client-cert", "keyring-provider", "proxy", "timeout", "default-timeout", "retries"),
    *("cache-dir", "no-cache-dir"),
)
"""What may be taken over from the user's own pip configuration: how to reach an index, nothing else."""

FLAGS = ["--require-hashes", "--no-deps", "--no-build-isolation", "--use-pep517"]
EDITABLE = ["--no-deps", "--no-build-isolation", "--editable", "."]


def main(arguments):
    refuse_old_python()
    again = "--again" in arguments
    wanted = [part for part in arguments if part != "--again"]
    if "core" in wanted:
        wanted = ["build", "core", "project"] + [part for part in wanted if part != "core"]
    installed = state() or make_venv()
    for part in wanted:
        given_up = installed.get(part) == unavailable(part)
        if installed.get(part) == content(part) or (given_up and not again):
            continue
        installed[part] = content(part) if install(part) else unavailable(part)
        INSTALLED.write_text(json.dumps(installed, indent=1), encoding="utf-8")


def refuse_old_python():
    if sys.version_info >= NEEDED:
        return
    found = "{}.{}.{}".format(*sys.version_info[:3])
    better = [name for minor in (13, 12, 11) for name in [f"python3.{minor}"] if shutil.which(name)]
    there = f"There is one: PYTHON={better[0]} make publish" if better else "None is on PATH."
    sys.exit(f"Simulcast needs Python 3.11 or newer; {sys.executable} is {found}. {there}")


def content(part):
    return hashlib.sha256((ROOT / PARTS[part]).read_bytes()).hexdigest()


def unavailable(part):
    return "unavailable " + content(part)


def identity():
    """What .venv belongs to: moved to another folder or made by another Python, it is made anew."""
    return {"root": str(ROOT), "python": "{}.{}".format(*sys.version_info[:2])}


def state():
    """What is installed by part, or nothing if there is no .venv of this folder and Python."""
    try:
        installed = json.loads(INSTALLED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return installed if installed.get("venv") == identity() else None


def make_venv():
    python = getattr(sys, "_base_executable", sys.executable)
    version = identity()["python"]
    with Step(f"Making .venv with Python {version}") as step:
        made = step.run([python, "-m", "venv", "--clear", str(VENV)], dict(os.environ))
        if not made:
            step.fail("On Debian and Ubuntu: apt install python3-venv")
    installed = {"venv": identity()}
    INSTALLED.write_text(json.dumps(installed), encoding="utf-8")
    return installed


def install(part):
    """All of one lock file; False if it could not be had and one can do without."""
    lock = PARTS[part]
    command = [*PIP, "install", "--no-input"]
    command += EDITABLE if part == "project" else [*FLAGS, "--requirement", lock]
    name = "Simulcast itself" if part == "project" else f"what {lock} locks"
    with Step(f"Installing {name}") as step:
        if step.run(command, pip_environment()):
            if part == "project":
                point_home()
            return True
        if part not in WITHOUT:
            step.fail("Nothing was published. With a network, run it again.")
        step.give_up(WITHOUT[part])
        return False


def point_home():
    """Say relatively where the code lies: before 3.13, Python cannot read every name in every locale."""
    for pointer in VENV.glob("lib/*/site-packages/*.pth"):
        if pointer.read_bytes().strip() == os.fsencode(ROOT):
            pointer.write_text(os.path.relpath(ROOT, pointer.parent) + "\n", encoding="ascii")


@functools.cache
def pip_environment():
    """The environment for pip: of the user's pip configuration only what NETWORK names."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PIP_") and name not in ("PYTHONPATH", "PYTHONHOME")
    }
    environment.update(PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK="1")
    settings = [line.partition("=") for line in listed.stdout.splitlines() if "=" in line]
    for section in ("global", "install", ":env:"):
        for key, _, value in settings:
            name = key[len(section) + 1 :]
            if key.startswith(section + ".") and name in NETWORK:
                words = " ".join(str(ast.literal_eval(value)).split())
                environment["PIP_" + name.upper().replace("-", "_")] = words
    return environment


class Step:
    """A line in the terminal for work that takes its time; its noise is shown only if it fails."""

    def __init__(self, title):
        self.title, self.noise = title, []

    def __enter__(self):
        self.began = time.monotonic()
        self.say(self.title + " …", end="" if sys.stdout.isatty() else "\n")
        return self

    def __exit__(self, kind, error, trace):
        if kind is None and self.noise is not None:
            count = sum(
                len(line.split()) - 2
                for line in self.noise
                if line.startswith("Successfully installed ")
            )
            packages = f"{count} packages, " if count > 1 else ""
            took = time.monotonic() - self.began
            if sys.stdout.isatty():
                self.say(f"{self.title}: {packages}{took:.0f} s")
            else:
                self.say(f"  {packages}{took:.0f} s")

    def say(self, text, end="\n"):
        line = "\r\033[K" + text if sys.stdout.isatty() else text
        print(line, end=end, flush=True)

    def run(self, command, environment):
        """Whether the command succeeded; meanwhile a terminal sees what it is at."""
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as running:
            for line in running.stdout:
                self.noise.append(line.rstrip())
                if sys.stdout.isatty() and line.startswith(("Collecting ", "Installing ")):
                    self.say(f"{self.title} … {line.split()[1][:40]}", end="")
        return running.returncode == 0

    def fail(self, advice):
        self.say(f"{self.title} failed.\n" + "\n".join(self.noise))
        sys.exit(advice)

    def give_up(self, consequence):
        reasons = [line for line in self.noise if line.startswith("ERROR: ")] or self.noise
        self.say(f"{self.title} failed ({reasons[-1] if reasons else 'no reason given'})")
        self.say(f"  {consequence}")
        self.noise = None


if __name__ == "__main__":
    main(sys.argv[1:])
