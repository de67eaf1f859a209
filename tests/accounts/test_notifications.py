"""Notifications: as their owner, a stranger and a visitor see them."""

from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.jobs import purge
from accounts.models import Notification
from accounts.notifications import notify
from tests.support.racing import race

LIST = "/api/notifications/"


@pytest.fixture
def leave():
    """leave(alice, bob, text="Hello."): each of them gets a notification.

    Without `text` each call says something else, because what is said again is not left twice.
    """
    numbers = count()

    def to(*users, text="", **about):
        text = text or f"Task {next(numbers)} has failed."
        notify([user.pk for user in users], code="task_failed", level="error", text=text, **about)

    return to


def address(notification, verb=""):
    return f"{LIST}{notification.pk}/{verb}"


def test_notifications_wait_for_their_user_the_newest_first(alice, bob, api, leave):
    group, task = uuid4(), uuid4()
    leave(alice, bob, text="First.")
    leave(alice, text="Second.", group=group, task=task)
    answer = api(alice).get(LIST).json()
    assert [row["text"] for row in answer["results"]] == ["Second.", "First."]
    newest, oldest = answer["results"]
    assert newest.keys() == {"id", "level", "code", "text", "group", "task", "created", "read"}
    assert (newest["level"], newest["code"], newest["read"]) == ("error", "task_failed", None)
    assert (newest["group"], newest["task"]) == (str(group), str(task))
    assert (oldest["group"], oldest["task"]) == (None, None)
    assert api(bob).get(LIST).json()["count"] == 1


def test_everybody_sees_only_their_own(alice, bob, api, leave):
    leave(alice)
    assert api(bob).get(LIST).json()["count"] == 0
    assert api().get(LIST).status_code == 401


def test_the_list_comes_in_pages_and_costs_few_queries(
    alice, api, leave, django_assert_max_num_queries
):
    for _ in range(5):
        leave(alice)
    client = api(alice)
    with django_assert_max_num_queries(4):
        answer = client.get(LIST, {"page_size": 2}).json()
    assert (answer["count"], len(answer["results"]), answer["unread"]) == (5, 2, 5)


def test_reading_is_noted_once(alice, api, leave):
    leave(alice)
    row, client = Notification.objects.get(), api(alice)
    assert client.post(address(row, "read/")).status_code == 204
    first = Notification.objects.get().read
    assert client.post(address(row, "read/")).status_code == 204
    assert Notification.objects.get().read == first
    assert client.get(LIST).json()["results"][0]["read"]


def test_all_are_marked_read(alice, bob, api, leave):
    leave(alice, bob)
    leave(alice)
    client = api(alice)
    assert client.post(address(alice.notifications.first(), "read/")).status_code == 204
    assert client.get(LIST).json()["unread"] == 1
    assert client.post(f"{LIST}read/").status_code == 204
    assert (client.get(LIST).json()["unread"], api(bob).get(LIST).json()["unread"]) == (0, 1)
    assert api().post(f"{LIST}read/").status_code == 401


@pytest.mark.parametrize(
    ("unread", "texts"), [("true", ["new"]), ("false", ["old"]), ("", ["new", "old"])]
)
def test_those_not_read_yet_can_be_asked_for(alice, api, leave, unread, texts):
    leave(alice, text="old")
    api(alice).post(address(Notification.objects.get(), "read/"))
    leave(alice, text="new")
    assert [
        row["text"] for row in api(alice).get(LIST, {"unread": unread}).json()["results"]
    ] == texts


def test_one_is_deleted_or_all_of_them(alice, bob, api, leave):
    for _ in range(3):
        leave(alice, bob)
    client, row = api(alice), alice.notifications.first()
    assert client.delete(address(row)).status_code == 204
    assert client.delete(address(row)).status_code == 404
    assert client.get(LIST).json()["count"] == 2
    assert client.delete(LIST).status_code == 204
    assert [api(user).get(LIST).json()["count"] for user in (alice, bob)] == [0, 3]


@pytest.mark.parametrize(("method", "verb"), [("post", "read/"), ("delete", "")])
def test_a_strangers_notification_is_not_found(alice, bob, api, leave, method, verb):
    leave(alice)
    row = Notification.objects.get()
    answer = getattr(api(bob), method)(address(row, verb))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert getattr(api(), method)(address(row, verb)).status_code == 401
    assert getattr(api(alice), method)(f"{LIST}{uuid4()}/{verb}").status_code == 404
    row.refresh_from_db()
    assert row.read is None


