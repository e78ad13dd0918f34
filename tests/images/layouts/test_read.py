"""How folders are understood, and what is said where they can't be."""

import os
import re
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.errors import DataError, SettingsError
from featx.images.layouts.read import read_images

AS_ROOT = not hasattr(os, "geteuid") or os.geteuid() == 0


def parts_of(images):
    """Return path to (class, is test)."""
    flags = [None] * len(images) if images.is_test is None else images.is_test
    names = [images.classes[label] for label in images.labels]
    return {
        path: (name, None if flag is None else bool(flag))
        for path, name, flag in zip(images.paths, names, flags, strict=True)
    }


def refusal(root, **layout):
    with pytest.raises(DataError) as caught:
        read_images(root, **layout)
    message = str(caught.value)
    assert "\n" not in message
    return message


def unlabelled(what, where):
    return (
        f"{what} have no label, left out of training and test;"
        f" `featx predict RUN {where}` says what they show"
    )


def add_tree(folder, tree, classes=("cat", "dog"), count=1):
    for name in classes:
        folder.add(*(f"{tree}/{name}/{i}.png" for i in range(count)))


TRAIN = ["train", "training", "training_set", "train_set", "Train", "TRAINING_SET"]
TEST = ["test", "testing", "test_set", "testing_set", "Test", "TEST_SET", "test-set"]
VALIDATION = ["val", "valid", "validation", "validation_set", "val_set", "Val", "VALID"]


@pytest.mark.parametrize("train", [*TRAIN, "Training Set"])
@pytest.mark.parametrize("test", [TEST[0], VALIDATION[2]])
def test_spellings_of_train(folder, train, test):
    add_tree(folder, train)
    add_tree(folder, test)
    images = read_images(folder.root)
    assert images.is_test.sum() == 2
    assert images.classes == ("cat", "dog")
    assert images.layout == f"class folders in {train}/, tested on {test}/"


@pytest.mark.parametrize("test", TEST + VALIDATION)
def test_spellings_of_test(folder, test):
    add_tree(folder, "train")
    add_tree(folder, test)
    assert parts_of(read_images(folder.root)) == {
        "train/cat/0.png": ("cat", False),
        "train/dog/0.png": ("dog", False),
        f"{test}/cat/0.png": ("cat", True),
        f"{test}/dog/0.png": ("dog", True),
    }


def test_beside_a_test_part_validation_is_trained_on(folder):
    for tree in ("train", "val", "test"):
        add_tree(folder, tree)
    images = read_images(str(folder.root))
    tested = {path for path, (_, test) in parts_of(images).items() if test}
    assert tested == {"test/cat/0.png", "test/dog/0.png"}
    assert images.layout == "class folders in train/ + val/, tested on test/"


def test_train_alone_has_no_split(folder):
    add_tree(folder, "train")
    images = read_images(folder.root)
    assert images.is_test is None
    assert images.layout == "class folders in train/"


def test_two_spellings_of_one_part(folder):
    add_tree(folder, "test")
    add_tree(folder, "train")
    add_tree(folder, "testing_set")
    message = refusal(folder.root)
    assert "both 'test' and 'testing_set'; keep one of them" in message


def test_single_tree(folder):
    folder.add("dog/b.JPG", "cat/a.jpeg", "cat/deep/er/c.png")
    images = read_images(folder.root)
    assert images.paths == ("cat/a.jpeg", "cat/deep/er/c.png", "dog/b.JPG")
    assert images.labels.tolist() == [0, 0, 1]
    assert images.labels.dtype == np.int64
    assert images.is_test is None
    assert images.layout == "class folders"
    assert images.name == "pets"
    assert images.files == [folder.root / path for path in images.paths]
    assert not images.notes


def test_images_folder(folder):
    folder.add("images/cat/a.png", "images/dog/b.png")
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    assert images.layout == "class folders in images/"


def test_a_class_may_be_called_like_a_part(folder):
    folder.add("valid/a.png", "invalid/b.png")
    assert read_images(folder.root).classes == ("invalid", "valid")


def test_hidden_and_other_files_are_passed_over(folder):
    folder.add("cat/a.png", "dog/b.png")
    folder.add("cat/.hidden.png", ".git/c.png", "dog/.cache/d.png", "._e.png")
    folder.write("cat/Thumbs.db", b"x")
    folder.write("dog/notes.txt", b"x")
    folder.write("README", b"x")
    images = read_images(folder.root)
    assert images.paths == ("cat/a.png", "dog/b.png")
    assert not images.notes


