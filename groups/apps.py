from django.apps import AppConfig


class GroupsConfig(AppConfig):
    name = "groups"

    def ready(self) -> None:
        from accounts.signals import handouts_ended, user_leaving
        from groups.services import leave_all_groups
        from groups.services.links import withdraw_links_of

        user_leaving.connect(leave_all_groups)
        handouts_ended.connect(withdraw_links_of)
