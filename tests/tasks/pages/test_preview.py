"""The form of a new task before it is sent: its preview, and what it says about a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from groups.models import Group
from tasks.models import Task, Worker
from tasks.queue import connections, presence
from tests.support.pages import attributes, beside, read, words
from tests.tasks.pages.conftest import PLAIN, Browser, input_of


def test_the_preview_tells_what_it_comes_to_and_stores_nothing(
    send: Callable[..., Any], group: Group, laptop: Worker
) -> None:
    connections.beat(
        group.pk, worker=laptop.pk, conn="c", kinds=["ECHO@1"], slots=2, leases=[]
    ).now()
    seen = words(send("ECHO", "preview/", htmx=True, count="12"))
    assert "Subtasks 12" in seen
    assert "laptop alice" in seen
    assert "not known: no task of this kind was finished here lately" in seen
    assert not Task.objects.exists()


def test_the_preview_says_what_owners_do_not_agree_to_and_who_rests(
    send: Callable[..., Any], group: Group, alice: User, laptop: Worker
) -> None:
    Worker.objects.filter(pk=laptop.pk).update(consent={"*": {"slots": 1, "network": "none"}})
    tired = Worker.objects.create(owner=alice, name="tired")
    connections.beat(
        group.pk, worker=laptop.pk, conn="c", kinds=["ECHO@1"], slots=2, leases=[]
    ).now()
    asyncio.run(presence.note_resting(group.pk, tired.pk, "on battery"))
    seen = words(send("ECHO", "preview/", htmx=True, count="12"))
    assert "laptop alice at most 1 at a time no network" in seen
    assert "Would take it, and rests now tired alice on battery" in seen


def test_the_preview_of_a_file_says_what_was_understood_and_what_was_left_out(
    send: Callable[..., Any],
) -> None:
    content = b"temp\n" + b"1.5\n2.5\nn/a\n\n" + b"3.5\n"
    seen = words(send("MEAN", "preview/", htmx=True, file=SimpleUploadedFile("a.csv", content)))
    assert "Numbers 3" in seen
    assert "The first 1.5, 2.5, 3.5" in seen
    assert "Separator line end Decimal mark point Heading temp" in seen
    assert "temp column 1, 3 numbers from 1.5 to 3.5" in seen
    assert "Left out of the file: 3 things" in seen
    for sentence in ("line 1 is a heading", "line 4 says &#x27;n/a&#x27;", "1 cell is empty"):
        assert sentence in seen


WEATHER = b"station,temp,humidity\nA,1.5,80\nB,2.5,70\n"


def test_a_question_about_a_file_is_a_choice_beside_it(send: Callable[..., Any]) -> None:
    answer = send("MEAN", "preview/", htmx=True, file=SimpleUploadedFile("a.csv", WEATHER))
    assert answer.status_code == 422
    page = answer.content.decode()
    beside_the_file = attributes(answer, "details", id="file-params")
    assert "open" in beside_the_file
    assert beside_the_file["hx-swap-oob"] == "true"
    assert '<option value="temp">temp</option>' in page
    assert "It has 2 columns of numbers" in beside(answer, "file-param-column")
    assert "humidity column 3, 2 numbers from 70 to 80" in words(answer)
    assert page.count("small-bars") == 2


def test_the_choice_is_sent_with_the_file(send: Callable[..., Any]) -> None:
    chosen = {"file-param-column": "temp"}
    seen = send_raw(send, "preview/", chosen)
    assert "The first 1.5, 2.5" in words(seen)
    assert '<option value="temp" selected>temp</option>' in seen.content.decode()
    assert "station not read column 1, 0 numbers, 2 texts" in words(seen)
    assert send_raw(send, "", chosen).status_code == 302
    assert len(input_of(Task.objects.get())["numbers"]) == 16


def send_raw(send: Callable[..., Any], where: str, beside_file: dict[str, str]) -> Any:
    file = SimpleUploadedFile("a.csv", WEATHER)
    return send("MEAN", where, htmx=bool(where), file=file, **beside_file)


def test_without_script_the_question_comes_with_the_page(send: Callable[..., Any]) -> None:
    answer = send("MEAN", file=SimpleUploadedFile("a.csv", b"1,5\n2,5\n"))
    assert answer.status_code == 422
    assert "may be one number" in beside(answer, "file-param-decimal")
    assert "a.csv has to be chosen again" in words(answer)


@pytest.mark.parametrize("text", ["1,5; 2,5", "1,5", "1,234", ",5"])
def test_a_comma_in_typed_numbers_is_never_guessed(send: Callable[..., Any], text: str) -> None:
    assert "may be one number" in beside(send("MEAN", numbers=text), "param-numbers")
    assert not Task.objects.exists()


def test_commas_that_stand_between_typed_numbers_for_certain_are_fine(
    send: Callable[..., Any],
) -> None:
    assert send("MEAN", numbers="1,2,3 4,5\n6, 7").status_code == 302
    assert len(input_of(Task.objects.get())["numbers"]) == 56


def test_the_preview_of_what_is_wrong_says_what(send: Callable[..., Any]) -> None:
    answer = send("FACTORIZATION", "preview/", htmx=True, number="x")
    assert answer.status_code == 422
    assert "Number: The number must be" in words(answer)


def test_without_script_the_preview_is_the_page_with_all_that_was_typed(
    send: Callable[..., Any],
) -> None:
    answer = send("ECHO", "preview/", count="12", title="Twelve")
    assert answer.status_code == 200
    assert "Subtasks 12" in words(answer)
    assert 'value="Twelve"' in answer.content.decode()


@pytest.mark.parametrize("where", ["", "preview/"])
def test_a_file_that_came_with_the_form_is_named_since_it_has_to_be_chosen_again(
    send: Callable[..., Any], where: str
) -> None:
    answer = send("MEAN", where, hours="x", file=SimpleUploadedFile("year.csv", b"1\n2\n"))
    assert "year.csv has to be chosen again: a page cannot keep a file." in words(answer)
    assert "has to be chosen again" not in words(send("MEAN", "preview/", numbers="1"))


def test_a_file_beyond_the_limit_is_refused_and_the_browser_knows_the_limit(
    send: Callable[..., Any], settings: Any, group: Group, bob: User, browser: Browser
) -> None:
    settings.UPLOAD_BYTES_MAX = 5
    answer = send("MEAN", file=SimpleUploadedFile("a.csv", b"1\n2\n3\n"))
    assert "At most 5 bytes." in beside(answer, "file")
    elements = read(browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind=MEAN")).elements
    (chooser,) = [attrs for _, attrs, _ in elements if attrs.get("name") == "file"]
    assert chooser["data-bytes-max"] == "5"
    assert chooser["accept"] == ".csv,.npy,.tsv,.txt,.xlsx"


def test_files_and_submissions_are_counted_as_over_the_api(
    send: Callable[..., Any], settings: Any
) -> None:
    settings.UPLOAD_PER_MINUTE_MAX = 1
    assert send("MEAN", file=SimpleUploadedFile("a.txt", b"1")).status_code == 302
    assert send("MEAN", file=SimpleUploadedFile("b.txt", b"1")).status_code == 429
    assert send("MEAN", numbers="1").status_code == 302


def test_the_page_asks_the_database_little_however_many_workers_there_are(
    group: Group, alice: User, bob: User, browser: Browser, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        worker = Worker.objects.create(owner=alice, name=f"w{number}", slots=1)
        connections.beat(
            group.pk, worker=worker.pk, conn=f"c{number}", kinds=["ECHO@1"], slots=1, leases=[]
        ).now()
    bobs = browser(bob)
    bobs.get("/groups/")  # the session is in the cache after that
    with django_assert_max_num_queries(8):
        assert "30 online" in words(bobs.get(f"/groups/{group.pk}/tasks/new/?kind=ECHO"))
    data = {"kind": "ECHO", "key": "k", **PLAIN, "param-count": "5"}
    with django_assert_max_num_queries(9):
        answer = bobs.post(
            f"/groups/{group.pk}/tasks/new/preview/", data, headers={"HX-Request": "true"}
        )
    assert "and 18 more" in words(answer)
