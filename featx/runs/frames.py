"""pandas, which featx uses where it is installed and doesn't depend on."""

from typing import Any

from featx.errors import FeatxError


def import_pandas() -> Any:
    """Return pandas.

    Raises
    ------
    FeatxError
        It is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise FeatxError(
            "data frames need pandas, which is not installed: pip install pandas"
        ) from error
    return pd
