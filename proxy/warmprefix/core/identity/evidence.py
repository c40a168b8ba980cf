"""Whether a span of a line that has changed is one that ticks: what stands around it decides.

A number or a date alone proves nothing: prices, versions, appointments and quantities look the same. So there
must be a sign for it (a label such as `Messages:`, a word such as "now", brackets), and none against it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from warmprefix.core.identity import signs
from warmprefix.core.identity.spans import Kind, Span, coded, spans_of

_MAX_LINE = 2000
_MAX_SPANS = 16  # that tick in one line
_FAR = 250  # characters: what stands further from a span says nothing of it
_HOLE = "\0"
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LETTER = re.compile(r"[^\W\d_]")
_ENDS = re.compile(
    r"[.!?;]\s|[。！？；]|\s[|·•—]\s|\t|^\s{0,8}[-*#>]{1,6}\s|,\s(?=[^\W\d_][\w ]{0,24}[:=])"
)
_LABEL = re.compile(
    r"(?:^|[,(\[{<>·|\"'*`-]|\s\s|\0\s)\s?[\"'*`#]{0,3}(?P<label>[^:=：,\0()\[\]{}<>\"'*`]{1,60}?)[\"'*`]{0,3}\s?[:=：>]"
    r"[^\w<>]*$"
)
_PATH = re.compile(r"[./\\]\w")
_LABEL_WORDS = 5
_SHARE = re.compile(
    r"\0\s?(?:/|\bof\b|\bvon\b|\bde\b|\bsur\b|\bdi\b|из|z|\bvan\b|\bav\b)\s?~?\0", re.IGNORECASE
)
_HOLES = re.compile(rf"{_HOLE}{{1,2000}}")
_MONEY = re.compile(r"[$€£¥₹₽₩]\s?$")
_NOUN = re.compile(r"\s([^\W\d_]{1,40})")
_BEHIND = re.compile(r"\s?([^\W\d_]{1,40})")
_JOINED = re.compile(rf"{_HOLE}[:-]$")
_RANGE = re.compile(r"\s?(?:-|–|—|~|to|bis|until|till|and|à|a|al|до|do)\s?")
_ASIDE = re.compile(r"\([^()]{0,80}\)")
_BEGINS_BARE = re.compile(
    rf"\W{{0,4}}(?:(?:the|die|das|der|la|le|el|il|o|a|de|het)\s|l['’])?(?:{signs.BARE.pattern})"
    r"(?:\s?[^\W\d_]{1,12}){0,2}\W{0,6}",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d|年")
_NEAR = 20  # characters
_OF_A_PERSON = re.compile(r"[?？=]|^\s{0,20}[\"'{(]")
_SIGN = re.compile(r"[:：>\[|]")
_YEAR = re.compile(r"\d{4}")
_NUMBERS = re.compile(r"[\d.]{1,40}")
_MILLISECONDS = 13  # digits of an epoch in them
_EPOCH = re.compile(r"[12]\d{9}(?:\d{3}|\.\d{1,9})?")
_OF_A_MACHINE = re.compile(r":\d\d:\d\d|\dT\d|秒|초")
_AT = re.compile(
    r"(?:^|[^\0\s])\s?\b(?:at|on|by|for|in|um|am|à|le|el|a las|alle|il|às|em|no|в|o|om|op|den|på|kl|w|do|dnia|"
    r"saat)\s$",
    re.IGNORECASE,
)
_CELL = re.compile(r"\|\s{0,9}(?P<label>[^|\0]{1,60}?)\s{0,99}\|[\s*`]{0,9}$")
_IT_IS = re.compile(r"\W{0,4}it(?:['’]s| is)\s", re.IGNORECASE)
_LATER = 372  # days: a date in prose goes on by a year at most


_KNOWN = (signs.UNIT, signs.STATUS, signs.STATE, signs.HARDWARE, signs.FILLING)


class Place(Enum):
    """Where a line stands: in text that a program has written; or in a user's turn: in a machine's block, among
    what the user wrote, or in what the user put between marks."""

    SYSTEM = auto()
    BLOCK = auto()
    USER = auto()
    QUOTED = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its spans. `holes`: its text with a hole for each character of a span."""

    text: str
    code: str
    spans: Sequence[Span]
    holes: str


