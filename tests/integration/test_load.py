"""Real data in a real federation of three members: loaded, interrupted, repeated, and asked about.

Each test takes the federation as the one before left it. What it answers is held against one store of the same data
in this process, which keeps duplicates, too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pretended_agraph  # noqa: F401  # has Ansible find module_utils
import pyoxigraph
import pytest
from agraph_bench import Client, running
from harness import BIN, ROOT, Run, Sandbox, pages

pytestmark = pytest.mark.timeout(600)

PACKAGES = Path(sysconfig.get_path("purelib"))
BRICK, CLIENT = PACKAGES / "brickschema" / "ontologies", PACKAGES / "franz" / "openrdf" / "tests"
TYPES = {".nt": "application/n-triples", ".ttl": "text/turtle", ".rdf": "application/rdf+xml"}
MEMBERS = 3
BUCKET = "agraph-ssm-123456789012"
# Long before this a load is over.
LONGEST = 12.0
PREFIXES = """\
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX brick: <https://brickschema.org/schema/Brick#> PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX k: <http://www.franz.com/simple#> PREFIX les: <http://www.franz.com/lesmis#>
PREFIX dc: <http://purl.org/dc/elements/1.1/>
"""
QUESTIONS = {
    "how many statements": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }",
    "each predicate": "SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p",
    "each type": "SELECT ?t (COUNT(?s) AS ?n) { ?s a ?t } GROUP BY ?t",
    "each name": "SELECT ?s ?name { ?s rdfs:label|dc:title|k:last-name ?name FILTER(!isBlank(?s)) }",
    "the sum of years": "SELECT (SUM(xsd:integer(?y)) AS ?n) (AVG(xsd:integer(?y)) AS ?a) { ?s k:birth-year ?y }",
    "children and parents": "SELECT ?a ?b { ?p k:has-child ?c . ?p k:first-name ?a . ?c k:first-name ?b }",
    "superclasses in two steps": "SELECT ?a ?c { ?a rdfs:subClassOf ?b . ?b rdfs:subClassOf ?c FILTER(!isBlank(?c)) }",
    "the longest definitions": "SELECT ?s (STRLEN(STR(?d)) AS ?n) { ?s skos:definition ?d } "
    "ORDER BY DESC(?n) ?s LIMIT 20",
    "nobody who has no first name": "SELECT (COUNT(?p) AS ?n) "
    "{ ?p a k:person FILTER NOT EXISTS { ?p k:first-name ?f } }",
    # All that can be compared one by one: a blank node's label is each store's own.
    "every statement, as often as it is there": "SELECT ?s ?p ?o (COUNT(*) AS ?n) "
    "{ ?s ?p ?o FILTER(!isBlank(?s) && !isBlank(?o)) } GROUP BY ?s ?p ?o",
}
Ask = Callable[[str], Any]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox with a federation in it."""
    own = Sandbox(tmp_path_factory.mktemp("sandbox"))
    own.start()
    made = own.playbook("up", federation_member_count=MEMBERS)
    assert made.returncode == 0, str(made)
    yield own
    own.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what others have published: one file large enough to be split, others not to be."""
    folder = tmp_path_factory.mktemp("data")
    triples = pyoxigraph.parse(path=BRICK / "1.1" / "Brick.ttl", base_iri="https://brickschema.org/")
    pyoxigraph.serialize((each.triple for each in triples), folder / "brick.nt", format=pyoxigraph.RdfFormat.N_TRIPLES)
    for file in (BRICK / "1.5" / "extensions" / "223p.ttl", CLIENT / "lesmis.rdf"):
        (folder / file.name).write_bytes(file.read_bytes())
    # Some of it twice: in a federation that counts.
    kennedy = (CLIENT / "kennedy.ntriples").read_bytes()
    (folder / "kennedy.nt").write_bytes(kennedy + kennedy[: kennedy.index(b"\n", 5000) + 1])
    return folder


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Ask one store of the same data."""
    with running("--data", str(tmp_path_factory.mktemp("alone"))) as client:
        client.call("PUT", "/repositories/r")
        for file in sorted(data.iterdir()):
            loaded = client.call("POST", "/repositories/r/statements", None, file.read_bytes(), TYPES[file.suffix])
            assert loaded.status == 200, loaded.text
        yield asking(client, "r")


def asking(client: Client, where: str) -> Ask:
    return lambda question: sorted(map(str, client.values(where, PREFIXES + XSD + question)))


XSD = "PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> "


