"""What tasks and groups look like in a notebook, the bar, and the small surface of the package."""

from __future__ import annotations

import subprocess
import sys

import firmlight_client
from firmlight_client.sdk.lookup import Group
from firmlight_client.sdk.progress import bar
from firmlight_client.sdk.task_state import TaskState

TASK = {
    "id": "t0",
    "kind": "MEAN",
    "title": "<b>Night</b>",
    "status": "running",
    "progress": 0.5,
    "counts": {"done": 3},
}


def test_a_task_shows_itself_without_letting_titles_in() -> None:
    shown = TaskState(TASK)._repr_html_()
    assert "&lt;b&gt;Night&lt;/b&gt;" in shown
    assert '<progress max="1" value="0.5000">' in shown
    assert "3 done" in shown
    failed = {
        **TASK,
        "status": "failed",
        "error": {"code": "subtask_failed", "message": "<script>"},
    }
    assert "subtask_failed: &lt;script&gt;" in TaskState(failed)._repr_html_()
    checked = {**TASK, "verification": {"how": "none", "sentence": "Not checked."}}
    assert "<br>Not checked.<br>" in TaskState(checked)._repr_html_()


def test_a_group_shows_itself_and_is_still_a_dict() -> None:
    group = Group({"id": "g1", "name": "Lab <Seven>", "description": ""})
    assert "Lab &lt;Seven&gt;" in group._repr_html_()
    assert dict(group)["name"] == "Lab <Seven>"


def test_a_bar_takes_any_title_and_writes_to_stderr(capsys) -> None:
    with bar({**TASK, "title": "[red]x[/nothing]"}, shown=True) as show:
        show(TASK)
        show({**TASK, "progress": None})
    with bar(TASK, shown=False) as show:
        show(TASK)
    assert capsys.readouterr().out == ""


def test_what_the_package_promises_is_there_and_nothing_is_read_before_it_is_used() -> None:
    for name in firmlight_client.__all__:
        assert getattr(firmlight_client, name)
        assert name in dir(firmlight_client)
    assert not hasattr(firmlight_client, "nothing")
    ours = "sorted(m for m in sys.modules if m.startswith('firmlight_client'))"
    code = f"import sys, firmlight_client; print({ours})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['firmlight_client']\n"
