"""Which accounts may use and link to a partner's type, and who may poll for its jobs."""

import json
from typing import Any
from urllib.error import HTTPError

import pytest

from declarations import stage
from operations.partner import POLLER, Partner, declaration, own_operation, user_keys
from operations.scene import Scene, code_of

STRANGERS = "210987654321"


class Stranger(Scene):
    """Another account, in a region of its own, as a principal who may do everything there."""

    def __init__(self, scene: Scene, account: str = STRANGERS) -> None:
        self.keys = user_keys(scene.server, f"all-{scene.region}", ["codepipeline:*", "penstock:*"], account)
        super().__init__(scene.server, scene.witness, self.keys)

    def link(self, provider: str) -> str:
        """`linked`, or the code of the error."""
        try:
            own_operation(self.server.url, self.keys, self.region, "LinkPartner", provider=provider, version="1")
        except HTTPError as refused:
            with refused:
                code: str = json.load(refused)["__type"]
                return code
        return "linked"

    def declares(self, partner: Partner) -> bool:
        """Whether it can declare an action of the type."""
        self.types()
        try:
            self.pipeline("line", stage("Check", partner.action()))
        except self.aws.exceptions.InvalidActionDeclarationException:
            return False
        return True


def registered(scene: Scene, permissions: dict[str, Any] | None) -> Partner:
    """A type of the root account with these permissions, to which nobody is linked."""
    partner = Partner.__new__(Partner)
    partner.scene, partner.provider = scene, "A" + scene.region.replace("-", "_")
    declared = declaration(partner.provider)
    del declared["permissions"]
    if permissions is not None:
        declared["permissions"] = permissions
    partner.call("RegisterPartnerActionType", actionType=declared)
    return partner


@pytest.mark.parametrize(
    ("accounts", "strangers_may", "own_may"),
    [
        (None, False, True),
        (["*"], True, True),
        ([STRANGERS], True, False),
        (["999999999999"], False, False),
        ([POLLER], False, True),
        (["999999999999", STRANGERS, POLLER], True, True),
    ],
)
def test_an_account_uses_and_links_to_what_it_is_allowed(
    scene: Scene, accounts: list[str] | None, *, strangers_may: bool, own_may: bool
) -> None:
    partner = registered(scene, {"allowedAccounts": accounts} if accounts is not None else None)
    stranger, own = Stranger(scene), Stranger(scene, POLLER)
    for account, may in ((stranger, strangers_may), (own, own_may)):
        assert account.link(partner.provider) == ("linked" if may else "ActionTypeNotFoundException")
        assert account.declares(partner) == may
        listed = account.aws.list_action_types(actionOwnerFilter="ThirdParty")["actionTypes"]
        assert (partner.type_id in [each["id"] for each in listed]) == may


def test_one_category_that_it_may_use_is_enough_for_a_link(scene: Scene) -> None:
    partner = registered(scene, {"allowedAccounts": ["999999999999"]})
    deploys = {**declaration(partner.provider), "id": {**partner.type_id, "category": "Deploy"}}
    stranger = Stranger(scene)
    assert stranger.link(partner.provider) == "ActionTypeNotFoundException"
    partner.call("RegisterPartnerActionType", actionType=deploys)
    assert stranger.link(partner.provider) == "linked"


def test_a_permission_that_is_taken_back_stops_new_links_and_declarations_and_no_work(scene: Scene) -> None:
    partner = registered(scene, {"allowedAccounts": ["*"]})
    stranger = Stranger(scene)
    assert stranger.link(partner.provider) == "linked"
    assert stranger.declares(partner)
    closed = {**declaration(partner.provider), "permissions": {"allowedAccounts": [POLLER]}}
    scene.aws.update_action_type(actionType=closed)
    assert stranger.link(partner.provider) == "ActionTypeNotFoundException"
    with pytest.raises(stranger.aws.exceptions.InvalidActionDeclarationException):
        stranger.pipeline("other", stage("Check", partner.action()))
    stranger.work("Origin")
    (job,) = partner.poll()
    assert job["jobId"].startswith(STRANGERS)


