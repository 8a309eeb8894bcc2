"""The pages around the chapters: their data, and what the built ones say."""

import re
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document

from book import execute
from helpers.atlas import paper, papers
from helpers.claims import verdict
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import bibliography
import filters
import glossary
import landing
import openings
from executed import Run

TERMS = glossary.read()["terms"]
DOCNAMES = [p.relative_to(ROOT).with_suffix("").as_posix() for p in execute.notebooks()]
FAMILIES = [docname.split("/")[1] for docname in openings.chapters()]
PAGE = """# Where the *points* go: a `test`

First sentence of the lead {cite}`x`, with [a link](a.md). Second one.

```{admonition} Before you read
:class: chapter-box
**You need:** [](../pinns.md) and patience. The [NTK](../ntk.md) helps, but is not needed.
```
"""


def read(site, name: str) -> str:
    return (site / "book" / f"{name}.html").read_text(encoding="utf-8")


class TestGlossary:
    def test_it_has_terms_of_every_family(self):
        assert len(TERMS) >= 60
        families = Counter(row["at"].split("#")[0].split("/")[0] for row in TERMS)
        assert {name for name, times in families.items() if times >= 5} == set(FAMILIES)

    def test_no_name_belongs_to_two_terms(self):
        names = Counter(name.lower() for row in TERMS for name in glossary.names(row))
        assert [name for name, times in names.items() if times > 1] == []

    @pytest.mark.parametrize("row", TERMS, ids=lambda row: row["term"])
    def test_a_definition_is_one_or_two_sentences(self, row):
        assert row["says"].endswith(".") and len(row["says"]) <= 260
        assert 1 <= len(re.findall(r"[.?](?:\s|$)", row["says"])) <= 2

    @pytest.mark.parametrize("row", TERMS, ids=lambda row: row["term"])
    def test_its_pages_exist(self, row):
        assert {docname for docname, _ in glossary.places(row)} <= set(DOCNAMES)

    @pytest.mark.parametrize(
        ("name", "others"),
        [
            ("quantisation", ["quantization"]),
            ("labeled neighbor", ["labelled neighbour"]),
            ("precise noise", []),
        ],
    )
    def test_names_are_spelled_both_ways(self, name, others):
        assert glossary.spelled(name) == [name, *others]

    def test_a_title_is_found_under_other_names(self):
        words = glossary.related("KAN: Kolmogorov-Arnold Networks, Quantized")
        assert "KAN" in words and "quantised" in words
        assert "neural tangent kernel" not in words
        assert "neural tangent kernel" in glossary.related("A theory of the NTK")

    def entries(self, monkeypatch, places) -> tuple[nodes.document, list[str]]:
        """A page with a section "here" after the transform, and what was warned of."""
        document, warned = new_document("page"), []
        document += nodes.section("", nodes.title("", "Here"), ids=["here"])
        document.settings.env = SimpleNamespace(docname="chapters/kan", app=None)
        monkeypatch.setattr(glossary, "entries", lambda: {"chapters/kan": places})
        warn = SimpleNamespace(warning=lambda text, location: warned.append(f"{location}: {text}"))
        monkeypatch.setattr(glossary, "logger", warn)
        glossary.IndexEntries(document).apply()
        return document, warned

    def test_entries_stand_in_the_section(self, monkeypatch):
        document, warned = self.entries(monkeypatch, [("spline", "here", "main")])
        assert document[0][1]["entries"] == [("single", "spline", "here", "main", None)]
        assert warned == []

    def test_an_address_that_does_not_exist_is_named(self, monkeypatch):
        _, warned = self.entries(monkeypatch, [("spline", "gone", "main")])
        assert warned == ["book/glossary.yml: chapters/kan has no section gone"]

    def test_the_page_links_each_term_to_its_section(self, site):
        text = read(site, "glossary")
        assert text.count("<dt>") == len(TERMS)
        for row in TERMS:
            docname, anchor = glossary.places(row)[0]
            assert re.search(rf'href="../{docname}.html#{anchor}">[^<]+ \([^<]+\)</a>', text), (
                anchor
            )


class TestOpenings:
    def test_a_page_is_read(self):
        page = openings.opening("chapters/pinns/points", PAGE)
        assert (page.title, page.short) == ("Where the points go: a test", "Where the points go")
        assert page.sentence == "First sentence of the lead , with a link."
        assert (page.needs, page.helps) == (["chapters/pinns"], ["chapters/ntk"])

    def test_a_page_that_names_none_needs_its_parent(self):
        text = PAGE[: PAGE.index("```")]
        assert openings.opening("chapters/kan/bases", text).needs == ["chapters/kan"]
        assert openings.opening("chapters/kan", text).needs == []

    @pytest.mark.parametrize("docname", DOCNAMES)
    def test_a_page_opens_with_a_plain_sentence(self, docname):
        page = openings.openings()[docname]
        assert 40 <= len(page.lead) <= 300 and not re.search(r"[\\${`]", page.lead)
        assert {*page.needs, *page.helps} <= set(DOCNAMES) - {docname}

    @pytest.mark.parametrize("docname", DOCNAMES)
    def test_next_says_what_comes(self, site, docname):
        text = (site / f"{docname}.html").read_text(encoding="utf-8")
        following = dict(zip(DOCNAMES, DOCNAMES[1:])).get(docname)
        why = re.search(r'<span class="next-why">([^<]*)', text)
        wanted = openings.openings()[following].sentence if following else None
        assert (why and why[1]) == wanted

    def test_the_map_has_each_page_and_each_need(self, site):
        text = read(site, "map")
        pages = openings.openings().values()
        assert text.count("<circle") == len(DOCNAMES)
        assert text.count('class="book-map-need"') == sum(len(page.needs) for page in pages)
        assert text.count('class="book-map-help"') == sum(len(page.helps) for page in pages)


