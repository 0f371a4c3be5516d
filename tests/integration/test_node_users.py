"""Whose a session is, what become makes of it, and whose Run Command is, over the real way to a node."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import BIN, Sandbox, run

ANSWERS = ("own", "become", "command_own", "command_become", "other", "files")
PLAYBOOK = """
- hosts: federation_nodes
  tasks:
    - ansible.builtin.raw: id -un; id -Gn; pwd; test -w $(tty) && echo own terminal; umask
      vars: {ansible_become: false}
      register: own
    - ansible.builtin.raw: id -un; echo $SUDO_USER; pwd; grep CapEff /proc/self/status
      register: become
    - ansible.builtin.command: id -un
      vars: {ansible_become: false}
      register: command_own
    - ansible.builtin.command: id -un
      register: command_become
    - ansible.builtin.raw: id -un
      become_user: nobody
      register: other
    - ansible.builtin.copy: {content: "a", dest: /root/copied, mode: "0600", owner: ec2-user}
    - ansible.builtin.copy: {content: "b", dest: /var/tmp/own, mode: "0600"}
      vars: {ansible_become: false}
    - ansible.builtin.template: {src: template, dest: /etc/templated, mode: "0644"}
    - ansible.builtin.shell: stat -c '%U %a %n' /root/copied /var/tmp/own /etc/templated; cat /etc/templated
      register: files
    - ansible.builtin.copy:
        content: "{{ ANSWERS | map('extract', vars) | map(attribute='stdout_lines') | to_json }}"
        dest: "{{ playbook_dir }}/answers.json"
        mode: "0644"
      delegate_to: localhost
"""


@pytest.fixture(scope="module")
def node(sandbox: Sandbox) -> str:
    """An instance that SSM knows, in the smallest network that lets it out, found by the project's inventory."""
    ec2, iam, s3 = (sandbox.client(service) for service in ("ec2", "iam", "s3"))
    bucket = "agraph-ssm-" + sandbox.client("sts").get_caller_identity()["Account"]
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="node", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    iam.create_instance_profile(InstanceProfileName="node")
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    way_out = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=way_out)
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=way_out)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    network = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}
    tags = [{"Key": "Federation", "Value": "agraph"}, {"Key": "Role", "Value": "manager"}]
    launched = eventually(
        lambda: ec2.run_instances(
            **{"ImageId": "ami-0a12023000000002", "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1},
            NetworkInterfaces=[network],
            IamInstanceProfile={"Name": "node"},
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
    )
    instance = str(launched["Instances"][0]["InstanceId"])
    ssm = sandbox.client("ssm")
    eventually(lambda: ssm.describe_instance_information()["InstanceInformationList"])
    return instance


def eventually(attempt: Any, seconds: float = 20.0) -> Any:
    """What the attempt answers, once it is something and not an error of IAM's being slow."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := attempt():
                return answer
        except ClientError as error:
            if "Invalid IAM Instance Profile" not in str(error) or time.monotonic() > end:
                raise
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.1)


def test_a_session_is_ssm_users_and_become_makes_it_roots(sandbox: Sandbox, node: str, tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK.replace("ANSWERS", str(list(ANSWERS))))
    (tmp_path / "template").write_text("{{ inventory_hostname }}\n")
    played = run([str(BIN / "ansible-playbook"), str(playbook)], sandbox.environment)
    assert played.returncode == 0, str(played)
    said = dict(zip(ANSWERS, json.loads((tmp_path / "answers.json").read_text()), strict=True))
    answers = {name: [line for line in lines if line] for name, lines in said.items()}
    assert answers["own"] == ["ssm-user", "ssm-user", "/usr/bin", "own terminal", "0022"]
    assert answers["become"][:3] == ["root", "ssm-user", "/usr/bin"]
    # Root of a node, not of the machine: no CAP_SYS_ADMIN.
    assert not int(answers["become"][3].split()[1], 16) & 1 << 21
    assert answers["command_own"] == ["ssm-user"]
    assert answers["command_become"] == ["root"]
    assert answers["other"] == ["nobody"]
    owners = ["ec2-user 600 /root/copied", "ssm-user 600 /var/tmp/own", "root 644 /etc/templated"]
    assert answers["files"] == [*owners, node]


def test_run_command_is_roots(sandbox: Sandbox, node: str) -> None:
    ssm = sandbox.client("ssm")
    parameters = {"commands": ["id -un; pwd"]}
    sent = ssm.send_command(InstanceIds=[node], DocumentName="AWS-RunShellScript", Parameters=parameters)["Command"]

    def ended() -> Any:
        (answer,) = ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"]
        return answer if answer["Status"] not in {"Pending", "InProgress"} else None

    assert eventually(ended)["CommandPlugins"][0]["Output"] == "root\n/usr/bin\n"
