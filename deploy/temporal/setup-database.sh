#!/bin/sh
# Makes Temporal's two databases, or brings their tables up to date. SQL_HOST, SQL_PORT, SQL_USER,
# SQL_PASSWORD and SQL_PLUGIN say where; temporal-sql-tool carries the tables of its version.
set -eu

set_up() {
    database=$1
    schema=$2
    temporal-sql-tool --database "$database" create-database
    temporal-sql-tool --database "$database" setup-schema --version 0.0
    temporal-sql-tool --database "$database" update-schema --schema-name "$schema"
}

set_up temporal postgresql/v12/temporal
set_up temporal_visibility postgresql/v12/visibility
