"""Section: what a run's scores mean."""

from typing import Any

from featx.reports.run.explain import explain
from featx.reports.run.section import RunPage, Section


def _content(page: RunPage) -> dict[str, Any]:
    return {"sentences": explain(page.run)}


SENTENCES = """\
{% for sentence in sentences %}
<p>{{ sentence }}</p>
{% endfor %}
"""

SECTION = Section("What this means", SENTENCES, _content, prose=True, marked=True)
