"""Each fault that was found in another implementation, and the test that rules it out here.

The numbers are those of the service's operations in `FAULTS`; a fault that no operation shows has words of its own. Where a
test of another file rules a fault out, it is named here and not written again.
"""

from itertools import chain

import pytest

from named_tests import is_there
from penstock.wire.catalog import OPERATIONS

HERE = "tests/operations"
PIPELINES = f"{HERE}/test_pipelines.py"
EXECUTIONS = f"{HERE}/test_executions.py"
GATES = f"{HERE}/test_gates.py"
RETRIES = f"{HERE}/test_retries.py"
RESULTS = f"{HERE}/test_job_results.py"
JOBS = f"{HERE}/test_job_states.py"
PARTNER_JOBS = f"{HERE}/test_partner_job_states.py"
TYPES = f"{HERE}/test_action_types.py"
MORE_TYPES = f"{HERE}/test_more_types.py"
REVISIONS = f"{HERE}/test_revisions.py"
TAGS = f"{HERE}/test_tags.py"
PAGING = f"{HERE}/test_paging.py"
OWN = f"{HERE}/test_peers_operations.py"
RESTARTS = f"{HERE}/test_peers_restarts.py"
WEBHOOKS = f"{HERE}/test_peers_webhooks.py"

# Row, operation, what was wrong with it elsewhere, and what shows that it is not so here.
FAULTS: dict[int, tuple[str, str, tuple[str, ...]]] = {
    1: (
        "CreatePipeline",
        "little of a declaration is checked, and no first execution starts",
        (
            f"{PIPELINES}::test_a_wrong_declaration_is_refused_by_create_and_by_update_and_changes_nothing",
            f"{PIPELINES}::test_creating_a_pipeline_starts_its_first_execution",
            "tests/core/test_declaration_actions.py",
            "tests/core/test_declaration_references.py",
            "tests/core/test_declaration_structure.py",
        ),
    ),
    2: (
        "UpdatePipeline",
        "the old text is overwritten, and stages that were taken out leave their transitions behind",
        (
            f"{PIPELINES}::test_an_update_makes_the_next_version_and_the_earlier_ones_stay_readable",
            f"{OWN}::test_a_stage_that_was_taken_out_and_comes_back_has_an_open_transition",
        ),
    ),
    3: (
        "GetPipeline",
        "only the newest version can be read",
        (f"{PIPELINES}::test_an_update_makes_the_next_version_and_the_earlier_ones_stay_readable",),
    ),
    4: (
        "DeletePipeline",
        "a running execution writes itself back after the deletion",
        (
            f"{OWN}::test_a_running_execution_does_not_write_itself_back_after_its_pipeline_was_deleted",
            f"{PIPELINES}::test_what_was_meant_for_a_deleted_pipeline_never_reaches_its_namesake",
        ),
    ),
    5: ("ListPipelines", "a page token is a plain number", (f"{PAGING}::TestTokens::test_a_changed_one_is_refused",)),
    6: (
        "GetPipelineState",
        "one execution only, a made-up percentage, nothing of what waits, of revisions, links, conditions",
        (
            f"{OWN}::test_a_percentage_is_the_workers_word_or_none_at_all",
            f"{OWN}::test_a_stage_still_shows_its_latest_execution_after_that_went_on",
            f"{EXECUTIONS}::TestTheState::test_each_stage_shows_its_own_latest_execution",
            f"{GATES}::TestModes::test_queued_goes_in_order_of_arrival",
            f"{RESULTS}::test_a_sources_revision_is_the_executions_and_goes_with_the_artifact",
            f"{RESULTS}::test_the_links_of_the_type_are_filled_in",
            f"{RETRIES}::TestConditions::test_a_condition_that_is_met_lets_the_stage_run_and_is_shown",
        ),
    ),
    7: (
        "StartPipelineExecution",
        "the token leaks into the trigger; overrides, variables and the lock of a stage are not looked at",
        (
            f"{OWN}::test_a_request_token_does_not_show_in_the_trigger",
            f"{OWN}::test_an_override_of_a_revision_reaches_the_source_that_it_names",
            f"{EXECUTIONS}::TestStarting::test_variables_must_be_those_that_are_declared",
            f"{RESULTS}::TestVariables::test_pipeline_variables_take_their_defaults_or_what_the_start_gives",
            f"{GATES}::TestModes::test_superseded_keeps_one_running_and_one_waiting_a_stage",
        ),
    ),
    8: (
        "StopPipelineExecution",
        "a stop does not wait, calls the action succeeded, leaves its job to be polled, and can be repeated",
        (
            f"{OWN}::test_stop_and_wait_waits_for_the_worker_and_takes_its_word",
            f"{GATES}::TestStopping::test_stop_and_abandon_ends_at_once_and_withdraws_what_was_queued",
            f"{GATES}::TestStopping::test_a_second_stop_is_a_duplicate_save_for_one_abandon_after_a_wait",
            f"{JOBS}::TestEnded::test_results_are_refused",
        ),
    ),
    9: (
        "GetPipelineExecution",
        "a revision has the name of the action and not of the artifact",
        (f"{RESULTS}::test_a_sources_revision_is_the_executions_and_goes_with_the_artifact",),
    ),
    10: (
        "ListPipelineExecutions",
        "the filter of what succeeded in a stage matches everything",
        (
            f"{OWN}::test_what_a_stage_can_go_back_to_is_a_filter_of_structure",
            f"{EXECUTIONS}::TestTheHistory::test_only_those_that_succeeded_in_a_stage",
        ),
    ),
    11: (
        "ListActionExecutions",
        "no configuration, artifacts or version; one filter is ignored; every row scans all accounts",
        (
            f"{EXECUTIONS}::TestTheHistory::test_action_executions_are_listed_newest_first_with_input_and_output",
            f"{OWN}::test_a_history_can_leave_out_all_but_the_latest_attempts",
            "tests/storage/test_sqlite.py::test_a_hot_query_scans_no_large_table",
        ),
    ),
    12: (
        "ListRuleExecutions",
        "always empty",
        (f"{RETRIES}::TestConditions::test_rules_have_a_history_of_their_own",),
    ),
    13: (
        "ListDeployActionExecutionTargets",
        "always empty, also of what does not exist",
        (f"{OWN}::test_targets_are_asked_of_an_action_execution_that_there_is", f"{MORE_TYPES}::TestTargets"),
    ),
    14: (
        "DisableStageTransition",
        "Outbound is treated as Inbound, and an account number stands for who did it",
        (
            f"{GATES}::TestTransitions::test_leaving_a_stage_is_entering_the_next",
            f"{GATES}::TestTransitions::test_its_state_says_who_changed_it_when_and_why",
        ),
    ),
    15: (
        "EnableStageTransition",
        "what waits is not superseded meanwhile",
        (f"{GATES}::TestTransitions::test_a_newer_arrival_supersedes_the_one_that_waits",),
    ),
    16: (
        "PutApprovalResult",
        "one kind of error, no time limit, and the token dies at a restart",
        (
            f"{GATES}::TestApproving",
            "tests/engine/test_timers.py::test_an_approval_that_nobody_gives_fails_in_its_time",
            f"{RESTARTS}::test_a_killed_server_goes_on_where_it_was_with_its_tokens_its_history_and_its_jobs",
        ),
    ),
    17: (
        "RetryStageExecution",
        "starts a new execution of everything, whatever the stage and the mode",
        (
            f"{RETRIES}::TestRetry::test_the_same_execution_goes_on_and_the_history_keeps_both_attempts",
            f"{RETRIES}::TestRetry::test_all_actions_run_again",
        ),
    ),
    18: (
        "RollbackStage",
        "a whole new run whose source is the newest",
        (
            f"{OWN}::test_a_rollback_works_on_its_targets_source_and_not_on_the_newest",
            f"{RETRIES}::TestRollback::test_it_is_an_execution_of_its_own_of_the_one_stage",
        ),
    ),
    19: (
        "OverrideStageCondition",
        "accepts and does nothing; conditions never run",
        (
            f"{RETRIES}::TestConditions::test_a_condition_that_is_not_met_fails_the_stage_until_it_is_overridden",
            f"{RETRIES}::TestConditions::test_what_cannot_be_overridden_says_so",
        ),
    ),
    20: (
        "CreateCustomActionType",
        "echoes the request, and checks nothing",
        (
            f"{TYPES}::test_a_created_type_is_answered_as_an_action_type_of_owner_custom",
            f"{TYPES}::test_a_wrong_definition_is_refused",
        ),
    ),
    21: (
        "UpdateActionType",
        "looks for the identifier where no client puts it",
        (f"{MORE_TYPES}::TestUpdate::test_an_update_is_told_from_then_on",),
    ),
    22: (
        "GetActionType",
        "custom types only, and in another shape",
        (
            f"{MORE_TYPES}::TestGet::test_a_built_in_type_is_told_as_a_declaration",
            f"{MORE_TYPES}::TestGet::test_a_partners_type_is_told_as_it_was_registered",
        ),
    ),
    23: (
        "DeleteCustomActionType",
        "a deleted version comes back as something else, and who uses it is not told",
        (
            f"{TYPES}::test_a_type_comes_back_by_the_identical_definition_alone",
            f"{OWN}::test_a_type_that_pipelines_still_use_cannot_be_declared_anew_after_its_deletion",
        ),
    ),
    24: (
        "ListActionTypes",
        "none of AWS's own, and the filter of regions is ignored",
        (
            f"{TYPES}::test_types_are_listed_with_those_that_are_built_in",
            f"{TYPES}::test_types_of_another_region_are_listed_by_its_name",
        ),
    ),
    25: ("ListRuleTypes", "always empty", (f"{OWN}::test_the_rule_types_are_listed_with_what_they_need",)),
    26: (
        "PollForJobs",
        "newest first, one job to many, the query ignored, unknown types empty, half of the job left out",
        (
            f"{OWN}::test_jobs_are_handed_out_oldest_first",
            f"{OWN}::test_a_job_carries_its_account_and_the_key_of_its_store",
            f"{JOBS}::test_a_poll_hands_each_job_out_once",
            f"{JOBS}::TestPolling::test_a_type_that_nobody_made_is_refused",
            f"{RESULTS}::TestQueries::test_only_the_jobs_with_that_value_are_handed_out",
            f"{RESULTS}::test_a_job_carries_its_context_its_configuration_and_its_artifacts",
        ),
    ),
    27: (
        "AcknowledgeJob",
        "the nonce stays the same, two may win, and the error is one that the operation does not declare",
        (
            f"{OWN}::test_each_acknowledgement_that_counts_belongs_to_one_hand_out",
            f"{JOBS}::TestInProgress::test_another_nonce_is_refused",
            "tests/engine/test_racing.py::test_sixteen_pollers_over_two_hundred_jobs",
        ),
    ),
    28: (
        "GetJobDetails",
        "no account, the nonce is told, the credentials are not fresh",
        (
            f"{JOBS}::TestDispatched::test_the_details_are_there_without_a_nonce",
            f"{JOBS}::TestInProgress::test_the_details_are_there_with_fresh_credentials",
        ),
    ),
    29: (
        "PutJobSuccessResult",
        "taken before the acknowledgement; a continuation ends the action; details and variables are lost",
        (
            f"{JOBS}::TestDispatched::test_results_are_refused_and_say_why",
            f"{RESULTS}::TestContinuations::test_a_token_ends_the_job_and_a_new_one_of_the_same_action_carries_it",
            f"{RESULTS}::test_what_a_worker_tells_is_shown_in_the_state_and_the_history",
            f"{RESULTS}::TestVariables::test_the_outputs_of_one_action_are_resolved_in_a_later_ones_configuration",
        ),
    ),
    30: (
        "PutJobFailureResult",
        "only the message is kept",
        (f"{RESULTS}::test_a_failure_keeps_its_type_message_and_external_id",),
    ),
    31: (
        "PollForThirdPartyJobs",
        "an SDK sees empty records",
        (f"{PARTNER_JOBS}::test_a_poll_tells_the_job_and_the_client_and_nothing_else",),
    ),
    32: (
        "GetThirdPartyJobDetails",
        "the client token is not checked",
        (f"{PARTNER_JOBS}::TestWhoMay::test_a_wrong_client_token_is_refused",),
    ),
    33: (
        "AcknowledgeThirdPartyJob",
        "the client token is not checked, the nonce stays the same",
        (
            f"{PARTNER_JOBS}::TestWhoMay::test_a_token_of_another_client_is_refused",
            f"{PARTNER_JOBS}::test_each_look_at_a_dispatched_job_makes_a_fresh_nonce_and_the_earlier_one_is_refused",
        ),
    ),
    34: (
        "PutThirdPartyJobSuccessResult",
        "the client token is not checked, a continuation ends the action",
        (
            f"{PARTNER_JOBS}::TestWhoMay::test_a_wrong_client_token_is_refused",
            f"{PARTNER_JOBS}::test_a_continuation_brings_another_job_of_the_same_action_with_the_token",
        ),
    ),
    35: (
        "PutThirdPartyJobFailureResult",
        "only the message is kept",
        (f"{PARTNER_JOBS}::test_a_failure_fails_the_action_with_its_type_and_message",),
    ),
    36: (
        "PutActionRevision",
        "invents an execution id and starts nothing",
        (
            f"{OWN}::test_a_custom_source_is_told_of_a_revision_and_it_starts_one_execution",
            f"{REVISIONS}::TestTheRun::test_the_source_is_asked_for_the_revision",
        ),
    ),
    37: (
        "PutWebhook",
        "nothing is behind the address; another form of ARN; an update forgets",
        (
            f"{WEBHOOKS}::test_the_address_of_a_webhook_starts_its_pipeline",
            f"{WEBHOOKS}::test_an_update_keeps_the_address_and_what_has_happened",
        ),
    ),
    38: (
        "DeleteWebhook",
        "a record goes, and nothing else",
        (f"{WEBHOOKS}::test_a_deleted_webhooks_address_starts_nothing_more",),
    ),
    39: (
        "ListWebhooks",
        "neither errors nor when it was last set off",
        (f"{WEBHOOKS}::test_webhooks_are_listed_with_what_happened_to_them",),
    ),
    40: (
        "RegisterWebhookWithThirdParty",
        "sets a mark that nobody sees",
        (f"{WEBHOOKS}::test_registering_what_cannot_be_registered_is_refused",),
    ),
    41: (
        "DeregisterWebhookWithThirdParty",
        "sets a mark that nobody sees",
        (f"{WEBHOOKS}::test_registering_what_cannot_be_registered_is_refused",),
    ),
    42: (
        "TagResource",
        "pipelines only",
        (f"{TAGS}::test_tags_are_added_changed_and_taken_away", f"{WEBHOOKS}::test_a_webhook_has_tags"),
    ),
    43: (
        "UntagResource",
        "pipelines only",
        (f"{TAGS}::test_tags_are_added_changed_and_taken_away", f"{WEBHOOKS}::test_a_webhook_has_tags"),
    ),
    44: (
        "ListTagsForResource",
        "pipelines only",
        (f"{TAGS}::test_tags_are_added_changed_and_taken_away", f"{WEBHOOKS}::test_a_webhook_has_tags"),
    ),
}

