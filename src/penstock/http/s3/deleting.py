"""Deleting objects, one or many at a time."""

from penstock.http.s3.body import read_document
from penstock.http.s3.call import Answer, S3Call, new_id, object_arn, xml_answer
from penstock.http.s3.conditions import bare
from penstock.http.s3.documents import Node, Tree
from penstock.http.s3.errors import S3Error
from penstock.http.s3.request import KEY_BYTES_MAX
from penstock.ports.objects import Deleted, Deletion
from penstock.wire.errors import AccessDeniedException

__all__ = ["delete_object", "delete_objects"]

# "The request can contain a list of up to 1,000 keys": Amazon S3 API reference, DeleteObjects.
KEYS_MAX = 1000
# A transaction is shared with others, so a long list is not one transaction.
BATCH_KEYS = 100


async def delete_object(call: S3Call) -> Answer:
    request = call.request
    etag = request.headers.get("if-match")
    bucket = await call.bucket()
    deletion = new_deletion(call, request.key, request.version_id, None if etag is None else bare(etag))
    deleted = (await call.catalogue.delete_objects(call.account, bucket.name, [deletion]))[0]
    if deleted.refused:
        raise S3Error(deleted.refused)
    await call.free([deleted.dropped] if deleted.dropped else [])
    headers = {"x-amz-version-id": deleted.version_id} if deleted.version_id else {}
    return Answer(204, headers | ({"x-amz-delete-marker": "true"} if deleted.is_delete_marker else {}))


async def delete_objects(call: S3Call) -> Answer:
    """Each key is allowed or refused on its own."""
    bucket = await call.bucket()
    document = await read_document(call)
    if document is None or document.name != "Delete":
        raise S3Error("MalformedXML")
    nodes = document.named("Object")
    if not 1 <= len(nodes) <= KEYS_MAX:
        raise S3Error("MalformedXML")
    answers: list[tuple[str, Tree]] = []
    wanted: list[Deletion] = []
    for deletion in [read_deletion(call, node) for node in nodes]:
        refusal = refused(call, deletion)
        if refusal is None:
            wanted.append(deletion)
        else:
            answers.append(failure(deletion, refusal))
    is_quiet = document.child_text("Quiet") == "true"
    for start in range(0, len(wanted), BATCH_KEYS):
        batch = wanted[start : start + BATCH_KEYS]
        results = await call.catalogue.delete_objects(call.account, bucket.name, batch)
        await call.free([result.dropped for result in results if result.dropped])
        shown = [outcome(deletion, result) for deletion, result in zip(batch, results, strict=True)]
        answers += [element for element in shown if not (is_quiet and element[0] == "Deleted")]
    return xml_answer("DeleteResult", answers)


def new_deletion(call: S3Call, key: str, version_id: str | None, etag: str | None) -> Deletion:
    now = call.clock.now()
    return Deletion(key=key, version_id=version_id, marker_id=new_id(now), at=now, etag=etag)


def read_deletion(call: S3Call, node: Node) -> Deletion:
    key = next((child.text for child in node.named("Key")), "")
    if not key:
        raise S3Error("MalformedXML")
    etag = node.child_text("ETag")
    return new_deletion(call, key, node.child_text("VersionId") or None, None if etag is None else bare(etag))


def refused(call: S3Call, deletion: Deletion) -> S3Error | None:
    if len(deletion.key.encode()) > KEY_BYTES_MAX:
        return S3Error("KeyTooLongError")
    action = "s3:DeleteObject" if deletion.version_id is None else "s3:DeleteObjectVersion"
    try:
        call.allow(action, object_arn(call.request.bucket, deletion.key))
    except AccessDeniedException:
        return S3Error("AccessDenied")
    return None


def failure(deletion: Deletion, error: S3Error) -> tuple[str, Tree]:
    version: list[tuple[str, Tree]] = [("VersionId", deletion.version_id)] if deletion.version_id else []
    return "Error", [("Key", deletion.key), *version, ("Code", error.code), ("Message", error.message)]


def outcome(deletion: Deletion, result: Deleted) -> tuple[str, Tree]:
    if result.refused:
        return failure(deletion, S3Error(result.refused))
    tree: list[tuple[str, Tree]] = [("Key", deletion.key)]
    if deletion.version_id is not None:
        tree.append(("VersionId", deletion.version_id))
    if result.is_delete_marker:
        tree += [("DeleteMarker", "true"), ("DeleteMarkerVersionId", result.version_id)]
    return "Deleted", tree