def test_nobody_deletes_without_a_token(alice, api, leave):
    leave(alice)
    assert api().delete(LIST).status_code == 401
    assert Notification.objects.exists()


def test_deleted_users_are_skipped(alice, bob, leave):
    gone = type(alice)(pk=uuid4())
    leave(alice, gone, bob)
    assert set(Notification.objects.values_list("user", flat=True)) == {alice.pk, bob.pk}


def test_a_user_named_twice_is_notified_once_and_nobody_is_no_error(alice, leave):
    leave(alice, alice)
    leave()
    assert Notification.objects.count() == 1


def test_telling_many_costs_two_queries(make_user, leave, django_assert_max_num_queries):
    users = [make_user(f"user{i}") for i in range(20)]
    with django_assert_max_num_queries(4):  # and the savepoint of bulk_create
        leave(*users)
    assert Notification.objects.count() == 20


def test_a_text_that_is_too_long_is_cut(alice, leave):
    leave(alice, text="x" * 400)
    assert Notification.objects.get().text == "x" * 300


def test_old_ones_are_deleted_by_the_hourly_purge(alice, leave, settings):
    settings.NOTIFICATION_DAYS = 2
    leave(alice, text="old")
    Notification.objects.update(created=timezone.now() - timedelta(days=2.1))
    leave(alice, text="new")
    purge()
    assert Notification.objects.get().text == "new"


def test_simultaneous_reading_and_deleting_is_harmless(transactional_db, alice, api, leave):
    leave(alice)
    row, client = Notification.objects.get(), api(alice)
    answers = race(lambda: client.post(address(row, "read/")), lambda: client.delete(address(row)))
    assert [answers[0].status_code in (204, 404), answers[1].status_code] == [True, 204]
    assert not Notification.objects.exists()


def texts(user):
    return list(Notification.objects.filter(user=user).values_list("text", flat=True))


def test_what_is_said_again_is_not_left_twice(alice, bob, leave):
    leave(alice, text="Bob invites you.")
    leave(alice, text="Something else.")
    leave(alice, bob, text="Bob invites you.")
    assert texts(alice) == ["Bob invites you.", "Something else."]
    assert texts(bob) == ["Bob invites you."]


def test_about_something_else_it_is_another_one(alice, leave):
    for about in ({"task": uuid4()}, {"task": uuid4()}, {"group": uuid4()}, {}):
        leave(alice, text="It has ended.", **about)
    assert len(texts(alice)) == 4


def test_after_it_was_read_it_is_left_again(alice, api, leave):
    leave(alice, text="Bob invites you.")
    api(alice).post(f"{LIST}read/")
    leave(alice, text="Bob invites you.")
    assert len(texts(alice)) == 2


def test_an_inbox_is_bounded_and_what_was_read_goes_first(settings, alice, bob, api, leave):
    settings.NOTIFICATIONS_PER_USER_MAX = 3
    for text in ("1", "2", "3"):
        leave(alice, bob, text=text)
    second = Notification.objects.get(user=alice, text="2")
    api(alice).post(address(second, "read/"))
    leave(alice, text="4")
    assert texts(alice) == ["4", "3", "1"]
    leave(alice, text="5")
    assert texts(alice) == ["5", "4", "3"]
    assert texts(bob) == ["3", "2", "1"]


def test_a_flood_from_one_group_pushes_out_itself(settings, alice, leave):
    settings.NOTIFICATIONS_PER_USER_MAX = 5
    mine, evil = uuid4(), uuid4()
    leave(alice, text="Your task has failed.", group=mine)
    for number in range(20):
        leave(alice, text=f"Mallory has left the group, {number}.", group=evil)
    assert len(texts(alice)) == 5
    assert texts(alice)[-1] == "Your task has failed."
    assert texts(alice)[0].endswith("19.")


def test_simultaneous_notifications_stay_within_the_bound(settings, transactional_db, alice, leave):
    settings.NOTIFICATIONS_PER_USER_MAX = 3
    race(*[lambda n=n: leave(alice, text=str(n)) for n in range(8)])
    leave(alice, text="last")
    assert len(texts(alice)) == 3


def test_whoever_invites_and_withdraws_fills_no_inbox(group, alice, carol, api, settings):
    settings.INVITATIONS_PER_PAIR_DAY_MAX = 1000
    client, invitations = api(alice), f"/api/groups/{group.pk}/invitations/"
    for _ in range(10):
        (answer,) = client.post(invitations, {"usernames": ["carol"]}).json()
        client.delete(f"{invitations}{answer['invitation']}/")
    assert len(texts(carol)) == 2
