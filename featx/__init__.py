"""featx: from a folder of labelled images to a classifier you can trust.

::

    images = featx.read_images("data")
    embeddings = featx.embed(images, "mobilenetv2")
    fitted = featx.fit(embeddings, "lda")
    print(featx.evaluate(fitted, embeddings)["accuracy"])
"""

from importlib.metadata import version as _version

import lazy_loader as _lazy

# The public names are listed once, in __init__.pyi, and imported on first use:
# `featx --help` needs none of them.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

__version__ = _version("featx")
