"""CodeBuild builds as rules of conditions."""
