"""What git says of a working tree, in lines whose number changes with it."""

import re
from collections.abc import Sequence

_BRANCH = re.compile(
    r"\W{0,4}(?:(?:current|git|active)[ _])?(?:branch|HEAD)[\"'`*]{0,3}\s?[:=]\s?[\"'`*]{0,3}"
    r"[\w./@+-]{1,200}[\"'`*]{0,3},?"
    r"(?:\s?[(\[][^()\[\]]{0,100}[)\]])?"
    r"|git[\"'`*]{0,3}\s?[:=]\s?[\w./@+-]{1,200}\*?\s[(\[][^()\[\]]{0,100}[)\]]"
    r"|\W{0,4}(?:(?:last|latest|head|current)[ _]commit|HEAD)[\"'`*]{0,3}\s?[:=]\s?"
    r"(?=[a-f]{0,40}\d)[0-9a-f]{7,40}(?:\s.{1,250})?"
    r"|\W{0,4}(?:git[ _]?status|working[ _](?:tree|copy|directory))[\"'`*]{0,3}\s?[:=]\s?"
    r"(?:clean|dirty|modified|\d{1,6} (?:files? )?(?:changed|modified|untracked|uncommitted).{0,100})"
    r"|\s?\d{1,6} files? changed(?:, \d{1,9} (?:insertions?|deletions?)\([+-]\)){0,2}"
    r"|On branch [\w./@+-]{1,200}|HEAD detached at [\w./-]{1,100}",
    re.IGNORECASE,
)
_LINE = re.compile(
    r"\s{0,4}(?:[MTADRCU]{1,2}|[MTADRC] |\?\?|!!) [^\s:?!]{1,250}(?: -> \S{1,250})?"
    r"|\s{0,4}(?:[*-] )?(?=[a-f]{0,40}\d)[0-9a-f]{7,40} \S.{0,250}"
    r"|\s{0,8}(?:modified|new file|deleted|renamed|typechange|both modified|copied):\s{1,20}\S.{0,250}"
    r"|\s{0,8}\(use \"git .{0,100}\)|\(clean\)|clean|no changes|Your branch (?:is|and) .{0,200}"
    r"|nothing (?:to commit|added to commit).{0,100}|no changes added to commit.{0,100}"
    r"|(?:Untracked files|Changes to be committed|Changes not staged for commit|Unmerged paths):"
    r"|\t[^\s:?!]{1,250}"
)
_HEAD = re.compile(
    r"\b(?:git ?status|status|git|branch|commits?|changes|working (?:tree|copy|directory)|worktree|"
    r"untracked)\b",
    re.IGNORECASE,
)
_MAX_HEAD = 400  # characters of a line that may head such a block
_MAX_ABOVE = 64  # lines


def are_status_lines(lines: Sequence[str], above: Sequence[str]) -> bool:
    """Whether these lines say nothing but the state of a working tree. `above`: what stands over them."""
    needs_head = False
    for line in lines:
        if line.strip() and not _BRANCH.fullmatch(line):
            needs_head = True
            if not _LINE.fullmatch(line.rstrip()):
                return False
    return not needs_head or _has_head(above)


def _has_head(above: Sequence[str]) -> bool:
    for line in reversed(above[-_MAX_ABOVE:]):
        is_branch = _BRANCH.fullmatch(line) is not None
        if is_branch or (_HEAD.search(line[:_MAX_HEAD]) and len(line) <= _MAX_HEAD):
            return True
        if line.strip() and not _LINE.fullmatch(line.rstrip()):
            return False
    return False
