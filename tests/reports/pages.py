"""Reads pages back, as a browser does."""

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser

from featx.reports.run.section import RunPage

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """Reads a page, checks that its tags are balanced, and collects what it says."""

    def __init__(self, path):
        super().__init__()
        self.open, self.seen, self.links, self.alts = [], [], [], []
        self.text = self.style = ""
        self.policy = {}
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        assert not any(name == "style" or name.startswith("on") for name in attrs)
        if attrs.get("http-equiv") == "Content-Security-Policy":
            rules = (rule.strip() for rule in attrs["content"].split(";"))
            self.policy = dict(rule.split(maxsplit=1) for rule in rules)
        self.links += [attrs[k] for k in ("src", "href") if k in attrs]
        if tag == "img":
            assert attrs["alt"]
            self.alts.append(attrs["alt"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data + " "
        elif self.open:
            self.style += data

    @property
    def words(self):
        return re.sub(r"\s+", " ", self.text)


def section_words(section, run):
    """Return what a section says of a run, without its tags."""
    text = re.sub("<[^>]+>", "", section.render(RunPage(run)))
    return " ".join(unescape(text).split())


def csp_hash(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def assert_self_contained(page):
    assert "script" not in page.seen
    assert page.policy["default-src"] == "'none'"
    assert page.policy["img-src"] == "data:"
    assert page.policy["style-src"] == f"'sha256-{csp_hash(page.style)}'"
    for link in page.links:
        assert not re.match(r"(?i)(https?:)?//", link)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert '<html lang="en">' in page.source
