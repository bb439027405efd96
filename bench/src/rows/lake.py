"""The ready-made views over a lake's files in DuckDB: seconds of each, and the peak of memory.

    lake.py LAKE VIEWS THREADS

LAKE is the folder of the lake, VIEWS that of the views' SQL. Prints JSON.
"""

import json
import pathlib
import resource
import sys
import time

import duckdb
import pyarrow as pa
from pyroaring import BitMap64

lake, views, threads = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
manifest = json.loads(max((lake / "manifest").glob("*.json")).read_text())
gone = BitMap64()
for segment in manifest["segments"]:
    if segment.get("superseded"):
        gone |= BitMap64.deserialize((lake / segment["superseded"]["path"]).read_bytes())

database = duckdb.connect()
database.execute(f"SET threads = {threads}")
database.execute("SET TimeZone = 'UTC'")
database.register("superseded", pa.table({"sequence": pa.array(gone, pa.int64())}))
files = {}
for segment in manifest["segments"]:
    for table, file in segment["files"].items():
        files.setdefault(table, []).append(str(lake / file["path"]))
for table, paths in files.items():
    versioned = table in {"orders", "order_lines", "order_rules", "batches"} and len(gone) > 0
    only = " ANTI JOIN superseded USING (sequence)" if versioned else ""
    database.execute(f"CREATE VIEW {table} AS FROM read_parquet({paths}, hive_partitioning = false){only}")

took = {}
for path in sorted(views.glob("*.sql")):
    began = time.monotonic()
    try:
        rows = len(database.execute(path.read_text()).to_arrow_table())
        took[path.stem] = {"seconds": time.monotonic() - began, "rows": rows}
    except duckdb.CatalogException:
        # A table without a file: nobody was rejected, say.
        pass
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"views": took, "peak_bytes": peak}))
