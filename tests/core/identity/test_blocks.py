"""Where in a user's turn a line stands, and which texts are a block of a machine."""

import pytest

from warmprefix.core.identity.blocks import is_block, place_in
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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\n<system-reminder>Be brief.\nGo on.</system-reminder>\n", True),
        ("<environment_details kind='x'>/srv</environment_details>", True),
        ("<env>/srv</env>\nBe brief.", False),
        ("<env>/srv", False),
        ("<p>free</p>", False),
        ("free", False),
    ],
)
def test_a_text_that_is_nothing_but_a_block(text: str, found: bool) -> None:
    assert is_block(text) is found
