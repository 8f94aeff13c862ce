"""The words that rows use for their states, grouped by what they allow."""

from __future__ import annotations

from enum import StrEnum


class Management(StrEnum):
    MANAGED = "managed"
    UNMANAGED = "unmanaged"


class Availability(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"


class SyncStatus(StrEnum):
    """Status of an association, as shown by both sites."""

    SYNCING = "syncing"
    IN_SYNC = "in-sync"
    OUT_OF_SYNC = "out-of-sync"
    FAILED = "failed"
    UNKNOWN = "unknown"


class FailureCause(StrEnum):
    """Why a primary association is ``failed``; stored beside the status."""

    SYNC = "sync"
    UNTOLD = "untold"
    UNREACHABLE = "unreachable"


class AssociationType(StrEnum):
    PRIMARY = "primary"
    NON_PRIMARY = "non-primary"


class PeerAvailability(StrEnum):
    CREATED = "created"
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"


class PeerKind(StrEnum):
    """What service a peer runs."""

    OURS = "dcapi"
    ORIGINAL = "original"


class Administrative(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


class Migration(StrEnum):
    MIGRATING = "migrating"
    COMPLETE = "complete"
    NONE = "none"


class EndpointSync(StrEnum):
    IN_SYNC = "in-sync"
    OUT_OF_SYNC = "out-of-sync"
    UNKNOWN = "unknown"


class Deploy(StrEnum):
    """Deploy statuses of a subcloud."""

    NOT_DEPLOYED = "not-deployed"
    PRE_DEPLOY = "pre-deploy"
    CREATING = "creating"
    CREATE_COMPLETE = "create-complete"
    CREATE_FAILED = "create-failed"
    PRE_INSTALL = "pre-install"
    PRE_INSTALL_FAILED = "pre-install-failed"
    INSTALLING = "installing"
    INSTALL_COMPLETE = "install-complete"
    INSTALL_FAILED = "install-failed"
    ABORTING_INSTALL = "aborting-install"
    INSTALL_ABORTED = "install-aborted"
    PRE_BOOTSTRAP = "pre-bootstrap"
    PRE_BOOTSTRAP_FAILED = "pre-bootstrap-failed"
    BOOTSTRAPPING = "bootstrapping"
    BOOTSTRAP_COMPLETE = "bootstrap-complete"
    BOOTSTRAP_FAILED = "bootstrap-failed"
    ABORTING_BOOTSTRAP = "aborting-bootstrap"
    BOOTSTRAP_ABORTED = "bootstrap-aborted"
    PRE_CONFIG = "pre-config"
    PRE_CONFIG_FAILED = "pre-config-failed"
    CONFIGURING = "configuring"
    CONFIG_FAILED = "config-failed"
    ABORTING_CONFIG = "aborting-config"
    CONFIG_ABORTED = "config-aborted"
    PRE_INIT_ENROLL = "pre-init-enroll"
    PRE_INIT_ENROLL_FAILED = "pre-init-enroll-failed"
    INITIATING_ENROLL = "initiating-enroll"
    INIT_ENROLL_COMPLETE = "init-enroll-complete"
    INIT_ENROLL_FAILED = "init-enroll-failed"
    PRE_ENROLL = "pre-enroll"
    PRE_ENROLL_FAILED = "pre-enroll-failed"
    ENROLLING = "enrolling"
    ENROLL_COMPLETE = "enroll-complete"
    ENROLL_FAILED = "enroll-failed"
    PRE_RESTORE = "pre-restore"
    RESTORE_PREP_FAILED = "restore-prep-failed"
    RESTORING = "restoring"
    ONSITE_RESTORING = "onsite-restoring"
    RESTORE_FAILED = "restore-failed"
    FACTORY_RESTORE_COMPLETE = "factory-restore-complete"
    COMPLETE = "complete"
    SECONDARY = "secondary"
    SECONDARY_FAILED = "secondary-failed"
    PRE_REHOME = "pre-rehome"
    REHOMING = "rehoming"
    REHOME_FAILED = "rehome-failed"
    REHOME_PREP_FAILED = "rehome-prep-failed"
    REHOME_PENDING = "rehome-pending"
    RECONFIGURING_NETWORK = "reconfiguring-network"
    NETWORK_RECONFIGURATION_FAILED = "network-reconfiguration-failed"


class Prestage(StrEnum):
    """How the last prestaging of a subcloud stands; a subcloud that was never prestaged has none."""

    PRESTAGING = "prestaging"
    COMPLETE = "complete"
    FAILED = "failed"


class TaskName(StrEnum):
    """Kinds of long work; the subject is the subcloud or, where it says so, the peer group."""

    DEPLOY = "deploy"
    RECONFIGURE_NETWORK = "reconfigure-network"
    PRESTAGE = "prestage"
    # Of a subcloud whose row is gone.
    UNDEPLOY = "undeploy"
    REHOME = "rehome"
    # Of a peer group.
    MIGRATE = "migrate"
    GROUP_ATTRIBUTES = "group-attributes"


# What ends with the management of a subcloud at this site. Its teardown goes on without it.
SUBCLOUD_TASKS = frozenset(
    {TaskName.DEPLOY, TaskName.RECONFIGURE_NETWORK, TaskName.PRESTAGE, TaskName.REHOME}
)


class RehomeStep(StrEnum):
    """How far a site is with taking a subcloud over, in the order of the steps."""

    WAITING = "waiting"
    # The other sites are asked to give it away: three tries.
    CEDING = "ceding"
    CEDING_AGAIN = "ceding-again"
    CEDING_LAST = "ceding-last"
    REHOMING = "rehoming"
    COMING_ONLINE = "coming-online"


# A copy in one of these states belongs to the site that leads its group: only such a one may be changed or
# deleted at a peer.
SECONDARY_STATES = frozenset({Deploy.SECONDARY, Deploy.SECONDARY_FAILED})
COPY_STATES = SECONDARY_STATES | {Deploy.REHOME_FAILED, Deploy.REHOME_PREP_FAILED}

# A deployment is going on and a job takes it further. Nothing is done with a subcloud that rests between two
# phases (``create-complete`` and its like) until a request comes.
DEPLOYING_STATES = frozenset(
    {
        Deploy.PRE_DEPLOY,
        Deploy.CREATING,
        Deploy.PRE_INSTALL,
        Deploy.INSTALLING,
        Deploy.ABORTING_INSTALL,
        Deploy.PRE_BOOTSTRAP,
        Deploy.BOOTSTRAPPING,
        Deploy.ABORTING_BOOTSTRAP,
        Deploy.PRE_CONFIG,
        Deploy.CONFIGURING,
        Deploy.ABORTING_CONFIG,
        Deploy.PRE_INIT_ENROLL,
        Deploy.INITIATING_ENROLL,
        Deploy.PRE_ENROLL,
        Deploy.ENROLLING,
    }
)

# The same of a restore.
RESTORING_STATES = frozenset({Deploy.PRE_RESTORE, Deploy.RESTORING, Deploy.ONSITE_RESTORING})

# A site is taking the subcloud over: nobody else changes it meanwhile.
REHOMING_STATES = frozenset({Deploy.PRE_REHOME, Deploy.REHOMING})

# What passes by itself, and must end before anything else is begun. An enrolment never shows that its first
# half is done, but a row may.
BUSY_STATES = (
    DEPLOYING_STATES
    | RESTORING_STATES
    | REHOMING_STATES
    | {Deploy.INIT_ENROLL_COMPLETE, Deploy.RECONFIGURING_NETWORK}
)

# The same of a backup and of its deletion.
BUSY_BACKUP_STATUSES = frozenset({"validating", "pre-backup", "backing-up", "deleting-backup"})

# From these a migration takes a subcloud over.
MIGRATABLE_STATES = frozenset({Deploy.SECONDARY, Deploy.REHOME_FAILED, Deploy.REHOME_PREP_FAILED})

ENDPOINT_TYPES = ("dc-cert", "firmware", "kubernetes", "kube-rootca", "platform", "identity", "software")

NO_ERRORS = "No errors present"
NO_MESSAGE = "None"
