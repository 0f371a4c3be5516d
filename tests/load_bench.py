"""Five million triples from a file to parts in S3, beside moto: how long, and how much memory.

It is run apart from the tests, best on a machine that does nothing else: python tests/load_bench.py
Each measure is a line `bench: NAME value limit pass|miss`, and a miss is an exit code other than 0.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

BUCKET = "bench-123456789012"
MEMBERS = 4
SUBJECT = 8
"""How many statements each thing has."""
SECONDS, AGAIN_SECONDS, MEGABYTES = 90, 30, 300
"""At most, for five million; seconds less for fewer."""
FULL = 5_000_000


@dataclass(frozen=True)
class Run:
    """What one run of the module took, and what it answered."""

    seconds: float
    megabytes: float
    answer: dict[str, Any]


def generate(path: Path, statements: int) -> None:
    """Write a file of N-Triples, about 150 bytes each."""
    chance = random.Random(1)
    thing = "http://data.example.com/resource/thing"
    with path.open("w") as file:
        for start in range(0, statements, 10_000):
            lines = []
            for number in range(start, min(start + 10_000, statements)):
                subject, what = divmod(number, SUBJECT)
                if what % 2:
                    other = f'"measured {chance.random():.12f} at some place, number {number}"@en'
                else:
                    other = f"<{thing}/{chance.randrange(statements // SUBJECT + 1)}>"
                lines.append(f"<{thing}/{subject}> <http://vocabulary.example.com/terms/property{what}> {other} .\n")
            file.writelines(lines)


def in_child(arguments: dict[str, Any], environment: dict[str, str]) -> Run:
    """Run the module in a process of its own, as Ansible does, and measure that."""
    began = time.monotonic()
    command = [sys.executable, __file__, "--child"]
    given = json.dumps(arguments)
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)
    seconds = time.monotonic() - began
    answer = json.loads(done.stdout)
    assert not answer.get("failed"), answer["msg"]
    return Run(seconds, int(done.stderr.split()[-2]) * 1024 / 1e6, answer)


def child() -> None:
    """Be the module."""
    import pretended_agraph  # noqa: F401  # makes ansible.module_utils ours, too
    from ansible.module_utils.testing import patch_module_args

    from library import federation_data_parts

    try:
        with patch_module_args(json.load(sys.stdin)):
            federation_data_parts.main()
    finally:
        # What the kernel adds up of a child begins with the parent's; this is the process's own.
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(line for line in status if line.startswith("VmHWM")), file=sys.stderr)


def moto() -> tuple[subprocess.Popen[bytes], str]:
    """Start an S3 of moto's, and make the bucket; return the process and the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
            return process, address
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)


def measure(folder: Path, statements: int) -> list[tuple[str, float, float]]:
    """Run it three times: first, after an interruption, and when all is loaded; return names, values and limits."""
    import boto3

    path = folder / "five-million.nt"
    generate(path, statements)
    process, address = moto()
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example-secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "FEDERATION_PROGRESS_FILE": str(folder / "progress"),
    }
    os.environ.update(environment)
    try:
        client = boto3.client("s3", region_name="us-west-2", endpoint_url=address)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        members: list[dict[str, Any]] = [{"index": index, "loaded": []} for index in range(MEMBERS)]
        given = {"bucket": BUCKET, "region": "us-west-2", "data": str(path), "members": members, "folder": str(folder)}
        arguments = {**given, "_ansible_remote_tmp": str(folder)}
        first, again = in_child(arguments, environment), in_child(arguments, environment)
        for part in first.answer["parts"]:
            members[part["member"]]["loaded"].append({"id": part["id"], "statements": part["statements"]})
        loaded = in_child(arguments, environment)
    finally:
        process.terminate()
        process.wait(30)
    assert first.answer["statements"] == again.answer["statements"] == loaded.answer["statements"] == statements
    assert (again.answer["uploaded"], loaded.answer["parts"]) == (0, [])
    counts = [sum(part["statements"] for part in first.answer["parts"] if part["member"] == i) for i in range(MEMBERS)]
    print(
        f"{statements:,} statements, {path.stat().st_size / 1e6:,.0f} MB: {len(first.answer['parts'])} parts of "
        f"{sum(part['bytes'] for part in first.answer['parts']) / 1e6:,.0f} MB in S3, "
        f"{statements / first.seconds:,.0f} statements a second; members get {min(counts):,} to {max(counts):,}"
    )
    share = max(statements / FULL, 0.1)
    return [
        ("load-read-split-upload-seconds", first.seconds, SECONDS * share),
        ("load-memory-megabytes", first.megabytes, MEGABYTES),
        ("load-again-seconds", again.seconds, AGAIN_SECONDS * share),
        ("load-nothing-left-seconds", loaded.seconds, AGAIN_SECONDS * share / 3),
        ("load-largest-of-smallest-share", max(counts) / min(counts), 1.1),
    ]


def main() -> int:
    """Measure and report; return the exit code."""
    parser = argparse.ArgumentParser(description="Measure the way of a large file from here to S3.")
    parser.add_argument("--statements", type=int, default=FULL, help="how many triples the file has (5000000)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as folder:
        found = measure(Path(folder), given.statements)
    for name, value, most in found:
        print(f"bench: {name} {value:.2f} {most:g} {'pass' if value <= most else 'miss'}")
    return 0 if all(value <= most for _, value, most in found) else 1


if __name__ == "__main__":
    sys.exit(main())
