"""Spans of OpenTelemetry: what instrumented programs tell of their assistants, by OTLP over HTTP."""