def test_loose_images_and_empty_classes_are_noted(folder):
    folder.add("cat/a.png", "dog/b.png", "z.png", "y.png")
    (folder.root / "emu").mkdir()
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    assert images.notes == (
        "no images in 'emu', left out; add images or remove the folder",
        "2 images beside the class folders have no label, left out (first: y.png)",
    )


def test_a_data_set_among_the_classes_is_noted(folder):
    folder.add("cat/a.png", "dog/b.png", "digits/0/c.png", "digits/1/d.png")
    images = read_images(folder.root)
    assert images.classes == ("cat", "digits", "dog")
    (note,) = images.notes
    assert note == (
        "all images in the 2 folders of digits/ are of the class 'digits'; name"
        f" {folder.root / 'digits'} if they are classes"
    )
    # Classes that are all divided further, or have images of their own, mean it.
    folder.add("digits/e.png")
    assert not read_images(folder.root).notes
    (folder.root / "digits" / "e.png").unlink()
    for name in ("cat", "dog"):
        folder.add(f"{name}/1/f.png", f"{name}/2/g.png")
        (folder.root / name / ("a.png" if name == "cat" else "b.png")).unlink()
    assert not read_images(folder.root).notes


def test_parts_without_class_folders_and_others_are_noted(folder):
    add_tree(folder, "train")
    folder.add("test/1.png", "extra/x/1.png")
    (folder.root / "docs").mkdir()
    images = read_images(folder.root)
    assert images.is_test is None
    assert images.notes == (
        unlabelled("1 images in test/", folder.root / "test"),
        "extra/ beside test/ + train/ is left out",
    )


def test_class_that_is_never_tested_is_noted(folder):
    add_tree(folder, "train", ("cat", "dog", "emu"))
    add_tree(folder, "test")
    assert read_images(folder.root).notes == (
        "no test image of 'emu'; it goes unmeasured",
    )


def test_links_are_followed(folder, tmp_path):
    folder.add("cat/a.png", "dog/b.png")
    (tmp_path / "elsewhere").mkdir()
    folder.write(tmp_path / "elsewhere/e.png", b"x")
    (folder.root / "emu").symlink_to(tmp_path / "elsewhere")
    (folder.root / "dog/link.png").symlink_to(folder.root / "dog/b.png")
    (folder.root / "dog/broken.png").symlink_to("nowhere.png")
    assert parts_of(read_images(folder.root)) == {
        "cat/a.png": ("cat", None),
        "dog/b.png": ("dog", None),
        "dog/broken.png": ("dog", None),
        "dog/link.png": ("dog", None),
        "emu/e.png": ("emu", None),
    }


def test_links_that_lead_back_end(folder):
    folder.add("cat/deep/a.png", "dog/b.png")
    (folder.root / "all").symlink_to(".")
    (folder.root / "cat/back").symlink_to(folder.root)
    (folder.root / "cat/deep/up").symlink_to("..")
    (folder.root / "cat/again").symlink_to("deep")
    (folder.root / "self").symlink_to("self")
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    assert [Path(path).name for path in images.paths] == ["a.png", "b.png"]


def test_no_images(folder):
    folder.write("cat/notes.txt", b"x")
    message = refusal(folder.root)
    assert f"{folder.root}: no images found; expected DATA/<class>/<image>" in message
    assert "--labels FILE.csv" in message


def test_no_class_folders(folder):
    folder.add("a.png", "b.png")
    message = refusal(folder.root)
    assert "images, but no class folders and no labels; expected DATA/" in message


def test_missing_folder(tmp_path):
    message = refusal(tmp_path / "dta")
    assert message.endswith(
        "dta: no such folder; name the folder that holds the images"
    )


def test_file_instead_of_folder(folder):
    file = folder.write("a.rar", b"x")
    assert refusal(file).startswith(f"{file}: is a file, not a folder; name the folder")


def test_single_class(folder):
    folder.add("cat/a.png")
    message = refusal(folder.root)
    assert "only one class, 'cat'; a classifier needs at least two: add a" in message


@pytest.mark.parametrize("inner", ["cat", "train/cat"])
def test_a_folder_too_high_up(folder, inner):
    folder.add(f"pets-v2/{inner}/a.png", f"pets-v2/{inner}/../dog/b.png")
    message = refusal(folder.root)
    assert "only one class, 'pets-v2'; if its folders are the classes, name" in message
    assert message.endswith("pets/pets-v2")


def test_flat_parts_are_no_classes(folder):
    folder.add("train/cat.0.png", "train/dog.0.png", "test/1.png")
    message = refusal(folder.root)
    assert "'test', 'train', but no class folders; expected DATA/<class>/" in message


