"""The README's commands are the ones that are run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_test_command_of_the_readme_is_the_one_that_the_checks_run():
    commands = re.findall(r"^    (python3 -m venv .*)$", (ROOT / "README.md").read_text(), re.M)
    assert len(commands) == 2
    set_up, pytest_part = commands[1].rsplit(" && ", 1)
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert set_up in script and pytest_part in script


def test_every_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
