"""The page beside exported models: what they take, and code that asks each of them.

A test runs the code as it is written.
"""

from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any

from featx.export.snippets import fenced, other_languages
from featx.images.resizing import PADDING

README_FILE = "README.md"
WIDTH = 80

_REDUCE = '''
def open_photo(path, enough):
    """Open a photo, at 1/8, 1/4 or 1/2 of its size if that is still enough."""
    image = Image.open(path)
    size = width, height = image.size
    factors = [n for n in (8, 4, 2) if enough(width // n, height // n)]
    factor = factors[0] if factors else 1
    image.draft("RGB", (width // factor, height // factor))  # JPEGs only
    factor = factor if image.size == size else 1
    mode = "RGBA" if image.has_transparency_data else "RGB"
    image = ImageOps.exif_transpose(image.convert(mode).reduce(factor))
    if mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
'''

_WAYS = {
    "squash": """
def squash(path, side):
    photo = open_photo(path, lambda *size: min(size) >= side)
    pixels = np.asarray(photo)
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_LINEAR)
""",
    "crop": """
def crop(path, side):
    photo = open_photo(path, lambda *size: 7 * min(size) // 8 >= side)
    part = max(7 * min(photo.size) // 8, 1)
    left, top = ((whole - part + 1) // 2 for whole in photo.size)
    photo = photo.crop((left, top, left + part, top + part))
    return np.asarray(photo.resize((side, side), Image.Resampling.BICUBIC))
""",
    "pad": f"""
def pad(path, side):
    photo = open_photo(path, lambda *size: max(size) >= side)
    size, colour = (side, side), {PADDING}
    return np.asarray(ImageOps.pad(photo, size, Image.Resampling.BICUBIC, colour))
""",
}

_SHOW = """
for column in probabilities.argsort()[::-1][:3]:
    print(classes[column], probabilities[column])
"""

_ASKING = {
    "keras": """
import json
import zipfile

import keras

with zipfile.ZipFile("{file}") as archive:
    classes = json.loads(archive.read("featx.json"))["classes"]
model = keras.saving.load_model("{file}")
given = [images[one.name] for one in model.inputs]
probabilities = model.predict_on_batch(given if len(given) > 1 else given[0])[0]
""",
    "savedmodel": """
import json
from pathlib import Path

import tensorflow as tf

about = Path("{file}", "assets.extra", "featx.json")
classes = json.loads(about.read_text("utf-8"))["classes"]
model = tf.saved_model.load("{file}")
given = {{name: tf.constant(array) for name, array in images.items()}}
found = model.signatures["serving_default"](**given)
probabilities = found["probabilities"].numpy()[0]
""",
    "tflite": """
import json
import zipfile

import tensorflow as tf

with zipfile.ZipFile("{file}") as archive:
    classes = json.loads(archive.read("featx.json"))["classes"]
# Without TensorFlow: from ai_edge_litert.interpreter import Interpreter
interpreter = tf.lite.Interpreter("{file}")
run = interpreter.get_signature_runner()
probabilities = run(**images)["probabilities"][0]
""",
    "onnx": """
import json

import onnxruntime

session = onnxruntime.InferenceSession("{file}")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
probabilities = session.run(["probabilities"], images)[0][0]
""",
}

_START = """# {run}

{text}

| file | takes | batch | test accuracy |
|---|---|---|---|
"""

_TEXT = (
    "A classifier of images, exported by featx {featx}. It takes RGB pixels as they"
    " are, numbers from 0 to 255 of type uint8, in arrays of images, rows, columns and"
    " colours. It returns `probabilities`: one row per image, one column per class, in"
    " the order of `classes.txt`. Each file holds the classes, and what is said here,"
    " in its own metadata."
)

_PHOTOS = (
    "The model takes a photo in its own size, and resizes it: {resizing}. Where featx"
    " lets the decoder reduce a large JPEG, the model takes the mean of each block of"
    " pixels instead, which gives slightly different probabilities."
)

