"""Systems Manager's API: agents, sessions and Run Command, with AWS's limits and codes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from session_manager_bench import Bench, wait_for

from sandbox.session_manager.runner import STANDARD_OUTPUT_LIMIT, TRUNCATED
from sandbox.session_manager.sessions import IDLE_TIMEOUT

NODE = "i-0123456789abcdef0"
FINAL = ("Success", "Failed", "TimedOut", "Cancelled")


def code(call: Callable[..., Any], **arguments: Any) -> str:
    """AWS's code of the refusal."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def run(ssm: Any, *commands: str, **arguments: Any) -> dict[str, Any]:
    """Send the commands to the node; how it went."""
    parameters = {"commands": list(commands)} | arguments.pop("parameters", {})
    document = arguments.pop("DocumentName", "AWS-RunShellScript")
    sent = ssm.send_command(InstanceIds=[NODE], DocumentName=document, Parameters=parameters, **arguments)
    return ended(ssm, sent["Command"]["CommandId"])


def ended(ssm: Any, command_id: str) -> dict[str, Any]:
    def invocation() -> dict[str, Any] | None:
        answer: dict[str, Any] = ssm.get_command_invocation(CommandId=command_id, InstanceId=NODE)
        return answer if answer["Status"] in FINAL else None

    result: dict[str, Any] = wait_for(invocation)
    return result


def register(manager: Bench, count: int) -> list[str]:
    """Agents that are no processes: the registry knows them as connected."""

    class Silent:
        def send(self, message: str | bytes) -> None: ...

        def cut(self) -> None: ...

        def close(self, reason: str = "") -> None: ...

    names = [f"i-{number:017x}" for number in range(1, count + 1)]
    for name in names:
        hello = {"instance_id": name, "region": "us-west-2", "access_key_id": "ASIA", "agent_version": "3.3.0.0"}
        hello |= {"platform_name": "Amazon Linux", "platform_version": "2023", "ip_address": "10.0.0.1"}
        manager.gateway.agents.register(hello | {"computer_name": name}, Silent())
    return names


def test_an_agent_is_described(ssm: Any) -> None:
    (information,) = ssm.describe_instance_information()["InstanceInformationList"]
    assert information["InstanceId"] == NODE
    assert information["PingStatus"] == "Online"
    assert information["PlatformType"] == "Linux"
    assert information["ResourceType"] == "EC2Instance"
    assert time.time() - information["LastPingDateTime"].timestamp() < 5
    assert ssm.get_connection_status(Target=NODE)["Status"] == "connected"
    assert ssm.get_connection_status(Target="i-00000000000000000")["Status"] == "notconnected"


def test_agents_are_described_fifty_at_a_time(ssm: Any, manager: Bench) -> None:
    names = [NODE, *register(manager, 119)]
    first = ssm.describe_instance_information()
    assert len(first["InstanceInformationList"]) == 50
    pages = list(ssm.get_paginator("describe_instance_information").paginate())
    assert [len(each["InstanceInformationList"]) for each in pages] == [50, 50, 20]
    assert [each["InstanceId"] for page in pages for each in page["InstanceInformationList"]] == names
    filtered = ssm.get_paginator("describe_instance_information").paginate(
        Filters=[{"Key": "InstanceIds", "Values": names[10:90]}], PaginationConfig={"PageSize": 30}
    )
    assert [len(each["InstanceInformationList"]) for each in filtered] == [30, 30, 20]
    old = ssm.describe_instance_information(InstanceInformationFilterList=[{"key": "InstanceIds", "valueSet": [NODE]}])
    assert len(old["InstanceInformationList"]) == 1
    assert code(ssm.describe_instance_information, MaxResults=51) == "ValidationException"
    assert code(ssm.describe_instance_information, NextToken="?") == "InvalidNextToken"
    assert code(ssm.describe_instance_information, Filters=[{"Key": "Colour", "Values": ["1"]}]) == "InvalidFilterKey"


