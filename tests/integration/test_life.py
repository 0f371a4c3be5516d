"""The life of a federation, as it is lived: each test takes the account as the one before left it."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Run, Sandbox, account, pages
from plan_agreement import disagreements, rows
from reliability.cases import QUERY
from reliability.page import line, lines, read
from reliability.proof import Proof
from status_documents import rendered

pytestmark = pytest.mark.timeout(600)

AVERAGE = """\
-------
| avg |
=======
| {} |
-------"""

# What up does on the nodes, in one session each.
ON_MEMBERS = "Wait for AllegroGraph, and give each member its repository and its number"

BUCKET = "agraph-ssm-123456789012"

# Snapshots that one test leaves to a later one.
snapshots: dict[str, Any] = {}


def shows(answer: Run, average: str) -> bool:
    """Whether the table with this average stands at column 0."""
    return AVERAGE.format(average) in answer.stdout


def instances(sandbox: Sandbox, federation: str, name: str) -> list[dict[str, Any]]:
    """The instances of a federation with this name that have not been terminated."""
    found = pages(
        sandbox.client("ec2"),
        "describe_instances",
        "Reservations",
        Filters=[
            {"Name": "tag:Federation", "Values": [federation]},
            {"Name": "tag:Name", "Values": [name]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ],
    )
    return [instance for reservation in found for instance in reservation["Instances"]]


def on_member(sandbox: Sandbox, index: int, command: str) -> str:
    """Run a shell command on a member with Run Command, and return what it prints."""
    (member,) = instances(sandbox, "agraph", f"agraph-member-{index}")
    return sandbox.on_node(member["InstanceId"], command)


def status(url: str, method: str = "GET") -> int:
    """The status with which a URL is answered on this machine."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def statement(sandbox: Sandbox, method: str, subject: str, number: int) -> str:
    """The curl command that adds or removes `<subject> <ex://id> number` on the node where it runs."""
    term = f'"{number}"^^<http://www.w3.org/2001/XMLSchema#integer>'
    path = "statement" if method == "PUT" else "statements"
    return (
        f"curl -sSf -u {sandbox.superuser()} -X {method} -G http://localhost:10035/repositories/r/{path} "
        f"--data-urlencode 'subj=<{subject}>' --data-urlencode 'pred=<ex://id>' --data-urlencode 'obj={term}'"
    )


def test_plan_and_check_mode_make_nothing_and_name_what_up_makes(sandbox: Sandbox) -> None:
    snapshots["empty"] = account(sandbox)
    plan = sandbox.playbook("plan")
    # That a person may do what up does is asked by dry runs.
    assert [each["operation"] for each in sandbox.journal() if each["changing"]] == [], str(plan)
    assert plan.returncode == 0, str(plan)
    assert plan.last_line.startswith("plan: make 22, change 0, remove 0, keep 0; cost 0.18 USD an hour, "), str(plan)
    checked = sandbox.playbook("up", "--check")
    assert checked.returncode == 0, str(checked)
    assert account(sandbox) == snapshots["empty"]
    assert disagreements(checked) == []
    assert rows(checked) == rows(plan), f"{plan}\n{checked}"
    assert checked.lines[-2:] == [plan.last_line, "up: checked only, nothing was made"], str(checked)
    made = sandbox.playbook("up")
    assert made.returncode == 0, str(made)
    assert made.last_line.startswith("up: ready federation=agraph manager=127."), str(made)
    assert made.last_line.endswith(" members=2"), str(made)
    address = re.search(r" manager=(\S+)", made.last_line)
    assert address, str(made)
    for told in (
        f"  AllegroGraph  http://{address[1]}:10035/ as user test",
        "  instances     a manager and 2 members, t3.medium",
        "  cost          0.18 USD an hour, without disks and traffic, until down",
        "  next          ansible-playbook query.yml",
    ):
        assert told in made.lines, str(made)
    # What happens on the nodes needs nodes: check mode stops where the cloud ends.
    # In which order is chance where two lanes go side by side.
    cloud = [name for name in made.changes if name in checked.changes]
    assert sorted(checked.changes) == sorted(cloud), f"{checked}\n{made}"
    assert len(checked.changes) >= 15, str(checked)
    assert set(made.changes) - set(checked.changes) <= {ON_MEMBERS}, str(made)


def test_a_second_up_changes_nothing(sandbox: Sandbox) -> None:
    again = sandbox.playbook("up")
    assert (again.returncode, again.changed) == (0, 0), str(again)


