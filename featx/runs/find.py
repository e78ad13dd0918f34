"""Find a run by name, or the best one, and what computes its embeddings."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from featx.addresses import Address
from featx.embeddings.backbones.extractor import KerasExtractor, find_by_spec
from featx.embeddings.backbones.weights import check_own_weights
from featx.embeddings.spec import Spec
from featx.errors import BackboneError, RunError, nearest
from featx.images.decoding import PIXELS_VERSION
from featx.runs.files import RUN_FILE
from featx.runs.info import Kind
from featx.runs.ranking import best_run, older_labels, same_data
from featx.runs.read import list_runs, read_run, run_paths
from featx.runs.run import Run


def find_run(
    reports_dir: Path,
    run: Run | str | Path | None,
    *,
    trust: bool = False,
    note: Callable[[str], None] = warnings.warn,
) -> Run:
    """Return a run by name or path; by default the best head in cross-validation.

    Runs whose images have other labels by now are the best only by name.

    Parameters
    ----------
    reports_dir : Path
    run : Run, str, Path or None
        A run, its folder, or its name in `reports_dir`.
    trust : bool
        Whether its head may be loaded from a pickle; see `read_run`.
    note : callable
        Called with a line for each damaged run; these can't be the best.

    Raises
    ------
    RunError
        There is no such run, it is damaged, or the best one is asked for where there
        are runs of several data sets.
    """
    if isinstance(run, Run):
        return replace(run, trust=run.trust or trust)
    if run is not None:
        return read_run(_folder_of(reports_dir, Path(run)), trust=trust)
    found = list_runs(reports_dir, note=note)
    older = older_labels(found)
    heads = [
        one
        for one in found
        if one.info.kind is Kind.HEAD and one.data_fingerprint not in older
    ]
    if len(same_data(heads)) > 1:
        names = ", ".join(sorted({one.data_name for one in heads}))
        raise RunError(
            f"{reports_dir}: runs of several data sets or splits ({names}); name one"
        )
    return replace(best_run(heads), trust=trust)


def _folder_of(reports_dir: Path, run: Path) -> Path:
    """Return a run's folder, given by its path or its name.

    Raises
    ------
    RunError
        There is none.
    """
    folders = [path for path in (run, reports_dir / run) if path.is_dir()]
    for path in folders:
        if (path / RUN_FILE).exists():
            return path
    names = [one.name for one in run_paths(reports_dir)]
    end = "; `featx report` lists what there is" if names else "; `featx fit` makes one"
    end = nearest(run.name, names) or end
    if folders:
        raise RunError(f"{folders[-1]}: not a run's folder: it has no {RUN_FILE}{end}")
    raise RunError(f"{reports_dir / run}: no such run folder{end}")


def extractors_of(
    run: Run, weights: Sequence[Path], cache_dir: Address
) -> list[KerasExtractor]:
    """Return what computes the embeddings that a run's head was fitted on.

    Parameters
    ----------
    weights : sequence of Path
        Weights files that the embeddings were computed with.
    cache_dir : Path
        Where digests of weights files are remembered.

    Raises
    ------
    RunError
        They were made by another version of featx, or can't be computed here.
    WeightsError
        A weights file isn't there.
    """
    check_own_weights(weights)
    try:
        specs = [Spec.from_dict(content) for content in run.info.embedding]
        if any(spec.pixels != PIXELS_VERSION for spec in specs):
            raise RunError(
                f"{run.path}: another version of featx decoded its images, and its"
                " embeddings can't be computed here; fit again"
            )
        return [find_by_spec(spec, weights=weights, memo=cache_dir) for spec in specs]
    except KeyError as error:
        raise RunError(
            f"{run.path}: its embeddings are of another featx version; fit again"
        ) from error
    except BackboneError as error:
        raise RunError(
            f"{run.path}: its embeddings can't be computed here ({error})"
        ) from error
