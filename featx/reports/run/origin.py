"""Section: how a run was made, and how to make it again."""

import json
from typing import Any

from featx.reports.numbers import duration, moment
from featx.reports.run.section import RunPage, Section
from featx.reports.settings import effective
from featx.runs.files import RECIPE_FILE
from featx.runs.info import Kind, RunInfo
from featx.runs.run import Run

TEMPLATE = """\
<div class="columns">
{{ fact_list("Run", facts) }}
<div>
{% for title, entries in tables %}
{{ fact_list(title, entries) }}
{% endfor %}
</div>
</div>
{% if specs %}
<h3>{{ "Embedding" if specs | length == 1 else "Embeddings, side by side" }}</h3>
<div class="wide">
<table class="small">
<thead><tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in specs %}
<tr>{% for value in row %}
<td title="{{ value }}">{{ value if value | length <= 24 else value[:12] ~ "…" }}</td>
{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if run.info.command or recipe %}
<h3>Make it again</h3>
{% if run.info.command %}
<pre><code>{{ run.info.command }}</code></pre>
{% endif %}
{% if recipe %}
<p class="hint">The run's recipe, <code>recipe.toml</code>, says all of it;
<code>featx run recipe.toml</code> makes the same run.</p>
<pre><code>{{ recipe }}</code></pre>
{% endif %}
{% endif %}
"""

WHOSE = {Kind.HEAD: "head", Kind.NETWORK: "network", Kind.FINETUNE: "fine-tuning"}


def _content(page: RunPage) -> dict[str, Any]:
    run = page.run
    specs = run.info.embedding
    columns = list(dict.fromkeys(key for spec in specs for key in spec))
    recipe = run.path / RECIPE_FILE
    return {
        "facts": _facts(run),
        "tables": _tables(run.info),
        "columns": columns,
        "specs": [[_plain(spec.get(column)) for column in columns] for spec in specs],
        "recipe": recipe.read_text("utf-8") if recipe.is_file() else "",
    }


def _facts(run: Run) -> list[tuple[str, str]]:
    """List how the run was made; what an older run doesn't say is left out."""
    info, metrics = run.info, run.metrics
    facts: list[tuple[str, Any]] = [
        ("Data", run.data_name),
        ("Layout", info.data.layout),
        ("Data fingerprint", run.data_fingerprint[:16]),
        ("Training images", f"{metrics.n_train:,}"),
        ("Test images", f"{metrics.n_test:,}"),
        ("Classes", f"{len(run.classes):,}"),
        ("Held out", f"{metrics.n_val:,}" if metrics.n_val else None),
        ("Network" if run.from_scratch else "Backbone", run.backbone),
        ("Weights", info.weights),
        ("Head", None if run.from_scratch else run.head),
        ("Fine-tuned from", info.parent),
        ("Parameters", _count(info.parameters or metrics.parameters)),
        ("Trainable parameters", _count(info.trainable_parameters)),
        ("Seed", info.seed),
        ("Made", moment(info.created)),
        ("featx", info.versions.get("featx")),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "")]


def _count(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"


def _tables(info: RunInfo) -> list[tuple[str, list[tuple[str, str]]]]:
    """List settings, timings and versions as names and values."""
    settings = [
        (key, _plain(value))
        for key, value in effective(info.kind, info.settings.as_dict())
    ]
    timings = [(k.replace("_", " "), duration(v)) for k, v in info.timings.items()]
    tables = [
        (f"Settings of the {WHOSE[info.kind]}", settings),
        ("Time taken", timings),
        ("Versions", list(info.versions.items())),
    ]
    return [(title, rows) for title, rows in tables if rows]


def _plain(value: Any) -> str:
    """Write a setting: yes and no, none, numbers and texts as they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


SECTION = Section("How it was made", TEMPLATE, _content)
