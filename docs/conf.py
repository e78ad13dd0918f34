"""Sphinx configuration of the documentation: `make docs` builds it."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "featx"
author = "the featx authors"
copyright = f"2026, {author}"  # noqa: A001  Sphinx reads this name
release = version_of("featx")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "featx_reference",
]
exclude_patterns = ["_build", "_ext"]

# Markdown: headings can be linked to, as GitHub does it.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

# Docstrings are numpy style and name the types, so signatures need not repeat them.
# Single backticks in them mean code.
default_role = "literal"
# The command line's help has options in it: two hyphens must stay two.
smartquotes = False
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
napoleon_google_docstring = False
napoleon_use_rtype = False
# A list like that of the parameters, not three lines and a box for each attribute.
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["featx.css"]
html_title = f"featx {release}"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Pages that are not in a section need no list of its other pages.
_ALONE = "index installation tutorial faq design contributing changelog"
html_sidebars: dict[str, list[str]] = {name: [] for name in _ALONE.split()}
