"""Below /api/."""

from django.urls import path

from accounts import api, device_api

urlpatterns = [
    path("auth/register/", api.RegisterView.as_view(), name="register"),
    path("auth/login/", api.LoginView.as_view(), name="login"),
    path("auth/refresh/", api.RefreshView.as_view(), name="refresh"),
    path("auth/logout/", api.LogoutView.as_view(), name="logout"),
    path("auth/logout-everywhere/", api.LogoutEverywhereView.as_view(), name="logout-everywhere"),
    path("auth/password-reset/", api.PasswordResetView.as_view(), name="password-reset"),
    path("auth/password-reset/confirm/", api.PasswordResetConfirmView.as_view(), name="password-reset-confirm"),
    path("auth/email/confirm/", api.EmailConfirmView.as_view(), name="email-confirm"),
    path("auth/device/", device_api.DeviceView.as_view(), name="device-ask"),
    path("auth/device/token/", device_api.DeviceTokenView.as_view(), name="device-token"),
    path("sessions/", api.SessionsView.as_view(), name="sessions"),
    path("sessions/<uuid:pk>/", api.SessionView.as_view(), name="session"),
    path("users/", api.PeopleView.as_view(), name="people"),
    path("users/me/", api.MeView.as_view(), name="me"),
    path("users/me/delete/", api.MeDeleteView.as_view(), name="me-delete"),
    path("users/me/confirmation/", api.ConfirmationView.as_view(), name="confirmation"),
    path("users/me/password/", api.PasswordView.as_view(), name="password"),
    path("notifications/", api.NotificationsView.as_view(), name="notifications"),
    path("notifications/read/", api.NotificationsReadView.as_view(), name="notifications-read"),
    path("notifications/<uuid:pk>/", api.NotificationView.as_view(), name="notification"),
    path("notifications/<uuid:pk>/read/", api.NotificationReadView.as_view(), name="notification-read"),
    path("worker-tokens/", api.WorkerTokensView.as_view(), name="worker-tokens"),
    path("worker-tokens/<uuid:pk>/", api.WorkerTokenView.as_view(), name="worker-token"),
]
