"""Asks a server for SQL as analysts' programs do: psycopg 3 and SQLAlchemy 2.

usage: sql_clients.py HOST:PORT; the table `orders` has 100 versions, total n * 1.2345.
"""

import sys
import threading
from datetime import date, datetime, timezone
from decimal import Decimal

import psycopg
import sqlalchemy
from psycopg import errors

host, port = sys.argv[1].rsplit(":", 1)
DSN = f"host={host} port={port} user=ana dbname=comanda connect_timeout=10"
FIRST = (1, "o-1", "COMPLETED", Decimal("1.2345"), datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc), None)
THIRD = (3, "o-3", "COMPLETED", None, datetime(1970, 1, 1, 0, 0, 3, tzinfo=timezone.utc), "third")


def fails(kind, what):
    try:
        what()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


def values(c):
    """Rows are what they are, in text and in binary."""
    for binary in (False, True):
        cursor = c.cursor(binary=binary)
        rows = cursor.execute("SELECT * FROM orders WHERE sequence IN (1, 3) ORDER BY 1").fetchall()
        assert rows == [FIRST, THIRD], rows
        assert [d.name for d in cursor.description][:2] == ["sequence", "order_id"]
    total = c.execute("SELECT sum(total) FROM orders").fetchone()[0]
    expected = sum((Decimal(n) * Decimal("1.2345") for n in range(1, 101) if n != 3), Decimal())
    assert total == expected and isinstance(total, Decimal), total


def parameters(c):
    """Values of every type that Python has find the rows they mean."""
    def count(where, *values):
        return c.execute(f"SELECT count(*) FROM orders WHERE {where}", values).fetchone()[0]

    at = datetime(1970, 1, 1, 0, 0, 50, tzinfo=timezone.utc)
    assert count("sequence <= %s", 10) == 10
    assert count("total > %s", 100) == 19
    assert count("total = %s", Decimal("1.2345")) == 1
    assert count("total = %b", Decimal("1.2345")) == 1
    assert count("at >= %s", at) == 51 and count("at >= %b", at) == 51
    assert count("at >= %s", date(1970, 1, 2)) == 0
    assert count("at >= %s", "1970-01-01 00:01:40+00") == 1
    assert count("order_id = ANY(%s)", ["o-1", "o-2", "nobody"]) == 2
    assert count("sequence = ANY(%s)", [1, 3, 1000]) == 2
    assert count("order_id LIKE %s", "o-1%") == 12
    assert count("note IS NOT DISTINCT FROM %s", None) == 67
    rows = c.execute("SELECT %s::int, %s, %s", (None, "x", Decimal("-0.0001"))).fetchone()
    assert rows == (None, "x", Decimal("-0.0001")), rows
    # Prepared by the server from the first time on, with values of its own each time.
    counts = [c.execute("SELECT count(*) FROM orders WHERE sequence <= %s", (n,), prepare=True)
              .fetchone()[0] for n in range(8)]
    assert counts == list(range(8)), counts


def failures(c):
    """Failures have the codes that drivers make classes of; afterwards it goes on."""
    for kind, sql in [
        (errors.UndefinedTable, "SELECT * FROM nothing"),
        (errors.UndefinedColumn, "SELECT nope FROM orders"),
        (errors.SyntaxError, "SELEC 1"),
        (errors.ReadOnlySqlTransaction, "DELETE FROM orders"),
        (errors.ReadOnlySqlTransaction, "COPY orders TO STDOUT"),
        (errors.ReadOnlySqlTransaction, "CREATE TABLE x AS SELECT 1"),
        (errors.DivisionByZero, "SELECT 1 / (sequence - 1) FROM orders"),
        (errors.FeatureNotSupported, "SET TIME ZONE 'America/Sao_Paulo'"),
        (errors.UndefinedObject, "SET datafusion.execution.batch_size = 1"),
    ]:
        fails(kind, lambda: c.execute(sql).fetchall())
    fails(errors.InvalidTextRepresentation,
          lambda: c.execute("SELECT 1 FROM orders WHERE sequence = %s", ("x",)))
    assert c.execute("SELECT 1; SELECT 2").fetchone() == (1,)


def cancelling(c):
    """A statement ends when it is cancelled or too late, and the connection goes on."""
    long = ("SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b "
            "WHERE a.value % 7 = b.value % 5")
    threading.Timer(0.3, c.cancel).start()
    fails(errors.QueryCanceled, lambda: c.execute(long))
    c.execute("SET statement_timeout = '200ms'")
    fails(errors.QueryCanceled, lambda: c.execute(long))
    c.execute("RESET statement_timeout")
    assert c.execute("SELECT 1").fetchone() == (1,)


def transactions():
    """Transactions are kept account of; cursors give rows bit by bit, in text and in binary."""
    with psycopg.connect(DSN) as c:
        fails(errors.UndefinedColumn, lambda: c.execute("SELECT nope FROM orders"))
        fails(errors.InFailedSqlTransaction, lambda: c.execute("SELECT 1"))
        c.rollback()
        for binary in (False, True):
            with c.cursor(f"many {binary}", binary=binary) as cursor:
                cursor.itersize = 30
                cursor.execute("SELECT sequence FROM orders WHERE sequence > %s ORDER BY 1", (0,))
                assert [row[0] for row in cursor] == list(range(1, 101))
        c.commit()
        with c.pipeline():
            one, other = c.execute("SELECT 1"), c.execute("SELECT %s::int", (2,))
            assert (one.fetchone(), other.fetchone()) == ((1,), (2,))
        c.rollback()
        c.read_only, c.isolation_level = True, psycopg.IsolationLevel.REPEATABLE_READ
        assert c.execute("SELECT 1").fetchone() == (1,)


def inspection():
    """SQLAlchemy finds tables and columns, and asks by what it found."""
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://ana@{host}:{port}/comanda")
    found = sqlalchemy.inspect(engine)
    assert sorted(found.get_table_names()) == ["order_lines", "orders"]
    assert found.get_view_names() == ["totals"] and found.get_schema_names() == ["public"]
    columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in found.get_columns("orders")}
    assert columns["sequence"] == ("BIGINT", False) and columns["total"] == ("NUMERIC", True), columns
    assert found.has_table("orders") and not found.has_table("nothing")
    assert found.get_pk_constraint("orders")["constrained_columns"] == []
    assert found.get_foreign_keys("orders") == [] and found.get_indexes("orders") == []
    orders = sqlalchemy.Table("orders", sqlalchemy.MetaData(), *map(sqlalchemy.Column, columns))
    with engine.connect() as c:
        rows = c.execute(sqlalchemy.text("SELECT count(*) FROM orders WHERE total > :t"), {"t": 100})
        assert rows.scalar_one() == 19
        query = sqlalchemy.select(orders.c.order_id).where(orders.c.sequence <= 2)
        assert c.execute(query.order_by(orders.c.sequence)).scalars().all() == ["o-1", "o-2"]
    engine.dispose()


with psycopg.connect(DSN, autocommit=True) as connection:
    assert connection.info.server_version == 150000
    values(connection)
    parameters(connection)
    failures(connection)
    cancelling(connection)
transactions()
inspection()
print("ok")