@pytest.mark.parametrize("trees", [["test"], ["test", "val"]])
def test_no_training_part(folder, trees):
    for tree in trees:
        add_tree(folder, tree)
    assert "but no training split; expected" in refusal(folder.root)


def test_test_class_unknown_to_training(folder):
    add_tree(folder, "train")
    add_tree(folder, "test", ("cat", "ant", "bee", "elk", "emu"))
    message = refusal(folder.root)
    assert "'ant', 'bee', 'elk' and 1 more in the test split but not in the" in message
    assert "add training images or remove it" in message


NFC = unicodedata.normalize("NFC", "café")
NFD = unicodedata.normalize("NFD", "café")
TWINS = [
    ("Cat", "cat"),
    ("golden_retriever", "golden-retriever"),
    ("golden_retriever", "Golden Retriever"),
    ("goldenRetriever", "golden_retriever"),
    ("class 1", "class_1"),
    (NFC, NFD),
    ("STRASSE", "straße"),
]
CASES = [pair for pair in TWINS if pair[0].casefold() == pair[1].casefold()]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_two_spellings_between_train_and_test(folder, one, other):
    add_tree(folder, "train", ("zebra", one))
    add_tree(folder, "test", ("zebra", other))
    images = read_images(folder.root)
    assert images.classes == tuple(sorted(("zebra", one)))
    assert images.notes == (f"'test/{other}' is taken for '{one}'",)
    assert parts_of(images)[f"test/{other}/0.png"] == (one, True)


@pytest.mark.parametrize(("one", "other"), [p for p in TWINS if p not in CASES])
def test_two_spellings_within_one_tree(folder, one, other):
    add_tree(folder, ".", (one, other))
    if len(list(folder.root.iterdir())) < 2:
        pytest.skip("this file system takes the two for one")
    message = refusal(folder.root)
    assert f"'{one}'" in message
    assert f"'{other}'" in message
    assert "differ only by case, separators or Unicode form; rename one" in message


@pytest.mark.parametrize(("one", "other"), CASES)
def test_names_that_differ_by_case_within_one_tree_are_two_classes(folder, one, other):
    add_tree(folder, ".", ("b", one, other))
    if len(list(folder.root.iterdir())) < 3:
        pytest.skip("this file system takes the two for one")
    images = read_images(folder.root)
    assert images.classes == tuple(sorted(("b", one, other)))
    assert images.notes == (
        f"'{one}' and '{other}' differ only by case and are two classes",
    )


def test_letters_in_both_splits(folder):
    add_tree(folder, "train", "AaBb")
    add_tree(folder, "test", "AaBb")
    if len(list((folder.root / "test").iterdir())) < 4:
        pytest.skip("this file system takes the two for one")
    images = read_images(folder.root)
    assert images.classes == ("A", "B", "a", "b")
    assert images.notes == (
        "'A' and 'a' differ only by case and are two classes, as are 1 more pairs",
    )


def test_it_must_be_clear_which_class_a_spelling_means(folder):
    add_tree(folder, "train", ("Cat", "cat"))
    add_tree(folder, "test", ("CAT",))
    if len(list((folder.root / "train").iterdir())) < 2:
        pytest.skip("this file system takes the two for one")
    message = refusal(folder.root)
    assert "'train/Cat' and 'test/CAT' differ only by case" in message


INVISIBLE = ["ca\u200bt", "\ufeffcat", "cat\u202e", "c\u00adat", "cat\u3164"]


@pytest.mark.parametrize("odd", INVISIBLE)
def test_invisible_characters_make_no_class(folder, odd):
    add_tree(folder, "train", ("cat", "dog"))
    add_tree(folder, "test", (odd, "dog"))
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    (note,) = images.notes
    assert note == (
        "invisible characters or unusual spaces in 1 class names are left out (first:"
        f" {odd!a}, now 'cat')"
    )


def test_joiners_that_a_script_needs_stay(folder):
    name = "\u0645\u06cc\u200c\u0631\u0648\u062f"
    add_tree(folder, ".", (name, "dog"))
    images = read_images(folder.root)
    assert name in images.classes
    assert not images.notes


def test_name_that_cannot_be_seen(folder):
    add_tree(folder, ".", ("\u200b", "dog"))
    assert "a class whose name can't be seen; rename it" in refusal(folder.root)


SYSTEM = ["@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found"]


@pytest.mark.parametrize("system", [*SYSTEM, "System Volume Information"])
def test_folders_of_the_system_are_passed_over(folder, system):
    add_tree(folder, ".")
    folder.add(f"{system}/x/1.png", f"cat/{system}/0.png/thumb.jpg", f"{system}/0.jpg")
    images = read_images(folder.root)
    assert images.paths == ("cat/0.png", "dog/0.png")
    assert not images.notes


