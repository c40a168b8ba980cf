"""Writes docs/rules.md from the rules themselves, and the recipes of docs/clients.md: `make docs`."""
# ruff: noqa: E501 - a row of a Markdown table is one line

from collections.abc import Iterable
from pathlib import Path

from warmprefix.cli.connect_text import blocks, tried_or_why
from warmprefix.connect.recipes import Given, Recipe, recipes
from warmprefix.core.rules import MEMORY_RULES, RULES
from warmprefix.core.rules.base import Rule
from warmprefix.core.rules.memory_rules import MemoryRule
from warmprefix.profiles.volatile import volatile_patterns

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "rules.md"
CLIENTS = DOCS / "clients.md"
_RECIPES = ("<!-- recipes: ", "<!-- end of recipes -->")

_HEAD = """\
# Rules

<!-- Written by `make docs` from proxy/warmprefix/core/rules; edit those. -->

A rule gives the same bytes to two requests that say the same thing. Classes:

| class | meaning | default |
|---|---|---|
| `lossless` | the template drops it, or the values are equal as JSON | on |
| `neutral` | the same information in other bytes or another place | on |
| `meaning` | the model could read something older, or elsewhere | off; a named opt-in |

Switch rules by name, for every client or for one:

```toml
[canonicalize]
disable = ["edge-whitespace"]
enable = ["freeze-volatile", "opencode:restore-transient-blocks"]
```

`warmprefix canonicalize body.json --diff` shows what each rule does to a request body.

Never touched, by any rule: white space inside a text, tool output, the values of arguments and their
order, the spelling of numbers, members that appear twice, parts that are not text, CRLF, and anything
that is not understood. If the last message is the assistant's, because the client wants it continued,
all of it is left alone.

## Stateless rules, in the order in which they run
"""

_MEMORY = """\

## Rules that need memory

They act only on the opening messages, or on user turns that the ledger recognises: a new turn says
what the client says.
"""

_LEDGER = """\

## What a dialect writes in another order, without a rule

`results-first`, on `/v1/messages`: a user message in which a text or a picture stands behind tool results goes
out as two, the results first. llama-server makes several messages of it as well, but shows the rest in front of
the results. It is so from the first request of a conversation on.

## What the ledger puts back, without a rule

A message that is recognised (docs/design.md, "Who a message is") goes out with the bytes that the
backend holds: as it was generated, or else as it was first sent. That is the model's own text or a
text already sent, so the model reads nothing that it has not read before: argument text with its key
order and spacing, content with its edges, tool-call ids, names of tool results, tools in the order in
which they were first sent.

A message that was really edited is another message and is never overwritten. Arguments that differ as
JSON values (1 and 1.0, true and 1, null and an absent member, other strings) make another message too,
and JSON that names a member twice equals nothing but itself. On `/v1/messages`, where clients read
arguments and write them anew, 1 and 1.0 are the same, and so are a member that is false and none.

### Reasoning: `memory.restore_reasoning`

Clients drop `reasoning_content`, blank it, or write it into the text (`<think>`, `<details>`). If the
client sends the reasoning in some form, it goes back to the field it was generated in. If the client
dropped it, putting it back does not always pay:

| the template | what dropping costs | what putting back costs | `auto` |
|---|---|---|---|
| keeps the reasoning of every reply | all that follows it, on every request | nothing | puts it back |
| drops it when a newer user message arrives | the replies of the running tool loop, one by one | the whole loop is rendered again at the next user message | leaves it |
| never prints it | nothing | nothing | leaves it |

Measured with a template of the second kind: a client that never sends reasoning processed 0.68 of the
tokens of one that does. `auto` learns which kind the template is by rendering three short probes on
llama-server's `/apply-template`, once for each template, never by the model's name; without an answer
the client's choice stands. `always` and `never` leave nothing to that. Sliding-window and recurrent
models lose by every dropped byte, because they fall back to a checkpoint: set `always` for them.

### Why git status is not frozen by default

Claude Code ends its system text with `gitStatus`, and each process asks git anew. If the working tree
has changed, `claude -c` and `claude --resume` differ there from the process before, in front of the
whole history (and of the tools, if the template prints them behind the system text). The block calls
itself a snapshot from the start of the conversation, so the first one would be true to its words. It is
`meaning` all the same, and off: by default the model reads what the client sends now. Who starts a new
process may rely on the state that it reports.

```toml
[canonicalize]
enable = ["claude-code:freeze-volatile"]   # on for this client only
```

What it is worth, in the session of [evidence.md](evidence.md#claude-code-and-codex): a resume of 22,600
tokens reads 15 of them instead of all, or, if the template prints the tools first, instead of 2,100. It
costs that the model believes in the old state until it asks git itself. Claude Code's own
`CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS=1` leaves the block out and gains as much.

## Text of your own client

What no rule knows of can be named in the settings, with an example, which is checked at the start. It needs no
rule to be enabled, and acts on all clients, or on the one that is named:

```toml
[[canonicalize.volatile]]
name = "mood"
pattern = '(?m)^Mood: .{1,40}$'
example = "Mood: curious"
use = "freeze"

[[canonicalize.transient]]
name = "notes"
opens = "<notes>"
closes = "</notes>"
example = "<notes>7 open</notes>"
client = "hermes"
```

| use | what becomes of the text |
|---|---|
| `freeze` | what was first seen in a conversation is kept, as `freeze-volatile` does |
| `move` | the current one is said at the end of the newest user turn, as `move-volatile` does |
| `strip` | it is left out of system texts and user turns, always; `strip-volatile` in the log |

`freeze` and `move` act on the messages before the first reply. A pattern is a regular expression of RE2, which has
no look-around and no back-references, and whose time grows with the text alone. A block is put back as
`restore-transient-blocks` does.

## Volatile text

What ticks is learnt from the conversation itself. If a client sends its history again and a message differs from
what it was only in lines that look like a clock, a date, a counter or an id, and the reply behind it is the one
that was given, then the message was not edited, it ticked: `freeze-volatile` keeps the first value,
`move-volatile` also says the present one at the end of the newest user turn. In what a user wrote only lines
count that a program has written; a question, a price, a version or a line number does not tick. While the model
is at work with its tools nobody edits anything, so there a number needs no sign (`12 messages so far`); in a chat
without tools it needs to change with two requests in a row. The first of those is read again, once: until then
nothing tells it from an edit. Lines that come or go, and words, are read anew each time.

What was in the newest turn and is gone from there one turn later, a whole message or a part of it, is put back in
the same way by `restore-transient-blocks`; if the client has moved it on, it stays where it was first. The
question may stand in it in another form: on one line, quoted, or only how it begins, with dots. Text without tags
that is written anew while the model is at work (a list under a heading) stays as it was first. Messages that a
client inserts in front of the end, another one in each turn (lore, a note of the author's), stay where they were,
and a new one is said in the newest turn; one of a user's that changes in its place is an edit at first, and lore if
it changes again in the next turn. Replies that a client writes itself (aider's "Ok, any changes I propose will be
to those files.", the words that a character begins with) are told from those of a model: they move on with what
they reply to, and instructions with nothing of a model's behind them belong to the newest turn. Once something else
was said in its place, a message that returns is said again. Of a
tool's result only what stood around it is put back: a block between tags of a client's (`<system-reminder>`,
`<env>`), or in the newest turn a short paragraph of its own. What the tool said is never changed, and a result that
was cleared stays cleared.

What is put back makes every later prompt longer; `put_back_tokens` in the log says by how much. Once more than
`memory.transient_max_turns` replies stand behind it, it leaves, but only when the prompt has to be read again
anyway: other tools or template options, a backend that has restarted, a change of the client that takes away some
of what is put back.

These patterns are known besides, and act from a conversation's second request on even after a restart, in the
messages before the first reply; in what a user wrote only those of the client itself:

| pattern | client | cause | example | source |
|---|---|---|---|---|
"""


