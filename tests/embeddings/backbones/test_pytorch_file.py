"""State dicts of PyTorch's old format are read without PyTorch, and nothing is run."""

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from featx.embeddings.backbones.pytorch_file import read_state_dict

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
KINDS = {np.dtype("<f4"): "FloatStorage", np.dtype("<i8"): "LongStorage"}


def opcodes(value):
    """Return the opcodes that push a plain value."""
    return pickle.dumps(value, 2)[2:-1]


def pickled(body):
    return pickle.PROTO + b"\x02" + body + pickle.STOP


def tensor(key, array, **changes):
    """Return the opcodes that PyTorch writes for a tensor; `array` is its storage."""
    view = {
        "size": array.shape,
        "stride": tuple(step // array.itemsize for step in array.strides),
        "offset": 0,
        "count": array.size,
        "kind": KINDS[array.dtype],
    } | changes
    return b"".join(
        [
            b"ctorch._utils\n_rebuild_tensor_v2\n(",
            b"(" + opcodes("storage") + f"ctorch\n{view['kind']}\n".encode(),
            *map(opcodes, (key, "cpu", view["count"], None)),
            b"tQ",
            *map(opcodes, (view["offset"], view["size"], view["stride"], False)),
            b"ccollections\nOrderedDict\n)R",
            b"tR",
        ]
    )


def write(path, tensors, storages, *, magic=MAGIC, state=None):
    items = [opcodes(name) + code for name, code in tensors.items()]
    state = state or b"ccollections\nOrderedDict\n)R(" + b"".join(items) + b"u"
    parts = [pickle.dumps(magic, 2), pickle.dumps(VERSION, 2), pickle.dumps({}, 2)]
    parts += [pickled(state), pickle.dumps(list(storages), 2)]
    for array in storages.values():
        parts += [array.size.to_bytes(8, "little"), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


WEIGHTS = np.arange(12, dtype="<f4").reshape(3, 4)
COUNT = np.array(5, "<i8")


@pytest.fixture
def path(tmp_path):
    tensors = {"fc.weight": tensor("a", WEIGHTS), "bn.count": tensor("b", COUNT)}
    return write(tmp_path / "some.pth", tensors, {"a": WEIGHTS, "b": COUNT})


def test_tensors_are_read(path):
    found = read_state_dict(path)
    assert list(found) == ["fc.weight", "bn.count"]
    np.testing.assert_array_equal(found["fc.weight"], WEIGHTS)
    assert found["bn.count"] == 5
    assert found["bn.count"].shape == ()


@given(
    hnp.arrays("<f4", hnp.array_shapes(max_dims=4, max_side=4)),
    st.randoms(use_true_random=False),
)
def test_any_order_of_axes_is_read(tmp_path_factory, array, random):
    axes = list(range(array.ndim))
    random.shuffle(axes)
    view = array.transpose(axes)
    path = tmp_path_factory.mktemp("torch") / "some.pth"
    strides = tuple(step // 4 for step in view.strides)
    code = tensor("a", array, size=view.shape, stride=strides)
    found = read_state_dict(write(path, {"w": code}, {"a": array}))
    np.testing.assert_array_equal(found["w"], view)


def test_two_tensors_share_a_storage(tmp_path):
    tensors = {
        "all": tensor("a", WEIGHTS),
        "column": tensor("a", WEIGHTS, size=(3,), stride=(4,), offset=1),
    }
    found = read_state_dict(write(tmp_path / "some.pth", tensors, {"a": WEIGHTS}))
    np.testing.assert_array_equal(found["column"], WEIGHTS[:, 1])


@pytest.mark.parametrize(
    "changes",
    [
        {"size": (3, 5)},
        {"offset": 1},
        {"offset": -1},
        {"size": (3, -4)},
        {"stride": (-4, 1)},
        {"stride": (4,)},
        {"count": 13},
        {"count": 1 << 50},
        {"count": -1},
        {"kind": "DoubleStorage"},
    ],
)
def test_tensor_that_does_not_fit_its_storage(changes, tmp_path):
    code = tensor("a", WEIGHTS, **changes)
    path = write(tmp_path / "some.pth", {"w": code}, {"a": WEIGHTS})
    with pytest.raises(ValueError, match="not a state dict of PyTorch"):
        read_state_dict(path)


def test_nothing_is_run(tmp_path):
    mark = tmp_path / "mark"
    run = b"cpathlib\nPath\n(" + opcodes(str(mark)) + b"tR"
    state = b"cposix\nsystem\n(" + opcodes(f"touch '{mark}'") + b"tR"
    for code in (run, state):
        path = write(tmp_path / "evil.pth", {}, {}, state=code)
        with pytest.raises(ValueError, match="is no tensor"):
            read_state_dict(path)
    assert not mark.exists()


def nested(depth):
    """Return the opcodes of a pair of a pair of a pair, each of twice the same."""
    code = b"K\x00q\x00"
    for place in range(depth):
        code += pickle.BINGET + bytes([place]) + pickle.TUPLE2
        code += pickle.BINPUT + bytes([place + 1])
    return code


MUCH = {
    "place in the memo": b"K\x01r\xff\xff\xff\x0f.",
    "long bytes": b"\x8e" + (1 << 40).to_bytes(8, "little") + b".",
    "key": pickle.EMPTY_DICT + nested(60) + b"K\x01s.",
    "value": pickle.EMPTY_DICT + opcodes("w") + nested(60) + b"s.",
    "storage": b"(" + opcodes("storage") + nested(60) + b"K\x01K\x01K\x01tQ.",
}


@pytest.mark.parametrize("name", MUCH)
def test_small_file_that_asks_for_much(name, tmp_path):
    path = write(tmp_path / "much.pth", {}, {}, state=MUCH[name])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="not a state dict of PyTorch"):
            read_state_dict(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_tensors_take_no_more_memory_than_the_file(tmp_path):
    repeated = tensor("a", WEIGHTS, size=(1 << 20, 1 << 20), stride=(0, 0))
    path = write(tmp_path / "some.pth", {"w": repeated}, {"a": WEIGHTS})
    tracemalloc.start()
    try:
        assert read_state_dict(path)["w"].shape == (1 << 20, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_file_changes_nothing_for_the_next(path, tmp_path):
    defaults = opcodes({"__defaults__": (1, 2)})
    code = b"ctorch._utils\n_rebuild_tensor_v2\nN" + defaults + pickle.TUPLE2 + b"b"
    before = read_state_dict(path)
    with pytest.raises(ValueError, match="not a state dict of PyTorch"):
        read_state_dict(write(tmp_path / "evil.pth", {}, {}, state=code))
    after = read_state_dict(path)
    assert all((before[name] == after[name]).all() for name in before)


def test_every_cut_is_noticed(path, tmp_path):
    content = path.read_bytes()
    cut = tmp_path / "cut.pth"
    for length in range(len(content)):
        cut.write_bytes(content[:length])
        with pytest.raises(ValueError, match="not a state dict of PyTorch"):
            read_state_dict(cut)


@given(st.data())
def test_a_changed_byte_gives_tensors_or_one_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("torch")
    content = bytearray(
        write(
            folder / "some.pth", {"w": tensor("a", WEIGHTS)}, {"a": WEIGHTS}
        ).read_bytes()
    )
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    Path(folder / "some.pth").write_bytes(content)
    try:
        found = read_state_dict(folder / "some.pth")
    except ValueError:
        return
    assert all(isinstance(value, np.ndarray) for value in found.values())


@pytest.mark.parametrize("content", [b"", b"no pickle", b"PK\x03\x04 a zip"])
def test_other_files(content, tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a state dict of PyTorch"):
        read_state_dict(path)
    with pytest.raises(FileNotFoundError):
        read_state_dict(tmp_path / "gone.pth")


def test_another_magic_number(path, tmp_path):
    other = write(tmp_path / "other.pth", {}, {}, magic=1)
    with pytest.raises(ValueError, match="begins otherwise"):
        read_state_dict(other)
