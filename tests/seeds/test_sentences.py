"""What the three pages say in prose, beside their tables. Each test cites its sentence."""

import json
from typing import Any

import pytest

from operations.scene import UNKNOWN_ID
from seeds.board import EXECUTION_DETAILS, SECRET, WAYS, Board, told
from seeds.documents import ACKNOWLEDGE, DETAILS, SUCCESS


@pytest.fixture(scope="module")
def lone(board: Board) -> Board:
    """One round at a time, whose state is shown."""
    return Board(board.wire.server, board.scene.witness, mode="SUPERSEDED")


ways = pytest.mark.parametrize("way", WAYS)


def known(board: Board, job_id: str) -> dict[str, Any]:
    return {"jobId": job_id, "clientToken": board.partner.token}


def details(board: Board, job_id: str, way: str = "JSON") -> dict[str, Any]:
    found: dict[str, Any] = told(board.ask(way, DETAILS, **known(board, job_id)))["jobDetails"]
    return found


class TestAcknowledgeThirdPartyJob:
    @ways
    def test_it_confirms_that_a_worker_has_received_the_job(self, board: Board, way: str) -> None:
        """API reference, AcknowledgeThirdPartyJob: "Confirms a job worker has received the specified job."

        Only then does the job take a result.
        """
        begun = board.begin()
        result = {**known(board, begun.partner.id), "executionDetails": EXECUTION_DETAILS}
        assert board.ask(way, "PutThirdPartyJobSuccessResult", **result).code == "InvalidJobStateException"
        acknowledged = {**known(board, begun.partner.id), "nonce": begun.partner.nonce}
        assert told(board.ask(way, ACKNOWLEDGE, **acknowledged)) == {"status": "InProgress"}
        assert board.ask(way, "PutThirdPartyJobSuccessResult", **result).status == 200
        board.abandon(begun)

    @ways
    def test_it_is_only_for_partner_actions(self, board: Board, way: str) -> None:
        """API reference, AcknowledgeThirdPartyJob: "Only used for partner actions." """
        begun = board.begin()
        wrong = {**known(board, begun.custom.id), "nonce": begun.custom.nonce}
        assert board.ask(way, ACKNOWLEDGE, **wrong).code == "JobNotFoundException"
        wrong = {"jobId": begun.partner.id, "nonce": begun.partner.nonce}
        assert board.ask(way, "AcknowledgeJob", **wrong).code == "ValidationException"
        # Both are as they were.
        board.partner.acknowledge(*begun.partner)
        board.scene.aws.acknowledge_job(jobId=begun.custom.id, nonce=begun.custom.nonce)
        board.finish(begun)

    @ways
    def test_the_token_is_of_the_pair_whose_client_id_is_told(self, board: Board, way: str) -> None:
        """API reference, AcknowledgeThirdPartyJob, clientToken: of "the clientId and clientToken pair"."""
        begun = board.begin()
        board.partner.acknowledge(*begun.partner)
        board.partner.succeed(begun.partner.id, continuationToken="on")
        (job,) = told(board.ask(way, "PollForThirdPartyJobs", actionTypeId=board.partner.type_id))["jobs"]
        assert job["clientId"] == board.partner.client_id != board.stranger.client_id
        refused = {"jobId": job["jobId"], "clientToken": board.stranger.token, "nonce": "1"}
        assert board.ask(way, ACKNOWLEDGE, **refused).code == "InvalidClientTokenException"
        assert details(board, job["jobId"], way)["id"] == job["jobId"]
        board.abandon(begun)

    @ways
    def test_the_nonce_is_in_the_details_and_lets_one_worker_alone_have_the_job(self, board: Board, way: str) -> None:
        """API reference, AcknowledgeThirdPartyJob, nonce: "only one job worker", and where to get it."""
        begun = board.begin()
        one, other = (details(board, begun.partner.id, way)["nonce"] for _ in range(2))
        assert len({one, other, begun.partner.nonce}) == 3
        answers = [board.ask(way, ACKNOWLEDGE, **known(board, begun.partner.id), nonce=nonce) for nonce in (one, other)]
        assert [(answer.status, answer.code) for answer in answers] == [(400, "InvalidNonceException"), (200, "")]
        board.abandon(begun)

    def test_nonces_are_random_numbers(self, board: Board) -> None:
        """API reference, AcknowledgeThirdPartyJob, nonce: "A system-generated random number"."""
        nonces = [int(details(board, board.handed_out.partner.id)["nonce"], 16) for _ in range(64)]
        assert len(set(nonces)) == 64
        # Of 128 bits each, half are ones: every one of them is now this, now that.
        assert all(0 < sum(nonce >> bit & 1 for nonce in nonces) < 64 for bit in range(128))

    def test_ids_are_unique(self, board: Board) -> None:
        """API reference, AcknowledgeThirdPartyJob, jobId: "The unique system-generated ID of the job." """
        rounds = [board.handed_out, board.held, board.ended]
        assert len({task.id for begun in rounds for task in (begun.partner, begun.custom)}) == 6


