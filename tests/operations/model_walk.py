"""The service's model, operation by operation: the test that shows it working, and the one that provokes each of its errors.

An error that no request can provoke has a reason instead of a test.
"""

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
WEBHOOKS = f"{HERE}/test_webhooks.py"
REGISTERING = f"{HERE}/test_registering.py"
REGISTRY = f"{HERE}/test_registry.py"
MODEL = f"{HERE}/test_model.py"
PEERS_WEBHOOKS = f"{HERE}/test_peers_webhooks.py"

STOPPING = f"{GATES}::TestStopping"
MODES = f"{GATES}::TestModes"
APPROVING = f"{GATES}::TestApproving"
UNKNOWN = f"{EXECUTIONS}::TestUnknown"
VARIABLES = f"{RESULTS}::TestVariables"
REFUSALS = f"{REVISIONS}::TestRefusals"
PUTTING = f"{WEBHOOKS}::TestPutting"
CONDITIONS = f"{RETRIES}::TestConditions"
TARGETS = f"{MORE_TYPES}::TestTargets"
DISPATCHED = f"{JOBS}::TestDispatched"
WRONG = f"{PIPELINES}::test_a_wrong_declaration_is_refused_by_create_and_by_update_and_changes_nothing"
RETRIED = f"{RETRIES}::test_a_retry_counts_against_the_limit_of_executions"
OVERRIDDEN = f"{MODEL}::test_an_override_counts_against_the_limit_of_executions"
DUPLICATED = f"{STOPPING}::test_a_second_stop_is_a_duplicate_save_for_one_abandon_after_a_wait"
EMPTY = f"{REGISTRY}::test_an_empty_request_names_every_member_that_is_missing"


class Never(str):
    """Why an error cannot occur."""

    __slots__ = ()


SERIAL = Never(
    "The writes of an account come one after another, and each is decided on what the one before it has left."
)
STOPS = Never("A stop is decided at once whatever the pipeline does, so it never has to be told to come again later.")
OVERRIDES = Never("Whoever is in the way makes the execution not the latest one, or the condition not overridable.")
ROLLBACKS = Never("A stage that is occupied cannot be rolled back, and UnableToRollbackStageException says just that.")
UPDATES = Never(
    "An update adds no pipeline to the account, and a declaration that is too large is of an invalid structure."
)
NO_TOKEN = Never("The request has no member for a token: all rule types come in one answer.")

