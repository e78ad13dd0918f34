"""The base of what a run's JSON files hold: typed fields, read as a mapping as well."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, InstanceOf

Text = InstanceOf[str]
"""A string that may hold lone surrogates, as names from odd file systems do."""


class Record(BaseModel):
    """A JSON object of known keys; keys that are not known are kept as they are.

    ``record.key`` and ``record["key"]`` are the same, but for a key that the file
    lacks: as an attribute it has its default, as an item it raises `KeyError`.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    def __getitem__(self, key: str) -> Any:
        if key not in self.model_fields_set:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in self.model_fields_set

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under a key, `default` where the file lacks it."""
        return getattr(self, key) if key in self.model_fields_set else default

    def keys(self) -> Iterable[str]:
        """Return the keys that the file holds, in its order."""
        return [key for key, _ in self if key in self]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the file."""
        return self.model_dump(exclude_unset=True)
