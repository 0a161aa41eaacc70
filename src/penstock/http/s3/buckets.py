"""Buckets: make, look, drop, list, where, versioning."""

import re
from typing import get_args

from penstock.http.s3.body import read_document
from penstock.http.s3.call import Answer, S3Call, xml_answer
from penstock.http.s3.documents import Tree, timestamp
from penstock.http.s3.errors import S3Error
from penstock.http.s3.listing import decode_token, encode_token, owner
from penstock.http.s3.pages import successor
from penstock.ports.objects import AFTER_ALL_KEYS, BucketRow, Refused, Versioning

__all__ = [
    "create_bucket",
    "delete_bucket",
    "get_location",
    "get_versioning",
    "head_bucket",
    "list_buckets",
    "put_versioning",
]

# Amazon S3 user guide, Bucket naming rules.
BUCKET_NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
FIRST_REGION = "us-east-1"
BUCKETS_MAX = 10_000


async def list_buckets(call: S3Call) -> Answer:
    query = call.request.query
    prefix = query.get("prefix", "")
    limit = call.request.number("max-buckets", BUCKETS_MAX, BUCKETS_MAX) or 1
    start = decode_token(query["continuation-token"]) if query.get("continuation-token") else prefix
    end = successor(prefix) if prefix else AFTER_ALL_KEYS
    found = await call.catalogue.list_buckets(call.account, start, end, limit + 1)
    shown: list[tuple[str, Tree]] = [("Bucket", describe(bucket)) for bucket in found[:limit]]
    tree: list[tuple[str, Tree]] = [("Owner", owner(call)), ("Buckets", shown)]
    if len(found) > limit:
        tree.append(("ContinuationToken", encode_token(found[limit].name)))
    if prefix:
        tree.append(("Prefix", prefix))
    return xml_answer("ListAllMyBucketsResult", tree)


def describe(bucket: BucketRow) -> Tree:
    return [
        ("Name", bucket.name),
        ("CreationDate", timestamp(bucket.created_at)),
        ("BucketRegion", bucket.region),
    ]


async def create_bucket(call: S3Call) -> Answer:
    name = call.request.bucket
    if not BUCKET_NAME.match(name) or ADDRESS.match(name):
        raise S3Error("InvalidBucketName", details={"BucketName": name})
    if call.request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
        raise S3Error("NotImplemented", "Object lock is not available here.")
    region = await wanted_region(call)
    made = Answer(200, {"location": f"/{name}"})
    try:
        await call.catalogue.create_bucket(BucketRow(call.account, region, name, call.clock.now()))
    except Refused as refusal:
        # There S3 answers as if the bucket were new, as it always has.
        if region == FIRST_REGION and (await call.bucket()).region == FIRST_REGION:
            return made
        raise S3Error(refusal.code, details={"BucketName": name}) from None
    return made


async def wanted_region(call: S3Call) -> str:
    """The region that the body names, else the one of the signature."""
    document = await read_document(call)
    if document is None:
        return call.region
    if document.name != "CreateBucketConfiguration":
        raise S3Error("MalformedXML")
    named = document.child_text("LocationConstraint")
    return {"EU": "eu-west-1", None: call.region, "": call.region}.get(named) or str(named)


async def head_bucket(call: S3Call) -> Answer:
    bucket = await call.bucket()
    return Answer(200, {"x-amz-bucket-region": bucket.region, "content-type": "application/xml"})


async def delete_bucket(call: S3Call) -> Answer:
    await call.bucket()
    await call.free(await call.catalogue.delete_bucket(call.account, call.request.bucket))
    return Answer(204)


async def get_location(call: S3Call) -> Answer:
    bucket = await call.bucket()
    # The one region whose constraint is written as nothing.
    constraint = "" if bucket.region == FIRST_REGION else bucket.region
    return xml_answer("LocationConstraint", constraint)


async def get_versioning(call: S3Call) -> Answer:
    bucket = await call.bucket()
    return xml_answer("VersioningConfiguration", [("Status", bucket.versioning)] if bucket.versioning else [])


async def put_versioning(call: S3Call) -> Answer:
    await call.bucket()
    document = await read_document(call)
    if document is None or document.name != "VersioningConfiguration":
        raise S3Error("MalformedXML")
    status = document.child_text("Status")
    if status is None:
        raise S3Error("IllegalVersioningConfigurationException")
    for versioning in get_args(Versioning):
        if versioning and versioning == status:
            await call.catalogue.set_versioning(call.account, call.request.bucket, versioning)
            return Answer()
    raise S3Error("MalformedXML")
