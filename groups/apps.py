from django.apps import AppConfig


class GroupsConfig(AppConfig):
    name = "groups"

    def ready(self) -> None:
        from accounts.signals import handouts_ended, user_leaving
        from groups.services import leave_all_groups
        from groups.services.handouts import end_all_handouts
        from groups.services.removals import keep_bars

        user_leaving.connect(leave_all_groups)
        user_leaving.connect(keep_bars)
        handouts_ended.connect(end_all_handouts)
