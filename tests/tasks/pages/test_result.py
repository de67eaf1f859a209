"""Results on pages and as files: what is seen by whom, and that nothing of it becomes markup."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import User
from groups.models import Group
from tasks import blobs
from tasks.models import Task
from tasks.verification import Verification
from tests.firmlight.pages.test_every_page import nothing_inline
from tests.support.pages import attributes, read, words

Browser = Callable[..., Client]
Finished = Callable[..., Task]
HOST = "https://docs.example.org"
MEAN = {"count": 3, "mean": 2.0, "variance": 1.0, "min": 1.0, "max": 3.0}
HISTOGRAM = {"first": 1.0, "width": 0.5, "counts": [1, 0, 1, 0, 1]}
FACTORS = {
    "number": "720720",
    "factors": [["2", 4], ["3", 2], ["5", 1], ["1001", 1]],
    "divisors": 240,
    "proved": True,
}


@pytest.fixture
def finished(group: Group, bob: User) -> Finished:
    """finished("MEAN", {…}): Bob's task, an hour ago it came to this result."""

    def make(kind: str, result: Any, title: str = "A task", **facts: Any) -> Task:
        ended = timezone.now() - timedelta(hours=1)
        facts = {"status": "succeeded", "finished": ended, "subtasks": 1, "done": 1, **facts}
        task = Task.objects.create(
            group=group, creator=bob, kind=kind, kind_version="1", title=title, **facts
        )
        blobs.put_result(group.pk, task.pk, json.dumps(result).encode())
        return task

    return make


def page_of(task: Task, rest: str = "") -> str:
    return f"/tasks/{task.pk}/{rest}"


def crawl(*paths: str, errors: int = 0, title: str = "Start", sites: int = 1) -> dict[str, Any]:
    pages = [
        {"url": HOST + path, "status": 200, "title": title, "links": [HOST] * 3} for path in paths
    ]
    wrong = [{"url": f"{HOST}/gone/{n}", "reason": "HTTP 404 Not Found"} for n in range(errors)]
    return {"sites": [{"url": f"{HOST}/", "pages": pages, "errors": wrong}] * sites}


# What is seen


def test_factors_are_a_formula(browser: Browser, finished: Finished, bob: User) -> None:
    answer = browser(bob).get(page_of(finished("FACTORIZATION", FACTORS)))
    formula = [attrs for _, attrs, _ in read(answer).elements if attrs.get("class") == "formula"]
    assert [attrs["aria-label"] for attrs in formula] == [
        "720720 equals 2 to the power 4 times 3 to the power 2 times 5 times 1001"
    ]
    html = answer.content.decode()
    assert '<span class="digits"><span>1</span><wbr><span>001</span></span>' in html
    assert "<sup>4</sup>" in html
    assert "6 digits" in words(answer)
    assert "Divisors 240" in words(answer)
    assert "Every factor proved" in words(answer)


def test_statistics_come_with_a_histogram(browser: Browser, finished: Finished, bob: User) -> None:
    answer = browser(bob).get(page_of(finished("MEAN", MEAN | {"histogram": HISTOGRAM})))
    (chart,) = [attrs for _, attrs, _ in read(answer).elements if attrs.get("class") == "chart"]
    assert str(chart["aria-label"]).startswith("Histogram of 3 numbers in 5 bins from 1 to 3.5.")
    assert "Standard deviation 1" in words(answer)
    assert "<title>1 to 1.5: 1 number</title>" in answer.content.decode()
    nothing_inline(answer, "MEAN")


def test_a_crawl_is_a_tree(browser: Browser, finished: Finished, bob: User) -> None:
    answer = browser(bob).get(
        page_of(finished("CRAWLER", crawl("/", "/guide/a", "/guide/b", errors=1)))
    )
    seen = words(answer)
    assert "docs.example.org 3 pages, 1 problem" in seen
    assert "200 / Start , 3 links" in seen
    assert "/guide/ 2 pages" in seen
    assert "/guide/a" not in seen, "it comes when it is opened"
    assert "404 /gone/0 Not Found" in seen


