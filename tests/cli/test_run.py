"""`featx run` does all that a recipe says."""

import json


def test_a_recipe_is_run_whole(run, work):
    (work / "task.toml").write_text(
        '[data]\npath = "data/train"\ntest_size = 0.4\nseed = 3\n'
        '[cache]\nfolder = "c"\nbatch_size = 5\n'
        '[[extract]]\nbackbone = "mobilenet-0.25"\nimage_size = 32\n'
        'weights = "random"\npooling = "max"\n'
        '[[head]]\nname = "logreg"\nfolds = 3\n[head.parameters]\nC = 0.5\n'
        '[report]\nout_dir = "r"\n'
    )
    done = run("run", "task.toml")
    assert done.exit_code == 0, done.stderr
    assert "train: 14 training and 10 test images, 3 classes" in done.stdout
    assert done.stdout.endswith("r/index.html\n")
    info = json.loads(
        (work / "r/train-mobilenet-0.25-random-logreg/run.json").read_text()
    )
    assert info["settings"]["head_parameters"]["C"] == 0.5
    assert "40% cut off for the test, seed 3" in info["data"]["layout"]
    assert info["embedding"][0]["pooling"] == "max"
    scores = json.loads(run("run", "task.toml", "--json").stdout)
    assert scores["runs"][0]["head"] == "logreg"


def test_mirrored_views_are_of_all_embeddings_or_of_none(run, work):
    (work / "task.toml").write_text(
        '[[extract]]\nbackbone = "mobilenet-0.25"\nflip = true\n'
        '[[extract]]\nbackbone = "resnet50"\n[[head]]\nname = "lda"\n'
    )
    done = run("run", "task.toml")
    assert done.exit_code == 1
    assert "extract.flip: true for some backbones only" in done.stderr
