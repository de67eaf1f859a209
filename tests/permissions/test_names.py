"""No name, title or description of people holds what a terminal obeys or what turns letters."""

from __future__ import annotations

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from firmlight_client import protocol
from tasks.models import Task, Worker
from tasks.queue import task_log
from tests.permissions import sockets
from tests.permissions.sockets import WORKER, line
from tests.permissions.test_frames import HELLO, frame_about, held_lease, word

EVIL = ("\x1b[2Jx", "gnp.\u202eexe", "la\u200bb", "\u2067abc", "a\x9bbc", "\ufeffabc")
TASK = {"group": "Lab Seven", "kind": "ECHO", "params": {"count": 1}}
PEOPLE = {"email": "dora@example.org", "password": "a-very-good-one-17"}
FIELDS = [
    ("/api/groups/", "name", {}),
    ("/api/groups/", "description", {"name": "Night shift"}),
    ("/api/tasks/", "title", TASK),
    ("/api/tasks/", "description", TASK),
    ("/api/worker-tokens/", "name", {}),
    ("/api/auth/device/", "name", {}),
    ("/api/auth/register/", "username", PEOPLE),
    ("/api/auth/register/", "email", {**PEOPLE, "username": "dora"}),
]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize(("address", "field", "more"), FIELDS)
def test_the_api_refuses_it_beside_its_field(api, alice, group, address, field, more, evil):
    said = f"dora@exa{evil}mple.org" if field == "email" else evil
    answer = api(alice).post(address, {**more, field: said})
    assert answer.status_code == 400
    assert (answer.json()["code"], list(answer.json()["fields"])) == ("invalid", [field])


@pytest.mark.parametrize("evil", EVIL)
def test_the_name_and_description_of_a_group_cannot_be_changed_to_it(api, alice, group, evil):
    for field in ("name", "description"):
        answer = api(alice).patch(f"/api/groups/{group.pk}/", {field: evil})
        assert list(answer.json()["fields"]) == [field]
    before = (group.name, group.description)
    group.refresh_from_db()
    assert (group.name, group.description) == before


@pytest.mark.parametrize("evil", EVIL)
def test_the_pages_refuse_it_beside_its_field(browser, alice, group, evil):
    whole = {"name": "Night shift", "description": "", "joining": "ask", "submitting": "members"}
    new_task = {"kind": "ECHO", "key": "k", "param-count": 1, "priority": "normal"}
    pages = [
        ("/groups/new/", "name", whole),
        ("/groups/new/", "description", whole),
        (f"/groups/{group.pk}/tasks/new/", "title", new_task),
        (f"/groups/{group.pk}/tasks/new/", "description", new_task),
        ("/profile/tokens/", "name", {}),
    ]
    for address, field, more in pages:
        answer = browser(alice).post(address, {**more, field: evil})
        assert answer.status_code == 422, (address, field)
        assert "cannot be seen" in answer.content.decode(), (address, field)
    assert not Task.objects.exists() and not alice.worker_tokens.exists()


@pytest.mark.parametrize(
    ("address", "field", "more"), [one for one in FIELDS if one[1] in ("name", "title")]
)
def test_the_api_refuses_names_that_show_nothing(api, alice, group, address, field, more):
    for nothing in ("\u2800\u2800\u2800", "\ufe0f\ufe0f\ufe0f", "\u2800\ufe0f\u2800"):
        answer = api(alice).post(address, {**more, field: nothing})
        assert answer.status_code == 400, ascii(nothing)
        assert list(answer.json()["fields"]) == [field]
    assert not Task.objects.exists()


def test_a_description_may_have_several_lines(api, alice, group):
    answer = api(alice).post("/api/tasks/", {**TASK, "description": "one\n\ttwo\r\nthree"})
    assert answer.status_code == 201


def test_a_file_loses_what_cannot_be_seen_in_its_name(api, alice, group):
    file = SimpleUploadedFile("a\u202etxt.exe\x1b.csv", b"1\n2\n")
    body = {"group": str(group.pk), "kind": "MEAN", "file": file}
    answer = api(alice).post("/api/tasks/preview/", body, format="multipart")
    assert answer.status_code == 200, answer.content
    assert "\u202e" not in answer.content.decode()


@pytest.mark.parametrize(
    "said",
    [
        {"name": "tower\x1b[2J"},
        {"name": "to\u200bwer"},
        {"name": "\u2800"},
        {"name": " \ufe0f"},
        {"platform": "Linux\u202e"},
        {"client_version": "0.1\n.0"},
        {"kinds": {"ECHO\x07": "1"}},
        {"groups": ["Lab\x1bSeven"]},
        {"consent": {"Lab\x1bSeven": protocol.Consent()}},
        {"consent": {"*": protocol.Consent(written="\u2067x")}},
        {"consent": {"*": protocol.Consent(hosts=["exa\x00mple.org"])}},
    ],
)
def test_a_hello_with_it_is_malformed(world, said):
    async def speak() -> str:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await door.send(protocol.encode(msgspec.structs.replace(HELLO, **said)))
            return word(await door.hear())

    assert sockets.run(speak()) == "malformed_frame"
    assert not Worker.objects.filter(owner=world.people["owner"], name=said.get("name")).exists()


def test_what_a_failure_says_is_kept_escaped(world):
    async def speak() -> str:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await door.send(protocol.encode(HELLO))
            await door.hear()
            failure = frame_about("failure", await held_lease(world))
            said = {"error": "Odd\x1b", "message": "a\u202eb\nc", "traceback": "\x1b]0;x\x07"}
            await door.send(protocol.encode(msgspec.structs.replace(failure, **said)))
            return word(await door.hear())

    assert sockets.run(speak()) == "accepted"
    (blame,) = task_log.failures(world.group.pk, world.task.pk)
    assert (blame.error, blame.message) == ("Odd\\u001b", "a\\u202eb\nc")
    assert blame.traceback == "\\u001b]0;x\\u0007"


def test_a_worker_of_one_name_too_many_comes_back_later(world, settings):
    settings.WORKERS_PER_USER_MAX = 1
    Worker.objects.create(owner=world.people["owner"], name="attic")

    async def speak() -> tuple[str, str]:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await door.send(protocol.encode(msgspec.structs.replace(HELLO, name="cellar")))
            return word(await door.hear()), word(await door.hear())

    assert sockets.run(speak()) == ("too_many_workers", str(protocol.CLOSE_TOO_MANY))
    assert protocol.CLOSE_TOO_MANY not in protocol.FATAL_CLOSES
