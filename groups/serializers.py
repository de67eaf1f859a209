"""JSON in and out."""

from typing import Any

from rest_framework import serializers

from accounts.models import USERNAME_MAX
from accounts.serializers import PersonSerializer
from groups.models import DESCRIPTION_MAX, NAME_MAX, NAME_MIN, Group, Invitation, Membership, tidy_name
from groups.states import ROLES

INVITED_AT_ONCE_MAX = 50


class GroupNameField(serializers.CharField):
    """3 to 30 characters that can be seen, counted as they are kept; single spaces between words."""

    def to_internal_value(self, data: Any) -> str:
        name = tidy_name(super().to_internal_value(data))
        if not NAME_MIN <= len(name) <= NAME_MAX:
            raise serializers.ValidationError(f"A group's name has {NAME_MIN} to {NAME_MAX} characters.")
        if not name.isprintable():
            raise serializers.ValidationError("There is a character in this name that cannot be seen.")
        return name


class GroupForm(serializers.Serializer):
    name = GroupNameField(max_length=4 * NAME_MAX)
    description = serializers.CharField(max_length=DESCRIPTION_MAX, allow_blank=True, required=False)


class GroupChange(GroupForm):
    name = GroupNameField(max_length=4 * NAME_MAX, required=False)


class GroupSerializer(serializers.Serializer):
    """A group as one of its members sees it: made from his membership (`selectors.group_cards`)."""

    id = serializers.UUIDField(source="group.id")
    name = serializers.CharField(source="group.name")
    description = serializers.CharField(source="group.description")
    created = serializers.DateTimeField(source="group.created")
    role = serializers.ChoiceField(choices=ROLES, help_text="Yours")
    starred = serializers.BooleanField(help_text="By you")
    members = serializers.IntegerField(help_text="How many there are")


class MemberSerializer(serializers.ModelSerializer):
    user = PersonSerializer()

    class Meta:
        model = Membership
        fields = ("user", "role", "joined")


class GroupNameSerializer(serializers.ModelSerializer):
    class Meta:
        model = Group
        fields = ("id", "name")


class InvitationSerializer(serializers.ModelSerializer):
    group = GroupNameSerializer()
    inviter = PersonSerializer(allow_null=True)
    invitee = PersonSerializer()

    class Meta:
        model = Invitation
        fields = ("id", "group", "inviter", "invitee", "status", "created", "expires")


class InvitationForm(serializers.Serializer):
    usernames = serializers.ListField(
        child=serializers.CharField(max_length=USERNAME_MAX), min_length=1, max_length=INVITED_AT_ONCE_MAX
    )