class TestPutJobSuccessResult:
    @ways
    def test_it_represents_the_success_of_a_job(self, board: Board, way: str) -> None:
        """API reference, PutJobSuccessResult: "Represents the success of a job as returned to the pipeline"."""
        begun = board.take()
        assert board.ask(way, SUCCESS, jobId=begun.custom.id).status == 200
        assert board.status_of("Make", begun) == "Succeeded"
        board.abandon(begun)

    @ways
    def test_it_is_only_for_custom_actions(self, board: Board, way: str) -> None:
        """API reference, PutJobSuccessResult: "Only used for custom actions." """
        assert board.ask(way, SUCCESS, jobId=board.held.partner.id).code == "ValidationException"
        assert board.status_of("Check", board.held) == "InProgress"

    @ways
    def test_the_job_id_is_that_of_the_poll(self, board: Board, way: str) -> None:
        """API reference, PutJobSuccessResult, jobId: "the same ID returned from PollForJobs"."""
        begun = board.take()
        board.ask("JSON", SUCCESS, jobId=begun.custom.id, continuationToken="on")
        custom = {"category": "Build", "owner": "Custom", "provider": "Builder", "version": "1"}
        (job,) = told(board.ask(way, "PollForJobs", actionTypeId=custom))["jobs"]
        told(board.ask(way, "AcknowledgeJob", jobId=job["id"], nonce=job["nonce"]))
        assert board.ask(way, SUCCESS, jobId=UNKNOWN_ID).code == "JobNotFoundException"
        assert board.ask(way, SUCCESS, jobId=job["id"]).status == 200
        board.abandon(begun)

    @ways
    def test_a_continuation_token_goes_with_future_jobs_until_none_is_supplied(self, lone: Board, way: str) -> None:
        """API reference, PutJobSuccessResult, continuationToken: it identifies the action in progress, can be reused, and is
        left out when the action is complete."""
        begun = lone.take()
        job_id = begun.custom.id
        for percent in (30, 60):
            progress = {"percentComplete": percent, "externalExecutionId": "deployment-1"}
            result = {"continuationToken": "deployment-1", "executionDetails": progress}
            assert lone.ask(way, SUCCESS, jobId=job_id, **result).status == 200
            assert lone.status_of("Make", begun) == "InProgress"
            assert lone.scene.action("Work", "Make")["percentComplete"] == percent
            (job,) = lone.scene.poll()
            assert job["data"]["continuationToken"] == "deployment-1"
            assert job["id"] != job_id
            job_id = job["id"]
            lone.scene.aws.acknowledge_job(jobId=job_id, nonce=job["nonce"])
        assert lone.ask(way, SUCCESS, jobId=job_id).status == 200
        assert lone.status_of("Make", begun) == "Succeeded"
        assert lone.scene.poll() == []
        lone.abandon(begun)

    @ways
    def test_the_current_revision_is_that_of_the_artifact(self, board: Board, way: str) -> None:
        """API reference, PutJobSuccessResult, currentRevision. Of a source it is the revision that the execution works on."""
        source = board.scene.take("Origin")
        shown = {"revision": f"by-{way}", "changeIdentifier": "2", "created": 1700000000, "revisionSummary": "told"}
        assert board.ask(way, SUCCESS, jobId=source["id"], currentRevision=shown).status == 200
        begun = board.go_on()
        found = board.scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=begun.execution_id)
        (revision,) = found["pipelineExecution"]["artifactRevisions"]
        assert (revision["revisionId"], revision["revisionSummary"]) == (f"by-{way}", "told")
        assert revision["created"].timestamp() == 1700000000
        (given,) = details(board, begun.partner.id)["data"]["inputArtifacts"]
        assert given["revision"] == f"by-{way}"
        board.abandon(begun)

    @ways
    def test_the_execution_details_are_those_of_the_job(self, lone: Board, way: str) -> None:
        """API reference, PutJobSuccessResult, executionDetails."""
        begun = lone.take()
        assert lone.ask(way, SUCCESS, jobId=begun.custom.id, executionDetails=EXECUTION_DETAILS).status == 200
        shown = lone.scene.action("Work", "Make")
        assert {name: shown[name] for name in EXECUTION_DETAILS} == EXECUTION_DETAILS
        lone.abandon(begun)


