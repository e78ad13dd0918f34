"""Every command and every Python example of the documentation runs as shown."""

import shlex

import pytest
import yaml
from click.testing import CliRunner

from featx.cli.main import main
from featx.pipeline.project import read_project
from featx.pipeline.recipe import read_recipe
from featx.runs.read import list_runs
from tests.docs.conftest import (
    PAGES,
    blocks,
    lighten_code,
    lighten_command,
    read_page,
)

OTHER_PROGRAMS = {
    ".venv/bin/pip",
    ".venv/bin/pre-commit",
    ".venv/bin/pytest",
    "git",
    "make",
    "pip",
    "python",
    "python3",
    "source",
}
"""Programs that pages show as well; only featx's own commands run here."""

ELSEWHERE = {"docs/formats.md", "CONTRIBUTING.md"}
"""Pages whose Python examples have tests of their own."""

NEED_WEIGHTS = {"demo"}
"""Commands that always want ImageNet's weights: a test of its own."""


def steps(name):
    """Return what a page shows to run, in order: lines of words, or Python code."""
    found = []
    text = read_page(name)
    for kind in ("sh", "python"):
        for block in blocks(name, kind):
            at = text.index(f"```{kind}\n{block}")
            found.append((at, kind, block))
    return [(kind, block) for _, kind, block in sorted(found)]


def command_lines(block):
    """Return the words of each command in a block, without the program."""
    joined = block.replace("\\\n", " ")  # lines that end in a backslash go on
    lines = [shlex.split(line, comments=True) for line in joined.splitlines()]
    assert {words[0] for words in lines if words} <= {"featx", *OTHER_PROGRAMS}
    return [words[1:] for words in lines if words and words[0] == "featx"]


WITH_STEPS = [name for name in PAGES if name not in ELSEWHERE and steps(name)]


def run_command(words):
    target = None
    if ">" in words:
        words, target = words[: words.index(">")], words[-1]
    words = lighten_command(words)
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, (words, done.stderr)
    if target:
        assert done.stdout.count("\n") > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_STEPS)
def test_a_page_runs_as_shown(project, name):
    names = {}
    for kind, block in steps(name):
        if kind == "python":
            exec(compile(lighten_code(block), name, "exec"), names)
            continue
        for words in command_lines(block):
            if words[0] not in NEED_WEIGHTS:
                run_command(words)
    if any("report" in words for words in command_lines("".join(blocks(name, "sh")))):
        assert (project / "reports" / "index.html").is_file()
        assert list_runs(project / "reports")


@pytest.mark.parametrize("name", PAGES)
def test_commands_are_spelled_right(name):
    for block in blocks(name, "sh"):
        for words in command_lines(block):
            assert words[0] in main.commands, words


@pytest.mark.parametrize("name", PAGES)
def test_recipes_on_a_page_are_read(name, tmp_path):
    for block in blocks(name, "toml"):
        if "[[head]]" in block:
            path = tmp_path / "recipe.toml"
            path.write_text(block)
            assert read_recipe(path).head
        elif "[[" not in block:
            (tmp_path / "featx.toml").write_text(block)
            assert read_project(tmp_path).tables


def test_the_file_for_a_cluster_is_one_of_rays():
    util = pytest.importorskip("ray.autoscaler._private.util")
    (block,) = blocks("docs/how-to/many-machines.md", "yaml")
    cluster = yaml.safe_load(block)

    util.validate_config({**cluster, "cluster_synced_files": []})

    assert cluster["available_node_types"]["gpu"]["max_workers"] == 8
