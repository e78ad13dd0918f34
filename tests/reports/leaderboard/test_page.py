"""The leaderboard: grouped by data set, ranked by cross-validation, and linked."""

import json
import re

import pytest

from featx.errors import RunError
from featx.reports.leaderboard.page import render_leaderboard
from featx.reports.run.page import render_run
from featx.runs.find import find_run
from featx.runs.ranking import leaderboard_frame, older_labels
from featx.runs.read import read_run
from tests.reports.pages import Page, assert_self_contained
from tests.runs.answers import hits, write_answered


def test_leaderboard_groups_and_ranks(plain_figures, make_run, tmp_path):
    runs = [
        make_run(head="knn", cv_accuracy=0.61),
        make_run(head="svm", cv_accuracy=0.72),
        make_run(head="lda", cv_accuracy=0.10, weights="random"),
        make_run(head="svm", name="birds", fingerprint="00ff" * 16, cv_accuracy=0.33),
    ]
    for run in runs[:2]:
        render_run(run)
    path = render_leaderboard(tmp_path / "reports", runs)
    assert path == tmp_path / "reports" / "index.html"
    page = Page(path)
    assert_self_contained(page)
    birds, pets = page.words.index("00ff00ff00ff"), page.words.index("9f3c9f3c9f3c")
    assert birds < pets
    order = [page.words.rindex(text) for text in ("72.0%", "61.0%", "10.0%")]
    assert order == sorted(order)
    assert "pets-mobilenetv2-0.35-svm best" in page.words
    assert "pets-mobilenetv2-0.35-knn best" not in page.words
    assert "the test split never chooses" in page.words
    linked = [link for link in page.links if link.endswith("index.html")]
    assert linked == [f"{run.path.name}/index.html" for run in (runs[1], runs[0])]
    assert len(page.alts) == 2
    # The run, and each of its four scores.
    assert page.source.count('tag warn">random') == 5
    row = page.source.split("pets-mobilenetv2-0.35-lda")[-1].split("</tr>")[0]
    assert row.count("tag warn") == 5


def test_options_tell_runs_of_one_name_apart(plain_figures, make_run, tmp_path):
    settings = {"tune": False, "class_weight": "balanced"}
    runs = [
        make_run(info={"settings": settings | more}, suffix=suffix)
        for suffix, more in (("", {}), ("-2", {"tune": True}), ("-3", {"folds": 3}))
    ]
    page = Page(render_leaderboard(tmp_path / "reports", runs))
    cells = [row.split("</th>")[0] for row in page.source.split('scope="row"')[1:]]
    found = [re.findall(r'class="options">(.*?)<', cell) for cell in cells]
    assert sorted(found) == [[], ["folds 3"], ["tune"]]


def relabelled(make_run, number, labels, created, *, content="c0", by=None):
    data = {
        "name": "pets",
        "root": "/photos/pets",
        "fingerprint": f"{number}" * 16,
        "content": content,
        "labels": labels,
        "settings": {"labels": by},
    }
    run = make_run(info={"data": data}, suffix=f"-{number}", cv_accuracy=0.5)
    file = run.path / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "created": created}))
    return read_run(run.path)


def test_runs_with_older_labels_are_marked(make_run, tmp_path):
    old, split, new = (
        relabelled(make_run, 1, "l0", "2026-03-14T15:00:00+00:00"),
        relabelled(make_run, 2, "l1", "2026-03-15T15:00:00+00:00"),
        relabelled(make_run, 3, "l1", "2026-03-16T15:00:00+00:00"),
    )
    others = [
        relabelled(make_run, 4, "l2", "2026-03-13T15:00:00+00:00", by="sizes.csv"),
        relabelled(make_run, 5, "l3", "2026-03-12T15:00:00+00:00", content="c1"),
    ]
    runs = [old, split, new, *others]
    assert older_labels(runs) == {old.data_fingerprint}
    page = Page(render_leaderboard(tmp_path / "reports", runs))
    assert page.source.count('tag warn">older labels') == 1
    panels = page.source.split('<section class="panel">')[1:]
    dates = [f"newest run 2026-03-{day} 15:00 UTC" for day in (16, 15, 14, 13, 12)]
    for panel, date in zip(panels, dates, strict=True):
        assert date in panel
        assert "<code>/photos/pets</code>" in panel
    assert "older labels" in panels[2]
    frame = leaderboard_frame(runs)
    assert list(frame["older_labels"]) == [False, False, True, False, False]


def test_the_best_run_has_no_older_labels(make_run, tmp_path):
    relabelled(make_run, 1, "l0", "2026-03-14T15:00:00+00:00")
    new = relabelled(make_run, 2, "l1", "2026-03-15T15:00:00+00:00")
    assert find_run(tmp_path / "reports", None).name == new.name


def test_leaderboard_says_when_the_best_is_random(make_run, tmp_path):
    page = Page(render_leaderboard(tmp_path / "reports", [make_run(weights="random")]))
    assert "random weights, never trained" in page.alts[0]


def test_runs_that_differ_by_seed_only_are_told_apart(
    plain_figures, make_run, tmp_path
):
    runs = [
        make_run(info={"settings": {"seed": seed}}, suffix=f"-{seed}")
        for seed in (0, 3)
    ]
    page = Page(render_leaderboard(tmp_path / "reports", runs))
    assert "in 5 folds, seed 0" in page.words
    assert "in 5 folds, seed 3" in page.words
    assert "with another seed, are ranked apart" in page.words
    alone = Page(render_leaderboard(tmp_path / "reports", runs[:1]))
    assert "in 5 folds" not in alone.words


def test_leaderboard_links_runs_elsewhere(plain_figures, make_run, tmp_path):
    run = make_run()
    moved = run.path.rename(tmp_path / "a run#1")
    render_run(read_run(moved))
    page = Page(render_leaderboard(tmp_path / "new" / "reports", [read_run(moved)]))
    assert "../../a%20run%231/index.html" in page.links


def test_leaderboard_without_runs(tmp_path):
    page = Page(render_leaderboard(tmp_path / "reports", []))
    assert "No run yet" in page.words


def test_leaderboard_in_an_impossible_place_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't write the leaderboard"):
        render_leaderboard(tmp_path / "file" / "reports", [])


def test_ties_with_the_best_are_marked(plain_figures, tmp_path):
    runs = [
        write_answered(tmp_path, name, hits(200, range(wrong)), linear=name == "lda")
        for name, wrong in (("svm", 10), ("lda", 14), ("mlp", 90))
    ]
    page = Page(render_leaderboard(tmp_path, runs))
    assert_self_contained(page)
    assert "svm best" in page.words
    assert "lda as good simplest" in page.words
    assert "mlp as good" not in page.words
    assert "Which to take. 2 of 3 runs are as good as the best" in page.words
    assert "The simplest and quickest of them is lda." in page.words
    assert "What decides is McNemar's test on held-out training images" in page.words
    assert "Overlapping ones" not in page.words
    alone = Page(render_leaderboard(tmp_path, runs[:1]))
    assert "Which to take" not in alone.words
    assert "Overlapping ones" in alone.words
