"""The names of ImageNet's classes are Keras' and in the order of the outputs."""

import hashlib
import json

from featx.embeddings.backbones import imagenet
from featx.embeddings.backbones.imagenet import imagenet_classes

# Of ``imagenet_class_index.json``, in ``keras.applications.imagenet_utils``.
KERAS_MD5 = "c2c37ea517e94d9795004a39431a14cb"


def test_names_are_those_of_keras_file():
    lines = imagenet._CLASSES_FILE.read_text().splitlines()
    known = {str(code): line.split() for code, line in enumerate(lines)}
    assert hashlib.md5(json.dumps(known).encode()).hexdigest() == KERAS_MD5


def test_every_class_has_a_name_of_its_own():
    classes = imagenet_classes()
    assert len(set(classes)) == len(classes) == 1000
    assert classes[162] == "beagle"
    assert [name for name in classes if " " in name] == [
        "crane n02012849",
        "crane n03126707",
        "maillot n03710637",
        "maillot n03710721",
    ]