class TestGetThirdPartyJobDetails:
    @ways
    def test_it_is_only_for_partner_actions(self, board: Board, way: str) -> None:
        """API reference, GetThirdPartyJobDetails: "Used for partner actions only." """
        assert board.ask(way, DETAILS, **known(board, board.held.custom.id)).code == "InvalidJobException"
        refused = board.ask(way, "GetJobDetails", jobId=board.held.partner.id)
        assert refused.code == "ValidationException"

    @ways
    def test_the_job_id_identifies_the_job(self, board: Board, way: str) -> None:
        """API reference, GetThirdPartyJobDetails, jobId: "used for identifying the job"."""
        for begun in (board.handed_out, board.held):
            assert details(board, begun.partner.id, way)["id"] == begun.partner.id

    @ways
    def test_secret_values_are_told(self, board: Board, way: str) -> None:
        """API reference, GetThirdPartyJobDetails, Important: "any secret values defined for the action"."""
        told_values = details(board, board.held.partner.id, way)["data"]["actionConfiguration"]["configuration"]
        assert told_values == {"Mode": "thorough", "Password": SECRET}
        assert SECRET not in json.dumps(board.scene.aws.get_pipeline(name="line"), default=str)

    @ways
    def test_credentials_are_for_the_bucket_of_the_artifacts_and_temporary(self, board: Board, way: str) -> None:
        """API reference, GetThirdPartyJobDetails, Important: "temporary credentials for the S3 bucket"."""
        told_data = details(board, board.held.partner.id, way)["data"]
        (given,), (wanted,) = told_data["inputArtifacts"], told_data["outputArtifacts"]
        credentials = told_data["artifactCredentials"]
        keys = {
            "aws_access_key_id": credentials["accessKeyId"],
            "aws_secret_access_key": credentials["secretAccessKey"],
            "aws_session_token": credentials["sessionToken"],
        }
        server, region = board.wire.server, board.wire.region
        server.client("s3", region=region).put_object(**place(given), Body=b"given")
        s3 = server.client("s3", keys, region)
        assert s3.get_object(**place(given))["Body"].read() == b"given"
        s3.put_object(**place(wanted), Body=b"made")
        again = details(board, board.held.partner.id, way)["data"]["artifactCredentials"]
        assert again["sessionToken"] != credentials["sessionToken"]

    @ways
    def test_without_artifacts_there_are_none(self, board: Board, way: str) -> None:
        """API reference, GetThirdPartyJobDetails, Important: "if the action requires access to that S3 bucket"."""
        bare = Board(board.wire.server, board.scene.witness, has_artifacts=False)
        told_data = details(bare, bare.handed_out.partner.id, way)["data"]
        assert (told_data["inputArtifacts"], told_data["outputArtifacts"]) == ([], [])
        assert "artifactCredentials" not in told_data


def place(artifact: dict[str, Any]) -> dict[str, str]:
    where = artifact["location"]["s3Location"]
    return {"Bucket": where["bucketName"], "Key": where["objectKey"]}
