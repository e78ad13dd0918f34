"""What fine-tuning gained, in words, on the page and on the leaderboard."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from featx.errors import RunError
from featx.figures.training_curves import curves_figure
from featx.reports.leaderboard.page import render_leaderboard
from featx.reports.leaderboard.transfer import transfer_gap
from featx.reports.numbers import percent
from featx.reports.run import explain, gain
from featx.reports.run.gain import (
    finetuning_gain,
    recommend,
    run_to_use,
    signed_points,
    signed_range,
)
from featx.reports.run.page import render_run
from featx.runs.ranking import rank_runs
from tests.made_runs import drawn, with_info, with_metrics
from tests.reports.pages import Page, assert_self_contained, section_words
from tests.runs.conftest import FINETUNED

PARENT = "pets-mobilenetv2-0.35-lda"
BETTER = {
    "gain": 0.04,
    "gain_interval": [0.01, 0.07],
    "val_gain": 0.05,
    "val_gain_interval": [0.02, 0.08],
    "recommended": "finetuned",
}


def hold_out(run, correct, *, copies=1, extra=0):
    """Write which held-out images a run got right; `extra` ones only it has."""
    rows = [f"train/{i}.png,{i // copies},{int(c)}" for i, c in enumerate(correct)]
    rows += [f"train/extra-{i}.png,{1000 + i},1" for i in range(extra)]
    text = "\n".join(["path,group,correct", *rows])
    (run.path / "held_out.csv").write_text(f"{text}\n")
    return run


def right(count, *, of=100):
    """Return that many images that are right, and the others that aren't."""
    return [True] * count + [False] * (of - count)


def words_of(run):
    return section_words(gain.SECTION, run)


def png_bytes(size=(60, 40)):
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, "PNG")
    return stream.getvalue()


def test_a_gain_within_chance_recommends_the_head(make_finetuned):
    run = make_finetuned()
    said = words_of(run)
    reached = percent(run.metrics["accuracy"])
    assert said.startswith(f"On the test split it reaches {reached}, the head it")
    assert "started from 71.0%: +1.1 points (95% interval −0.8 to +3.0" in said
    assert "so it could be chance" in said
    assert "600 of the 3,000 training images" in said
    assert "70.0% of them right, and 71.0% after 5 epochs of fine-tuning" in said
    assert (
        "within 3.2e-06 on 400 test images (1e-04 is allowed where logits reach 31)"
        in said
    )
    assert "precision" not in said
    assert "computed once" not in said
    found = recommend(run)
    assert not found.finetuned
    assert found.advice == f"Use the head, {PARENT}."
    assert "does not beat the head it started from by more than" in found.reason


def test_a_gain_beyond_chance_recommends_the_model(make_finetuned):
    run = make_finetuned(found=BETTER)
    said = words_of(run)
    assert "+4.0 points (95% interval +1.0 to +7.0, paired by image). How" in said
    assert "chance" not in said
    assert recommend(run).finetuned
    assert recommend(run).advice == "Use this model."


def test_no_epoch_was_worth_it(make_finetuned):
    run = make_finetuned(found={"epochs": 0})
    assert "it is the head itself" in words_of(run)
    assert "trained on all of them" not in words_of(run)
    assert recommend(run).reason == (
        "No epoch of fine-tuning made the head better on the held-out images."
    )
    page = Page(render_run(run)).words
    assert "so none is marked" in page


@pytest.mark.parametrize(("distilled", "done"), [(0.9, "distilled"), (None, "warmed")])
def test_another_head_may_be_better_without_fine_tuning(
    make_finetuned, distilled, done
):
    graft = {**FINETUNED["graft"], "distilled_agreement": distilled}
    settings = {} if distilled else {"warmup_epochs": 3}
    for better, said in ((BETTER, "beats"), ({}, "does not beat")):
        run = make_finetuned(
            warmup=3,
            settings=settings,
            found={**better, **averaged(0), "graft": graft},
        )
        words = words_of(run)
        assert "the backbone is as it was" in words
        assert f"got 70.0% of them right, the one that was {done}" in words
        assert "the head itself" not in words
        reason = recommend(run).reason
        assert "fine-tuning made the model better" in reason
        assert f"The head that was {done}" in reason
        assert f" {said} the one it started from" in reason