def test_the_bucket_speaks_tls_only(sandbox: Sandbox) -> None:
    key = {"Bucket": BUCKET, "Key": "by/hand"}
    secure, plain = sandbox.client("s3"), sandbox.client("s3", tls=False)
    secure.put_object(**key, Body=b"by TLS\n")
    for refused in (plain.get_object, plain.put_object, plain.delete_object):
        with pytest.raises(ClientError, match=r"AccessDenied.*with an explicit deny in a resource-based policy"):
            refused(**key)
    over_http = plain.generate_presigned_url("get_object", Params=key)
    assert status(over_http) == 403
    assert status(plain.generate_presigned_url("put_object", Params=key), "PUT") == 403
    url = secure.generate_presigned_url("get_object", Params=key)
    assert on_member(sandbox, 0, f"curl -sSf '{url}'") == "by TLS\n"
    python = f"import urllib.request as request; print(request.urlopen('{url}').read())"
    assert on_member(sandbox, 0, f'python3 -c "{python}"') == "b'by TLS\\n'\n"
    assert on_member(sandbox, 0, f"curl -s -o /dev/null -w '%{{http_code}}' '{over_http}'") == "403"
    secure.delete_object(**key)
    assert secure.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"] == {"IsPublic": False}


def test_what_stands_is_listed_with_what_it_costs(sandbox: Sandbox) -> None:
    for name in ("agraph", "all"):
        shown = sandbox.playbook("leftovers", federation_name=name)
        assert shown.returncode != 0, str(shown)
        rows = [line.split() for line in shown.lines if line.startswith("agraph  ")]
        assert shown.last_line == f"leftovers: {len(rows)}", str(shown)
        kinds = {" ".join(row[1:3]) if row[1] in ("NAT", "key", "security") else row[1] for row in rows}
        assert {"instance", "NAT gateway", "address", "VPC", "role", "bucket", "security group"} <= kinds, str(shown)
        # Three t3.medium, the gateway, two addresses.
        assert f"ERROR: {len(rows)} resources stand in us-west-2, at 0.1798 USD an hour." in shown.stdout, str(shown)
        assert "Remove them with: ansible-playbook down.yml -e federation_name=agraph\n" in shown.stdout, str(shown)
    nothing = sandbox.playbook("leftovers", federation_name="right")
    assert (nothing.returncode, nothing.last_line) == (0, "leftovers: 0"), str(nothing)


