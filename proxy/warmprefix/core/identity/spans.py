"""Spans of one line that look like a clock, a date, an id or a number, in many languages.

Only their shape counts here; whether such a span means that the text ticks is decided by what stands around it
(evidence.py). Names of months and days become marks of the same length before the patterns run, so that the
patterns are few and short, and every digit becomes an ASCII digit.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from warmprefix.core.identity.calendar_names import DAYS, MONTHS

Kind = Literal["clock", "date", "id", "number", "amount", "bar"]
"""`amount`: a number with a unit of time or size, or a percentage."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where it stands in the line. `strong`: it can hardly be anything else (a clock with seconds, a full date
    beside a clock, a uuid). `day`: days since year 0, roughly, if the order of its numbers is certain."""

    start: int
    end: int
    kind: Kind
    strong: bool = False
    day: int | None = None


_FILL, _MONTH, _DAY, _PERHAPS = "\ue000", "\ue001", "\ue002", "\ue003"
_ZEROS = (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10)
_DIGITS = {zero + digit: str(digit) for zero in _ZEROS for digit in range(10)}
_WORD = re.compile(
    r"[^\s\d.,;:!?(){}|/<>\"“”«»=、。，\[\]_+-][^\s\d,;:!?(){}|/<>\"“”«»=、。，\[\]_+]{0,20}"
)
_SHORT_NAMES = frozenset({
    "jan", "feb", "apr", "may", "mai", "maj", "mei", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "avr",
    "dez", "okt", "мая", "май",
})  # fmt: skip
"""Names of months of three letters that hardly have another meaning; the others count only beside a year."""


def coded(line: str) -> str:
    """The line with marks for the names of months and days, and ASCII digits; as long as before."""
    return _WORD.sub(lambda found: _mark(found[0]), line.translate(_DIGITS))


def _mark(word: str) -> str:
    name = word.rstrip(".-").lower().removeprefix("ב")
    if name in MONTHS:
        is_plain = name in _SHORT_NAMES or len(name) > 3
        is_verb = word.startswith(("may", "march"))
        return (_MONTH if is_plain and not is_verb else _PERHAPS) + _FILL * (len(word) - 1)
    if name in DAYS and not (len(word) < 3 and word.isascii() and word.islower()):
        return _DAY + _FILL * (len(word) - 1)
    return word


_SURE = rf"{_MONTH}{_FILL}{{0,20}}"
_M = rf"[{_MONTH}{_PERHAPS}]{_FILL}{{0,20}}"
_D = r"(?:0?[1-9]|[12]\d|3[01])"
_N = r"(?:0?[1-9]|1[0-2])"
_Y = r"(?:1[89]|2[01])\d\d"
_HOUR = r"(?:[01]?\d|2[0-4])"
_WEEKDAY = (
    rf"(?:{_DAY}{_FILL}{{0,20}}|(?:星期|周|週|禮拜|礼拜)[一二三四五六日天]|[月火水木金土日]曜日?|"
    r"[월화수목금토일]요일|[Tt]hứ \w{1,4}|[Cc]hủ nhật|(?<!\w)יום \w{3,6})"
)
_AFTER_DAY = r"[,.、]?\s?(?:(?:der|den|dem|le|el|the|il|lo|em|dia|ngày)\s)?"
_TH = r"(?:st|nd|rd|th|er|º|ª|°|-?(?:го|e|e))?"
_OF = r"(?:\s(?:de|of|di|d[’']))?"
_PERIOD = r"(?:[AaPp]\.?\s?[Mm]\b\.?|ÖÖ|ÖS|[πμ]\.\s?μ\.|[صم](?!\w)|SA\b|CH\b)"
_EARLY = r"(?:上午|下午|午前|午後|오전|오후|凌晨|早上|晚上|中午|ÖÖ|ÖS)\s?"
_OFFSET = r"[+−-](?:0\d|1[0-4]):?\d\d\b"
_SECONDS = rf":[0-5]\d(?:[.,]\d{{1,9}})?(?:\s?{_OFFSET})?"
_ZONE = (
    r"(?:\s?(?:Z\b|UTC\b|GMT\b|[A-Z]{1,4}T\b)(?![+−-]))?"
    r"(?:\s?\(?(?:UTC|GMT)[+−-]\d{1,2}(?::?\d{2})?\b\)?|\s?\+\d\d:?\d\d\b)?"
)
_CLOCK = (
    rf"(?:{_EARLY})?(?:{_HOUR}:[0-5]\d(?:{_SECONDS})?(?![\d:])|{_HOUR}\s?h\s?[0-5]\d\b(?:\s?min\b)?|"
    rf"(?:(?<=à )|(?<=est )|(?<=às )){_HOUR}\s?h\b(?!\s?\d)|"
    rf"{_HOUR}[.:][0-5]\d(?=\s?Uhr)|(?:(?<=pukul )|(?<=klo )|(?<=kl\. )|(?<=kl )|(?<=ore )){_HOUR}\.[0-5]\d\b|"
    rf"{_HOUR}\s?[時时点點시](?:\s?[0-5]?\d\s?[分분](?:\s?[0-5]?\d\s?[秒초])?|半)?|"
    rf"{_HOUR}(?=\sUhr\b|\so['’]clock|\s?[AaPp]\.?[Mm]\b))(?:\s?Uhr(?:\s[0-5]\d\b)?)?(?:\s?{_PERIOD})?{_ZONE}"
)
_DATE = (
    rf"{_Y}(?:-{_N}-{_D}|/{_N}/{_D}|\.\s?{_N}\.\s?{_D}\.?)(?![\d-])|"
    rf"{_D}(?:/{_N}/|\.\s?{_N}\.\s?|-{_N}-){_Y}(?!\.?\d|-)|{_N}/{_D}/(?:{_Y}|\d\d)(?!\d)|"
    rf"[\d〇一二三四五六七八九]{{4}}\s?[年년]\s?[\d一二三四五六七八九十]{{1,3}}\s?[月월]\s?[\d一二三四五六七八九十]{{1,3}}\s?[日일号號]|"
    rf"{_N}\s?[月월]\s?{_D}\s?[日일号號]|"
    rf"{_D}\s(?:tháng|thg)\s{_N}(?:(?:,|\snăm)\s{_Y})?|"
    rf"{_D}\.?{_TH}{_OF}[\s.-]{{1,2}}{_M}(?:[,.]?\s(?:(?:de|del|of)\s)?|-){_Y}(?!\d)(?:\sг\.)?|"
    rf"{_M}[\s.]{{1,2}}{_D}\.?(?:st|nd|rd|th)?,?\s{_Y}(?!\d)|{_Y}[.,\s-]{{1,2}}{_M}[\s.]{{1,2}}{_D}\.?|"
    rf"{_D}\.?{_TH}{_OF}[\s.-]{{1,2}}{_SURE}|{_SURE}\s{{1,2}}{_D}(?:st|nd|rd|th)?\b\.?|{_SURE}(?:\sde)?\s{_Y}(?!\d)"
)
_IN_PARENTHESES = rf"(?:\s?[(（](?:{_WEEKDAY}|[月火水木金土日월화수목금토일])[)）])?"
_UNIT = (
    r"(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|months?|"
    r"Sekunden?|Minuten?|Stunden?|Tagen?|Tage?|secondes?|heures?|jours?|segundos?|minutos?|horas?|d[ií]as?|"
    r"secondi|minuti|ore|giorni|сек\w{0,4}|мин\w{0,4}|час\w{0,2}|дн\w{0,2}|дня|秒|分钟|分鐘|分|小时|小時|時間|天|日|"
    r"초|분|시간|일|[kKMGTP]?i?[Bb]|[kKMGTP]i|bytes?|octets|KB/s|MB/s|tok/s)"
)
_NUMBER = r"\d(?:[\d.,'’]{0,30}\d)?"
_ID_WORDS = (
    r"(?:session|request|message|msg|trace|span|conversation|conv|chat|thread|run|turn|correlation|event|"
    r"interaction|invocation|execution|reply[ _]to|sender)"
)
_LABELLED = (
    rf"(?<![^\W_])(?:{_ID_WORDS}[ _-]?(?:id|key|token|uuid)(?:[ _]full)?|nonce|uuid|guid|pid|cache[ _-]?buster)"
    r"[\"'*`]{0,3}(?:\s?[:=#：]\s?|\s(?:is\s)?)[\"'*`]{0,3}"
    r"(?P<value>(?=[\w.:@-]{0,60}\d)[\w.:@-]{1,80}\w|\d)|"
    r"(?<![^\W_])session[\"'*`]{0,3}\s?[:=#：]\s?[\"'*`]{0,3}(?P<session>(?=[\w-]{0,60}\d)\w[\w-]{6,80})"
)
_ID = (
    r"(?<=/tmp/tmp)(?=[a-z_]{0,8}\d)\w{6,10}\b|"
    r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b|"
    r"(?<![0-9A-Za-z])(?:req|msg|run|call|chatcmpl|toolu|ses|sess|session|resp|thread|trace|conv|chat|evt)[_-]"
    r"(?=[A-Za-z]{0,64}\d[A-Za-z]{0,64}\d)[A-Za-z0-9]{8,64}(?![0-9A-Za-z])|"
    r"(?<![0-9A-Za-z#])(?=[0-9A-Za-z]{20,64}(?![0-9A-Za-z_-]))(?=(?:[A-Za-z]{0,20}\d){4})[0-9A-Za-z]{20,64}"
)
_HEX = (
    r"(?<![0-9A-Za-z#])(?:(?=[a-f]{0,64}\d)(?=\d{0,64}[a-f])[0-9a-f]{7,64}|"
    r"(?=[A-F]{0,64}\d)(?=\d{0,64}[A-F])[0-9A-F]{7,64})(?![0-9A-Za-z])"
)
_SPANS = re.compile(
    rf"(?P<labelled>(?i:{_LABELLED}))|(?P<id>{_ID})|"
    rf"(?P<iso>(?<![\w.-]){_Y}-{_N}-{_D}[T_ ]{_HOUR}(?::[0-5]\d(?::[0-5]\d)?|-[0-5]\d(?:-[0-5]\d)?)"
    rf"(?:[.,]\d{{1,9}})?(?:{_OFFSET})?{_ZONE}"
    rf"|(?<!\d){_Y}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[T_-]\d{{4,6}}Z?(?!\d))|"
    rf"(?P<day>(?:{_WEEKDAY}{_AFTER_DAY})?(?<![0-9A-Za-z_.:/-])(?:{_DATE}){_IN_PARENTHESES}(?:[,]?\s{_WEEKDAY})?)|"
    rf"(?P<clock>(?<![0-9A-Za-z_.,:/$€£])(?:{_CLOCK}))|(?P<hex>{_HEX})|"
    rf"(?P<weekday>(?!{_DAY}{_FILL}(?!{_FILL}))(?!{_DAY}(?!{_FILL})){_WEEKDAY})|"
    r"(?P<bar>\[[#=>.*█▓▒░■□▰▱ -]{3,100}\]|[█▓▒░■□▰▱●○]{3,100})|"
    rf"(?P<amount>(?<![0-9A-Za-z_.])~?{_NUMBER}\s?(?:%|٪|{_UNIT}(?!\w))(?:[\s,]{{0,2}}\d{{1,4}}\s?{_UNIT}(?!\w)){{0,3}})|"
    rf"(?P<number>(?<![0-9A-Za-z_.])~?{_NUMBER}(?:[kKM](?!\w))?(?!(?![\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af])[^\W_]))"
)
_BESIDE = re.compile(
    r"(?:\sr\.)?[\s,،;@·|(]{0,3}(?:T|godz\.|at|on|um|à|a las|alle(?: ore)?|ore|às|в|o|om|kl\.?|"
    r"klo|saat|w|,|의|に)?[\s,]{0,2}"
)
_WITH_SECONDS = re.compile(r":[0-5]\d:[0-5]\d|秒|초")
_NUMBERS = re.compile(r"\d+")


def spans_of(code: str) -> list[Span]:
    """The spans of a coded line, in order; none overlaps another."""
    spans = [_span(found) for found in _SPANS.finditer(code)]
    for at, (one, other) in enumerate(pairwise(spans)):
        pair = {one.kind, other.kind}
        if pair == {"clock", "date"} and _BESIDE.fullmatch(code, one.end, other.start):
            spans[at] = Span(one.start, one.end, one.kind, True, one.day)
            spans[at + 1] = Span(other.start, other.end, other.kind, True, other.day)
    return spans


def _span(found: re.Match[str]) -> Span:
    start, end = found.span()
    text = found[0]
    match found.lastgroup:
        case "labelled":
            group = "value" if found["value"] is not None else "session"
            return Span(*found.span(group), "id", True)
        case "id":
            return Span(start, end, "id", True)
        case "hex":
            return Span(start, end, "id", end - start >= 12)
        case "iso":
            return Span(start, end, "clock", True, _day(text))
        case "clock":
            return Span(start, end, "clock", _WITH_SECONDS.search(text) is not None)
        case "day":
            return Span(start, end, "date", False, _day(text))
        case "weekday":
            return Span(start, end, "date")
        case "bar":
            return Span(start, end, "bar", True)
        case "amount":
            return Span(start, end, "amount")
        case _:
            return Span(start, end, "number")


def _day(text: str) -> int | None:
    """The day of a date that begins with its year, in days that grow with it."""
    numbers = [int(number) for number in _NUMBERS.findall(text)[:3]]
    if len(numbers) < 3 or numbers[0] < 1000:
        return None
    year, month, day = numbers
    return (year * 12 + month) * 31 + day
