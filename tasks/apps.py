from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        from accounts.signals import access_ended, notified, user_leaving
        from groups.signals import group_closed, group_closing, member_leaving, member_left
        from tasks.services import departures

        member_leaving.connect(departures.cancel_tasks_of_member)
        member_left.connect(departures.dismiss_member)
        group_closing.connect(departures.cancel_tasks_of_group)
        group_closed.connect(departures.drop_group)
        user_leaving.connect(departures.dismiss_user)
        access_ended.connect(departures.recheck_user)
        notified.connect(departures.show_notifications)
