"""Every quota and default time, named once, with where it comes from ("UG" is the service's user guide)."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# UG, page "limits"
STAGES_MIN = 2
STAGES_MAX = 50
STAGE_ACTIONS_MAX = 50
PIPELINES_MAX = 1000
CUSTOM_ACTION_TYPES_MAX = 50
WEBHOOKS_MAX = 300
OPEN_EXECUTIONS_MAX = 50
TAGS_MAX = 50
OUTPUT_VARIABLES_BYTES_MAX = 122_880
RESOLVED_CONFIGURATION_BYTES_MAX = 100 * 1024
QUERYABLE_VALUE_LENGTH_MAX = 50

# UG: limits, "action timeouts"; a custom action's is fixed
CUSTOM_ACTION_TIMEOUT_SECONDS = 24 * HOUR
APPROVAL_TIMEOUT_SECONDS = 7 * DAY
DEFAULT_ACTION_TIMEOUT_SECONDS = HOUR
ACTION_TIMEOUT_SECONDS = {
    "AWS/Compute/Commands": 55 * MINUTE,
    "AWS/Build/Commands": 55 * MINUTE,
    "AWS/Deploy/S3": 90 * MINUTE,
    "AWS/Deploy/CloudFormation": 3 * DAY,
    "AWS/Deploy/CodeDeploy": 5 * DAY,
    "AWS/Deploy/CodeDeployToECS": 5 * DAY,
    "AWS/Invoke/Lambda": DAY,
    "AWS/Build/CodeBuild": 36 * HOUR,
    "AWS/Test/CodeBuild": 8 * HOUR,
    "AWS/Invoke/StepFunctions": 7 * DAY,
}

# UG: action-types. One invocation of a partner's function; an action may take several
PARTNER_FUNCTION_TIMEOUT_SECONDS = 15 * MINUTE

# UG: limits, "concurrent action executions"
PARALLEL_ACTIONS_MAX = 5

# UG names no default but that of Commands; a rule that waits for an outer state may wait as long as an approval
RULE_TIMEOUT_SECONDS = HOUR
RULE_TIMEOUTS_SECONDS = {"Commands": 55 * MINUTE, "DeploymentWindow": 7 * DAY, "CloudWatchAlarm": 7 * DAY}

# Logs are an addition of ours. The built-in commands cut theirs a good deal earlier
RUN_LOG_BYTES_MAX = 16 * 1024 * 1024

# UG: transitions. A transition that was off for longer does not resume what waited in front of it
TRANSITION_RESUME_SECONDS = 30 * DAY

# API: StartPipelineExecution names no time; ours
REQUEST_TOKEN_SECONDS = DAY

# UG: limits, "history". Of leap years too
HISTORY_DAYS = 366

# The API says nothing of how long a page token is good; ours
PAGE_TOKEN_SECONDS = DAY

# STS's longest session. No token of any kind outlives it, so that a sealing key that was replaced can go at last
TOKEN_SECONDS_MAX = 36 * HOUR

# Observed: the service's own Jenkins plugin refreshes a job's credentials after 14 minutes
JOB_CREDENTIALS_SECONDS = 15 * MINUTE
