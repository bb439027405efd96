"""Reads a lake as other tools do, and holds them to each other, to Comanda's SQL and to its ledger.

    lake.py LAKE URL REPOSITORY [--warehouse]

The files that the newest manifest names are read with pyarrow; what is superseded is told by the
bitmaps and, without them, as what is not the newest of its order. DuckDB answers the ready-made
views over them, Comanda over its own. With --warehouse the files are loaded into PostgreSQL 15 by
Redshift's own statements as well, piece by piece, twice. Prints what was compared, as JSON.
"""

import datetime
import decimal
import importlib.util
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyroaring import BitMap64

TABLES = [
    "orders", "order_lines", "order_rules", "order_events", "stock_movements", "batches", "rejects",
]
VERSIONED = {"orders", "order_lines", "order_rules", "batches"}


def newest_manifest(lake):
    return json.loads(max((lake / "manifest").glob("*.json")).read_text())


def read(lake, file):
    # No partition column: `dt=` in a path is no part of the table.
    return pq.ParquetFile(lake / file["path"]).read()


def whole(lake, manifest, table):
    """Every row of a table, superseded ones included; None where there is no file."""
    parts = [read(lake, s["files"][table]) for s in manifest["segments"] if table in s["files"]]
    return pa.concat_tables(parts) if parts else None


def superseded(lake, manifest):
    """The bitmaps beside the files, together."""
    found = BitMap64()
    for segment in manifest["segments"]:
        if segment.get("superseded"):
            found |= BitMap64.deserialize((lake / segment["superseded"]["path"]).read_bytes())
    return found


def newest(table, *key):
    """The sequences of the newest version of each thing."""
    grouped = table.group_by(list(key)).aggregate([("sequence", "max")])
    return grouped.column("sequence_max").combine_chunks()


def current(lake, manifest):
    """The tables as they are now, by each version's own key; the bitmaps must say the same."""
    tables = {name: whole(lake, manifest, name) for name in TABLES}
    gone = superseded(lake, manifest)
    kept = [newest(tables["orders"], "merchant_id", "order_id")]
    if tables["batches"] is not None:
        kept.append(newest(tables["batches"], "batch_id"))
    kept = pa.concat_arrays(kept)
    for name in VERSIONED:
        if tables[name] is None:
            continue
        sequences = tables[name].column("sequence")
        is_kept = pc.is_in(sequences, value_set=kept)
        by_bitmap = [sequence not in gone for sequence in sequences.to_pylist()]
        assert is_kept.to_pylist() == by_bitmap, f"bitmaps and versions differ in {name}"
        tables[name] = tables[name].filter(is_kept)
    return tables


def cell(value):
    """A value as every tool's answer is compared: amounts to the last decimal."""
    if value is None:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return decimal.Decimal(value)
    if isinstance(value, decimal.Decimal):
        return value.normalize() + 0
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def typed(value, kind):
    """A cell of Comanda's JSON as a value."""
    if value is None:
        return None
    kind = kind.lower()
    if "decimal" in kind or "int" in kind or "numeric" in kind:
        return decimal.Decimal(str(value))
    if "time" in kind:
        return datetime.datetime.fromisoformat(value)
    return value


def rows(found):
    return sorted((tuple(cell(v) for v in row) for row in found), key=repr)