def line_of(text: str) -> Line:
    """The line as the rest of this module needs it."""
    code = coded(text)
    spans = spans_of(code)
    pieces: list[str] = []
    at = 0
    for span in spans:
        pieces += (text[at : span.start], _HOLE * (span.end - span.start))
        at = span.end
    return Line(text, code, spans, "".join((*pieces, text[at:])))


def ticks(old: str, new: str, header: str, place: Place) -> tuple[Kind, ...] | None:
    """The kinds of the spans that ticked between two forms of a line; None if anything else differs.

    `header`: the line above, if it is a heading or a label.
    """
    if max(len(old), len(new)) > _MAX_LINE or place is Place.QUOTED:
        return None
    before, after = line_of(old), line_of(new)
    if _skeleton(before) != _skeleton(after):
        return None
    changed = [
        (was, now)
        for was, now in zip(before.spans, after.spans, strict=True)
        if old[was.start : was.end] != new[now.start : now.end]
    ]
    if not 0 < len(changed) <= _MAX_SPANS or (
        place is Place.USER and not _is_machine_made(after, header)
    ):
        return None
    for was, now in changed:
        if not _is_proven(after, was, now, header, place):
            return None
    return tuple(now.kind for _, now in changed)


_PLURAL = re.compile(r"^(\s?[a-z]{2,20}[a-rt-z])s(?![a-z])")


def _skeleton(line: Line) -> list[str]:
    """What is left of a line without its spans. The noun behind a number may be singular or plural."""
    left: list[str] = []
    at = 0
    for span in line.spans:
        left += (_PLURAL.sub(r"\1", line.text[at : span.start]), span.kind)
        at = span.end
    return [*left, _PLURAL.sub(r"\1", line.text[at:])]


def _words(text: str) -> str:
    return _CAMEL.sub(" ", text).replace("_", " ").replace("-", " ")


@dataclass(frozen=True, slots=True)
class _Around:
    """The clause of a span: what stands before and after it, its label, and whether it is in brackets."""

    left: str
    right: str
    label: str
    in_brackets: bool

    @property
    def clause(self) -> str:
        return f"{self.label} {self.left} {self.right}"


def _around(line: Line, span: Span, header: str) -> _Around:
    left = line.holes[max(span.start - _FAR, 0) : span.start]
    right = line.holes[span.end : span.end + _FAR]
    opened, closed = left.rfind("["), right.find("]")
    in_brackets = opened > left.rfind("]") and closed >= 0 and "[" not in right[:closed]
    if in_brackets:
        outer, left, right = left[:opened], left[opened + 1 :], right[:closed]
        label = _label(left) or _label(outer)
    else:
        ends = list(_ENDS.finditer(left))
        left = left[ends[-1].end() :] if ends else left
        found = _ENDS.search(right)
        right = right[: found.start()] if found else right
        label = _label(left)
    if not label and not _LETTER.search(left):
        cell = _CELL.search(line.holes[max(span.start - _FAR, 0) : span.start])
        label = header if cell is None else cell["label"].strip("* ")
    return _Around(_words(left), _words(right), _words(label), in_brackets)


def _label(left: str) -> str:
    found = _LABEL.search(left[-160:])
    if found is None:
        return ""
    label = found["label"].strip()
    is_path = _PATH.search(label) is not None and not left[-1:].isspace()  # main.c:12
    return "" if is_path or label.count(" ") > _LABEL_WORDS else label


def _is_proven(line: Line, was: Span, now: Span, header: str, place: Place) -> bool:
    around = _around(line, now, header)
    match now.kind:
        case "bar":
            return True
        case "id":
            near = around.left[-40:] + around.label
            return now.strong or signs.IDENTITY.search(near) is not None
        case "clock" | "date":
            return _is_present(line, was, now, around, place)
        case _:
            return _is_count(line, now, around)