def test_any_other_result_is_pairs(browser: Browser, finished: Finished, bob: User) -> None:
    assert "count 3 sum 3" in words(
        browser(bob).get(page_of(finished("ECHO", {"count": 3, "sum": 3})))
    )


def test_how_long_it_is_kept_is_said(browser: Browser, finished: Finished, bob: User) -> None:
    assert "kept for 22 h 59 min" in words(browser(bob).get(page_of(finished("ECHO", 1))))


def test_what_is_missing_is_said(browser: Browser, finished: Finished, bob: User) -> None:
    mark = {"incomplete": {"failed": 1, "of": 3, "subtasks": [2]}}
    seen = words(browser(bob).get(page_of(finished("MEAN", MEAN | mark))))
    assert "Not complete. 1 of 3 subtasks failed permanently" in seen


@pytest.mark.parametrize(
    ("checked", "sentence", "tone"),
    [
        (
            Verification(how="sample", checked_share=0.04, owners=2),
            "4 % recomputed by two other members, all agreed.",
            "good",
        ),
        (
            Verification(how="none", reason="one_owner"),
            "Not checked: only one member&#x27;s computers were online.",
            None,
        ),
        (
            Verification(
                how="sample", checked_share=0.1, owners=2, disagreements=1, reason="undecided"
            ),
            "nobody was left to decide: the result may be wrong.",
            "warn",
        ),
        (
            Verification(how="pending", checked_share=0.1, owners=2),
            "Being checked: 10 % was recomputed so far, and agreed.",
            None,
        ),
    ],
)
def test_how_it_was_checked_stands_beside_it(
    browser: Browser,
    finished: Finished,
    bob: User,
    checked: Verification,
    sentence: str,
    tone: str | None,
) -> None:
    task = finished("ECHO", {"count": 3, "sum": 3}, verification=checked.plain())
    for address in (page_of(task), page_of(task, "result/")):
        answer = browser(bob).get(address)
        assert sentence in words(answer)
        assert attributes(answer, "p", id="checked").get("data-tone") == tone


def test_nothing_is_said_of_checks_that_nothing_is_known_of(
    browser: Browser, finished: Finished, bob: User
) -> None:
    answer = browser(bob).get(page_of(finished("ECHO", 1)))
    assert "hidden" in attributes(answer, "p", id="checked")
    assert "hidden" in attributes(answer, "p", id="checks")


def test_an_expired_result_says_so(browser: Browser, finished: Finished, bob: User) -> None:
    task = finished("ECHO", 1)
    blobs.drop_result(task.group_id, task.pk)
    assert "The result has expired." in words(browser(bob).get(page_of(task)))
    for rest in ("result/", "result.json", "result.csv"):
        answer = browser(bob).get(page_of(task, rest))
        assert answer.status_code == 410, rest
        assert "The result has expired: submit the task again." in words(answer)


@override_settings(RESULT_SHOWN_BYTES_MAX=10)
def test_one_too_large_for_a_page_is_only_downloaded(
    browser: Browser, finished: Finished, bob: User
) -> None:
    task = finished("ECHO", {"count": 3, "sum": 3})
    assert "too large for a page" in words(browser(bob).get(page_of(task)))
    assert browser(bob).get(page_of(task, "result.json")).json() == {"count": 3, "sum": 3}


# Searching and opening


def test_searching_works_without_script(browser: Browser, finished: Finished, bob: User) -> None:
    task = finished("CRAWLER", crawl("/", "/install", "/use", errors=2))
    answer = browser(bob).get(page_of(task, "result/?q=INSTALL"))
    assert "<mark>install</mark>" in answer.content.decode()
    assert "1 of 3 pages and 0 of 2 problems fit." in words(answer)
    assert "/use" not in words(answer)
    seen = words(browser(bob).get(page_of(task, "result/?problems=1")))
    assert "2 of 2 problems fit." in seen
    assert "/gone/1" in seen
    assert "Nothing matches" in words(browser(bob).get(page_of(task, "result/?q=nowhere")))


