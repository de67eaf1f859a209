from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        from accounts.signals import access_ended, notified, user_leaving
        from groups import signals
        from tasks.services import departures

        signals.member_joined.connect(departures.readmit_member)
        signals.member_leaving.connect(departures.cancel_tasks_of_member)
        signals.member_left.connect(departures.dismiss_member)
        signals.group_closing.connect(departures.cancel_tasks_of_group)
        signals.group_closed.connect(departures.drop_group)
        user_leaving.connect(departures.dismiss_user)
        access_ended.connect(departures.recheck_user)
        notified.connect(departures.show_notifications)
