"""The built-in S3 and Commands actions in real pipelines, on a real server."""

import pytest

from providers.served import commands, deploy, serving, source, zipped

LINES = (
    'test "$CODEBUILD_SRC_DIR" = "$PWD"',
    "echo building with $GREETING",
    "mkdir -p dist/css && cp page.html dist/index.html && echo 'p {}' > dist/css/style.css",
    "export LINES_COUNTED=$(wc -l < page.html)",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture
def sources(server):
    """A versioned bucket with a zip of sources in it."""
    bucket = server.bucket()
    body = zipped(page_html="one\ntwo\n", src__main_c="int main;")
    server.s3.put_object(Bucket=bucket, Key="app.zip", Body=body)
    return bucket


def error_of(server, pipeline, action):
    details = server.actions(pipeline)[action]["output"]["executionResult"]["errorDetails"]
    return details["code"], details["message"]


def test_an_object_is_built_and_deployed(server, sources):
    target = server.bucket(versioned=False)
    build = commands(
        *LINES,
        files=["dist/**/*"],
        outputVariables=["LINES_COUNTED"],
        environmentVariables=[{"name": "GREETING", "value": "a smile"}],
    )
    pipeline = server.pipeline(
        source(sources, "app.zip"),
        build,
        deploy(target, ObjectKey="site/#{build.LINES_COUNTED}", CacheControl="max-age=60"),
    )
    assert server.ended(pipeline) == "Succeeded"

    head = server.s3.head_object(Bucket=sources, Key="app.zip")
    ran = server.actions(pipeline)
    assert ran["Source"]["output"]["outputVariables"] == {
        "BucketName": sources,
        "ETag": head["ETag"].strip('"'),
        "ObjectKey": "app.zip",
        "VersionId": head["VersionId"],
    }
    assert ran["Source"]["output"]["executionResult"]["externalExecutionSummary"] == (
        f"Amazon S3 version id: {head['VersionId']}"
    )
    assert ran["Build"]["output"]["outputVariables"] == {"LINES_COUNTED": "2"}
    assert ran["Build"]["output"]["executionResult"]["externalExecutionSummary"] == "4 commands succeeded"
    assert "\nbuilding with a smile\n" in server.log(ran["Build"])
    assert ran["Deploy"]["output"]["executionResult"]["externalExecutionSummary"] == (
        f"Deployed 2 files to s3://{target}/site/2"
    )
    page = server.s3.get_object(Bucket=target, Key="site/2/dist/index.html")
    assert (page["Body"].read(), page["ContentType"], page["CacheControl"]) == (
        b"one\ntwo\n",
        "text/html",
        "max-age=60",
    )
    assert server.s3.head_object(Bucket=target, Key="site/2/dist/css/style.css")["ContentType"] == "text/css"


def test_the_execution_tells_the_revision_of_its_source(server, sources):
    server.s3.put_object(
        Bucket=sources,
        Key="app.zip",
        Body=zipped(a_txt="2"),
        Metadata={"codepipeline-artifact-revision-summary": "Release 2"},
    )
    pipeline = server.pipeline(source(sources, "app.zip"), deploy(server.bucket(), "Sources"))
    assert server.ended(pipeline) == "Succeeded"
    execution_id = server.actions(pipeline)["Source"]["pipelineExecutionId"]
    execution = server.codepipeline.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution_id)
    head = server.s3.head_object(Bucket=sources, Key="app.zip")
    revision = execution["pipelineExecution"]["artifactRevisions"][0]
    assert revision["revisionId"] == head["VersionId"]
    assert revision["revisionSummary"] == "Release 2"
    assert revision["created"] == head["LastModified"]


def test_a_large_object_arrives_whole(server, sources):
    body = bytes(range(256)) * 80_000
    server.s3.put_object(Bucket=sources, Key="big.bin", Body=body)
    target = server.bucket()
    whole = deploy(target, "Sources", Extract="false", ObjectKey="copies/{uuid}/big.bin")
    pipeline = server.pipeline(source(sources, "big.bin"), whole)
    assert server.ended(pipeline) == "Succeeded"
    key = server.s3.list_objects_v2(Bucket=target)["Contents"][0]["Key"]
    assert server.s3.get_object(Bucket=target, Key=key)["Body"].read() == body
    assert server.actions(pipeline)["Deploy"]["output"]["executionResult"]["externalExecutionId"] == (
        f"s3://{target}/{key}"
    )


