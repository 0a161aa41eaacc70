"""The credentials of a job open its inputs to read and its outputs to write, and nothing else; and they end."""

import io
import time
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from declarations import action, custom_type, stage
from operations.faithful import Witness
from operations.scene import Scene
from penstock.auth.key_file import open_sealer
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.ports.artifacts import Location, Scope
from penstock.wire.errors import ExpiredTokenException, UnrecognizedClientException
from serving import Server


def keys_of(credentials: dict[str, str]) -> dict[str, str]:
    return {
        "aws_access_key_id": credentials["accessKeyId"],
        "aws_secret_access_key": credentials["secretAccessKey"],
        "aws_session_token": credentials["sessionToken"],
    }


def place(artifact: dict[str, Any]) -> dict[str, str]:
    where = artifact["location"]["s3Location"]
    return {"Bucket": where["bucketName"], "Key": where["objectKey"]}


@dataclass
class Bench:
    """A job with an input and an output, and a client with its credentials."""

    scene: Scene
    job: dict[str, Any]
    s3: Any
    root: Any
    given: dict[str, str]
    wanted: dict[str, str]


@pytest.fixture
def bench(shared_server: Server) -> Bench:
    scene = Scene(shared_server, Witness())
    scene.types()
    make = action("Make", "Build", "Custom", "Builder", inputs=("App",), outputs=("Box",))
    scene.pipeline("line", stage("Build", make))
    root = shared_server.client("s3", region=scene.region)
    job = scene.take("Origin")
    source = shared_server.client("s3", keys_of(job["data"]["artifactCredentials"]), scene.region)
    source.put_object(**place(job["data"]["outputArtifacts"][0]), Body=b"given")
    scene.aws.put_job_success_result(jobId=job["id"])
    job = scene.take()
    data = job["data"]
    s3 = shared_server.client("s3", keys_of(data["artifactCredentials"]), scene.region)
    return Bench(scene, job, s3, root, place(data["inputArtifacts"][0]), place(data["outputArtifacts"][0]))


def refused(call: Any, **parameters: Any) -> bool:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    status = raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    code = raised.value.response["Error"]["Code"]
    # A HEAD has no body to say a code in.
    return status in (400, 403) and code in ("AccessDenied", "AccessDeniedException", "403")


class TestWhatTheyOpen:
    def test_an_input_can_be_read_whole_in_part_and_by_its_head(self, bench: Bench) -> None:
        assert bench.s3.get_object(**bench.given)["Body"].read() == b"given"
        assert bench.s3.get_object(**bench.given, Range="bytes=1-2")["Body"].read() == b"iv"
        assert bench.s3.head_object(**bench.given)["ContentLength"] == 5

    def test_an_output_can_be_written_in_one_piece(self, bench: Bench) -> None:
        bench.s3.put_object(**bench.wanted, Body=b"made", ServerSideEncryption="aws:kms")
        assert bench.root.get_object(**bench.wanted)["Body"].read() == b"made"

    def test_an_output_can_be_written_in_parts(self, bench: Bench) -> None:
        body = b"x" * (12 << 20)
        bench.s3.upload_fileobj(io.BytesIO(body), **bench.wanted)
        assert bench.root.head_object(**bench.wanted)["ContentLength"] == len(body)

    def test_an_upload_in_parts_can_be_given_up(self, bench: Bench) -> None:
        upload = bench.s3.create_multipart_upload(**bench.wanted)["UploadId"]
        bench.s3.upload_part(**bench.wanted, UploadId=upload, PartNumber=1, Body=b"part")
        assert len(bench.s3.list_parts(**bench.wanted, UploadId=upload)["Parts"]) == 1
        bench.s3.abort_multipart_upload(**bench.wanted, UploadId=upload)