def averaged(share, *, trials=3):
    """Return what a run measured that averaged its weights, and kept that share."""
    losses = {0: 0.6, 0.25: 0.5, 0.5: 0.45, 0.75: 0.4401, 1: 0.4404}
    shown = [
        {"share": one, "log_loss": loss, "accuracy": 0.7}
        for one, loss in losses.items()
    ]
    return {
        "share": share,
        "candidates": shown,
        "trials": trials,
        "epochs": 8 if share else 0,
    }


def test_how_much_was_kept_is_shown(make_finetuned):
    run = make_finetuned(found=averaged(0.75), extra={"n_val": 3000})
    page = Page(render_run(run)).words
    assert "How much of it to keep was chosen on all 3,000 training images" in page
    assert "held out in 3 parts, one after the other" in page
    assert "with 75% of the change in the weights" in page
    assert "as much of the change was kept" in page
    assert "75%, chosen 0.4401 70.0%" in page
    assert "the mean of 3 trainings" in page
    assert "All epochs were trained, and none was chosen" in page
    whole = words_of(make_finetuned(found=averaged(1, trials=1)))
    assert "chosen on 600 of the 3,000 training images" in whole
    assert "parts" not in whole
    assert "% of the change in the weights" not in whole


def test_nothing_was_worth_keeping(make_finetuned):
    run = make_finetuned(found=averaged(0))
    assert "No share of it made the model better there" in words_of(run)
    assert recommend(run).reason == (
        "No share of fine-tuning made the head better on the held-out images."
    )


def test_it_is_compared_with_the_best_head(make_run, make_finetuned):
    parent = make_run(head="lda", cv_accuracy=0.7)
    best = hold_out(make_run(head="svm", cv_accuracy=0.8), right(70), extra=20)
    for count, finetuned, said in (
        (90, True, "90.0% right, and pets-mobilenetv2-0.35-svm, trained without"),
        (72, False, "70.0%: +2.0 points (95% interval −"),
        (50, False, "70.0%: −20.0 points (95% interval −"),
    ):
        run = hold_out(make_finetuned(found=BETTER), right(count))
        found = recommend(run, [parent, best, run])
        assert found.finetuned is finetuned
        assert found.reason.startswith("Of the 100 held-out images this model got")
        assert said in found.reason
        assert ("either may be better" in found.reason) is (count == 72)
        expected = f"Use {best.name}, the best in cross-validation."
        assert found.advice == ("Use this model." if finetuned else expected)
    # A copy of an image says nothing new.
    run = hold_out(make_finetuned(found=BETTER), right(82), copies=1)
    assert recommend(run, [best]).finetuned
    assert not recommend(hold_out(run, right(82), copies=10), [best]).finetuned
    # More than the best one, but not more than its own head.
    run = hold_out(make_finetuned(), right(90))
    found = recommend(run, [best])
    assert found.advice.startswith(f"Use {best.name}")
    assert "But on the held-out images fine-tuning does not beat" in found.reason
    # The same with nothing kept, which is said once.
    run = hold_out(make_finetuned(found={"epochs": 0}), right(90))
    assert recommend(run, [best]).reason.count("fine-tuning made") == 1
    assert "But" not in recommend(run, [best]).reason
    # No epoch was worth it.
    run = hold_out(make_finetuned(found={"epochs": 0}), right(70))
    found = recommend(run, [best])
    assert found.reason.startswith("No epoch of fine-tuning made the head better")
    assert "right, and pets-mobilenetv2-0.35-svm" in found.reason
    # The best one is its own head, or has other images.
    parent = make_run(head="lda", cv_accuracy=0.9)
    better = make_finetuned(found=BETTER)
    parent = replace(parent, path=parent.path.with_name(PARENT))
    assert recommend(better, [parent, best]).advice == "Use this model."
    others = make_run(head="mlp", cv_accuracy=0.99, fingerprint="other")
    assert recommend(better, [others]).advice == "Use this model."


