"""The benchmark of heads on many rows, with few."""

from benchmarks.large_heads import main


def test_each_head_is_measured_in_a_process_of_its_own(capsys):
    sizes = ["--rows", "1200", "--features", "16", "--classes", "4"]
    main([*sizes, "--heads", "lda", "knn"])
    title, _, *table = capsys.readouterr().out.splitlines()
    assert title == "1200 x 16, 4 classes: 0.00 GB"
    assert [row.split("|")[1].strip() for row in table[2:]] == ["lda", "knn"]
    assert all(0 < float(row.split("|")[5]) <= 1 for row in table[2:])
