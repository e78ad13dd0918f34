"""Every kind of image that people have, and all that is none."""

import io
import os
import socket
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

from featx.images.resizing import Fit, resize

SIDE = 48
PNG = b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112

GOOD_JPEGS = {
    "plain.jpg": {},
    "progressive.jpg": {"progressive": True},
    "444.jpeg": {"subsampling": 0},
    "422.JPG": {"subsampling": 1},
    "coarse.jfif": {"quality": 10},
}


def picture(seed, mode="RGB"):
    """Make smooth colours, other ones for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return Image.fromarray(resize(coarse, Fit(SIDE, SIDE - 5))).convert(mode)


def write_good(folder):
    """Write images of every kind, each of another picture; return their paths."""
    makers = [*_jpegs(), *_pngs(), *_others(), *_odd_names()]
    paths = []
    for seed, (name, save) in enumerate(makers):
        path = folder / name
        save(picture(seed), path)
        paths.append(path)
    one, line = folder / "one.png", folder / "line.png"
    Image.new("RGB", (1, 1), (9, 80, 200)).save(one)
    picture(99).resize((1, 3000)).save(line)
    link = folder / "link.png"
    picture(98).save(folder / ".target.png")
    link.symlink_to(folder / ".target.png")
    inside = folder / "folder.jpg" / "inside.png"
    inside.parent.mkdir()
    picture(97).save(inside)
    return [*paths, one, line, link, inside]


def _jpegs():
    for name, options in GOOD_JPEGS.items():
        yield name, _saver("JPEG", **options)
    yield "grey.jpe", _saver("JPEG", "L")
    yield "cmyk.jpg", _saver("JPEG", "CMYK")
    yield "phone.jpg", _saver("MPO", save_all=True, append_images=[picture(0)])
    for orientation in (3, 6, 7):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        yield f"turned-{orientation}.jpg", _saver("JPEG", exif=exif)


def _pngs():
    for mode in ("RGB", "L", "LA", "RGBA", "P", "1"):
        yield f"{mode}.png", _saver("PNG", mode)
    yield "transparent.png", _save_transparent
    yield "deep-grey.png", _save_deep_grey
    yield "deep-colour.png", _save_deep_colour
    yield "moving.png", _saver("PNG", save_all=True, append_images=[picture(0)])
    yield "jpeg-in-truth.png", _saver("JPEG")


def _others():
    moving = {"save_all": True, "append_images": [picture(0), picture(1)]}
    yield "still.gif", _saver("GIF")
    yield "moving.gif", _saver("GIF", **moving)
    yield "plain.bmp", _saver("BMP")
    yield "palette.bmp", _saver("BMP", "P")
    yield "lossy.webp", _saver("WEBP")
    yield "lossless.webp", _saver("WEBP", lossless=True)
    yield "moving.webp", _saver("WEBP", lossless=True, **moving)
    yield "plain.tif", _saver("TIFF")
    yield "packed.tiff", _saver("TIFF", compression="tiff_lzw")
    yield "jpeg.tiff", _saver("TIFF", compression="jpeg")
    yield "cmyk.tiff", _saver("TIFF", "CMYK")
    yield "pages.tif", _saver("TIFF", **moving)


def _odd_names():
    for name in ("two\nlines.png", 'a "quoted", name.png', "-dash.png", "ü 漢.png"):
        yield name, _saver("PNG")
    yield "l" * 251 + ".png", _saver("PNG")
    yield os.fsdecode(b"caf\xe9.png"), _saver("PNG")


def _saver(kind, mode="RGB", **options):
    def save(image, path):
        with path.open("w+b") as stream:
            image.convert(mode).save(stream, kind, **options)

    return save


def _save_transparent(image, path):
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path)


def _save_deep_grey(image, path):
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)


def _save_deep_colour(image, path):
    samples = (np.asarray(image).astype(np.uint16) * 257).astype(">u2")
    path.write_bytes(png(samples, bits=16))


def as_documented(path):
    """Return what a file shows, by Pillow: first frame, upright, over white."""
    image = Image.open(io.BytesIO(path.read_bytes()))
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image.convert("RGB")


def write_bad(folder):
    """Write files that can't be read; return path to a part of the reason."""
    stream = io.BytesIO()
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    cut = {}
    for kind, options in (("jpg", {}), ("jpg", {"progressive": True}), ("png", {})):
        stream = io.BytesIO()
        noise.save(stream, "JPEG" if kind == "jpg" else "PNG", **options)
        cut[f"cut{len(cut)}.{kind}"] = stream.getvalue()[: len(stream.getvalue()) // 2]
    contents = {
        "empty.jpg": (b"", "empty file; download it again"),
        "text.jpg": (b"hello, world\n" * 99, "not an image"),
        "page.jpg": (b"<!doctype html><title>404</title>", "not an image"),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        "huge.png": (huge(), "400000000 pixels, over the bound of 178956970; make it"),
        "twice-the-bound.png": (png_header(15_000, 15_000), "over the bound of"),
        **{name: (content, "truncated") for name, content in cut.items()},
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    Image.new("F", (9, 9)).save(folder / "float.tif")
    reasons = {
        **{name: reason for name, (_, reason) in contents.items()},
        "float.tif": "32-bit pixels; convert it to 8 bits per colour",
        **_write_special(folder),
    }
    return {folder / name: reason for name, reason in reasons.items()}


def _write_special(folder):
    """Make what is no regular file, or may not be opened."""
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "endless.jpg").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.jpg"))
    picture(0).save(folder / "secret.png")
    (folder / "secret.png").chmod(0)
    odd = "not a regular file but a pipe, a socket or a device; remove it"
    return {
        "gone.jpg": "broken link; fix it",
        "loop.jpg": "symbolic links; fix the link",
        "endless.jpg": odd,
        "pipe.jpg": odd,
        "socket.jpg": odd,
        "secret.png": "permission denied; make it readable",
    }


def chunk(kind, body):
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


def png(samples, *, bits=8, colour=2, extra=b""):
    """Encode rows of bytes as a PNG; Pillow can't write all kinds of them."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return PNG + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def png_header(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def huge(side=20_000):
    """Return a whole PNG of that many pixels a side, of one bit each."""
    row = b"\0" + bytes(-(-side // 8))
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return PNG + chunk(b"IHDR", header) + body
