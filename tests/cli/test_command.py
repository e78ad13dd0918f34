"""A command's options are made from the fields of settings classes."""

from pathlib import Path
from typing import Annotated, Literal

import click
import pytest
from click.testing import CliRunner
from pydantic import Field, model_validator

from featx.cli.command import SettingsCommand, SettingsOptions
from featx.settings import CliOption, Settings


class OvenSettings(Settings):
    """How something is baked."""

    degrees: Annotated[
        int, Field(ge=50, le=300, description="Temperature of the oven.")
    ] = 180
    minutes: Annotated[float, Field(gt=0, description="Time in the oven.")] = 20.0
    fan: Annotated[bool, Field(description="Turn the fan on.")] = False
    place: Annotated[
        Literal["top", "middle"] | None, Field(description="Where the tray goes.")
    ] = None
    notes: Annotated[
        Path | None,
        Field(description="File of notes."),
        CliOption(name="log", metavar="FILE", none_means="keep none"),
    ] = None
    extras: Annotated[dict[str, int], CliOption(exists=False)] = Field(
        default_factory=dict
    )
    seed: Annotated[int, Field(description="Seed of the oven.")] = 0

    @model_validator(mode="after")
    def _fan_is_slow(self):
        if self.fan and self.degrees > 250:
            raise ValueError("`fan` is too weak for `degrees` above 250")
        return self


class CakeSettings(Settings):
    """Which cake is baked."""

    name: Annotated[
        str,
        Field(description="The cake.", max_length=5),
        CliOption(name="cake", repeatable=True),
    ]
    layers: Annotated[
        int | None,
        Field(ge=1, description="Number of layers."),
        CliOption(none_means="the cake's own", repeatable=True),
    ] = None
    seed: Annotated[int, Field(description="Seed of the cake.")] = 0


OVEN = SettingsOptions("oven", OvenSettings)


def command(*options):
    made = []
    return made, SettingsCommand(
        "bake", callback=lambda **given: made.append(given), params=options
    )


def run(*words, options=(OVEN,)):
    made, called = command(*options)
    done = CliRunner().invoke(called, [str(word) for word in words])
    return done, (made or [None])[0]


def test_options_make_settings():
    words = ["--degrees", 200, "--fan", "--log", "bake.txt"]
    words += ["--minutes", 3, "--place", "top", "--seed", 4]
    done, made = run(*words)
    assert done.exit_code == 0, done.output
    assert made == {
        "oven": OvenSettings(
            degrees=200,
            fan=True,
            notes=Path("bake.txt"),
            minutes=3.0,
            place="top",
            seed=4,
        )
    }
    assert run()[1] == {"oven": OvenSettings()}
    assert run("--place", "none", "--no-fan")[1] == {"oven": OvenSettings()}


def test_help_states_description_default_and_bounds():
    help_ = " ".join(run("--help")[0].output.split())
    for text in (
        "--degrees INTEGER Temperature of the oven. [default: 180; 50<=x<=300]",
        "--minutes FLOAT Time in the oven. [default: 20.0; x>0]",
        "--fan / --no-fan Turn the fan on. [default: no-fan]",
        "--place [none|top|middle] Where the tray goes. [default: none]",
        "--log FILE File of notes. [default: keep none]",
    ):
        assert text in help_
    assert "extras" not in help_


def test_an_added_field_is_an_added_option():
    class Larger(OvenSettings):
        """With one field more."""

        steam: Annotated[float, Field(ge=0, description="Share of steam.")] = 0.5

    options = [SettingsOptions("oven", Larger)]
    assert "--steam FLOAT" in run("--help", options=options)[0].output
    assert run("--steam", "1", options=options)[1]["oven"].steam == 1.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--degrees 20", "'--degrees': 20 is not in the range"),
        ("--fan --degrees 260", "Error: --fan is too weak for --degrees above 250"),
        ("--place floor", "'floor' is not one of 'none', 'top', 'middle'"),
        ("--dgrees 100", "No such option"),
    ],
)
def test_what_is_not_allowed_names_the_option(words, message):
    done, made = run(*words.split())
    assert (done.exit_code, made) == (2, None)
    assert message in done.stderr
    assert done.stderr.startswith("Usage: bake")


def test_repeatable_options_make_a_list():
    options = [SettingsOptions("cakes", CakeSettings), OVEN]
    words = ["--cake", "nut", "--cake", "plum", "--cake", "nut"]
    words += ["--layers", 1, "--layers", 2, "--seed", 3]
    done, made = run(*words, options=options)
    assert done.exit_code == 0, done.output
    assert made["cakes"] == [
        CakeSettings(name=name, layers=layers, seed=3)
        for name in ("nut", "plum")
        for layers in (1, 2)
    ]
    assert made["oven"].seed == 3  # one option for both
    help_ = " ".join(run("--help", options=options)[0].output.split())
    assert "--seed INTEGER Seed of the cake. Seed of the oven. [default: 0]" in help_
    assert "The cake. Can be repeated. [required]" in help_
    done, _ = run(options=options)
    assert (done.exit_code, "Missing option '--cake'" in done.stderr) == (2, True)
    done, _ = run("--cake", "cheese", options=options)
    assert done.exit_code == 2
    assert "Invalid value for '--cake': String should have at most 5" in done.stderr


def test_options_that_need_another_one():
    options = [SettingsOptions("cakes", CakeSettings, optional=True)]
    assert run(options=options)[1] == {"cakes": []}
    done, _ = run("--layers", "2", options=options)
    assert done.exit_code == 2
    assert "--layers needs --cake" in done.stderr


def test_plain_parameters_stand_beside_them():
    options = [click.Argument(["tray"]), OVEN, click.Option(["--json"], is_flag=True)]
    _, made = run("7", "--json", "--fan", options=options)
    assert made == {"tray": "7", "oven": OvenSettings(fan=True), "json": True}


def test_fields_can_be_left_out_or_described_differently():
    options = [
        SettingsOptions(
            "oven",
            OvenSettings,
            without=frozenset({"fan"}),
            helps={"seed": "Seed of the draw."},
        )
    ]
    help_ = run("--help", options=options)[0].output
    assert "--fan" not in help_
    assert "Seed of the draw." in help_
