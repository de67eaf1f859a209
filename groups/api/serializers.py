"""The JSON of groups, in and out."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from accounts.models import USERNAME_MAX
from core.text import check_printable, check_printable_lines
from groups import states
from groups.codes import CODE_MAX
from groups.models import (
    DESCRIPTION_MAX,
    NAME_MAX,
    NAME_MIN,
    Group,
    Invitation,
    InviteLink,
    JoinRequest,
    Membership,
    tidy_name,
)
from groups.services.invitations import OUTCOMES

VERIFY_DEFAULT_HELP = (
    "How much of each task is checked at least, whatever its submitter asks for; empty: as they ask"
)


class GroupNameField(serializers.CharField):
    """3 to 30 visible characters with single spaces between words."""

    def to_internal_value(self, data: Any) -> str:
        name = tidy_name(super().to_internal_value(data))
        if not NAME_MIN <= len(name) <= NAME_MAX:
            raise serializers.ValidationError(
                f"A group's name has {NAME_MIN} to {NAME_MAX} characters."
            )
        check_printable(name)
        return name


class GroupForm(serializers.Serializer):
    name = GroupNameField(max_length=4 * NAME_MAX)
    description = serializers.CharField(
        max_length=DESCRIPTION_MAX,
        allow_blank=True,
        required=False,
        validators=[check_printable_lines],
    )
    joining = serializers.ChoiceField(
        choices=states.JOINING,
        required=False,
        help_text="How strangers join: only by invitation, or they may also ask",
    )
    submitting = serializers.ChoiceField(
        choices=states.SUBMITTING,
        required=False,
        help_text="Who may submit tasks; other members only work",
    )
    verify_default = serializers.ChoiceField(
        choices=states.VERIFY_DEFAULTS[1:],
        allow_blank=True,
        required=False,
        help_text=VERIFY_DEFAULT_HELP,
    )


class GroupChange(GroupForm):
    name = GroupNameField(max_length=4 * NAME_MAX, required=False)


class GroupSerializer(serializers.Serializer):
    """A group as one of its members sees it, from their membership (`selectors.group_cards`)."""

    id = serializers.UUIDField(source="group.id")
    name = serializers.CharField(source="group.name")
    description = serializers.CharField(source="group.description")
    joining = serializers.ChoiceField(choices=states.JOINING, source="group.joining")
    submitting = serializers.ChoiceField(choices=states.SUBMITTING, source="group.submitting")
    verify_default = serializers.ChoiceField(
        choices=states.VERIFY_DEFAULTS[1:],
        allow_blank=True,
        source="group.verify_default",
        help_text=VERIFY_DEFAULT_HELP,
    )
    created = serializers.DateTimeField(source="group.created")
    role = serializers.ChoiceField(choices=states.ROLES, help_text="Yours")
    may_submit = serializers.BooleanField(help_text="Whether you may submit tasks, or only work")
    starred = serializers.BooleanField(help_text="By you")
    members = serializers.IntegerField(help_text="How many there are")


class JoinableSerializer(serializers.ModelSerializer):
    """A group as strangers see it who may ask to join."""

    members = serializers.IntegerField(help_text="How many there are")

    class Meta:
        model = Group
        fields = ("id", "name", "description", "members")


class StarForm(serializers.Serializer):
    starred = serializers.BooleanField()


class HandOverForm(serializers.Serializer):
    user = serializers.UUIDField(help_text="The member who is to own the group")


class MemberSerializer(serializers.ModelSerializer):
    user = PersonSerializer()
    may_submit = serializers.BooleanField(help_text="Whether they may submit tasks, or only work")

    class Meta:
        model = Membership
        fields = ("user", "role", "submitting", "may_submit", "joined")


class MemberChange(serializers.Serializer):
    role = serializers.ChoiceField(choices=states.GIVEN_ROLES, required=False)
    submitting = serializers.ChoiceField(
        choices=states.EXCEPTIONS,
        required=False,
        help_text="Whether they may submit tasks: as the group says, always or never",
    )


class KnownGroupSerializer(serializers.Serializer):
    """The group as an invited person, or one who asks to join, sees it.

    It is made from the invitation or the request.
    """

    id = serializers.UUIDField(source="group.id")
    name = serializers.CharField(source="group.name")
    description = serializers.CharField(source="group.description")
    members = serializers.IntegerField(help_text="How many there are")


class InvitationSerializer(serializers.ModelSerializer):
    group = KnownGroupSerializer(source="*")
    inviter = PersonSerializer(allow_null=True)
    invitee = PersonSerializer()

    class Meta:
        model = Invitation
        fields = ("id", "group", "inviter", "invitee", "status", "created", "expires")


class InvitationForm(serializers.Serializer):
    usernames = serializers.ListField(
        child=serializers.CharField(max_length=USERNAME_MAX),
        min_length=1,
        max_length=settings.INVITED_AT_ONCE_MAX,
    )


class InvitationAnswerSerializer(serializers.Serializer):
    """The outcome for one name. `joined`: they had asked to join, and are members now."""

    username = serializers.CharField()
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    invitation = serializers.UUIDField(
        allow_null=True, help_text="The open invitation, if there is one"
    )


class AcceptedAllSerializer(serializers.Serializer):
    joined = serializers.ListField(child=serializers.UUIDField(), help_text="The groups' ids")


class DeclinedAllSerializer(serializers.Serializer):
    declined = serializers.IntegerField(help_text="How many")


class JoinRequestSerializer(serializers.ModelSerializer):
    group = KnownGroupSerializer(source="*")
    user = PersonSerializer()

    class Meta:
        model = JoinRequest
        fields = ("id", "group", "user", "status", "created", "expires")


class AskedSerializer(serializers.Serializer):
    """`joined`: there was an invitation, which is now accepted."""

    outcome = serializers.ChoiceField(choices=("asked", "joined"))
    request = serializers.UUIDField(allow_null=True, help_text="The open request, if there is one")


class LinkForm(serializers.Serializer):
    days = serializers.IntegerField(min_value=1, max_value=settings.LINK_DAYS_MAX, default=7)
    uses = serializers.IntegerField(min_value=1, max_value=settings.LINK_USES_MAX, default=10)


class LinkSerializer(serializers.ModelSerializer):
    creator = PersonSerializer(allow_null=True)

    class Meta:
        model = InviteLink
        fields = ("id", "creator", "uses_left", "created", "expires")


class NewLinkSerializer(LinkSerializer):
    """With its code, which is shown only this once."""

    code = serializers.CharField()

    class Meta(LinkSerializer.Meta):
        fields = (*LinkSerializer.Meta.fields, "code")  # type: ignore[assignment]


class CodeForm(serializers.Serializer):
    code = serializers.CharField(max_length=CODE_MAX)
