"""Inputs that are very hard to read end at the limits, and delay nobody else."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from firmlight_client import kinds
from groups.models import Group
from tasks.kind_processes import pool
from tasks.models import Task
from tasks.queue import sweeping
from tests.support.patient import until

Api = Callable[..., APIClient]
CELL = b'<c t="n"><v>1</v></c>'


def workbook(sheet: bytes) -> bytes:
    """A workbook whose only sheet is this XML, deflated."""
    plain, made = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(
                name, sheet if name == "xl/worksheets/sheet1.xml" else source.read(name)
            )
    return made.getvalue()


def sheet_of(attributes: bytes, rows: bytes) -> bytes:
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return (
        b"<worksheet " + space + attributes + b"><sheetData>" + rows + b"</sheetData></worksheet>"
    )


HARD_FILES: dict[str, Callable[[], tuple[str, bytes]]] = {
    "an attribute of 60 MiB": lambda: (
        "a.xlsx",
        workbook(sheet_of(b' x="' + b"a" * (60 * 2**20) + b'"', b"")),
    ),
    "six million cells": lambda: (
        "b.xlsx",
        workbook(sheet_of(b"", (b"<row>" + CELL * 6000 + b"</row>") * 1000)),
    ),
    "eight million times na": lambda: ("c.csv", b"na\n" * 8_000_000 + b"1\n"),
}


@pytest.fixture
def send(api: Api, group: Group) -> Callable[..., Any]:
    """send(user, "a.csv", content): the answer to a task with this file; it is a preview with
    where="preview/".
    """

    def post(user: User, name: str, content: bytes, *, kind: str = "MEAN", where: str = "") -> Any:
        body = {"group": str(group.pk), "kind": kind, "file": SimpleUploadedFile(name, content)}
        return api(user).post(f"/api/tasks/{where}", body, format="multipart")

    return post


@pytest.mark.parametrize(
    ("what", "where"),
    [*((what, "") for what in HARD_FILES), ("eight million times na", "preview/")],
)
def test_a_hard_file_ends_by_the_limits(
    send: Callable[..., Any], bob: User, settings: Settings, what: str, where: str
) -> None:
    settings.LOAD_PROCESSOR_SECONDS_MAX = settings.PREVIEW_SECONDS_MAX = 0.5
    name, content = HARD_FILES[what]()
    answer = send(bob, name, content, where=where)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["fields"]) == ["file"]
    if answer.json()["code"] != "invalid":  # a reader may find out soon that it is nothing
        assert answer.json()["code"] == "input_too_hard"
        assert "Give less at a time" in answer.json()["fields"]["file"][0]
    assert not Task.objects.exists()
    assert sweeping.groups() == []


@pytest.mark.parametrize(
    ("act", "why"),
    [("sleep 60", "more than 1 s"), ("spin", "computed for more than 1 s"), ("crash", "SIGSEGV")],
)
def test_the_refusal_says_why(
    hard: kinds.Kind, send: Callable[..., Any], bob: User, settings: Settings, act: str, why: str
) -> None:
    settings.LOAD_SECONDS_MAX = 1 if act == "sleep 60" else 20
    settings.LOAD_PROCESSOR_SECONDS_MAX = 1
    answer = send(bob, "a.hard", act.encode(), kind="HARD")
    assert (answer.status_code, answer.json()["code"]) == (400, "input_too_hard")
    assert why in answer.json()["fields"]["file"][0]


def test_a_kind_that_fails_at_an_input_is_no_fault_of_the_server(
    hard: kinds.Kind, send: Callable[..., Any], bob: User
) -> None:
    answer = send(bob, "a.hard", b"raise what is this?", kind="HARD")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["fields"] == {
        "file": ["HARD cannot read this (ZeroDivisionError): what is this?"]
    }


@pytest.mark.django_db(transaction=True)
def test_it_costs_nobody_else_anything(
    hard: kinds.Kind,
    send: Callable[..., Any],
    api: Api,
    bob: User,
    alice: User,
    group: Group,
    settings: Settings,
) -> None:
    settings.LOAD_SECONDS_MAX = 4
    answers: list[Any] = []

    def upload() -> None:
        try:
            answers.append(send(bob, "a.hard", b"sleep 60", kind="HARD"))
        finally:
            connection.close()

    uploading = threading.Thread(target=upload)
    uploading.start()
    until(lambda: any(child.at_work for child in pool.children().lent))
    time.sleep(1.1)  # now it counts as slow
    body = {"group": str(group.pk), "kind": "ECHO", "params": {"count": 1}}
    assert api(alice).post("/api/tasks/", body, format="json").status_code == 201
    refused = api(bob).post("/api/tasks/", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused["Retry-After"]) >= 1
    assert uploading.is_alive(), "all that was answered meanwhile"
    uploading.join()
    assert answers[0].json()["code"] == "input_too_hard"
    assert api(bob).post("/api/tasks/", body, format="json").status_code == 201


@pytest.mark.parametrize("stage", ["load", "split", "summary"])
def test_params_are_bounded_in_every_part_of_a_preview(
    hard: kinds.Kind, api: Api, bob: User, group: Group, settings: Settings, stage: str
) -> None:
    settings.LOAD_SECONDS_MAX = settings.PREVIEW_SECONDS_MAX = 0.5
    body = {"group": str(group.pk), "kind": "HARD", "params": {"acts": {stage: "sleep 60"}}}
    answer = api(bob).post("/api/tasks/preview/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "input_too_hard")
    assert list(answer.json()["fields"]) == ["params"]


def test_a_form_is_shown_without_what_the_kind_cannot_say(
    hard: kinds.Kind,
    client: Any,
    bob: User,
    group: Group,
    settings: Settings,
    submit: Callable[..., Task],
) -> None:
    task = submit(kind="HARD", acts={"typed": "sleep 60"})
    settings.LOAD_SECONDS_MAX = 0.5
    client.force_login(bob, backend="accounts.backends.LoginBackend")
    answer = client.get(f"/groups/{group.pk}/tasks/new/?again={task.pk}&kind=HARD")
    assert answer.status_code == 200
