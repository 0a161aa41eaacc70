"""A pipeline from an S3 source to a deployed object, driven by unmodified clients."""

import io
import itertools
import zipfile
from typing import Any

import pytest

from declarations import action, pipeline, stage
from operations.partner import declaration, own_operation
from serving import Server

NUMBERS = itertools.count(1)


def zipped(**files: str) -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return box.getvalue()


def unzipped(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


class Plant:
    """Names of one test, its buckets, its source object, and its partner."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.number = next(NUMBERS)
        self.source, self.target = f"plant-source-{self.number}", f"plant-target-{self.number}"
        self.name, self.provider = f"plant-{self.number}", f"Plant{self.number}"

    def prepare(self) -> None:
        s3 = self.server.client("s3")
        for bucket in (self.source, self.target):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=self.source, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=self.source, Key="app.zip", Body=zipped(page_html="hello"))
        self.own("RegisterPartnerActionType", actionType=declaration(self.provider))
        self.token: str = self.own("LinkPartner", provider=self.provider, version="1")["clientToken"]

    def own(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return own_operation(self.server.url, self.server.root_keys, "us-east-1", operation, **parameters)

    @property
    def custom_id(self) -> dict[str, str]:
        return {"category": "Build", "owner": "Custom", "provider": self.provider, "version": "1"}

    @property
    def partner_id(self) -> dict[str, str]:
        return {"category": "Test", "owner": "ThirdParty", "provider": self.provider, "version": "1"}

    def declaration(self) -> dict[str, Any]:
        """S3 source, custom build, partner test, S3 deploy."""
        where = {"S3Bucket": self.source, "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"}
        into = {"BucketName": self.target, "Extract": "true"}
        return pipeline(
            self.name,
            stage("Source", action("Fetch", "Source", "AWS", "S3", where, outputs=("App",))),
            stage("Build", action("Make", "Build", "Custom", self.provider, inputs=("App",), outputs=("Site",))),
            stage("Check", action("Look", "Test", "ThirdParty", self.provider, inputs=("Site",))),
            stage("Deploy", action("Ship", "Deploy", "AWS", "S3", into, inputs=("Site",))),
        )


@pytest.fixture
def plant(shared_server: Server) -> Plant:
    made = Plant(shared_server)
    made.prepare()
    return made
