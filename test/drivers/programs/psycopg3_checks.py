"""psycopg 3 against one address: prints a line for each check that holds, ends with an exception at the first that does not.

Usage: psycopg3_checks.py HOST PORT DATABASE CA_FILE
"""

import datetime
import decimal
import ipaddress
import logging
import sys
import threading
import time
import uuid

import psycopg
from psycopg import errors, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

# An error in a pipeline is raised by its sync or by its end, whichever comes when the answer is there: only in the first
# case does psycopg log a warning, to the standard error, about the statements behind it.
logging.getLogger("psycopg").setLevel(logging.ERROR)

HOST, PORT, DATABASE, CA = sys.argv[1:5]
BASE = {"host": HOST, "port": PORT, "dbname": DATABASE, "sslmode": "disable"}


def connect(user="postgres", **more):
    return psycopg.connect(**{**BASE, "user": user, **more})


def check(name, got, expected):
    if got != expected:
        raise AssertionError(f"{name}: {got!r} is not {expected!r}")
    print("ok", name, flush=True)


def logins():
    for user, password in (
        ("battery_trust", None),
        ("battery_clear", "pw-clear"),
        ("battery_md5", "pw-md5"),
        ("battery_scram", "pw-scram"),
        ("battery_unicode", "IX-\u2168"),
    ):
        with connect(user, password=password) as conn:
            check(f"login {user}", conn.execute("select current_user").fetchone(), (user,))
    for user in ("battery_clear", "battery_md5", "battery_scram"):
        try:
            connect(user, password="wrong")
        except psycopg.OperationalError as error:
            check(f"wrong password {user}", "password authentication failed" in str(error), True)


def tls_modes():
    for mode, more in (
        ("prefer", {}),
        ("require", {}),
        ("verify-ca", {"sslrootcert": CA}),
        ("verify-full", {"sslrootcert": CA, "host": "localhost", "hostaddr": "127.0.0.1"}),
    ):
        with connect("battery_scram", password="pw-scram", **{**more, "sslmode": mode}) as conn:
            check(f"tls {mode}", (conn.pgconn.ssl_in_use, conn.execute("select 1").fetchone()), (True, (1,)))


VALUES = {
    "int2": 7,
    "int4": -123456,
    "int8": 2**62,
    "float8": 1.5e-7,
    "numeric": decimal.Decimal("12345678901234567890.123456789"),
    "bool": True,
    "text": "Grüße, 漢字, 🙂, 'quotes' \\ and \n lines",
    "bytea": bytes(range(256)),
    "date": datetime.date(2024, 2, 29),
    "time": datetime.time(23, 59, 59, 999999),
    "timestamp": datetime.datetime(1999, 12, 31, 23, 59, 59, 123456),
    "timestamptz": datetime.datetime(2024, 6, 1, 12, 0, tzinfo=datetime.timezone.utc),
    "interval": datetime.timedelta(days=3, seconds=4, microseconds=5),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "inet": ipaddress.ip_address("2001:db8::1"),
    "int4[]": [1, None, 3],
    "text[]": ["a,b", 'c"d', ""],
}


def types():
    with connect() as conn:
        for name, value in VALUES.items():
            for binary in (False, True):
                cursor = conn.cursor(binary=binary)
                mark = "%b" if binary and name != "interval" else "%t"
                cursor.execute(f"select {mark}::{name}", (value,))
                check(f"type {name} {'binary' if binary else 'text'}", cursor.fetchone()[0], value)
        row = conn.execute("select %s::jsonb", (Jsonb({"a": [1, None, "ä"]}),)).fetchone()
        check("type jsonb", row[0], {"a": [1, None, "ä"]})
        check("NULL", conn.execute("select %s::text", (None,)).fetchone(), (None,))


def prepared():
    with connect() as conn:
        conn.prepare_threshold = 2
        total = sum(conn.execute("select %s::int * 2", (n,)).fetchone()[0] for n in range(100))
        check("prepared statement, 100 times", total, 9900)
        conn.execute("select 1", prepare=True)
        count = conn.execute("select count(*) from pg_prepared_statements where not from_sql").fetchone()[0]
        check("statements are prepared in the session", count >= 2, True)
        cursor = conn.cursor(row_factory=dict_row)
        cursor.executemany("select %s::int as n", [(1,), (2,), (3,)], returning=True)
        found = []
        while True:
            found.append(cursor.fetchone()["n"])
            if not cursor.nextset():
                break
        check("executemany with results", found, [1, 2, 3])


def cursors():
    with connect() as conn:
        with conn.cursor("named") as cursor:
            cursor.itersize = 7
            cursor.execute("select generate_series(1, 100)")
            check("server-side cursor, by 7", sum(row[0] for row in cursor), 5050)
        with conn.cursor("scrolls", scrollable=True) as cursor:
            cursor.execute("select generate_series(1, 10)")
            cursor.scroll(5)
            first = cursor.fetchone()[0]
            cursor.scroll(-3)
            check("scrollable cursor", (first, cursor.fetchone()[0]), (6, 4))
        rows = conn.cursor().stream("select generate_series(1, 1000)")
        check("single-row mode", sum(row[0] for row in rows), 500500)


