"""The form of a new task: made from the kind's schema, with a preview, it makes one task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from firmlight_client import kinds
from groups.models import Group, Membership
from tasks.models import Task
from tasks.pages.forms import TaskForm
from tasks.queue import sweeping
from tasks.services.finish import fail_task
from tasks.services.submit import submit_task
from tests.support.pages import beside, read, words
from tests.tasks.pages.conftest import PLAIN, Browser, input_of


def test_a_plug_in_gets_its_form_without_a_line_of_html(
    group: Group, bob: User, browser: Browser
) -> None:
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind=ECHO")
    fields = {attrs["name"]: attrs for _, attrs, _ in read(answer).elements if attrs.get("name")}
    assert fields["param-count"]["type"] == "number"
    assert (fields["param-count"]["min"], fields["param-count"]["max"]) == ("1", "10000000")
    assert fields["param-collect"]["type"] == "checkbox"
    assert "How long each of them sleeps, in seconds" in words(answer)


@pytest.mark.parametrize("kind", sorted(kinds.installed()))
def test_every_kind_has_a_form_and_a_picture(
    kind: str, group: Group, bob: User, browser: Browser
) -> None:
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind={kind}")
    assert answer.status_code == 200
    assert answer.content.decode().count('class="glyph"') == len(kinds.listed())


# Sending


def test_what_is_typed_becomes_the_kinds_params(send: Callable[..., Any]) -> None:
    answer = send(
        "CRAWLER", urls="https://a.example/\n\nhttps://b.example/ ", limit="7", title="Two sites"
    )
    task = Task.objects.get()
    assert answer.url == f"/tasks/{task.pk}/"
    assert (task.title, task.kind) == ("Two sites", "CRAWLER")
    assert input_of(task) == {
        "urls": ["https://a.example/", "https://b.example/"],
        "limit": 7,
        "same_host": False,
    }


def test_what_is_left_empty_is_the_kinds_own_default(send: Callable[..., Any]) -> None:
    send("ECHO", count="5")
    assert input_of(Task.objects.get()) == {"count": 5, "seconds": 0.0, "collect": False}


def test_numbers_come_as_text_or_as_a_file(send: Callable[..., Any]) -> None:
    send("MEAN", numbers="1, 2\n3")
    send("MEAN", file=SimpleUploadedFile("a.csv", b"x\n1\n2\n3\n"))
    first, second = (input_of(task)["numbers"] for task in Task.objects.all())
    assert first == second


def test_options_and_limits_are_kept(send: Callable[..., Any]) -> None:
    send(
        "ECHO",
        count="5",
        priority="low",
        allow_partial="on",
        hours="2",
        subtask_seconds_max="9",
        description="why",
        verify="all",
    )
    task = Task.objects.get()
    assert (task.verify, task.verify_asked) == ("all", "all")
    assert (task.priority, task.allow_partial, task.subtask_seconds_max, task.description) == (
        "low",
        True,
        9.0,
        "why",
    )
    assert task.deadline and 7190 < (task.deadline - task.created).total_seconds() < 7210


@pytest.mark.parametrize(
    ("kind", "fields", "field", "sentence"),
    [
        (
            "FACTORIZATION",
            {"number": "13a"},
            "param-number",
            "The number must be a positive integer in decimal digits",
        ),
        ("FACTORIZATION", {"number": ""}, "param-number", "This field is required."),
        (
            "CRAWLER",
            {"urls": "https://a.example/\nftp://b"},
            "param-urls",
            "Line 2, “ftp://b”, does not have the required form",
        ),
        (
            "CRAWLER",
            {"urls": "https://a.example/", "limit": "5000"},
            "param-limit",
            "less than or equal to 2000",
        ),
        ("MEAN", {"numbers": "1 two"}, "param-numbers", "“two” is not a number."),
        ("MEAN", {"numbers": "1 inf"}, "param-numbers", "Number 2 is not finite"),
        (
            "MEAN",
            {"file": SimpleUploadedFile("a.csv", b"x\n1\nwhat\n")},
            "file",
            "Line 3: &#x27;what&#x27; is not a number",
        ),
        ("MEAN", {}, "param-numbers", "required field `numbers`"),
        (
            "ECHO",
            {"count": "5", "subtask_seconds_max": "1e9"},
            "subtask_seconds_max",
            "allows at most 3605 s",
        ),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_made(
    send: Callable[..., Any], kind: str, fields: dict[str, Any], field: str, sentence: str
) -> None:
    answer = send(kind, title="kept", **fields)
    assert answer.status_code == 422
    assert sentence in beside(answer, field)
    assert 'value="kept"' in answer.content.decode()
    assert not Task.objects.exists()
    assert sweeping.groups() == []


def test_a_form_that_is_sent_twice_makes_one_task(send: Callable[..., Any]) -> None:
    key = str(uuid4())
    first, second = (send("ECHO", count="5", key=key) for _ in range(2))
    assert first.url == second.url == f"/tasks/{Task.objects.get().pk}/"


def test_a_form_that_is_sent_again_with_something_else_in_it_makes_another_task(
    send: Callable[..., Any],
) -> None:
    """Browsers bring a page back with its key, for example with the button Back."""
    key = str(uuid4())
    sent = [
        send("ECHO", count="5", key=key),
        send("ECHO", count="6", key=key),
        send("ECHO", count="6", title="Six", key=key),
        *(
            send("MEAN", file=SimpleUploadedFile("a.txt", content), key=key)
            for content in (b"1 2", b"1 3")
        ),
    ]
    assert len({answer.url for answer in sent}) == Task.objects.count() == 5


def test_a_file_that_is_sent_twice_makes_one_task_with_all_its_numbers(
    send: Callable[..., Any],
) -> None:
    key = str(uuid4())
    urls = {send("MEAN", file=SimpleUploadedFile("a.txt", b"1 2 3"), key=key).url for _ in range(2)}
    assert urls == {f"/tasks/{Task.objects.get().pk}/"}
    assert len(input_of(Task.objects.get())["numbers"]) == 24


def test_each_form_has_a_key_of_its_own(group: Group, bob: User, browser: Browser) -> None:
    found = set()
    for _ in range(2):
        elements = read(browser(bob).get(f"/groups/{group.pk}/tasks/new/")).elements
        found |= {attrs["value"] for _, attrs, _ in elements if attrs.get("name") == "key"}
    assert len(found) == 2


def test_high_priority_is_offered_to_those_who_may(
    group: Group, alice: User, bob: User, browser: Browser
) -> None:
    page = f"/groups/{group.pk}/tasks/new/"
    assert "High" in words(browser(alice).get(page))
    assert "High" not in words(browser(bob).get(page))


def offered(answer: Any) -> dict[str, bool]:
    """The checks that the form offers, and whether each is the one that is chosen."""
    return {
        str(attrs["value"]): "checked" in attrs
        for _, attrs, _ in read(answer).elements
        if attrs.get("name") == "verify"
    }


def test_the_form_says_what_checks_cost(
    group: Group, bob: User, browser: Browser, settings: Any
) -> None:
    settings.VERIFY_SAMPLE_SHARE = 0.2
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind=ECHO")
    assert offered(answer) == {"none": False, "auto": True, "sample": False, "all": False}
    seen = words(answer)
    for cost in (
        "Nothing: no more work",
        "Automatic: about 20 % more work once the group&#x27;s members are known, more at first",
        "A sample: about 20 % more work",
        "Everything: twice the work",
    ):
        assert cost in seen


def test_checks_that_the_group_raises_are_not_offered(
    group: Group, bob: User, browser: Browser
) -> None:
    Group.objects.filter(pk=group.pk).update(verify_default="sample")
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind=MEAN")
    assert offered(answer) == {"sample": True, "all": False}
    assert "This group asks for a sample at least." in words(answer)


def test_a_form_from_before_the_group_raised_its_checks_is_raised(
    send: Callable[..., Any], group: Group, bob: User, browser: Browser
) -> None:
    Group.objects.filter(pk=group.pk).update(verify_default="all")
    answer = send("MEAN", numbers="1 2", verify="none")
    task = Task.objects.get()
    assert (task.verify, task.verify_asked) == ("all", "none")
    seen = words(browser(bob).get(answer.url))
    assert "All of it is recomputed by other members." in seen
    assert "The group asks for that; its submitter had asked for less." in seen


def test_checks_that_do_not_exist_are_refused(send: Callable[..., Any]) -> None:
    answer = send("ECHO", count="5", verify="perhaps")
    assert answer.status_code == 422
    assert "perhaps is not one of" in words(answer)
    assert not Task.objects.exists()


def test_a_kind_that_proves_its_results_needs_no_checks(
    group: Group, bob: User, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(kinds.get("ECHO")), "proves", True, raising=False)
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind=ECHO")
    assert "ECHO proves its results, so nothing has to be recomputed." in words(answer)


def test_a_kind_whose_results_cannot_be_compared_says_so(
    group: Group, bob: User, browser: Browser
) -> None:
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind=CRAWLER")
    said = "Results of CRAWLER cannot be compared, so nothing of them is recomputed."
    assert said in words(answer)


def test_a_member_who_may_not_submit_has_no_button_and_no_form(
    send: Callable[..., Any], group: Group, bob: User, browser: Browser
) -> None:
    assert "/tasks/new/" in browser(bob).get(f"/groups/{group.pk}/").content.decode()
    Group.objects.filter(pk=group.pk).update(submitting="leaders")
    assert "/tasks/new/" not in browser(bob).get(f"/groups/{group.pk}/").content.decode()
    assert browser(bob).get(f"/groups/{group.pk}/tasks/new/").status_code == 403
    assert send("ECHO", count="5").status_code == 403
    assert send("ECHO", "preview/", count="5").status_code == 403
    assert not Task.objects.exists()


def test_a_kind_that_is_not_there_is_named(group: Group, bob: User, browser: Browser) -> None:
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?kind=%3Cb%3E")
    assert answer.status_code == 400
    assert "<b>" not in answer.content.decode()


# Again


def test_submit_again_fills_in_settings_and_the_input_that_is_held(
    split: Callable[..., Task], group: Group, bob: User, browser: Browser
) -> None:
    task = split(count=7, priority="low", verify="sample")
    fail_task(task, "subtask_failed", "It did not work.")
    page = browser(bob).get(f"/tasks/{task.pk}/").content.decode()
    assert f"/groups/{group.pk}/tasks/new/?again={task.pk}" in page
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?again={task.pk}")
    fields = {attrs["name"]: attrs for _, attrs, _ in read(answer).elements if attrs.get("name")}
    assert fields["param-count"]["value"] == "7"
    assert fields["title"]["value"] == task.title
    assert offered(answer)["sample"]
    assert "So is its input, which is still held." in words(answer)
    sweeping.drop_group(group.pk)
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?again={task.pk}")
    assert "Its input is no longer held: give it again." in words(answer)


def test_submit_again_fills_in_numbers_unless_they_are_more_than_a_form_shows(
    group: Group, bob: User, browser: Browser
) -> None:
    few, many = (
        submit_task(author=bob, group=group.pk, kind="MEAN", params={"numbers": numbers})
        for numbers in ([0.1, -3e10], [1.5] * 10_000)
    )
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?again={few.pk}")
    assert "0.1\n-30000000000.0</textarea>" in answer.content.decode()
    answer = browser(bob).get(f"/groups/{group.pk}/tasks/new/?again={many.pk}")
    assert "Its input is more than a form shows: give it again." in words(answer)


def test_a_member_who_may_not_raise_the_priority_submits_again_with_the_normal_one(
    split: Callable[..., Task], group: Group, bob: User, browser: Browser
) -> None:
    task = split(count=7)
    Task.objects.filter(pk=task.pk).update(priority="high")
    page = browser(bob).get(f"/groups/{group.pk}/tasks/new/?again={task.pk}").content.decode()
    assert '<option value="normal" selected>' in page


def test_a_task_of_another_group_fills_in_nothing(
    split: Callable[..., Task], carol: User, browser: Browser
) -> None:
    task = split(count=7)
    hers = Group.objects.create(name="Hers", name_key="hers")
    Membership.objects.create(group=hers, user=carol, role="owner")
    answer = browser(carol).get(f"/groups/{hers.pk}/tasks/new/?again={task.pk}")
    assert "are filled in" not in words(answer)


def test_a_form_needs_no_more_than_the_kinds_say(bob: User) -> None:
    for kind in kinds.installed().values():
        form = TaskForm(kind, {**PLAIN, "key": "k"}, leads=False)
        needed = kinds.params_schema(kind).get("required", []) if not kind.file_suffixes else []
        assert not form.is_valid() if needed else form.is_valid()