def test_what_can_not_be_decided_is_said(make_run, make_finetuned):
    best = hold_out(make_run(head="svm", cv_accuracy=0.8), right(70))
    for run in (
        make_finetuned(found=BETTER),  # of an older featx
        hold_out(make_finetuned(found=BETTER), right(90), extra=1),
    ):
        found = recommend(run, [best])
        assert not found.finetuned
        assert found.advice == (
            f"Whether this model or {best.name} is better can't be decided."
        )
        assert "it beats the head it started from by more than chance" in found.reason
        assert f"{best.name} is the best in cross-validation" in found.reason
    found = recommend(make_finetuned(), [best])
    assert found.advice == f"Use {best.name}, the best in cross-validation."
    (best.path / "held_out.csv").write_text("damaged")
    assert "can't be decided" in recommend(run, [best]).advice


def test_the_run_to_use_is_the_recommended_one(make_run, make_finetuned):
    best = hold_out(make_run(head="svm", cv_accuracy=0.8), right(70))
    other = hold_out(make_run(head="lda", cv_accuracy=0.7), right(60))
    tuned = hold_out(make_finetuned(found=BETTER), right(90))
    assert run_to_use(rank_runs([other, tuned, best])).name == tuned.name
    assert run_to_use(rank_runs([other, best])).name == best.name
    weak = hold_out(make_finetuned(found=BETTER), right(71))
    assert run_to_use(rank_runs([other, weak, best])).name == best.name


def test_a_better_fine_tuned_run_is_named(make_run, make_finetuned):
    run = hold_out(make_finetuned(found=BETTER), right(80))
    other = hold_out(make_finetuned(head="svm"), right(84))
    less = hold_out(make_finetuned(head="mlp"), right(70))
    found = recommend(run, [run, less, other])
    assert found.advice == f"Use {other.name}."
    assert f"{other.name}, fine-tuned as well, got 84.0% right: +4.0" in found.reason
    assert recommend(run, [run, less]).finetuned
    held_out_others = hold_out(other, right(84), extra=1)
    assert recommend(run, [held_out_others]).finetuned


def test_a_distilled_head_and_low_precision(make_finetuned):
    graft = FINETUNED["graft"] | {
        "tolerance": None,
        "drift": 0.0123,
        "distilled_agreement": 0.973,
    }
    said = words_of(make_finetuned(found={"graft": graft}))
    assert "names the same class for 97.3% of" in said
    assert "changes probabilities by 0.012 at most" in said
    assert "is allowed" not in said


@pytest.mark.parametrize(
    ("epoch", "plain", "said"),
    [
        (1.2, 6.0, "took 1.2 s, and would take 6.0 s from the images: 5.0 times as"),
        (123.0, None, "an epoch on them took 2 min 3 s."),
        (None, None, None),
    ],
)
def test_what_the_frozen_outputs_saved(make_finetuned, epoch, plain, said):
    boundary = {
        "layer": "block_15_add",
        "seconds_caching": 3.1,
        "seconds_epoch": epoch,
        "seconds_epoch_plain": plain,
    }
    words = words_of(make_finetuned(found={"boundary": boundary}))
    assert (
        "The outputs of block_15_add were computed once, in 3.1 s" in words
    ) is bool(said)
    assert said is None or said in words


def test_other_runs_gained_nothing(make_run):
    run = make_run()
    assert words_of(run) == ""
    assert recommend(run) is None
    assert finetuning_gain([run]) == ""


def test_a_network_s_words_are_not_said_of_it(make_finetuned):
    said = section_words(explain.SECTION, make_finetuned())
    assert "chose nothing" not in said
    assert "from random ones on" not in said


def test_signs():
    shares = (0.011, -0.008, 0.0004, -0.0004, 0.0)
    assert [signed_points(x) for x in shares] == ["+1.1", "−0.8", "0.0", "0.0", "0.0"]
    assert signed_range([-0.02, 0.0]) == "−2.0 to 0.0"


