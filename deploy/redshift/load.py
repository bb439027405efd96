#!/usr/bin/env python3
"""Loads what is new in the lake into Redshift: one transaction, nothing twice.

Reads the lake's newest manifest, asks the table lake_loads how far earlier loads came, writes a
list of files for each table beside the lake, and runs stage.sql, merge.sql and the entries of
lake_loads in one transaction. Needs Python 3 alone, and the commands `aws` and `psql` on the path.

    load.py --lake s3://bucket/lake --role arn:aws:iam::123456789012:role/reads-the-lake \\
            'host=… port=5439 dbname=… user=…'
"""

import argparse
import json
import pathlib
import string
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FORMAT = 1


def new_segments(manifest, loaded_until):
    """The segments with changes behind what is loaded. One that is loaded in part is loaded whole:
    what is there already stays as it is."""
    return [s for s in manifest["segments"] if s["until"] > loaded_until]


def copy_manifests(lake, segments):
    """Of each table that has new files, what COPY is to read: columnar files with their length."""
    lists = {}
    for segment in segments:
        for table, file in segment["files"].items():
            entry = {
                "url": f"{lake}/{file['path']}",
                "mandatory": True,
                "meta": {"content_length": file["bytes"]},
            }
            lists.setdefault(table, []).append(entry)
    return {table: {"entries": entries} for table, entries in lists.items()}


def statements(text):
    """The statements of a file of ours: none has a semicolon within it."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [s.strip() for s in "\n".join(lines).split(";") if s.strip()]


def stage(tables, copies, role):
    """stage.sql without the copies of tables that have nothing new."""
    text = (HERE / "stage.sql").read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    filled = string.Template(text).substitute(copies=copies, role=role.replace("'", "''"))
    wanted = {f"COPY staged_{table}\n" for table in tables}
    return [
        s for s in statements(filled)
        if not s.startswith("COPY ") or any(s.startswith(copy) for copy in wanted)
    ]


def entries(manifest, segments):
    """What lake_loads says of this load."""
    rows = ",\n".join(
        f"    ({manifest['version']}, '{s['day']}', {s['from']}, {s['until']}, CURRENT_TIMESTAMP)"
        for s in segments
    )
    columns = "manifest, day, from_sequence, until_sequence, loaded_at"
    return f"INSERT INTO lake_loads ({columns}) VALUES\n{rows}"


def load(manifest, segments, copies, role):
    """All statements of a load, in their order."""
    tables = {table for segment in segments for table in segment["files"]}
    merge = statements((HERE / "merge.sql").read_text(encoding="utf-8"))
    body = stage(tables, copies, role) + merge + [entries(manifest, segments)]
    return ["BEGIN", *body, "COMMIT"]


def run(*command, given=None):
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:2])}: {done.stderr.strip()}")
    return done.stdout


def newest_manifest(lake):
    names = [line.split()[-1] for line in run("aws", "s3", "ls", f"{lake}/manifest/").splitlines()]
    names = sorted(name for name in names if name.endswith(".json"))
    if not names:
        sys.exit(f"{lake}/manifest/ has no manifest: is the lake there, and has it been written?")
    manifest = json.loads(run("aws", "s3", "cp", f"{lake}/manifest/{names[-1]}", "-"))
    if manifest.get("format", FORMAT) != FORMAT:
        sys.exit(f"the lake has format {manifest['format']}; this script knows {FORMAT}")
    return manifest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lake", required=True, help="where the lake is: s3://bucket/prefix")
    parser.add_argument("--role", required=True, help="the role by which Redshift reads it")
    parser.add_argument("database", help="how psql reaches Redshift: a connection string")
    asked = parser.parse_args()
    lake = asked.lake.rstrip("/")
    psql = ("psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", asked.database)
    until = run(*psql, "-At", "-c", "SELECT COALESCE(MAX(until_sequence), 0) FROM comanda.lake_loads")
    manifest = newest_manifest(lake)
    segments = new_segments(manifest, int(until))
    if not segments:
        print("nothing new")
        return
    copies = f"{lake}/copies/{manifest['version']:020}"
    for table, listed in copy_manifests(lake, segments).items():
        run("aws", "s3", "cp", "-", f"{copies}/{table}.manifest", given=json.dumps(listed))
    run(*psql, given=";\n".join(load(manifest, segments, copies, asked.role)) + ";\n")
    print(f"loaded {len(segments)} segments, up to {segments[-1]['until']}")


if __name__ == "__main__":
    main()
