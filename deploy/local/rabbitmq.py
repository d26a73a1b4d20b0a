"""The private RabbitMQ node: its configuration and how it is started."""

import os
import signal

from deploy.local.binaries import Binaries
from deploy.local.ports import LOOPBACK
from deploy.local.programs import Program
from deploy.local.state import Home, State

USER = "darkroom"
VIRTUAL_HOST = "darkroom"
NODE = "darkroom@localhost"
"""Its data belongs to this name; many nodes may bear it, as each has a port mapper of its own."""

CONFIGURATION = """\
listeners.tcp.local = {loopback}:{amqp}
distribution.listener.interface = {loopback}
management.tcp.ip = {loopback}
management.tcp.port = {management}
management.rates_mode = basic
collect_statistics_interval = 10000
default_vhost = {virtual_host}
default_user = {user}
default_pass = {password}
loopback_users.{user} = true
disk_free_limit.absolute = 64MB
raft.wal_max_size_bytes = 134217728
log.console = true
log.console.level = info
log.connection.level = error
"""

RUNTIME_FLAGS = "+sbwt none +sbwtdcpu none +sbwtdio none"
"""Erlang's schedulers sleep at once when they have nothing to do: the machine is shared with the encoders."""


def write_configuration(home: Home, state: State) -> None:
    """Write the node's files. The first start makes its user and virtual host from them."""
    home.rabbitmq.mkdir(mode=0o700, exist_ok=True)
    configuration = home.rabbitmq / "rabbitmq.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        CONFIGURATION.format(
            loopback=LOOPBACK,
            amqp=state.ports["amqp"],
            management=state.ports["management"],
            virtual_host=VIRTUAL_HOST,
            user=USER,
            password=state.secrets["broker"],
        )
    )
    (home.rabbitmq / "enabled_plugins").write_text("[rabbitmq_management].\n")


def _erlang_environment(home: Home, state: State) -> dict[str, str]:
    """A home and a port mapper of its own: neither cookie nor mapper are shared with another node of the machine."""
    return {
        "PATH": f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(home.rabbitmq),
        "ERL_EPMD_PORT": str(state.ports["epmd"]),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "DARKROOM_STACK_MARK": state.mark,
    }


def port_mapper(home: Home, state: State, binaries: Binaries) -> Program:
    """Erlang's port mapper, kept in the foreground: left to the node it would become a daemon that outlives it."""
    port = state.ports["epmd"]
    return Program(
        name="epmd",
        command=(str(binaries.epmd), "-port", str(port), "-address", LOOPBACK),
        environment=_erlang_environment(home, state),
        folder=home.rabbitmq,
        rank=0,
        port=port,
    )


def node(home: Home, state: State, binaries: Binaries) -> Program:
    """The node itself. ALLOW_INPUT with -noinput makes the script become the node instead of watching over it."""
    folder = home.rabbitmq
    environment = _erlang_environment(home, state) | {
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder),
        "RABBITMQ_MNESIA_DIR": str(folder / "data"),
        "RABBITMQ_PLUGINS_EXPAND_DIR": str(folder / "plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_DIST_PORT": str(state.ports["distribution"]),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": RUNTIME_FLAGS,
        "RABBITMQ_ALLOW_INPUT": "true",
    }
    return Program(
        name="rabbitmq",
        command=(str(binaries.rabbitmq_server), "-noinput"),
        environment=environment,
        folder=folder,
        rank=1,
        port=state.ports["amqp"],
        orphan_signal=signal.SIGTERM,
    )