def test_an_execution_may_start_from_another_version_and_another_key(server, sources):
    old = server.s3.put_object(Bucket=sources, Key="other.zip", Body=zipped(version_txt="old"))
    server.s3.put_object(Bucket=sources, Key="other.zip", Body=zipped(version_txt="new"))
    target = server.bucket()
    pipeline = server.pipeline(
        source(sources, "app.zip", AllowOverrideForS3ObjectKey="true"), deploy(target, "Sources")
    )
    assert server.ended(pipeline) == "Succeeded"
    overrides = [
        {"actionName": "Source", "revisionType": "S3_OBJECT_KEY", "revisionValue": "other.zip"},
        {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": old["VersionId"]},
    ]
    started = server.codepipeline.start_pipeline_execution(name=pipeline, sourceRevisions=overrides)
    assert server.ended(pipeline, started["pipelineExecutionId"]) == "Succeeded"
    assert server.s3.get_object(Bucket=target, Key="version.txt")["Body"].read() == b"old"


def test_a_source_says_what_it_cannot_find(server, sources):
    plain = server.bucket(versioned=False)
    failing = {
        server.pipeline(source(bucket, key), deploy(sources, "Sources")): told
        for bucket, key, told in (
            (
                plain,
                "app.zip",
                (
                    "ConfigurationError",
                    f"The bucket '{plain}' is not versioned: an S3 source needs versioning to be enabled.",
                ),
            ),
            (
                sources,
                "nothing.zip",
                ("RevisionUnavailable", f"There is no object 'nothing.zip' in the bucket '{sources}'."),
            ),
            ("no-such-bucket", "a", ("ConfigurationError", "There is no bucket 'no-such-bucket'.")),
        )
    }
    for pipeline, told in failing.items():
        assert server.ended(pipeline) == "Failed"
        assert error_of(server, pipeline, "Source") == told


def test_a_version_that_is_not_there_is_named(server, sources):
    pipeline = server.pipeline(source(sources, "app.zip"), deploy(sources, "Sources", ObjectKey="out"))
    assert server.ended(pipeline) == "Succeeded"
    override = {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "no-such-version"}
    started = server.codepipeline.start_pipeline_execution(name=pipeline, sourceRevisions=[override])
    assert server.ended(pipeline, started["pipelineExecutionId"]) == "Failed"
    code, message = error_of(server, pipeline, "Source")
    assert code == "RevisionUnavailable"
    assert message == f"There is no version 'no-such-version' of the object 'app.zip' in the bucket '{sources}'."


def test_a_command_that_fails_fails_the_action_with_its_name(server, sources):
    pipeline = server.pipeline(
        source(sources, "app.zip"),
        commands("echo so far, so good", "cat missing.txt", "echo never"),
        deploy(server.bucket()),
    )
    assert server.ended(pipeline) == "Failed"
    assert error_of(server, pipeline, "Build") == ("JobFailed", "command 2 exited with code 1: cat missing.txt")
    log = server.log(server.actions(pipeline)["Build"])
    assert "so far, so good" in log
    assert "never" not in log


def test_the_servers_key_and_credentials_are_out_of_reach_of_commands(server, sources):
    pipeline = server.pipeline(
        source(sources, "app.zip"),
        commands(f"cat {server.data_dir}/key || true", "env", f"ls -A {server.data_dir} || true"),
        deploy(server.bucket()),
    )
    assert server.ended(pipeline) == "Succeeded"
    log = server.log(server.actions(pipeline)["Build"])
    assert "AWS_SECRET" not in log
    if "No such file" not in log:
        pytest.skip("this host has no sandbox: commands are plain processes")


def test_an_archive_that_reaches_outside_is_refused(server, sources):
    body = zipped(good_txt="1") + b""
    server.s3.put_object(Bucket=sources, Key="evil.zip", Body=body.replace(b"good.txt", b"../ev.tx"))
    pipeline = server.pipeline(source(sources, "evil.zip"), commands("ls"), deploy(server.bucket()))
    assert server.ended(pipeline) == "Failed"
    told = ("JobFailed", "The archive's entry '../ev.tx' leads outside of its folder.")
    assert error_of(server, pipeline, "Build") == told


def test_secrets_manager_variables_are_refused_in_words(server, sources):
    secret = {"name": "PASSWORD", "value": "name-of-it", "type": "SECRETS_MANAGER"}
    pipeline = server.pipeline(
        source(sources, "app.zip"), commands("true", environmentVariables=[secret]), deploy(server.bucket())
    )
    assert server.ended(pipeline) == "Failed"
    assert error_of(server, pipeline, "Build") == (
        "ConfigurationError",
        "The environment variable 'PASSWORD' is of type SECRETS_MANAGER, which is not available here.",
    )


def test_a_deployment_to_a_bucket_that_is_not_there_says_so(server, sources):
    pipeline = server.pipeline(source(sources, "app.zip"), deploy("no-such-bucket", "Sources"))
    assert server.ended(pipeline) == "Failed"
    assert error_of(server, pipeline, "Deploy") == ("ConfigurationError", "There is no bucket 'no-such-bucket'.")
