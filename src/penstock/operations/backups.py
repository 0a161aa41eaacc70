"""Backups of the running server: begun, asked after, fetched as objects, and deleted. All for the server's root alone."""

from penstock.operations.call import Call, require_root
from penstock.operations.own_types import (
    BackupContents,
    BackupSecrets,
    CreateBackupInput,
    CreateBackupOutput,
    DeleteBackupInput,
    DeleteBackupOutput,
    DescribeBackupInput,
    DescribeBackupOutput,
)
from penstock.ports.backup import (
    BACKUP_BUCKET,
    Backup,
    BackupElsewhere,
    BackupInProgress,
    BackupKeys,
    Backups,
    Manifest,
)
from penstock.wire.errors import ConflictException, ResourceNotFoundException, ValidationException

__all__ = ["create_backup", "delete_backup", "describe_backup"]


async def create_backup(request: CreateBackupInput, call: Call) -> CreateBackupOutput:
    """Begin a backup of a moment from now on; everything that was answered before is in it."""
    require_root(call, "CreateBackup")
    try:
        begun = await _backups(call).begin(with_artifacts=request.with_artifacts, with_keys=request.with_keys)
    except BackupInProgress:
        raise ConflictException("Another backup is being made: wait for its end, or delete it") from None
    return CreateBackupOutput(backup_id=begun.id, bucket=BACKUP_BUCKET, object_key=begun.object_key)


async def describe_backup(request: DescribeBackupInput, call: Call) -> DescribeBackupOutput:
    """How a backup stands. Once it is ready, it is an object that root can get from the S3 endpoint."""
    require_root(call, "DescribeBackup")
    try:
        found = await _backups(call).find(request.backup_id, request.wait_seconds)
    except BackupElsewhere as machine:
        raise ConflictException(
            f"The backup is made, and lies on the machine '{machine}', which has another folder of artifacts than this server: "
            "make backups there, or with its address as the endpoint"
        ) from None
    if found is None:
        raise ResourceNotFoundException(f"This server has no backup '{request.backup_id}'")
    return _shown(found)


async def delete_backup(request: DeleteBackupInput, call: Call) -> DeleteBackupOutput:
    """One that is being made is broken off; one that is not there is no error."""
    require_root(call, "DeleteBackup")
    await _backups(call).delete(request.backup_id)
    return DeleteBackupOutput()


def _backups(call: Call) -> Backups:
    backups = call.environment.backups
    if backups is None:
        raise ValidationException("This server makes no backups")
    return backups


def _shown(backup: Backup) -> DescribeBackupOutput:
    return DescribeBackupOutput(
        backup_id=backup.id,
        status=backup.status,
        reason=backup.reason,
        bucket=BACKUP_BUCKET,
        object_key=backup.object_key,
        size=backup.size if backup.manifest is not None else None,
        sha256=backup.sha256 or None,
        contents=_contents(backup.manifest) if backup.manifest is not None else None,
        secrets=_secrets(backup.keys) if backup.keys is not None else None,
    )


def _contents(manifest: Manifest) -> BackupContents:
    return BackupContents(
        taken_at=manifest.taken_at,
        penstock_version=manifest.penstock,
        schema=manifest.schema,
        pipelines=manifest.rows["pipelines"],
        executions=manifest.rows["executions"],
        executions_in_flight=manifest.in_flight,
        has_artifacts=manifest.has_artifacts,
        objects=manifest.objects,
        object_bytes=manifest.object_bytes,
        missing_objects=len(manifest.missing),
    )


def _secrets(keys: BackupKeys) -> BackupSecrets:
    return BackupSecrets(credentials=keys.credentials, key=keys.key)
