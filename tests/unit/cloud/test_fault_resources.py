"""What faults do to NAT gateways and instances, as boto3 sees it, and what they have a node's server be told."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_box import Box, until

from sandbox.cloud.managed import refusal_of
from sandbox.faults.rules import rules_of


def set_faults(box: Box, *rules: dict[str, Any]) -> None:
    box.cloud.context.faults.set(rules_of(list(rules)))


def counts(box: Box) -> list[tuple[int, int]]:
    return [(each["matched"], each["struck"]) for each in box.cloud.context.faults.listed()]


class Place:
    """A subnet with a way out, in which things are made."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.vpc = box.vpc()
        box.gateway(self.vpc)
        self.subnet = box.subnet(self.vpc)

    def gateway(self, name: str = "f-nat") -> str:
        tags = [{"ResourceType": "natgateway", "Tags": [{"Key": "Name", "Value": name}]}]
        asked = {"SubnetId": self.subnet, "AllocationId": self.box.address(), "TagSpecifications": tags}
        return str(self.box.ec2.create_nat_gateway(**asked)["NatGateway"]["NatGatewayId"])

    def gateway_in(self, gateway: str, *states: str) -> Any:
        until(lambda: self.box.nat_state(gateway) in states)
        return self.box.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]

    def instance(self, name: str = "f-member-0") -> str:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        return self.box.run(self.subnet, TagSpecifications=tags)

    def instance_in(self, instance: str, *states: str) -> Any:
        until(lambda: self.box.state(instance) in states)
        return self.box.instance(instance)


@pytest.fixture
def place(box: Box) -> Place:
    return Place(box)


def test_a_gateway_fails_as_on_aws_and_the_next_one_does_not(box: Box, place: Place) -> None:
    set_faults(box, {"nat_gateway": "failed"})
    failed, good = place.gateway(), place.gateway()
    found = place.gateway_in(failed, "failed", "available")
    (address,) = found["NatGatewayAddresses"]
    assert found["FailureCode"] == "InternalError"
    assert found["FailureMessage"].startswith(f"Network interface {address['NetworkInterfaceId']}, created and used")
    assert place.gateway_in(good, "failed", "available")["State"] == "available"
    assert counts(box) == [(2, 1)]
    # As after any failure: its interface is gone, its address is free, and it is deleted at once.
    wanted = [{"Name": "network-interface-id", "Values": [address["NetworkInterfaceId"]]}]
    assert box.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"] == []
    box.ec2.release_address(AllocationId=address["AllocationId"])
    box.ec2.delete_nat_gateway(NatGatewayId=failed)
    assert place.gateway_in(failed, "deleting", "deleted")["State"] == "deleted"


def test_a_gateway_fails_with_the_code_and_the_words_of_the_rule(box: Box, place: Place) -> None:
    missing = {"nat_gateway": "failed", "code": "Gateway.NotAttached"}
    set_faults(box, missing, {"nat_gateway": "failed", "name": "g-*", "message": "{odd}"})
    first, second = place.gateway_in(place.gateway(), "failed"), place.gateway_in(place.gateway("g-nat"), "failed")
    words = f"Network {place.vpc} has no Internet gateway attached"
    assert (first["FailureCode"], first["FailureMessage"]) == ("Gateway.NotAttached", words)
    assert (second["FailureCode"], second["FailureMessage"]) == ("InternalError", "{odd}")


def test_an_instance_dies_before_it_runs(box: Box, place: Place) -> None:
    set_faults(box, {"instance": "dies_pending", "name": "*-member-1"})
    dead, well = place.instance("f-member-1"), place.instance("f-member-0")
    found = place.instance_in(dead, "terminated", "running")
    reason = {"Code": "Server.InternalError", "Message": "Server.InternalError: Internal error on launch"}
    assert (found["State"]["Name"], found["StateReason"]) == ("terminated", reason)
    assert place.instance_in(well, "terminated", "running")["State"]["Name"] == "running"
    until(lambda: ("boot", well) in box.world.events)
    assert ("boot", dead) not in box.world.events
    assert counts(box) == [(1, 1)]
    attached = [{"Name": "attachment.instance-id", "Values": [dead]}]
    assert box.ec2.describe_network_interfaces(Filters=attached)["NetworkInterfaces"] == []


def test_an_instance_dies_a_while_after_it_ran(box: Box, place: Place) -> None:
    set_faults(box, {"instance": "dies", "seconds": 0.4})
    instance = place.instance()
    place.instance_in(instance, "running")
    found = place.instance_in(instance, "terminated")
    reason = "Client.InstanceInitiatedShutdown"
    assert found["StateReason"] == {"Code": reason, "Message": f"{reason}: Instance initiated shutdown"}
    assert [event for event, each in box.world.events if each == instance] == ["boot", "halt", "discard"]


def test_an_instance_that_was_stopped_in_time_does_not_die(box: Box, place: Place) -> None:
    set_faults(box, {"instance": "dies", "seconds": 0.3, "times": None})
    instance = place.instance()
    place.instance_in(instance, "running")
    box.ec2.stop_instances(InstanceIds=[instance])
    place.instance_in(instance, "stopped")
    box.ec2.start_instances(InstanceIds=[instance])
    place.instance_in(instance, "terminated")
    assert counts(box) == [(2, 2)]


def test_an_agent_that_never_registers_may_do_so_after_another_boot(box: Box, place: Place) -> None:
    def refused(instance: str) -> bool:
        return "a fault keeps the agent" in (refusal_of(instance, "") or "")

    early = place.instance("f-member-0")
    until(lambda: ("boot", early) in box.world.events)
    set_faults(box, {"agent": "never_online", "name": "f-member-*"})
    late, other = place.instance("f-member-1"), place.instance("f-manager")
    until(lambda: {("boot", late), ("boot", other)} <= set(box.world.events))
    assert [refused(each) for each in (early, late, other)] == [False, True, False]
    assert counts(box) == [(1, 1)]
    set_faults(box)
    assert refused(late)
    box.ec2.reboot_instances(InstanceIds=[late])
    assert not refused(late)


def test_a_nodes_server_is_told_by_the_name_that_the_instance_has_now(box: Box, place: Place) -> None:
    instance = place.instance("f-member-0")
    fault = until(lambda: box.world.faults.get(instance))
    assert fault("request") is None
    set_faults(box, {"allegrograph": "error", "name": "f-member-1", "status": 502}, {"allegrograph": "dies_in_query"})
    assert fault("request") is None
    box.ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "f-member-1"}])
    assert fault("request")["status"] == 502
    assert fault("start") is None
    assert fault("no such event") is None
    assert [bool(fault("query")) for _ in range(2)] == [True, False]
    assert counts(box) == [(1, 1), (2, 1)]


def test_a_rule_that_struck_nothing_changes_nothing(box: Box, place: Place) -> None:
    set_faults(box, {"nat_gateway": "failed", "after": 1}, {"instance": "dies", "name": "other"})
    assert place.gateway_in(place.gateway(), "failed", "available")["State"] == "available"
    assert place.instance_in(place.instance(), "running", "terminated")["State"]["Name"] == "running"
    assert counts(box) == [(1, 0), (0, 0)]
