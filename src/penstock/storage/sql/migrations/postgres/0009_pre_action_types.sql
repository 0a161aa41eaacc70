-- Of all accounts' action types, those that an account has now, and those of a provider. Types that were deleted stay for ever, and
-- are in neither.
CREATE INDEX action_types_of_account ON action_types (account, region, type_key) WHERE owner = 'Custom' AND deleted_at IS NULL;
CREATE INDEX action_types_of_provider ON action_types (provider, version, type_key)
WHERE owner = 'ThirdParty' AND deleted_at IS NULL;
