"""Text completions: `POST /completion`, `/completions`, `/v1/completions` and `/infill`."""

from warmprefix.dialects.text.dialect import TEXT
from warmprefix.dialects.text.infill import INFILL

__all__ = ["INFILL", "TEXT"]
