"""What is read off a figure."""

import io

from PIL import Image


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image.convert("RGB")


def texts(figure):
    """Collect what a figure says, without drawing it."""
    return [item.get_text() for item in figure.findobj(lambda o: hasattr(o, "_text"))]


def assert_readable(content):
    image = opened(content)
    assert max(image.size) <= 3300
    assert min(image.size) >= 200
    assert len(image.getcolors(1 << 24)) > 20
    assert image.getpixel((0, 0)) == (255, 255, 255)
