"""What was last extracted, where the file that remembers it is damaged."""

import json

import pytest

from featx.embeddings.cache.last_extracted import FILE, remember
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import RecipeError
from featx.images.layouts.options import DataSettings
from featx.pipeline.extract import find_embeddings, last_extracted, run_extract
from tests.conftest import Noted, make_colours, read_only

CHOSEN = ExtractSettings(backbone="mobilenet-0.25", image_size=32, weights="random")
GOOD = CHOSEN.model_dump(mode="json")


@pytest.mark.parametrize(
    "entry",
    [5, None, "abc", ["a"], {"backbone": "x"}, [{**GOOD, "later": 1}]],
    ids=repr,
)
def test_an_entry_of_another_form_says_which_file(tmp_path, entry):
    make_colours(tmp_path / "data", size=(40, 40))
    cache, data = tmp_path / "cache", DataSettings(path=tmp_path / "data")
    cache.mkdir()
    (cache / FILE).write_text(json.dumps({str(data.path.resolve()): entry}))
    assert last_extracted(cache, data) == []
    with pytest.raises(RecipeError, match=r"last extracted|nothing was") as caught:
        find_embeddings(data, cache=CacheSettings(folder=cache))
    assert "give --backbone" in str(caught.value)
    assert (FILE in str(caught.value)) == bool(entry)


def test_a_cache_that_cannot_remember_says_so(open_folder):
    make_colours(open_folder / "data", size=(40, 40))
    cache = CacheSettings(folder=open_folder / "cache")
    data = DataSettings(path=open_folder / "data")
    other = CHOSEN.model_copy(update={"image_size": 40})
    progress = Noted()
    for settings in (CHOSEN, other):
        run_extract(data, [settings], cache=cache, progress=progress)
    with read_only(cache.folder):
        run_extract(data, [other], cache=cache, progress=progress)
        assert progress.notes == []
        run_extract(data, [CHOSEN], cache=cache, progress=progress)
    (note,) = progress.notes
    assert "not writable, so `featx fit` can't know" in note
    assert last_extracted(cache.folder, data) == [other]


def test_the_entry_is_read(tmp_path):
    remember(tmp_path, tmp_path, [GOOD])
    assert last_extracted(tmp_path, DataSettings(path=tmp_path)) == [CHOSEN]