# Operation, the test of its happy path, and of each declared error the test that provokes it or why it cannot occur.
WALK: dict[str, tuple[str, dict[str, str]]] = {
    "AcknowledgeJob": (
        f"{DISPATCHED}::test_the_current_nonce_acknowledges",
        {
            "InvalidNonceException": f"{DISPATCHED}::test_another_nonce_is_refused_and_the_job_can_still_be_acknowledged",
            "JobNotFoundException": f"{JOBS}::TestUnknown::test_a_job_that_never_was_is_not_found",
            "ValidationException": f"{JOBS}::TestUnknown::test_an_id_that_can_be_none_breaks_a_constraint",
        },
    ),
    "AcknowledgeThirdPartyJob": (
        f"{PARTNER_JOBS}::test_an_acknowledged_job_shows_no_nonce_and_only_its_holder_may_repeat",
        {
            "InvalidClientTokenException": f"{PARTNER_JOBS}::TestWhoMay::test_a_token_of_another_client_is_refused",
            "InvalidNonceException": f"{PARTNER_JOBS}::test_an_acknowledged_job_shows_no_nonce_and_only_its_holder_may_repeat",
            "JobNotFoundException": f"{PARTNER_JOBS}::TestWhoMay::test_a_custom_actions_job_is_none",
            "ValidationException": f"{PARTNER_JOBS}::TestWhoMay::test_a_missing_token_breaks_a_constraint",
        },
    ),
    "CreateCustomActionType": (
        f"{TYPES}::test_a_created_type_is_answered_as_an_action_type_of_owner_custom",
        {
            "ConcurrentModificationException": SERIAL,
            "InvalidTagsException": f"{TYPES}::test_a_type_with_wrong_tags_is_not_created",
            "LimitExceededException": f"{TYPES}::test_fifty_types_are_the_limit_and_deleted_ones_do_not_count",
            "TooManyTagsException": f"{TYPES}::test_a_type_with_wrong_tags_is_not_created",
            "ValidationException": f"{TYPES}::test_a_wrong_definition_is_refused",
        },
    ),
    "CreatePipeline": (
        f"{PIPELINES}::test_a_created_pipeline_is_echoed_with_its_defaults_filled_in",
        {
            "ConcurrentModificationException": SERIAL,
            "InvalidActionDeclarationException": WRONG,
            "InvalidBlockerDeclarationException": WRONG,
            "InvalidStageDeclarationException": WRONG,
            "InvalidStructureException": WRONG,
            "InvalidTagsException": f"{PIPELINES}::test_a_pipeline_with_wrong_tags_is_not_created",
            "LimitExceededException": f"{MODEL}::test_a_thousand_pipelines_are_the_limit",
            "PipelineNameInUseException": f"{PIPELINES}::test_a_name_is_taken_once",
            "TooManyTagsException": f"{PIPELINES}::test_a_pipeline_with_wrong_tags_is_not_created",
            "ValidationException": f"{PIPELINES}::test_every_broken_constraint_is_reported_at_once",
        },
    ),
    "DeleteCustomActionType": (
        f"{TYPES}::test_a_deleted_type_is_neither_listed_nor_polled_nor_declared",
        {
            "ConcurrentModificationException": SERIAL,
            "ValidationException": EMPTY,
        },
    ),
    "DeletePipeline": (
        f"{PIPELINES}::test_a_deleted_pipeline_is_gone_with_its_history_and_its_namesake_begins_anew",
        {
            "ConcurrentModificationException": SERIAL,
            "ValidationException": EMPTY,
        },
    ),
    "DeleteWebhook": (
        f"{PEERS_WEBHOOKS}::test_a_deleted_webhooks_address_starts_nothing_more",
        {
            "ConcurrentModificationException": SERIAL,
            "ValidationException": EMPTY,
        },
    ),
    "DeregisterWebhookWithThirdParty": (
        f"{REGISTERING}::test_deregistering_takes_it_away_there_and_is_remembered",
        {
            "ValidationException": f"{REGISTERING}::test_an_unknown_webhook_is_not_found",
            "WebhookNotFoundException": f"{REGISTERING}::test_an_unknown_webhook_is_not_found",
        },
    ),
    "DisableStageTransition": (
        f"{GATES}::TestTransitions::test_its_state_says_who_changed_it_when_and_why",
        {
            "PipelineNotFoundException": f"{GATES}::TestTransitions::test_unknown_pipelines_and_stages_are_refused",
            "StageNotFoundException": f"{GATES}::TestTransitions::test_unknown_pipelines_and_stages_are_refused",
            "ValidationException": f"{GATES}::TestTransitions::test_a_reason_of_another_form_breaks_a_constraint",
        },
    ),
    "EnableStageTransition": (
        f"{GATES}::TestTransitions::test_an_execution_waits_in_front_of_a_disabled_one_and_goes_in_when_it_is_enabled",
        {
            "PipelineNotFoundException": f"{GATES}::TestTransitions::test_unknown_pipelines_and_stages_are_refused",
            "StageNotFoundException": f"{GATES}::TestTransitions::test_unknown_pipelines_and_stages_are_refused",
            "ValidationException": f"{GATES}::TestTransitions::test_unknown_pipelines_and_stages_are_refused",
        },
    ),
    "GetActionType": (
        f"{MORE_TYPES}::TestGet::test_a_built_in_type_is_told_as_a_declaration",
        {
            "ActionTypeNotFoundException": f"{MORE_TYPES}::TestGet::test_a_type_is_seen_by_whom_it_permits_and_by_its_maker",
            "ValidationException": f"{MORE_TYPES}::TestGet::test_custom_types_are_not_for_this_operation",
        },
    ),
    "GetJobDetails": (
        f"{JOBS}::TestInProgress::test_the_details_are_there_with_fresh_credentials",
        {
            "JobNotFoundException": f"{JOBS}::TestEnded::test_there_are_no_details_any_more",
            "ValidationException": f"{JOBS}::TestUnknown::test_an_id_that_can_be_none_breaks_a_constraint",
        },
    ),
    "GetPipeline": (
        f"{PIPELINES}::test_a_pipeline_is_read_back_as_it_was_created_with_its_metadata",
        {
            "PipelineNotFoundException": f"{PIPELINES}::test_a_pipeline_that_is_not_there_is_named_in_the_refusal",
            "PipelineVersionNotFoundException": f"{PIPELINES}::test_a_version_that_was_never_made_is_refused",
            "ValidationException": EMPTY,
        },
    ),
    "GetPipelineExecution": (
        f"{EXECUTIONS}::TestStarting::test_the_execution_says_who_started_it",
        {
            "PipelineExecutionNotFoundException": f"{UNKNOWN}::test_an_execution_that_is_not_the_pipelines_is_not_found",
            "PipelineNotFoundException": f"{MODEL}::test_an_execution_of_no_pipeline_is_not_found",
            "ValidationException": f"{UNKNOWN}::test_an_id_of_another_form_breaks_a_constraint",
        },
    ),
    "GetPipelineState": (
        f"{EXECUTIONS}::TestTheState::test_each_stage_shows_its_own_latest_execution",
        {
            "PipelineNotFoundException": f"{PIPELINES}::test_a_pipeline_that_is_not_there_is_named_in_the_refusal",
            "ValidationException": EMPTY,
        },
    ),
    "GetThirdPartyJobDetails": (
        f"{PARTNER_JOBS}::test_the_details_give_the_data_and_a_nonce_but_not_the_pipelines_arn_or_execution",
        {
            "InvalidClientTokenException": f"{PARTNER_JOBS}::TestWhoMay::test_a_wrong_client_token_is_refused",
            "InvalidJobException": f"{PARTNER_JOBS}::TestWhoMay::test_a_custom_actions_job_is_none",
            "JobNotFoundException": f"{PARTNER_JOBS}::TestWhoMay::test_an_unknown_job_is_not_found",
            "ValidationException": f"{PARTNER_JOBS}::TestWhoMay::test_a_missing_token_breaks_a_constraint",
        },
    ),
    "ListActionExecutions": (
        f"{EXECUTIONS}::TestTheHistory::test_action_executions_are_listed_newest_first_with_input_and_output",
        {
            "InvalidNextTokenException": f"{PAGING}::TestTokens::test_a_changed_one_is_refused",
            "PipelineExecutionNotFoundException": f"{UNKNOWN}::test_an_execution_that_is_not_the_pipelines_is_not_found",
            "PipelineNotFoundException": f"{UNKNOWN}::test_a_history_of_no_pipeline_is_not_found",
            "ValidationException": f"{EXECUTIONS}::TestTheHistory::test_both_filters_at_once_are_refused",
        },
    ),
    "ListActionTypes": (
        f"{TYPES}::test_types_are_listed_with_those_that_are_built_in",
        {
            "InvalidNextTokenException": f"{MORE_TYPES}::TestList::test_a_token_is_of_its_filters",
            "ValidationException": f"{TYPES}::test_a_filter_of_no_known_owner_breaks_a_constraint",
        },
    ),
    "ListDeployActionExecutionTargets": (
        f"{TARGETS}::test_an_action_that_deploys_nowhere_has_no_targets",
        {
            "ActionExecutionNotFoundException": f"{TARGETS}::test_an_unknown_action_execution_is_not_found",
            "InvalidNextTokenException": f"{TARGETS}::test_no_token_was_ever_given_out",
            "PipelineNotFoundException": f"{TARGETS}::test_one_of_another_pipeline_region_or_account_is_not_found",
            "ValidationException": f"{TARGETS}::test_wrong_numbers_break_a_constraint",
        },
    ),
    "ListPipelineExecutions": (
        f"{EXECUTIONS}::TestTheHistory::test_executions_are_listed_newest_first_with_their_times",
        {
            "InvalidNextTokenException": f"{PAGING}::TestTokens::test_a_changed_one_is_refused",
            "PipelineNotFoundException": f"{UNKNOWN}::test_a_history_of_no_pipeline_is_not_found",
            "ValidationException": f"{PAGING}::TestTokens::test_a_page_of_no_possible_size_breaks_a_constraint",
        },
    ),
    "ListPipelines": (
        f"{PIPELINES}::test_pipelines_are_listed_by_name_with_what_tells_them_apart",
        {
            "InvalidNextTokenException": f"{PAGING}::TestTokens::test_a_changed_one_is_refused",
            "ValidationException": f"{PAGING}::TestTokens::test_a_page_of_no_possible_size_breaks_a_constraint",
        },
    ),
    "ListRuleExecutions": (
        f"{CONDITIONS}::test_rules_have_a_history_of_their_own",
        {
            "InvalidNextTokenException": f"{CONDITIONS}::test_rules_have_a_history_of_their_own",
            "PipelineExecutionNotFoundException": f"{CONDITIONS}::test_rules_have_a_history_of_their_own",
            "PipelineNotFoundException": f"{CONDITIONS}::test_rules_have_a_history_of_their_own",
            "ValidationException": f"{MODEL}::test_a_page_of_rule_executions_of_no_possible_size_breaks_a_constraint",
        },
    ),
    "ListRuleTypes": (
        f"{MORE_TYPES}::TestRuleTypes::test_the_six_are_there_with_what_they_take",
        {
            "InvalidNextTokenException": NO_TOKEN,
            "ValidationException": f"{MORE_TYPES}::TestRuleTypes::test_filters_of_no_known_kind_break_a_constraint",
        },
    ),
    "ListTagsForResource": (
        f"{TAGS}::test_tags_are_added_changed_and_taken_away",
        {
            "InvalidArnException": f"{TAGS}::test_stages_and_actions_have_no_tags",
            "InvalidNextTokenException": f"{TAGS}::test_no_token_is_given_out_so_every_token_is_refused",
            "ResourceNotFoundException": f"{TAGS}::test_another_accounts_or_regions_resource_is_not_there",
            "ValidationException": f"{TAGS}::test_what_is_no_arn_of_ours_is_refused",
        },
    ),
    "ListWebhooks": (
        f"{WEBHOOKS}::TestListing::test_pages_are_the_whole_list_in_the_order_of_names",
        {
            "InvalidNextTokenException": f"{WEBHOOKS}::TestListing::test_a_changed_or_foreign_token_is_refused",
            "ValidationException": f"{WEBHOOKS}::TestListing::test_a_changed_or_foreign_token_is_refused",
        },
    ),
    "OverrideStageCondition": (
        f"{CONDITIONS}::test_a_condition_that_is_not_met_fails_the_stage_until_it_is_overridden",
        {
            "ConcurrentPipelineExecutionsLimitExceededException": OVERRIDDEN,
            "ConditionNotOverridableException": f"{CONDITIONS}::test_what_cannot_be_overridden_says_so",
            "ConflictException": OVERRIDES,
            "NotLatestPipelineExecutionException": f"{CONDITIONS}::test_what_cannot_be_overridden_says_so",
            "PipelineNotFoundException": f"{CONDITIONS}::test_what_cannot_be_overridden_says_so",
            "StageNotFoundException": f"{CONDITIONS}::test_what_cannot_be_overridden_says_so",
            "ValidationException": f"{CONDITIONS}::test_what_cannot_be_overridden_says_so",
        },
    ),
    "PollForJobs": (
        f"{JOBS}::test_a_poll_hands_each_job_out_once",
        {
            "ActionTypeNotFoundException": f"{TYPES}::test_a_deleted_type_is_neither_listed_nor_polled_nor_declared",
            "ValidationException": f"{RESULTS}::TestQueries::test_a_query_that_can_match_nothing_breaks_a_constraint",
        },
    ),
    "PollForThirdPartyJobs": (
        f"{PARTNER_JOBS}::test_a_poll_tells_the_job_and_the_client_and_nothing_else",
        {
            "ActionTypeNotFoundException": f"{PARTNER_JOBS}::TestPolling::test_a_type_that_nobody_registered_is_refused",
            "ValidationException": EMPTY,
        },
    ),
    "PutActionRevision": (
        f"{REVISIONS}::test_a_new_revision_starts_an_execution",
        {
            "ActionNotFoundException": f"{REFUSALS}::test_an_unknown_place_is_not_found",
            "ConcurrentPipelineExecutionsLimitExceededException": f"{REFUSALS}::test_what_the_limit_has_refused_was_not_told",
            "PipelineNotFoundException": f"{REFUSALS}::test_an_unknown_place_is_not_found",
            "StageNotFoundException": f"{REFUSALS}::test_an_unknown_place_is_not_found",
            "ValidationException": f"{REFUSALS}::test_a_pipeline_whose_variables_need_values_cannot_be_started_so",
        },
    ),
    "PutApprovalResult": (
        f"{APPROVING}::test_an_approval_lets_the_execution_go_on_and_is_kept_with_its_giver",
        {
            "ActionNotFoundException": f"{APPROVING}::test_an_answer_to_something_else_is_refused",
            "ApprovalAlreadyCompletedException": f"{APPROVING}::test_an_answered_approval_is_refused_while_the_execution_runs",
            "InvalidApprovalTokenException": f"{APPROVING}::test_a_token_that_is_no_approvals_is_refused",
            "PipelineNotFoundException": f"{APPROVING}::test_an_answer_to_something_else_is_refused",
            "StageNotFoundException": f"{APPROVING}::test_an_answer_to_something_else_is_refused",
            "ValidationException": f"{APPROVING}::test_an_answer_to_something_else_is_refused",
        },
    ),
    "PutJobFailureResult": (
        f"{RESULTS}::test_a_failure_keeps_its_type_message_and_external_id",
        {
            "InvalidJobStateException": f"{DISPATCHED}::test_results_are_refused_and_say_why",
            "JobNotFoundException": f"{JOBS}::TestUnknown::test_a_job_that_never_was_is_not_found",
            "ValidationException": f"{RESULTS}::test_a_failure_of_no_known_kind_is_refused_and_the_job_goes_on",
        },
    ),
    "PutJobSuccessResult": (
        f"{RESULTS}::test_what_a_worker_tells_is_shown_in_the_state_and_the_history",
        {
            "InvalidJobStateException": f"{DISPATCHED}::test_results_are_refused_and_say_why",
            "JobNotFoundException": f"{JOBS}::TestUnknown::test_a_job_that_never_was_is_not_found",
            "OutputVariablesSizeExceededException": f"{VARIABLES}::test_more_than_the_limit_is_refused_and_the_job_goes_on",
            "ValidationException": f"{RESULTS}::TestContinuations::test_variables_go_with_the_last_result_alone",
        },
    ),
    "PutThirdPartyJobFailureResult": (
        f"{PARTNER_JOBS}::test_a_failure_fails_the_action_with_its_type_and_message",
        {
            "InvalidClientTokenException": f"{PARTNER_JOBS}::TestWhoMay::test_a_token_of_another_client_is_refused",
            "InvalidJobStateException": f"{PARTNER_JOBS}::test_a_success_takes_the_action_on_and_a_second_result_is_refused",
            "JobNotFoundException": f"{PARTNER_JOBS}::TestWhoMay::test_a_custom_actions_job_is_none",
            "ValidationException": f"{PARTNER_JOBS}::TestWhoMay::test_a_missing_token_breaks_a_constraint",
        },
    ),
    "PutThirdPartyJobSuccessResult": (
        f"{PARTNER_JOBS}::test_a_success_takes_the_action_on_and_a_second_result_is_refused",
        {
            "InvalidClientTokenException": f"{PARTNER_JOBS}::TestWhoMay::test_a_token_of_another_client_is_refused",
            "InvalidJobStateException": f"{PARTNER_JOBS}::test_a_success_takes_the_action_on_and_a_second_result_is_refused",
            "JobNotFoundException": f"{PARTNER_JOBS}::TestWhoMay::test_a_custom_actions_job_is_none",
            "ValidationException": f"{PARTNER_JOBS}::TestWhoMay::test_a_missing_token_breaks_a_constraint",
        },
    ),
    "PutWebhook": (
        f"{PUTTING}::test_the_answer_has_an_address_an_arn_and_no_secret",
        {
            "ConcurrentModificationException": SERIAL,
            "InvalidTagsException": f"{PUTTING}::test_bad_tags_are_refused",
            "InvalidWebhookAuthenticationParametersException": f"{PUTTING}::test_a_mask_is_no_secret_of_a_new_one",
            "InvalidWebhookFilterPatternException": f"{PUTTING}::test_a_path_that_cannot_be_read_is_refused",
            "LimitExceededException": f"{PUTTING}::test_three_hundred_are_the_limit",
            "PipelineNotFoundException": f"{PUTTING}::test_the_target_must_be_there",
            "TooManyTagsException": f"{PUTTING}::test_bad_tags_are_refused",
            "ValidationException": f"{PUTTING}::test_the_target_must_be_there",
        },
    ),
    "RegisterWebhookWithThirdParty": (
        f"{REGISTERING}::test_registering_has_github_deliver_pushes_to_the_webhook",
        {
            "ValidationException": f"{REGISTERING}::test_an_unknown_webhook_is_not_found",
            "WebhookNotFoundException": f"{REGISTERING}::test_an_unknown_webhook_is_not_found",
        },
    ),
    "RetryStageExecution": (
        f"{RETRIES}::TestRetry::test_the_same_execution_goes_on_and_the_history_keeps_both_attempts",
        {
            "ConcurrentPipelineExecutionsLimitExceededException": RETRIED,
            "ConflictException": f"{RETRIES}::TestRetry::test_each_refusal_has_its_name",
            "NotLatestPipelineExecutionException": f"{RETRIES}::TestRetry::test_each_refusal_has_its_name",
            "PipelineNotFoundException": f"{RETRIES}::TestRetry::test_each_refusal_has_its_name",
            "StageNotFoundException": f"{RETRIES}::TestRetry::test_each_refusal_has_its_name",
            "StageNotRetryableException": f"{RETRIES}::TestRetry::test_a_changed_structure_is_not_retryable",
            "ValidationException": f"{RETRIES}::TestRetry::test_each_refusal_has_its_name",
        },
    ),
    "RollbackStage": (
        f"{RETRIES}::TestRollback::test_it_is_an_execution_of_its_own_of_the_one_stage",
        {
            "ConflictException": ROLLBACKS,
            "PipelineExecutionNotFoundException": f"{RETRIES}::TestRollback::test_each_refusal_has_its_name",
            "PipelineExecutionOutdatedException": f"{RETRIES}::TestRollback::test_each_refusal_has_its_name",
            "PipelineNotFoundException": f"{RETRIES}::TestRollback::test_each_refusal_has_its_name",
            "StageNotFoundException": f"{RETRIES}::TestRollback::test_each_refusal_has_its_name",
            "UnableToRollbackStageException": f"{RETRIES}::TestRollback::test_each_refusal_has_its_name",
            "ValidationException": EMPTY,
        },
    ),
    "StartPipelineExecution": (
        f"{EXECUTIONS}::TestStarting::test_the_execution_says_who_started_it",
        {
            "ConcurrentPipelineExecutionsLimitExceededException": f"{MODES}::test_fifty_executions_at_a_time_are_the_limit",
            "ConflictException": f"{EXECUTIONS}::TestStarting::test_the_same_request_token_with_another_request_is_a_conflict",
            "PipelineNotFoundException": f"{PIPELINES}::test_a_pipeline_that_is_not_there_is_named_in_the_refusal",
            "ValidationException": f"{EXECUTIONS}::TestStarting::test_a_request_token_of_another_form_breaks_a_constraint",
        },
    ),
    "StopPipelineExecution": (
        f"{STOPPING}::test_stop_and_wait_lets_the_work_end_and_starts_nothing_more",
        {
            "ConflictException": STOPS,
            "DuplicatedStopRequestException": DUPLICATED,
            "PipelineExecutionNotStoppableException": f"{STOPPING}::test_what_is_not_running_cannot_be_stopped",
            "PipelineNotFoundException": f"{STOPPING}::test_a_stop_of_no_pipeline_is_not_found",
            "ValidationException": f"{STOPPING}::test_a_long_reason_breaks_a_constraint",
        },
    ),
    "TagResource": (
        f"{TAGS}::test_tags_are_added_changed_and_taken_away",
        {
            "ConcurrentModificationException": SERIAL,
            "InvalidArnException": f"{TAGS}::test_stages_and_actions_have_no_tags",
            "InvalidTagsException": f"{TAGS}::test_keys_that_nobody_may_use_are_refused",
            "ResourceNotFoundException": f"{TAGS}::test_another_accounts_or_regions_resource_is_not_there",
            "TooManyTagsException": f"{TAGS}::test_fifty_tags_are_the_limit_in_all",
            "ValidationException": f"{TAGS}::test_tags_of_another_form_break_a_constraint",
        },
    ),
    "UntagResource": (
        f"{TAGS}::test_tags_are_added_changed_and_taken_away",
        {
            "ConcurrentModificationException": SERIAL,
            "InvalidArnException": f"{TAGS}::test_stages_and_actions_have_no_tags",
            "InvalidTagsException": f"{TAGS}::test_keys_that_nobody_may_use_are_refused",
            "ResourceNotFoundException": f"{TAGS}::test_another_accounts_or_regions_resource_is_not_there",
            "ValidationException": f"{TAGS}::test_what_is_no_arn_of_ours_is_refused",
        },
    ),
    "UpdateActionType": (
        f"{MORE_TYPES}::TestUpdate::test_an_update_is_told_from_then_on",
        {
            "ActionTypeNotFoundException": f"{MORE_TYPES}::TestUpdate::test_an_unknown_type_is_not_found",
            "RequestFailedException": f"{MORE_TYPES}::TestUpdate::test_only_the_account_that_registered_it_may",
            "ValidationException": f"{MORE_TYPES}::TestUpdate::test_the_owner_stays",
        },
    ),
    "UpdatePipeline": (
        f"{PIPELINES}::test_an_update_makes_the_next_version_and_the_earlier_ones_stay_readable",
        {
            "InvalidActionDeclarationException": WRONG,
            "InvalidBlockerDeclarationException": WRONG,
            "InvalidStageDeclarationException": WRONG,
            "InvalidStructureException": WRONG,
            "LimitExceededException": UPDATES,
            "ValidationException": EMPTY,
        },
    ),
}

PAGES: dict[str, str] = {
    "ListActionExecutions": f"{PAGING}::test_pages_are_the_whole_list_in_order",
    "ListActionTypes": f"{MODEL}::test_all_pages_of_the_types_hold_each_once",
    "ListDeployActionExecutionTargets": f"{MODEL}::test_a_list_that_fits_in_one_page_is_walked_in_one",
    "ListPipelineExecutions": f"{PAGING}::test_pages_are_the_whole_list_in_order",
    "ListPipelines": f"{PAGING}::test_botos_own_paginators_walk_all_pages",
    "ListRuleExecutions": f"{MODEL}::test_pages_of_rule_executions_are_the_whole_list_in_order",
    "ListTagsForResource": f"{MODEL}::test_a_list_that_fits_in_one_page_is_walked_in_one",
    "ListWebhooks": f"{WEBHOOKS}::TestListing::test_pages_are_the_whole_list_in_the_order_of_names",
}
