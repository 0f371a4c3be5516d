"""What an operator of one federation cannot do: touch anything that is not the federation's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_box import AGRAPH, AL2023, Box
from cloud_users import ACCOUNT, EC2_TRUST, tags
from policies import Document, allows, loosened, operator

REFUSED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "403"}
OURS, OTHERS = {"Federation": "agraph"}, {"Federation": "other"}
HERE = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


class Account:
    """An account in which something is the federation's, something another's, and something nobody's."""

    def __init__(self, box: Box) -> None:
        self.box = box
        iam, ec2 = box.iam, box.ec2
        iam.create_user(UserName="olga")
        iam.create_user(UserName="other")
        for number, document in enumerate(parts(operator())):
            made = iam.create_policy(PolicyName=f"operator-{number}", PolicyDocument=json.dumps(document))["Policy"]
            iam.attach_user_policy(UserName="olga", PolicyArn=made["Arn"])
        self.policy = made["Arn"]
        key = iam.create_access_key(UserName="olga")["AccessKey"]
        self.clients: dict[tuple[str, str], Any] = {}
        self.keys = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        self.vpc, self.subnet, self.group, self.instance = self.network("10.1.0.0/16", OURS)
        self.others_vpc, self.others_subnet, self.others_group, self.others_instance = self.network(
            "10.2.0.0/16", OTHERS
        )
        self.nobodys_vpc, self.nobodys_subnet, self.nobodys_group, self.nobodys_instance = self.network(
            "10.3.0.0/16", {}
        )
        self.others_address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", **OTHERS))
        self.others_gateway = ec2.create_internet_gateway(TagSpecifications=tags("internet-gateway", **OTHERS))
        table = ec2.create_route_table(VpcId=self.others_vpc, TagSpecifications=tags("route-table", **OTHERS))
        self.others_table = table["RouteTable"]["RouteTableId"]
        ec2.create_key_pair(KeyName="others", TagSpecifications=tags("key-pair", **OTHERS))
        interface = ec2.create_network_interface(SubnetId=self.others_subnet)
        self.interface = interface["NetworkInterface"]["NetworkInterfaceId"]
        for path, name in (("/agraph/", "agraph-node-role"), ("/other/", "admin")):
            iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=EC2_TRUST)
            iam.create_instance_profile(InstanceProfileName=name, Path=path)
        iam.add_role_to_instance_profile(InstanceProfileName="admin", RoleName="admin")
        for name in (f"other-ssm-{ACCOUNT}", "agraph-ssm-999999999999"):
            box.s3.create_bucket(Bucket=name, **HERE)
            box.s3.put_object(Bucket=name, Key="k", Body=b"x")
        self.others_bucket = f"other-ssm-{ACCOUNT}"
        for name in ("/other/secret", "/agraph2/secret", "/secret"):
            box.ssm.put_parameter(Name=name, Value="x", Type="SecureString")
        elsewhere = box.client("ec2", "us-east-1")
        self.twin = elsewhere.create_vpc(CidrBlock="10.1.0.0/16", **make("vpc", OURS))["Vpc"]["VpcId"]
        subnet = elsewhere.create_subnet(VpcId=self.twin, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
        one = {"ImageId": AL2023, "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
        launched = elsewhere.run_instances(**one, **make("instance", OURS))["Instances"]
        self.twins_instance = launched[0]["InstanceId"]
        sessions = {f"{name}-1": (f"arn:aws:iam::{ACCOUNT}:user/{name}", "i-1") for name in ("olga", "other")}
        box.cloud.context.session_of = sessions.get

    def network(self, cidr: str, mark: dict[str, str]) -> tuple[str, str, str, str]:
        """Make a VPC, a subnet, a group and an instance that carry tags, or none."""

        def marked(kind: str) -> dict[str, Any]:
            return {"TagSpecifications": tags(kind, **mark)} if mark else {}

        ec2 = self.box.ec2
        vpc = ec2.create_vpc(CidrBlock=cidr, **marked("vpc"))["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr.replace("/16", "/24"), **marked("subnet"))
        group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc, **marked("security-group"))
        subnet_id = subnet["Subnet"]["SubnetId"]
        return vpc, subnet_id, group["GroupId"], self.box.run(subnet_id, **marked("instance"))

    def olga(self, service: str, region: str = "us-west-2") -> Any:
        """A client of the operator's, made once."""
        if (service, region) not in self.clients:
            self.clients[service, region] = self.box.client(service, region, **self.keys)
        return self.clients[service, region]


def parts(document: Document) -> Iterator[Document]:
    """Yield a document in parts that are small enough for a managed policy."""
    half = len(document["Statement"]) // 2
    for statements in (document["Statement"][:half], document["Statement"][half:]):
        yield {**document, "Statement": statements}


Attempt = Callable[[Account], Any]


def launch(account: Account, **more: Any) -> Any:
    """Launch an instance with all that is right, but for what is given."""
    wanted = {
        "ImageId": AGRAPH,
        "InstanceType": "t3.medium",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": account.subnet,
        "SecurityGroupIds": [account.group],
        "TagSpecifications": [*tags("instance", **OURS), *tags("volume", **OURS), *tags("network-interface", **OURS)],
        **more,
    }
    return account.olga("ec2").run_instances(**{name: value for name, value in wanted.items() if value is not None})


def permission(group: str) -> dict[str, Any]:
    return {"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}


def make(kind: str, mark: dict[str, str]) -> dict[str, Any]:
    return {"TagSpecifications": tags(kind, **mark)}


EC2: dict[str, Callable[[Any, Account], Any]] = {
    "look elsewhere": lambda _, account: account.olga("ec2", "us-east-1").describe_instances(),
    "make a VPC elsewhere": lambda _, account: account.olga("ec2", "us-east-1").create_vpc(
        CidrBlock="10.9.0.0/16", **make("vpc", OURS)
    ),
    "make a subnet elsewhere": lambda _, account: account.olga("ec2", "us-east-1").create_subnet(
        VpcId=account.twin, CidrBlock="10.1.7.0/24", **make("subnet", OURS)
    ),
    "make a gateway elsewhere": lambda _, account: account.olga("ec2", "us-east-1").create_nat_gateway(
        SubnetId="subnet-0123456789abcdef0", AllocationId="eipalloc-0123456789abcdef0", **make("natgateway", OURS)
    ),
    "delete a federation of the same name elsewhere": lambda _, account: account.olga("ec2", "us-east-1").delete_vpc(
        VpcId=account.twin
    ),
    "tag a federation of the same name elsewhere": lambda _, account: account.olga("ec2", "us-east-1").create_tags(
        Resources=[account.twin], Tags=[{"Key": "Name", "Value": "x"}]
    ),
    "make a VPC without the tag": lambda ec2, _: ec2.create_vpc(CidrBlock="10.9.0.0/16"),
    "make another's VPC": lambda ec2, _: ec2.create_vpc(CidrBlock="10.9.0.0/16", **make("vpc", OTHERS)),
    "make a subnet without the tag": lambda ec2, account: ec2.create_subnet(VpcId=account.vpc, CidrBlock="10.1.7.0/24"),
    "make a subnet in another's VPC": lambda ec2, account: ec2.create_subnet(
        VpcId=account.others_vpc, CidrBlock="10.2.7.0/24", **make("subnet", OURS)
    ),
    "make a group in nobody's VPC": lambda ec2, account: ec2.create_security_group(
        GroupName="x", Description="x", VpcId=account.nobodys_vpc, **make("security-group", OURS)
    ),
    "make a gateway in another's subnet": lambda ec2, account: ec2.create_nat_gateway(
        SubnetId=account.others_subnet, AllocationId=account.others_address["AllocationId"], **make("natgateway", OURS)
    ),
    "launch in another's subnet": lambda _, account: launch(account, SubnetId=account.others_subnet),
    "launch with another's group": lambda _, account: launch(account, SecurityGroupIds=[account.others_group]),
    "launch without the tag": lambda _, account: launch(account, TagSpecifications=None),
    "launch with another's interface": lambda _, account: launch(
        account,
        SubnetId=None,
        SecurityGroupIds=None,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": account.interface}],
    ),
    "launch as an administrator": lambda _, account: launch(account, IamInstanceProfile={"Name": "admin"}),
    "end another's instance": lambda ec2, account: ec2.terminate_instances(InstanceIds=[account.others_instance]),
    "end nobody's instance": lambda ec2, account: ec2.terminate_instances(InstanceIds=[account.nobodys_instance]),
    "end ours and another's": lambda ec2, account: ec2.terminate_instances(
        InstanceIds=[account.instance, account.others_instance]
    ),
    "read what another's instance was started with": lambda ec2, account: ec2.describe_instance_attribute(
        InstanceId=account.others_instance, Attribute="userData"
    ),
    "give our instance another's group": lambda ec2, account: ec2.modify_instance_attribute(
        InstanceId=account.others_instance, Groups=[account.group]
    ),
    "take another's": lambda ec2, account: ec2.create_tags(
        Resources=[account.others_vpc], Tags=[{"Key": "Federation", "Value": "agraph"}]
    ),
    "take nobody's": lambda ec2, account: ec2.create_tags(
        Resources=[account.nobodys_instance], Tags=[{"Key": "Federation", "Value": "agraph"}]
    ),
    "give ours away": lambda ec2, account: ec2.create_tags(
        Resources=[account.vpc], Tags=[{"Key": "Federation", "Value": "other"}]
    ),
    "take the tag off ours": lambda ec2, account: ec2.delete_tags(
        Resources=[account.vpc], Tags=[{"Key": "Federation"}]
    ),
    "delete another's VPC": lambda ec2, account: ec2.delete_vpc(VpcId=account.others_vpc),
    "delete nobody's VPC": lambda ec2, account: ec2.delete_vpc(VpcId=account.nobodys_vpc),
    "delete another's subnet": lambda ec2, account: ec2.delete_subnet(SubnetId=account.others_subnet),
    "delete another's group": lambda ec2, account: ec2.delete_security_group(GroupId=account.others_group),
    "delete another's key pair": lambda ec2, _: ec2.delete_key_pair(KeyName="others"),
    "open another's group": lambda ec2, account: ec2.authorize_security_group_ingress(
        **permission(account.others_group)
    ),
    "open nobody's group": lambda ec2, account: ec2.authorize_security_group_ingress(
        **permission(account.nobodys_group)
    ),
    "close nobody's group": lambda ec2, account: ec2.revoke_security_group_egress(**permission(account.nobodys_group)),
    "release another's address": lambda ec2, account: ec2.release_address(
        AllocationId=account.others_address["AllocationId"]
    ),
    "attach another's internet gateway": lambda ec2, account: ec2.attach_internet_gateway(
        InternetGatewayId=account.others_gateway["InternetGateway"]["InternetGatewayId"], VpcId=account.vpc
    ),
    "lead another's traffic": lambda ec2, account: ec2.create_route(
        RouteTableId=account.others_table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=account.interface
    ),
}
IAM: dict[str, Callable[[Any, Account], Any]] = {
    "make a role outside the path": lambda iam, _: iam.create_role(RoleName="x", AssumeRolePolicyDocument=EC2_TRUST),
    "make a role of our name outside the path": lambda iam, _: iam.create_role(
        RoleName="agraph-node-x", AssumeRolePolicyDocument=EC2_TRUST
    ),
    "make a role in another's path": lambda iam, _: iam.create_role(
        RoleName="x", Path="/other/", AssumeRolePolicyDocument=EC2_TRUST
    ),
    "look at another's role": lambda iam, _: iam.get_role(RoleName="admin"),
    "delete another's role": lambda iam, _: iam.delete_role(RoleName="admin"),
    "make another's role trust": lambda iam, _: iam.update_assume_role_policy(
        RoleName="admin", PolicyDocument=EC2_TRUST
    ),
    "put another's role into our profile": lambda iam, _: iam.add_role_to_instance_profile(
        InstanceProfileName="agraph-node-role", RoleName="admin"
    ),
    "let our role do everything": lambda iam, _: iam.attach_role_policy(
        RoleName="agraph-node-role", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    "write into our role": lambda iam, _: iam.put_role_policy(
        RoleName="agraph-node-role", PolicyName="x", PolicyDocument=EVERYTHING
    ),
    "give another's role our policy": lambda iam, _: iam.attach_role_policy(
        RoleName="admin", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/agraph-node"
    ),
    "make the nodes' policy": lambda iam, _: iam.create_policy(PolicyName="agraph-node", PolicyDocument=EVERYTHING),
    "change one's own policy": lambda iam, account: iam.create_policy_version(
        PolicyArn=account.policy, PolicyDocument=EVERYTHING, SetAsDefault=True
    ),
    "take a policy": lambda iam, _: iam.attach_user_policy(
        UserName="olga", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    "become another": lambda iam, _: iam.create_access_key(UserName="other"),
}
S3: dict[str, Callable[[Any, Account], Any]] = {
    "look into another's bucket": lambda s3, account: s3.list_objects_v2(Bucket=account.others_bucket),
    "read from another's bucket": lambda s3, account: s3.get_object(Bucket=account.others_bucket, Key="k"),
    "write into another's bucket": lambda s3, account: s3.put_object(Bucket=account.others_bucket, Key="k", Body=b"y"),
    "delete from another's bucket": lambda s3, account: s3.delete_object(Bucket=account.others_bucket, Key="k"),
    "read from another account's bucket": lambda s3, _: s3.get_object(Bucket="agraph-ssm-999999999999", Key="k"),
    "make another bucket": lambda s3, _: s3.create_bucket(Bucket="some-other-bucket", **HERE),
    "open another's bucket": lambda s3, account: s3.put_bucket_policy(Bucket=account.others_bucket, Policy=EVERYTHING),
    "open the bucket": lambda s3, _: s3.put_bucket_acl(Bucket=f"agraph-ssm-{ACCOUNT}", ACL="public-read"),
}
SSM: dict[str, Callable[[Any, Account], Any]] = {
    "look at agents elsewhere": lambda _, account: account.olga("ssm", "us-east-1").describe_instance_information(),
    "read another's parameter": lambda ssm, _: ssm.get_parameter(Name="/other/secret", WithDecryption=True),
    "read the superuser's password": lambda ssm, _: ssm.get_parameter(Name="/agraph/superuser", WithDecryption=True),
    "read the history of another's parameter": lambda ssm, _: ssm.get_parameter_history(Name="/agraph2/secret"),
    "write another's parameter": lambda ssm, _: ssm.put_parameter(Name="/other/secret", Value="y", Overwrite=True),
    "delete nobody's parameter": lambda ssm, _: ssm.delete_parameter(Name="/secret"),
    "write the lease elsewhere": lambda _, account: account.olga("ssm", "us-east-1").put_parameter(
        Name="/agraph/lease", Value="x", Type="String"
    ),
    "a session on another's instance": lambda ssm, account: ssm.start_session(Target=account.others_instance),
    "a session on nobody's instance": lambda ssm, account: ssm.start_session(Target=account.nobodys_instance),
    "a session elsewhere": lambda _, account: account.olga("ssm", "us-east-1").start_session(
        Target=account.twins_instance
    ),
    "end one's own session elsewhere": lambda _, account: account.olga("ssm", "us-east-1").terminate_session(
        SessionId="olga-1"
    ),
    "a session with a command": lambda ssm, account: ssm.start_session(
        Target=account.instance, DocumentName="AWS-StartInteractiveCommand", Parameters={"command": ["id"]}
    ),
    "a command without a session": lambda ssm, account: ssm.send_command(
        InstanceIds=[account.instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["id"]}
    ),
    "end another's session": lambda ssm, _: ssm.terminate_session(SessionId="other-1"),
    "go on with another's session": lambda ssm, _: ssm.resume_session(SessionId="other-1"),
}
ATTEMPTS = {"ec2": EC2, "iam": IAM, "s3": S3, "ssm": SSM}


def asked(action: str, resource: str, **conditions: str) -> dict[str, Any]:
    """Shape what no call of the sandbox's asks, as the journal has it."""
    keys = {name.replace("__", ":").replace("_", "/").lower(): [value] for name, value in conditions.items()}
    return {"action": action, "resource": resource, "conditions": keys, "allowed": False}


UNCALLED = [
    asked("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/agraph/agraph-node-role", iam__PassedToService="lambda.aws"),
    asked("ec2:CreateTags", f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/*", ec2__CreateAction="CreateVpc"),
    asked("ssmmessages:OpenDataChannel", f"arn:aws:ssm:us-east-1:{ACCOUNT}:session/olga-1"),
]
"""Two calls for which the sandbox has no service, and one that ends before it comes to this."""
# Whether AWS would look at the interface's own tags or at those that are asked for, its table does not say.
UNDECIDED = "network-interface/eni-"


def outcome(attempt: Callable[[], Any]) -> str:
    """Return the code with which AWS refuses something."""
    try:
        attempt()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


@pytest.mark.timeout(300)
def test_nothing_outside_the_federation_is_possible_and_each_limit_is_why(box: Box) -> None:
    account, document = Account(box), operator()
    before = len(box.calls())
    outcomes = {
        f"{service}: {name}": outcome(lambda: attempt(account.olga(service), account))  # noqa: B023  called now
        for service, attempts in ATTEMPTS.items()
        for name, attempt in attempts.items()
    }
    assert {name: code for name, code in outcomes.items() if code not in REFUSED} == {}

    calls = [each["authorisation"] for each in box.calls()[before:] if "authorisation" in each]
    refused = [decisions[-1] for decisions in calls]
    assert not any(each["allowed"] for each in refused)
    refused += UNCALLED
    assert not any(allows(document, each) for each in refused)
    for limit, looser in loosened(document):
        assert any(allows(looser, each) for each in refused), f"nothing shows what {limit} is for"

    # Also where the tags that are asked for would be held against all that a request is about.
    for decisions in calls:
        wanted = {
            name: values
            for each in decisions
            for name, values in each["conditions"].items()
            if name.startswith(("aws:requesttag/", "aws:tagkeys"))
        }
        last = {**decisions[-1], "conditions": {**decisions[-1]["conditions"], **wanted}}
        assert UNDECIDED in last["resource"] or not allows(document, last), last


def test_what_is_the_federations_own_is_not_refused(box: Box) -> None:
    account = Account(box)
    ec2 = account.olga("ec2")
    launch(account)
    ec2.create_subnet(VpcId=account.vpc, CidrBlock="10.1.7.0/24", **make("subnet", OURS))
    ec2.create_tags(Resources=[account.vpc], Tags=[{"Key": "Name", "Value": "x"}])
    ec2.terminate_instances(InstanceIds=[account.instance])
    ssm = account.olga("ssm")
    mark = [{"Key": "Federation", "Value": "agraph"}]
    ssm.put_parameter(Name="/agraph/lease", Value="x", Type="String", Tags=mark)
    assert outcome(lambda: ssm.terminate_session(SessionId="olga-1")) not in REFUSED
