"""An instance that is shut down from inside: what its attribute says happens, and is told with its reason."""

from __future__ import annotations

from cloud_box import Box, code, until


def shut_down(box: Box, instance: str) -> None:
    """Let the machine of an instance end by itself."""
    until(lambda: instance in box.world.machines)
    box.world.ended[instance]()


def behavior(box: Box, instance: str) -> str:
    answer = box.ec2.describe_instance_attribute(InstanceId=instance, Attribute="instanceInitiatedShutdownBehavior")
    return str(answer["InstanceInitiatedShutdownBehavior"]["Value"])


def test_it_stops_unless_it_is_to_terminate(box: Box) -> None:
    subnet = box.subnet(box.vpc())
    stops, terminates = box.run(subnet), box.run(subnet, InstanceInitiatedShutdownBehavior="terminate")
    assert (behavior(box, stops), behavior(box, terminates)) == ("stop", "terminate")
    for instance, passing, last in ((stops, "stopping", "stopped"), (terminates, "shutting-down", "terminated")):
        shut_down(box, instance)
        assert until(lambda: box.state(instance).replace("running", "")) in (passing, last)  # noqa: B023
        until(lambda: box.state(instance) == last)  # noqa: B023
        shown = box.instance(instance)
        assert shown["StateReason"] == {
            "Code": "Client.InstanceInitiatedShutdown",
            "Message": "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
        }
        assert shown["StateTransitionReason"] == ""


def test_the_attribute_can_be_changed_to_what_there_is(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    box.ec2.modify_instance_attribute(InstanceId=instance, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    assert behavior(box, instance) == "terminate"
    wrong = {"Value": "hibernate"}
    assert (
        code(lambda: box.ec2.modify_instance_attribute(InstanceId=instance, InstanceInitiatedShutdownBehavior=wrong))
        == "InvalidParameterValue"
    )
    subnet = box.instance(instance)["SubnetId"]
    assert code(lambda: box.run(subnet, InstanceInitiatedShutdownBehavior="never")) == "InvalidParameterValue"
    assert behavior(box, instance) == "terminate"
    shut_down(box, instance)
    until(lambda: box.state(instance) == "terminated")


def test_protection_is_from_others_only(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()), InstanceInitiatedShutdownBehavior="terminate", DisableApiTermination=True)
    assert code(lambda: box.ec2.terminate_instances(InstanceIds=[instance])) == "OperationNotPermitted"
    shut_down(box, instance)
    until(lambda: box.state(instance) == "terminated")


def test_a_stopped_one_starts_again_and_what_is_heard_late_does_not_count(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    shut_down(box, instance)
    late = box.world.ended[instance]
    until(lambda: box.state(instance) == "stopped")
    box.ec2.start_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "running")
    until(lambda: box.world.ended[instance] is not late)
    late()
    shut = box.run(box.instance(instance)["SubnetId"])
    shut_down(box, shut)
    until(lambda: box.state(shut) == "stopped")
    assert box.state(instance) == "running"
    assert "StateReason" not in box.instance(instance) or not box.instance(instance)["StateReason"].get("Code")
