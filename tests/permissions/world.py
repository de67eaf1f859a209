"""One of everything, and one person of every sort: whom the matrix asks, and about what."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group as Role
from django.db.models import QuerySet
from django.test import Client

from accounts import notifications
from accounts import services as accounts
from accounts.models import Notification, Session, User, WorkerToken
from accounts.tokens import Pair
from core import beat
from firmlight.admin_site.roles import MODERATORS
from groups import services as groups
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership
from tasks.models import Task, Worker
from tasks.services.standing import note_agreement
from tasks.services.submit import submit_task
from tests.conftest import PASSWORD

WHO = ("anonymous", "stranger", "invited", "member", "moderator", "owner", "blocked", "staff")
PEOPLE = WHO[1:]
SPARE = ("asker", "other")  # whom things are about


class World:
    """`people[who]`, `pairs[who]` (tokens), and the things that addresses name.

    The owner owns all of them: task, worker, tokens, notification. The group lets strangers ask;
    "asker" has.
    """

    def __init__(self) -> None:
        self.people = {
            name: User.objects.create_user(name, f"{name}@example.org", PASSWORD)
            for name in PEOPLE + SPARE
        }
        owner = self.people["owner"]
        self.group = groups.create_group(owner=owner, name="Lab Seven", joining="ask")
        for name in ("member", "moderator", "blocked", "other"):
            role = "moderator" if name == "moderator" else "member"
            Membership.objects.create(group=self.group, user=self.people[name], role=role)
        groups.create_group(owner=self.people["stranger"], name="Elsewhere")
        groups.invite(inviter=owner, group_id=self.group.pk, usernames=["invited"])
        groups.ask_to_join(user=self.people["asker"], group_id=self.group.pk)
        _, self.code = groups.make_link(maker=owner, group_id=self.group.pk, days=1, uses=9)
        self.task = submit_task(
            author=owner, group=self.group.pk, kind="ECHO", params={"count": 3}, title="Errand"
        )
        self.worker = Worker.objects.create(owner=owner, name="tower")
        for who in ("owner", "other"):
            note_agreement(self.group.pk, self.people[who].pk, "ECHO", "1", n=12)
        notifications.notify([owner.pk], code="x", level="info", text="Something happened.")
        self.worker_tokens = {
            name: accounts.create_worker_token(owner=user, name="x")[1]
            for name, user in self.people.items()
        }
        self.pairs: dict[str, Pair] = {
            name: accounts.open_session(user) for name, user in self.people.items()
        }
        self.cookies: dict[str, str] = {}
        self.cookie("blocked")  # from before the block; there is none afterwards
        self._set_apart()
        beat.note_tick()

    def _set_apart(self) -> None:
        User.objects.filter(username="staff").update(is_staff=True)
        self.people["staff"].groups.add(Role.objects.get(name=MODERATORS))
        User.objects.filter(username="blocked").update(is_active=False)

    def cookie(self, who: str) -> str:
        """The key of their browser's session."""
        if who not in self.cookies:
            client = Client()
            client.force_login(self.people[who])
            self.cookies[who] = client.cookies[settings.SESSION_COOKIE_NAME].value
        return self.cookies[who]

    def refresh(self, who: str) -> str:
        """Their refresh token; nobody's is none."""
        return self.pairs[who].refresh if who in self.pairs else "none"

    def key(self, route: str, part: str) -> Any:
        """What a part of an address stands for, e.g. "pk" in api/tasks/<uuid:pk>/."""
        words = {
            "slug": "reference/protocol",
            "uid": "nobody",
            "token": "none",
            "name": "none",
            "code": self.code,
            "user": self.people["other"].pk,
        }
        if part in words:
            return words[part]
        names = [name for name in ("asked", "invitation", "link") if name == part] or [
            prefix for prefix in self.things() if route.removeprefix("api/").startswith(prefix)
        ]
        return self.things()[max(names, key=len)].values_list("pk", flat=True)[0]

    def things(self) -> dict[str, QuerySet[Any]]:
        """By the name of a part, or by the beginning of an address."""
        owner = self.people["owner"]
        invitations, requests = Invitation.objects.all(), JoinRequest.objects.all()
        return {
            "asked": requests,
            "invitation": invitations,
            "link": InviteLink.objects.all(),
            "groups/": Group.objects.filter(pk=self.group.pk),
            "groups/requests/": requests,
            "invitations/": invitations,
            "join-requests/": requests,
            "notifications/": Notification.objects.filter(user=owner),
            "sessions/": Session.objects.filter(user=owner),
            "profile/sessions/": Session.objects.filter(user=owner),
            "worker-tokens/": WorkerToken.objects.filter(owner=owner),
            "profile/tokens/": WorkerToken.objects.filter(owner=owner),
            "tasks/": Task.objects.filter(pk=self.task.pk),
            "workers/": Worker.objects.filter(pk=self.worker.pk),
        }
