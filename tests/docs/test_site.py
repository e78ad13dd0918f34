"""What the reference pages are made from is documented, and all of it is there."""

import re
import subprocess
import sys

import click
import pytest

import featx
from featx.cli.main import main
from featx.embeddings.backbones.table import BACKBONES
from featx.heads.table import HEADS
from featx.networks.table import NETWORKS
from featx.settings import Settings
from tests.docs.conftest import DOCS, PAGES, ROOT


def test_public_names_are_there_and_documented():
    for name in featx.__all__:
        assert getattr(featx, name).__doc__
    assert set(featx.__all__) <= set(dir(featx))
    with pytest.raises(AttributeError, match="attribute nothing"):
        _ = featx.nothing


def all_commands(group=main, above=()):
    """Return the commands of a group and of the groups in it, by their words."""
    found = {}
    for name, command in group.commands.items():
        words = (*above, name)
        found[" ".join(words)] = command
        if isinstance(command, click.Group):
            found |= all_commands(command, words)
    return found


@pytest.mark.parametrize("name", all_commands())
def test_every_command_and_option_has_help(name):
    command = all_commands()[name]
    assert command.help, name
    for option in command.get_params(click.Context(command)):
        if option.param_type_name == "option":
            assert option.help, (name, option.name)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` does it: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    words = ["-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site(site):
    for name, path in PAGES.items():
        if path.is_relative_to(DOCS):
            page = path.relative_to(DOCS).with_suffix(".html")
            assert (site / page).is_file(), name


def test_the_reference_lists_all_there_is(site):
    models = (site / "reference" / "models.html").read_text("utf-8")
    for name in (*HEADS, *NETWORKS, *BACKBONES):
        assert f">{name}<" in models, name
    api = (site / "reference" / "api.html").read_text("utf-8")
    for name in featx.__all__:
        assert f'id="featx.{name}"' in api, name
    cli = (site / "reference" / "cli.html").read_text("utf-8")
    for name, command in all_commands().items():
        assert f'id="featx-{name.replace(" ", "-")}"' in cli, name
        for option in command.get_params(click.Context(command)):
            for flag in option.opts:
                if flag.startswith("--") and flag != "--help":
                    assert flag in cli, (name, flag)


def test_the_api_describes_what_it_names(site):
    api = (site / "reference" / "api.html").read_text("utf-8")
    for settings in Settings.__subclasses__():
        if settings.__name__ in featx.__all__:
            _, _, described = api.partition(f'id="featx.{settings.__name__}"')
            described, *_ = described.partition("</table>")
            for field in settings.model_fields:
                assert f">{field}<" in described, (settings, field)
    assert "model_config" not in api
    # What stands between a name and its description, with nothing after it.
    assert not re.search(r"(--|–)\s*</", api)
    # Neither words before a colon nor names in a group are taken for types.
    assert "What was trained, in a word or two: " in api
    for name in ("folds", "repeats"):
        assert f"<strong>{name}</strong> (<em>int</em>)" in api


def test_options_are_shown_as_in_their_help(site):
    cli = (site / "reference" / "cli.html").read_text("utf-8")
    assert "PosixPath" not in cli
    assert "&lt;PATH&gt;" in cli
    assert ">found by its name<" in cli
    assert ">no-flip<" in cli


def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        for attribute in ('src="http', 'rel="stylesheet" href="http'):
            assert attribute not in text, page


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_pages_outside_the_site_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (ROOT / target).exists(), target