def test_htmx_gets_what_was_found_alone(browser: Browser, finished: Finished, bob: User) -> None:
    answer = browser(bob, htmx=True).get(
        page_of(finished("CRAWLER", crawl("/install")), "result/?q=install")
    )
    assert "<html" not in answer.content.decode()
    assert "1 of 1 page and" in words(answer)


def test_a_folder_is_opened_with_and_without_script(
    browser: Browser, finished: Finished, bob: User
) -> None:
    task = finished("CRAWLER", crawl(*[f"/guide/{n:03}" for n in range(250)], "/"))
    html = browser(bob).get(page_of(task)).content.decode()
    address = page_of(task, "result/?site=0&amp;folder=%2Fguide%2F")
    assert html.count(address) == 2, "for htmx and as a link"
    opened = browser(bob, htmx=True).get(address.replace("&amp;", "&"))
    assert opened.content.decode().strip().startswith("<li>")
    assert ("/guide/099" in words(opened), "/guide/100" in words(opened)) == (True, False)
    assert "150 more" in words(opened)
    last = browser(bob).get(address.replace("&amp;", "&") + "&start=200")
    assert "<html" in last.content.decode()
    assert ("/guide/199" in words(last), "/guide/249" in words(last), "more" in words(last)) == (
        False,
        True,
        False,
    )


@pytest.mark.parametrize(
    "query", ["site=1", "site=99", "site=0&folder=/no/", "site=x", "start=-1", "folder=/x/"]
)
def test_made_up_addresses_do_no_harm(
    browser: Browser, finished: Finished, bob: User, query: str
) -> None:
    task = finished("CRAWLER", crawl("/"))
    assert browser(bob).get(page_of(task, f"result/?{query}")).status_code in (200, 404)
    assert browser(bob).get(page_of(finished("ECHO", 1), "result/?site=0")).status_code == 404


def test_two_thousand_pages_are_a_small_page_in_few_queries(
    browser: Browser,
    finished: Finished,
    bob: User,
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    task = finished(
        "CRAWLER", crawl(*[f"/{n // 100}/{n}" for n in range(2000)], errors=400, sites=3)
    )
    bobs = browser(bob)
    bobs.get("/groups/")
    for rest in ("", "result/", "result/?q=docs", "result/?problems=1", "result/?site=1"):
        with django_assert_max_num_queries(10):
            answer = bobs.get(page_of(task, rest))
        assert len(answer.content) < 300_000, rest


# Hostile input

BAD = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{ 7 }}'


def hostile() -> dict[str, Any]:
    result = crawl("/", title=BAD)
    (site,) = result["sites"]
    site["url"] = f"{HOST}/{BAD}"
    urls = [
        "javascript:alert(1)",
        f"{HOST}/{BAD}",
        f"{HOST}/'onmouseover='x",
        "data:text/html,x",
        f"{HOST}/ok",
    ]
    site["pages"] += [{"url": url, "status": 200, "title": BAD, "links": []} for url in urls]
    site["errors"] = [
        {"url": f"{HOST}/{BAD}/x", "reason": BAD},
        {"url": BAD, "reason": "HTTP 404 <b>"},
    ]
    return result


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("CRAWLER", hostile()),
        ("OTHER", {BAD: BAD, "list": [BAD], "table": [{BAD: BAD}], "deep": [[BAD]]}),
        ("MEAN", {BAD: BAD}),
        ("FACTORIZATION", FACTORS | {"number": "<b>1"}),
    ],
)
@pytest.mark.parametrize(
    "rest", ["", "result/", "result/?q=script", "result/?q=<b>", "result/?site=0"]
)
def test_nothing_of_a_result_becomes_markup(
    browser: Browser, finished: Finished, bob: User, kind: str, result: Any, rest: str
) -> None:
    answer = browser(bob).get(page_of(finished(kind, result, title=BAD), rest))
    nothing_inline(answer, rest)
    html = answer.content.decode()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "<b>1" not in html
    for tag, attrs, _ in read(answer).elements:
        outside = tag == "a" and not str(attrs.get("href")).startswith(("/", "#", "?"))
        if outside:
            assert str(attrs["href"]).startswith(HOST)
            assert attrs["rel"] == "noopener noreferrer nofollow"


