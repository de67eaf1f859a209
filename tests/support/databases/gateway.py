"""MongoDB's protocol in front of PostgreSQL with the extension DocumentDB, for tests.

DocumentDB (documentdb_api.*) is the engine: it stores BSON and runs find, aggregate, update and so
on. This program reads messages, calls the function for the command and sends its BSON back. No
log-in, no TLS, no transactions: it presents itself as a standalone MongoDB 7.0. It goes back to a
gateway that came to the project with its design.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import asyncpg
import bson

from tests.support.databases import wire
from tests.support.databases.faults import CommandError, fix_write_errors, mongo_error
from tests.support.databases.wire import MAX_MESSAGE, Spec

log = logging.getLogger("gateway")

CURSOR_IDLE_SECONDS = 600
VERSION = (7, 0, 14, 0)
NO_TRANSACTIONS = "Transaction numbers are only allowed on a replica set member or mongos"
# Protocol envelope: of no interest to the engine.
ENVELOPE = {
    "$db",
    "lsid",
    "txnNumber",
    "$clusterTime",
    "$readPreference",
    "readConcern",
    "writeConcern",
    "apiVersion",
    "apiStrict",
    "apiDeprecationErrors",
}

# Commands that one function answers: with the first page of a cursor, ...
CURSOR_COMMANDS = {
    "find": "documentdb_api.find_cursor_first_page",
    "aggregate": "documentdb_api.aggregate_cursor_first_page",
    "listCollections": "documentdb_api.list_collections_cursor_first_page",
    "listIndexes": "documentdb_api.list_indexes_cursor_first_page",
}
# ... or with one document. The others are Server.do_<name>.
DOCUMENT_COMMANDS = {
    "insert": "documentdb_api.insert",
    "update": "documentdb_api.update",
    "delete": "documentdb_api.delete",
    "findAndModify": "documentdb_api.find_and_modify",
    "count": "documentdb_api.count_query",
    "distinct": "documentdb_api.distinct_query",
    "create": "documentdb_api.create_collection_view",
    "dropIndexes": "documentdb_api_internal.drop_indexes_non_concurrently",
}


@dataclass
class Cursor:
    continuation: bytes
    connection: asyncpg.Connection | None  # where its portal lives, if it has one
    used: float = field(default_factory=time.monotonic)


class Server:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.cursors: dict[int, Cursor] = {}

    async def call(self, function: str, *args: Any) -> bytes:
        """The first column that a function returns: its reply."""
        places = ", ".join(f"${n}" for n in range(1, len(args) + 1))
        return await self.pool.fetchval(f"SELECT * FROM {function}({places})", *args)

    async def first_page(self, function: str, database: str, spec: bytes) -> bytes:
        self.forget_idle_cursors()
        connection = await self.pool.acquire()
        keep = False
        try:
            page, continuation, persist, cursor_id = await connection.fetchrow(
                "SELECT cursorpage, continuation, persistconnection, cursorid "
                f"FROM {function}($1, $2)",
                database,
                spec,
            )
            if continuation is not None:
                keep = persist
                self.cursors[cursor_id] = Cursor(continuation, connection if persist else None)
            return page
        finally:
            if not keep:
                await self.pool.release(connection)

    async def do_getmore(self, database: str, spec: Spec) -> Spec | bytes:
        cursor_id = spec["getMore"]
        cursor = self.cursors.pop(cursor_id, None)
        if cursor is None:
            raise CommandError(43, "CursorNotFound", f"cursor id {cursor_id} not found")
        done = True
        try:
            page, cursor.continuation = await (cursor.connection or self.pool).fetchrow(
                "SELECT cursorpage, continuation FROM documentdb_api.cursor_get_more($1, $2, $3)",
                database,
                bson.encode(spec),
                cursor.continuation,
            )
            done = cursor.continuation is None
            if not done:
                cursor.used = time.monotonic()
                self.cursors[cursor_id] = cursor
            return page
        finally:
            if done and cursor.connection:
                await self.pool.release(cursor.connection)

    async def kill_cursors(self, ids: list[int]) -> list[int]:
        killed = [i for i in ids if i in self.cursors]
        for i in killed:
            if connection := self.cursors.pop(i).connection:
                await self.pool.release(connection)
        return killed

    def forget_idle_cursors(self) -> None:
        limit = time.monotonic() - CURSOR_IDLE_SECONDS
        if idle := [i for i, cursor in self.cursors.items() if cursor.used < limit]:
            self.killing = asyncio.ensure_future(self.kill_cursors(idle))

    async def run(self, spec: Spec) -> Spec | bytes:
        """Run one command; the reply is a dict or BSON bytes."""
        name = next(iter(spec))
        database = spec.get("$db", "test")
        if "startTransaction" in spec:
            raise CommandError(20, "IllegalOperation", NO_TRANSACTIONS)
        spec = {key: value for key, value in spec.items() if key not in ENVELOPE}
        if "explain" in spec:
            return await self.explain(database, spec)
        if function := CURSOR_COMMANDS.get(name):
            return await self.first_page(function, database, bson.encode(spec))
        if function := DOCUMENT_COMMANDS.get(name):
            return fix_write_errors(await self.call(function, database, bson.encode(spec)))
        command = getattr(self, "do_" + name.lower(), None)
        if command is None:
            raise CommandError(59, "CommandNotFound", f"no such command: '{name}'")
        return await command(database, spec)

    async def do_hello(self, database: str, spec: Spec) -> Spec | bytes:
        return {
            "helloOk": True,
            "ismaster": True,
            "isWritablePrimary": True,
            "maxBsonObjectSize": 16 * 1024 * 1024,
            "maxMessageSizeBytes": MAX_MESSAGE,
            "maxWriteBatchSize": 25_000,
            "localTime": datetime.now(UTC),
            "logicalSessionTimeoutMinutes": 30,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
            "ok": 1.0,
        }

    do_ismaster = do_hello

    async def do_buildinfo(self, database: str, spec: Spec) -> Spec | bytes:
        version = ".".join(map(str, VERSION[:3]))
        return {"version": version, "versionArray": VERSION, "ok": 1.0}

    async def do_ping(self, database: str, spec: Spec) -> Spec | bytes:
        return {"ok": 1.0}

    do_endsessions = do_ping

    async def do_killcursors(self, database: str, spec: Spec) -> Spec | bytes:
        killed = await self.kill_cursors(spec["cursors"])
        missing = [i for i in spec["cursors"] if i not in killed]
        return {"cursorsKilled": killed, "cursorsNotFound": missing, "ok": 1.0}

    async def do_createindexes(self, database: str, spec: Spec) -> Spec | bytes:
        # The blocking build: it is ready when this returns, without the cron worker.
        await self.call("documentdb_api.create_collection", database, spec["createIndexes"])
        return await self.call(
            "documentdb_api_internal.create_indexes_non_concurrently",
            database,
            bson.encode(spec),
            True,
        )

    async def do_drop(self, database: str, spec: Spec) -> Spec | bytes:
        await self.call("documentdb_api.drop_collection", database, spec["drop"])
        return {"ns": f"{database}.{spec['drop']}", "ok": 1.0}

    async def do_dropdatabase(self, database: str, spec: Spec) -> Spec | bytes:
        await self.call("documentdb_api.drop_database", database)
        return {"dropped": database, "ok": 1.0}

    async def do_collmod(self, database: str, spec: Spec) -> Spec | bytes:
        return await self.call(
            "documentdb_api.coll_mod", database, spec["collMod"], bson.encode(spec)
        )

    async def do_renamecollection(self, database: str, spec: Spec) -> Spec | bytes:
        source, name = spec["renameCollection"].split(".", 1)
        target, new_name = spec["to"].split(".", 1)
        if source != target:
            raise CommandError(115, "CommandNotSupported", "cannot rename across databases")
        drop = bool(spec.get("dropTarget"))
        await self.call("documentdb_api.rename_collection", source, name, new_name, drop)
        return {"ok": 1.0}

    async def do_listdatabases(self, database: str, spec: Spec) -> Spec | bytes:
        return await self.call("documentdb_api.list_databases", bson.encode(spec))

    async def explain(self, database: str, spec: Spec) -> Spec:
        # {explain: {find: ...}}, or {aggregate: ..., explain: true}
        query = spec if isinstance(spec["explain"], bool) else spec["explain"]
        query = {k: v for k, v in query.items() if k not in ENVELOPE | {"explain"}}
        kind = next(iter(query))
        kind = {"aggregate": "pipeline"}.get(kind, kind)
        if kind not in ("find", "pipeline", "count", "distinct"):
            raise CommandError(115, "CommandNotSupported", f"cannot explain {kind}")
        plan = await self.pool.fetchval(
            "EXPLAIN (FORMAT JSON) SELECT document "
            f"FROM documentdb_api_catalog.bson_aggregation_{kind}($1, $2)",
            database,
            bson.encode(query),
        )
        planner = {"winningPlan": {"postgresql": json.loads(plan)}}
        return {"explainVersion": "1", "queryPlanner": planner, "command": query, "ok": 1.0}

    async def reply(self, spec: Spec) -> bytes:
        """What `run` gives as BSON; whatever goes wrong is an answer too."""
        try:
            reply = await self.run(spec)
        except CommandError as error:
            reply = error.reply
        except asyncpg.PostgresError as error:
            reply = CommandError(*mongo_error(error.sqlstate, error.args[0])).reply
        except Exception as error:
            log.exception("command failed: %s", next(iter(spec), ""))
            reply = CommandError(1, "InternalError", repr(error)).reply
        return reply if isinstance(reply, bytes) else bson.encode(reply)


async def prepare(connection: asyncpg.Connection) -> None:
    """BSON goes to and comes from PostgreSQL as bytes."""
    await connection.set_type_codec(
        "bson", schema="documentdb_core", encoder=bytes, decoder=bytes, format="binary"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=27017)
    parser.add_argument("--pg-host", required=True, help="address or socket folder")
    parser.add_argument("--pg-port", type=int, default=5432)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    pool = await asyncpg.create_pool(
        host=options.pg_host,
        port=options.pg_port,
        user="postgres",
        database="postgres",
        min_size=2,
        max_size=50,
        init=prepare,
        server_settings={"search_path": "documentdb_api_catalog,documentdb_core,public"},
    )
    server = await asyncio.start_server(
        partial(wire.serve, reply=Server(pool).reply), options.host, options.port
    )
    log.info("listening on %s:%s", options.host, options.port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
