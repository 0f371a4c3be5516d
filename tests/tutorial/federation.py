"""A federation of AllegroGraph servers on EC2, as the classic tutorial builds it: boto3, step by step, top to bottom.

It knows nothing of this project, and of a sandbox no more than that its environment names an endpoint:

    eval "$(python -m sandbox env)"; python tests/tutorial/federation.py [MEMBERS]

Each step registers its own undoing, so that the end of the script, whatever ends it, takes everything down in reverse.
"""

from __future__ import annotations

import atexit
import json
import sys
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError
from franz.openrdf.sail import spec
from franz.openrdf.sail.allegrographserver import AllegroGraphServer

NAME = "agraph-federation-tutorial"
IMAGE = "ami-5616d82e"
PORT, USER, PASSWORD = 10035, "test", "xyzzy"
ANYWHERE = "0.0.0.0/0"
MEMBERS = int(sys.argv[1]) if len(sys.argv) > 1 else 2

ec2: Any = boto3.resource("ec2")
ec2_client: Any = boto3.client("ec2")
iam: Any = boto3.resource("iam")
iam_client: Any = boto3.client("iam")
ssm: Any = boto3.client("ssm")

# A role that lets the agents on the instances speak to Systems Manager, and the profile that hands it to them.

role = iam.create_role(
    RoleName=NAME,
    AssumeRolePolicyDocument=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    ),
)
atexit.register(role.delete)
iam_client.get_waiter("role_exists").wait(RoleName=NAME)
policy = "arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM"
role.attach_policy(PolicyArn=policy)
atexit.register(role.detach_policy, PolicyArn=policy)

profile = iam.create_instance_profile(InstanceProfileName=NAME)
atexit.register(profile.delete)
iam_client.get_waiter("instance_profile_exists").wait(InstanceProfileName=NAME)
profile.add_role(RoleName=NAME)
atexit.register(profile.remove_role, RoleName=NAME)

# A network with a public subnet for the manager and a private one for the members.

vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")
atexit.register(vpc.delete)
# What was just created may be unknown to a describe for a moment.
vpc.wait_until_exists()
vpc.wait_until_available()
vpc.create_tags(Tags=[{"Key": "Name", "Value": NAME}])
vpc.modify_attribute(EnableDnsSupport={"Value": True})
vpc.modify_attribute(EnableDnsHostnames={"Value": True})

public_subnet = vpc.create_subnet(CidrBlock="10.0.0.0/24")
atexit.register(public_subnet.delete)
private_subnet = vpc.create_subnet(CidrBlock="10.0.1.0/24", AvailabilityZone=public_subnet.availability_zone)
atexit.register(private_subnet.delete)
for subnet in (public_subnet, private_subnet):
    ec2_client.get_waiter("subnet_available").wait(
        Filters=[{"Name": "subnet-id", "Values": [subnet.id]}], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )

internet_gateway = ec2.create_internet_gateway()
atexit.register(internet_gateway.delete)
vpc.attach_internet_gateway(InternetGatewayId=internet_gateway.id)
atexit.register(vpc.detach_internet_gateway, InternetGatewayId=internet_gateway.id)

nat_address = ec2_client.allocate_address(Domain="vpc")["AllocationId"]
atexit.register(ec2_client.release_address, AllocationId=nat_address)
nat_gateway = ec2_client.create_nat_gateway(SubnetId=public_subnet.id, AllocationId=nat_address)
nat_gateway_id = nat_gateway["NatGateway"]["NatGatewayId"]
atexit.register(ec2_client.get_waiter("nat_gateway_deleted").wait, NatGatewayIds=[nat_gateway_id])
atexit.register(ec2_client.delete_nat_gateway, NatGatewayId=nat_gateway_id)
ec2_client.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat_gateway_id])

for subnet, way_out in (
    (public_subnet, {"GatewayId": internet_gateway.id}),
    (private_subnet, {"NatGatewayId": nat_gateway_id}),
):
    route_table = vpc.create_route_table()
    atexit.register(route_table.delete)
    route_table.create_route(DestinationCidrBlock=ANYWHERE, **way_out)
    atexit.register(route_table.associate_with_subnet(SubnetId=subnet.id).delete)

# Groups: ssh, AllegroGraph, and the ports of its sessions.

groups = {}
for part in ("manager", "members"):
    group = vpc.create_security_group(GroupName=f"{NAME}-{part}", Description=f"The federation's {part}")
    atexit.register(group.delete)
    for first, last in ((22, 22), (PORT, PORT), (16000, 17000)):
        group.authorize_ingress(IpProtocol="tcp", FromPort=first, ToPort=last, CidrIp=ANYWHERE)
    groups[part] = group

