"""Keys that do not exist, signatures that do not match, and the journal of it all."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from cloud_box import KEY, Box, code, until

WEST = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
CALLS: dict[str, Callable[[Any], Any]] = {
    "ec2": lambda client: client.describe_vpcs(),
    "iam": lambda client: client.list_roles(),
    "sts": lambda client: client.get_caller_identity(),
    "ssm": lambda client: client.describe_parameters(),
    "resourcegroupstaggingapi": lambda client: client.get_resources(),
    "s3": lambda client: client.list_buckets(),
}


@pytest.mark.parametrize(
    ("service", "unknown", "mismatch"),
    [
        ("ec2", "AuthFailure", "SignatureDoesNotMatch"),
        ("iam", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("sts", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("ssm", "UnrecognizedClientException", "InvalidSignatureException"),
        ("resourcegroupstaggingapi", "UnrecognizedClientException", "InvalidSignatureException"),
        ("s3", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    ],
)
def test_bad_credentials_are_refused_in_each_protocol(box: Box, service: str, unknown: str, mismatch: str) -> None:
    call = CALLS[service]
    call(box.client(service))
    assert code(lambda: call(box.client(service, key="AKIAIOSFODNN7EXAMPLE"))) == unknown
    assert code(lambda: call(box.client(service, secret="wrong"))) == mismatch
    last = box.calls()[-1]
    assert (last["service"], last["error"]) == (service, mismatch)


@pytest.mark.parametrize(("service", "refused"), [("ec2", "AuthFailure"), ("ssm", "InvalidSignatureException")])
def test_a_region_that_is_none_is_refused(box: Box, service: str, refused: str) -> None:
    assert code(lambda: CALLS[service](box.client(service, region="us-nowhere-1"))) == refused


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"Action=DescribeVpcs&Version=2016-11-15", 401, "AuthFailure"),
        (b"Action=GetCallerIdentity&Version=2011-06-15", 403, "MissingAuthenticationToken"),
        (b"", 403, "AccessDenied"),
    ],
)
def test_requests_without_credentials_are_refused(box: Box, body: bytes, status: int, expected: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(box.endpoint + "/", data=body or None))
    assert refused.value.code == status
    assert f"<Code>{expected}</Code>" in refused.value.read().decode()


def test_motos_own_back_doors_are_shut(box: Box) -> None:
    for path in ("/moto-api/data.json", "/latest/meta-data/"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(box.endpoint + path)
        assert refused.value.code == 403


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls_work(box: Box, version: str) -> None:
    s3 = box.client("s3", config={"signature_version": version, "s3": {"addressing_style": "path"}})
    s3.create_bucket(Bucket="a-bucket", **WEST)
    key = {"Bucket": "a-bucket", "Key": "a folder/it's+this.txt"}
    put = s3.generate_presigned_url("put_object", Params=key, ExpiresIn=60)
    get = s3.generate_presigned_url("get_object", Params=key, ExpiresIn=60)
    urllib.request.urlopen(
        urllib.request.Request(put, data=b"hello", method="PUT", headers={"Content-Type": ""})
    ).close()
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"hello"
    assert s3.get_object(**key)["Body"].read() == b"hello"
    forged = get.replace("this.txt", "that.txt")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(forged)
    assert refused.value.code == 403
    late = s3.generate_presigned_url("get_object", Params=key, ExpiresIn=-1)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(late)
    assert "expired" in refused.value.read().decode()


def test_a_users_keys_are_good_until_they_are_not(box: Box) -> None:
    box.iam.create_user(UserName="u")
    key = box.iam.create_access_key(UserName="u")["AccessKey"]
    sts = box.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/u"
    assert box.calls()[-1]["caller"] == "arn:aws:iam::123456789012:user/u"
    box.iam.update_access_key(UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert code(sts.get_caller_identity) == "InvalidClientTokenId"
    assert code(lambda: box.iam.delete_user(UserName="u")) == "DeleteConflict"
    box.iam.delete_access_key(UserName="u", AccessKeyId=key["AccessKeyId"])
    box.iam.delete_user(UserName="u")


def test_the_operator_is_the_account_itself(box: Box) -> None:
    who = box.sts.get_caller_identity()
    assert (who["Account"], who["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:root")


def test_the_journal_has_a_line_for_each_call(box: Box) -> None:
    vpc = box.vpc()
    code(lambda: box.ec2.delete_vpc(VpcId="vpc-0"))
    box.s3.create_bucket(Bucket="a-bucket", **WEST)
    box.s3.put_object(Bucket="a-bucket", Key="k", Body=b"")
    box.s3.get_object(Bucket="a-bucket", Key="k")["Body"].read()
    box.ssm.describe_parameters()
    box.resourcegroupstaggingapi.get_resources()
    box.ec2.delete_vpc(VpcId=vpc)
    until(lambda: len(box.calls()) == 8)
    seen = [
        (each["service"], each["operation"], each["changing"], each["status"], each["error"]) for each in box.calls()
    ]
    assert seen == [
        ("ec2", "CreateVpc", True, 200, None),
        ("ec2", "DeleteVpc", True, 400, "InvalidVpcID.NotFound"),
        ("s3", "CreateBucket", True, 200, None),
        ("s3", "PutObject", True, 200, None),
        ("s3", "GetObject", False, 200, None),
        ("ssm", "DescribeParameters", False, 200, None),
        ("resourcegroupstaggingapi", "GetResources", False, 200, None),
        ("ec2", "DeleteVpc", True, 200, None),
    ]
    assert {each["caller"] for each in box.calls()} == {"arn:aws:iam::123456789012:root"}
    assert KEY not in box.journal.read_text()


def test_what_the_sandbox_does_not_have_is_said(box: Box) -> None:
    assert code(box.ec2.describe_capacity_reservations) == "UnsupportedOperation"
