"""psycopg2 (libpq's simple protocol) against one address; prints a line for each check that holds.

Usage: psycopg2_checks.py HOST PORT DATABASE CA_FILE
"""

import datetime
import decimal
import io
import select
import sys
import threading
import time

import psycopg2
import psycopg2.errors
import psycopg2.extras
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, Binary

HOST, PORT, DATABASE, CA = sys.argv[1:5]
BASE = {"host": HOST, "port": PORT, "dbname": DATABASE, "sslmode": "disable"}


def connect(user="postgres", **more):
    return psycopg2.connect(**{**BASE, "user": user, **more})


def one(conn, text, values=None):
    with conn.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchone()


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
    ):
        conn = connect(user, password=password)
        check(f"login {user}", one(conn, "select current_user"), (user,))
        conn.close()
    try:
        connect("battery_scram", password="wrong")
    except psycopg2.OperationalError as error:
        check("wrong password", "password authentication failed" in str(error), True)
    try:
        connect("postgres", dbname="no such")
    except psycopg2.OperationalError as error:
        check("unknown database", 'database "no such" does not exist' in str(error), True)
    conn = connect("battery_scram", password="pw-scram", sslmode="verify-ca", sslrootcert=CA)
    check("tls verify-ca", conn.info.ssl_in_use, True)
    conn.close()


def types():
    conn = connect()
    for name, value in (
        ("int8", 2**62),
        ("float8", 0.1),
        ("numeric", decimal.Decimal("1.000000000000000000001")),
        ("bool", False),
        ("text", "Grüße 漢字 🙂 'x' \\"),
        ("date", datetime.date(1, 1, 1)),
        ("timestamp", datetime.datetime(2024, 2, 29, 1, 2, 3, 4)),
        ("int4[]", [1, 2, None]),
    ):
        check(f"type {name}", one(conn, f"select %s::{name}", (value,)), (value,))
    check("type bytea", bytes(one(conn, "select %s::bytea", (Binary(bytes(range(256))),))[0]), bytes(range(256)))
    check("type jsonb", one(conn, "select %s::jsonb", (psycopg2.extras.Json({"a": 1}),)), ({"a": 1},))
    conn.set_client_encoding("LATIN1")
    check("client_encoding LATIN1", one(conn, "select %s", ("é",)), ("é",))
    conn.close()


def cursors():
    conn = connect()
    with conn.cursor("named") as cursor:
        cursor.itersize = 9
        cursor.execute("select generate_series(1, 100)")
        check("server-side cursor, by 9", sum(row[0] for row in cursor), 5050)
    conn.rollback()
    with conn.cursor() as cursor:
        cursor.execute("create temp table t (a int, b text)")
        psycopg2.extras.execute_values(cursor, "insert into t values %s", [(n, str(n)) for n in range(1000)], page_size=100)
        psycopg2.extras.execute_batch(cursor, "update t set b = %s where a = %s", [("x", n) for n in range(10)], page_size=4)
        cursor.execute("select count(*) from t where b = 'x'")
        check("batches", cursor.fetchone(), (10,))
        cursor.copy_expert("copy t from stdin", io.StringIO("".join(f"{n}\tc\n" for n in range(5000))))
        out = io.StringIO()
        cursor.copy_expert("copy (select a from t where b = 'c' order by a) to stdout", out)
        check("COPY", len(out.getvalue().splitlines()), 5000)
    conn.close()


def transactions():
    conn = connect()
    try:
        one(conn, "select 1/0")
    except psycopg2.errors.DivisionByZero as error:
        check("error", error.pgcode, "22012")
    try:
        one(conn, "select 1")
    except psycopg2.errors.InFailedSqlTransaction as error:
        check("failed transaction", error.pgcode, "25P02")
    conn.rollback()
    conn.tpc_begin(conn.xid(42, "battery", "psycopg2"))
    one(conn, "select 1")
    conn.tpc_prepare()
    conn.tpc_rollback()
    check("two-phase commit", one(conn, "select count(*) from pg_prepared_xacts where gid like '%%battery%%'"), (0,))
    lob = conn.lobject(0, "wb")
    lob.write(b"large" * 100_000)
    lob.seek(5)
    oid = lob.oid
    lob.close()
    lob = conn.lobject(oid, "rb")
    check("large object", len(lob.read()), 500_000)
    lob.unlink()
    conn.commit()
    conn.close()


def asynchronous():
    conn = connect()
    conn.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    one_way = conn.cursor()
    one_way.execute("listen psycopg2")
    other = connect()
    other.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    other.cursor().execute("notify psycopg2, 'hello'")
    select.select([conn], [], [], 30)
    conn.poll()
    check("notification", [(notice.channel, notice.payload) for notice in conn.notifies], [("psycopg2", "hello")])

    failure = []

    def sleep():
        try:
            one_way.execute("select pg_sleep(60)")
        except psycopg2.errors.QueryCanceled as error:
            failure.append(error.pgcode)

    thread = threading.Thread(target=sleep)
    thread.start()
    asleep = "select count(*) from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
    while one(other, asleep, (conn.info.backend_pid,))[0] == 0:
        time.sleep(0.01)
    conn.cancel()
    thread.join(30)
    check("cancel", failure, ["57014"])
    conn.close()
    other.close()


for part in (logins, types, cursors, transactions, asynchronous):
    part()
