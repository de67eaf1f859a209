"""What a blocked user cannot do, who may block whom, and what the audit log keeps."""

import pytest

from accounts import selectors, services
from accounts.models import AuditEntry, Session, User
from core.errors import Conflict, Forbidden
from tests.conftest import PASSWORD

ME = "/api/users/me/"


@pytest.fixture
def moderator(make_user):
    user = make_user("mo")
    user.is_staff = True
    user.save()
    return user


def test_a_blocked_user_gets_in_nowhere(alice, moderator, api, log_in, bearing, sign_in, emails):
    pair, browser = log_in("alice"), sign_in(alice)
    token = services.create_worker_token(owner=alice, name="attic")[1]
    services.block_user(alice, moderator, "spam")
    assert bearing(pair["access"]).get(ME).status_code == 401
    assert browser.get(ME).status_code == 401
    assert api().post("/api/auth/refresh/", {"refresh": pair["refresh"]}).status_code == 401
    assert (
        api().post("/api/auth/login/", {"login": "alice", "password": PASSWORD}).status_code == 401
    )
    assert selectors.bearer(token) is None
    services.ask_password_reset("alice@example.org")
    assert emails() == []
    form = {"username": "alice", "password": PASSWORD}
    assert browser.post("/admin/login/", form).status_code == 200, "the form again"


def test_it_looks_like_a_wrong_password(alice, moderator, api):
    services.block_user(alice, moderator)
    blocked = api().post("/api/auth/login/", {"login": "alice", "password": PASSWORD})
    assert (
        blocked.content
        == api().post("/api/auth/login/", {"login": "alice", "password": "wrong"}).content
    )


def test_an_unblocked_user_logs_in_and_their_machines_work_again(alice, moderator, log_in, bearing):
    old, token = log_in("alice"), services.create_worker_token(owner=alice, name="attic")[1]
    services.block_user(alice, moderator)
    services.unblock_user(User.objects.get(pk=alice.pk), moderator)
    assert bearing(old["access"]).get(ME).status_code == 401
    assert selectors.bearer(token)
    log_in("alice")


def test_both_are_in_the_audit_log(alice, moderator):
    services.block_user(alice, moderator, "spam")
    services.unblock_user(alice, moderator)
    back, out = AuditEntry.objects.all()
    assert (out.action, out.actor_name, out.target_id) == ("user_blocked", "mo", str(alice.pk))
    assert (out.target_type, out.target_label, out.details) == ("user", "alice", {"reason": "spam"})
    assert back.action == "user_unblocked"


def test_what_is_so_already_is_a_conflict(alice, moderator):
    with pytest.raises(Conflict):
        services.unblock_user(alice, moderator)
    services.block_user(alice, moderator)
    with pytest.raises(Conflict):
        services.block_user(alice, moderator)
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("by", "whom", "may"),
    [
        ("plain", "alice", False),
        ("mo", "alice", True),
        ("mo", "mo", False),
        ("mo", "other", False),
        ("mo", "root", False),
        ("root", "other", True),
        ("root", "root", False),
        ("gone", "alice", False),
    ],
)
def test_who_may_block_whom(alice, moderator, make_user, by, whom, may):
    make_user("plain")
    for name, rights in {
        "other": {"is_staff": True},
        "root": {"is_staff": True, "is_superuser": True},
        "gone": {"is_staff": True, "is_active": False},
    }.items():
        make_user(name)
        User.objects.filter(username=name).update(**rights)
    actor, target = User.objects.get(username=by), User.objects.get(username=whom)
    services.open_session(target)
    if may:
        services.block_user(target, actor)
    else:
        with pytest.raises(Forbidden):
            services.block_user(target, actor)
    assert User.objects.get(pk=target.pk).is_active is not may
    assert Session.objects.live().exists() is not may