def _is_present(line: Line, was: Span, now: Span, around: _Around, place: Place) -> bool:
    """Whether a clock or a date says when the prompt was written."""
    if signs.ELSEWHEN.search(around.label) or _is_range(line, now):
        return False
    if _says_now(around.label):
        return True
    if signs.ELSEWHEN.search(around.clause):
        return False
    if not _DIGIT.search(line.code, now.start, now.end):  # the day of a week
        near = _says_now(around.left[-_NEAR:]) or signs.BARE.search(around.label)
        return now.strong or bool(near)
    has_date = now.day is not None or any(span.kind == "date" for span in line.spans)
    if around.label:
        if now.kind == "clock":
            is_stamp = now.strong and has_date
            is_named = signs.BARE.search(around.label) or signs.UP.search(around.label)
            return bool(is_stamp or is_named or _is_ours(around))
        return _is_made_of(around.label, signs.BARE, *_KNOWN, signs.IDENTITY)
    if _says_now(around.clause) or _BEGINS_BARE.fullmatch(around.left):
        return True
    if now.kind == "clock" and place is Place.SYSTEM and _IT_IS.fullmatch(around.left):
        return True
    if _OF_A_MACHINE.search(line.code, now.start, now.end):
        return True
    if _AT.search(around.left):
        return False
    if now.strong or not _LETTER.search(line.holes):
        return True
    if around.in_brackets and not _LETTER.search(around.left + around.right):
        return True
    if place is not Place.SYSTEM or was.day is None or now.day is None:
        return False
    return 0 < now.day - was.day <= _LATER


def _is_ours(around: _Around) -> bool:
    """Whether a clock in brackets has no other label than that a program says it: `[System: 10:05]`."""
    return around.in_brackets and _is_made_of(around.label, signs.FILLING)


def _says_now(text: str) -> bool:
    """Whether it says "now", and not of something else: "the current record"."""
    for found in signs.NOW.finditer(text):
        noun = _NOUN.match(text, found.end())
        if noun is None or not signs.ADJECTIVE.fullmatch(found[0]):
            return True
        if signs.BARE.fullmatch(noun[1]) or signs.NOW.fullmatch(noun[1]):
            return True
    return False


def _is_range(line: Line, span: Span) -> bool:
    """Whether it is one end of a range, such as opening hours."""
    at = line.spans.index(span)
    pairs = ((at - 1, at), (at, at + 1))
    for one, other in pairs:
        if one >= 0 and other < len(line.spans) and line.spans[one].kind == line.spans[other].kind:
            between = line.code[line.spans[one].end : line.spans[other].start]
            if _RANGE.fullmatch(between):
                return True
    return False


def _is_count(line: Line, span: Span, around: _Around) -> bool:
    """Whether a number is how much of something there is now."""
    text = line.code[span.start : span.end]
    before, after = line.holes[: span.start], line.holes[span.end :]
    if _MONEY.search(before) or _JOINED.search(before) or after[:2] in (f":{_HOLE}", f"-{_HOLE}"):
        return False
    if signs.LIMIT.search(around.clause):
        return False
    if any(one.kind == "bar" for one in line.spans):
        return True
    if _EPOCH.fullmatch(text):
        named = f"{around.label} {around.left[-_NEAR:]}"
        is_time = signs.NOW.search(named) or signs.BARE.search(named)
        return is_time is not None or (len(text) == _MILLISECONDS and text[0] == "1")
    words = f"{around.left} {around.right}"
    if span.kind == "amount" and (
        signs.AGO.search(around.right[:8])
        or signs.AGO.search(around.left[-8:])
        or signs.UP.search(around.left[-12:])
    ):
        return not text.endswith("%")
    is_share = text.endswith(("%", "٪")) or _is_share(around)
    unit, state = signs.UNIT.search(around.right[:_NEAR]), signs.STATE.search(words)
    if around.label:
        return bool(
            (unit and (is_share or state))
            or _is_status(line, around, unit, bool(is_share or state))
        )
    if _is_made_of(words, *_KNOWN):
        known = signs.STATUS.search(words) or signs.HARDWARE.search(words)
        is_turn = signs.TURN.search(around.left)
        is_listed = around.left.endswith("(") and signs.UNIT.search(around.left)
        return bool(
            unit or state or is_turn or is_listed or (is_share and (known or around.in_brackets))
        )
    return _is_said(around, is_share=is_share)


