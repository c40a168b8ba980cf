"""The fuzzer: `python -m tests.fuzz.run body --seconds 3600`, in the environment of `make fuzz`.

It goes on from `corpus/<target>.jsonl` and stops at the first broken promise, with the input in a
file that `--folder` names. `--keep` ends a session: of all inputs found it keeps the fewest that
reach the same code, in that file, where `test_corpus.py` runs them.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import atheris

with atheris.instrument_imports(include=["warmprefix.core", "warmprefix.dialects", "json"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz import kept
from tests.fuzz.mutate import mutate_body
from tests.fuzz.seeds import WORDS, seeds

_MAX_LENGTH = 4096  # bytes of one input; the longer, the fewer tries a second
_TIMEOUT_S = (
    20  # of one input that takes milliseconds: what is this slow grows faster than any square
)


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.libfuzzer is not None:
        _fuzz(arguments.target, arguments.libfuzzer)
    folder = arguments.folder / arguments.target
    folder.mkdir(parents=True, exist_ok=True)
    for data in (*seeds(arguments.target), *kept.load(arguments.target)):
        kept.put(folder, data)
    if arguments.keep:
        _keep(arguments.target, folder)
    else:
        _fuzz(arguments.target, _options(arguments, folder))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="inputs and crashes")
    parser.add_argument("--keep", action="store_true", help="write the corpus of the repository")
    parser.add_argument("--libfuzzer", nargs=argparse.REMAINDER, help="with its own flags alone")
    return parser


def _options(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """libFuzzer's own flags (https://llvm.org/docs/LibFuzzer.html#options)."""
    words = arguments.folder / f"{arguments.target}.words"
    words.write_text("".join(map(_quoted, WORDS[arguments.target])))
    return [
        f"-max_total_time={arguments.seconds}",
        f"-max_len={_MAX_LENGTH}",
        f"-timeout={_TIMEOUT_S}",
        f"-dict={words}",
        f"-artifact_prefix={arguments.folder}/{arguments.target}-",
        str(folder),
    ]


def _quoted(word: str) -> str:
    """A line of a dictionary: every byte as an escape, so none needs thought."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word.encode("latin-1")) + '"\n'


def _command(target: str) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.run", target, "--libfuzzer"]


def _fuzz(target: str, options: Sequence[str]) -> NoReturn:
    # libFuzzer starts itself again by its first argument, which a shell reads.
    name = shlex.join(_command(target))
    atheris.Setup([name, *options], TARGETS[target], **_MUTATORS[target], internal_libfuzzer=True)
    atheris.Fuzz()
    sys.exit()


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    return mutate_body(data, max_size, seed, atheris.Mutate)


_MUTATORS: dict[str, dict[str, Any]] = {
    target: {"custom_mutator": _mutate} if target.endswith("body") else {} for target in TARGETS
}


def _keep(target: str, folder: Path) -> None:
    """The fewest inputs that reach what all of them reach."""
    with TemporaryDirectory() as few:
        options = ["-merge=1", f"-max_len={_MAX_LENGTH}", few, str(folder)]
        subprocess.run([*_command(target), *options], check=True)
        found = [path.read_bytes() for path in Path(few).iterdir()]
    count = kept.save(target, found)
    print(f"{target}: {len(list(folder.iterdir()))} inputs, {len(found)} needed, {count} kept")


if __name__ == "__main__":
    main()