def test_an_agent_goes_offline_and_comes_back(ssm: Any, manager: Bench) -> None:
    def status() -> str:
        return str(ssm.describe_instance_information()["InstanceInformationList"][0]["PingStatus"])

    assert manager.nodes[NODE].stop() == 0
    wait_for(lambda: manager.gateway.agents.peer(NODE) is None)
    assert code(ssm.start_session, Target=NODE) == "TargetNotConnected"
    wait_for(lambda: status() == "ConnectionLost")
    assert (
        ssm.describe_instance_information(Filters=[{"Key": "PingStatus", "Values": ["Online"]}])[
            "InstanceInformationList"
        ]
        == []
    )
    manager.nodes[NODE].start()
    wait_for(lambda: status() == "Online")
    ssm.start_session(Target=NODE)
    manager.gateway.forget(NODE)
    assert NODE not in [each["InstanceId"] for each in ssm.describe_instance_information()["InstanceInformationList"]]


def test_a_session_s_life(ssm: Any, manager: Bench) -> None:
    started = ssm.start_session(Target=NODE, Reason="to look")
    session_id = started["SessionId"]
    assert started["StreamUrl"] == f"ws://{manager.gateway.address}/v1/data-channel/{session_id}"
    (active,) = ssm.describe_sessions(State="Active", Filters=[{"key": "Target", "value": NODE}])["Sessions"]
    assert (active["SessionId"], active["Status"], active["Reason"]) == (session_id, "Connecting", "to look")
    resumed = ssm.resume_session(SessionId=session_id)
    assert resumed["TokenValue"] == started["TokenValue"]
    assert ssm.terminate_session(SessionId=session_id)["SessionId"] == session_id
    assert ssm.terminate_session(SessionId=session_id)["SessionId"] == session_id
    assert ssm.resume_session(SessionId=session_id)["TokenValue"] == ""
    assert ssm.describe_sessions(State="Active")["Sessions"] == []
    (past,) = ssm.describe_sessions(State="History")["Sessions"]
    assert (past["SessionId"], past["Status"]) == (session_id, "Terminated")


def test_a_session_in_which_nothing_happens_ends(ssm: Any, manager: Bench) -> None:
    sessions = manager.gateway.sessions
    idle, used = (sessions.get(ssm.start_session(Target=NODE)["SessionId"]) for _ in range(2))
    assert idle is not None
    assert used is not None
    idle.active -= IDLE_TIMEOUT
    sessions.end_idle(time.time() + 1)
    assert (idle.status, used.status) == ("Terminated", "Connecting")


def test_what_a_session_is_refused_for(ssm: Any) -> None:
    assert code(ssm.start_session, Target="i-00000000000000000") == "TargetNotConnected"
    assert code(ssm.start_session, Target=NODE, DocumentName="No-Such-Document") == "InvalidDocument"
    assert code(ssm.start_session, Target=NODE, DocumentName="AWS-StartInteractiveCommand") == "InvalidParameters"
    assert code(ssm.resume_session, SessionId="nobody-0") == "DoesNotExistException"
    assert code(ssm.terminate_session, SessionId="nobody-0") == "DoesNotExistException"


def test_a_script_runs_and_its_output_comes_back(ssm: Any) -> None:
    went = run(ssm, "value=42", "echo out-$value", "echo err-$value >&2", "[[ -n $BASH_VERSION ]] && pwd")
    assert (went["Status"], went["StatusDetails"], went["ResponseCode"]) == ("Success", "Success", 0)
    assert went["StandardOutputContent"] == "out-42\n/usr/bin\n"
    assert went["StandardErrorContent"] == "err-42\n"
    (command,) = ssm.list_commands(CommandId=went["CommandId"])["Commands"]
    assert (command["Status"], command["TargetCount"], command["CompletedCount"]) == ("Success", 1, 1)
    (shown,) = ssm.list_command_invocations(CommandId=went["CommandId"], Details=True)["CommandInvocations"]
    assert "out-42" in shown["CommandPlugins"][0]["Output"]
    assert "ERROR" in shown["CommandPlugins"][0]["Output"]


