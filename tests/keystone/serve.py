"""Serves Keystone on one port. Run by the Python of Keystone's own environment, without arguments.

Keystone hands ``sys.argv`` to oslo.config, so all that this needs comes from variables: DOOR_PORT, and
OS_KEYSTONE_CONFIG_FILES, which Keystone reads itself.
"""

from __future__ import annotations

import os

import keystone.conf
from keystone.server import wsgi
from oslo_config import cfg
from werkzeug.serving import run_simple

# Keystone puts this option into the URLs of its catalogue, and has left it to others to declare it.
keystone.conf.CONF.register_opt(cfg.StrOpt("compute_host"))

run_simple("127.0.0.1", int(os.environ["DOOR_PORT"]), wsgi.initialize_public_application(), threaded=True)