class TestPolling:
    """Whom a type lets poll, by accounts and by principals."""

    def may_poll(self, scene: Scene, keys: dict[str, str] | None, partner: Partner) -> bool:
        client = scene.client(keys)
        try:
            client.poll_for_third_party_jobs(actionTypeId=partner.type_id)
        except client.exceptions.ActionTypeNotFoundException:
            return False
        return True

    def partner(self, scene: Scene, **configuration: list[str]) -> Partner:
        return Partner(scene, configuration={"jobWorkerExecutorConfiguration": configuration})

    def test_of_an_account_that_is_named_everybody_polls_whom_a_policy_lets(self, scene: Scene) -> None:
        keys = user_keys(scene.server, f"theirs-{scene.region}", ["codepipeline:PollForThirdPartyJobs"], STRANGERS)
        partner = self.partner(scene, pollingAccounts=[STRANGERS])
        assert self.may_poll(scene, keys, partner)
        assert not self.may_poll(scene, None, partner)
        without = user_keys(scene.server, f"without-{scene.region}", ["codepipeline:PollForJobs"], STRANGERS)
        call = scene.client(without).poll_for_third_party_jobs
        assert code_of(call, actionTypeId=partner.type_id) == "AccessDeniedException"

    def test_a_principal_that_is_named_polls_and_no_other_of_its_account(self, scene: Scene) -> None:
        named, other = f"worker-{scene.region}", f"other-{scene.region}"
        keys = {name: user_keys(scene.server, name, ["codepipeline:*"], STRANGERS) for name in (named, other)}
        partner = self.partner(scene, pollingServicePrincipals=[f"arn:aws:iam::{STRANGERS}:user/{named}"])
        assert self.may_poll(scene, keys[named], partner)
        assert not self.may_poll(scene, keys[other], partner)
        assert not self.may_poll(scene, None, partner)

    def test_a_role_that_is_named_polls_in_all_its_sessions(self, scene: Scene) -> None:
        name = f"pollers-{scene.region}"
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "codepipeline:*", "Resource": "*"}],
        }
        call = (scene.server.url, scene.server.root_keys, scene.region, "CreatePrincipal")
        trusted = [f"arn:aws:iam::{POLLER}:root"]
        role = own_operation(*call, name=name, policy=json.dumps(policy), role=True, trust=trusted)["arn"]
        partner = self.partner(scene, pollingServicePrincipals=[role])
        sts = scene.server.client("sts")
        for session in ("one", "two"):
            given = sts.assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
            keys = {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            }
            assert self.may_poll(scene, keys, partner)
        assert not self.may_poll(scene, None, partner)

    def test_accounts_and_principals_are_both_let_in(self, scene: Scene) -> None:
        named = f"both-{scene.region}"
        keys = user_keys(scene.server, named, ["codepipeline:*"], STRANGERS)
        arn = f"arn:aws:iam::{STRANGERS}:user/{named}"
        partner = self.partner(scene, pollingAccounts=[POLLER], pollingServicePrincipals=[arn])
        assert self.may_poll(scene, keys, partner)
        assert self.may_poll(scene, None, partner)

    def test_where_nobody_is_named_the_account_that_registered_the_type_polls(self, scene: Scene) -> None:
        keys = user_keys(scene.server, f"nobody-{scene.region}", ["codepipeline:*"], STRANGERS)
        partner = self.partner(scene)
        assert self.may_poll(scene, None, partner)
        assert not self.may_poll(scene, keys, partner)

    def test_a_change_of_who_is_named_counts_from_the_next_poll_on(self, scene: Scene) -> None:
        partner = self.partner(scene, pollingAccounts=[POLLER])
        assert self.may_poll(scene, None, partner)
        configuration = {"jobWorkerExecutorConfiguration": {"pollingAccounts": [STRANGERS]}}
        scene.aws.update_action_type(actionType=declaration(partner.provider, configuration=configuration))
        assert not self.may_poll(scene, None, partner)

    def test_a_partners_refusal_says_no_more_to_those_it_does_not_name_than_that_it_is_not_there(
        self, scene: Scene
    ) -> None:
        keys = user_keys(scene.server, f"curious-{scene.region}", ["codepipeline:*"], STRANGERS)
        client, partner = scene.client(keys), self.partner(scene, pollingAccounts=[POLLER])
        said = []
        for provider in (partner.provider, "Nobody"):
            with pytest.raises(client.exceptions.ActionTypeNotFoundException) as raised:
                client.poll_for_third_party_jobs(actionTypeId={**partner.type_id, "provider": provider})
            said.append(raised.value.response["Error"]["Message"].replace(provider, "P"))
        assert said[0] == said[1]


