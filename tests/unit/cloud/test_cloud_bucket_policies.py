"""A bucket's policy: what it denies to everybody, what it allows to whom, and what S3 does not take for one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from cloud_box import Box, code

from sandbox.cloud.authorisation.bucket_policies import is_public, problem_of, said_by
from sandbox.cloud.authorisation.decisions import refusal
from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.principals import Principal

NAME = "a-bucket"
ARN = f"arn:aws:s3:::{NAME}"
WEST = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
KEY = {"Bucket": NAME, "Key": "k"}
ROOT = "arn:aws:iam::123456789012:root"
ANN = "arn:aws:iam::123456789012:user/ann"
ROLE, SESSION = "arn:aws:iam::123456789012:role/", "arn:aws:sts::123456789012:assumed-role/r/i-1"


def statement(effect: str, action: Any, who: Any = "*", resource: Any = None, **condition: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": who,
        "Action": action,
        "Resource": resource or [ARN, f"{ARN}/*"],
        **({"Condition": condition} if condition else {}),
    }


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


TLS_ONLY = statement("Deny", "s3:*", Bool={"aws:SecureTransport": "false"})


def put(box: Box, *statements: dict[str, Any]) -> None:
    box.s3.put_bucket_policy(Bucket=NAME, Policy=document(*statements))


def open_to_the_public(box: Box) -> None:
    box.s3.delete_public_access_block(Bucket=NAME)


@pytest.fixture
def bucket(box: Box) -> Box:
    box.s3.create_bucket(Bucket=NAME, **WEST)
    box.s3.put_object(**KEY, Body=b"x")
    return box


def ann(box: Box, *allowed: str) -> Any:
    """A user who may do what is named, and her client."""
    box.iam.create_user(UserName="ann")
    key = box.iam.create_access_key(UserName="ann")["AccessKey"]
    if allowed:
        may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(allowed), "Resource": "*"}]}
        box.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps(may))
    return box.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])


def status(url: str, method: str = "GET") -> int:
    """The answer's status to a request without a signature in a header."""
    request = urllib.request.Request(url, method=method, data=b"y" if method == "PUT" else None)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_deny_is_for_the_account_itself_too_and_it_may_mend_the_policy(bucket: Box) -> None:
    put(bucket, statement("Deny", "s3:*"))
    assert code(lambda: bucket.s3.get_object(**KEY)) == "AccessDenied"
    assert code(lambda: bucket.s3.put_object(**KEY, Body=b"")) == "AccessDenied"
    assert code(lambda: bucket.s3.list_objects_v2(Bucket=NAME)) == "AccessDenied"
    assert code(lambda: bucket.s3.delete_bucket(Bucket=NAME)) == "AccessDenied"
    with pytest.raises(Exception, match="with an explicit deny in a resource-based policy"):
        bucket.s3.get_object(**KEY)
    assert json.loads(bucket.s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"][0]["Effect"] == "Deny"
    put(bucket, TLS_ONLY | {"Action": "s3:PutObject"})
    bucket.s3.get_object(**KEY)
    bucket.s3.delete_bucket_policy(Bucket=NAME)
    bucket.s3.put_object(**KEY, Body=b"")


def test_a_user_with_every_right_may_not_mend_it(bucket: Box) -> None:
    client = ann(bucket, "*")
    client.get_object(**KEY)
    put(bucket, statement("Deny", "s3:*"))
    assert code(lambda: client.get_object(**KEY)) == "AccessDenied"
    assert code(lambda: client.delete_bucket_policy(Bucket=NAME)) == "AccessDenied"


def test_tls_only_refuses_plain_http_whoever_asks(bucket: Box) -> None:
    url = bucket.s3.generate_presigned_url("get_object", Params=KEY)
    assert status(url) == 200
    put(bucket, TLS_ONLY)
    assert code(lambda: bucket.s3.get_object(**KEY)) == "AccessDenied"
    assert code(lambda: bucket.s3.head_bucket(Bucket=NAME)) == "403"
    assert status(url) == 403
    assert status(bucket.s3.generate_presigned_url("put_object", Params=KEY), "PUT") == 403
    assert status(f"{bucket.endpoint}/{NAME}/k") == 403
    # The other services stand for AWS's own, which are secure; so does S3 where no bucket is asked for.
    assert [each["Name"] for each in bucket.s3.list_buckets()["Buckets"]] == [NAME]


def test_the_policy_is_that_of_the_bucket_and_of_no_other(bucket: Box) -> None:
    bucket.s3.create_bucket(Bucket="b-bucket", **WEST)
    put(bucket, statement("Deny", "s3:GetObject", resource=f"{ARN}/secret/*"))
    bucket.s3.put_object(Bucket=NAME, Key="secret/k", Body=b"")
    bucket.s3.get_object(**KEY)
    assert code(lambda: bucket.s3.get_object(Bucket=NAME, Key="secret/k")) == "AccessDenied"
    # A copy reads in one bucket and writes in another.
    bucket.s3.copy_object(Bucket="b-bucket", Key="k", CopySource=f"{NAME}/k")
    copy = {"Bucket": "b-bucket", "Key": "k", "CopySource": f"{NAME}/secret/k"}
    assert code(lambda: bucket.s3.copy_object(**copy)) == "AccessDenied"


def test_a_user_needs_an_allow_on_one_side_only(bucket: Box) -> None:
    client = ann(bucket)
    put(bucket, statement("Allow", "s3:GetObject", {"AWS": ROOT}))
    assert code(lambda: client.get_object(**KEY)) == "AccessDenied"  # it is the account's to allow it to her
    put(bucket, statement("Allow", "s3:GetObject", {"AWS": [ANN]}))
    client.get_object(**KEY)
    assert code(lambda: client.put_object(**KEY, Body=b"")) == "AccessDenied"
    listing = statement("Allow", "s3:ListBucket", {"AWS": ANN}, StringLike={"s3:prefix": "ann/*"})
    put(bucket, listing, statement("Deny", "s3:GetObject", {"AWS": "123456789012"}))
    client.list_objects_v2(Bucket=NAME, Prefix="ann/")
    assert code(lambda: client.list_objects_v2(Bucket=NAME, Prefix="bob/")) == "AccessDenied"
    assert code(lambda: client.get_object(**KEY)) == "AccessDenied"
    assert code(lambda: bucket.s3.get_object(**KEY)) == "AccessDenied"


@pytest.mark.parametrize(
    ("who", "allowed"),
    [("*", False), ({"AWS": f"{ROLE}r"}, False), ({"AWS": SESSION}, True), ({"AWS": ROOT}, False)],
)
def test_a_boundary_holds_unless_the_policy_names_the_very_session(who: Any, allowed: bool) -> None:
    limits = [{"Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}]
    principal = Principal(SESSION, [], boundary=limits, own_names=(SESSION, f"{ROLE}r"))
    question = Question("s3:GetObject", f"{ARN}/k", {})
    said = said_by(document(statement("Allow", "s3:GetObject", who)), question, principal)
    assert (refusal(principal, question, said) is None) is allowed


def test_nobody_in_particular_has_what_is_allowed_to_everybody(bucket: Box) -> None:
    url = f"{bucket.endpoint}/{NAME}/k"
    assert status(url) == 403
    open_to_the_public(bucket)
    put(bucket, statement("Allow", "s3:GetObject"))
    assert (status(url), status(url, "PUT"), status(f"{bucket.endpoint}/{NAME}")) == (200, 403, 403)
    assert status(f"{bucket.endpoint}/{NAME}/none") == 404
    closed = {"BlockPublicPolicy": False, "RestrictPublicBuckets": True}
    bucket.s3.put_public_access_block(Bucket=NAME, PublicAccessBlockConfiguration=closed)
    assert status(url) == 403
    open_to_the_public(bucket)
    put(bucket, statement("Allow", "s3:GetObject", {"AWS": ROOT}))
    assert status(url) == 403
    put(bucket, statement("Allow", "s3:GetObject", IpAddress={"aws:SourceIp": "198.51.100.0/24"}))
    assert status(url) == 200  # the box's machine is 198.51.100.7
    put(bucket, statement("Allow", "s3:GetObject", IpAddress={"aws:SourceIp": "192.0.2.0/24"}))
    assert status(url) == 403
    assert [each["caller"] for each in bucket.calls() if each["operation"] == "GetObject"][-1] == ""


def test_a_bucket_is_made_closed_encrypted_and_its_owners(bucket: Box) -> None:
    s3 = bucket.s3
    assert set(s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_ownership_controls(Bucket=NAME)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
    for _ in range(2):
        (rule,) = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        s3.delete_bucket_encryption(Bucket=NAME)
    assert s3.get_object(**KEY)["ServerSideEncryption"] == "AES256"


def test_a_public_policy_is_refused_where_that_is_blocked(bucket: Box) -> None:
    assert code(lambda: put(bucket, statement("Allow", "s3:GetObject"))) == "AccessDenied"
    put(bucket, TLS_ONLY | {"Action": "s3:PutObject"})
    assert bucket.s3.get_bucket_policy_status(Bucket=NAME)["PolicyStatus"] == {"IsPublic": False}
    open_to_the_public(bucket)
    put(bucket, statement("Allow", "s3:GetObject"))
    assert bucket.s3.get_bucket_policy_status(Bucket=NAME)["PolicyStatus"] == {"IsPublic": True}
    bucket.s3.delete_bucket_policy(Bucket=NAME)
    assert code(lambda: bucket.s3.get_bucket_policy_status(Bucket=NAME)) == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    ("each", "public"),
    [
        (statement("Allow", "s3:GetObject"), True),
        (statement("Allow", "s3:GetObject", {"AWS": ["*"]}), True),
        (statement("Allow", "s3:GetObject", {"AWS": ANN}), False),
        (statement("Deny", "s3:*"), False),
        (statement("Allow", "s3:*", StringEquals={"aws:PrincipalOrgID": "o-1"}), False),
        (statement("Allow", "s3:*", StringLike={"aws:PrincipalOrgID": "o-*"}), True),
        (statement("Allow", "s3:*", StringNotEquals={"aws:SourceVpc": "vpc-1"}), True),
        (statement("Allow", "s3:*", StringEquals={"s3:prefix": "a"}), True),
        (statement("Allow", "s3:*", IpAddress={"aws:SourceIp": ["10.0.0.0/8"]}), False),
        (statement("Allow", "s3:*", IpAddress={"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}), True),
    ],
)
def test_what_is_public(each: dict[str, Any], public: bool) -> None:
    assert is_public(document(each)) is public
    assert problem_of(document(each).encode(), NAME) is None


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        document(),
        document({key: value for key, value in TLS_ONLY.items() if key != "Principal"}),
        document({key: value for key, value in TLS_ONLY.items() if key != "Resource"}),
        document(TLS_ONLY | {"Effect": "deny"}),
        document(TLS_ONLY | {"Principal": ANN}),
        document(TLS_ONLY | {"Action": "ec2:*"}),
        document(TLS_ONLY | {"Resource": "arn:aws:s3:::b-bucket"}),
        document(TLS_ONLY | {"Condition": {"Boolean": {"aws:SecureTransport": "false"}}}),
    ],
)
def test_what_is_no_policy_of_the_bucket(bucket: Box, text: str) -> None:
    assert code(lambda: bucket.s3.put_bucket_policy(Bucket=NAME, Policy=text)) == "MalformedPolicy"
    assert code(lambda: bucket.s3.get_bucket_policy(Bucket=NAME)) == "NoSuchBucketPolicy"
