"""The two roles of a PostgreSQL: an owner that migrates, and the service's own, which cannot rewrite the logs.

The service makes and drops partitions, so it owns the partitioned tables; the owner is a member of its role, so
that it can migrate these too. All else belongs to the owner.
"""

import re

from telemetry.storage.partitions import TABLES

# Rows are added and never changed or removed.
LOGS = (
    "access_auditentry",
    "access_auditobject",
    "access_auditlink",
    "cameras_change",
    "cameras_changeblock",
)
# Read only, so that a service that is broken into cannot hide what was migrated.
MIGRATIONS = "django_migrations"
ROLE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def statements(owner: str, service: str) -> str:
    """SQL that makes the roles and gives them what they need; it may be run again, and is after each `migrate`.

    The first time by a superuser, later by the owner. Raises ValueError for what is no plain name of a role.
    """
    for name in (owner, service):
        if not ROLE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a role: lower-case letters, digits and _ only.")
    if owner == service:
        raise ValueError("The owner and the service are two roles.")
    partitioned = "|".join(table.name for table in TABLES)
    logs = ", ".join(f"'{name}'" for name in LOGS)
    return f"""\
DO $roles$
DECLARE
  found record;
BEGIN
  IF to_regrole('{owner}') IS NULL THEN
    CREATE ROLE {owner} LOGIN;
  END IF;
  IF to_regrole('{service}') IS NULL THEN
    CREATE ROLE {service} LOGIN;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname IN ('{owner}', '{service}') AND (rolsuper OR rolbypassrls)) THEN
    RAISE EXCEPTION 'Neither {owner} nor {service} may be a superuser.';
  END IF;
  IF NOT pg_has_role('{owner}', '{service}', 'USAGE') THEN
    GRANT {service} TO {owner};
  END IF;
  IF NOT pg_has_role('{service}', 'pg_read_all_stats', 'USAGE') THEN
    GRANT pg_read_all_stats TO {service};
  END IF;
  IF (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()) <> '{owner}' THEN
    EXECUTE format('ALTER DATABASE %I OWNER TO {owner}', current_database());
  END IF;
  IF (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public') <> '{owner}' THEN
    ALTER SCHEMA public OWNER TO {owner};
  END IF;
  -- Without a language nobody makes functions: the service, which makes tables in the schema, could otherwise
  -- make an operator there that the owner calls at the next `migrate`, with the owner's rights.
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    GRANT USAGE ON LANGUAGE sql, plpgsql TO {owner};
    REVOKE USAGE ON LANGUAGE sql, plpgsql FROM PUBLIC;
  END IF;
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  GRANT USAGE, CREATE ON SCHEMA public TO {service};

  -- Whom each table and sequence belongs to. A sequence of a column goes with its table.
  FOR found IN
    SELECT oid::regclass AS name, relkind, pg_get_userbyid(relowner) AS owner,
      CASE WHEN relname ~ '^({partitioned})(_|$)' THEN '{service}' ELSE '{owner}' END AS wanted
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE objid = pg_class.oid AND (deptype = 'e' OR relkind = 'S' AND deptype IN ('a', 'i'))
      )
  LOOP
    IF found.owner <> found.wanted THEN
      EXECUTE format('ALTER TABLE %s OWNER TO %I', found.name, found.wanted);
    END IF;
  END LOOP;

  -- What the service may do: everything with rows, but add only to the logs, and only read what was migrated.
  FOR found IN
    SELECT oid::regclass AS name, relkind, relname
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND pg_get_userbyid(relowner) = '{owner}'
  LOOP
    IF found.relkind = 'S' THEN
      EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO {service}', found.name);
    ELSE
      EXECUTE format('REVOKE ALL ON %s FROM {service}', found.name);
      EXECUTE format(
        'GRANT %s ON %s TO {service}',
        CASE
          WHEN found.relname IN ({logs}) THEN 'SELECT, INSERT'
          WHEN found.relname = '{MIGRATIONS}' THEN 'SELECT'
          ELSE 'SELECT, INSERT, UPDATE, DELETE'
        END,
        found.name
      );
    END IF;
  END LOOP;

  -- What the owner makes later: until this is run again, the service may read it and add to it.
  ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO {service};
  ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {service};
END
$roles$;
"""
