"""Makes the artifact of the functions: a zip that holds `bootstrap`, the same bytes for the same
program, whoever makes it and when.

    python3 deploy/lambda.py <program> <zip>
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

# What Amazon Linux 2023 (`provided.al2023`) has.
GLIBC_MAX = (2, 34)
# What Lambda takes, unpacked.
BYTES_MAX = 250 << 20


def glibc_needed(program):
    """The newest version of glibc that a program asks for."""
    said = subprocess.run(["objdump", "-T", program], check=True, capture_output=True, text=True)
    found = re.findall(r"GLIBC_(\d+)\.(\d+)", said.stdout)
    return max((int(major), int(minor)) for major, minor in found)


def stripped(program):
    """A program's bytes, without what only a debugger reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "bootstrap"
        subprocess.run(["strip", "-o", path, program], check=True)
        return path.read_bytes()


def pack(program, target):
    needed = glibc_needed(program)
    if needed > GLIBC_MAX:
        text = "{}.{}".format
        sys.exit(f"{program} needs glibc {text(*needed)}; Lambda has {text(*GLIBC_MAX)}")
    body = stripped(program)
    if len(body) > BYTES_MAX:
        sys.exit(f"{program} has {len(body)} bytes; Lambda takes {BYTES_MAX}")
    target.parent.mkdir(parents=True, exist_ok=True)
    # The earliest time that a zip knows, and the rights of a program.
    entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
    entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o755 << 16, 3
    with zipfile.ZipFile(target, "w") as packed:
        packed.writestr(entry, body, compresslevel=9)
    needs = ".".join(map(str, needed))
    print(f"{target}: {target.stat().st_size:,} bytes, {len(body):,} unpacked, glibc {needs}")


if __name__ == "__main__":
    program, target = sys.argv[1:]
    pack(pathlib.Path(program), pathlib.Path(target))
