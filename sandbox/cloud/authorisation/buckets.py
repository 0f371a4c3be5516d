"""What a request to S3 asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.wildcards import Keys

ACTIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
}
"""Operations whose permission has another name."""
QUERY = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
HEADERS = ("x-amz-acl", "x-amz-server-side-encryption", "x-amz-copy-source", "x-amz-storage-class")


def questions(
    operation: str, placed: Mapping[str, str], query: Mapping[str, str], headers: Mapping[str, str], common: Keys
) -> Iterator[Question]:
    """Return what has to be allowed in S3."""
    keys = {**common, **{name: (query[given],) for given, name in QUERY.items() if given in query}}
    keys |= {f"s3:{name}": (headers[name],) for name in HEADERS if name in headers}
    bucket, key = placed.get("Bucket"), placed.get("Key")
    resource = "*" if bucket is None else f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
    if operation == "DeleteObjects":
        resource += "/*"
    action = ACTIONS.get(operation, operation)
    if query.get("versionId") and action in ("GetObject", "DeleteObject"):
        action += "Version"
    yield Question(f"s3:{action}", resource, keys)
    if source := headers.get("x-amz-copy-source"):
        path = unquote(source).lstrip("/").partition("?")[0]
        yield Question("s3:GetObject", f"arn:aws:s3:::{path}", common)
