-- One role per service, owner of one schema that no other role may use: what a service can't reach, it can't come to need.
-- Run by psql as the owner of the database "darkroom"; passwords come from the environment; running it again is harmless.
\set ON_ERROR_STOP on
\getenv gateway DARKROOM_GATEWAY_PASSWORD
\getenv fetcher DARKROOM_FETCHER_PASSWORD
\getenv enhancer DARKROOM_ENHANCER_PASSWORD
\getenv exporter DARKROOM_EXPORTER_PASSWORD
\getenv ledger DARKROOM_LEDGER_PASSWORD

SET client_min_messages = warning;

CREATE TEMPORARY TABLE services (service text PRIMARY KEY, role text NOT NULL, password text NOT NULL);

INSERT INTO services
VALUES
    ('gateway', 'darkroom_gateway', :'gateway'),
    ('fetcher', 'darkroom_fetcher', :'fetcher'),
    ('enhancer', 'darkroom_enhancer', :'enhancer'),
    ('exporter', 'darkroom_exporter', :'exporter'),
    ('ledger', 'darkroom_ledger', :'ledger');

SELECT format('CREATE ROLE %I', role) FROM services WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', role, password) FROM services \gexec

SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, role) FROM services \gexec

SELECT format('ALTER ROLE %I SET search_path = %I', role, service) FROM services \gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec

SELECT format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I', current_database(), role) FROM services \gexec

REVOKE ALL ON SCHEMA public FROM PUBLIC;