SPLIT_PAIRS = [
    ("seg_train", "seg_test"),
    ("Train Images", "Test Images"),
    ("trainImages", "testImages"),
    ("train2017", "val2017"),
    ("asl_train", "test"),
    ("train", "test1"),
    ("fruits-training-data", "fruits-validation-data"),
]


@pytest.mark.parametrize(("train", "test"), SPLIT_PAIRS)
def test_names_that_contain_a_split(folder, train, test):
    add_tree(folder, train)
    add_tree(folder, test)
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    assert images.layout == f"class folders in {train}/, tested on {test}/"


def test_a_single_folder_that_is_called_like_a_training_split(folder):
    add_tree(folder, "asl_train")
    assert read_images(folder.root).layout == "class folders in asl_train/"


def test_parts_that_share_a_name_beside_a_folder(folder):
    add_tree(folder, "seg_train")
    add_tree(folder, "seg_test")
    add_tree(folder, "extra")
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    assert images.notes == ("extra/ beside seg_test/ + seg_train/ is left out",)


def test_two_pairs_of_parts(folder):
    for name in ("a_train", "a_test", "b_train", "b_test"):
        add_tree(folder, name)
    assert "both 'a_train' and 'b_train'; keep one of them" in refusal(folder.root)


def test_flat_parts_with_longer_names_are_no_classes(folder):
    folder.add("seg_train/1.png", "seg_test/1.png")
    message = refusal(folder.root)
    assert "'seg_test', 'seg_train', but no class folders; expected" in message


def test_classes_that_contain_the_word_of_a_split(folder):
    add_tree(folder, ".", ("bullet train", "test tube", "dog"))
    images = read_images(folder.root)
    assert images.classes == ("bullet train", "dog", "test tube")
    assert images.is_test is None


def test_parts_that_hold_one_folder_that_holds_the_classes(folder):
    add_tree(folder, "seg_train/seg_train", count=2)
    add_tree(folder, "seg_test/seg_test")
    folder.add("seg_pred/seg_pred/1.png", "seg_pred/seg_pred/2.png")
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    assert images.layout == (
        "class folders in seg_train/seg_train/, tested on seg_test/seg_test/"
    )
    note = unlabelled("2 images in seg_pred/", folder.root / "seg_pred")
    assert images.notes == (note,)


def test_a_test_split_of_one_class_is_not_gone_into(folder):
    add_tree(folder, "train")
    folder.add("test/cat/dog/1.png")
    images = read_images(folder.root)
    assert parts_of(images)["test/cat/dog/1.png"] == ("cat", True)


@pytest.mark.parametrize("name", ["unknown", "images", "test", "2"])
def test_test_images_without_labels(folder, name):
    add_tree(folder, "train")
    folder.add(f"test/{name}/1.png", f"test/{name}/2.png")
    images = read_images(folder.root)
    assert images.paths == ("train/cat/0.png", "train/dog/0.png")
    assert images.is_test is None
    (note,) = images.notes
    assert note.startswith("2 images in test/ have no label, left out of training and")


def test_beside_unlabelled_test_images_validation_tests(folder):
    add_tree(folder, "train")
    add_tree(folder, "val")
    folder.add("test/unknown/1.png")
    images = read_images(folder.root)
    assert images.layout == "class folders in train/, tested on val/"


def test_unlabelled_images_among_labelled_ones(folder):
    add_tree(folder, "train")
    add_tree(folder, "test")
    folder.add("test/unknown/1.png")
    images = read_images(folder.root)
    assert images.is_test.sum() == 2
    assert images.notes[0].startswith("1 images in test/unknown/ have no label, left")


def test_a_class_may_be_called_unknown(folder):
    add_tree(folder, "train", ("cat", "unknown"))
    add_tree(folder, "test", ("unknown",))
    assert read_images(folder.root).is_test.sum() == 1


def test_nearest_class_of_an_unknown_one(folder):
    add_tree(folder, "train")
    folder.add("test/cats/1.png")
    message = refusal(folder.root)
    assert "'cats' in the test split but not in the training split" in message
    assert message.endswith("did you mean 'cat'?")


@pytest.mark.parametrize(
    "names", [("1.5", "15"), ("C", "C++"), ("-1", "1"), ("_", "-1")]
)
def test_different_classes_are_not_taken_for_spellings(folder, names):
    add_tree(folder, ".", names)
    assert read_images(folder.root).classes == tuple(sorted(names))