def test_the_query_answers_with_the_table_and_the_result_file(sandbox: Sandbox, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    answer = sandbox.playbook("query", federation_result_file=str(result))
    assert answer.returncode == 0, str(answer)
    assert shows(answer, "0.5"), str(answer)
    written = json.loads(result.read_text())
    assert written["names"] == ["avg"]
    assert [[term["value"] for term in row] for row in written["rows"]] == [["0.5"]]
    assert written["rows"][0][0]["datatype"] == "http://www.w3.org/2001/XMLSchema#decimal"
    assert written["table"] == AVERAGE.format("0.5")


def test_braces_and_question_marks_survive(sandbox: Sandbox, tmp_path: Path) -> None:
    question = tmp_path / "question.rq"
    question.write_text("SELECT ?s { { { {?s ?p ?o} } } {# a comment, and no template\n} } ORDER BY ?s")
    answer = sandbox.playbook("query", federation_query_file=str(question))
    assert answer.returncode == 0, str(answer)
    assert "| <ex://instance0> |" in answer.stdout, str(answer)
    assert "| <ex://instance1> |" in answer.stdout, str(answer)


def test_an_answer_comes_in_the_form_that_is_wanted(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "SELECT ?s ?o { ?s <ex://id> ?o } ORDER BY ?o"
    shown = sandbox.playbook("query", federation_query=rows, federation_output="csv")
    assert shown.stdout.endswith(' s\ns,o\n"ex://instance0",0\n"ex://instance1",1\n'), str(shown)
    path = tmp_path / "answer.json"
    for changed in (1, 0):
        bound = {"o": '"1"^^<http://www.w3.org/2001/XMLSchema#integer>'}
        filed = sandbox.playbook(
            "query",
            federation_query=rows,
            federation_output="json",
            federation_output_file=str(path),
            federation_query_bindings=bound,
        )
        assert (filed.returncode, filed.changed) == (0, changed), str(filed)
        ending = f"query: 1 row, {path.stat().st_size} bytes are in {path}{'' if changed else ', as before'}"
        assert filed.last_line == ending, str(filed)
    (row,) = json.loads(path.read_text())["results"]["bindings"]
    assert row["s"] == {"type": "uri", "value": "ex://instance1"}
    monkeypatch.setitem(sandbox.environment, "COLUMNS", "23")
    narrow = sandbox.playbook("query", federation_query=rows, federation_query_limit=1)
    assert narrow.lines[-4:] == ["| s               | o |", "=" * 23, "| <…://instance0> | 0 |", "-" * 23], str(narrow)


def test_an_update_is_refused_with_the_reason(sandbox: Sandbox) -> None:
    answer = sandbox.playbook("query", federation_query="DELETE WHERE { ?s ?p ?o }")
    assert answer.returncode != 0
    assert answer.last_line.startswith("ERROR: This is an update (DELETE), and a federation only reads: "), str(answer)
    assert shows(sandbox.playbook("query"), "0.5")


def test_a_query_that_does_not_parse_is_answered_in_the_servers_words(sandbox: Sandbox) -> None:
    answer = sandbox.playbook("query", federation_query="SELECT ?o { ?s ?p")
    assert answer.returncode != 0
    assert answer.last_line.startswith("ERROR: "), str(answer)
    assert "does not parse: error at 1:1" in answer.last_line, str(answer)


def test_a_reader_who_is_somebody_else_is_said(sandbox: Sandbox) -> None:
    answer = sandbox.playbook("query", federation_agraph_reader="nobody")
    assert answer.returncode != 0
    assert answer.last_line.startswith("ERROR: "), str(answer)
    assert "refuses the user nobody or the password. Repeat ansible-playbook up.yml" in answer.last_line, str(answer)


def test_a_changed_triple_changes_the_answer_and_a_doubled_one_counts_twice(sandbox: Sandbox) -> None:
    on_member(sandbox, 1, statement(sandbox, "DELETE", "ex://instance1", 1))
    on_member(sandbox, 1, statement(sandbox, "PUT", "ex://instance1", 4))
    assert shows(sandbox.playbook("query"), "2.0")
    on_member(sandbox, 1, statement(sandbox, "PUT", "ex://instance1", 4))
    doubled = sandbox.playbook("query", federation_query="SELECT (SUM(?o) AS ?sum) (COUNT(?o) AS ?count) { ?s ?p ?o }")
    assert "| 8   | 3     |" in doubled.stdout, str(doubled)
    on_member(sandbox, 1, statement(sandbox, "DELETE", "ex://instance1", 4))
    repaired = sandbox.playbook("up")
    assert (repaired.returncode, repaired.changes) == (0, [ON_MEMBERS]), str(repaired)
    assert shows(sandbox.playbook("query"), "0.5")


def test_what_goes_wrong_in_a_query_is_said_as_the_page_has_it(sandbox: Sandbox) -> None:
    proof = Proof(sandbox, members=2)
    for case in QUERY:
        assert line(proof.tried(case)) in lines(read())
    # A server that has died is started again by its node after a second.
    deadline = time.monotonic() + 30
    while not shows(answer := sandbox.playbook("query"), "0.5"):
        assert time.monotonic() < deadline, str(answer)


def test_status_shows_what_the_servers_hold_and_which_one_is_down(sandbox: Sandbox, tmp_path: Path) -> None:
    page, written = tmp_path / "status.html", tmp_path / "status.json"
    files: dict[str, Any] = {"federation_status_page": str(page), "federation_status_json": str(written)}

    def look() -> tuple[Run, dict[str, Any]]:
        shown = sandbox.playbook("status", **files)
        assert shown.returncode == 0, str(shown)
        assert shown.lines[-2] == f"status: written to {page} and {written}", str(shown)
        return shown, json.loads(written.read_text())

    shown, document = look()
    assert re.fullmatch(
        r"status: federation=agraph state=ready instances=3 age=\S+ ends=never cost=0\.18\d\d triples=2",
        shown.last_line,
    ), str(shown)
    assert [(each["role"], each["index"], each["condition"]) for each in document["nodes"]] == [
        ("manager", None, "well"),
        ("member", 0, "well"),
        ("member", 1, "well"),
    ]
    held = [{"node": f"Member {index}", "index": index, "statements": 1} for index in (0, 1)]
    assert document["repositories"] == [{"catalog": "/", "name": "r", "statements": 2, "members": held}]
    assert document["cost"]["hourly"] == round(sum(each["hourly"] for each in document["cost"]["parts"]), 4)
    assert {each["kind"]: each["number"] for each in document["cost"]["parts"]} == {
        **{"instance": 3, "NAT gateway": 1, "address": 2, "volume": 3}
    }
    assert (document["problems"], document["leftovers"]) == ([], [])
    # The page is what the templates make of that document, and of nothing else.
    assert page.read_text().split() == rendered(document).split()
    assert "Healthy" in page.read_text()
    on_member(sandbox, 1, "systemctl stop agraph")
    shown, document = look()
    on_member(sandbox, 1, "systemctl start agraph")
    assert " state=partly instances=3 " in shown.last_line, str(shown)
    assert shown.last_line.endswith(" triples=?"), str(shown)
    (problem,) = document["problems"]
    assert problem["node"] == "Member 1"
    assert problem["sentence"].endswith("does not answer http://127.0.0.1:10035/version: connection refused."), problem
    assert problem["sentence"] in shown.stdout, str(shown)
    assert "Member 1 is down" in page.read_text()
    assert document["repositories"][0]["members"] == [held[0], {**held[1], "statements": None}]
    refused = sandbox.playbook("status", federation_name="all", **files)
    assert refused.last_line.startswith("ERROR: A page, or its JSON, is of one federation: "), str(refused)


def test_two_federations_with_the_same_addresses_do_not_meet(sandbox: Sandbox) -> None:
    before = account(sandbox)
    made = sandbox.playbook("up", federation_name="other", federation_member_count=1)
    assert made.returncode == 0, str(made)
    assert shows(sandbox.playbook("query", federation_name="other", federation_member_count=1), "0.0")
    assert shows(sandbox.playbook("query"), "0.5")
    removed = sandbox.playbook("down", federation_name="other")
    assert removed.returncode == 0, str(removed)
    assert account(sandbox) == before
    assert shows(sandbox.playbook("query"), "0.5")


def test_a_stopped_member_is_named(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    (member,) = instances(sandbox, "agraph", "agraph-member-1")
    ec2.stop_instances(InstanceIds=[member["InstanceId"]])
    ec2.get_waiter("instance_stopped").wait(
        InstanceIds=[member["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    answer = sandbox.playbook("query")
    assert answer.returncode != 0
    assert answer.last_line.startswith("ERROR: "), str(answer)
    assert "ember 1" in answer.last_line, str(answer)
    assert "stopped" in answer.last_line, str(answer)


def test_up_starts_a_stopped_member_again_with_its_triples(sandbox: Sandbox) -> None:
    started = sandbox.playbook("up")
    assert started.returncode == 0, str(started)
    assert ON_MEMBERS not in started.changes, str(started)
    assert shows(sandbox.playbook("query"), "0.5")


def test_up_reports_exactly_what_was_changed_behind_its_back_and_repairs_it(sandbox: Sandbox) -> None:
    ec2, iam = sandbox.client("ec2"), sandbox.client("iam")
    ours = [{"Name": "tag:Federation", "Values": ["agraph"]}]
    good = account(sandbox)
    groups = {g["GroupName"]: g for g in ec2.describe_security_groups(Filters=ours)["SecurityGroups"]}
    ec2.authorize_security_group_ingress(
        GroupId=groups["agraph-member-group"]["GroupId"], IpProtocol="tcp", FromPort=23, ToPort=23, CidrIp="0.0.0.0/0"
    )
    (private,) = ec2.describe_route_tables(Filters=[{"Name": "tag:Name", "Values": ["agraph-private-routes"]}, *ours])[
        "RouteTables"
    ]
    ec2.delete_route(RouteTableId=private["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    (vpc,) = ec2.describe_vpcs(Filters=ours)["Vpcs"]
    ec2.create_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "Role", "Value": "something else"}])
    (aws_own,) = ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    assert (aws_own["IpPermissions"], aws_own["IpPermissionsEgress"]) == ([], [])
    ec2.authorize_security_group_ingress(
        GroupId=aws_own["GroupId"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    (role,) = iam.list_roles(PathPrefix="/agraph/")["Roles"]
    (policy,) = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
    s3 = sandbox.client("s3")
    tls_only = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    s3.put_bucket_policy(Bucket=BUCKET, Policy=tls_only.replace("s3:*", "s3:GetObject"))
    # S3 says so where two changes of a bucket meet.
    sandbox.faults([{"operation": "PutBucketPolicy", "error": "OperationAborted", "status": 409}])
    repaired = sandbox.playbook("up")
    assert sandbox.listed_faults()[0]["struck"] == 1
    sandbox.clear_faults()
    assert (repaired.returncode, repaired.changed) == (0, 6), str(repaired)
    assert len(repaired.changes) == 6, str(repaired)
    assert s3.get_bucket_policy(Bucket=BUCKET)["Policy"] == tls_only
    # Rules and attachments are described with ids and times of their own; all else is as it was.
    now = account(sandbox)
    for name in good.keys() - {"describe_security_group_rules"}:
        assert now[name] == good[name], name
    assert sandbox.playbook("up").changed == 0


def test_down_leaves_the_account_as_it_was(sandbox: Sandbox) -> None:
    assert sandbox.playbook("down").removed > 0
    assert account(sandbox) == snapshots["empty"]


def test_down_again_changes_nothing(sandbox: Sandbox) -> None:
    again = sandbox.playbook("down")
    assert (again.removed, again.changed) == (0, 0), str(again)


def test_a_query_before_up_says_what_to_do(sandbox: Sandbox) -> None:
    answer = sandbox.playbook("query")
    assert answer.returncode != 0
    assert answer.last_line.startswith("ERROR: "), str(answer)
    assert "up.yml" in answer.last_line, str(answer)
