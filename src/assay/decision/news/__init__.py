"""What has changed in the catalogue since the last look, and what of it concerns a configuration."""
