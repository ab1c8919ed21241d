"""Alerts: rules in a TOML file over lag, verdicts, rebalances, errors and silence, with open and close events."""
