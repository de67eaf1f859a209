"""Addresses of the pages; their names are in the namespace `page`."""

from django.urls import path

from accounts.pages import devices, login, notifications, profile

urlpatterns = [
    path("register/", login.register, name="register"),
    path("login/", login.log_in, name="login"),
    path("logout/", login.log_out, name="logout"),
    path("password/forgotten/", login.forgotten, name="forgotten"),
    path("password/sent/", login.password_sent, name="password-sent"),
    path("password/reset/<str:uid>/<str:token>/", login.reset_password, name="reset-password"),
    path("email/confirm/<str:token>/", login.confirm_email, name="confirm-email"),
    path("theme/", profile.set_theme, name="theme"),
    path("profile/", profile.profile, name="profile"),
    path("profile/name/", profile.rename, name="rename"),
    path("profile/email/", profile.change_email, name="change-email"),
    path("profile/email/confirm/", profile.confirm_again, name="confirm-again"),
    path("profile/password/", profile.change_password, name="change-password"),
    path("profile/delete/", profile.delete_account, name="delete-account"),
    path("profile/sessions/", devices.sessions, name="sessions"),
    path("profile/sessions/end/", devices.end_all_sessions, name="end-all-sessions"),
    path("profile/sessions/<uuid:pk>/end/", devices.end_session, name="end-session"),
    path("profile/tokens/", devices.tokens, name="tokens"),
    path("profile/tokens/<uuid:pk>/revoke/", devices.revoke_token, name="revoke-token"),
    path("device/", devices.device, name="device"),
    path("notifications/read/", notifications.read_all, name="read-all"),
    path("notifications/delete/", notifications.delete_all, name="delete-all"),
    path("notifications/<uuid:pk>/read/", notifications.read, name="read"),
    path("notifications/<uuid:pk>/delete/", notifications.delete, name="delete-notification"),
]
