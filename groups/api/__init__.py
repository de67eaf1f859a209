"""The REST API of groups. Views translate between JSON and services; services decide."""
