"""Where lines go. Rotation and half lines: test_writer.py, tests/steadiness/test_log_lines.py."""

import io
import os
import stat
from pathlib import Path
from typing import IO

import pytest

from warmprefix.log.sinks import Descriptor, RotatingFile, Stream, stream_sink


def test_a_file_that_was_moved_is_begun_anew(tmp_path: Path) -> None:
    """As logrotate does without copytruncate; nobody has to send a signal."""
    path, moved = tmp_path / "t.log", tmp_path / "t.log-20261126"
    file = RotatingFile(path, 1 << 20, 5)
    file.write(b"1\n")
    path.rename(moved)
    file.write(b"2\n")
    file.write(b"3\n")
    file.close()

    assert moved.read_bytes() == b"1\n"
    assert path.read_bytes() == b"2\n3\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_was_deleted_or_replaced_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    file = RotatingFile(path, 1 << 20, 5)
    file.write(b"1\n")
    path.unlink()
    file.write(b"2\n")
    other = tmp_path / "other"
    other.write_bytes(b"theirs\n")
    other.replace(path)
    file.write(b"3\n")
    file.close()

    assert path.read_bytes() == b"theirs\n3\n"


def test_a_folder_that_is_gone_costs_lines_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    file = RotatingFile(folder / "t.log", 1 << 20, 5)
    (folder / "t.log").unlink()
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        file.write(b"1\n")
    folder.mkdir()
    file.write(b"2\n")
    file.close()

    assert (folder / "t.log").read_bytes() == b"2\n"


def test_a_file_that_is_no_file_says_what_went_wrong(tmp_path: Path) -> None:
    """A pipe cannot be cut back after a half line; its own error is told all the same."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = RotatingFile(path, 1 << 20, 5)
    os.close(reader)

    with pytest.raises(BrokenPipeError):
        file.write(b"1\n")
    file.close()


def test_a_stream_is_written_without_its_buffer_if_it_has_a_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as stream:
        stream.write(b"before\n")
        sink = stream_sink(stream)
        sink.write(b"line\n")
        sink.close()

        assert isinstance(sink, Descriptor)
        assert (tmp_path / "out").read_bytes() == b"before\nline\n"
        assert not stream.closed


@pytest.mark.parametrize("stream", [io.StringIO(), io.BytesIO()], ids=["text", "binary"])
def test_a_stream_without_one_gets_what_it_takes(stream: IO[str] | IO[bytes]) -> None:
    sink = stream_sink(stream)
    sink.write("Köln\n".encode())
    sink.close()
    stream.seek(0)

    assert isinstance(sink, Stream)
    assert stream.read() in ("Köln\n", "Köln\n".encode())


def test_a_closed_stream_fails_when_it_is_written(tmp_path: Path) -> None:
    stream = (tmp_path / "out").open("wb")
    stream.close()
    sink = stream_sink(stream)

    with pytest.raises(ValueError, match="closed"):
        sink.write(b"line\n")
