"""The inputs that past fuzzing has found, one a line: `corpus/<target>.jsonl`."""

import json
from collections.abc import Iterable
from hashlib import sha1
from pathlib import Path

_CORPUS = Path(__file__).parent / "corpus"
_MAX_BYTES = 150_000  # of one file: the repository holds examples, not a database


def load(target: str) -> list[bytes]:
    """The inputs kept for a target. Each character of a line is one byte."""
    path = _CORPUS / f"{target}.jsonl"
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return [json.loads(line).encode("latin-1") for line in lines]


def save(target: str, inputs: Iterable[bytes]) -> int:
    """Keep the shortest inputs, as many as the file may hold; how many that are."""
    lines: list[str] = []
    size = 0
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        line = json.dumps(data.decode("latin-1")) + "\n"
        size += len(line)
        if size > _MAX_BYTES:
            break
        lines.append(line)
    _CORPUS.mkdir(exist_ok=True)
    (_CORPUS / f"{target}.jsonl").write_text("".join(lines), "ascii")
    return len(lines)


def put(folder: Path, data: bytes) -> None:
    """The input as a file that is named as libFuzzer names its own: by content, so twice is once."""
    (folder / sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