key_pair = ec2.create_key_pair(KeyName=NAME)
atexit.register(key_pair.delete)
assert "PRIVATE KEY" in key_pair.key_material

# The instances. What they run at their first boot brings them the agent.

USER_DATA = """#!/bin/bash
yum install -y https://s3.amazonaws.com/ec2-downloads-windows/SSMAgent/latest/linux_amd64/amazon-ssm-agent.rpm
start amazon-ssm-agent || systemctl start amazon-ssm-agent
"""


def launch(count: int, subnet: Any, group: Any, name: str) -> list[Any]:
    """Launch instances; a profile that is new takes EC2 a while to know of."""
    for _ in range(60):
        try:
            return list(
                ec2.create_instances(
                    ImageId=IMAGE,
                    InstanceType="t2.medium",
                    MinCount=count,
                    MaxCount=count,
                    KeyName=key_pair.name,
                    IamInstanceProfile={"Name": NAME},
                    UserData=USER_DATA,
                    NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet.id, "Groups": [group.id]}],
                    TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
                )
            )
        except ClientError as error:
            if "Invalid IAM Instance Profile" not in str(error):
                raise
            time.sleep(2)
    raise TimeoutError("EC2 does not come to know of the instance profile")


instances: list[Any] = []


def terminate() -> None:
    """Terminate what was launched, and wait until it is gone."""
    ids = [each.id for each in instances]
    if ids:
        ec2_client.terminate_instances(InstanceIds=ids)
        ec2_client.get_waiter("instance_terminated").wait(InstanceIds=ids)


atexit.register(terminate)
instances += launch(1, public_subnet, groups["manager"], f"{NAME}-manager")
instances += launch(MEMBERS, private_subnet, groups["members"], f"{NAME}-member")
manager, *members = instances
instance_ids = [each.id for each in instances]

ec2_client.get_waiter("instance_running").wait(InstanceIds=instance_ids)

address = ec2_client.allocate_address(Domain="vpc")
atexit.register(ec2_client.release_address, AllocationId=address["AllocationId"])
association = ec2_client.associate_address(InstanceId=manager.id, AllocationId=address["AllocationId"])
atexit.register(ec2_client.disassociate_address, AssociationId=association["AssociationId"])

ec2_client.get_waiter("instance_status_ok").wait(InstanceIds=instance_ids)
for each in instances:
    each.reload()

# Systems Manager knows an instance once its agent has said that it is there.

for _ in range(150):
    chosen = [{"Key": "InstanceIds", "Values": instance_ids}]
    known = ssm.describe_instance_information(Filters=chosen)["InstanceInformationList"]
    if {each["InstanceId"] for each in known if each["PingStatus"] == "Online"} == set(instance_ids):
        break
    time.sleep(2)
else:
    raise TimeoutError("not all agents are online")

# A repository on each member, with one triple: the member's number, which its metadata says.

SERVER = f"http://{USER}:{PASSWORD}@localhost:{PORT}"
COMMANDS = [
    f"until curl --silent --fail {SERVER}/version; do sleep 1; done",
    f"until curl --silent --fail --request PUT {SERVER}/repositories/r; do sleep 1; done",
    "number=$(curl --silent http://169.254.169.254/latest/meta-data/ami-launch-index)",
    f"until curl --silent --fail --request PUT {SERVER}/repositories/r/statement"
    " --data-urlencode 'subj=<ex://member>' --data-urlencode 'pred=<ex://id>'"
    ' --data-urlencode "obj=\\"$number\\"^^<http://www.w3.org/2001/XMLSchema#integer>"; do sleep 1; done',
]
sent = ssm.send_command(
    InstanceIds=[each.id for each in members],
    DocumentName="AWS-RunShellScript",
    Comment="Put a triple into each member",
    Parameters={"commands": COMMANDS, "executionTimeout": ["300"]},
)
for _ in range(150):
    (command,) = ssm.list_commands(CommandId=sent["Command"]["CommandId"])["Commands"]
    if command["Status"] == "Success":
        break
    if command["Status"] not in ("Pending", "InProgress"):
        raise RuntimeError(f"the command ended with {command['StatusDetails']}")
    time.sleep(2)
else:
    raise TimeoutError("the command does not end")

# One session on the manager, over the repositories of all members.

server = AllegroGraphServer(manager.public_ip_address, port=PORT, user=USER, password=PASSWORD)
urls = [f"http://{USER}:{PASSWORD}@{each.private_ip_address}:{PORT}/repositories/r" for each in members]
federation = spec.federate(*[spec.url(each) for each in urls])
with server.openSession(federation) as session:
    session.executeTupleQuery("SELECT (AVG(?o) AS ?avg) { ?s <ex://id> ?o }", output=True)
