"""The shape of an entry of the audit trail, for the OpenAPI document and for the order of its fields."""

from rest_framework import serializers


class AuditEntryShape(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    by = serializers.CharField(help_text="Who, as people read it; `nobody` who is not signed in.")
    principal = serializers.CharField(help_text="The id of who: names may be given again. Empty for nobody.")
    via = serializers.CharField(help_text="`admin`, `api` or `command`.")
    address = serializers.CharField(help_text="The client's; empty for a command.")
    request_id = serializers.CharField(help_text="As `X-Request-ID` of the answer and the log say it.")
    client_request_id = serializers.CharField(help_text="The `X-Request-ID` that was sent; it proves nothing.")
    action = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField(help_text="Of several the first.")
    object_name = serializers.CharField()
    object_count = serializers.IntegerField()
    fields = serializers.ListField(  # type: ignore[assignment]  # a name that the framework has too
        child=serializers.CharField(), help_text="Names of what was set, never values."
    )
    before = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="The roles of a person before they changed."
    )
    after = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="And afterwards.")
