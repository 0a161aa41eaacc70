"""Which handler answers a request, and which permission it takes."""

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from penstock.http.s3 import buckets, completing, deleting, listing, multipart, reading, writing
from penstock.http.s3.call import Answer, S3Call, bucket_arn, object_arn
from penstock.http.s3.errors import S3Error
from penstock.http.s3.request import S3Request

__all__ = ["Route", "permission", "route_of"]

Handler = Callable[[S3Call], Awaitable[Answer]]
Place = Literal["service", "bucket", "object"]


class Route(Struct, frozen=True):
    """`action` is what the caller must be allowed, in S3's words; `of_version` the same where a version is named.

    A route without an action asks for permissions itself, key by key.
    """

    handler: Handler
    action: str
    of_version: str = ""


ROUTES: dict[tuple[Place, str, str], Route] = {
    ("service", "GET", ""): Route(buckets.list_buckets, "s3:ListAllMyBuckets"),
    ("bucket", "PUT", ""): Route(buckets.create_bucket, "s3:CreateBucket"),
    ("bucket", "HEAD", ""): Route(buckets.head_bucket, "s3:ListBucket"),
    ("bucket", "DELETE", ""): Route(buckets.delete_bucket, "s3:DeleteBucket"),
    ("bucket", "GET", "location"): Route(buckets.get_location, "s3:GetBucketLocation"),
    ("bucket", "GET", "versioning"): Route(buckets.get_versioning, "s3:GetBucketVersioning"),
    ("bucket", "PUT", "versioning"): Route(buckets.put_versioning, "s3:PutBucketVersioning"),
    ("bucket", "GET", ""): Route(listing.list_objects, "s3:ListBucket"),
    ("bucket", "GET", "list-type"): Route(listing.list_objects_v2, "s3:ListBucket"),
    ("bucket", "GET", "versions"): Route(listing.list_versions, "s3:ListBucketVersions"),
    ("bucket", "GET", "uploads"): Route(listing.list_uploads, "s3:ListBucketMultipartUploads"),
    ("bucket", "POST", "delete"): Route(deleting.delete_objects, ""),
    ("object", "GET", ""): Route(reading.get_object, "s3:GetObject", "s3:GetObjectVersion"),
    ("object", "HEAD", ""): Route(reading.head_object, "s3:GetObject", "s3:GetObjectVersion"),
    ("object", "GET", "tagging"): Route(reading.get_tags, "s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    ("object", "PUT", ""): Route(writing.put_object, "s3:PutObject"),
    ("object", "PUT", "copy"): Route(writing.copy_object, "s3:PutObject"),
    ("object", "DELETE", ""): Route(deleting.delete_object, "s3:DeleteObject", "s3:DeleteObjectVersion"),
    ("object", "POST", "uploads"): Route(multipart.create_upload, "s3:PutObject"),
    ("object", "PUT", "uploadId"): Route(multipart.put_part, "s3:PutObject"),
    ("object", "PUT", "uploadId copy"): Route(multipart.copy_part, "s3:PutObject"),
    ("object", "POST", "uploadId"): Route(completing.complete_upload, "s3:PutObject"),
    ("object", "DELETE", "uploadId"): Route(multipart.abort_upload, "s3:AbortMultipartUpload"),
    ("object", "GET", "uploadId"): Route(multipart.list_parts, "s3:ListMultipartUploadParts"),
}

SUBRESOURCES = frozenset(
    {
        *("abac", "accelerate", "acl", "analytics", "annotation", "attributes", "cors", "delete", "encryption"),
        *("intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging", "metadataTable"),
        *("metadataConfiguration", "metrics", "notification", "object-lock", "ownershipControls", "policy"),
        *("policyStatus", "publicAccessBlock", "renameObject", "replication", "requestPayment", "restore"),
        *("retention", "select", "session", "tagging", "torrent", "uploadId", "uploads", "versioning", "versions"),
        "website",
    }
)


def route_of(request: S3Request) -> Route:
    place = place_of(request)
    asked = [name for name in request.query if name in SUBRESOURCES]
    subject = asked[0] if asked else ""
    if not asked and place == "bucket" and request.query.get("list-type") == "2":
        subject = "list-type"
    if "x-amz-copy-source" in request.headers and request.method == "PUT":
        subject = f"{subject} copy".strip()
    route = ROUTES.get((place, request.method, subject))
    if route is not None:
        return route
    if asked:
        raise S3Error("NotImplemented", f"The sub-resource {asked[0]} is not available here.")
    raise S3Error("MethodNotAllowed", details={"Method": request.method, "ResourceType": place.upper()})


def place_of(request: S3Request) -> Place:
    if not request.bucket:
        return "service"
    return "object" if request.key else "bucket"


def permission(request: S3Request, route: Route) -> tuple[str, str]:
    """The action that the route takes and the ARN it takes it on."""
    match place_of(request):
        case "service":
            return route.action, bucket_arn("*")
        case "bucket":
            return route.action, bucket_arn(request.bucket)
        case "object":
            action = route.of_version if route.of_version and request.version_id is not None else route.action
            return action, object_arn(request.bucket, request.key)
