"""Labels from CSV files, Hugging Face's metadata.csv and lists."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featx.errors import DataError
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images


def labels_of(images):
    return {
        path: images.classes[label]
        for path, label in zip(images.paths, images.labels, strict=True)
    }


def paths_tested(images):
    return {p for p, test in zip(images.paths, images.is_test, strict=True) if test}


def refusal(root, **layout):
    with pytest.raises(DataError) as caught:
        read_images(root, **layout)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def pair(folder):
    return folder.add("images/a1.png", "images/b2.png")


def test_kaggle_ids_without_ending(folder):
    folder.add("train/00a.png", "train/00b.jpg", "test/00c.png")
    folder.write("labels.csv", "id,breed\n00a,basenji\n00b,saluki\n")
    images = read_images(folder.root)
    assert labels_of(images) == {"train/00a.png": "basenji", "train/00b.jpg": "saluki"}
    assert images.is_test is None
    assert images.layout == "labels in labels.csv"
    assert images.notes == (
        "1 images have no label in labels.csv, left out (first: test/00c.png)",
    )


@pytest.mark.parametrize(
    "names",
    [
        ("a1.png", "b2.png"),
        ("images/a1.png", "./images/b2.png"),
        ("images\\a1.png", " images/b2 "),
        ("a1", "b2"),
    ],
)
def test_how_a_file_may_be_named(pair, names):
    rows = "".join(f"{n},{c}\n" for n, c in zip(names, ("cat", "dog"), strict=True))
    pair.write("labels.csv", "file,label\n" + rows)
    images = read_images(pair.root)
    assert labels_of(images) == {"images/a1.png": "cat", "images/b2.png": "dog"}


@pytest.mark.parametrize(
    "text",
    [
        "Filename;Class\na1;cat\nb2;dog\n",
        "filename\tclass\r\na1\tcat\r\nb2\tdog\r\n",
        "\ufefffilename,class\na1,cat\n\nb2,dog",
        ",image_id,species\n0,a1,cat\n1,b2,dog\n",
        'image,type,note\n"a1"," cat ","two\nlines; with, all"\nb2,dog\n',
        "image,type\na1,cat,,\nb2,dog\n",
        "sep=;\nimage;type\na1;cat\nb2;dog\n",
        "image|type\na1|cat\nb2|dog\n",
        'image, type\n"a1", "cat"\n"b2", "dog"\n',
        "\u200bimage,type\na1,c\u200bat\nb2,dog\n",
        "image,type\nA1.PNG,cat\nB2.Png,dog\n",
        "image,type\n/home/me/images/a1.png,cat\n/home/me/images/b2.png,dog\n",
        "image,type\nC:\\me\\pets\\images\\a1,cat\nC:\\me\\pets\\images\\b2,dog\n",
        "image,type\n../pets/images/a1.png,cat\n../pets/images/b2.png,dog\n",
        "photo,type\na1.png,cat\nb2.png,dog\n",
        "image,cat,dog\na1,1,0\nb2,0,1\n",
        "image,size,cat,dog\na1,3,1.0,0.0\nb2,7,0.0,1.0\n",
        "image,cat,dog\na1,True,False\nb2,False,True\n",
        "a1.png,cat\nb2.png,dog\n",
        "cat;a1.png\ndog;b2.png\n",
        "photo,type\na1.png,cat,\nb2.png,dog,\n",
    ],
)
def test_kinds_of_csv(pair, text):
    pair.write("labels.csv", text)
    assert sorted(labels_of(read_images(pair.root)).values()) == ["cat", "dog"]


def test_given_file_and_columns(pair, tmp_path, monkeypatch):
    pair.write("mine.csv", "what,label,which\na1,x,cat\nb2,x,dog\n")
    layout = {"path_column": "what", "label_column": "which"}
    for labels in ("mine.csv", pair.root / "mine.csv"):
        images = read_images(pair.root, labels=Path(labels), **layout)
        assert images.classes == ("cat", "dog")
    monkeypatch.chdir(tmp_path)
    relative = Path("pets/mine.csv")
    assert read_images(pair.root, labels=relative, **layout).classes == ("cat", "dog")


def test_given_columns_count_for_a_file_found_by_itself(pair):
    pair.write("labels.csv", "what,kind\na1,cat\nb2,dog\n")
    layout = {"path_column": "what", "label_column": "kind"}
    assert read_images(pair.root, **layout).classes == ("cat", "dog")


def test_a_column_isnt_both(pair):
    pair.write("labels.csv", "name,kind\na1,cat\nb2,dog\n")
    message = refusal(pair.root, path_column="name")
    assert "which column? Name it with --label-column (columns: kind)" in message


def test_unknown_columns(pair):
    file = pair.write("labels.csv", "id,Breed\na1,cat\nb2,dog\n")
    message = refusal(pair.root, label_column="breeds")
    assert message == (
        f"{file}: no column 'breeds' (columns: Breed); did you mean 'Breed'?"
    )
    message = refusal(pair.root, path_column="x")
    assert "no column 'x' (columns: id, Breed)" in message
    file.write_text("a1,cat\nb2,dog\n")
    message = refusal(pair.root)
    assert "which column? Name it with --path-column (columns: a1, cat)" in message


def test_missing_csv(pair):
    message = refusal(pair.root, labels=Path("labls.csv"))
    assert message == f"labls.csv: no such file, neither here nor in {pair.root}"


def test_ambiguous_id(folder):
    folder.add("train/1.png", "test/1.png")
    file = folder.write("labels.csv", "id,label\n1,cat\n")
    assert refusal(folder.root) == (
        f"{file}, line 2: '1' could be 'test/1.png' or 'train/1.png'; write the path"
        " from the data folder, or name the folder of the right one"
    )


def test_conflicting_labels(pair):
    file = pair.write("labels.csv", "id,label\n\na1,cat\nb2,dog\na1.png,dog\n")
    assert refusal(pair.root) == (
        f"{file}, line 5: 'a1.png' is 'dog' here and 'cat' above; keep one of them"
    )


def test_same_line_twice(pair):
    pair.write("labels.csv", "id,label\na1,cat\nb2,dog\na1,cat\n")
    assert len(read_images(pair.root)) == 2


def test_image_in_two_parts(pair):
    pair.write("labels.csv", "id,label,split\na1,cat,train\nb2,dog,train\na1,cat,test")
    message = refusal(pair.root)
    assert "line 4: 'a1' is 'cat in test' here and 'cat in train' above" in message


def test_two_spellings_of_a_label(pair):
    file = pair.write("labels.csv", "id,label\na1,cat\nb2,Cat\n")
    assert refusal(pair.root).startswith(f"{file}: 'Cat' and 'cat' differ only by case")


def test_labels_and_files_without_the_other(pair):
    pair.add("images/c3.png")
    rows = "".join(f"x{i},cat\n" for i in range(4))
    pair.write("labels.csv", f"id,label\na1,cat\nb2,dog\n{rows}")
    assert read_images(pair.root).notes == (
        "4 labels in labels.csv match no file, left out: 'x0', 'x1', 'x2' and 1 more",
        "1 images have no label in labels.csv, left out (first: images/c3.png)",
    )


def test_no_label_matches(pair):
    file = pair.write("labels.csv", "id,label\nx,cat\ny,dog\n")
    assert refusal(pair.root) == (
        f"{file}: none of its 2 labels matches a file below {pair.root} (first: 'x');"
        " check the column and the folder"
    )


def test_empty_labels(pair):
    pair.add("c3.png", "d4.png")
    pair.write("labels.csv", "id,label\na1,cat\nb2,dog\nc3\nd4,nan\n")
    images = read_images(pair.root)
    assert labels_of(images) == {"images/a1.png": "cat", "images/b2.png": "dog"}
    (note,) = images.notes
    assert note == (
        "2 images have an empty label in labels.csv, left out (first: c3.png);"
        " `featx predict RUN IMAGE...` says what they show"
    )


def test_nothing_but_empty_labels(pair):
    file = pair.write("labels.csv", "id,label\na1,\nb2,\n")
    assert refusal(pair.root) == f"{file}: no row has a label; fill in its labels"


def test_test_rows_without_labels(folder):
    folder.add(*(f"{i}.png" for i in range(6)))
    rows = ["0,cat,train", "1,dog,train", "2,cat,val", "3,dog,val", "4,,test"]
    folder.write("labels.csv", "\n".join(["id,label,split", *rows, "5,,test"]))
    images = read_images(folder.root)
    assert paths_tested(images) == {"2.png", "3.png"}
    assert "2 images have an empty label in labels.csv" in images.notes[0]


REFUSED = [
    (
        "id,label\na1,cat, black\nb2,dog\n",
        ", line 2: 3 cells for 2 columns ('black' is",
    ),
    ('id,note,label\n\na1,"x\ny",cat\nb2,x,dog,z\n', ", line 5: 4 cells for 3 columns"),
    ("sep=;\nid;label\na1;cat\nb2;dog;x\n", ", line 4: 3 cells for 2 columns"),
    ("id,label,label\na1,cat,dog\n", ": two columns are called 'label'; rename one"),
    ("id,id,label\na1,b2,cat\n", ": two columns are called 'id'; rename one"),
    ('id,label\na1,"cat\nb2,dog\n', ", line 2: not a CSV (unexpected end of data);"),
    ('id,label\na1,"cat\nb2,dog"\n', ", line 2: a cell of 'label' runs over 2 lines;"),
    ('id,label,x\na1,cat,"y\nb2.png,dog,z"\n', ", line 2: a cell of 'x' runs over 2"),
    ('id,label\n"a1\nb2",dog\n', ", line 2: a cell of 'id' runs over 2 lines;"),
    ("a1.png cat\nb2.png dog\n", ": no comma, semicolon, tab or | in its first line"),
    ("id,cat,dog\na1,1,0\nb2,1,1\n", ", line 3: 'cat' and 'dog' are both 1;"),
    ("id,label\na1,cat\nb2,\u200b\n", ": only one class, 'cat';"),
    (
        "id,label\nc1.png,cat\n",
        "check the column and the folder; did you mean 'a1.png'",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_cannot_be_meant_is_refused(pair, text, message):
    pair.write("labels.csv", text)
    assert message in refusal(pair.root)


def test_what_is_guessed_is_noted(pair):
    pair.write("labels.csv", "photo,cat,dog\nx/y/a1.png,1,0\nx/y/b2.png,0,1\n")
    images = read_images(
        pair.root / "images", labels=pair.root / "labels.csv", path_column="photo"
    )
    assert images.notes == (
        "2 columns of labels.csv, 'cat' to 'dog', are read as a class each",
        "paths in labels.csv are read without 'x/y/'",
    )


def test_folders_above_are_passed_over_only_where_all_rows_share_them(folder):
    folder.add("1.png", "2.png")
    folder.write("labels.csv", "id,label\ntrain/1.png,cat\ntest/2.png,dog\n")
    assert "none of its 2 labels matches a file" in refusal(folder.root)


def test_single_letters_that_differ_by_case(pair):
    pair.write("labels.csv", "id,label\na1,a\nb2,A\n")
    assert read_images(pair.root).classes == ("A", "a")


def class_folders(folder):
    for name in ("0", "1"):
        folder.add(*(f"{name}/{name}{i}.png" for i in range(3)))


@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
@pytest.mark.parametrize(
    "text",
    [
        "ClassId,Name\n0,cat\n1,dog\n",
        "file_name,text\n0/00.png,a photo, of a cat\n",
        "id,label\n0,cat\n1,dog\n",
        "",
        "no table",
    ],
)
def test_a_file_that_is_found_and_does_not_fit(folder, name, text):
    class_folders(folder)
    file = folder.write(name, text)
    images = read_images(folder.root)
    assert (images.classes, len(images)) == (("0", "1"), 6)
    (note,) = images.notes
    assert note.startswith(f"labels are those of the folders, for {file}: ")
    with pytest.raises(DataError):
        read_images(folder.root, labels=file)


def test_a_file_that_fits_a_few_images_by_chance(folder):
    class_folders(folder)
    folder.add("0/0.png", "1/1.png")
    folder.write("labels.csv", "id,name\n0,cat\n1,dog\n")
    images = read_images(folder.root)
    assert images.classes == ("0", "1")
    assert (
        "2 images have labels in labels.csv, 8 are in class folders" in images.notes[0]
    )


def test_a_file_that_fits_but_is_wrong_is_refused_beside_class_folders(folder):
    class_folders(folder)
    rows = "".join(f"{i}/{i}{j}.png,cat\n" for i in (0, 1) for j in range(3))
    folder.write("labels.csv", f"file,label\n{rows}0/00.png,dog\n")
    assert "line 8: '0/00.png' is 'dog' here and 'cat' above" in refusal(folder.root)


@pytest.mark.parametrize("text", ["", "id,label\n", "\n\n"])
def test_empty_csv(pair, text):
    pair.write("labels.csv", text)
    assert "no rows; expected a header line and a row per image" in refusal(pair.root)


def test_csv_that_is_not_utf8(pair):
    pair.write("labels.csv", "id,label\na1,café\n".encode("latin-1"))
    message = refusal(pair.root)
    assert "not UTF-8 text (invalid continuation byte); save it as UTF-8" in message


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_csv_without_permission(pair):
    pair.write("labels.csv", "id,label\n").chmod(0)
    assert "labels.csv: not readable (permission denied)" in refusal(pair.root)


def test_csv_with_a_lost_quote(pair):
    pair.write("labels.csv", 'id,label\na1,"cat\n' + "b2,dog\n" * 30000)
    message = refusal(pair.root)
    assert "not a CSV (field larger than field limit" in message
    assert message.endswith("check its quotes")


def test_split_column(folder):
    folder.add(*(f"{i}.png" for i in range(6)))
    rows = ["0,cat,Train", "1,dog,training", "2,cat,val", "3,dog,valid"]
    rows += ["4,cat, test ", "5,dog,TEST"]
    folder.write("labels.csv", "\n".join(["id,label,Split", *rows]))
    assert paths_tested(read_images(folder.root)) == {"4.png", "5.png"}
    folder.write("labels.csv", "\n".join(["id,label,Split", *rows[:4]]))
    assert paths_tested(read_images(folder.root)) == {"2.png", "3.png"}
    folder.write("labels.csv", "\n".join(["id,label,Split", *rows[:2]]))
    assert read_images(folder.root).is_test is None


def test_split_column_with_an_unknown_part(pair):
    file = pair.write("labels.csv", "id,label,split\na1,cat,train\nb2,dog,tset\n")
    assert refusal(pair.root) == (
        f"{file}, line 3: split 'tset'; expected train, test or validation"
    )


def test_column_that_is_called_set_but_means_something_else(pair):
    pair.write("labels.csv", "id,label,set\na1,cat,summer\nb2,dog,winter\n")
    images = read_images(pair.root)
    assert images.is_test is None
    assert images.notes == ("column 'set' of labels.csv names no split and isn't used",)


SPLITS = [
    ("split", "001001", "column 'split' of labels.csv is the split: 1 is test (2), 0"),
    ("set", "110110", "column 'set' of labels.csv is the split: 0 is test (2), 1 is"),
    ("split", "00100x", "column 'split' of labels.csv names no split and isn't used"),
    (
        "is_valid",
        "001001",
        "column 'is_valid' of labels.csv says the split: 4 train, 2",
    ),
    (
        "IsTest",
        "001001",
        "column 'IsTest' of labels.csv says the split: 4 train, 2 test",
    ),
    (
        "is_train",
        "110110",
        "column 'is_train' of labels.csv says the split: 4 train, 2",
    ),
]


@pytest.mark.parametrize("words", [("0", "1"), ("False", "True"), ("no", "YES")])
@pytest.mark.parametrize(("column", "values", "note"), SPLITS)
def test_a_split_column_of_two_values(folder, column, values, note, words):
    folder.add(*(f"{i}.png" for i in range(6)))
    cells = [dict(zip("01", words, strict=True)).get(v, v) for v in values]
    rows = [f"{i},{'ccdcdd'[i]},{cell}" for i, cell in enumerate(cells)]
    folder.write("labels.csv", "\n".join([f"id,label,{column}", *rows]))
    images = read_images(folder.root)
    for number, word in zip("01", words, strict=True):
        note = note.replace(f" {number} is", f" {word.lower()} is")
    assert images.notes[0].startswith(note[: note.rfind(",")])
    if "x" in values:
        assert images.is_test is None
    else:
        assert paths_tested(images) == {"2.png", "5.png"}


def test_numbers_of_three_splits(folder):
    folder.add(*(f"{i}.png" for i in range(6)))
    rows = [f"{i},{'cdcdcd'[i]},{'000012'[i]}" for i in range(6)]
    folder.write("labels.csv", "\n".join(["id,label,split", *rows]))
    assert paths_tested(read_images(folder.root)) == {"5.png"}


def test_numbers_of_splits_that_may_mean_either(pair):
    file = pair.write("labels.csv", "id,label,split\na1,cat,0\nb2,dog,1\n")
    assert refusal(pair.root) == (
        f"{file}: which value of 'split' is for training? Write train and test instead"
    )


FLAGS = [
    (
        "id,label,is_test\na1,cat,0\nb2,dog,\n",
        "line 3: is_test ''; expected 0, 1, true",
    ),
    ("id,label,is_test,is_val\na1,cat,1,1\nb2,dog,0,0\n", "line 2: in more than one"),
    ("id,label,split\na1,cat,0\nb2,dog,1\na1,cat,\nb2,dog,1\n", "line 4: split ''"),
]


@pytest.mark.parametrize(("text", "message"), FLAGS)
def test_columns_of_splits_that_contradict_themselves(pair, text, message):
    pair.write("labels.csv", text)
    assert message in refusal(pair.root)


def test_metadata_at_the_root(folder):
    folder.add("a.png", "b.png")
    folder.write("metadata.csv", "file_name,label\na.png,cat\nb.png,dog\n")
    images = read_images(folder.root)
    assert images.layout == "labels in metadata.csv"
    assert images.classes == ("cat", "dog")


def hugging_face(folder, *parts, inner=""):
    for part in parts:
        folder.add(f"{part}/{inner}0.png", f"{part}/{inner}1.png")
        text = f"file_name,label\n{inner}0.png,cat\n{inner}1.png,dog\n"
        folder.write(f"{part}/metadata.csv", text)


@pytest.mark.parametrize("inner", ["", "images/"])
def test_metadata_per_split(folder, inner):
    hugging_face(folder, "train", "validation", "test", inner=inner)
    folder.write(".cache/metadata.csv", "x")
    folder.write("docs/metadata.csv", "x")
    images = read_images(folder.root)
    assert paths_tested(images) == {f"test/{inner}0.png", f"test/{inner}1.png"}
    assert len(images) == 6
    assert images.layout == "metadata.csv in test/ + train/ + validation/"


def test_metadata_of_train_and_validation(folder):
    hugging_face(folder, "train", "validation")
    images = read_images(folder.root)
    assert paths_tested(images) == {"validation/0.png", "validation/1.png"}


def test_metadata_of_one_split_alone(folder):
    hugging_face(folder, "train")
    assert read_images(folder.root).is_test is None


def test_metadata_of_a_part_with_one_class(folder):
    hugging_face(folder, "train", "test")
    folder.write("test/metadata.csv", "file_name,label\n0.png,cat\n2.png,dog\n")
    images = read_images(folder.root)
    assert paths_tested(images) == {"test/0.png"}
    assert images.notes == (
        "test: 1 labels in metadata.csv match no file, left out: '2.png'",
        "test: 1 images have no label in metadata.csv, left out (first: 1.png)",
        "no test image of 'dog'; it goes unmeasured",
    )


def test_metadata_with_two_spellings(folder):
    hugging_face(folder, "train", "test")
    folder.write("test/metadata.csv", "file_name,label\n0.png,Cat\n1.png,dog\n")
    images = read_images(folder.root)
    assert images.classes == ("cat", "dog")
    assert images.notes == ("'test/Cat' is taken for 'cat'",)


PIECES = [
    *("id", "label", "split", "is_valid", "cat0.png", "dog1", "cat/cat2.png", "cat"),
    *(",", ",", ";", "|", "\t", "\n", "\n", "\r\n", '"', "0", "1", "true", "sep=;"),
    *("\u200b", "\0", "../", "C:\\", "/", "..", " ", "train", "test", "nan", "é"),
]


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["", "file,label\n", "id,label,split\n"]),
    st.lists(st.sampled_from(PIECES), max_size=30),
    st.sampled_from(["", "\udcff"]),
    st.booleans(),
)
def test_any_text_gives_labels_or_one_line(tmp_path, header, pieces, odd, named):
    root = tmp_path / "pets"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            (root / name / f"{name}{number}.png").touch()
    text = header + "".join(pieces) + odd
    (root / "labels.csv").write_bytes(text.encode(errors="surrogateescape"))
    try:
        images = read_images(root, **({"labels": "labels.csv"} if named else {}))
        said = [*images.notes, *images.classes]
        assert len(images.classes) > 1
    except DataError as error:
        said = [str(error)]
    assert all(line == line.strip() != "" and "\n" not in line for line in said)


@pytest.fixture
def listed(folder):
    for name in ("cat", "dog"):
        folder.add(*(f"images/{name}/{i}.png" for i in range(2)))
    folder.write("train.txt", "# to train on\ncat/0.png\n\ndog\\0.png\r\n")
    folder.write("test.txt", "\ufeffimages/cat/1.png\n./images/dog/1.png")
    return folder


def test_lists(listed):
    images = read_images(listed.root)
    assert paths_tested(images) == {"images/cat/1.png", "images/dog/1.png"}
    assert images.classes == ("cat", "dog")
    assert images.layout == "lists train.txt + test.txt"
    assert not images.notes


def test_given_lists_and_what_they_leave_out(listed):
    listed.write("a.lst", "cat/0.png\ndog/0.png\n")
    listed.write("b.lst", "cat/1.png\ncat/7.png\n")
    layout = {"train_list": "a.lst", "test_list": listed.root / "b.lst"}
    assert read_images(listed.root, **layout).notes == (
        "1 lines of b.lst match no file, left out (first: cat/7.png)",
        "1 images are on neither list, left out (first: images/dog/1.png)",
        "no test image of 'dog'; it goes unmeasured",
    )


def test_image_on_both_lists(listed):
    file = listed.write("test.txt", "cat/0.png\ncat/1.png\n")
    assert refusal(listed.root) == (
        f"{file}: 'images/cat/0.png' is on the training list as well;"
        " an image can't be on both"
    )


def test_one_list_only(listed):
    message = refusal(listed.root, train_list=Path("train.txt"))
    assert message == "--train-list and --test-list go together; give both"
    message = refusal(listed.root, test_list=Path("test.txt"))
    assert message == "--train-list and --test-list go together; give both"


def test_missing_list(listed):
    lists = {"train_list": Path("train.txt"), "test_list": Path("tst.txt")}
    message = refusal(listed.root, **lists)
    assert message == f"tst.txt: no such file, neither here nor in {listed.root}"


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_empty_list(listed, text):
    file = listed.write("test.txt", text)
    assert refusal(listed.root) == f"{file}: no lines; expected class/file on each"


def test_list_that_matches_nothing(listed):
    file = listed.write("test.txt", "cat/8.png 0\ncat/9.png 0\n")
    assert refusal(listed.root) == (
        f"{file}: none of its 2 lines matches a file below {listed.root}"
        " (first: 'cat/8.png 0'); expected class/file; did you mean '1.png' or '0.png'?"
    )


def test_list_without_classes(listed):
    listed.add("images/emu/only.png")
    file = listed.write("test.txt", "only.png\n")
    assert refusal(listed.root) == (
        f"{file}: 'only.png' names no class; expected class/file"
    )


def test_list_that_is_not_utf8(listed):
    listed.write("test.txt", b"cat/\xff\xfe.png\n")
    assert "test.txt: not UTF-8 text (invalid start byte)" in refusal(listed.root)


def test_lists_with_two_spellings(listed):
    listed.add("Cat/x.png")
    listed.write("test.txt", "Cat/x.png\n")
    images = read_images(listed.root)
    assert labels_of(images)["Cat/x.png"] == "cat"
    assert "'Cat' is taken for 'cat'" in images.notes


def test_one_label_file_here_and_one_there(folder, tmp_path, monkeypatch):
    folder.add("a.png", "b.png")
    for place in (folder.root, tmp_path):
        (place / "mine.csv").write_text("id,label\na,x\nb,y\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"mine\.csv: one here and one in .*whole path"):
        read_images(folder.root, labels=Path("mine.csv"))
    whole = DataSettings(path=folder.root, labels=tmp_path / "mine.csv")
    assert len(read_images(whole)) == 2
    monkeypatch.chdir(folder.root)
    assert len(read_images(folder.root, labels=Path("mine.csv"))) == 2
