"""The plugin is loaded by name, so that a checkout works without being installed."""

pytest_plugins = ["harness.plugin"]
