"""What the ``dcmanager`` command line client sends and reads, call by call.

There is no package of it to install, so this stands in: the same libraries (requests, requests-toolbelt,
keystoneauth1), the same URLs, bodies and headers, the same look at the answer. It is as unforgiving as the
original: a status other than 200 is an error, a key that is spelt otherwise is a KeyError.
"""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import requests
import yaml
from keystoneauth1 import session as keystone
from keystoneauth1.identity import generic
from requests_toolbelt import MultipartEncoder  # type: ignore[import-untyped]

from tests.integration.client.displayed import (
    ALARMS,
    ASSOCIATION,
    ASSOCIATION_ROW,
    PEER_GROUP,
    PEER_GROUP_STATUS,
    SUBCLOUD,
    SUBCLOUD_DETAIL,
    SUBCLOUD_GROUP,
    SUBCLOUD_GROUP_ROW,
    SUBCLOUD_PRESTAGED,
    SUBCLOUD_ROW,
    SUBCLOUD_SHOWN,
    SYSTEM_PEER,
    Json,
    shown,
)

# Seconds; the original has no limit, a test wants one: a redirected PATCH hangs it.
LIMIT = 60


class APIError(Exception):
    """What the original shows to its user: the code, and one line of the page."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class _BodyText(HTMLParser):
    """The text inside ``<body>``, as BeautifulSoup's ``get_text`` gives it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: str | None = None

    def handle_starttag(self, tag: str, _attributes: Any) -> None:
        if tag == "body":
            self.text = ""

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text += data


def error_message(page: str) -> str:
    """The third line of the page's text: what stands above is the code and what it means in general."""
    reading = _BodyText()
    reading.feed(page)
    assert reading.text is not None, f"no error page: {page!r}"
    return reading.text.strip().split("\n")[2]


def base64_text(text: str) -> str:
    """How the client sends a password."""
    return base64.b64encode(text.encode("utf-8")).decode("utf-8")


class HttpClient:
    """The original's ``httpclient``: one request, no session kept, redirects followed as requests does."""

    def __init__(
        self, base_url: str, token: str, project_id: str, user_id: str, verify: str | bool = True
    ) -> None:
        self.base_url = base_url
        self.always = {"x-auth-token": token, "X-Project-Id": project_id, "X-User-Id": user_id}
        self.verify = verify
        self.last: requests.Response | None = None

    def get(self, url: str) -> requests.Response:
        return self._sent("GET", url, {})

    def post(self, url: str, body: Any, content_type: str = "application/json") -> requests.Response:
        return self._sent("POST", url, {"content-type": content_type}, body)

    def patch(self, url: str, body: Any, content_type: str = "application/json") -> requests.Response:
        return self._sent("PATCH", url, {"content-type": content_type}, body)

    def delete(self, url: str) -> requests.Response:
        return self._sent("DELETE", url, {})

    def _sent(self, method: str, url: str, headers: dict[str, str], body: Any = None) -> requests.Response:
        self.last = requests.request(
            method,
            self.base_url + url,
            data=body,
            headers={**self.always, **headers},
            verify=self.verify,
            timeout=LIMIT,
        )
        assert not self.last.history, f"{method} {url} was redirected"
        return self.last


