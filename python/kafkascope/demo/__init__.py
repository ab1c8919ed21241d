"""The demo applications: real brokers and services to look at. ``px demo`` deploys them."""