def asked(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def of_comanda(url, sql):
    answer = asked(url, "/v1/query", {"sql": sql, "rows_max": 100_000})
    assert not answer["truncated"]
    kinds = [column["type"] for column in answer["columns"]]
    return rows([typed(v, k) for v, k in zip(row, kinds)] for row in answer["rows"])


def of_ledger(url):
    """Orders by status, and what they come to, from the lists of the API."""
    found, cursor = {}, ""
    while True:
        page = asked(url, f"/v1/orders?limit=1000{cursor}")
        for order in page["orders"]:
            count, total = found.get(order["status"], (0, decimal.Decimal(0)))
            total += decimal.Decimal(order["total"] or 0)
            found[order["status"]] = (count + 1, total)
        if not page["next_cursor"]:
            return found
        cursor = "&cursor=" + page["next_cursor"]


def views(repository):
    folder = repository / "crates/sql/src/views"
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.sql"))}


def of_duckdb(tables, views):
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    for name, table in tables.items():
        if table is not None:
            database.register(name, table)
    missing = {name for name, table in tables.items() if table is None}
    answers = {}
    for name, sql in views.items():
        if not any(re.search(rf"\bFROM {table}\b", sql) for table in missing):
            answers[name] = rows(database.execute(sql).fetchall())
    return answers


class Postgres:
    """A PostgreSQL 15 of its own: a folder, a socket in it, nobody else's."""

    def __init__(self):
        self.bin = pathlib.Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="warehouse-"))
        self.user = None
        if os.getuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, self.user)
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c fsync=off -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start")

    @property
    def data(self):
        return self.folder / "data"

    def run(self, command, *arguments):
        done = subprocess.run(
            [self.bin / command, *arguments], user=self.user, cwd=self.folder, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
        )
        assert done.returncode == 0, done.stderr

    def connect(self):
        where = f"host={self.folder} user=tester dbname=postgres options='-c TimeZone=UTC'"
        return psycopg.connect(where, autocommit=True)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Warehouse:
    """What Redshift is told, told to PostgreSQL as far as that speaks the same."""

    def __init__(self, database, repository):
        self.database, self.folder = database, repository / "deploy/redshift"
        spec = importlib.util.spec_from_file_location("load", self.folder / "load.py")
        self.load_py = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.load_py)
        for statement in self.statements("schema.sql") + self.statements("views.sql"):
            database.execute(statement)

    def statements(self, name):
        """The statements of a file, without where Redshift keeps and how it sorts rows."""
        text = (self.folder / name).read_text()
        text = re.sub(r"^(DISTKEY|DISTSTYLE|COMPOUND SORTKEY|SORTKEY)\b[^;\n]*", "", text, flags=re.M)
        return self.load_py.statements(text)

    def loaded_until(self):
        found = self.database.execute("SELECT COALESCE(MAX(until_sequence), 0) FROM lake_loads")
        return found.fetchone()[0]

    def load(self, lake, manifest, segments):
        """A load as load.py makes it; each COPY from S3 is one of rows that pyarrow read."""
        for statement in self.load_py.load(manifest, segments, "s3://a/copies", "a-role"):
            copied = re.match(r"COPY staged_(\w+)\n", statement)
            if copied:
                self.copy(lake, segments, copied[1])
            else:
                self.database.execute(statement)
        for table in TABLES:
            self.database.execute(f"DROP TABLE IF EXISTS staged_{table}, fresh_{table}")

    def copy(self, lake, segments, table):
        parts = [read(lake, s["files"][table]) for s in segments if table in s["files"]]
        found = pa.concat_tables(parts)
        columns = [column.to_pylist() for column in found.columns]
        with self.database.cursor().copy(f"COPY staged_{table} FROM STDIN") as copy:
            for row in zip(*columns):
                copy.write_row(row)

    def contents(self):
        tables = {t: rows(self.database.execute(f"SELECT * FROM {t}").fetchall()) for t in TABLES}
        return {name: found for name, found in tables.items() if name != "lake_loads"}

    def answers(self, names):
        return {n: rows(self.database.execute(f"SELECT * FROM {n}").fetchall()) for n in names}


def warehouse(lake, manifest, repository, views):
    """The answers of the views, after loads in pieces, again, and in another order."""
    postgres = Postgres()
    try:
        with postgres.connect() as database:
            store = Warehouse(database, repository)
            # Each segment by itself, the newest first: late versions come before early ones.
            for segment in reversed(manifest["segments"]):
                store.load(lake, manifest, [segment])
            before = store.contents()
            store.load(lake, manifest, manifest["segments"])
            assert store.contents() == before, "a second load changed something"
            assert store.loaded_until() == manifest["segments"][-1]["until"]
            behind = store.load_py.new_segments(manifest, store.loaded_until())
            assert behind == [], "everything is loaded, and something is new"
            return store.answers(views)
    finally:
        postgres.stop()


def main():
    lake, url, repository = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    manifest = newest_manifest(lake)
    tables = current(lake, manifest)
    texts = views(repository)
    by_duckdb = of_duckdb(tables, texts)
    compared = {}
    for name, found in by_duckdb.items():
        ours = of_comanda(url, f"SELECT * FROM {name}")
        assert ours == found, f"{name}: Comanda {first_difference(ours, found)}"
        compared[name] = len(found)
    ledger = of_ledger(url)
    by_status = {}
    for row in by_duckdb["orders_by_status"]:
        count, total = by_status.get(row[2], (0, 0))
        by_status[row[2]] = (count + row[4], total + (row[5] or 0))
    assert by_status == ledger, f"the lake has {by_status}, the ledger {ledger}"
    if "--warehouse" in sys.argv:
        for name, found in warehouse(lake, manifest, repository, by_duckdb).items():
            ours = by_duckdb[name]
            assert ours == found, f"{name}: the warehouse {first_difference(found, ours)}"
    files = sum(len(segment["files"]) for segment in manifest["segments"])
    versions = sum(len(t) for n, t in tables.items() if n == "orders")
    said = {"orders": versions, "files": files, "views": compared, "superseded":
            len(superseded(lake, manifest)), "statuses": sorted(ledger)}
    print(json.dumps(said))


def first_difference(a, b):
    for one, other in zip(a, b):
        if one != other:
            return f"has {one} where {other} was expected"
    return f"has {len(a)} rows where {len(b)} were expected"


if __name__ == "__main__":
    main()