def test_class_name_that_is_no_text(folder):
    folder.add("cat/a.png", "dog/b.png")
    odd = os.fsdecode(b"d\xe9g")
    try:
        (folder.root / "dog" / "b.png").rename(folder.root / "dog" / f"{odd}.png")
        assert f"dog/{odd}.png" in read_images(folder.root).paths
        (folder.root / "dog").rename(folder.root / odd)
    except OSError:
        pytest.skip("this file system allows UTF-8 only")
    message = refusal(folder.root)
    assert "the class 'd\\udce9g' isn't UTF-8 text; rename its folder" in message


PARTS = [
    *("train", "test", "val", "seg_train", "seg_test", "Train Images", "pred"),
    *("cat", "Cat", "dog", "do\u200bg", "\u200b", "A", "a", "bullet train", "unknown"),
    *("images", "@eaDir", NFC, NFD),
]
FILES = ["1.jpg", "2.png", "3.jpg", "metadata.csv", "labels.csv"]
PATHS = st.tuples(st.lists(st.sampled_from(PARTS), max_size=4), st.sampled_from(FILES))


@settings(max_examples=50, deadline=None)
@given(st.lists(PATHS, max_size=14))
def test_any_folder_gives_images_or_one_line(paths):
    with TemporaryDirectory() as root:
        for parts, name in paths:
            folder = Path(root, *parts)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("file_name,label\n1.jpg,cat\n2.png,dog\n")
        try:
            images = read_images(root)
            said = images.notes
            assert len(images.classes) > 1
            assert images.is_test is None or 0 < images.is_test.mean() < 1
        except DataError as error:
            said = [str(error)]
        assert all("\n" not in line for line in said)


@pytest.mark.skipif(AS_ROOT, reason="root may list everything")
@pytest.mark.parametrize("locked", ["dog", "dog/deep"])
def test_folder_that_cannot_be_listed(folder, locked):
    folder.add("cat/a.png", "dog/deep/b.png")
    (folder.root / locked).chmod(0)
    try:
        message = refusal(folder.root)
    finally:
        (folder.root / locked).chmod(0o755)
    assert "can't be listed (permission denied); fix that or remove it" in message


def test_take(folder):
    add_tree(folder, "train", count=2)
    add_tree(folder, "test", count=1)
    images = read_images(folder.root)
    backwards = images.take(np.arange(6)[::-1])
    assert backwards.paths == images.paths[::-1]
    assert images.take(~images.is_test).is_test.tolist() == [False] * 4


def test_name_of_the_current_folder(folder, monkeypatch):
    folder.add("cat/a.png", "dog/b.png")
    monkeypatch.chdir(folder.root)
    assert read_images(".").name == "pets"


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "size", "classes", "tested"),
    [
        ("dogs-vs-cats", 480, 2, 160),
        ("cub200-25", 745, 25, 370),
        ("dog-breeds", 146, 10, None),
        ("cifar10-small", 2500, 10, 500),
    ],
)
def test_real_folders(samples, name, size, classes, tested):
    images = read_images(samples / name)
    assert (len(images), len(images.classes)) == (size, classes)
    assert (None if images.is_test is None else images.is_test.sum()) == tested


def test_settings_by_keyword(folder):
    folder.add("cat/1.png", "dog/1.png")
    images = read_images(str(folder.root), test_size=0.4, seed=3)
    assert (images.test_size, images.seed) == (0.4, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"tset_size": 0.3},
            "read_images: no setting 'tset_size'; did you mean 'test_",
        ),
        ({"test_size": 30}, "read_images: test_size: input should be less than 1"),
    ],
)
def test_a_wrong_setting_is_named(folder, wrong, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        read_images(folder.root, **wrong)


def test_formats_that_cannot_be_read_are_counted(folder):
    folder.add("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    for name in ("cat/a.JXL", "cat/b.jxl", "dog/film.mp4", "dog/notes.txt", ".x.svg"):
        folder.write(name, b"?")
    images = read_images(folder.root)
    assert images.notes == (
        "3 files of formats that featx can't read, left out (2 .jxl, 1 .mp4)",
    )


def test_only_heic_without_its_package(folder, monkeypatch):
    monkeypatch.setattr("featx.images.formats.reads_heif", lambda: False)
    folder.write("cat/1.HEIC", b"?")
    folder.write("dog/1.heic", b"?")
    with pytest.raises(DataError) as caught:
        read_images(folder.root)
    assert str(caught.value) == (
        f"{folder.root}: no images but 2 files of formats that featx can't read, left"
        ' out (2 .heic); pip install "featx[heif]" reads HEIC'
    )
