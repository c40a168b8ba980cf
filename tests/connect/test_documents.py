"""Settings files in each format: what a client needs is put in, comments and everything else stay."""

from typing import Any

import pytest

from warmprefix.connect.documents import NotReadable, changed

CHANGES = [
    pytest.param("json", '{"a": 1} // c', {"b": 2}, '{"a": 1, "b": 2} // c', id="json"),
    pytest.param(
        "toml",
        'model = "x" # mine\n\n[other]\na = 1\n',
        {"model": "y", "provider": "w", "providers": {"w": {"url": "u"}}},
        'model = "y" # mine\nprovider = "w"\n\n[other]\na = 1\n\n[providers.w]\nurl = "u"\n',
        id="toml",
    ),
    pytest.param("toml", "", {"a": {"b": 1}}, "[a]\nb = 1\n", id="toml-new"),
    pytest.param(
        "yaml",
        "# mine\nmodels:\n  - name: \"other\"   # c\n    roles: [chat]\ntail: 'text'\n",
        {"models": [{"name": "w"}], "more": 1},
        "# mine\nmodels:\n  - name: \"other\"   # c\n    roles: [chat]\n  - name: w\ntail: 'text'\nmore: 1\n",
        id="yaml",
    ),
    pytest.param("yaml", "a:\n    b: 1\n", {"a": {"c": 2}}, "a:\n    b: 1\n    c: 2\n", id="yaml-indent"),
    pytest.param("yaml", "- id: x\n", [{"id": "y"}], "- id: x\n- id: y\n", id="yaml-list"),
    pytest.param("yaml", "# mine\n", {"a": 1}, "# mine\na: 1\n", id="yaml-only-comments"),
    pytest.param("yaml", "", [{"id": "y"}], "- id: y\n", id="yaml-new"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text", "content", "after"), CHANGES)
def test_the_rest_of_the_file_stays(form: str, text: str, content: Any, after: str) -> None:
    assert changed(text, form, content) == after


@pytest.mark.parametrize(("form", "text", "content", "after"), CHANGES)
def test_what_is_in_it_already_changes_nothing(
    form: str, text: str, content: Any, after: str
) -> None:
    assert changed(after, form, content) == after


WRONG = [
    pytest.param("json", "{a: 1}", "line 1", id="json"),
    pytest.param("json", "[]", "holds no table", id="json-list"),
    pytest.param("toml", "a = ", "Invalid value", id="toml"),
    pytest.param("yaml", "a: [", "line 1", id="yaml"),
    pytest.param("yaml", "a: 1\na: 2\n", "line 2", id="yaml-twice"),
    pytest.param("yaml", "- 1\n", "holds no table", id="yaml-list"),
    pytest.param("yaml", "a: \x01\n", "unacceptable character", id="yaml-control"),
]


@pytest.mark.parametrize(("form", "text", "why"), WRONG)
def test_what_cannot_be_read_is_told(form: str, text: str, why: str) -> None:
    with pytest.raises(NotReadable, match=why) as error:
        changed(text, form, {"b": 1})

    assert "\n" not in str(error.value)


def test_what_cannot_be_changed_without_loss_is_left_alone() -> None:
    """An anchor that several places share would change in all of them."""
    shared = "base: &base {url: old}\nmine: *base\n"
    with pytest.raises(NotReadable, match="without changing more"):
        changed(shared, "yaml", {"mine": {"url": "new"}})
