"""Amazon Resource Names: parse any, build those of CodePipeline."""

from typing import Literal

from msgspec import Struct, structs

SERVICE = "codepipeline"

Kind = Literal["pipeline", "stage", "action", "actiontype", "webhook"]

PIPELINE_KINDS: tuple[Kind, ...] = ("pipeline", "stage", "action")


class Arn(Struct, frozen=True):
    """The parts of an ARN; its text is `str(arn)`. Region and account may be empty, the others not."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def kind(self) -> Kind:
        """What the resource of a CodePipeline ARN is; raises ValueError where it is none."""
        return _resource(self)[0]

    @property
    def names(self) -> tuple[str, ...]:
        """What the resource is called, outermost first.

        One name for a pipeline, two for a stage, three for an action; owner, category, provider and version for
        an action type; a webhook's one name. Raises ValueError where the resource is none of these.
        """
        return _resource(self)[1]


def parse(text: str) -> Arn:
    """The parts of an ARN; `actionType:` is taken as `actiontype:`. Raises ValueError if the text is no ARN."""
    match text.split(":", 5):
        case ["arn", partition, service, region, account, resource] if partition and service and resource:
            arn = Arn(partition, service, region, account, resource)
        case _:
            raise ValueError(f"not an ARN: {text!r}")
    prefix, colon, rest = resource.partition(":")
    if service == SERVICE and colon and prefix == "actionType":
        return structs.replace(arn, resource=f"actiontype:{rest}")
    return arn


def _resource(arn: Arn) -> tuple[Kind, tuple[str, ...]]:
    prefix, colon, rest = arn.resource.partition(":")
    names = tuple((rest if colon else prefix).split("/"))
    if arn.service == SERVICE and all(names) and ":" not in rest:
        match prefix if colon else "", len(names):
            case "", 1 | 2 | 3:
                return PIPELINE_KINDS[len(names) - 1], names
            case "actiontype", 4:
                return "actiontype", names
            case "webhook", 1:
                return "webhook", names
    raise ValueError(f"not a resource of {SERVICE}: {str(arn)!r}")


def partition_of(region: str) -> str:
    """The partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _build(region: str, account: str, resource: str) -> str:
    return str(Arn(partition_of(region), SERVICE, region, account, resource))


def pipeline_arn(region: str, account: str, name: str) -> str:
    """The ARN of a pipeline."""
    return _build(region, account, name)


def stage_arn(region: str, account: str, pipeline: str, stage: str) -> str:
    """The ARN of a stage."""
    return _build(region, account, f"{pipeline}/{stage}")


def action_arn(region: str, account: str, pipeline: str, stage: str, action: str) -> str:
    """The ARN of an action."""
    return _build(region, account, f"{pipeline}/{stage}/{action}")


def action_type_arn(region: str, account: str, owner: str, category: str, provider: str, version: str) -> str:
    """The ARN of an action type."""
    return _build(region, account, f"actiontype:{owner}/{category}/{provider}/{version}")


def webhook_arn(region: str, account: str, name: str) -> str:
    """The ARN of a webhook."""
    return _build(region, account, f"webhook:{name}")
