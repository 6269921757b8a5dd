"""Rollups, on PostgreSQL partitioned, minutes by week and hours by month; and what `maintain` remembers."""

from django.db import migrations, models

TABLE = """
CREATE TABLE {table} (
    camera_id uuid NOT NULL,
    start_at timestamptz NOT NULL,
    last_at timestamptz,
    sum bigint,
    integral bigint NOT NULL,
    known bigint NOT NULL,
    count integer NOT NULL,
    min integer,
    max integer,
    first integer,
    last integer,
    zone varchar(64) COLLATE "C" NOT NULL,
    PRIMARY KEY (camera_id, start_at, zone)
) PARTITION BY RANGE (start_at)
"""
# Takes what has no partition of its own, so that no row is ever lost.
DEFAULT = "CREATE TABLE {table}_default PARTITION OF {table} DEFAULT"
# What is too old is found in DEFAULT by its time; whole partitions need no such index.
BY_TIME = "CREATE INDEX {table}_default_by_time ON {table}_default ({column})"

# Samples that were stored before there were marks. All that is read of a camera is exact until they are computed.
MARK_EVERYTHING = """
INSERT INTO telemetry_rollupwork (camera_id, start_at, end_at)
SELECT camera_id, min(timestamp), {after_the_last} FROM telemetry_sample GROUP BY camera_id
"""
AFTER_THE_LAST = {
    "postgresql": "max(timestamp) + interval '1 microsecond'",
    # Django keeps moments as text; a second later is late enough.
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S', max(timestamp), '+1 second')",
}


class CreateRollup(migrations.CreateModel):
    """CreateModel whose table is written by hand on PostgreSQL; the state is the model's, as ever."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            table = f"{app_label}_{self.name.lower()}"
            for statement in (TABLE, DEFAULT, BY_TIME):
                schema_editor.execute(statement.format(table=table, column="start_at"))
        else:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def index_default(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(BY_TIME.format(table="telemetry_sample", column="timestamp"))


def drop_index_of_default(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS telemetry_sample_default_by_time")


def mark_everything(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(MARK_EVERYTHING.format(after_the_last=AFTER_THE_LAST[vendor]))


def rollup_fields():
    return [
        (
            "pk",
            models.CompositePrimaryKey(
                "camera_id", "start_at", "zone", blank=True, editable=False, primary_key=True, serialize=False
            ),
        ),
        ("camera_id", models.UUIDField()),
        ("start_at", models.DateTimeField()),
        ("zone", models.CharField(max_length=64)),
        ("count", models.IntegerField(help_text="Of samples, as are sum, min, max, first and last.")),
        ("sum", models.BigIntegerField(null=True)),
        ("min", models.IntegerField(null=True)),
        ("max", models.IntegerField(null=True)),
        ("first", models.IntegerField(null=True)),
        ("last", models.IntegerField(null=True)),
        ("last_at", models.DateTimeField(null=True)),
        ("integral", models.BigIntegerField(help_text="Occupancy times microseconds, where it is known.")),
        ("known", models.BigIntegerField(help_text="Microseconds in which the occupancy is known.")),
    ]


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0002_dirty_hours")]

    operations = [
        CreateRollup(name="MinuteRollup", fields=rollup_fields(), options={"abstract": False}),
        CreateRollup(name="HourRollup", fields=rollup_fields(), options={"abstract": False}),
        migrations.CreateModel(
            name="RollupWork",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "camera_id", "start_at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("camera_id", models.UUIDField()),
                ("start_at", models.DateTimeField()),
                ("end_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="KeptFrom",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("raw", models.DateTimeField(null=True)),
                ("minutes", models.DateTimeField(null=True)),
                ("hours", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="kept_from_is_one_row")]
            },
        ),
        migrations.CreateModel(
            name="StepRun",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("ran_at", models.DateTimeField()),
                ("succeeded_at", models.DateTimeField(null=True)),
                ("duration_seconds", models.FloatField()),
                ("rows", models.BigIntegerField()),
            ],
        ),
        migrations.RunPython(index_default, drop_index_of_default),
        migrations.RunPython(mark_everything, migrations.RunPython.noop),
    ]
