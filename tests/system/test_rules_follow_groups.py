"""A rule of worker.toml follows its group, whatever the group is called; one that fits no group
stops the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmlight_client import protocol
from tests.support.worker import Worker
from tests.system.lab import Lab
from tests.system.peer import Peer

Connect = Callable[..., Peer]
Start = Callable[..., Worker]
Consent = protocol.Consent
LEASED_WITHIN_SECONDS = 1.5  # what would be leased is leased long before that
MEAN = '[groups."{name}"]\nkinds = ["MEAN"]\n'


@pytest.fixture
def attic(lab: Lab, tmp_path: Path) -> Iterator[Start]:
    """attic('[groups."Lab"]…', "--group", "Lab"): person 1's worker with this worker.toml,
    connected.
    """
    started: list[Worker] = []

    def start(rules: str | None, *options: str) -> Worker:
        if rules is not None:
            (tmp_path / "worker.toml").write_text(rules, "utf-8")
        started.append(Worker(lab.url, lab.worker_token(1), "attic", tmp_path, *options))
        started[-1].hear("connected")
        return started[-1]

    yield start
    for worker in started:
        if worker.lives:
            worker.stop()


def name_of(lab: Lab, group: str = "") -> str:
    return lab.api[0].get(f"groups/{group or lab.group}/").json()["name"]


def rename(lab: Lab, name: str, group: str = "") -> None:
    answer = lab.api[0].patch(f"groups/{group or lab.group}/", json={"name": name})
    assert answer.status_code == 200, answer.text


def never_leased(lab: Lab, task: str) -> bool:
    time.sleep(LEASED_WITHIN_SECONDS)
    row = lab.task(task)
    return row["counts"]["done"] + row["counts"]["leased"] == 0


def test_what_the_owner_forbade_stays_forbidden_after_a_rename(lab: Lab, attic: Start) -> None:
    name = name_of(lab)
    worker = attic(MEAN.format(name=name))
    rename(lab, f"{name} new")
    while_connected = lab.submit(count=1)
    assert never_leased(lab, while_connected)
    worker.stop()
    attic(None)
    assert never_leased(lab, while_connected)
    allowed = lab.submit("MEAN", numbers=[1, 2, 3])
    assert lab.wait(allowed)["status"] == "succeeded"


def test_a_group_that_takes_the_old_name_does_not_inherit_the_rule(lab: Lab, attic: Start) -> None:
    name = name_of(lab)
    worker = attic(MEAN.format(name=name))
    rename(lab, f"{name} old")
    worker.stop()
    heir = lab.api[1].post("groups/", json={"name": name}).json()["id"]
    worker = attic(None)
    assert worker.hear("connected").facts["groups"] == [name, f"{name} old"]
    assert never_leased(lab, lab.submit(count=1))
    body = {"group": heir, "kind": "ECHO", "params": {"count": 1}}
    task = lab.api[1].post("tasks/", json=body).json()["id"]
    lab.until(
        lambda: lab.api[1].get(f"tasks/{task}/").json(), lambda row: row["status"] == "succeeded"
    )


def test_a_name_that_fits_no_group_stops_the_others_until_a_group_has_it(
    lab: Lab, attic: Start
) -> None:
    name = name_of(lab)
    worker = attic(f'[groups."{name} two"]\nslots = 1\n')
    assert worker.hear("rules").facts["unfit"] == [f"{name} two"]
    task = lab.submit(count=1)
    assert never_leased(lab, task)
    (row,) = lab.api[1].get("workers/").json()["results"]
    assert list(row["resting"].values()) == [protocol.RULE_FITS_NO_GROUP]
    rename(lab, f"{name} two")
    assert worker.hear("rules", unfit=[])
    assert lab.wait(task)["status"] == "succeeded"


def test_a_rule_of_a_group_that_was_left_stops_the_others_until_it_is_joined_again(
    lab: Lab, attic: Start
) -> None:
    name = f"{name_of(lab)} two"
    other = lab.api[0].post("groups/", json={"name": name}).json()["id"]
    invite(lab, other)
    worker = attic(MEAN.format(name=name))
    assert lab.api[1].post(f"groups/{other}/leave/").is_success
    assert worker.hear("rules").facts["unfit"] == [name]
    task = lab.submit(count=1)
    assert never_leased(lab, task)
    rename(lab, f"{name} new", other)
    invite(lab, other)
    assert worker.hear("rules", unfit=[])
    assert lab.wait(task)["status"] == "succeeded"


def invite(lab: Lab, group: str) -> None:
    lab.api[0].post(f"groups/{group}/invitations/", json={"usernames": [lab.names[1]]})
    (invitation,) = lab.api[1].get("invitations/").json()["results"]
    assert lab.api[1].post(f"invitations/{invitation['id']}/accept/").is_success


def test_a_group_that_was_chosen_by_name_is_served_under_its_new_one(
    lab: Lab, attic: Start
) -> None:
    name = name_of(lab)
    worker = attic(None, "--group", name.upper())
    rename(lab, f"{name} new")
    lab.api[1].post("groups/", json={"name": name})
    assert lab.wait(lab.submit(count=1))["status"] == "succeeded"
    worker.stop()
    worker = attic(None, "--group", name.upper())
    assert worker.hear("connected").facts["groups"] == [f"{name} new"]
    assert lab.wait(lab.submit(count=1))["status"] == "succeeded"


def test_a_group_that_was_chosen_by_a_name_of_none_is_said_and_served_when_there_is_one(
    lab: Lab, attic: Start
) -> None:
    name = name_of(lab)
    worker = attic(None, "--group", f"{name} new")
    assert f'--group "{name} new" fits no group' in worker.hear("rules").facts["problems"][0]
    task = lab.submit(count=1)
    assert never_leased(lab, task)
    rename(lab, f"{name} new")
    assert lab.wait(task)["status"] == "succeeded"


# Workers of other makes, and older ones: the server keeps to it by itself


def test_the_server_keeps_a_rule_by_id_for_a_worker_that_tells_names(
    lab: Lab, peer: Connect
) -> None:
    name = name_of(lab)
    worker = peer(consent={name.upper(): Consent(kinds=["MEAN"])})
    rename(lab, f"{name} new")
    worker.ready()
    assert worker.welcome.owner_groups == {lab.group: name}
    assert never_leased(lab, lab.submit(count=1))
    (row,) = lab.api[1].get("workers/").json()["results"]
    assert list(row["consent"]) == [lab.group]


@pytest.mark.parametrize("key", ["nowhere", "aaaaaaaa-0000-4000-8000-000000000001"])
def test_the_server_leases_nothing_to_the_others_while_a_rule_fits_no_group(
    lab: Lab, peer: Connect, key: str
) -> None:
    worker = peer(consent={protocol.ALL_GROUPS: Consent(), key: Consent(slots=1)})
    worker.ready()
    lab.submit(count=1)
    assert worker.hears_nothing(LEASED_WITHIN_SECONDS)


def test_a_worker_says_hello_again_when_a_name_fits(lab: Lab, peer: Connect) -> None:
    name = name_of(lab)
    worker = peer(consent={f"{name} new": Consent(slots=1)})
    rename(lab, f"{name} new")
    code, frames = worker.closed_with()
    assert code == protocol.CLOSE_RESTARTING
    assert [frame.code for frame in frames] == ["groups_changed"]


def test_two_rules_for_one_group_give_it_nothing(lab: Lab, peer: Connect) -> None:
    worker = peer(consent={lab.group: Consent(), name_of(lab): Consent()})
    worker.ready()
    lab.submit(count=1)
    assert worker.hears_nothing(LEASED_WITHIN_SECONDS)