class TestWhatTheyDoNotOpen:
    def test_an_output_cannot_be_read_back(self, bench: Bench) -> None:
        bench.s3.put_object(**bench.wanted, Body=b"made")
        assert refused(bench.s3.get_object, **bench.wanted)
        assert refused(bench.s3.head_object, **bench.wanted)

    def test_an_input_cannot_be_written_or_deleted(self, bench: Bench) -> None:
        assert refused(bench.s3.put_object, **bench.given, Body=b"mine")
        assert refused(bench.s3.delete_object, **bench.given)
        assert refused(bench.s3.create_multipart_upload, **bench.given)
        assert bench.root.get_object(**bench.given)["Body"].read() == b"given"

    def test_an_output_cannot_be_deleted(self, bench: Bench) -> None:
        bench.s3.put_object(**bench.wanted, Body=b"made")
        assert refused(bench.s3.delete_object, **bench.wanted)

    @pytest.mark.parametrize("key", ["other", "", "*"])
    def test_other_keys_of_the_bucket_are_closed(self, bench: Bench, key: str) -> None:
        places = [{**bench.given, "Key": bench.given["Key"] + "x"}, {**bench.wanted, "Key": bench.wanted["Key"][:-1]}]
        if key:
            places.append({**bench.wanted, "Key": key})
        for each in places:
            assert refused(bench.s3.get_object, **each)
            assert refused(bench.s3.put_object, **each, Body=b"mine")

    def test_other_buckets_are_closed(self, bench: Bench) -> None:
        other = f"other-{bench.scene.region}"
        bench.root.create_bucket(Bucket=other)
        bench.root.put_object(Bucket=other, Key=bench.given["Key"], Body=b"secret")
        assert refused(bench.s3.get_object, Bucket=other, Key=bench.given["Key"])
        assert refused(bench.s3.put_object, Bucket=other, Key=bench.wanted["Key"], Body=b"mine")

    def test_nothing_can_be_listed(self, bench: Bench) -> None:
        bucket = bench.given["Bucket"]
        assert refused(bench.s3.list_buckets)
        assert refused(bench.s3.list_objects_v2, Bucket=bucket)
        assert refused(bench.s3.list_object_versions, Bucket=bucket)
        assert refused(bench.s3.list_multipart_uploads, Bucket=bucket)

    def test_nothing_can_be_copied_from_elsewhere_into_an_output(self, bench: Bench) -> None:
        hidden = {"Bucket": bench.given["Bucket"], "Key": f"hidden-{bench.scene.region}"}
        bench.root.put_object(**hidden, Body=b"secret")
        assert refused(bench.s3.copy_object, **bench.wanted, CopySource=hidden)
        upload = bench.s3.create_multipart_upload(**bench.wanted)["UploadId"]
        part = {"UploadId": upload, "PartNumber": 1, "CopySource": hidden}
        assert refused(bench.s3.upload_part_copy, **bench.wanted, **part)

    def test_buckets_can_be_neither_made_nor_changed(self, bench: Bench) -> None:
        bucket = bench.given["Bucket"]
        assert refused(bench.s3.create_bucket, Bucket=f"new-{bench.scene.region}")
        assert refused(bench.s3.delete_bucket, Bucket=bucket)
        given = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Suspended"}}
        assert refused(bench.s3.put_bucket_versioning, **given)

    def test_the_api_is_closed(self, bench: Bench) -> None:
        client = bench.scene.client(keys_of(bench.job["data"]["artifactCredentials"]))
        job_id = {"jobId": bench.job["id"]}
        assert refused(client.list_pipelines)
        assert refused(client.get_job_details, **job_id)
        assert refused(client.put_job_success_result, **job_id)
        assert refused(client.start_pipeline_execution, name="line")
        assert bench.scene.action("Build", "Make")["status"] == "InProgress"

    def test_another_jobs_artifacts_are_closed(self, bench: Bench) -> None:
        bench.scene.aws.create_custom_action_type(**custom_type("Prober", category="Test"))
        probe = action("Probe", "Test", "Custom", "Prober", outputs=("Other",))
        bench.scene.pipeline("second", stage("Check", probe))
        bench.scene.work("Origin")
        (job,) = bench.scene.poll("Prober")
        wanted = place(job["data"]["outputArtifacts"][0])
        assert refused(bench.s3.put_object, **wanted, Body=b"mine")

    def test_they_are_closed_to_another_region_of_the_same_name_too(self, bench: Bench) -> None:
        elsewhere = bench.scene.server.client("s3", keys_of(bench.job["data"]["artifactCredentials"]), "eu-north-1")
        assert refused(elsewhere.get_object, **{**bench.given, "Key": "other"})

    def test_half_of_them_is_nothing(self, bench: Bench) -> None:
        keys = keys_of(bench.job["data"]["artifactCredentials"])
        without = {name: value for name, value in keys.items() if name != "aws_session_token"}
        token = keys["aws_session_token"]
        changed = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
        for wrong in (without, {**keys, "aws_session_token": changed}):
            client = bench.scene.server.client("s3", wrong, bench.scene.region)
            with pytest.raises(ClientError) as raised:
                client.get_object(**bench.given)
            assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


class TestTheirEnd:
    def test_they_end_at_their_second(self) -> None:
        sessions = Sessions(Sealer(b"k" * 32))
        scope = Scope("123456789012", "us-east-1", "job", (Location("b", "in"),), (Location("b", "out"),), 1000.0)
        keys = sessions.mint(scope)
        assert sessions.open(keys.session_token, keys.access_key_id, 999.9).principal.job_id == "job"
        for now in (1000.0, 1e12):
            with pytest.raises(ExpiredTokenException):
                sessions.open(keys.session_token, keys.access_key_id, now)

    def test_they_are_nothing_to_a_server_with_another_key(self) -> None:
        scope = Scope("123456789012", "us-east-1", "job", (), (), 1000.0)
        keys = Sessions(Sealer(b"k" * 32)).mint(scope)
        with pytest.raises(UnrecognizedClientException):
            Sessions(Sealer(b"j" * 32)).open(keys.session_token, keys.access_key_id, 0.0)

    def test_they_last_a_quarter_of_an_hour(self, bench: Bench) -> None:
        credentials = bench.job["data"]["artifactCredentials"]
        sessions = Sessions(open_sealer(bench.scene.server.data_dir / "key", None))
        session = sessions.open(credentials["sessionToken"], credentials["accessKeyId"], time.time())
        assert 14 * 60 < session.expires_at - time.time() <= 15 * 60
