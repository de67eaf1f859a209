from django.apps import AppConfig


class GroupsConfig(AppConfig):
    name = "groups"

    def ready(self) -> None:
        from accounts.signals import user_leaving
        from groups.services import leave_all_groups

        user_leaving.connect(leave_all_groups)
