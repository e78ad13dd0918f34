"""Reports list the settings that had an effect."""

import pytest

from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.networks.settings import NetworkSettings
from featx.reports.settings import effective
from featx.runs.info import Kind


def listed(kind, settings):
    return dict(effective(kind, settings.model_dump(mode="json")))


def test_what_chooses_epochs_is_listed_where_epochs_are_chosen():
    averaged = listed(Kind.FINETUNE, FinetuneSettings())
    assert averaged["choose"] == "average"
    assert not averaged.keys() & {"patience", "monitor", "min_delta", "factor"}
    chosen = listed(Kind.FINETUNE, FinetuneSettings(preset="rmsprop-100"))
    assert (chosen["patience"], chosen["plateau_patience"]) == (10, 5)


def test_plateaus_are_listed_with_their_schedule():
    assert "factor" not in listed(Kind.NETWORK, NetworkSettings(name="basenet"))
    watched = NetworkSettings(name="basenet", schedule="plateau")
    assert listed(Kind.NETWORK, watched)["factor"] == watched.factor


@pytest.mark.parametrize(
    ("given", "shown"),
    [(None, "each third in turn, or a fifth of many images"), (0.25, 0.25)],
)
def test_none_is_what_it_stands_for(given, shown):
    found = listed(Kind.FINETUNE, FinetuneSettings(validation=given))
    assert found["validation"] == shown


def test_heads_and_older_runs_list_what_they_have():
    head = HeadSettings(name="svm")
    assert listed(Kind.HEAD, head).keys() == head.model_dump().keys()
    assert dict(effective(Kind.NETWORK, {"gone": 1})) == {"gone": 1}
