"""CloudWatch alarms as rules of conditions."""