# Files


def rows_of(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode(), newline="")))


def test_json_is_the_result_itself(browser: Browser, finished: Finished, bob: User) -> None:
    answer = browser(bob).get(page_of(finished("MEAN", MEAN), "result.json"))
    assert answer.json() == MEAN
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"] == 'attachment; filename="A_task.json"'
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("kind", "result", "expected"),
    [
        (
            "FACTORIZATION",
            FACTORS,
            [["prime", "exponent"], ["2", "4"], ["3", "2"], ["5", "1"], ["1001", "1"]],
        ),
        (
            "ECHO",
            {"n": 2, "values": [0, 1]},
            [["path", "value"], ["n", "2"], ["values.0", "0"], ["values.1", "1"]],
        ),
    ],
)
def test_csv_has_the_kind_s_own_columns(
    browser: Browser,
    finished: Finished,
    bob: User,
    kind: str,
    result: Any,
    expected: list[list[str]],
) -> None:
    answer = browser(bob).get(page_of(finished(kind, result), "result.csv"))
    assert rows_of(answer) == expected
    assert answer["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer["Content-Disposition"] == 'attachment; filename="A_task.csv"'


def test_csv_of_statistics_keeps_negative_numbers(
    browser: Browser, finished: Finished, bob: User
) -> None:
    rows = rows_of(browser(bob).get(page_of(finished("MEAN", MEAN | {"min": -1.5}), "result.csv")))
    assert ["min", "-1.5", "", ""] in rows


def test_no_title_of_a_page_becomes_a_formula(
    browser: Browser, finished: Finished, bob: User
) -> None:
    task = finished("CRAWLER", crawl("/", title='=HYPERLINK("http://evil.example","x")'))
    (_, row) = rows_of(browser(bob).get(page_of(task, "result.csv")))
    assert row == [
        f"{HOST}/",
        f"{HOST}/",
        "200",
        '\'=HYPERLINK("http://evil.example","x")',
        "3",
        "",
    ]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", 'filename="etc_passwd.json"'),
        ('a"b\r\nSet-Cookie: x', 'filename="a_b_Set-Cookie_x.json"'),
        ("Größe ☃", "filename*=utf-8''Gr%C3%B6%C3%9Fe.json"),
        ("\u202egnp.exe", 'filename="gnp.exe.json"'),
        ("...", 'filename="echo.json"'),
        ("x" * 120, f'filename="{"x" * 80}.json"'),
    ],
)
def test_the_file_s_name_comes_from_the_title_and_is_harmless(
    browser: Browser, finished: Finished, bob: User, title: str, name: str
) -> None:
    answer = browser(bob).get(page_of(finished("ECHO", 1, title=title), "result.json"))
    assert answer["Content-Disposition"] == f"attachment; {name}"


@pytest.mark.parametrize("rest", ["result/", "result.json", "result.csv"])
def test_there_is_no_result_for_strangers_and_none_before_its_time(
    browser: Browser, finished: Finished, bob: User, carol: User, rest: str
) -> None:
    task = finished("ECHO", 1)
    assert browser(carol).get(page_of(task, rest)).status_code == 404
    assert browser().get(page_of(task, rest)).status_code == 302
    assert browser(bob).post(page_of(task, rest)).status_code == 405
    for status, says in (
        ("running", "The task is running."),
        ("cancelled", "The task was cancelled."),
    ):
        Task.objects.filter(pk=task.pk).update(status=status)
        answer = browser(bob).get(page_of(task, rest))
        assert answer.status_code == 409
        assert says in words(answer)


def test_a_long_file_is_made_piece_by_piece_while_it_is_sent(
    finished: Finished, bob: User, browser: Browser
) -> None:
    task = finished("ECHO", {"values": list(range(50_000))})
    answer = browser(bob).get(page_of(task, "result.csv"))
    found = list(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(found) > 5
    lines = b"".join(found).decode().splitlines()
    assert (len(lines), lines[-1]) == (50_001, "values.49999,49999")
