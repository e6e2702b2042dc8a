"""Providers' batch endpoints as pure forms: many requests in one job, answered later and for less."""
