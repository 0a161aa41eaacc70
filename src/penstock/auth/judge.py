"""What a caller may do: the policies of the principal, narrowed by those of its session."""

from datetime import UTC, datetime

from penstock.auth.policy import Decision, condition_keys, decide
from penstock.auth.sessions import Sessions
from penstock.ports.artifacts import ScopedKeys
from penstock.ports.clock import Clock
from penstock.ports.identity import Conditions, Pass, Principal
from penstock.wire.errors import AccessDeniedException

__all__ = ["Judge"]


class Judge:
    """Every door judges alike. Root and the server's own workers are never judged."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def allow(self, principal: Principal, action: str, resource: str, context: Conditions) -> None:
        """Return if the policies allow `action` on `resource`, else raise AccessDeniedException."""
        decision = self._decide(principal, action, resource, context)
        if decision is not Decision.ALLOW:
            raise _denied(principal, action, resource, decision)

    def allow_unless_denied(self, principal: Principal, action: str, resource: str, context: Conditions) -> None:
        """The same for what somebody else has allowed: it takes an explicit deny, or a session's own policy, to raise."""
        decision = self._decide(principal, action, resource, context)
        if decision is Decision.EXPLICIT_DENY:
            raise _denied(principal, action, resource, decision)

    def condition_keys(self, principal: Principal) -> frozenset[str]:
        """The condition keys that the principal's policies ask for, in lower case."""
        return condition_keys(principal.policies) | condition_keys(principal.session_policies)

    def issue(self, terms: Pass) -> ScopedKeys:
        """Temporary credentials for a session; they end with their time, or with the principal."""
        return self._sessions.issue(terms)

    def _decide(self, principal: Principal, action: str, resource: str, context: Conditions) -> Decision:
        """What the principal's policies say; raises where the session's own do not allow it."""
        if principal.kind in {"root", "service"}:
            return Decision.ALLOW
        if self.condition_keys(principal):
            context = {**context, **_facts(principal, self._clock.now())}
        decision = decide(principal.policies, action, resource, context)
        if decision is not Decision.EXPLICIT_DENY and principal.session_policies:
            narrowed = decide(principal.session_policies, action, resource, context)
            if narrowed is not Decision.ALLOW:
                raise _denied(principal, action, resource, narrowed, "session")
        return decision


def _denied(
    principal: Principal, action: str, resource: str, decision: Decision, kind: str = "identity-based"
) -> AccessDeniedException:
    """The refusal in AWS's words."""
    subject = f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource}"
    if decision is Decision.EXPLICIT_DENY:
        article = "an" if kind == "identity-based" else "a"
        return AccessDeniedException(f"{subject} with an explicit deny in {article} {kind} policy")
    return AccessDeniedException(f"{subject} because no {kind} policy allows the {action} action")


def _facts(principal: Principal, now: float) -> dict[str, str]:
    """What policies may ask of any caller at any time. IAM UG: AWS global condition context keys."""
    found = {
        "aws:PrincipalArn": principal.identity_arn,
        "aws:PrincipalAccount": principal.account,
        "aws:CurrentTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now)),
    }
    if principal.id:
        found["aws:userid"] = principal.id
    if principal.kind == "user":
        found["aws:username"] = principal.name
    return found
