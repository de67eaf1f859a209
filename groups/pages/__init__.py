"""The pages of groups. Views translate between forms and services; services decide.

tasks.pages has the page of a group itself, with its tasks.
"""
