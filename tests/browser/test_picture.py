"""The picture of the README is there, is small, and can be taken again."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.picture import PICTURE, SIZE, take

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

MOST_BYTES = 200_000
README = PICTURE.parents[1] / "README.md"


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height of a PNG file: the first members of its first chunk."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])


async def test_the_picture_can_be_taken_again(chromium: Browser, tmp_path: Path) -> None:
    await take(chromium, tmp_path / "again.png")
    again = (tmp_path / "again.png").read_bytes()

    for picture in (again, PICTURE.read_bytes()):
        assert size_of(picture) == (SIZE["width"], SIZE["height"])
        assert len(picture) < MOST_BYTES


async def test_the_readme_shows_it() -> None:
    assert f"(docs/{PICTURE.name})" in README.read_text("utf-8")