def test_a_script_that_fails(ssm: Any) -> None:
    went = run(ssm, "echo before", "exit 7")
    assert (went["Status"], went["ResponseCode"]) == ("Failed", 7)
    assert went["StandardOutputContent"] == "before\n"
    assert went["StandardErrorContent"] == "failed to run commands: exit status 7"
    (command,) = ssm.list_commands(CommandId=went["CommandId"])["Commands"]
    assert (command["Status"], command["ErrorCount"]) == ("Failed", 1)


def test_a_script_s_interpreter_directory_and_time(ssm: Any) -> None:
    assert run(ssm, "#!/usr/bin/env python3", "print(6 * 7)")["StandardOutputContent"] == "42\n"
    assert run(ssm, "pwd", parameters={"workingDirectory": ["/tmp"]})["StandardOutputContent"] == "/tmp\n"
    late = run(ssm, "echo begun; sleep 60", parameters={"executionTimeout": ["1"]})
    assert (late["Status"], late["StatusDetails"], late["ResponseCode"]) == ("TimedOut", "ExecutionTimedOut", 137)
    assert late["StandardOutputContent"] == "begun\n"


def test_output_is_cut_at_24000_characters(ssm: Any) -> None:
    whole = run(ssm, f"head -c {STANDARD_OUTPUT_LIMIT} /dev/zero | tr '\\0' x")
    assert whole["StandardOutputContent"] == "x" * 24_000
    cut = run(ssm, f"head -c {STANDARD_OUTPUT_LIMIT + 1} /dev/zero | tr '\\0' x")
    assert len(cut["StandardOutputContent"]) == 24_000
    assert cut["StandardOutputContent"].endswith(TRUNCATED)
    (shown,) = ssm.list_command_invocations(CommandId=cut["CommandId"], Details=True)["CommandInvocations"]
    assert len(shown["CommandPlugins"][0]["Output"]) == 2500


def test_a_background_process_does_not_hold_a_command(ssm: Any) -> None:
    assert run(ssm, "sleep 5 & echo done")["StandardOutputContent"] == "done\n"


def test_what_a_command_is_refused_for(ssm: Any) -> None:
    def send(**arguments: Any) -> str:
        wanted: dict[str, Any] = {"InstanceIds": [NODE], "DocumentName": "AWS-RunShellScript"}
        wanted |= {"Parameters": {"commands": ["true"]}}
        return code(ssm.send_command, **(wanted | arguments))

    assert send(InstanceIds=["i-00000000000000000"]) == "InvalidInstanceId"
    assert send(InstanceIds=[NODE, NODE]) == "DuplicateInstanceId"
    assert send(InstanceIds=[f"i-{number:017x}" for number in range(51)]) == "ValidationException"
    assert send(DocumentName="No-Such-Document") == "InvalidDocument"
    assert send(Parameters={}) == "InvalidParameters"
    assert send(Parameters={"commands": ["true"], "colour": ["red"]}) == "InvalidParameters"
    assert send(Parameters={"commands": ["true"], "executionTimeout": ["172801"]}) == "InvalidParameters"
    assert send(TimeoutSeconds=2_592_001) == "ValidationException"
    nobody = "00000000-0000-0000-0000-000000000000"
    assert code(ssm.get_command_invocation, CommandId=nobody, InstanceId=NODE) == "InvalidCommandId"
    sent = run(ssm, "true")
    other = "i-00000000000000000"
    assert code(ssm.get_command_invocation, CommandId=sent["CommandId"], InstanceId=other) == "InvocationDoesNotExist"