def copies():
    with connect() as conn:
        conn.execute("create temp table t (a int, b text)")
        with conn.cursor().copy("copy t from stdin") as copy:
            for n in range(10_000):
                copy.write_row((n, f"row {n} ä"))
        check("COPY in", conn.execute("select count(*), sum(a) from t").fetchone(), (10_000, 49_995_000))
        with conn.cursor().copy("copy t to stdout") as copy:
            check("COPY out", sum(len(bytes(chunk)) for chunk in copy), sum(len(f"{n}\trow {n} ä\n".encode()) for n in range(10_000)))
        with conn.cursor().copy("copy t to stdout (format binary)") as copy:
            copy.set_types(["int4", "text"])
            check("COPY out, binary", sum(row[0] for row in copy.rows()), 49_995_000)
        try:
            with conn.cursor().copy("copy t from stdin") as copy:
                copy.write("not a number\tx\n")
        except errors.InvalidTextRepresentation as error:
            check("COPY in with an error", error.sqlstate, "22P02")
        conn.rollback()


def notifications():
    with connect(autocommit=True) as listener, connect(autocommit=True) as sender:
        listener.execute("listen psycopg3")
        sender.execute("select pg_notify('psycopg3', 'payload ä')")
        notice = next(listener.notifies())
        check("notification", (notice.channel, notice.payload), ("psycopg3", "payload ä"))
        heard = []
        listener.add_notice_handler(lambda diagnostic: heard.append(diagnostic.message_primary))
        listener.execute("do $$begin raise notice 'heard'; end$$")
        check("notice", heard, ["heard"])


def transactions():
    with connect() as conn:
        conn.execute("create temp table t (a int primary key)")
        conn.commit()
        try:
            with conn.transaction():
                conn.execute("insert into t values (1)")
                conn.execute("insert into t values (1)")
        except errors.UniqueViolation as error:
            check("unique violation", (error.sqlstate, error.diag.constraint_name), ("23505", "t_pkey"))
        with conn.transaction():
            conn.execute("insert into t values (2)")
            try:
                with conn.transaction():
                    conn.execute("select 1/0")
            except errors.DivisionByZero:
                conn.execute("insert into t values (3)")
        check("savepoint", conn.execute("select array_agg(a order by a) from t").fetchone()[0], [2, 3])
        conn.rollback()
        check("status after rollback", conn.info.transaction_status.name, "IDLE")


def cancel():
    with connect(autocommit=True) as conn:
        failure = []

        def sleep():
            try:
                conn.execute("select pg_sleep(60)")
            except errors.QueryCanceled as error:
                failure.append(error.sqlstate)

        thread = threading.Thread(target=sleep)
        thread.start()
        with connect(autocommit=True) as other:
            pid = conn.info.backend_pid
            active = "select count(*) from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
            while other.execute(active, (pid,)).fetchone()[0] == 0:
                time.sleep(0.01)
        conn.cancel()
        thread.join(30)
        check("cancel", failure, ["57014"])
        check("goes on after a cancel", conn.execute("select 1").fetchone(), (1,))


def pipelines():
    with connect(autocommit=True) as conn:
        with conn.pipeline() as pipeline:
            cursors = [conn.execute("select %s::int", (n,)) for n in range(500)]
            pipeline.sync()
            check("pipeline of 500", [cursor.fetchone()[0] for cursor in cursors], list(range(500)))
        failure = None
        try:
            with conn.pipeline() as pipeline:
                conn.execute("create temp table undone (a int)")
                conn.execute("select 1/0")
                conn.execute("select 2")
                pipeline.sync()
        except errors.DivisionByZero as error:
            failure = error.sqlstate
        check("pipeline with an error", failure, "22012")
        check("an error undoes its segment", conn.execute("select to_regclass('undone')").fetchone(), (None,))
        check("after the pipeline", conn.execute("select 3").fetchone(), (3,))


def large():
    with connect() as conn:
        cursor = conn.execute("select n, repeat('x', 1000) from generate_series(1, 50000) n")
        check("50 MB result", sum(len(row[1]) for row in cursor), 50_000_000)
        value = conn.execute("select %s::text", ("ä" * 5_000_000,)).fetchone()[0]
        check("10 MB value there and back", len(value), 5_000_000)
        check("identifier beyond ASCII", conn.execute(sql.SQL("select 1 as {}").format(sql.Identifier("größe"))).description[0].name, "größe")


for part in (logins, tls_modes, types, prepared, cursors, copies, notifications, transactions, cancel, pipelines, large):
    part()