_SQUARES = (
    "The model takes squares. {reducing}. Transparent parts are put on white, and"
    " photos turned as EXIF says. Another decoder, or another way to resize, gives"
    " other pixels and other probabilities."
)


def readme(facts: Mapping[str, Any]) -> str:
    """Return the page, in Markdown, from the content of `export.json`."""
    entries = [one for one in facts["formats"].values() if "inputs" in one]
    text = fill(_TEXT.format(featx=facts["featx"]), WIDTH)
    lines = [_START.format(run=facts["run"], text=text), *map(_row, entries)]
    squares = [one for one in entries if not one["with_resize"]]
    photos = [one for one in entries if one["with_resize"]]
    if squares:
        lines += ["\n## Squares\n", *_about_squares(squares[0]["inputs"], facts)]
        lines += map(_asking, squares)
    if photos:
        (given,) = photos[0]["inputs"]
        text = fill(_PHOTOS.format(resizing=given["resizing"]), WIDTH)
        lines += ["\n## Photos of any size\n", f"\n{text}\n"]
        lines += [_code(_read_photo(given["name"])), *map(_asking, photos)]
    return "".join([*lines, other_languages(entries)])


def _row(entry: Mapping[str, Any]) -> str:
    shapes = " and ".join(
        f"{one['image_size']} × {one['image_size']}" for one in entry["inputs"]
    )
    check = entry["check"]
    accuracy = check["accuracy"]
    cells = (
        f"`{entry['file']}`",
        "photos of any size" if entry["with_resize"] else f"{shapes} pixels",
        str(entry["batch_size"] or "open"),
        "" if accuracy is None else f"{accuracy:.3f} on {check['images']} images",
    )
    return f"| {' | '.join(cells)} |\n"


def _about_squares(
    inputs: list[Mapping[str, Any]], facts: Mapping[str, Any]
) -> Iterable[str]:
    """Say what squares are, and how to make them."""
    reducing = facts["reducing"]
    text = _SQUARES.format(reducing=reducing[0].upper() + reducing[1:])
    yield f"\n{fill(text, WIDTH)}\n\n"
    for one in inputs:
        side = one["image_size"]
        line = f"- `{one['name']}`, {side} × {side} pixels: {one['resizing']}."
        yield fill(line, WIDTH, subsequent_indent="  ") + "\n"
    yield _code(_read_squares(inputs))


def _asking(entry: Mapping[str, Any]) -> str:
    """Return code that asks a file."""
    file, batch = entry["file"], entry["batch_size"]
    code = _ASKING[entry["format"]].format(file=file) + _SHOW
    if batch and batch > 1:
        code = (
            f"# As many images as it takes at once: here the same {batch} times.\n"
            f"images = {{name: np.repeat(one, {batch}, axis=0)"
            f" for name, one in images.items()}}\n{code}"
        )
    return f"\n### `{file}`\n{_code(code)}"


def _read_photo(name: str) -> str:
    return f"""
import numpy as np
from PIL import Image, ImageOps

photo = ImageOps.exif_transpose(Image.open("photo.jpg"))
if photo.has_transparency_data:
    white = Image.new("RGBA", photo.size, "white")
    photo = Image.alpha_composite(white, photo.convert("RGBA"))
images = {{"{name}": np.asarray(photo.convert("RGB"))[None]}}
"""


def _read_squares(inputs: list[Mapping[str, Any]]) -> str:
    ways = list(dict.fromkeys(one["resize"] for one in inputs))
    imports = "import numpy as np\nfrom PIL import Image, ImageOps\n"
    if "squash" in ways:
        imports = f"import cv2\n{imports}"
    rows = "".join(
        f'    "{one["name"]}": {one["resize"]}("photo.jpg", {one["image_size"]})[None],'
        "\n"
        for one in inputs
    )
    functions = "".join(f"\n{_WAYS[way]}" for way in ways)
    return f"{imports}\n{_REDUCE}{functions}\n\nimages = {{\n{rows}}}\n"


def _code(text: str) -> str:
    return fenced("python", text)