def nodes(sandbox: Sandbox, role: str) -> list[dict[str, Any]]:
    filters = [{"Name": "tag:Role", "Values": [role]}, {"Name": "instance-state-name", "Values": ["running"]}]
    found = pages(sandbox.client("ec2"), "describe_instances", "Reservations", Filters=filters)
    return [instance for reservation in found for instance in reservation["Instances"]]


@pytest.fixture
def federation(sandbox: Sandbox) -> Iterator[Ask]:
    """Ask all members at once, as `query` does, in one session."""
    from ansible.module_utils.agraph_client import Server
    from ansible.module_utils.federation_spec import federation, repository_url

    (manager,) = nodes(sandbox, "manager")
    user, _, password = sandbox.superuser().partition(":")
    addresses = [each["PrivateIpAddress"] for each in nodes(sandbox, "member")]
    assert len(addresses) == MEMBERS
    store = federation(repository_url(each, 10035, "r", user, password) for each in addresses)
    server = Server(manager["PublicIpAddress"], 10035, user, password, 60)
    session = server.json("POST", "/session", {"store": store})
    yield lambda question: sorted(map(str, server.json("GET", session, {"query": PREFIXES + XSD + question})["values"]))
    server.json("POST", f"{session}/session/close")


def load(sandbox: Sandbox, data: Path | str, **settings: Any) -> Run:
    return sandbox.playbook("load", federation_member_count=MEMBERS, federation_data=str(data), **settings)


def loaded(run: Run) -> int:
    """How many statements a load says that it has loaded; it has to be a good one."""
    assert run.returncode == 0, str(run)
    assert run.last_line.startswith("load: loaded "), str(run)
    return int(run.last_line.split()[2])


def objects(sandbox: Sandbox, below: str = "") -> list[str]:
    """What a load has put into the bucket."""
    found = sandbox.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"load/{below}").get("Contents", [])
    return [each["Key"] for each in found]


