"""The page of a task: what it shows to whom, at its first paint."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from groups.models import Group, Membership
from tasks import states
from tasks.models import Contribution, Task, Worker
from tasks.pages.fragments.task import TaskPage
from tasks.queue import connections, leasing
from tasks.queue.answers import Granted
from tasks.services.conclude import conclude_task
from tasks.services.finish import fail_task
from tasks.verification import Verification
from tests.support.pages import read, words

Browser = Callable[..., Client]


def page_of(task: Task) -> str:
    return f"/tasks/{task.pk}/"


def test_it_shows_where_a_running_task_stands(
    browser: Browser,
    split: Callable[..., Task],
    lease: Callable[..., Granted],
    laptop: Worker,
    bob: User,
) -> None:
    task = split(count=4)
    lease(laptop)
    seen = words(browser(bob).get(page_of(task)))
    assert "0 of 4 subtasks" not in seen
    assert "0 of 4 0.0 %" in seen
    assert "1 leased" in seen
    assert "3 waiting" in seen
    assert "laptop alice Working" in seen
    assert "Split into 4 subtasks." in seen


def test_it_says_why_a_task_waits(browser: Browser, split: Callable[..., Task], bob: User) -> None:
    seen = words(browser(bob).get(page_of(split(count=4))))
    assert "No worker of this group that accepts ECHO is online." in seen


def test_what_is_to_be_checked_is_said_until_there_is_a_result(
    split: Callable[..., Task], work: Callable[[Worker], int], laptop: Worker
) -> None:
    """The page that is open is told, too: both are among its fragments."""
    task = split(kind="MEAN", numbers=[1.0, 2.0], verify="sample")
    page = TaskPage(task.pk)
    running = page.fragments() or {}
    assert "About 5 % is recomputed by other members." in running["checks"].html
    assert "hidden" in running["checked"].html
    work(laptop)
    conclude_task(str(task.pk))
    checked = Verification(how="sample", checked_share=0.04, owners=2)
    Task.objects.filter(pk=task.pk).update(verification=checked.plain())
    ended = page.fragments() or {}
    assert "hidden" in ended["checks"].html
    assert checked.sentence in ended["checked"].html


def test_a_task_that_failed_for_want_of_checks_says_what_was_checked(
    browser: Browser, split: Callable[..., Task], bob: User
) -> None:
    task = split(count=3, verify="all")
    fail_task(task, "unverified", "Nobody was left to decide.")
    checked = Verification(how="all", owners=1, disagreements=1, reason="undecided")
    Task.objects.filter(pk=task.pk).update(verification=checked.plain())
    assert checked.sentence in words(browser(bob).get(page_of(task)))


def test_a_finished_task_shows_contributions_timeline_and_events(
    browser: Browser,
    split: Callable[..., Task],
    work: Callable[[Worker], int],
    laptop: Worker,
    bob: User,
) -> None:
    task = split(count=3)
    work(laptop)
    conclude_task(str(task.pk))
    answer = browser(bob).get(page_of(task))
    seen = words(answer)
    assert "Succeeded" in seen
    assert "3 of 3 100.0 %" in seen
    assert "laptop alice Done" in seen
    assert "sum 3" in seen
    assert f"/tasks/{task.pk}/result.json" in answer.content.decode()
    assert "100.0 % 3" in seen
    bars = [
        attrs
        for tag, attrs, _ in read(answer).elements
        if tag == "rect" and attrs.get("class") == "tb"
    ]
    assert len(bars) == 2 + 1, "two leases, and one in the legend"


def test_a_failed_task_says_why_and_which_subtask(
    browser: Browser,
    split: Callable[..., Task],
    lease: Callable[..., Granted],
    laptop: Worker,
    bob: User,
) -> None:
    task = split(count=2)
    held = lease(laptop)
    leasing.fail(
        held.lease,
        worker=laptop.pk,
        subtask=0,
        error="ValueError",
        message="<b>no</b>",
        traceback="line 7",
        seconds=0,
    ).now()
    fail_task(task, "subtask_failed", "Subtask 0 failed permanently.")
    answer = browser(bob).get(page_of(task))
    seen = answer.content.decode()
    assert "It failed. Subtask 0 failed permanently." in seen
    assert "&lt;b&gt;no&lt;/b&gt;" in seen
    assert "line 7" in seen


def test_a_worker_that_vanished_is_shown_as_lost_with_what_it_held(
    browser: Browser,
    split: Callable[..., Task],
    lease: Callable[..., Granted],
    laptop: Worker,
    bob: User,
) -> None:
    task = split(count=2)
    lease(laptop)
    connections.leave(
        task.group_id,
        worker=laptop.pk,
        conn="conn-laptop",
        kinds=[task.kind_key],
        how=connections.LOST,
    ).now()
    answer = browser(bob).get(page_of(task))
    assert "laptop alice Lost" in words(answer)
    cells = {
        attrs.get("data-label"): text for tag, attrs, text in read(answer).elements if tag == "td"
    }
    assert cells["Lost"].strip() == "1"


def test_strangers_find_nothing_and_others_log_in_first(
    browser: Browser, split: Callable[..., Task], carol: User
) -> None:
    task = split(count=1)
    for address in (page_of(task), f"{page_of(task)}events/", f"{page_of(task)}cancel/"):
        assert browser(carol).get(address).status_code == 404
        assert browser().get(address).status_code == 302


@pytest.mark.parametrize(("action", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_its_submitter_stops_it_with_a_button(
    browser: Browser, split: Callable[..., Task], bob: User, action: str, status: str
) -> None:
    task = split(count=1)
    bobs = browser(bob)
    assert f'action="{page_of(task)}pause/"' in bobs.get(page_of(task)).content.decode()
    assert bobs.post(f"{page_of(task)}{action}/").url == page_of(task)
    task.refresh_from_db()
    assert task.status == status


def test_a_paused_task_is_resumed(browser: Browser, split: Callable[..., Task], bob: User) -> None:
    task = split(count=1)
    bobs = browser(bob)
    bobs.post(f"{page_of(task)}pause/")
    assert "Resume" in words(bobs.get(page_of(task)))
    bobs.post(f"{page_of(task)}resume/")
    task.refresh_from_db()
    assert task.status == "running"


def test_a_task_that_is_being_concluded_can_be_cancelled_but_not_paused(
    browser: Browser, split: Callable[..., Task], bob: User
) -> None:
    task = split(count=1)
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.AGGREGATING)
    bobs = browser(bob)
    page = bobs.get(page_of(task)).content.decode()
    assert f"{page_of(task)}cancel/" in page
    assert f"{page_of(task)}pause/" not in page
    assert bobs.post(f"{page_of(task)}cancel/").url == page_of(task)
    task.refresh_from_db()
    assert task.status == states.CANCELLED


def test_cancelling_asks_first_and_says_what_goes(
    browser: Browser,
    split: Callable[..., Task],
    work: Callable[[Worker], int],
    laptop: Worker,
    bob: User,
) -> None:
    task = split(count=3)
    work(laptop)
    assert "3 of 3 subtasks are done." in words(browser(bob).get(f"{page_of(task)}cancel/"))


def test_another_member_sees_it_without_buttons(
    browser: Browser, split: Callable[..., Task], group: Group, carol: User
) -> None:
    task = split(count=1)
    Membership.objects.create(group=group, user=carol)
    assert "pause/" not in browser(carol).get(page_of(task)).content.decode()
    assert browser(carol).post(f"{page_of(task)}pause/").status_code == 403


def test_all_events_are_on_a_page_of_their_own(
    browser: Browser,
    split: Callable[..., Task],
    work: Callable[[Worker], int],
    laptop: Worker,
    bob: User,
) -> None:
    task = split(count=3)
    work(laptop)
    seen = words(browser(bob).get(f"{page_of(task)}events/"))
    assert "alice / laptop took 1 subtask." in seen
    assert "Leased" in seen


def test_a_thousand_contributions_do_not_fill_the_page(
    browser: Browser,
    split: Callable[..., Task],
    alice: User,
    bob: User,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    task = split(count=3)
    machines = Worker.objects.bulk_create(
        Worker(owner=alice, name=f"machine {n}") for n in range(300)
    )
    Contribution.objects.bulk_create(
        Contribution(task=task, worker=machine, subtasks=1) for machine in machines
    )
    Task.objects.filter(pk=task.pk).update(status="succeeded")
    bobs = browser(bob)
    bobs.get("/groups/")  # the session is in the cache after that
    with django_assert_max_num_queries(11):
        answer = bobs.get(page_of(task))
    assert answer.content.decode().count('id="row-') == 100
    assert "300 workers, the first 100" in words(answer)
