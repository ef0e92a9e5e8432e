"""What is measured: each scenario drives systems under load and records figures."""
