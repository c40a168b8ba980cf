"""Every command that the README and the pages under docs/ show, as it stands there."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    *sorted(f"docs/{page.name}" for page in ROOT.glob("docs/*.md")),
    "docker/README.md",
)

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_SET = re.compile(r"[A-Z_]+=\S*")
OURS = frozenset({"warmprefix", "python -m warmprefix", ".venv/bin/warmprefix"})

NOT_RUN = {
    "uv": "installs the project; that its extras exist is a test of its own",
    "pipx": "the same",
    "pip": "the same",
    "make": "that its targets exist is a test of its own",
    "docker": "needs a daemon: docker/smoke.sh",
    "docker/smoke.sh": "needs a daemon",
    "docker/smoke_scale.sh": "needs a daemon",
    "debootstrap": "makes a base image, as root, out of Debian's packages",
    "tar": "goes with it",
    "export": "sets a variable of the reader's shell: what the settings make of it is tested with them",
    "systemctl": "needs systemd: tests/test_service_files.py",
    "llama-server": "the user's own",
    "curl": "in a sentence it has a name to be filled in; those of blocks are run",
    "python -m bench": "takes long: tests/bench",
}
"""Programs that the test does not run, and why."""


@dataclass(frozen=True)
class Command:
    """`block`: the number of its block on the page; None if it stands in a sentence."""

    page: str
    text: str
    block: int | None = None

    @property
    def words(self) -> list[str]:
        """Its words, as a shell sees them, without variables in front and comments behind."""
        words = shlex.split(self.text, comments=True)
        while words and _SET.fullmatch(words[0]):
            words = words[1:]
        return words

    @property
    def program(self) -> str:
        """What it starts."""
        words = self.words
        if words[:2] == ["python", "-m"]:
            return " ".join(words[:3])
        return words[0] if words else ""

    @property
    def is_ours(self) -> bool:
        """Whether it starts warmprefix, and nothing besides."""
        return self.program in OURS and "|" not in self.text

    @property
    def arguments(self) -> list[str]:
        """What warmprefix is given."""
        return self.words[len(self.program.split()) :]

    @property
    def is_run(self) -> bool:
        """Whether it is run on the stage; those of sentences: tests/test_documented_commands.py."""
        return self.block is not None and (self.is_ours or self.program == "curl")


def text_of(page: str) -> str:
    """A page."""
    return (ROOT / page).read_text("utf-8")


def in_blocks(page: str) -> list[Command]:
    """The commands of the blocks of a page, in order; one may have several lines."""
    found: list[Command] = []
    for number, block in enumerate(_BLOCK.findall(text_of(page))):
        begun = ""
        for line in block.splitlines():
            begun = f"{begun}\n{line}" if begun else line
            if is_whole(begun):
                found.append(Command(page, begun, number))
                begun = ""
        assert not begun, f"{page}: a command that does not end: {begun}"
    return [command for command in found if command.words]


def is_whole(text: str) -> bool:
    """Whether a shell would run it, and not wait for another line."""
    if text.endswith("\\"):
        return False
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def in_sentences(page: str) -> list[Command]:
    """What is written as code in the sentences and tables of a page, and is a command by its first word."""
    programs = {*OURS, *NOT_RUN}
    texts = (" ".join(code.split()) for code in _CODE.findall(_FENCED.sub("", text_of(page))))
    commands = (Command(page, text) for text in dict.fromkeys(texts) if is_whole(text))
    return [command for command in commands if command.program in programs]


def commands() -> list[Command]:
    """All of them: those of blocks page by page, then each that stands in a sentence, once."""
    blocks = [command for page in PAGES for command in in_blocks(page)]
    sentences = {one.text: one for page in reversed(PAGES) for one in in_sentences(page)}
    return [*blocks, *reversed(sentences.values())]
