"""The local stack: a private RabbitMQ, a private Postgres and the five services."""
