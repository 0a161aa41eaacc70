"""Lambda functions as rules of conditions."""
