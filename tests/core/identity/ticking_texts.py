"""Texts that tick, and edits that look like it, made by chance from clocks, labels, places and prose.

None of the lines comes from a client that is known by name: what holds for them must hold for any.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

Make = Callable[[Random], str]
PROSE = (
    "You are a careful assistant for a small library.",
    "Answer in the language of the question, and keep it short.",
    "- Never invent sources; say so if there are none.",
    "## Tools",
    "Du bist ein hilfsbereiter Assistent.",
    "用简体中文回答。",
    "Call search_books(query) before you recommend anything!",
    "",
)
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października "
    "listopada grudnia",
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
}
DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "ru": "понедельник вторник среда четверг пятница суббота воскресенье",
    "zh": "星期一 星期二 星期三 星期四 星期五 星期六 星期日",
}


def _h(r: Random) -> int:
    return r.randrange(1, 12)


def _m(r: Random) -> str:
    return f"{r.randrange(60):02}"


def _d(r: Random) -> int:
    return r.randrange(1, 29)


def _month(r: Random, language: str) -> str:
    return r.choice(MONTHS[language].split())


def _day(r: Random, language: str) -> str:
    return r.choice(DAYS[language].split())


def _iso(r: Random) -> str:
    return f"2031-{r.randrange(1, 13):02}-{_d(r):02}"


def _hex(r: Random, length: int) -> str:
    while True:
        text = "".join(r.choice("0123456789abcdef") for _ in range(length))
        if not (text.isdigit() or text.isalpha()):
            return text


def _uuid(r: Random) -> str:
    return "-".join(_hex(r, length) for length in (8, 4, 4, 4, 12))


CLOCKS: dict[str, Make] = {
    "iso": lambda r: f"Current time: {_iso(r)}T{_h(r):02}:{_m(r)}:{_m(r)}Z",
    "iso with zone": lambda r: f"now: {_iso(r)} {_h(r):02}:{_m(r)}:{_m(r)}+02:00",
    "rfc 2822": lambda r: f"Server time: Tue, {_d(r):02} May 2031 {_h(r):02}:{_m(r)}:{_m(r)} +0200",
    "ctime": lambda r: f"It is now Tue May {_d(r):2} {_h(r):02}:{_m(r)}:{_m(r)} 2031",
    "12 hours": lambda r: f"The current time is {_h(r)}:{_m(r)} {r.choice(('AM', 'PM'))}.",
    "us": lambda r: f"Current Date: {r.randrange(1, 13)}/{_d(r)}/2031, {_h(r)}:{_m(r)}:{_m(r)} PM",
    "epoch": lambda r: f"timestamp: {r.randrange(1936512000, 1936912000)}",
    "epoch ms": lambda r: f"now={r.randrange(1936512000123, 1936912000123)}",
    "en": lambda r: f"Today is {_day(r, 'en')}, {_month(r, 'en')} {_d(r)}, 2031.",
    "en day first": lambda r: f"It is currently {_d(r)} {_month(r, 'en')} 2031, {_h(r)}:{_m(r)}.",
    "de": lambda r: (
        f"Heute ist {_day(r, 'de')}, der {_d(r)}. {_month(r, 'de')} 2031, {_h(r)}:{_m(r)} Uhr."
    ),
    "de clock": lambda r: f"Aktuelle Uhrzeit: {_h(r)}.{_m(r)} Uhr",
    "fr": lambda r: (
        f"Nous sommes le {_day(r, 'fr')} {_d(r)} {_month(r, 'fr')} 2031, il est {_h(r)}h{_m(r)}."
    ),
    "fr spaced": lambda r: f"Heure actuelle : {_h(r)} h {_m(r)}",
    "es": lambda r: (
        f"Hoy es {_day(r, 'es')}, {_d(r)} de {_month(r, 'es')} de 2031. Son las {_h(r)}:{_m(r)}."
    ),
    "it": lambda r: f"Oggi è il {_d(r)} {_month(r, 'it')} 2031, ore {_h(r)}:{_m(r)}",
    "pt": lambda r: f"Data de hoje: {_d(r)} de {_month(r, 'pt')} de 2031, {_h(r)}h{_m(r)}",
    "nl": lambda r: f"Het is nu {_h(r)}:{_m(r)}, {_d(r)} {_month(r, 'nl')} 2031.",
    "ru": lambda r: f"Сейчас {_h(r)}:{_m(r)}, {_day(r, 'ru')}, {_d(r)} {_month(r, 'ru')} 2031 г.",
    "pl": lambda r: f"Aktualny czas: {_h(r)}:{_m(r)}, {_d(r)} {_month(r, 'pl')} 2031",
    "tr": lambda r: f"Şu an {_d(r)} {_month(r, 'tr')} 2031, saat {_h(r)}:{_m(r)}.",
    "ar": lambda r: f"التاريخ الحالي: {_d(r)} {_month(r, 'ar')} 2031".translate(
        {48 + digit: 0x660 + digit for digit in range(10)}
    ),
    "zh": lambda r: (
        f"今天是2031年{r.randrange(1, 13)}月{_d(r)}日，{_day(r, 'zh')}，下午{_h(r)}:{_m(r)}。"
    ),
    "ja": lambda r: f"現在の日時：2031年{r.randrange(1, 13)}月{_d(r)}日 {_h(r)}時{_m(r)}分",
    "de sentence": lambda r: f"Das heutige Datum ist der {_d(r):02}.05.2031.",
    "pt zone": lambda r: f"Hora local do usuário: {_h(r)}:{_m(r)} (BRT)",
    "id": lambda r: f"Hari ini Selasa, {_d(r)} Mei 2031 pukul {_h(r):02}.{_m(r)} WIB",
    "vi": lambda r: f"Hôm nay là Thứ Ba, {_d(r)} tháng 5, 2031",
    "table": lambda r: f"| Time | {_h(r)}:{_m(r)} |",
    "brackets": lambda r: f"[System: {_h(r)}:{_m(r)} AM]",
    "sentence": lambda r: f"Good morning! It's {_h(r)}:{_m(r)}.",
    "fr label": lambda r: f"Date du jour : {_d(r)} {_month(r, 'fr')} 2031",
    "ko": lambda r: f"현재 시각: 2031년 {r.randrange(1, 13)}월 {_d(r)}일 오후 {_h(r)}시 {_m(r)}분",
}
COUNTS: dict[str, Make] = {
    "tokens": lambda r: f"Tokens left: {r.randrange(1000, 99999):,}",
    "share": lambda r: f"[{r.randrange(100)}% — {r.randrange(1000, 2000):,}/2,200 chars]",
    "bar": lambda r: f"[{'#' * r.randrange(1, 9):<10}] {r.randrange(100)}%",
    "step": lambda r: f"Step {r.randrange(1, 20)} of 20",
    "progress": lambda r: f"Progress: {r.randrange(1, 10)}/10",
    "messages": lambda r: f"This chat has {r.randrange(2, 99)} messages stored.",
    "fields": lambda r: (
        f"Files: {r.randrange(99)} | Messages: {r.randrange(99)} | CPU: {r.randrange(99)}%"
    ),
    "uptime": lambda r: f"Uptime: {r.randrange(1, 24)}h {r.randrange(60)}m",
    "ago": lambda r: f"The index was built {r.randrange(2, 59)} minutes ago.",
    "process": lambda r: f"worker up {r.randrange(1, 59)}s, mem={r.randrange(10, 99)}MB",
    "context": lambda r: f"Context: {r.randrange(10, 30)}.1k/32k tokens ({r.randrange(100)}%)",
    "load": lambda r: f"load average: 0.{_m(r)}, 0.{_m(r)}, 0.{_m(r)}",
    "done": lambda r: f"Todo: {r.randrange(1, 7)} of 7 done",
    "de progress": lambda r: f"Fortschritt: {r.randrange(1, 10)} von 10",
    "elapsed": lambda r: f"Elapsed time: {r.randrange(1, 9)}m {r.randrange(60)}s",
    "duration": lambda r: f"Session duration: {r.randrange(2, 59)} minutes",
    "de duration": lambda r: f"Sitzungsdauer: {r.randrange(2, 59)} Minuten",
    "es duration": lambda r: f"Tiempo transcurrido: {r.randrange(2, 59)} min",
    "zh duration": lambda r: f"经过时间：{r.randrange(2, 59)}分钟",
    "de step": lambda r: f"Schritt {r.randrange(1, 10)} von 10",
    "fr step": lambda r: f"Étape {r.randrange(1, 10)} sur 10",
    "ru step": lambda r: f"Шаг {r.randrange(1, 10)} из 10",
    "zh count": lambda r: f"消息数：{r.randrange(2, 99)}",
    "zh turn": lambda r: f"第{r.randrange(2, 99)}轮对话",
    "ja tokens": lambda r: f"残りトークン：{r.randrange(10, 99)},000",
    "indexing": lambda r: f"Indexing: {r.randrange(1, 99)}% complete",
    "downloaded": lambda r: f"Downloaded {r.randrange(1, 99)} of 120 MB",
    "today": lambda r: f"Requests remaining today: {r.randrange(2, 99)}",
    "length": lambda r: f"Conversation length: {r.randrange(2, 99)} messages",
    "full": lambda r: f"Memory: {r.randrange(2, 99)}% full [{r.randrange(100, 999)}/2,200 chars]",
    "git": lambda r: f"Git: main* ({r.randrange(2, 99)} changed, 1 untracked)",
    "git branch": lambda r: f"git branch: fix-{r.randrange(2, 99)} ({r.randrange(2, 99)} modified)",
    "git diff": lambda r: f"{r.randrange(2, 99)} files changed, 12 insertions(+)",
    "git head": lambda r: f"HEAD: {_hex(r, 7)} {r.choice(PROSE[:3])}",
    "git commit": lambda r: f"Last commit: {_hex(r, 7)} Fix it ({r.randrange(2, 59)} minutes ago)",
    "git tree": lambda r: f"Working tree: {r.choice(('clean', 'dirty', '2 files changed'))}",
    "disk": lambda r: f"Disk: {r.randrange(10, 99)}.{r.randrange(10)} GB free",
}
IDS: dict[str, Make] = {
    "uuid": lambda r: f"You run in sandbox {_uuid(r)}.",
    "hash": lambda r: f"State {_hex(r, 40)}",
    "session": lambda r: f"Session ID: {_hex(r, 10)}",
    "mkdtemp": lambda r: f"Working directory: /tmp/tmp{_hex(r, 5)}_xq",
    "folder": lambda r: f"Work in /tmp/workspace-{_hex(r, 8)}/ only.",
    "request": lambda r: f'"request_id": "req-{_hex(r, 12)}",',
    "nonce": lambda r: f"nonce={r.randrange(10**5, 10**6)}",
}
SYSTEM = {**CLOCKS, **COUNTS, **IDS}
USER: dict[str, Make] = {
    **{
        name: CLOCKS[name]
        for name in (
            "iso",
            "iso with zone",
            "rfc 2822",
            "us",
            "epoch",
            "de clock",
            "pl",
            "ja",
            "ko",
        )
    },
    "stamp": lambda r: f"[{_iso(r)} {_h(r):02}:{_m(r)}]",
    "pipes": lambda r: f"Generated: {_h(r)}:{_m(r)} | Files: {r.randrange(99)}",
    "session": IDS["session"],
    "bar": COUNTS["bar"],
    "usage": lambda r: f"{r.randrange(1000, 9999):,} / 200K tokens used ({r.randrange(100)}%)",
    "block": lambda r: (
        f"<environment_details>\n{CLOCKS['zh'](r)}\nOpen files: {r.randrange(9)}\n"
        "</environment_details>"
    ),
    "fence": lambda r: (
        f'Chat metadata:\n```json\n{{\n "sent": "{_iso(r)} {_h(r)}:{_m(r)}"\n}}\n```'
    ),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two forms of a text, and what kind of pair it is."""

    id: str
    before: str
    after: str
    is_user: bool


