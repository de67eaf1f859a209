"""What moderators do goes through services, asks first, and is always recorded."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts import services as accounts
from accounts.models import AuditEntry, Notification, Session, User, WorkerToken
from firmlight.admin_site.roles import MODERATORS, keep_moderators
from groups import services as groups
from groups.models import Group, Invitation
from tasks.models import Standing, Task, Worker
from tasks.queue import lifecycle, sweeping
from tasks.services.finish import fail_task
from tasks.services.split import split_task
from tasks.services.standing import note_agreement, note_disagreement
from tests.firmlight.admin_site.test_pages import MODELS, page
from tests.tasks.conftest import compute

ACTIONS = sorted(
    (model._meta.label, name)
    for model, one in admin.site._registry.items()
    for name in getattr(one, "admin_actions", ())
)


def address(row, name: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


@pytest.fixture
def do(browser, moderator):
    """do(row, "block", reason="…"): a moderator confirms the action on the row's page.

    Returns the messages that the moderator then sees.
    """

    def over_http(row, name: str, by: User | None = None, **fields: str) -> str:
        answer = browser(by or moderator).post(
            address(row, name), {"confirmed": "yes", **fields}, follow=True
        )
        return " ".join(str(message) for message in answer.context["messages"])

    return over_http


def notified(user: User) -> list[str]:
    return list(
        Notification.objects.filter(user=user).order_by("created").values_list("code", flat=True)
    )


def test_an_action_asks_first_and_a_link_alone_does_nothing(browser, moderator, bob):
    answer = browser(moderator).get(address(bob, "block"))
    assert "They can no longer log in" in answer.text
    assert "csrfmiddlewaretoken" in answer.text
    browser(moderator).get(address(bob, "block"), {"confirmed": "yes"})
    browser(moderator).post(address(bob, "block"))
    bob.refresh_from_db()
    assert bob.is_active


def test_an_action_without_a_csrf_token_is_refused(moderator, bob):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(moderator)
    assert client.post(address(bob, "block"), {"confirmed": "yes"}).status_code == 403
    bob.refresh_from_db()
    assert bob.is_active


def test_an_action_on_several_rows_asks_once_and_records_each(
    browser, moderator, alice, bob, records
):
    client = browser(moderator)
    form = {"action": "block", "_selected_action": [str(alice.pk), str(bob.pk)]}
    asked = client.post(page("accounts.User"), form)
    assert asked.text.count('name="_selected_action"') == 2
    client.post(page("accounts.User"), {**form, "confirmed": "yes", "reason": "spam"})
    assert not User.objects.filter(pk__in=[alice.pk, bob.pk], is_active=True).exists()
    assert sorted(records()) == [("mona", "user_blocked", "alice"), ("mona", "user_blocked", "bob")]
    assert AuditEntry.objects.first().details == {"reason": "spam"}


def test_a_refused_action_shows_why_and_is_not_recorded(do, bob, superuser, records):
    accounts.block_user(bob, by=superuser)
    before = records()
    assert "blocked already" in do(bob, "block")
    assert records() == before


@pytest.mark.parametrize(("label", "name"), ACTIONS)
def test_every_action_needs_the_permission_to_change(browser, make_user, group, label, name):
    clerk = make_user("clerk")
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    model = MODELS[label]
    view = Permission.objects.get(
        codename=f"view_{model._meta.model_name}", content_type__app_label=model._meta.app_label
    )
    clerk.user_permissions.add(view)
    where = reverse(f"admin:{label.lower().replace('.', '_')}_{name}", args=[group.pk])
    assert browser(clerk).post(where, {"confirmed": "yes"}).status_code == 403


@pytest.mark.parametrize("name", ["block", "end_sessions", "delete_account"])
@pytest.mark.parametrize("victim", ["moderator", "superuser", "colleague"])
def test_a_moderator_cannot_act_on_themselves_or_on_other_staff(
    request, do, make_user, name, victim
):
    colleague = make_user("colin")
    User.objects.filter(pk=colleague.pk).update(is_staff=True)
    user = colleague if victim == "colleague" else request.getfixturevalue(victim)
    api_session = accounts.open_session(user)
    assert "done" not in do(user, name)
    assert User.objects.filter(pk=user.pk, is_active=True).exists()
    assert accounts.refresh_session(api_session.refresh)


def test_a_moderator_cannot_become_a_superuser(browser, moderator):
    client = browser(moderator)
    for where in (page("accounts.User", "change", moderator.pk), page("accounts.User", "add")):
        assert client.post(where, {"username": "mona", "is_superuser": "on"}).status_code == 403
    assert client.get(f"/admin/accounts/user/{moderator.pk}/password/").status_code == 403
    moderator.refresh_from_db()
    assert not moderator.is_superuser


def test_a_superuser_gives_a_role_and_changes_nothing_else(browser, superuser, bob, records):
    User.objects.filter(pk=bob.pk).update(password="as it is")
    form = {
        "username": "bob",
        "email": "bob@example.org",
        "is_staff": "on",
        "groups": [Role.objects.get().pk],
    }
    browser(superuser).post(page("accounts.User", "change", bob.pk), form)
    bob.refresh_from_db()
    assert (bob.is_staff, bob.is_active, bob.password) == (True, True, "as it is")
    assert bob.groups.get().name == MODERATORS
    assert records() == [("root", "user_changed", "bob")]


def test_blocking_ends_sessions_and_keeps_the_worker_out(do, bob, api):
    client = api(bob)
    do(bob, "block", reason="spam")
    assert client.get("/api/users/me/").status_code == 401
    do(bob, "unblock")
    assert api(bob).get("/api/users/me/").status_code == 200


def test_sessions_and_worker_tokens_are_ended_one_by_one(do, bob, api, records):
    client = api(bob)
    token, _ = accounts.create_worker_token(owner=bob, name="attic")
    do(Session.objects.get(user=bob), "revoke")
    do(token, "revoke")
    assert client.get("/api/users/me/").status_code == 401
    assert not WorkerToken.objects.live().exists()
    assert [action for _, action, _ in records()] == ["session_ended", "worker_token_revoked"]


def test_a_running_task_is_cancelled_and_its_creator_notified_why(do, split, bob, records):
    task = split()
    do(task, "cancel", reason="it mines coins")
    task.refresh_from_db()
    assert (task.status, sweeping.tasks_with_state(task.group_id)) == ("cancelled", [])
    assert "it mines coins" in Notification.objects.get(user=bob).text
    assert "cancelled already" in do(task, "cancel")
    assert records() == [("mona", "task_cancelled", task.title)]


def test_a_failed_task_is_submitted_again_with_its_input_and_only_once(
    do, split, work, laptop, bob
):
    task = split(count=3)
    fail_task(task, "x", "Something broke.")
    assert "done" in do(task, "submit_again")
    assert "no longer held" in do(task, "submit_again")
    again = Task.objects.exclude(pk=task.pk).get()
    assert (again.status, again.creator, again.title) == ("queued", bob, task.title)
    split_task(str(again.pk))
    assert work(laptop) == 3
    assert notified(bob) == ["task_failed", "task_submitted_again"]


def test_the_page_says_why_a_task_cannot_be_submitted_again(do, split, bob, group):
    task = split()
    assert "this one is running" in do(task, "submit_again")
    fail_task(task, "x", "Something broke.")
    group.memberships.filter(user=bob).delete()
    assert "has left the group" in do(task, "submit_again")
    accounts.remove_user(bob)
    assert "no account any more" in do(task, "submit_again")


def test_only_a_failed_task_keeps_its_input_for_a_while(split, settings):
    failed, cancelled = split(), split()
    fail_task(failed, "x", "Something broke.")
    lifecycle.close(cancelled.group_id, cancelled.pk).now()
    from core import redis

    left = [name for name in redis.connect().scan_iter("*input") if b"input" in name]
    assert left == [f"fl:{{{failed.group_id}}}:t:{failed.pk}:failed-input".encode()]
    assert 0 < redis.connect().ttl(left[0]) <= settings.FAILED_INPUT_HOURS * 3600


def test_a_blocked_worker_gets_no_work_and_its_owner_cannot_unblock_it(
    do, laptop, alice, api, records
):
    do(laptop, "block", reason="it sends rubbish")
    laptop.refresh_from_db()
    assert laptop.suspended_reason == "A moderator has blocked it. Reason: it sends rubbish"
    assert api(alice).patch(f"/api/workers/{laptop.pk}/", {"suspended": False}).status_code == 403
    assert "only they can" in do(laptop, "let_back")
    do(laptop, "unblock")
    laptop.refresh_from_db()
    assert (laptop.suspended_reason, laptop.suspended, notified(alice)) == (
        "",
        None,
        ["worker_blocked", "worker_unblocked"],
    )
    assert [action for _, action, _ in records()] == ["worker_blocked", "worker_unblocked"]


def test_standing_that_was_lost_is_restored_once(do, group, bob, records):
    note_disagreement(group.pk, bob.pk, "MEAN", "1", expected="1", came="2")
    row = Standing.objects.get()
    assert "restore standing, done" in do(row, "restore", reason="The memory is replaced.")
    assert "trusted already" in do(row, "restore")
    row.refresh_from_db()
    assert row.is_trusted
    label = "bob in Lab Seven: MEAN 1"
    assert records() == [("", "standing_lost", label), ("mona", "standing_restored", label)]
    assert notified(bob) == ["wrong_result", "standing_restored"]


def test_a_members_results_are_taken_out_of_running_tasks(
    do, split, lease, laptop, alice, group, records
):
    task = split(count=1, verify="none")
    compute(lease(laptop), laptop)
    note_agreement(group.pk, alice.pk, "ECHO", task.kind_version, n=12)
    row = Standing.objects.get()
    assert "take results out, done" in do(row, "take_out", reason="The memory is broken.")
    assert "Nothing that this member computed" in do(row, "take_out")
    row.refresh_from_db()
    assert not row.is_trusted
    assert records() == [("mona", "results_taken_out", task.title)]
    assert "results_taken_out" in notified(alice)


def test_a_suspended_worker_is_let_back_and_any_worker_is_drained(do, laptop, records):
    Worker.objects.filter(pk=laptop.pk).update(
        suspended="2026-01-01T00:00Z", suspended_reason="It failed."
    )
    do(laptop, "let_back")
    do(laptop, "drain")
    laptop.refresh_from_db()
    assert laptop.suspended_reason == ""
    assert [action for _, action, _ in records()] == ["worker_let_back", "worker_drained"]


def test_a_group_is_deleted_with_all_that_runs_in_it(do, split, group, alice, bob, records):
    split()
    do(group, "close", reason="spam")
    assert not Group.objects.exists()
    assert not sweeping.tasks_with_state(group.pk)
    assert "group_deleted" in notified(alice)
    assert records() == [("mona", "group_deleted", "Lab Seven")]


def test_a_superuser_deletes_an_account_and_a_moderator_cannot(do, superuser, bob, records):
    assert "Only a superuser" in do(bob, "delete_account")
    do(bob, "delete_account", by=superuser)
    assert not User.objects.filter(pk=bob.pk).exists()
    assert ("root", "user_deleted", "bob") in records()


def test_the_history_of_a_row_is_the_audit_log(do, browser, moderator, bob):
    do(bob, "block")
    answer = browser(moderator).get(page("accounts.User", "history", bob.pk), follow=True)
    assert answer.redirect_chain
    assert "user_blocked" in answer.text


def test_the_role_is_completed_and_never_cut_down(db):
    role = Role.objects.get(name=MODERATORS)
    some, extra = role.permissions.first(), Permission.objects.get(codename="delete_user")
    role.permissions.remove(some)
    role.permissions.add(extra)
    keep_moderators()
    keep_moderators()
    assert {some, extra} <= set(role.permissions.all())
    assert Role.objects.count() == 1


def test_a_moderator_may_not_read_or_change_roles_or_periodic_tasks(browser, moderator, superuser):
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    every = IntervalSchedule.objects.create(every=1, period="seconds")
    sweep = PeriodicTask.objects.create(name="sweep", task="tasks.sweep", interval=every)
    assert browser(moderator).get(page("auth.Group")).status_code == 403
    assert browser(moderator).get(page("django_celery_beat.PeriodicTask")).status_code == 200
    assert (
        browser(moderator).post(address(sweep, "disable"), {"confirmed": "yes"}).status_code == 403
    )
    browser(superuser).post(address(sweep, "disable"), {"confirmed": "yes"})
    sweep.refresh_from_db()
    assert not sweep.enabled


def test_a_groups_texts_are_cleared_and_its_leaders_notified(do, group, alice, records):
    do(group, "clear_words")
    group.refresh_from_db()
    assert (group.name, group.description) == (f"Group {group.pk.hex[:12]}", "")
    assert "group_words_cleared" in notified(alice)
    assert records() == [("mona", "group_words_cleared", "Lab Seven")]


def test_an_invitation_and_a_link_are_withdrawn(do, group, alice, carol, api, records):
    groups.invite(inviter=alice, group_id=group.pk, usernames=["carol"])
    link, code = groups.make_link(maker=alice, group_id=group.pk, days=1, uses=1)
    invitation = Invitation.objects.get()
    do(invitation, "withdraw")
    do(link, "withdraw")
    assert api(carol).post(f"/api/invitations/{invitation.pk}/accept/").status_code == 409
    assert api(carol).post("/api/groups/join/", {"code": code}).status_code == 404
    assert "answered already" in do(invitation, "withdraw") or "withdrawn" in do(
        invitation, "withdraw"
    )
    assert [action for who, action, _ in records() if who == "mona"] == [
        "invitation_withdrawn",
        "link_withdrawn",
    ]


def test_the_page_of_a_row_offers_the_actions_that_make_sense(
    browser, moderator, superuser, bob, laptop, split
):
    def offered(row, by=moderator) -> set[str]:
        text = browser(by).get(page(row._meta.label, "change", row.pk)).text
        return {
            name
            for label, name in ACTIONS
            if label == row._meta.label and address(row, name) in text
        }

    assert offered(bob) == {"block", "end_sessions"}
    assert offered(bob, superuser) == {"block", "end_sessions", "delete_account"}
    assert offered(superuser) == offered(moderator) == set()
    assert (offered(laptop), offered(split())) == ({"block", "drain"}, {"cancel"})
