"""Shapes of tokens and of who asks, for the OpenAPI document."""

from rest_framework import serializers

from cameras.tokens import MAX_BOUND, MAX_NAME
from controlplane.access.principals import Role

KINDS = [("person", "Signed in to the admin"), ("token", "A machine")]


class ScopeShape(serializers.Serializer):
    whole_fleet = serializers.BooleanField()
    sites = serializers.ListField(child=serializers.UUIDField(), help_text="With the cameras there.")
    cameras = serializers.ListField(child=serializers.UUIDField())


class TokenShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    hint = serializers.CharField(help_text="How the token begins.")
    scope = ScopeShape(help_text="What it is bound to; nothing where all of that is deleted.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="Written about once a minute.")


class NewTokenShape(TokenShape):
    token = serializers.CharField(help_text="The secret. It is shown this once.")


class TokenWriteShape(serializers.Serializer):
    name = serializers.CharField(
        min_length=1,
        max_length=MAX_NAME,
        help_text="The change log names it; no two valid tokens share one.",
    )
    role = serializers.ChoiceField(choices=Role.choices, help_text="From an orchestrator only `worker`.")
    sites = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=MAX_BOUND
    )
    cameras = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        min_length=1,
        max_length=MAX_BOUND,
        help_text="Without sites and cameras it is for the whole fleet.",
    )
    expires_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="Null is as late as the maker may give. Left out, it is a year from now, or sooner if that is.",
    )


class GrantShape(serializers.Serializer):
    permissions = serializers.ListField(child=serializers.CharField())
    scope = ScopeShape(help_text="Where they hold.")


class MeShape(serializers.Serializer):
    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment]  # a name that the framework has too
        help_text="As the change log names it."
    )
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices))
    grants = GrantShape(many=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Of the token; null for no end.")