def _around(r: Random, line: str, other: str) -> Iterator[tuple[str, str, str]]:
    """The two lines at the top, in the middle and at the end of a text."""
    text = [r.choice(PROSE) for _ in range(r.randrange(4, 12))]
    for place, at in (("top", 0), ("middle", len(text) // 2), ("end", len(text))):
        before, after = ("\n".join((*text[:at], one, *text[at:])) for one in (line, other))
        yield place, before, after


def ticking(seed: int) -> Iterator[Pair]:
    """Every kind of volatile line, in each place; a user's text has them too."""
    r = Random(seed)
    for is_user, makes in ((False, SYSTEM), (True, USER)):
        for name, make in makes.items():
            line = other = make(r)
            while other == line:
                other = make(r)
            for place, before, after in _around(r, line, other):
                yield Pair(
                    f"{'user' if is_user else 'system'} {name} {place}", before, after, is_user
                )


def _n(low: int = 2, high: int = 99) -> Make:
    return lambda r: str(r.randrange(low, high))


EDITS: dict[str, tuple[str, Make]] = {
    "price": ("The ticket costs ${} for members.", _n()),
    "euro": ("Preis: {},50 €", _n()),
    "version": ("Use Python 3.{} for all of it.", _n()),
    "label version": ("version: 1.{}.0", _n()),
    "tag": ("Deploy v2.{} to the test server.", _n()),
    "lines": ("Look at lines {}-200 of main.py.", _n()),
    "place in a file": ("The error is in src/main.c:{}:12", _n()),
    "files to write": ("Write {} files, one a class.", _n()),
    "split": ("Split the text into {} messages.", _n()),
    "limit": ("Max files: {}", _n()),
    "setting": ("max_tokens: {}", _n(100, 9999)),
    "temperature": ("temperature = 0.{}", _n(1, 9)),
    "timeout": ("Timeout: {}s", _n()),
    "wait": ("Wait {} seconds before you retry.", _n()),
    "port": ("Listen on port {}.", _n(1000, 9999)),
    "address": ("Bind 127.0.0.1:{}", _n(1000, 9999)),
    "model": ("It runs on an RTX {}0 with a fast disk.", _n(100, 999)),
    "model name": ("Model: qwen{}-a3b", _n()),
    "memory": ("RAM: {} GB", _n()),
    "discount": ("Give a {}% discount to students.", _n()),
    "confidence": ("Answer only if you are {}% sure.", _n()),
    "quantity": ("Order {} kg of flour.", _n()),
    "recipe": ("Use 1/{} cup of sugar.", _n(2, 9)),
    "age": ("The customer is {} years old.", _n()),
    "room": ("We meet in room {}.", _n()),
    "rule": ("Rule {}: be kind.", _n()),
    "list": ("{}. Be kind.", _n()),
    "chapter": ("Summarise chapter {}.", _n()),
    "phone": ("Phone: 039{}", _n(10**6, 10**7)),
    "order": ("Order ID: {}", _n(1000, 9999)),
    "colour": ("Background: #{}ff00aa", _n(10, 99)),
    "code": ("    return compute({}, mode='fast')", _n()),
    "json": ('  "quantity": {},', _n()),
    "meeting": ("The meeting is at {}:30.", _n(8, 12)),
    "opening": ("Open 9:00-{}:00", _n(12, 23)),
    "deadline": ("Deadline: 2031-05-{}", _n(10, 29)),
    "birthday": ("She was born on {} May 1998.", _n(1, 29)),
    "event": ("Die Sitzung ist am {}. Mai 2031.", _n(1, 29)),
    "appointment": ("Rendez-vous le {} mai 2031 à 10h30.", _n(1, 29)),
    "cutoff": ("Knowledge cutoff: 2030-{}", _n(10, 12)),
    "alarm": ("Wake me at 07:{}.", _n(10, 59)),
    "name": ("Your name is Agent{}.", _n()),
    "verse": ("Explain John 3:{}.", _n(10, 59)),
    "circle": ("Draw a circle with radius {}.", _n()),
    "score": ("Score: {}/100", _n()),
    "year": ("Revenue of the year 20{}", _n(10, 31)),
    "context": ("context length: {}", _n(1000, 9999)),
    "weight": ("Weight: {}%", _n()),
    "train": ("The train departs at {}:45 from Rome.", _n(8, 12)),
    "level": ("Character level: {}", _n()),
    "capacity": ("Battery: {}00 mAh", _n()),
    "tokens": ("tokens: {}", _n(100, 9999)),
    "length": ("Session length: {} minutes", _n()),
    "cache": ("Cache: {} GB", _n()),
    "record": ("The current record is 10:{}.", _n(10, 59)),
    "seats": ("Available: {} seats", _n()),
    "items": ("Items: {} apples", _n()),
    "current version": ("Current version: 1.2.{}", _n()),
    "steps": ("Steps: {}", _n()),
    "points": ("HP: {}/100", _n()),
    "practice": ("Practice starts Tuesday, {} May 2031", _n(1, 29)),
    "invoice": ("Invoice date: 2031-05-{}", _n(10, 29)),
    "contract": ("Contract date: {} May 2031", _n(1, 29)),
    "naissance": ("Date de naissance : {} mai 1985", _n(1, 29)),
    "nacimiento": ("Fecha de nacimiento: {}/05/1985", _n(10, 29)),
    "window": ("context window: {} tokens", _n(1000, 9999)),
    "zh price": ("价格：{}元", _n()),
    "zh step": ("步骤{}：搅拌", _n()),
    "ja chapter": ("第{}章", _n()),
    "ja mails": ("{}件のメール", _n()),
    "de instruction": ("Schritt {}: Mehl sieben.", _n()),
    "fr instruction": ("Étape {} : tamiser.", _n()),
    "duration": ("Duration: {} hours", _n()),
    "oven": ("Bake at {} °C for 25 minutes.", _n(100, 250)),
    "table": ("| Oslo | {}:30 |", _n(8, 12)),
    "condition": ("If it is {}:00 or later, say good night.", _n(10, 23)),
}
"""Numbers that say what the text is about. They are edits in any text."""

QUESTIONS: dict[str, tuple[str, Make]] = {
    "date": ("What day of the week is 2031-05-{}?", _n(10, 29)),
    "clock": ("It is {}:30 in Rome, what time is it in Tokyo?", _n(10, 23)),
    "today": ("Today is {} May 2031, what should I plant?", _n(1, 29)),
    "form": ("Date: 2031-05-{}\nPlace: Rome\nWrite an invitation.", _n(10, 29)),
    "time form": ("Time: {}:00\nPlace: Rome\nWrite an invitation.", _n(10, 23)),
    "date alone": ("2031-05-{}", _n(10, 29)),
    "stamp alone": ("2031-05-06 10:00:{}", _n(10, 59)),
    "list of times": ("{}:30 | 7 | open", _n(10, 23)),
    "chat log": ("[10:{}] Eve: hello", _n(10, 59)),
    "log": ("2031-05-06 10:00:{} error 7 in main", _n(10, 59)),
    "translate": ("Translate: the current time is {}:30", _n(10, 23)),
    "epoch": ("Convert 19365120{} to a date.", _n(10, 99)),
    "uuid": ("Is 01234567-89ab-cdef-0123-456789abcd{} valid?", _n(10, 99)),
    "hash": ("git show a1b2c3d{}", _n(10, 99)),
    "branch": ("branch: fix-{}", _n()),
    "status": ("What is wrong?\n M src/a{}.py", _n()),
    "files": ("Files: {}", _n()),
    "progress": ("Progress: {}/10", _n(1, 10)),
    "step": ("Step {} of 12", _n(1, 12)),
    "sum": ("{}+4", _n()),
    "number": ("{}", _n()),
    "data": ("<data>\n<date>2031-05-{}</date>\n</data>", _n(10, 29)),
    "document": ("<document>\nIt is now {}:30.\n</document>", _n(10, 23)),
    "object": ('{{"date": "2031-05-{}", "n": 7}}', _n(10, 29)),
    "now": ("It is now {}:30", _n(10, 23)),
    "weekday": ("Heute ist Montag, {} Uhr", _n(10, 23)),
    "an id": ("UUID: 01234567-89ab-cdef-0123-456789abcd{}", _n(10, 99)),
    "a commit": ("commit: a1b2c3d{}", _n(10, 99)),
    "code": ("now = 19365120{}", _n(10, 99)),
    "yaml": ("updated_at: 2031-05-06T10:00:{}Z", _n(10, 59)),
    "a member": ('"time": "2031-05-06T10:00:{}Z"', _n(10, 59)),
    "html": ("<time>2031-05-06 10:{}</time>", _n(10, 59)),
    "german form": ("Uhrzeit: {}:30", _n(10, 23)),
    "tree": ("HEAD: a1b2c3d{} Fix it", _n(10, 99)),
    "de step": ("Schritt {} von 12", _n(1, 12)),
    "elapsed": ("Elapsed: {}s", _n()),
    "cell": ("| Time | {}:30 |", _n(10, 23)),
    "quoted mail": ("> On {} May 2031, Eve wrote:", _n(1, 29)),
    "unread": ("I have {} unread emails", _n()),
}
"""Edits only because a user has written them."""


def edits(seed: int) -> Iterator[Pair]:
    """Every edit in each place."""
    r = Random(seed)
    rows = [(text, False, name) for name, text in EDITS.items()]
    rows += [(text, True, name) for name, text in (EDITS | QUESTIONS).items()]
    for (frame, make), is_user, name in rows:
        value = other = make(r)
        while other == value:
            other = make(r)
        for place, before, after in _around(r, frame.format(value), frame.format(other)):
            yield Pair(f"{'user' if is_user else 'system'} {name} {place}", before, after, is_user)
