"""`featx report` renders what it is asked for."""

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


def test_a_named_run_is_rendered_alone(run, work):
    run("extract", *BACKBONE)
    run("fit", "--head", "logreg", "--head", "lda")
    done = run("report", "data-mobilenet-0.25-random-lda")
    assert "data-mobilenet-0.25-random-lda/index.html" in done.stdout
    assert not (work / "reports/data-mobilenet-0.25-random-logreg/index.html").exists()
