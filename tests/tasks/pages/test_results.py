"""What is shown of a result, and its rows. No server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmlight_client import kinds
from firmlight_client.kinds import combine_all
from tasks.pages import results
from tasks.pages.results import Ask, Incomplete, anything, sheet, tree
from tasks.pages.results.crawl import Crawl

HOST = "https://docs.example.org"


def shown(kind: str, result: Any, **ask: Any) -> results.Shown:
    return results.shown(kind, json.dumps(result).encode(), Ask(**ask))


def rows(kind: str, result: Any) -> list[list[Any]]:
    return list(results.table(kind, json.dumps(result).encode()))


def computed(kind: str, **params: Any) -> Any:
    """As the kind itself makes it."""
    one = kinds.get(kind)
    loaded = one.load(params)
    return one.finish(combine_all(one, [one.run(payload) for payload in one.split(loaded)]), loaded)


# Factors


def test_factors_are_a_formula_that_can_be_read_out():
    it = shown("FACTORIZATION", computed("FACTORIZATION", number="720720")).it
    assert (
        it.says
        == "720720 equals 2 to the power 4 times 3 to the power 2 times 5 times 7 times 11 times 13"
    )
    assert (it.distinct, it.in_all, it.divisors, it.largest_length) == (6, 10, 240, 2)
    assert it.proved
    assert not it.is_prime


@pytest.mark.parametrize(
    ("digits", "groups"), [("7", ["7"]), ("1000", ["1", "000"]), ("123456", ["123", "456"])]
)
def test_digits_come_in_threes(digits, groups):
    it = shown(
        "FACTORIZATION", {"number": digits, "factors": [[digits, 1]], "divisors": 2, "proved": True}
    ).it
    assert it.number.groups == groups
    assert it.is_prime


def test_factors_as_rows():
    assert rows("FACTORIZATION", computed("FACTORIZATION", number="12")) == [
        ["prime", "exponent"],
        ["2", 2],
        ["3", 1],
    ]


# Numbers


def test_statistics_keep_all_their_digits():
    it = shown("MEAN", computed("MEAN", numbers=[1.0, 2.0, 4.0])).it
    assert dict(it.pairs) == {
        "Count": "3", "Mean": "2.3333333333333335", "Variance": "1.5555555555555556",
        "Standard deviation": "1.247219128924647", "Smallest": "1", "Largest": "4",
    }  # fmt: skip
    assert sum(column.height > 0 for column in it.chart.columns) == 3


def test_few_numbers_have_few_bins_and_many_have_more():
    few = shown("MEAN", computed("MEAN", numbers=[float(n) for n in range(30)])).it.chart
    many = shown("MEAN", computed("MEAN", numbers=[float(n % 61) for n in range(50_000)])).it.chart
    assert len(few.columns) <= 8
    assert len(many.columns) == 61


def test_equal_numbers_and_one_number_have_no_chart_but_a_sentence():
    it = shown("MEAN", computed("MEAN", numbers=[3.5] * 4)).it
    assert (it.chart, it.all_equal) == (None, "All 4 numbers are 3.5.")
    assert shown("MEAN", computed("MEAN", numbers=[3.5])).it.all_equal == ""


def test_what_is_too_large_for_binary64_is_said():
    it = shown("MEAN", computed("MEAN", numbers=[1.7e308, -1.7e308, 5e-324])).it
    assert dict(it.pairs)["Variance"] == dict(it.pairs)["Standard deviation"] == "beyond binary64"
    assert it.chart.columns


def test_a_result_from_before_histograms_is_shown_without():
    result = computed("MEAN", numbers=[1.0, 2.0])
    del result["histogram"]
    assert shown("MEAN", result).it.chart is None


def test_statistics_as_rows_end_with_the_bins():
    result = computed("MEAN", numbers=[1.0, 1.0, 3.0]) | {
        "incomplete": {"failed": 2, "of": 4, "subtasks": [1, 3]}
    }
    found = rows("MEAN", result)
    assert found[:3] == [
        ["name", "value", "from", "to"],
        ["count", 3, None, None],
        ["mean", 5 / 3, None, None],
    ]
    assert ["subtasks missing", 2, None, None] in found
    bins = [row for row in found if row[0] == "bin"]
    assert sum(row[1] for row in bins) == 3
    assert bins[0][2] == 1.0


# Crawls


def page(path: str, title: str = "Title", status: int = 200, links: int = 0) -> dict[str, Any]:
    url = path if "://" in path or ":" in path[:12] else HOST + path
    return {
        "url": url,
        "status": status,
        "title": title,
        "links": [f"{HOST}/{n}" for n in range(links)],
    }


def crawl(
    *pages: dict[str, Any], errors: list[tuple[str, str]] | None = None, sites: int = 1
) -> dict[str, Any]:
    found = [{"url": HOST + path, "reason": reason} for path, reason in errors or []]
    return {"sites": [{"url": f"{HOST}/", "pages": list(pages), "errors": found}] * sites}


def outline(some: list[Any] | None) -> Any:
    """Labels of leaves, (label, what is inside) of folders."""
    if some is None:
        return None
    return [
        (row.label, outline(row.rows)) if isinstance(row, tree.Folder) else row.label
        for row in some
    ]


def seen(result: Any, **ask: Any) -> Crawl:
    return shown("CRAWLER", result, **ask).it


def test_pages_lie_in_folders_that_are_closed():
    it = seen(
        crawl(
            page("/", links=3),
            page("/guide/"),
            page("/guide/a?x=1"),
            page("/about"),
            page("/one/only"),
        )
    )
    (site,) = it.sites
    assert outline(site.rows) == ["/", "/about", ("/guide/", None), "/one/only"]
    assert (site.name, site.rows[0].links, site.rows[2].pages) == ("docs.example.org", 3, 2)


def test_a_folder_is_opened_by_its_name():
    raw = json.dumps(
        crawl(page("/guide/"), page("/guide/a?x=1"), page("/guide/b/c"), page("/guide/b/d"))
    ).encode()
    part = results.crawl_part("CRAWLER", raw, Ask(site=0, folder="/guide/"))
    assert part is not None
    assert outline(part.rows) == ["/guide/", "/guide/a?x=1", ("/guide/b/", None)]
    assert results.crawl_part("CRAWLER", raw, Ask(site=1)) is None
    assert results.crawl_part("ECHO", raw, Ask(site=0)) is None
    empty = results.crawl_part("CRAWLER", raw, Ask(site=0, folder="/no/"))
    assert empty is not None
    assert empty.rows == []


def test_folders_that_hold_one_folder_are_one():
    it = seen(crawl(page("/a/b/c/1"), page("/a/b/c/2"), page("/z")))
    assert outline(it.sites[0].rows) == [("/a/b/c/", None), "/z"]


def test_pages_of_other_hosts_have_folders_of_their_own():
    it = seen(
        crawl(
            page("/x"),
            page("https://other.example/1"),
            page("https://other.example/2"),
            page("http://a.b/"),
        )
    )
    assert outline(it.sites[0].rows) == ["/x", "a.b/", ("other.example/", None)]


def test_a_search_opens_what_fits_and_marks_it():
    pages = [
        page("/"),
        page("/guide/install"),
        page("/guide/use"),
        page("/deep/er/x", "How to INSTALL"),
        page("/deep/y"),
    ]
    it = seen(crawl(*pages, errors=[("/guide/old-install", "HTTP 404 Not Found")]), q="install")
    (site,) = it.sites
    assert outline(site.rows) == [
        "/deep/er/x",
        ("/guide/", ["/guide/install", "/guide/old-install"]),
    ]
    assert (it.found, it.pages, it.found_problems) == (2, 5, 1)
    assert site.rows[0].text_pieces == [("How to ", False), ("INSTALL", True)]
    error = site.rows[1].rows[1]
    assert (error.tag, error.text, error.is_problem) == ("404", "Not Found", True)


def test_problems_only():
    it = seen(
        crawl(page("/"), errors=[("/a", "timed out"), ("/b", "robots.txt forbids it")], sites=2),
        problems=True,
    )
    assert outline(it.sites[1].rows) == ["/a", "/b"]
    assert [row.tag for row in it.sites[0].rows] == ["failed", "robots"]
    assert (it.found, it.found_problems) == (0, 4)


def test_sites_without_a_match_are_not_shown():
    assert seen(crawl(page("/")), q="no such thing").sites == []


def test_of_thousands_of_pages_only_what_is_seen_is_made():
    pages = [page(f"/flat-{n:04}", links=20) for n in range(2000)]
    it = seen(crawl(*pages))
    assert (len(it.sites[0].rows), it.sites[0].more) == (100, 1900)
    raw = json.dumps(crawl(*pages)).encode()
    part = results.crawl_part("CRAWLER", raw, Ask(site=0, start=1950))
    assert part is not None
    assert ([row.label for row in part.rows][:1], len(part.rows), part.more) == (
        ["/flat-1950"],
        50,
        0,
    )
    deep = [page(f"/{n // 100}/{n // 10}/{n}") for n in range(2000)]
    found = seen(crawl(*deep, sites=20), q="docs")
    assert sum(tree.size(site.rows or []) for site in found.sites) <= 400
    assert len(found.sites) == 20


def test_several_large_sites_come_closed():
    it = seen(crawl(*[page(f"/{n}") for n in range(40)], sites=3))
    assert [site.rows for site in it.sites] == [None] * 3
    assert it.pages == 120


HOSTILE = (
    "javascript:alert(1)", "data:text/html,<script>", "https://h/\x00", "https://h/ x", "//h/x", "",
    "https://h/\nx", "JAVASCRIPT://h/%0aalert(1)", "ftp://h/",
)  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_what_is_no_address_of_a_page_is_no_link(url):
    result = crawl(page("/"))
    result["sites"][0]["pages"][0]["url"] = url
    (row,) = seen(result).sites[0].rows
    assert row.href == ""


def test_paths_that_look_like_hosts_and_endless_paths_do_no_harm():
    odd = [f"{HOST}//evil.example/{n}" for n in range(3)] + [
        f"https://evil.example/{n}" for n in range(3)
    ]
    endless = [f"{HOST}{'/x' * 400}/{n}" for n in range(3)]
    result = crawl(*[page(url) for url in odd + endless])
    rows_shown = seen(result).sites[0].rows
    assert [label for label, _ in outline(rows_shown)] == [
        "//evil.example/",
        "/x" * 12 + "/",
        "evil.example/",
    ]
    for folder in rows_shown:
        part = results.crawl_part(
            "CRAWLER", json.dumps(result).encode(), Ask(site=0, folder=folder.name)
        )
        assert part is not None
        assert len(part.rows) == 3


def test_crawls_as_rows():
    found = rows("CRAWLER", crawl(page("/", "Start", links=2), errors=[("/x", "HTTP 500")]))
    assert found == [
        ["site", "url", "status", "title", "links", "error"],
        [f"{HOST}/", f"{HOST}/", 200, "Start", 2, None],
        [f"{HOST}/", f"{HOST}/x", None, None, None, "HTTP 500"],
    ]


# Anything


def test_a_plug_in_s_result_is_pairs_and_values():
    it = shown("ECHO", computed("ECHO", count=300, collect=True)).it
    assert it.pairs == [("count", "300"), ("sum", "44850")]
    assert (it.sections[0].name, len(it.sections[0].values), it.sections[0].more) == (
        "values",
        100,
        200,
    )


def test_flat_objects_are_a_table():
    it = shown("OTHER", [{"a": 1, "b": None}, {"a": 2.0, "c": True}]).it
    assert it.sections[0].columns == ["a", "b", "c"]
    assert it.sections[0].rows == [["1", "–", ""], ["2", "", "yes"]]
    assert rows("OTHER", [{"a": 1, "b": None}, {"c": "x"}]) == [
        ["a", "b", "c"],
        [1, None, None],
        [None, None, "x"],
    ]


@pytest.mark.parametrize(
    "result", ["text", 5, None, True, [], {}, [[1, [2]]], {"a": {"b": [1]}}, [{"a": [1]}, 5]]
)
def test_whatever_a_kind_gives_is_shown(result):
    it = shown("OTHER", result).it
    assert isinstance(it, anything.Anything)
    assert rows("OTHER", result)[0] == ["path", "value"]


def test_long_things_are_cut():
    it = shown("OTHER", {"text": "x" * 1000, "deep": [{"a": ["y" * 100]}] * 1000}).it
    assert len(it.pairs[0][1]) == 301
    assert len(it.sections[0].text) <= anything.TEXT_CHARS_MAX + 2


def test_what_nests_deeply_or_is_no_json_is_text():
    for raw in (b"[" * 3000 + b"]" * 3000, b"[" * 480 + b"]" * 480, b"\xff{", b"1" * 6000):
        assert results.shown("OTHER", raw).it
        assert next(results.table("OTHER", raw)) == ["path", "value"]


def test_nested_things_become_paths():
    assert rows("OTHER", {"a": {"b": [1, {"c": "x"}], "d": []}}) == [
        ["path", "value"], ["a.b.0", 1], ["a.b.1.c", "x"], ["a.d", "[]"],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["MEAN", "FACTORIZATION", "CRAWLER"])
@pytest.mark.parametrize(
    "result", [{"count": "x"}, {"number": "1<b>", "factors": []}, {"sites": 3}, 7]
)
def test_a_result_of_another_shape_is_shown_as_what_it_is(kind, result):
    assert isinstance(shown(kind, result).it, anything.Anything)
    assert rows(kind, result)[0] == ["path", "value"]


# All of them


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ({"failed": 2, "of": 16, "subtasks": [3, 7]}, ("2 of 16 ", "missing: 3 and 7.")),
        ({"failed": 1, "of": 2, "subtasks": [0]}, ("1 of 2 ", "missing: 0.")),
        ({"failed": 3, "of": 5, "subtasks": []}, ("3 of 5 ", "missing.")),
    ],
)
@pytest.mark.parametrize("result", [{"count": 1, "sum": 2}, {"result": [1, 2]}, {"sites": []}])
def test_what_is_not_whole_says_so(result, mark, says):
    for kind in ("ECHO", "CRAWLER"):
        found = shown(kind, result | {"incomplete": mark})
        assert found.incomplete.says.startswith(f"{says[0]}subtasks failed permanently")
        assert found.incomplete.says.endswith(says[1])
    assert "incomplete" not in str(shown("ECHO", result | {"incomplete": mark}).it)


def test_many_missing_subtasks_are_counted_not_named():
    says = Incomplete(1000, 2000, list(range(1000))).says
    assert says.endswith("18, 19 and 980 more.")


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(hours=71, minutes=34, seconds=59), "71 h 34 min"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(hours=-1), "less than a minute"),
    ],
)
def test_how_long_it_is_kept(left, words):
    now = datetime(2025, 11, 25, tzinfo=UTC)
    assert results.kept_for(now + left, now) == words


def test_only_what_can_be_asked_is_read_from_the_address():
    assert results.asked({"site": "2", "start": "100", "q": " x ", "problems": "1"}) == Ask(
        "x", True, 2, "", 100
    )
    assert results.asked({"site": "-1", "start": "²", "q": "y" * 500}) == Ask("y" * 100)
    assert results.asked({"site": "9" * 5000}) == Ask()


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_no_cell_is_a_formula(start):
    assert sheet.cell(start) == f"'{start}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(-5, b"-5"), (-0.5, b"-0.5"), (None, b""), (True, b"true"), ("a,b", b'"a,b"')],
)
def test_numbers_stay_numbers(value, text):
    assert b"".join(sheet.pieces([["x", value]])) == b"x," + text + b"\r\n"


def test_a_long_file_is_made_piece_by_piece():
    made = 0

    def endless():
        nonlocal made
        while True:
            made += 1
            yield [made, "ü" * 20]

    first = next(sheet.pieces(endless()))
    assert made < 3000
    assert first.startswith("1,ü".encode())


def test_a_lone_surrogate_does_not_stop_the_file():
    assert b"?" in b"".join(sheet.pieces([["\ud800"]]))
