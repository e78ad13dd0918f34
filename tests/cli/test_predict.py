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
