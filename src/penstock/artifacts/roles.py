"""Credentials of roles at a store that is not this server's own, from its STS. STS API: AssumeRole."""

import math
from collections.abc import Callable

from msgspec import Struct, json

from penstock.artifacts.outer import StoreClients, told_apart
from penstock.ports.artifacts import CredentialsRefused, Scope, ScopedKeys
from penstock.ports.clock import Clock

__all__ = ["RoleSessions"]

# STS API: DurationSeconds
SECONDS_MIN = 900
# STS API: RoleSessionName
NAME_LENGTH_MAX = 64

JobPolicy = Callable[[Scope], str]


class Wish(Struct, frozen=True):
    """A session of the last of the roles; without a policy it may what the role may."""

    roles: tuple[str, ...]
    account: str
    name: str
    policy: str | None
    seconds: int


class RoleSessions:
    """Every call assumes the roles anew, and what comes of it is kept nowhere here.

    The account goes along as the external id, so that a role can say whose pipelines it is for.
    """

    def __init__(self, clients: StoreClients, job_policy: JobPolicy, clock: Clock) -> None:
        self._clients = clients
        self._job_policy = job_policy
        self._clock = clock

    async def mint(self, scope: Scope, roles: tuple[str, ...]) -> ScopedKeys:
        seconds = max(SECONDS_MIN, math.ceil(scope.expires_at - self._clock.now()))
        wish = Wish(roles, scope.account, _session_name(scope.job_id), self._job_policy(scope), seconds)
        return await self._clients.run(lambda: self.assume(wish))

    async def mint_service(self, account: str, job_id: str, roles: tuple[str, ...]) -> ScopedKeys:
        wish = Wish(roles, account, _session_name(job_id), None, SECONDS_MIN)
        return await self._clients.run(lambda: self.assume(wish))

    def assume(self, wish: Wish) -> ScopedKeys:
        """Blocks. Raises CredentialsRefused or StoreUnavailable."""
        keys: ScopedKeys | None = None
        for number, role in enumerate(wish.roles):
            following = wish.roles[number + 1 : number + 2]
            policy = _may_assume(following[0]) if following else wish.policy
            keys = self._step(role, keys, wish, policy)
        if keys is None:
            raise CredentialsRefused("the pipeline names no role")
        return keys

    def _step(self, role: str, keys: ScopedKeys | None, wish: Wish, policy: str | None) -> ScopedKeys:
        narrowed = {} if policy is None else {"Policy": policy}
        # The service's own words for a role that it may not assume
        refusal = f"CodePipeline is not authorized to perform AssumeRole on role {role}"
        with told_apart(f"the role {role} cannot be assumed for now", refusal):
            answer = self._clients.sts(keys).assume_role(
                RoleArn=role,
                RoleSessionName=wish.name,
                DurationSeconds=wish.seconds,
                ExternalId=wish.account,
                **narrowed,
            )
        given = answer["Credentials"]
        return ScopedKeys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def _session_name(job_id: str) -> str:
    """For the trail of the store's owner. The ids of partners' jobs are longer than a name may be; their ends differ."""
    return f"penstock-{job_id[-(NAME_LENGTH_MAX - len('penstock-')) :]}"


def _may_assume(role: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    return json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()
