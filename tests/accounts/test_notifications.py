"""What people are told: the owner of a notification, a stranger, nobody."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.jobs import purge
from accounts.models import Notification
from accounts.notifications import notify
from tests.support.racing import race

LIST = "/api/notifications/"


@pytest.fixture
def tell():
    """tell(alice, bob, text="Hello."): each of them has been told."""

    def say(*users, text="The task has failed.", **about):
        notify([user.pk for user in users], code="task_failed", level="error", text=text, **about)

    return say


def address(notification, verb=""):
    return f"{LIST}{notification.pk}/{verb}"


def test_what_people_are_told_waits_for_them_the_newest_first(alice, bob, api, tell):
    group, task = uuid4(), uuid4()
    tell(alice, bob, text="First.")
    tell(alice, text="Second.", group=group, task=task)
    answer = api(alice).get(LIST).json()
    assert [row["text"] for row in answer["results"]] == ["Second.", "First."]
    newest, oldest = answer["results"]
    assert newest.keys() == {"id", "level", "code", "text", "group", "task", "created", "read"}
    assert (newest["level"], newest["code"], newest["read"]) == ("error", "task_failed", None)
    assert (newest["group"], newest["task"]) == (str(group), str(task))
    assert (oldest["group"], oldest["task"]) == (None, None)
    assert api(bob).get(LIST).json()["count"] == 1


def test_everybody_sees_his_own_only(alice, bob, api, tell):
    tell(alice)
    assert api(bob).get(LIST).json()["count"] == 0
    assert api().get(LIST).status_code == 401


def test_the_list_comes_in_pages_and_costs_few_queries(
    alice, api, tell, django_assert_max_num_queries
):
    for _ in range(5):
        tell(alice)
    client = api(alice)
    with django_assert_max_num_queries(4):
        answer = client.get(LIST, {"page_size": 2}).json()
    assert (answer["count"], len(answer["results"]), answer["unread"]) == (5, 2, 5)


def test_reading_is_noted_once(alice, api, tell):
    tell(alice)
    row, client = Notification.objects.get(), api(alice)
    assert client.post(address(row, "read/")).status_code == 204
    first = Notification.objects.get().read
    assert client.post(address(row, "read/")).status_code == 204
    assert Notification.objects.get().read == first
    assert client.get(LIST).json()["results"][0]["read"]


def test_all_are_read_at_once(alice, bob, api, tell):
    tell(alice, bob)
    tell(alice)
    client = api(alice)
    assert client.post(address(alice.notifications.first(), "read/")).status_code == 204
    assert client.get(LIST).json()["unread"] == 1
    assert client.post(f"{LIST}read/").status_code == 204
    assert (client.get(LIST).json()["unread"], api(bob).get(LIST).json()["unread"]) == (0, 1)
    assert api().post(f"{LIST}read/").status_code == 401


@pytest.mark.parametrize(
    ("unread", "texts"), [("true", ["new"]), ("false", ["old"]), ("", ["new", "old"])]
)
def test_those_not_read_yet_can_be_asked_for(alice, api, tell, unread, texts):
    tell(alice, text="old")
    api(alice).post(address(Notification.objects.get(), "read/"))
    tell(alice, text="new")
    assert [
        row["text"] for row in api(alice).get(LIST, {"unread": unread}).json()["results"]
    ] == texts


def test_one_is_deleted_or_all_of_them(alice, bob, api, tell):
    for _ in range(3):
        tell(alice, bob)
    client, row = api(alice), alice.notifications.first()
    assert client.delete(address(row)).status_code == 204
    assert client.delete(address(row)).status_code == 404
    assert client.get(LIST).json()["count"] == 2
    assert client.delete(LIST).status_code == 204
    assert [api(user).get(LIST).json()["count"] for user in (alice, bob)] == [0, 3]


@pytest.mark.parametrize(("method", "verb"), [("post", "read/"), ("delete", "")])
def test_a_strangers_notification_is_not_found(alice, bob, api, tell, method, verb):
    tell(alice)
    row = Notification.objects.get()
    answer = getattr(api(bob), method)(address(row, verb))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert getattr(api(), method)(address(row, verb)).status_code == 401
    assert getattr(api(alice), method)(f"{LIST}{uuid4()}/{verb}").status_code == 404
    row.refresh_from_db()
    assert row.read is None


def test_nobody_deletes_without_a_token(alice, api, tell):
    tell(alice)
    assert api().delete(LIST).status_code == 401
    assert Notification.objects.exists()


def test_who_has_no_account_any_more_is_passed_over(alice, bob, tell):
    gone = type(alice)(pk=uuid4())
    tell(alice, gone, bob)
    assert set(Notification.objects.values_list("user", flat=True)) == {alice.pk, bob.pk}


def test_who_is_named_twice_is_told_once_and_nobody_is_no_error(alice, tell):
    tell(alice, alice)
    tell()
    assert Notification.objects.count() == 1


def test_telling_many_costs_two_queries(make_user, tell, django_assert_max_num_queries):
    users = [make_user(f"user{i}") for i in range(20)]
    with django_assert_max_num_queries(4):  # and the savepoint of bulk_create
        tell(*users)
    assert Notification.objects.count() == 20


def test_a_text_that_is_too_long_is_cut(alice, tell):
    tell(alice, text="x" * 400)
    assert Notification.objects.get().text == "x" * 300


def test_old_ones_go_with_the_hourly_purge(alice, tell, settings):
    settings.NOTIFICATION_DAYS = 2
    tell(alice, text="old")
    Notification.objects.update(created=timezone.now() - timedelta(days=2.1))
    tell(alice, text="new")
    purge()
    assert Notification.objects.get().text == "new"


def test_reading_and_deleting_at_once_do_each_other_no_harm(transactional_db, alice, api, tell):
    tell(alice)
    row, client = Notification.objects.get(), api(alice)
    answers = race(lambda: client.post(address(row, "read/")), lambda: client.delete(address(row)))
    assert [answers[0].status_code in (204, 404), answers[1].status_code] == [True, 204]
    assert not Notification.objects.exists()
