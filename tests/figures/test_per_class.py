"""The scores of each class, the best and the worst of many."""

from featx.figures.per_class import by_f1, per_class_figure
from featx.runs.metrics import ClassScores
from tests.figures.conftest import texts


def scored(share):
    return ClassScores(precision=share, recall=share, f1=share, support=9)


def test_classes_are_ordered_by_f1():
    scores = {name: scored(f1) for name, f1 in zip("abc", (0.2, 0.9, 0.2), strict=True)}
    assert by_f1(scores, ["a", "b", "c"]) == [1, 0, 2]


def test_of_many_classes_the_best_and_the_worst_are_drawn():
    names = [f"c{i}" for i in range(50)]
    scores = {name: scored(i / 50) for i, name in enumerate(names)}
    said = texts(per_class_figure(scores, names, "run"))
    assert {"c49", "c30", "c0", "c19"} <= set(said)
    assert "c25" not in said
    assert "mean 0.49" in said
