"""The generated files are what the generator makes of the service model."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from penstock.wire import catalog, errors, types

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_wire", ROOT / "tools" / "generate_wire.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(generator):
    return generator.load_model()


def test_what_is_checked_in_is_what_is_generated(generator, model):
    for filename, render in generator.GENERATED.items():
        checked_in = (ROOT / "src" / "penstock" / "wire" / filename).read_text(encoding="utf-8")
        assert render(model) == checked_in, f"{filename} is stale: run `make wire`"


def test_every_member_has_the_name_that_the_model_gives_it(model):
    for name, shape in model.shapes.items():
        if shape["type"] == "structure" and not model.is_exception(name):
            fields = msgspec.structs.fields(getattr(types, name))
            assert [field.encode_name for field in fields] == list(shape["members"]), name
            assert {field.encode_name for field in fields if field.required} == set(shape.get("required", [])), name


def test_every_pattern_of_the_model_is_anchored_at_both_ends_and_knows_ascii_alone(model):
    patterns = {shape["pattern"] for shape in model.shapes.values() if "pattern" in shape}
    source = (ROOT / "src" / "penstock" / "wire" / "types.py").read_text(encoding="utf-8")
    assert set(re.findall(r'pattern=r"(.*?)"\)', source)) == {rf"(?a)^(?:{pattern})\Z" for pattern in patterns}


def test_every_exception_of_the_model_is_an_error(model):
    for name in filter(model.is_exception, model.shapes):
        assert getattr(errors, name)("no").status == 400


def test_the_catalog_names_the_operations_in_the_order_of_the_model(model):
    assert list(catalog.OPERATIONS) == list(model.operations)
    assert len(catalog.OPERATIONS) == 44
    assert catalog.TARGET_PREFIX == "CodePipeline_20150709"


def test_an_operation_knows_its_function_types_and_errors():
    poll = catalog.OPERATIONS["PollForThirdPartyJobs"]
    assert poll.function == "poll_for_third_party_jobs"
    assert (poll.input, poll.output) == (types.PollForThirdPartyJobsInput, types.PollForThirdPartyJobsOutput)
    assert poll.errors == {"ActionTypeNotFoundException", "ValidationException"}
    assert catalog.OPERATIONS["PutJobSuccessResult"].output is None


@pytest.mark.parametrize(
    ("member", "attribute"),
    [
        ("jobId", "job_id"),
        ("logStreamARN", "log_stream_arn"),
        ("AllowedIPRange", "allowed_ip_range"),
        ("s3location", "s3_location"),
        ("s3Location", "s3_location"),
        ("NextToken", "next_token"),
    ],
)
def test_an_attribute_is_the_members_name_in_snake_case(generator, member, attribute):
    assert generator.snake(member) == attribute


def test_a_member_that_python_reserves_is_refused(generator):
    with pytest.raises(ValueError, match="no attribute can be called from"):
        generator.snake("from")


def test_a_recursive_shape_is_refused(generator):
    shapes = {"Stage": {"type": "structure", "members": {"inner": {"shape": "Stage"}}}}
    recursive = generator.Model({"metadata": {}, "operations": {}, "shapes": shapes})
    with pytest.raises(ValueError, match="Stage -> Stage"):
        generator.in_order(recursive)
