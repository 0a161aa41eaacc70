"""Rules of a stage's conditions: a comparison that the core makes itself, or a job for a worker."""

from collections.abc import Iterator

from penstock.core import limits
from penstock.core.artifacts import store_of
from penstock.core.events import Event, JobOffer, RuleEnded, RuleJobOffered, RuleStarted
from penstock.core.lookup import current_stage, version_of
from penstock.core.model import Execution, Gate, JobWork, Pipeline, RuleRun, TypeId
from penstock.core.moment import Moment
from penstock.core.variables import ResolutionFailure, resolve_configuration
from penstock.core.work import CannotStart, inputs_of, namespaces, resolved_commands
from penstock.wire import types as wire

__all__ = ["offer_rule_again", "start_rule"]

_COMPARISON = "VariableCheck"
# The action type whose worker runs the commands of a rule too.
_COMMANDS = wire.ActionTypeId(category="Compute", owner="AWS", provider="Commands", version="1")


def start_rule(
    state: Pipeline, execution: Execution, gate: Gate, rule: wire.RuleDeclaration, moment: Moment
) -> Iterator[Event]:
    """One run of a rule: judged at once, or offered as a job; or failed, if there is nothing to judge or nobody to work."""
    stage = current_stage(state, execution).name
    run_id = moment.new_id()
    timeout_at = moment.now + _timeout_seconds(rule)
    started = RuleStarted(execution.id, stage, gate, rule.name, run_id, moment.now, timeout_at)
    try:
        work = _work(state, execution, gate, rule, run_id)
        if rule.rule_type_id.provider == _COMPARISON:
            yield RuleStarted(
                execution.id, stage, gate, rule.name, run_id, moment.now, timeout_at, None, work.configuration
            )
            yield _judged(execution.id, stage, gate, rule.name, run_id, work.configuration, moment)
            return
        job = _offer(work, moment)
    except CannotStart as problem:
        yield started
        yield RuleEnded(execution.id, stage, gate, rule.name, run_id, "Failed", moment.now, error=problem.details)
        return
    yield RuleStarted(execution.id, stage, gate, rule.name, run_id, moment.now, timeout_at, job, work.configuration)


def offer_rule_again(
    state: Pipeline,
    execution: Execution,
    gate: Gate,
    rule: wire.RuleDeclaration,
    run: RuleRun,
    moment: Moment,
    token: str | None,
    pause_seconds: float = 0.0,
) -> Event:
    """A further job of a rule that goes on."""
    work = _work(state, execution, gate, rule, run.id, token)
    offer = _offer(work, moment, pause_seconds)
    stage = current_stage(state, execution).name
    return RuleJobOffered(execution.id, stage, gate, rule.name, run.id, moment.now, offer)


def _timeout_seconds(rule: wire.RuleDeclaration) -> int:
    if rule.timeout_in_minutes is not None:
        return rule.timeout_in_minutes * limits.MINUTE
    return limits.RULE_TIMEOUTS_SECONDS.get(rule.rule_type_id.provider, limits.RULE_TIMEOUT_SECONDS)


def _work(
    state: Pipeline,
    execution: Execution,
    gate: Gate,
    rule: wire.RuleDeclaration,
    run_id: str,
    token: str | None = None,
) -> JobWork:
    declaration = version_of(state, execution).declaration
    values = namespaces(execution)
    try:
        configuration = resolve_configuration(rule.configuration or {}, (), values)
        commands = resolved_commands(rule.commands, values)
    except ResolutionFailure as problem:
        raise CannotStart("InvalidVariableReference", str(problem)) from None
    identity = rule.rule_type_id
    placed = wire.ActionDeclaration(
        name=rule.name, action_type_id=_COMMANDS, commands=commands, input_artifacts=rule.input_artifacts
    )
    return JobWork(
        action_type_id=TypeId(identity.category, "AWS", identity.provider, identity.version or "1"),
        configuration=configuration,
        pipeline_name=declaration.name,
        execution_id=execution.id,
        stage=current_stage(state, execution).name,
        action=rule.name,
        run_id=run_id,
        inputs=inputs_of(execution, rule.input_artifacts),
        continuation_token=token,
        encryption_key=store_of(declaration, placed, state.head.region).encryption_key,
        declaration=placed,
        gate=gate,
    )


def _offer(work: JobWork, moment: Moment, pause_seconds: float = 0.0) -> JobOffer:
    identity = work.action_type_id
    key = f"AWS/{identity.category}/{identity.provider}/{identity.version}"
    if key not in moment.served:
        raise CannotStart("ConfigurationError", f"No worker of this server serves the rule type {identity.provider}")
    return JobOffer(moment.new_id(), key, "", moment.now + pause_seconds, work)


def _judged(
    execution_id: str, stage: str, gate: Gate, rule: str, run_id: str, configuration: dict[str, str], moment: Moment
) -> Event:
    """API: the rule type VariableCheck."""
    given, expected = configuration.get("Variable", ""), configuration.get("Value", "")
    operator = configuration.get("Operator", "")
    try:
        holds = _holds(given, operator, expected)
    except ValueError as problem:
        error = wire.ErrorDetails(code="ConfigurationError", message=str(problem))
        return RuleEnded(execution_id, stage, gate, rule, run_id, "Failed", moment.now, error=error)
    summary = f"'{given[:200]}' {operator} '{expected[:200]}' is {'true' if holds else 'false'}"
    return RuleEnded(
        execution_id,
        stage,
        gate,
        rule,
        run_id,
        "Succeeded" if holds else "Failed",
        moment.now,
        details=wire.ExecutionDetails(summary=summary),
        error=None if holds else wire.ErrorDetails(code="JobFailed", message=summary),
    )


def _holds(given: str, operator: str, expected: str) -> bool:
    """Raises ValueError, with a sentence, for what is no comparison."""
    match operator:
        case "EQ":
            return given == expected
        case "NE":
            return given != expected
        case "CONTAINS":
            return expected in given
        case "MATCHES":
            return _matches(given, expected)
        case _:
            raise ValueError(f"'{operator[:100]}' is no operator: EQ, NE, CONTAINS and MATCHES are")


def _matches(given: str, pattern: str) -> bool:
    """Whether the whole text matches, in time that grows with the text alone, whatever the pattern."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.fullmatch(pattern, given, options) is not None
    except re2.error as problem:
        raise ValueError(f"'{pattern[:200]}' is no regular expression that can be matched: {problem}") from None
