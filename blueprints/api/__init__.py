"""The JSON API v1: thin over the same services as the pages, one file a noun. Programs come with a bearer token."""