def test_a_command_waits_for_its_agent_and_runs_once(ssm: Any, manager: Bench) -> None:
    manager.nodes[NODE].stop()
    wait_for(lambda: manager.gateway.agents.peer(NODE) is None)
    sent = ssm.send_command(
        InstanceIds=[NODE], DocumentName="AWS-RunShellScript", Parameters={"commands": ["echo late"]}
    )["Command"]
    assert ssm.list_commands(CommandId=sent["CommandId"])["Commands"][0]["Status"] == "Pending"
    manager.nodes[NODE].start()
    assert ended(ssm, sent["CommandId"])["StandardOutputContent"] == "late\n"


def test_the_time_out_bounds_the_start(ssm: Any, manager: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    manager.nodes[NODE].stop()
    wait_for(lambda: manager.gateway.agents.peer(NODE) is None)
    sent = ssm.send_command(
        InstanceIds=[NODE],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["true"]},
        TimeoutSeconds=30,
    )["Command"]
    command = manager.gateway.commands.get(sent["CommandId"])
    assert command is not None
    command.requested -= 31
    went = ended(ssm, sent["CommandId"])
    assert (went["Status"], went["StatusDetails"], went["ResponseCode"]) == ("TimedOut", "DeliveryTimedOut", -1)
    (shown,) = ssm.list_commands(CommandId=sent["CommandId"])["Commands"]
    assert (shown["Status"], shown["DeliveryTimedOutCount"]) == ("TimedOut", 1)


def test_a_result_survives_a_cut_between_gateway_and_agent(ssm: Any, manager: Bench, tmp_path: Any) -> None:
    mark = tmp_path / "mark"
    sent = ssm.send_command(
        InstanceIds=[NODE],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": [f"echo once >> {mark}", "sleep 0.3", "echo out"]},
    )["Command"]
    wait_for(mark.exists)
    peer = manager.gateway.agents.peer(NODE)
    assert peer is not None
    peer.close()
    assert ended(ssm, sent["CommandId"])["StandardOutputContent"] == "out\n"
    assert mark.read_text() == "once\n"


def test_a_command_is_cancelled(ssm: Any) -> None:
    sent = ssm.send_command(
        InstanceIds=[NODE], DocumentName="AWS-RunShellScript", Parameters={"commands": ["sleep 60"]}
    )["Command"]
    ssm.cancel_command(CommandId=sent["CommandId"])
    assert ended(ssm, sent["CommandId"])["Status"] == "Cancelled"


def test_documents_of_the_account(ssm: Any) -> None:
    content = {
        "schemaVersion": "2.2",
        "description": "Greets",
        "parameters": {"name": {"type": "String", "default": "world"}, "lines": {"type": "StringList"}},
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": "greet",
                "inputs": {"runCommand": ["echo hello {{ name }}", "{{ lines }}"]},
            }
        ],
    }
    ssm.create_document(Content=json.dumps(content), Name="Greeting", DocumentType="Command")
    sent = ssm.send_command(
        InstanceIds=[NODE], DocumentName="Greeting", Parameters={"lines": ["echo one", "echo two"]}
    )["Command"]
    went = ended(ssm, sent["CommandId"])
    assert went["StandardOutputContent"] == "hello world\none\ntwo\n"
    assert went["PluginName"] == "greet"


def test_commands_are_listed_by_page_and_filter(ssm: Any) -> None:
    ids = [run(ssm, f"exit {number % 2}")["CommandId"] for number in range(3)]
    listed = ssm.get_paginator("list_commands").paginate(InstanceId=NODE, PaginationConfig={"PageSize": 2})
    pages = [[each["CommandId"] for each in page["Commands"]] for page in listed]
    assert pages == [[ids[2], ids[1]], [ids[0]]]
    failed = ssm.list_commands(Filters=[{"key": "Status", "value": "Failed"}])["Commands"]
    assert [each["CommandId"] for each in failed] == [ids[1]]