ENGINE_FAULTS: dict[str, tuple[str, ...]] = {
    "no variable is ever resolved": (
        f"{RESULTS}::TestVariables::test_the_outputs_of_one_action_are_resolved_in_a_later_ones_configuration",
        f"{RESULTS}::TestVariables::test_a_variable_that_nobody_set_fails_the_action_and_says_which",
    ),
    "a Lambda action takes the function's return for success": (
        f"{OWN}::test_an_action_that_nobody_works_fails_and_says_so",
        "tests/providers/test_rules.py::TestLambda",
    ),
    "builds, nested pipelines and deployments are reported as done without their artifacts": (
        f"{OWN}::test_an_action_that_nobody_works_fails_and_says_so",
        "tests/providers/test_rules.py::TestBuild",
    ),
    "the artifact bucket is never written": (
        "tests/interop/test_boto3.py::test_a_custom_and_a_partner_action_from_creation_to_the_deployed_object",
        "tests/interop/test_job_credentials.py::TestWhatTheyOpen",
    ),
    "executions share a stage, and a queue has no order": (
        f"{GATES}::TestModes::test_superseded_keeps_one_running_and_one_waiting_a_stage",
        f"{GATES}::TestModes::test_queued_goes_in_order_of_arrival",
    ),
    "a restart begins every execution anew and forgets the history": (
        f"{RESTARTS}::test_a_killed_server_goes_on_where_it_was_with_its_tokens_its_history_and_its_jobs",
    ),
    "a kill loses what was answered": (
        "tests/engine/test_killing.py::test_two_kills_lose_nothing",
        "tests/engine/test_durability.py::test_every_answered_write_was_written_ahead_and_flushed_before_its_answer",
    ),
}


def test_there_is_a_fault_for_each_operation() -> None:
    assert list(FAULTS) == list(range(1, 45))
    assert {operation for operation, _, _ in FAULTS.values()} == set(OPERATIONS)
    assert len(ENGINE_FAULTS) == 7
    assert all(tests for _, _, tests in FAULTS.values())
    assert all(ENGINE_FAULTS.values())


def named() -> set[str]:
    return {*chain.from_iterable(tests for _, _, tests in FAULTS.values()), *chain(*ENGINE_FAULTS.values())}


@pytest.mark.parametrize("test", sorted(named()))
def test_the_test_that_rules_it_out_is_there(test: str) -> None:
    assert is_there(test)


def test_a_test_that_is_not_there_is_noticed() -> None:
    assert not is_there(f"{GATES}::TestModes::test_nothing_of_the_kind")
    assert not is_there("tests/operations/test_nothing.py")