def kill_load(sandbox: Sandbox, data: Path | str, moment: Callable[[subprocess.Popen[bytes]], None]) -> None:
    """Begin a load, and kill it and all that it has started on this machine when `moment` returns."""
    settings = {"federation_member_count": MEMBERS, "federation_data": str(data)}
    command = [str(BIN / "ansible-playbook"), "load.yml", "--extra-vars", json.dumps(settings)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=ROOT, env=sandbox.environment, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        moment(process)
    finally:
        # A load that is over before its moment has come has no group of processes any more.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def after(seconds: float) -> Callable[[subprocess.Popen[bytes]], None]:
    """Wait so long, or until it is over."""

    def wait(process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    return wait


def when_loading(sandbox: Sandbox, seconds: float) -> Callable[[subprocess.Popen[bytes]], None]:
    """Wait until a member says that it loads, and so many seconds more: about then it commits something."""
    for key in objects(sandbox, "progress/"):
        sandbox.client("s3").delete_object(Bucket=BUCKET, Key=key)

    def wait(process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 60
        while not objects(sandbox, "progress/"):
            assert process.poll() is None, "the load had ended before a member began"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(seconds)

    return wait


def test_a_load_of_nothing_says_what_to_say(sandbox: Sandbox) -> None:
    nothing = load(sandbox, "")
    assert nothing.returncode != 0
    assert "federation_data is empty" in nothing.last_line, str(nothing)
    assert "-e federation_data=people.nt" in nothing.last_line, str(nothing)


def test_bad_data_load_nothing(sandbox: Sandbox, data: Path, federation: Ask, tmp_path: Path) -> None:
    (tmp_path / "good.nt").write_bytes((data / "kennedy.nt").read_bytes())
    (tmp_path / "bad.nt").write_text("<ex://a> <ex://p> <ex://o> .\n<ex://a> <ex://p> .\n")
    refused = load(sandbox, tmp_path)
    assert refused.returncode != 0
    assert "bad.nt" in refused.last_line, str(refused)
    assert "line 2" in refused.last_line or "bad.nt:2" in refused.last_line, str(refused)
    assert federation("SELECT ?o { ?s ?p ?o }") == federation("SELECT ?o { ?s <ex://id> ?o }")
    assert objects(sandbox) == []


def test_real_data_are_loaded_exactly_however_often_it_is_interrupted(
    sandbox: Sandbox, data: Path, alone: Ask, notice: Callable[[str], None]
) -> None:
    seed = random.randrange(1 << 32)
    notice(f"the loads that were killed began from seed {seed}")
    chance = random.Random(seed)
    kill_load(sandbox, data, when_loading(sandbox, chance.uniform(0, 0.2)))
    for _ in range(2):
        kill_load(sandbox, data, after(chance.uniform(2, LONGEST)))
    run = load(sandbox, data)
    number = loaded(run)
    total = int(alone(QUESTIONS["how many statements"])[0].split('"')[1])
    skipped = int(run.last_line.split()[-3])
    assert number + skipped == total, str(run)
    assert objects(sandbox) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_federation_answers_as_one_store_of_the_same_data(question: str, alone: Ask, federation: Ask) -> None:
    answer = alone(QUESTIONS[question])
    assert answer
    assert federation(QUESTIONS[question]) == answer


def test_each_member_has_its_share(sandbox: Sandbox) -> None:
    for member in nodes(sandbox, "member"):
        size = f"curl -sSf -u {sandbox.superuser()} http://localhost:10035/repositories/r/size"
        assert int(sandbox.on_node(member["InstanceId"], size)) > 2000
        assert {"Key": "Holds", "Value": "data"} in member["Tags"]


def test_what_is_loaded_is_not_loaded_again_and_up_leaves_it_alone(sandbox: Sandbox, data: Path) -> None:
    again = load(sandbox, data)
    assert (loaded(again), again.changed) == (0, 0), str(again)
    kept = sandbox.playbook("up", federation_member_count=MEMBERS)
    assert (kept.returncode, kept.changed) == (0, 0), str(kept)


def test_bad_data_that_only_a_member_reads_are_named_and_the_rest_is_loaded(sandbox: Sandbox, federation: Ask) -> None:
    s3 = sandbox.client("s3")
    good, bad = "<ex://s3> <ex://p> <ex://o> .\n", "<ex://s4> <ex://p> <ex://o> .\nnonsense\n"
    for name, content in (("good.nt", good), ("bad.nt", bad)):
        s3.put_object(Bucket=BUCKET, Key=f"data/{name}", Body=content.encode())
    before = federation(QUESTIONS["how many statements"])
    refused = load(sandbox, f"s3://{BUCKET}/data/")
    assert refused.returncode != 0
    assert "bad.nt is refused by AllegroGraph, and nothing of it was loaded: " in refused.last_line, str(refused)
    assert "line 2" in refused.last_line, str(refused)
    s3.delete_object(Bucket=BUCKET, Key="data/bad.nt")
    run = load(sandbox, f"s3://{BUCKET}/data/")
    assert loaded(run) in (0, 1), str(run)
    assert before != federation(QUESTIONS["how many statements"])
    s3.delete_object(Bucket=BUCKET, Key="data/good.nt")


def test_a_load_that_is_only_checked_loads_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "new.nt").write_text("<ex://n> <ex://p> <ex://o> .\n")
    settings = json.dumps({"federation_member_count": MEMBERS, "federation_data": str(tmp_path)})
    checked = sandbox.playbook("load", "--check", "--extra-vars", settings)
    assert checked.returncode == 0, str(checked)
    assert checked.last_line.startswith("load: checked only, would load 1 statements of 1 files"), str(checked)
    assert objects(sandbox) == []


def generated(number: int) -> tuple[str, int]:
    """Some thousand statements, some of them twice, and how many they are."""
    lines = [f"<ex://{number}/{each}> <ex://trial{number}> <ex://{each % 7}> .\n" for each in range(30_000)]
    return "".join(lines + lines[:500]), len(lines) + 500


@pytest.fixture(scope="module")
def seed() -> int:
    """Where the moments of the twenty come from."""
    return random.randrange(1 << 32)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(20))
def test_twenty_loads_that_are_killed_end_exactly(
    sandbox: Sandbox, tmp_path: Path, notice: Callable[[str], None], federation: Ask, seed: int, trial: int
) -> None:
    notice(f"the twenty loads that were killed began from seed {seed}")
    chance = random.Random(f"{seed}, {trial}")
    text, count = generated(trial)
    (tmp_path / "trial.nt").write_text(text)
    # Every fourth about when a part is committed.
    at_commit = trial % 4 == 3
    moment = when_loading(sandbox, chance.uniform(0, 0.5)) if at_commit else after(chance.uniform(1, LONGEST))
    kill_load(sandbox, tmp_path, moment)
    loaded(load(sandbox, tmp_path))
    mine = f"{{ ?s <ex://trial{trial}> ?o }}"
    (found,) = federation(f"SELECT (COUNT(*) AS ?n) (COUNT(DISTINCT ?s) AS ?d) {mine}")
    assert f'"{count}"' in found, found
    assert f'"{count - 500}"' in found, found