class TestLanding:
    def test_a_card_for_each_chapter(self, site):
        text = read(site, "index")
        cards = re.findall(r'<a class="card-link" href="\.\./([^"]+)\.html">', text)
        assert cards == list(openings.chapters())
        for docname in cards:
            assert openings.openings()[docname].lead.split("'")[0] in text

    def test_a_thumbnail_owns_its_ids(self):
        frame = '<svg width="9"><path id="{0}p"/><use href="#{0}p" clip-path="url(#{0}c)"/></svg>'
        figure = f'<div class="explore-frame" role="img">{frame.format("")}</div>'
        found = landing.thumbnail(Run("chapters/kan", html={"first": figure, "second": ""}))
        crop = ' preserveAspectRatio="xMinYMid slice"'
        assert found == frame.format("card-chapters-kan-").replace(" width", f"{crop} width", 1)
        assert landing.thumbnail(Run("chapters/kan")) == ""

    def test_the_score_is_that_of_the_runs(self, site, runs):
        states = Counter(verdict(record) for run in runs.values() for record in run.claims)
        text = read(site, "index")
        for state, words in [("holds", "hold,"), ("not reproduced", "did not reproduce")]:
            said = re.search(rf"<b>(\d+) claims?</b> {words}", text)
            assert int(said[1] if said else 0) == states[state]


STATES = ["implemented", "no control yet", "not reproduced", "fails", "planned"]


class TestAtlas:
    def test_it_shows_what_was_looked_up_and_nothing_else(self, site):
        text = read(site, "atlas")
        for row in papers().values():
            shown = f"arxiv.org/abs/{row.get('arxiv')}" in text
            assert shown == bool(row.get("verified")), row["key"]

    def test_implemented_papers_come_first_in_their_family(self, site):
        text = read(site, "atlas")
        for block in re.findall(
            r'<section class="filter-group family".*?</section>', text, re.DOTALL
        ):
            states = re.findall(r'data-state="([^"]+)"', block)
            assert states == sorted(states, key=STATES.index)
            done, every = re.search(r"(\d+) of (\d+) implemented", block).groups()
            assert int(done) == states.count("implemented")
            assert int(every) == len(states)

    def test_a_paper_stands_once_under_its_families(self, site):
        found = re.findall(r'data-chapter="([^"]+)"[^>]* id="paper-([^"]+)"', read(site, "atlas"))
        assert sorted(key for _, key in found) == sorted(papers())
        for families, key in found:
            row = paper(key)
            assert families.split("|") == [row["chapter"], *row.get("also", [])]


class TestLedger:
    def test_each_claim_has_its_evidence(self, site, runs):
        records = [record for run in runs.values() for record in run.claims]
        claims = re.findall(
            r'<article class="filter-item.*?</article>', read(site, "ledger"), re.DOTALL
        )
        assert len(claims) == len(records)
        assert sum(c.count("<dt>Control</dt>") for c in claims) == sum(
            len(record["controls"]) for record in records
        )
        assert sum("<dt>Why</dt>" in c for c in claims) == sum(not r["reproduces"] for r in records)

    def test_the_summary_adds_up(self, site, runs):
        states = Counter(verdict(record) for run in runs.values() for record in run.claims)
        table = re.search(
            r'<table class="ledger-summary">.*?</table>', read(site, "ledger"), re.DOTALL
        )
        rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', table[0] if table else "")
        numbers = [list(map(int, re.findall(r">(\d+)<", row))) for row in rows]
        assert [sum(column) for column in zip(*numbers[:-1])] == (numbers[-1:] or [[]])[0]
        assert sum((numbers[-1:] or [[]])[0]) == sum(states.values())


class TestBibliography:
    def entry(self, *people: str) -> SimpleNamespace:
        persons = [
            SimpleNamespace(prelast_names=name.split()[:-1], last_names=name.split()[-1:])
            for name in people
        ]
        return SimpleNamespace(persons={"author": persons}, fields={"year": "2020"})

    @pytest.mark.parametrize(
        ("people", "label"),
        [
            (["E"], "E, 2020"),
            (["E", "Yu"], "E and Yu, 2020"),
            (["von Oswald", "Henning", "Sacramento"], "von Oswald et al., 2020"),
        ],
    )
    def test_a_label_is_a_citation(self, people, label):
        assert bibliography.author_year(self.entry(*people)) == label

    def test_two_alike_get_a_letter(self):
        entries = [self.entry("Yu"), self.entry("Li"), self.entry("Yu")]
        labels = list(bibliography.AuthorYear().format_labels(entries))
        assert labels == ["Yu, 2020a", "Li, 2020", "Yu, 2020b"]

    def test_each_entry_has_the_way_back(self, site):
        text = read(site, "bibliography")
        entries = re.findall(r'<div class="citation".*?</div>', text, re.DOTALL)
        assert len(entries) > 50
        assert [
            e for e in entries if not re.search(r"Cited in <a href=\"[^\"]+#[^\"]+\">", e)
        ] == []
        labels = re.findall(r"</span>([^<]+)<span class=\"fn-bracket\">\]", text)
        assert [label for label in labels if not re.search(r", \d{4}[a-z]?$", label)] == []


def test_a_filter_has_a_menu_for_each_choice():
    form = filters.Filter("papers", "papers", [("state", "State", {"planned": "planned"})])
    assert form.markup().count("<select") == 1 and "filter-folds" not in form.markup()
    assert filters.item("a", words='"x"', state="planned") == (
        'class="filter-item a" data-state="planned" data-words="&quot;x&quot;"'
    )
