"""Where in a user's turn a line stands."""

import pytest

from warmprefix.core.identity.blocks import place_in
from warmprefix.core.identity.evidence import Place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("@", Place.USER),
        ("<environment_details>\n@\n</environment_details>", Place.BLOCK),
        ("<system-reminder kind='x'>\n@</system-reminder>", Place.BLOCK),
        ("<environment_details>\n</environment_details>\n@", Place.USER),
        ("</environment_details>\n@\n</environment_details>", Place.USER),
        ("<environment_details>\n@", Place.USER),
        ("<document>\n@\n</document>", Place.QUOTED),
        ("<document>\n<now>\n@\n</now></document>", Place.BLOCK),
        ("Chat metadata:\n```json\n@\n```", Place.BLOCK),
        ("```env\n@\n```", Place.BLOCK),
        ("Fix this:\n```python\n@\n```", Place.QUOTED),
        ("```\nx\n```\n@", Place.USER),
    ],
)
def test_the_place_of_a_line(text: str, place: Place) -> None:
    assert place_in(text, text.index("@")) is place
