#!/bin/sh
# Run by the image of PostgreSQL when its volume is new: the two roles of `manage.py database_roles`, with their passwords.
# Only a superuser can keep the service from making functions; what else the roles may do, `migrate` settles each time
# with `database_roles --apply`.

set -eu

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --quiet \
  --set owner_password="$(cat /run/secrets/database_owner_password)" \
  --set service_password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE controlplane LOGIN PASSWORD :'service_password';
CREATE ROLE controlplane_owner LOGIN PASSWORD :'owner_password';
GRANT controlplane TO controlplane_owner;
GRANT pg_read_all_stats TO controlplane;
GRANT USAGE ON LANGUAGE sql, plpgsql TO controlplane_owner;
REVOKE USAGE ON LANGUAGE sql, plpgsql FROM PUBLIC;
SELECT format('ALTER DATABASE %I OWNER TO controlplane_owner', current_database()) \gexec
ALTER SCHEMA public OWNER TO controlplane_owner;
SQL
