"""The base of all settings: validated, frozen, and strict about unknown keys."""

from collections.abc import Callable
from typing import Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from featx.errors import FeatxError


class Settings(BaseModel):
    """Settings that refuse what they don't know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def checked_by(check: Callable[[Any], Any]) -> AfterValidator:
    """Make a validator of a look-up whose errors are featx's own.

    Parameters
    ----------
    check : callable
        Returns the value to keep; raises `FeatxError` where it isn't allowed.
    """

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except FeatxError as error:
            raise ValueError(str(error)) from None

    return AfterValidator(validate)
