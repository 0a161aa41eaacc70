"""The pure state machine: what pipelines do, without IO, clock or chance."""