def test_its_page(plain_figures, make_run, make_finetuned):
    parent = make_run(head="lda")
    render_run(parent)
    run = make_finetuned(warmup=2, found=BETTER, settings={"augment": "light"})
    (run.path / "augmented.png").write_bytes(png_bytes())
    page = Page(render_run(run))
    assert_self_contained(page)
    assert "lda on mobilenetv2-0.35, fine-tuned, pets" in page.words
    assert "Use this model." in page.words
    assert f"../{PARENT}/index.html" in page.links
    assert "Gain over the head +4.0 points 95%: +1.0 to +7.0" in page.words
    assert "What fine-tuning gained" in page.words
    assert f"Fine-tuned from {PARENT}" in page.words
    assert "Held out 600" in page.words
    assert "Trainable parameters 412,345" in page.words
    assert "Settings of the fine-tuning" in page.words
    assert "epochs are counted through the warm-up" in page.words
    assert "What it was trained on" in page.words
    assert "differently in each epoch" in page.words
    (alt,) = [alt for alt in page.alts if "copies" in alt]
    assert "augmentation light" in alt
    assert "augmented.png" in page.links


def test_its_page_without_what_may_be_missing(plain_figures, make_finetuned):
    page = Page(render_run(make_finetuned(settings={"copies": 3})))
    assert f"Use the head, {PARENT}." in page.words
    assert "../" + PARENT not in page.source
    assert "What it was trained on" not in page.words
    assert "counted through the warm-up" not in page.words


def test_no_link_leaves_the_reports(plain_figures, make_run, make_finetuned):
    render_run(make_run(head="lda"))
    run = with_info(make_finetuned(), parent=f"../reports/{PARENT}")
    assert f"{PARENT}/index.html" not in Page(render_run(run)).source


def test_a_broken_picture_is_an_error(plain_figures, make_finetuned):
    run = make_finetuned()
    (run.path / "augmented.png").write_bytes(b"no picture")
    with pytest.raises(RunError, match="incomplete"):
        render_run(run)


def test_the_chosen_epoch_is_counted_through_the_warmup(
    plain_figures, make_finetuned, monkeypatch
):
    asked = {}

    def draw(history, subtitle, **options):
        asked.update(options)
        return curves_figure(history, subtitle, **options)

    monkeypatch.setattr("featx.plots.curves_figure", draw)
    for epochs, chosen in ((5, 7), (0, 0)):
        run = make_finetuned(warmup=2, found={"epochs": epochs})
        drawn(run)
        assert asked == {"chosen": chosen, "before": 0.7}


def test_the_leaderboard_shows_it(make_run, make_finetuned, tmp_path):
    runs = [make_finetuned(), make_run(head="lda", cv_accuracy=0.2)]
    page = Page(render_leaderboard(tmp_path / "reports", runs))
    assert "lda, fine-tuned" in page.words
    assert "held out: 71.0%" in page.words
    assert "What fine-tuning is worth." in page.words
    assert "What transfer is worth." not in page.words
    assert page.words.index(f"{PARENT} best") < page.words.index(f"{PARENT}-finetune")
    heads = Page(render_leaderboard(tmp_path / "reports", runs[1:]))
    assert "fine-tun" not in heads.words


def test_the_best_held_out_speaks_for_all(make_run, make_finetuned):
    worse = with_metrics(make_finetuned(head="svm"), val_accuracy=0.6)
    random = make_finetuned(weights="random", found=BETTER)
    random = with_metrics(random, val_accuracy=0.9)
    said = finetuning_gain(rank_runs([worse, make_finetuned(), random, make_run()]))
    assert said.startswith("On the test split lda on mobilenetv2-0.35, fine-tuned, ")
    best = "pets-mobilenetv2-0.35-svm"
    assert said.endswith(f"Use {best}, the best in cross-validation.")


def test_it_is_neither_transfer_nor_from_scratch(make_run, make_finetuned):
    network = make_run(
        head="from scratch", info={"kind": "network", "backbone": "basenet"}
    )
    tuned = make_finetuned()
    assert transfer_gap([tuned, network]) == ""
    assert transfer_gap([make_run(), tuned]) == ""
    said = transfer_gap([tuned, make_run(), network])
    assert "svm on mobilenetv2-0.35 reaches" in said
    assert "fine-tuned" not in said
