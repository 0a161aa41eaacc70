"""A self-hosted AWS CodePipeline."""

__version__ = "0.1.0"
