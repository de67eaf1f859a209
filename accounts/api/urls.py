"""Below /api/."""

from django.urls import path

from accounts.api import accounts, devices

urlpatterns = [
    path("auth/register/", accounts.RegisterView.as_view(), name="register"),
    path("auth/login/", accounts.LoginView.as_view(), name="login"),
    path("auth/refresh/", accounts.RefreshView.as_view(), name="refresh"),
    path("auth/logout/", accounts.LogoutView.as_view(), name="logout"),
    path(
        "auth/logout-everywhere/", accounts.LogoutEverywhereView.as_view(), name="logout-everywhere"
    ),
    path("auth/password-reset/", accounts.PasswordResetView.as_view(), name="password-reset"),
    path(
        "auth/password-reset/confirm/",
        accounts.PasswordResetConfirmView.as_view(),
        name="password-reset-confirm",
    ),
    path(
        "auth/password-reset/worker-tokens/",
        accounts.PasswordResetTokensView.as_view(),
        name="password-reset-tokens",
    ),
    path("auth/email/confirm/", accounts.EmailConfirmView.as_view(), name="email-confirm"),
    path(
        "auth/email/confirm/worker-tokens/",
        accounts.EmailConfirmTokensView.as_view(),
        name="email-confirm-tokens",
    ),
    path("auth/device/", devices.DeviceView.as_view(), name="device-ask"),
    path("auth/device/token/", devices.DeviceTokenView.as_view(), name="device-token"),
    path("sessions/", accounts.SessionsView.as_view(), name="sessions"),
    path("sessions/<uuid:pk>/", accounts.SessionView.as_view(), name="session"),
    path("users/", accounts.PeopleView.as_view(), name="people"),
    path("users/me/", accounts.MeView.as_view(), name="me"),
    path("users/me/delete/", accounts.MeDeleteView.as_view(), name="me-delete"),
    path("users/me/confirmation/", accounts.ConfirmationView.as_view(), name="confirmation"),
    path("users/me/password/", accounts.PasswordView.as_view(), name="password"),
    path("notifications/", accounts.NotificationsView.as_view(), name="notifications"),
    path(
        "notifications/read/", accounts.NotificationsReadView.as_view(), name="notifications-read"
    ),
    path("notifications/<uuid:pk>/", accounts.NotificationView.as_view(), name="notification"),
    path(
        "notifications/<uuid:pk>/read/",
        accounts.NotificationReadView.as_view(),
        name="notification-read",
    ),
    path("worker-tokens/", accounts.WorkerTokensView.as_view(), name="worker-tokens"),
    path("worker-tokens/<uuid:pk>/", accounts.WorkerTokenView.as_view(), name="worker-token"),
]
