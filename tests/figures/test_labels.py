"""Names of classes that are long, or that no font has letters for."""

from featx.figures import labels


def test_names_are_shortened_in_the_middle():
    assert labels.shorten("short", 10) == "short"
    long = labels.shorten("abcdefghijklmnopqrstuvwxyz", 10)
    assert long == "abcdef…xyz"
    wide = labels.shorten("猫" * 20, 11)
    assert labels.width(wide) <= 11


def test_names_without_a_font_become_numbers():
    private = "\U000f1234 cat"
    made = labels.class_labels(["dog", private])
    assert made.texts == ["dog", "class 2"]
    assert labels.lacking_glyphs(["dog", private])
    assert not labels.lacking_glyphs(["dog", "café"])
    assert labels.text_label(private).texts == ["\u25a1 cat"]


def test_fallback_fonts_are_used_where_installed(monkeypatch):
    fonts = {"DejaVu Sans": frozenset(b"abc"), "Noto Sans": frozenset([0x732B])}
    monkeypatch.setattr(labels, "_charmap", lambda f: fonts.get(f, frozenset()))
    made = labels.class_labels(["abc", "猫"])
    assert made.texts == ["abc", "猫"]
    assert made.style["fontfamily"] == ["DejaVu Sans", "Noto Sans"]