def test_a_queryable_property_keeps_no_job_from_its_partner(scene: Scene) -> None:
    """PollForThirdPartyJobs has no queryParam."""
    partner = Partner.__new__(Partner)
    partner.scene, partner.provider = scene, "Q" + scene.region.replace("-", "_")
    project = {"name": "Project", "optional": False, "key": True, "noEcho": False, "queryable": True}
    partner.call("RegisterPartnerActionType", actionType={**declaration(partner.provider), "properties": [project]})
    partner.link()
    scene.types()
    scene.pipeline("line", stage("Check", partner.action(configuration={"Project": "site"})))
    scene.work("Origin")
    partner.succeed(partner.take())
    assert scene.statuses() == ["Succeeded"]


def property_of(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "optional": False, "key": False, "noEcho": False, **changes}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"properties": [property_of("A"), property_of("A")]}, "Configuration property 'A' is used more than once."),
        (
            {"properties": [property_of("A", queryable=True), property_of("B", queryable=True)]},
            "Multiple queryable configuration properties found",
        ),
        ({"properties": [property_of("A", queryable=True, noEcho=True)]}, "Invalid queryable property 'A'."),
        ({"properties": [property_of("A", queryable=True, optional=True)]}, "Invalid queryable property 'A'."),
        ({"properties": [property_of("penstock:gate")]}, "begins with 'penstock:'"),
        ({"permissions": {"allowedAccounts": ["12345678901"]}}, "[0-9]{12}|\\*"),
        ({"permissions": {"allowedAccounts": []}}, "Member must have length greater than or equal to 1"),
        (
            {
                "executor": {
                    "type": "JobWorker",
                    "configuration": {"jobWorkerExecutorConfiguration": {}},
                    "jobTimeout": 59,
                }
            },
            "Member must have value greater than or equal to 60",
        ),
        (
            {
                "executor": {
                    "type": "JobWorker",
                    "configuration": {"jobWorkerExecutorConfiguration": {}},
                    "jobTimeout": 43_201,
                }
            },
            "Member must have value less than or equal to 43200",
        ),
        (
            {"id": {"category": "Approval", "owner": "ThirdParty", "provider": "P", "version": "1"}},
            "cannot have the category 'Approval'",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_in_words(scene: Scene, changed: dict[str, Any], said: str) -> None:
    wanted = {**declaration("Wrong"), **changed}
    with pytest.raises(HTTPError) as raised:
        own_operation(
            scene.server.url, scene.server.root_keys, scene.region, "RegisterPartnerActionType", actionType=wanted
        )
    with raised.value as answer:
        told = json.load(answer)
    assert told["__type"] == "ValidationException"
    assert said in told["message"]


@pytest.mark.parametrize("seconds", [60, 43_200])
def test_the_shortest_and_the_longest_time_of_a_job_are_taken(scene: Scene, seconds: int) -> None:
    partner = Partner(scene, jobTimeout=seconds)
    assert scene.aws.get_action_type(**partner.type_id)["actionType"]["executor"]["jobTimeout"] == seconds
