"""federation_status_info: how a federation is, in words for people and in one line for scripts."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from pretended_agraph import Run

from library import federation_status_info
from module_utils.federation_cloud import costs
from module_utils.federation_status import line, status, table

NOW = datetime.datetime(2030, 1, 31, 12, tzinfo=datetime.UTC)
ENDS = "2030-01-31T15:00:00Z"


def thing(kind: str, **details: Any) -> dict[str, Any]:
    known = {"role": "", "state": "", "address": "", "age": None, "cost": 0.0, "ends": "", "overdue": False}
    return {"federation": "agraph", "kind": kind, "name": kind, "id": f"{kind}-1", **known, **details}


def instance(role: str, index: int | None = None, **details: Any) -> dict[str, Any]:
    name = f"agraph-{role}" + (f"-{index}" if index is not None else "")
    place = {"state": "running", "address": "10.0.1.5", "age": 7300, "cost": 0.0416}
    return thing("instance", **{"role": role, "name": name, "id": f"i-{name}", **place, **details})


GATEWAY = thing("NAT gateway", state="available", cost=0.045, age=7400)
WHOLE = [instance("manager"), instance("member", 0), instance("member", 1), GATEWAY, thing("VPC")]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], "absent"),
        (WHOLE, "ready"),
        ([*WHOLE, instance("member", 2, state="stopped")], "partly"),
        (WHOLE[1:], "partly"),
        ([{**each, "state": "stopped"} if each["kind"] == "instance" else each for each in WHOLE], "stopped"),
        ([instance("manager", state="stopping"), instance("member", 0, state="stopped")], "stopped"),
        ([WHOLE[0], WHOLE[1], GATEWAY], "partly"),
        (WHOLE[:3], "partly"),
        ([*WHOLE[:3], {**GATEWAY, "state": "failed"}], "partly"),
        ([thing("VPC")], "partly"),
        ([{**each, "ends": ENDS} for each in WHOLE], "ready"),
        ([{**each, "ends": ENDS, "overdue": True} for each in WHOLE], "overdue"),
        ([{**thing("VPC"), "ends": ENDS, "overdue": True}], "overdue"),
    ],
)
def test_how_it_is(found: list[dict[str, Any]], state: str) -> None:
    assert status("agraph", found, 2)["state"] == state


def test_of_several_the_worst_counts() -> None:
    other = [{**each, "federation": "other"} for each in WHOLE]
    assert status("all", [*WHOLE, *other], 1)["state"] == "ready"
    assert status("all", [*WHOLE, *other[1:]], 1)["state"] == "partly"
    late = [{**each, "ends": ENDS, "overdue": True} for each in other]
    assert status("all", [*WHOLE[1:], *late], 1)["state"] == "overdue"


def test_the_line_for_scripts() -> None:
    assert (
        line(status("agraph", [], 2)) == "status: federation=agraph state=absent instances=0 age=- ends=- cost=0.0000"
    )
    never = "status: federation=agraph state=ready instances=3 age=2h ends=never cost=0.1698"
    assert line(status("agraph", WHOLE, 2)) == never
    ending = [{**each, "ends": ENDS} for each in WHOLE]
    assert line(status("agraph", ending, 2)) == never.replace("never", ENDS)


def test_the_table_for_people() -> None:
    ending = [{**each, "ends": ENDS} for each in WHOLE]
    assert table([], NOW) == ""
    assert table(ending, NOW).splitlines() == [
        "name             id                 state    address   age  ends",
        "agraph-manager   i-agraph-manager   running  10.0.1.5  2 h  in 3 h",
        "agraph-member-0  i-agraph-member-0  running  10.0.1.5  2 h  in 3 h",
        "agraph-member-1  i-agraph-member-1  running  10.0.1.5  2 h  in 3 h",
        "Besides, at so much an hour: 1 NAT gateway.",
        "Besides, for nothing: 1 more, which leftovers.yml lists.",
    ]
    late = [{**GATEWAY, "ends": ENDS, "overdue": True}]
    other = [{**instance("manager"), "federation": "other"}]
    assert table([*late, *other], NOW).splitlines() == [
        "agraph has no instances.",
        "Besides, at so much an hour: 1 NAT gateway.",
        f"Its time was over at {ENDS}. Remove what stands with: ansible-playbook down.yml -e federation_name=agraph",
        "",
        "name            id                state    address   age  ends",
        "agraph-manager  i-agraph-manager  running  10.0.1.5  2 h  never",
    ]


def test_members_stand_in_the_order_of_their_numbers() -> None:
    found = [instance("member", index) for index in (10, 2, 0)]
    assert [row.split()[0] for row in table(found, NOW).splitlines()[1:]] == [
        "agraph-member-0",
        "agraph-member-2",
        "agraph-member-10",
    ]


@pytest.fixture
def ec2(aws: Any) -> Any:
    return aws("ec2")


def made_of(ec2: Any, image: str) -> dict[str, str]:
    """Make a VPC with two subnets, a gateway, a manager and a member with a disk each, and what serves nothing."""

    def tags(kind: str, role: str, name: str, **others: str) -> list[dict[str, Any]]:
        every = {"Federation": "agraph", "Role": role, "Name": f"agraph-{name}", **others}
        return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": every[key]} for key in every]}]

    def launch(role: str, name: str, subnet: str, **others: str) -> str:
        wanted = {"ImageId": image, "MinCount": 1, "MaxCount": 1}
        disk = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3"}}]
        tagged = [*tags("instance", role, name, **others), *tags("volume", role, name)]
        made = ec2.run_instances(
            InstanceType="t3.medium", SubnetId=subnet, BlockDeviceMappings=disk, TagSpecifications=tagged, **wanted
        )
        return str(made["Instances"][0]["InstanceId"])

    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc", "network", "vpc"))["Vpc"]["VpcId"]
    subnets = {}
    for side, cidr in (("private", "10.0.1.0/24"), ("public", "10.0.0.0/24")):
        tagged = tags("subnet", "network", side)
        subnets[side] = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, TagSpecifications=tagged)["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", "network", "nat-address"))
    ec2.create_nat_gateway(
        SubnetId=subnets["public"],
        AllocationId=address["AllocationId"],
        TagSpecifications=tags("natgateway", "network", "nat-gateway"),
    )
    ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", "network", "lost-address"))
    zone = ec2.describe_subnets()["Subnets"][0]["AvailabilityZone"]
    lost = tags("volume", "member", "lost")
    ec2.create_volume(AvailabilityZone=zone, Size=10, VolumeType="io1", Iops=100, TagSpecifications=lost)
    member = launch("member", "member-0", subnets["private"], Index="0")
    return {"member": member, "manager": launch("manager", "manager", subnets["public"]), "vpc": vpc, **subnets}


def test_what_stands_is_told_in_detail(ec2: Any, image: str, run: Run) -> None:
    made = made_of(ec2, image)
    bucket = "agraph-ssm-123456789012"
    answer = run(federation_status_info, name="agraph", region="us-west-2", bucket=bucket, details=True)
    cloud = answer["cloud"]
    network = cloud["network"]
    assert (network["vpc"]["id"], network["vpc"]["cidr"]) == (made["vpc"], "10.0.0.0/16")
    assert network["internet_gateway"] is None
    assert network["nat_gateway"]["state"] == "available"
    assert [(each["id"], each["cidr"], each["public"]) for each in network["subnets"]] == [
        (made["public"], "10.0.0.0/24", True),
        (made["private"], "10.0.1.0/24", False),
    ]
    manager, member = cloud["instances"]
    assert [(each["id"], each["role"], each["index"], each["subnet"]) for each in (manager, member)] == [
        (made["manager"], "manager", None, made["public"]),
        (made["member"], "member", 0, made["private"]),
    ]
    assert [(each["gib"], each["type"]) for each in member["volumes"]] == [(30, "gp3")]
    assert (member["type"], member["age"] in range(600)) == ("t3.medium", True)
    # Two instances, a gateway, two addresses, two disks of 30 GiB at 0.08 a month; what io1 costs is not known.
    assert {each["kind"]: (each["number"], each["hourly"]) for each in cloud["costs"]["parts"]} == {
        "instance": (2, 0.0832),
        "NAT gateway": (1, 0.045),
        "address": (2, 0.01),
        "volume": (2, 0.0066),
    }
    assert cloud["costs"]["hourly"] == answer["status"]["cost"] == 0.1448
    assert cloud["costs"]["unknown"] == ["agraph-lost"]
    assert {(each["kind"], each["name"]) for each in cloud["strays"]} >= {
        ("address", "agraph-lost-address"),
        ("volume", "agraph-lost"),
    }
    assert not {"instance", "NAT gateway", "VPC"} & {each["kind"] for each in cloud["strays"]}
    assert "cloud" not in run(federation_status_info, name="all", region="us-west-2", bucket="all-ssm-1", details=True)


def test_costs_so_far_count_from_each_things_own_time() -> None:
    found = [
        {**instance("manager"), "cost": 0.04, "age": 7200},
        {**thing("address", cost=0.005), "age": None},
        {**thing("volume", cost=0.01), "age": 36_000},
    ]
    summed = costs(found, 36_000)
    assert {each["kind"]: each["so_far"] for each in summed["parts"]} == {
        "instance": 0.08,
        # AWS tells no age of an address: it counts from when the federation began.
        "address": 0.05,
        "volume": 0.1,
    }
    assert summed["so_far"] == 0.23


def test_what_aws_tells(ec2: Any, image: str, run: Run) -> None:
    def look(name: str) -> Any:
        return run(federation_status_info, name=name, region="us-west-2", bucket=f"{name}-ssm-123456789012")

    assert look("agraph")["status"]["state"] == "absent"
    tags = {"Federation": "agraph", "Role": "manager", "Name": "agraph-manager", "Expires": "2020-01-31T18:00:00Z"}
    wanted = {"ImageId": image, "MinCount": 1, "MaxCount": 1}
    specification = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}]
    made = ec2.run_instances(InstanceType="t3.medium", TagSpecifications=specification, **wanted)["Instances"][0]
    for name in ("agraph", "all"):
        answer = look(name)
        assert answer["status"] == {
            "federation": name,
            "state": "overdue",
            "instances": 1,
            "age": answer["status"]["age"],
            "ends": "2020-01-31T18:00:00Z",
            "cost": 0.0416,
        }
        cells = answer["table"].splitlines()[1].split()
        assert cells[:3] == ["agraph-manager", made["InstanceId"], "running"]
        assert cells[3].count(".") == 3
        assert cells[-1] == "overdue"
        assert answer["line"].startswith(f"status: federation={name} state=overdue instances=1 age=")
