"""Cron expressions, without any database: what they mean, when they come due, how to say them in three languages."""
