"""A page's text in plain Markdown: nothing of MyST is left, and it is read back as it was."""

import jupytext
import pytest

from book import execute, pairs, plain

SOURCES = pytest.mark.parametrize("source", pairs.sources(), ids=execute.name)
MYST = (":::", "```{", "{cite}", "{eq}", "{prf:ref}", "{set}", "$$ (", "\n:label:")


def texts(source) -> list[str]:
    return [c.source for c in jupytext.read(source).cells if c.cell_type == "markdown"]


@SOURCES
def test_no_directive_and_no_role_is_left(source):
    for text in plain.plain(texts(source), execute.name(source)):
        assert not [mark for mark in MYST if mark in text]


@SOURCES
def test_it_is_read_back(source):
    before = texts(source)
    after = plain.plain(before, execute.name(source))
    assert list(map(plain.myst, after)) == before
    assert not any(map(plain.broken, before))
    linked = [plain.linked(text, execute.name(source)) for text in before]
    assert list(map(plain.myst, linked)) == before


THEOREM = "```{prf:theorem} A name\n:label: x-bound\n\nFor each $x$:\n\n$$\na\n$$ (x-eq)\n```"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "As {cite}`liu2024kan` say",
            "As [[Liu et al., 2024](https://arxiv.org/abs/2404.19756 "
            '"KAN: Kolmogorov-Arnold Networks")] say',
        ),
        (
            "{cite}`cole1951,hopf1950`",
            "[Cole, 1951<!-- cite cole1951 -->; Hopf, 1950<!-- cite hopf1950 -->]",
        ),
        (
            "see [](../pinns.md), [here](bases.md)",
            'see [Physics-informed networks](../pinns.ipynb "Physics-informed networks"), '
            "[here](bases.ipynb)",
        ),
        (
            "by {prf:ref}`pinns-bound` and {prf:ref}`nowhere`",
            "by [Theorem (Residual and error)](../pinns.ipynb#pinns-bound) and {prf:ref}`nowhere`",
        ),
        ("{set}`two\nwords <f?a=1&b=x%20y>`", "two\nwords<!-- set 2 f?a=1&b=x%20y -->"),
        (
            THEOREM + "\n\nBy {eq}`x-eq` in {prf:ref}`x-bound`",
            '<!-- prf:theorem :label: x-bound -->\n<blockquote id="x-bound">\n\n'
            "**Theorem (A name).**\n\n\nFor each $x$:\n\n"
            '<a id="x-eq"></a>\n\n$$\na\n\\tag{1}\n$$\n\n</blockquote>\n<!-- end -->\n\n'
            "By [(1)](#x-eq) in [Theorem (A name)](#x-bound)",
        ),
        (
            "```{exercise} Why?\n:label: a-ex-1\nWhich?\n```\n\n:::{dropdown} Hint\nThis.\n:::",
            "<!-- exercise :label: a-ex-1 -->\n### Exercise: Why?\n\nWhich?\n<!-- end -->\n\n"
            "<details><summary>Hint</summary>\n\nThis.\n\n</details>",
        ),
    ],
)
def test_a_form(text, shown):
    assert plain.plain([text], "kan/symbols") == [shown]
    assert plain.myst(shown) == text


def test_what_is_edited_in_it_is_kept():
    (shown,) = plain.plain([THEOREM + "\n\nBy {eq}`x-eq`, [](kan.md)"], "pinns")
    for old, new in (
        ("A name", "A new name"),
        ("For each $x$", "For all $x$"),
        ("a\n\\tag{1}", "a^2\n\\tag{1}"),
        ("By [(1)]", "In [(7)]"),
        ("[Kolmogorov-Arnold networks]", "[the page]"),
    ):
        assert old in shown
        shown = shown.replace(old, new, 1)
    assert plain.myst(shown) == (
        "```{prf:theorem} A new name\n:label: x-bound\n\nFor all $x$:\n\n$$\na^2\n$$ (x-eq)\n```"
        "\n\nIn {eq}`x-eq`, [the page](kan.md)"
    )


@pytest.mark.parametrize("lost", ["<!-- end -->", "<blockquote", "\\tag{1}\n"])
def test_a_form_that_an_edit_broke_is_named(lost):
    (shown,) = plain.plain([THEOREM], "pinns")
    assert plain.broken(plain.myst(shown.replace(lost, "", 1)))