def rules_page() -> str:
    """The whole page."""
    patterns = (
        f"| {row.id} | {row.client} | {row.cause} | `{_cell(row.example)}` | {row.source} |\n"
        for row in volatile_patterns()
        if row.use == "freeze"
    )
    return (
        _HEAD
        + "".join(_sections(RULES))
        + _MEMORY
        + "".join(_sections(MEMORY_RULES))
        + _LEDGER
        + "".join(patterns)
    )


def _sections(rules: Iterable[Rule | MemoryRule]) -> Iterable[str]:
    for rule in rules:
        yield f"\n### {rule.name}\n\n`{rule.risk.value}` · {rule.why}\nSource: {rule.source}\n"


def _cell(text: str) -> str:
    return text.replace("\n", " ⏎ ").replace("|", "\\|")


def clients_page() -> str:
    """The page of clients with the recipes as they are."""
    before, opening, rest = CLIENTS.read_text("utf-8").partition(_RECIPES[0])
    head, _, behind = rest.partition("\n")
    _, closing, after = behind.partition(_RECIPES[1])
    sections = "".join(_client(one) for one in recipes())
    return f"{before}{opening}{head}\n{sections}\n{closing}{after}"


def _client(one: Recipe) -> str:
    """The section of one client: its heading, what to set, whose word it is."""
    command = f"`warmprefix connect {one.name}{' --write' if one.file else ''}`"
    home = Path("/home")
    file = f"~/{one.file.path({}, home, 'linux').relative_to(home)}" if one.file else ""
    texts = [f"### {one.label}", f"{command}; {tried_or_why(one)}; <{one.source}>"]
    for block in blocks(one, Given("http://127.0.0.1:8484"), f"`{file}`"):
        text = "\n".join(block.lines)
        texts.append(f"```\n{text}\n```" if block.is_code else text)
    return "\n" + "\n\n".join(texts) + "\n"


if __name__ == "__main__":
    CLIENTS.write_text(clients_page(), "utf-8")
    PAGE.write_text(rules_page(), "utf-8")
