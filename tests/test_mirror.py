"""The tests of `featx/a/b.py` are in `tests/a/test_b.py`, or where this page says."""

from fnmatch import fnmatch
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "featx"

OF_MANY_MODULES = {
    "cli/test_any_image.py": "every kind of image, through the whole program",
    "cli/test_checks.py": "what all commands check before they work",
    "cli/test_durability.py": "full disks, damage and kills, as a user meets them",
    "cli/test_errors.py": "errors and exit codes of all commands",
    "cli/test_kills.py": "kills of every command that writes",
    "cli/test_packed.py": "archives and addresses, through the whole program",
    "cli/test_resize.py": "squash, crop and pad, through the whole program",
    "embeddings/cache/test_at_address.py": "caches that are no folder of this machine",
    "embeddings/engines/test_conformance.py": "what holds for every engine",
    "embeddings/test_kill.py": "kills of a process that extracts",
    "heads/test_conformance.py": "what holds for every head",
    "test_api.py": "what `import featx` offers",
    "test_compatibility.py": "folders that older versions have written",
    "test_mirror.py": "this page",
    "test_other_backends.py": "featx on JAX beside featx on TensorFlow",
}
"""Tests that belong to no single module, and what they test."""

ELSEWHERE = {
    "__main__": "cli/test_main.py",
    "cli/demo": "docs/test_recipes.py",
    "cli/field_option": "cli/test_command.py",
    "cli/lists": "cli/test_main.py",
    "cli/options": "cli/test_command.py",
    "cli/show_cache": "cli/test_cache.py",
    "datasets/settings": "cli/test_data.py",
    "*/settings": "test_settings.py",
    "embeddings/backbones/extractor": "embeddings/backbones/test_keras_model.py",
    "embeddings/comparison": "embeddings/cache/test_verify.py",
    "embeddings/engines/trials": "embeddings/engines/test_choice.py",
    "embeddings/engines/*": "embeddings/engines/test_conformance.py",
    "embeddings/cache/hdf5_stream": "embeddings/cache/test_export.py",
    "embeddings/cache/*": "embeddings/cache/test_store.py",
    "embeddings/spec": "embeddings/cache/test_store.py",
    "export/*": "cli/test_export.py",
    "figures/*": "figures/test_style.py",
    "finetuning/distill": "finetuning/test_joined_model.py",
    "finetuning/inputs": "finetuning/test_finetuner.py",
    "finetuning/*": "cli/test_finetune.py",
    "heads/*": "heads/test_conformance.py",
    "images/decoding_processes": "images/test_decode_ahead.py",
    "images/layouts/options": "images/layouts/test_csv.py",
    "images/layouts/*": "images/layouts/test_read.py",
    "images/packed/*": "images/packed/test_members.py",
    "images/sources": "images/test_arrays.py",
    "images/walking": "images/layouts/test_read.py",
    "networks/data": "pipeline/test_train.py",
    "networks/*": "networks/test_build.py",
    "pipeline/contents": "pipeline/test_run_recipe.py",
    "pipeline/learning_curve": "pipeline/test_fit.py",
    "pipeline/toml_file": "pipeline/test_recipe.py",
    "pipeline/*": "cli/test_{}.py",
    "plots": "test_api.py",
    "predict/*": "predict/test_predict.py",
    "progress": "cli/test_progress.py",
    "provenance": "runs/test_run.py",
    "reports/inspection/*": "reports/inspection/test_page.py",
    "reports/run/*": "reports/run/test_page.py",
    "runs/*": "runs/test_run.py",
    "training/train": "finetuning/test_finetuner.py",
    "training/rand_augment": "training/test_augmentation_layers.py",
    "training/*": "networks/test_fit.py",
}
"""Where modules without a test file of their own are tested; the first match counts."""


def modules():
    """Return the package's modules, like `heads/svm`."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {
        path.with_suffix("").as_posix() for path in paths if path.stem != "__init__"
    }


def own_tests(module):
    folder, _, name = module.rpartition("/")
    return TESTS / folder / f"test_{name}.py"


def test_every_module_has_its_tests():
    for module in modules():
        if not own_tests(module).is_file():
            found = [
                file for pattern, file in ELSEWHERE.items() if fnmatch(module, pattern)
            ]
            assert found, f"no tests of {module}: add {own_tests(module)}"
            assert (TESTS / found[0].format(module.rpartition("/")[2])).is_file()


def test_every_file_of_tests_has_its_module():
    # The documentation and the benchmarks are beside the package, not in it.
    others = {
        path for name in ("docs", "benchmarks") for path in (TESTS / name).iterdir()
    }
    found = set(TESTS.rglob("test_*.py")) - others
    expected = {own_tests(module) for module in modules()}
    assert {path.relative_to(TESTS).as_posix() for path in found - expected} == set(
        OF_MANY_MODULES
    )


def test_no_line_of_the_page_is_left_over():
    without = [module for module in modules() if not own_tests(module).is_file()]
    for pattern in ELSEWHERE:
        assert any(fnmatch(module, pattern) for module in without), pattern