class OfficialClient:
    """The calls of the client, named as its commands are. Every call raises APIError and KeyError."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    @classmethod
    def logged_in(
        cls, auth: Any, *, verify: str | bool = True, interface: str = "internalURL"
    ) -> OfficialClient:
        """Logged in by a plugin of keystoneauth1, its endpoint taken from the catalogue."""
        session = keystone.Session(auth=auth, verify=verify)
        endpoint = session.get_endpoint(service_type="dcmanager", interface=interface)
        token, project, user = session.get_token(), session.get_project_id(), session.get_user_id()
        known = [str(each) for each in (endpoint, token, project, user)]
        assert "None" not in known, known
        return cls(HttpClient(known[0], known[1], known[2], known[3], verify))

    # -- System peers --

    def system_peer_add(self, **fields: Any) -> Json:
        fields["manager_password"] = base64_text(fields["manager_password"])
        return self._posted("/system-peers/", fields, SYSTEM_PEER)

    def system_peer_list(self) -> list[Json]:
        return self._listed("/system-peers/", "system_peers", SYSTEM_PEER)

    def system_peer_show(self, reference: str) -> Json:
        return self._got(f"/system-peers/{reference}", SYSTEM_PEER)

    def system_peer_update(self, reference: str, **fields: Any) -> Json:
        return self._patched(f"/system-peers/{reference}", fields, SYSTEM_PEER)

    def system_peer_delete(self, reference: str) -> None:
        self._deleted(f"/system-peers/{reference}")

    def system_peer_list_subcloud_peer_groups(self, reference: str) -> list[Json]:
        return self._listed(
            f"/system-peers/{reference}/subcloud-peer-groups", "subcloud_peer_groups", PEER_GROUP
        )

    # -- Subcloud peer groups --

    def subcloud_peer_group_add(self, **fields: Any) -> Json:
        return self._posted("/subcloud-peer-groups/", _hyphened(fields), PEER_GROUP)

    def subcloud_peer_group_list(self) -> list[Json]:
        return self._listed("/subcloud-peer-groups/", "subcloud_peer_groups", PEER_GROUP)

    def subcloud_peer_group_show(self, reference: str) -> Json:
        return self._got(f"/subcloud-peer-groups/{reference}", PEER_GROUP)

    def subcloud_peer_group_status(self, reference: str) -> Json:
        return self._got(f"/subcloud-peer-groups/{reference}/status", PEER_GROUP_STATUS)

    def subcloud_peer_group_list_subclouds(self, reference: str) -> list[Json]:
        return self._listed_subclouds(f"/subcloud-peer-groups/{reference}/subclouds")

    def subcloud_peer_group_update(self, reference: str, **fields: Any) -> Json:
        return self._patched(f"/subcloud-peer-groups/{reference}", _hyphened(fields), PEER_GROUP)

    def subcloud_peer_group_migrate(self, reference: str, sysadmin_password: str) -> list[Json]:
        fields = {"sysadmin_password": base64_text(sysadmin_password)}
        answer = self.http.patch(f"/subcloud-peer-groups/{reference}/migrate", json.dumps(fields))
        return [shown(row, SUBCLOUD) for row in _json(answer)["subclouds"]]

    def subcloud_peer_group_audit(self, reference: str, **fields: Any) -> Any:
        answer = self.http.patch(f"/subcloud-peer-groups/{reference}/audit", json.dumps(fields))
        return _json(answer)["message"]

    def subcloud_peer_group_delete(self, reference: str) -> None:
        self._deleted(f"/subcloud-peer-groups/{reference}")

    # -- Associations --

    def peer_group_association_add(self, **fields: str) -> Json:
        return self._posted("/peer-group-associations/", fields, ASSOCIATION)

    def peer_group_association_list(self) -> list[Json]:
        return self._listed("/peer-group-associations/", "peer_group_associations", ASSOCIATION_ROW)

    def peer_group_association_show(self, reference: str) -> Json:
        return self._got(f"/peer-group-associations/{reference}", ASSOCIATION)

    def peer_group_association_update(self, reference: str, **fields: str) -> Json:
        return self._patched(f"/peer-group-associations/{reference}", fields, ASSOCIATION)

    def peer_group_association_sync(self, reference: str) -> Json:
        answer = self.http.patch(f"/peer-group-associations/{reference}/sync", "")
        return shown(_json(answer), ASSOCIATION)

    def peer_group_association_delete(self, reference: str) -> None:
        self._deleted(f"/peer-group-associations/{reference}")

    # -- Subclouds --

    def subcloud_add(self, files: Json, **fields: str) -> Json:
        return self._form("POST", "/subclouds/", files, fields)

    def subcloud_list(self) -> list[Json]:
        return self._listed("/subclouds/", "subclouds", SUBCLOUD_ROW)

    def subcloud_show(self, reference: str) -> Json:
        return self._got(f"/subclouds/{reference}", SUBCLOUD_SHOWN)

    def subcloud_show_detail(self, reference: str) -> Json:
        return self._got(f"/subclouds/{reference}/detail", SUBCLOUD_DETAIL)

    def subcloud_update(self, reference: str, files: Json | None = None, **fields: str) -> Json:
        return self._form("PATCH", f"/subclouds/{reference}", files or {}, fields)

    def subcloud_manage(self, reference: str, *, force: bool = False) -> Json:
        fields = {"management-state": "managed", **({"force": "true"} if force else {})}
        return self._form("PATCH", f"/subclouds/{reference}", {}, fields)

    def subcloud_unmanage(self, reference: str, *, migrate: bool = False) -> Json:
        fields = {"management-state": "unmanaged", **({"migrate": "true"} if migrate else {})}
        return self._form("PATCH", f"/subclouds/{reference}", {}, fields)

    def subcloud_rename(self, reference: str, new_name: str) -> Json:
        return self._form("PATCH", f"/subclouds/{reference}", {}, {"name": new_name})

    def subcloud_redeploy(self, reference: str, files: Json | None = None, **fields: str) -> Json:
        return self._form("PATCH", f"/subclouds/{reference}/redeploy", files or {}, fields)

    def subcloud_prestage(self, reference: str, **fields: Any) -> Json:
        return self._patched(f"/subclouds/{reference}/prestage", fields, SUBCLOUD_PRESTAGED)

    def subcloud_delete(self, reference: str) -> None:
        self._deleted(f"/subclouds/{reference}")

    # -- Deployment in phases --

    def subcloud_deploy_create(self, files: Json, **fields: str) -> Json:
        return self._form("POST", "/phased-subcloud-deploy/", files, fields)

    def subcloud_deploy(self, verb: str, reference: str, files: Json | None = None, **fields: str) -> Json:
        """A verb. Of ``complete`` and ``abort`` the body is the closing boundary alone."""
        return self._form("PATCH", f"/phased-subcloud-deploy/{reference}/{verb}", files or {}, fields)

    # -- Deploy files --

    def subcloud_deploy_upload(self, files: dict[str, bytes], **fields: str) -> Json:
        """Each file under the path that was typed; a playbook beside ``roles/`` as a zip."""
        opened = {key: (f"/home/sysadmin/{key}.yml", BytesIO(content)) for key, content in files.items()}
        zipped = {
            key: (*named, "application/zip") if files[key].startswith(b"PK") else named
            for key, named in opened.items()
        }
        encoder = MultipartEncoder(fields={**zipped, **fields})
        answer: Json = _json(self.http.post("/subcloud-deploy/", encoder, encoder.content_type))
        return answer

    def subcloud_deploy_show(self, release: str = "") -> Json:
        answer = _json(self.http.get(f"/subcloud-deploy/{release}"))["subcloud_deploy"]
        return {
            name: answer[name]
            for name in (
                "deploy_playbook",
                "deploy_overrides",
                "deploy_chart",
                "prestage_images",
                "software_version",
            )
        }

    def subcloud_deploy_delete(self, release: str, *, files: bool = False, images: bool = False) -> None:
        query = f"prestage_images={images}&deployment_files={files}"
        self._deleted(f"/subcloud-deploy/{release}/?{query}")

    # -- Subcloud groups --

    def subcloud_group_add(self, **fields: str) -> Json:
        return self._posted("/subcloud-groups/", fields, SUBCLOUD_GROUP)

    def subcloud_group_list(self) -> list[Json]:
        return self._listed("/subcloud-groups/", "subcloud_groups", SUBCLOUD_GROUP_ROW)

    def subcloud_group_show(self, reference: str) -> Json:
        return self._got(f"/subcloud-groups/{reference}", SUBCLOUD_GROUP)

    def subcloud_group_list_subclouds(self, reference: str) -> list[Json]:
        return self._listed_subclouds(f"/subcloud-groups/{reference}/subclouds")

    def subcloud_group_update(self, reference: str, **fields: str) -> Json:
        return self._patched(f"/subcloud-groups/{reference}", fields, SUBCLOUD_GROUP)

    def subcloud_group_delete(self, reference: str) -> None:
        self._deleted(f"/subcloud-groups/{reference}")

    # -- Alarms --

    def alarm_summary(self) -> list[Json]:
        return self._listed("/alarms/", "alarm_summary", ALARMS)

    # -- Within --

    def _got(self, url: str, keys: dict[str, str]) -> Json:
        return shown(_json(self.http.get(url)), keys)

    def _listed(self, url: str, key: str, keys: dict[str, str]) -> list[Json]:
        return [shown(row, keys) for row in _json(self.http.get(url))[key]]

    def _listed_subclouds(self, url: str) -> list[Json]:
        """Rows of one width: the client makes a column of each endpoint status that it finds in one."""
        rows = _json(self.http.get(url))["subclouds"]
        assert all("endpoint_sync_status" not in row for row in rows)
        return [shown(row, SUBCLOUD) for row in rows]

    def _posted(self, url: str, fields: Json, keys: dict[str, str]) -> Json:
        return shown(_json(self.http.post(url, json.dumps(fields))), keys)

    def _patched(self, url: str, fields: Json, keys: dict[str, str]) -> Json:
        return shown(_json(self.http.patch(url, json.dumps(fields))), keys)

    def _deleted(self, url: str) -> None:
        _json(self.http.delete(url))

    def _form(self, method: str, url: str, files: Json, fields: dict[str, str]) -> Json:
        """Files go with a path for a name and without a content type, texts with neither."""
        opened = {key: (f"/home/sysadmin/{key}.yml", _file(values)) for key, values in files.items()}
        encoder = MultipartEncoder(fields={**opened, **fields})
        send = self.http.post if method == "POST" else self.http.patch
        return shown(_json(send(url, encoder, encoder.content_type)), SUBCLOUD)


def password_plugin(auth_url: str, username: str, password: str, **other: Any) -> Any:
    """How the client logs in from OS_* variables."""
    return generic.Password(
        auth_url=auth_url,
        username=username,
        password=password,
        project_name="admin",
        user_domain_name="Default",
        project_domain_name="Default",
        **other,
    )


def _json(answer: requests.Response) -> Any:
    if answer.status_code != 200:
        raise APIError(answer.status_code, error_message(answer.text))
    return json.loads(answer.text)


def _file(values: Any) -> BytesIO:
    return BytesIO(values) if isinstance(values, bytes) else BytesIO(yaml.safe_dump(values).encode())


def _hyphened(fields: Json) -> Json:
    return {name.replace("_", "-"): value for name, value in fields.items()}