def _is_status(line: Line, around: _Around, unit: object, has_share: bool) -> bool:
    """Whether the label of a number is of something that is counted, and not of a thing or a setting. `unit`:
    of what is counted; `has_share`: a share of it is meant, or it is said to be left or used."""
    sign = has_share or unit
    behind = _BEHIND.match(around.right)
    if behind is not None and not _is_made_of(behind[1], *_KNOWN):
        return False
    if signs.HARDWARE.search(around.label):
        return bool(sign) and (has_share or not signs.LENGTH.search(around.right[:_NEAR]))
    if signs.LENGTH.search(around.label) and not sign and len(line.spans) < 2:
        return False
    last = around.label.rpartition(" ")[2]
    is_unit = signs.UNIT.fullmatch(last) is not None
    return is_unit or _is_made_of(around.label, signs.STATUS, signs.NOW, *_KNOWN)


def _is_said(around: _Around, *, is_share: bool) -> bool:
    """Whether a sentence says how much of something there is now."""
    behind = around.right[:_NEAR]
    clause = f"{around.left} {around.right}"
    unit, state = signs.UNIT.search(behind), signs.STATE.search(clause)
    if (unit and state) or (signs.STATE.search(behind) and signs.UNIT.search(clause)):
        return True
    return is_share and not unit and signs.STATUS.search(around.left[-_NEAR:]) is not None


def _is_share(around: _Around) -> bool:
    return _SHARE.search(_HOLES.sub(_HOLE, f"{around.left}{_HOLE}{around.right}")) is not None


def _is_made_of(text: str, *known: re.Pattern[str]) -> bool:
    """Whether it has no other words than these."""
    for pattern in known:
        text = pattern.sub(" ", text)
    return not _LETTER.search(text)


def _is_machine_made(line: Line, header: str) -> bool:
    """Whether a line of a user's turn says nothing but when, which and how many."""
    text = _words(line.holes)
    is_known = _is_made_of(
        _ASIDE.sub(" ", text), signs.NOW, signs.BARE, signs.STATE, signs.STATUS, signs.UNIT, signs.USAGE,
        signs.IDENTITY, signs.HARDWARE, signs.FILLING,
    )  # fmt: skip
    if _OF_A_PERSON.search(text) or not is_known:
        return False
    kinds = {span.kind for span in line.spans}
    is_strong = any(span.strong and span.kind in ("clock", "date") for span in line.spans)
    named = f"{header} {text}"
    is_now = signs.NOW.search(named if "|" in text else signs.WRITTEN.sub(" ", named))
    if kinds & {"clock", "date"} and is_now:
        is_label = _SIGN.search(text) or signs.BARE.search(text) or signs.NOW.search(header)
        is_full = _YEAR.search(line.code) or _OF_A_MACHINE.search(line.code)
        if not (is_label or is_full):
            return False  # a person says so, too
        return "clock" in kinds or bool(signs.TODAY.search(named) or signs.BARE.search(named))
    is_tag = text.strip().startswith("<")
    if is_strong and ((signs.BARE.search(named) and not is_tag) or text.strip().startswith("[")):
        return True
    if is_now and any(_EPOCH.fullmatch(one) for one in _NUMBERS.findall(line.code)):
        return True
    if "bar" in kinds or ("id" in kinds and signs.SESSION.search(text) is not None):
        return True
    share = _SHARE.search(_HOLES.sub(_HOLE, text))
    if signs.USAGE.search(named) and (share or signs.STATE.search(text)):
        return True
    return share is not None and text.strip().startswith("[") and len(line.spans) > 2
