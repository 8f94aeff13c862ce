"""The tables of a site. Nothing here commits."""

from dcapi.models.alarm import Alarm
from dcapi.models.association import PeerGroupAssociation, PushedMember
from dcapi.models.base import Base
from dcapi.models.cloud_init_config import CloudInitConfig
from dcapi.models.deploy_file import DeployFile
from dcapi.models.failed_login import FailedLogin
from dcapi.models.lease import Lease
from dcapi.models.peer_group import SubcloudPeerGroup
from dcapi.models.shown_span import ShownSpan
from dcapi.models.site import SiteRecord
from dcapi.models.site_process import SiteProcess
from dcapi.models.subcloud import Subcloud, SubcloudEndpoint
from dcapi.models.subcloud_backup import SubcloudBackup
from dcapi.models.subcloud_group import SubcloudGroup
from dcapi.models.system_peer import SystemPeer
from dcapi.models.task import Task

__all__ = [
    "Alarm",
    "Base",
    "CloudInitConfig",
    "DeployFile",
    "FailedLogin",
    "Lease",
    "PeerGroupAssociation",
    "PushedMember",
    "ShownSpan",
    "SiteProcess",
    "SiteRecord",
    "Subcloud",
    "SubcloudBackup",
    "SubcloudEndpoint",
    "SubcloudGroup",
    "SubcloudPeerGroup",
    "SystemPeer",
    "Task",
]
