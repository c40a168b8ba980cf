"""What the runner of llama.cpp's own tests makes of flags and outcomes. They themselves take half an hour."""

import pytest

from tests.conformance.llama_suite import lost, moved, summary, without_downloads


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--hf-repo", "a/b", "--hf-file", "c", "--seed", "1"], ["--seed", "1", "--model", "M"]),
        (["--model", "old.gguf"], ["--model", "M"]),
        (["--models-dir", "d"], ["--models-dir", "d"]),
    ],
)
def test_a_model_to_be_downloaded_is_replaced(flags: list[str], expected: list[str]) -> None:
    assert without_downloads(flags, "M") == expected


def test_the_server_moves_and_the_proxy_takes_its_place() -> None:
    flags = ["--port", "1", "--seed", "2", "--host", "127.0.0.1,::1"]
    rest = ["--seed", "2", "--host", "127.0.0.1", "--port", "9"]

    assert moved(flags, 9) == (rest, ["127.0.0.1", "::1"], "1")


def test_what_passes_directly_and_not_through_is_named() -> None:
    direct = {"a": "passed", "b": "passed", "c": "failed", "d": "passed"}
    through = {"a": "passed", "b": "failed", "c": "passed"}

    assert lost(direct, through) == ["b", "d"]
    assert summary(through) == "2 of 3 pass"
