"""The pages of groups: they translate, services decide. The page of a group's tasks is in
tasks.pages.
"""
