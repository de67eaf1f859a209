"""Which server can read the files of which: Valkey comes from Redis 7.2, and both went on from
there.
"""

import pytest

from embedded import redis_folder
from embedded.redis_programs import Release

SNAPSHOTS = {  # as these servers begin their files
    "Redis 7.0.15": b"REDIS0010\xfa\tredis-ver\x067.0.15\xfa\nredis-bits\xc0@",
    "Valkey 9.1.2": b"VALKEY080\xfa\nvalkey-ver\x059.1.2\xfa\nredis-bits\xc0@",
    "Redis 6.2.14": b"REDIS0009\xfa\tredis-ver\x066.2.14\xfa\nredis-bits\xc0@",
}


def release(text):
    name, _, version = text.partition(" ")
    major, minor, patch = map(int, version.split("."))
    return Release(name, (major, minor, patch))


@pytest.mark.parametrize(
    ("writer", "reader", "can"),
    [
        ("Redis 6.2.14", "Valkey 9.1.2", True),
        ("Redis 7.0.15", "Valkey 9.1.2", True),
        ("Redis 7.2.9", "Valkey 7.2.5", True),
        ("Redis 7.4.0", "Valkey 9.1.2", False),
        ("Redis 8.2.1", "Valkey 9.1.2", False),
        ("Valkey 9.1.2", "Redis 7.0.15", False),
        ("Valkey 9.1.2", "Redis 8.4.0", False),
        ("Valkey 8.1.4", "Redis 7.2.9", True),
        ("Valkey 8.1.4", "Redis 7.0.15", False),
        ("Valkey 9.1.2", "Valkey 9.0.4", False),
        ("Valkey 9.1.2", "Valkey 9.1.0", True),
        ("Valkey 9.1.2", "Valkey 10.0.0", True),
        ("Redis 7.0.15", "Redis 6.2.14", False),
        ("Redis 7.0.15", "Redis 8.2.1", True),
    ],
)
def test_who_can_read_whom(writer, reader, can):
    assert redis_folder.can_read(release(reader), release(writer)) is can


def test_an_empty_folder_has_no_writer_and_is_for_all(tmp_path):
    assert redis_folder.writers(tmp_path) == []
    assert redis_folder.unreadable(tmp_path, release("Redis 6.2.14")) is None


@pytest.mark.parametrize("writer", SNAPSHOTS)
def test_a_folder_without_a_record_says_by_its_files_who_wrote_it(tmp_path, writer):
    file = tmp_path / "appendonlydir" / "appendonly.aof.3.base.rdb"
    if writer.startswith("Redis 6"):
        file = tmp_path / "appendonly.aof"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(SNAPSHOTS[writer])
    assert redis_folder.writers(tmp_path) == [release(writer)]


def test_an_older_server_does_not_start_empty_beside_files_it_does_not_see(tmp_path):
    """Redis 6 knows no folder of append-only files: without this it would begin with nothing."""
    (tmp_path / "appendonlydir").mkdir()
    assert redis_folder.unreadable(tmp_path, release("Redis 6.2.14"))
    assert redis_folder.unreadable(tmp_path, release("Redis 7.0.15")) is None


def test_the_record_counts_where_the_files_begin_with_an_older_snapshot(tmp_path):
    """As after a crash soon after the first start of a newer server: what follows the snapshot is
    the newer one's.
    """
    (tmp_path / "appendonly.aof").write_bytes(SNAPSHOTS["Redis 6.2.14"])
    redis_folder.record(tmp_path, release("Valkey 9.1.2"))
    assert redis_folder.unreadable(tmp_path, release("Redis 7.0.15")) == release("Valkey 9.1.2")


def test_what_a_value_holds_is_not_taken_for_a_header(tmp_path):
    (tmp_path / "appendonly.aof").write_bytes(
        b"*3\r\n$3\r\nSET\r\n" + b"x" * 64 + SNAPSHOTS["Valkey 9.1.2"]
    )
    assert redis_folder.writers(tmp_path) == []
