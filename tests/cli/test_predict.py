"""`featx predict` on the command line."""

import csv
import io
import json

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")
RUN = "data-mobilenet-0.25-random-lda"


def test_answers_in_every_form(run, work):
    assert run("fit", "--head", "lda", *BACKBONE).exit_code == 0
    done = run("predict", RUN, "data/test")
    assert done.exit_code == 0, done.stderr
    assert "data/test/blue/000.png" in done.stdout
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    rows = list(
        csv.reader(io.StringIO(run("predict", RUN, "data/test", "--csv").stdout))
    )
    written = (work / "reports" / RUN / "predictions.csv").read_text().splitlines()
    assert [row[1] for row in rows[1:]] == [line.split(",")[2] for line in written[1:]]
    (one,) = json.loads(
        run("predict", RUN, "data/test/red/000.png", "--json", "--top-k", 2).stdout
    )
    assert len(one["top"]) == 2
    assert one["predicted"] == next(iter(one["top"]))
    (work / "sample.csv").write_text("id,red,green,blue\n001.png,0,0,0\n")
    filled = run("predict", RUN, "data/test/red", "--submission", "sample.csv")
    assert filled.stdout.startswith("id,red,green,blue\n001.png,")


def test_errors_are_one_line(run, work):
    done = run("predict", "nothing", "data/test")
    assert done.exit_code == 1
    assert done.stderr.startswith("featx: error: reports/nothing: no such run")
    done = run("predict", "nothing", "data/test", "--csv", "--json")
    assert done.exit_code == 2
    assert "choose one of" in done.stderr


def test_networks_answer_with_their_own_model(run, work):
    words = ("--network", "basenet", "--image-size", 32, "--epochs", 1)
    done = run("train", *words)
    assert done.exit_code == 0, done.stderr
    (bad := work / "data" / "test" / "red" / "bad.png").write_text("no image")
    answered = run("predict", "data-basenet", "data/test", "--csv")
    assert answered.exit_code == 0, answered.stderr
    assert f"{bad.relative_to(work)}: not an image" in answered.stderr
    rows = list(csv.reader(io.StringIO(answered.stdout)))
    with (work / "reports" / "data-basenet" / "predictions.csv").open() as stream:
        written = list(csv.reader(stream))
    for row, expected in zip(rows[1:], written[1:], strict=True):
        assert row[1] == expected[2]
        assert abs(float(row[2]) - float(expected[3])) < 1e-5
    (work / "reports" / "data-basenet" / "model.keras").write_text("no zip")
    broken = run("predict", "data-basenet", "data/test")
    assert broken.exit_code == 1
    assert "model.keras: can't be loaded" in broken.stderr
