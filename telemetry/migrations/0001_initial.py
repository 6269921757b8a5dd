"""Samples: on PostgreSQL partitioned by day, elsewhere one plain table of the same model."""

from django.db import migrations, models

TABLE = """
CREATE TABLE telemetry_sample (
    camera_id uuid NOT NULL,
    timestamp timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    confidence float8 NOT NULL,
    occupancy integer NOT NULL,
    zone varchar(64) COLLATE "C" NOT NULL,
    PRIMARY KEY (camera_id, timestamp, zone)
) PARTITION BY RANGE (timestamp)
"""
# Takes what has no day of its own, so that no sample is ever lost.
DEFAULT = "CREATE TABLE telemetry_sample_default PARTITION OF telemetry_sample DEFAULT"


class CreateSample(migrations.CreateModel):
    """CreateModel whose table is written by hand on PostgreSQL; the state is the model's, as ever."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(TABLE)
            schema_editor.execute(DEFAULT)
        else:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        CreateSample(
            name="Sample",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "camera_id", "timestamp", "zone", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("camera_id", models.UUIDField()),
                ("timestamp", models.DateTimeField(help_text="The worker's clock, UTC, in microseconds.")),
                ("zone", models.CharField(help_text="The zone's id; empty for the whole frame.", max_length=64)),
                ("occupancy", models.IntegerField()),
                ("confidence", models.FloatField()),
                ("received_at", models.DateTimeField(help_text="The server's clock.")),
            ],
        ),
    ]
