"""Promises of schedule: each recipe is what its reader takes, and the command in it runs and publishes what is due."""

from __future__ import annotations

import configparser
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pipeline.cli import main
from tests.publications import SETTINGS, front_matter, small

SILENT = SETTINGS.replace('"nanotts"', '"none"')


def recipe(root: Path, how: str) -> str:
    ran = CliRunner().invoke(main, ["schedule", how, "--root", str(root)], catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.stdout


def test_the_line_for_cron_publishes_what_is_due(tmp_path: Path) -> None:
    root = small(
        tmp_path / "a letter", SILENT, e01_first=front_matter() + "Words enough for one.\n"
    )
    line = recipe(root, "cron").splitlines()[1]
    *when, command = line.split(" ", 5)
    assert when == ["*/15", "*", "*", "*", "*"]
    words = shlex.split(command)
    assert words[0] == str(Path(sys.executable).with_name("simulcast"))
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    assert len(list((root / "build/outbox/new").iterdir())) == 1


def test_cron_keeps_a_percent_sign(tmp_path: Path) -> None:
    assert r"50\%" in recipe(tmp_path / "50%", "cron")


@pytest.mark.parametrize("part", [0, 1])
def test_the_units_for_systemd_are_whole(tmp_path: Path, part: int) -> None:
    text = recipe(tmp_path / "a letter 50%", "systemd")
    unit = text.split("\n\n# ~/")[part]
    read = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",), strict=True)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string(
        "\n".join(
            line
            for line in unit.splitlines()
            if line.startswith(("[", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        )
    )
    if part == 0:
        assert read["Service"]["ExecStart"].endswith(f'"{tmp_path}/a letter 50%%"')
    else:
        assert read["Timer"]["OnCalendar"] == "*:0/15" and read["Timer"]["Persistent"] == "true"


def test_the_workflow_for_github_is_yaml_that_keeps_what_must_last(tmp_path: Path) -> None:
    found = yaml.safe_load(recipe(tmp_path, "github"))
    steps = found["jobs"]["publish"]["steps"]
    assert any(step.get("run") == "make publish ARGS=--yes" for step in steps)
    assert any("content/published.json" in step.get("run", "") for step in steps)
    assert found["concurrency"] == "publish"
    assert "SIMULCAST_DATABASE_URL" in steps[2]["env"]
